//! The receiver, tested whole: the built application over HTTP, on SQLite and on PostgreSQL.

// Tests stop where something is not as it must be; that is what unwrap says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod auth;
mod auth_replay;
mod auth_signatures;
mod batches;
mod capture;
mod commands;
mod commands_accounts;
mod commands_binary;
mod commands_deliveries;
mod commands_operator;
mod concurrency;
mod demo;
mod durability;
mod endpoints;
mod endpoints_describe;
mod endpoints_health;
mod endpoints_machine;
mod endpoints_paths;
mod erasure;
mod faults;
mod first_start;
mod harness;
mod hierarchy;
mod histories;
mod inputs;
mod inputs_fields;
mod inputs_ledger;
mod inputs_secrets;
mod inputs_transport;
mod ledger;
mod meanings;
mod model;
mod payloads;
mod predictions;
mod quarantine;
mod replay;
mod replay_world;
mod retention;
mod rooms;
mod schema;
mod shape;
mod signers;
mod v1;
mod v1_accounts;
mod v1_changes;
mod v1_deliveries;
mod v1_docs;
mod v1_relations;
mod v1_scope;
mod v1_tokens;
mod v1_windows;
