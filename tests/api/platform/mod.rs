//! The platform door.

mod devices;
mod golden;
mod guesses;
mod mfa;
mod mfa_races;
mod two_steps;
