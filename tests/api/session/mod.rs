//! The session door.

mod cookies;
mod door;
mod golden;
mod limits;
mod recovery;
mod sessions;
mod verification;
