//! All tests that stand outside of the crate, in one binary: it is linked once.

#![cfg(test)]

mod api;
mod architecture;
mod documentation;
mod properties;
mod real;
mod store;
mod support;
mod vectors;
