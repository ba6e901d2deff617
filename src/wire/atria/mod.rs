//! The Atria dialect: the one request of its XML API that moves a customer, and the answers.

mod read;
mod show;
mod text;

pub use read::{SetCustomer, read};
pub use show::{Done, done, refused};
pub use text::Charset;

use thiserror::Error;

/// Largest body, in bytes. The request has some 250; raising it raises what a caller can make the receiver read before it
/// is known who that is.
pub const MAX_BODY: usize = 64 * 1024;

/// A body that is no request that is answered here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unread {
    /// It is no XML, or uses what XML bombs and external entities are made of. Nothing of it was understood.
    #[error("{0}")]
    NotXml(String),
    /// It is XML, and asks for something that is not done here.
    #[error("{0}")]
    NotUnderstood(String),
}
