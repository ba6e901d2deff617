//! Starts the real thing and talks to it.

pub mod app;
pub mod client;
pub mod postgres;
pub mod world;

pub use app::{Backend, TestApp, backends, config};
pub use client::{Call, Reply};
