//! Waiting for the change feed to go on.
