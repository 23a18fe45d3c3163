//! Whether the documentation is what the source says.

mod errors;
mod named;
