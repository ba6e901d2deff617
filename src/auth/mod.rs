//! Who calls: keys and signatures, verified and made on raw bytes, with the records given. Pure but for randomness.

pub mod basic;
pub mod gate;
pub mod github;
pub mod secret;
pub mod standard;
pub mod token;
