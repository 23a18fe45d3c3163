//! The users door.

mod create;
mod golden;
mod list;
mod one;
mod token;
