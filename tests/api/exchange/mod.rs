//! The exchange door.

mod config;
mod golden;
mod listing;
mod login;
mod membership;
mod profile;
mod register;
