//! Every outside shape and its limits: bytes to domain and back. All serde of the wire is here.

pub mod account;
pub mod answer;
pub mod book;
pub mod capture;
pub mod case;
pub mod change;
pub mod check_only;
pub mod definitions;
pub mod event;
pub mod fields;
pub mod har;
pub mod import;
pub mod intent;
pub mod json;
pub mod list;
pub mod named;
pub mod partners;
pub mod people;
pub mod reconcile;
pub mod redact;
pub mod relation;
pub mod shape;
pub mod show;
pub mod subscriber;
pub mod time;
pub mod undo;
