//! The HTTP that every door speaks: bodies, problems, credentials. It holds no route and no rule.

mod body;
mod caller;
mod client;
mod problem;

pub use body::{AddressPath, Json, NoContent, Sensitive};
pub use client::ClientOf;
pub(crate) use client::REQUEST_ID;
pub use problem::{Problem, ProblemBody, Violated};
