//! The second factor.

mod codes;
mod devices;
mod golden;
mod guesses;
mod races;
mod two_steps;
