//! What a reconciliation found, as people and tools see it.

pub mod asked;
pub mod book;
pub mod html;
mod page;
pub mod run;
pub mod show;
