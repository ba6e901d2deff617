//! The ExtremeCloud dialect: what its clients send of partners and tenants, and what they are shown.

mod read;
mod show;

pub use read::{Asked, Body, Unread, read};
pub use show::{ElementView, EntitlementView, MspContactView, Shown, contact_email, contact_name, contact_phone, text};
