//! diesel: connections, schema, migrations and queries as free functions. Opens no write transaction itself; only the
//! writer does.

pub mod accounts;
pub mod acknowledgements;
mod asked;
pub mod audit;
pub mod bulk;
pub mod cases;
pub mod chains;
pub mod changes;
pub mod checkpoint;
pub mod compared;
pub mod condition;
pub mod connection;
pub mod deliveries;
pub mod dossiers;
pub mod durable;
pub mod encode;
pub mod erase;
pub mod error;
pub mod load;
pub mod migrate;
pub mod moves;
pub mod names;
pub mod noticed;
pub mod offers;
pub mod operators;
pub mod partners;
pub mod places;
pub mod pool;
pub mod provisioning;
pub mod reconciliations;
pub mod records;
pub mod retention;
pub mod save;
pub mod schema;
pub mod seen;
pub mod services;
pub mod shape;
pub mod snapshot;
pub mod sources;
pub mod subscribers;
pub mod transaction;
pub mod users;

pub use connection::AnyConnection;
pub use error::StoreError;
