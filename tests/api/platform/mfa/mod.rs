//! The second factor.

mod codes;
mod devices;
mod golden;
mod guesses;
mod proof;
mod provider;
mod races;
mod reset;
mod two_steps;
