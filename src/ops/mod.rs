//! What the command line, and later console and API, have done: each a function that reads or acts and reports.

pub mod alone;
pub mod called;
pub mod check;
pub mod erase;
pub mod export;
pub mod feed;
pub mod find;
pub mod import;
pub mod moves;
pub mod partners;
pub mod plans;
pub mod promote;
pub mod provisioning;
pub mod quarantine;
pub mod reconcile;
pub mod replay;
pub mod retention;
pub mod services;
pub mod services_list;
pub mod set;
pub mod shape;
pub mod shown;
pub mod subscribers;
pub mod users;
pub mod verify;
pub mod what_if;
