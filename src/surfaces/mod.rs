//! The doors: for each, its routes, its bodies, its way to carry tokens and to tell errors. They hold no rule.

pub mod exchange;
pub mod platform;
pub mod session;
pub mod users;
pub mod wallet;
