//! The platform door.

mod google;
mod hostile_provider;
