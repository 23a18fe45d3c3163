//! The session door.

mod cookies;
mod door;
mod golden;
mod recovery;
mod verification;
