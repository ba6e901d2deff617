//! The rules of the product, pure: no I/O, no clock, no serde, no diesel.
//!
//! Everything that decides anything about an account lives here, so that the writer, `checkonly` and every later
//! what-if give the same answer to the same question.

pub mod account;
pub mod account_event;
pub mod act;
pub mod address;
pub mod branding;
pub mod call;
pub mod case;
pub mod classify;
pub mod customer;
pub mod decimal;
pub mod definition;
pub mod difference;
pub mod dossier;
pub mod feed;
pub mod field;
pub mod ids;
pub mod ledger;
pub mod moves;
pub mod msp;
pub mod offer;
pub mod operator;
pub mod options;
pub mod outcome;
pub mod partner;
pub mod plan;
pub mod policy;
pub mod provisioning;
pub mod reconcile;
pub mod redaction;
pub mod relation;
pub mod service;
pub mod shape;
pub mod site;
pub mod subscriber;
pub mod user;
pub mod world;
