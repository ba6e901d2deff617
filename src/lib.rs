//! tiersync receives the Account Synchronize calls of marketplace platforms, keeps who resells to whom, and lets the
//! vendor check and explain it. `docs/architecture.md` draws the way of one call through these rooms.

pub mod app;
pub mod auth;
pub mod cli;
pub mod config;
pub mod domain;
pub mod http;
pub mod ops;
pub mod store;
pub mod tasks;
pub mod wire;
pub mod writer;
