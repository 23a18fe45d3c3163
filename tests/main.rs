//! All tests that stand outside of the crate, in one binary: it is linked once.

#![cfg(test)]

mod api;
mod architecture;
mod real;
mod store;
mod support;
