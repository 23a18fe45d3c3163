//! The HTTP that every door speaks: bodies, problems, credentials. It holds no route and no rule.

mod body;
mod caller;
mod origin;
mod problem;

pub use body::{AddressPath, Json, NoContent, Sensitive};
pub use origin::ClientOf;
pub(crate) use origin::REQUEST_ID;
pub use problem::{Problem, ProblemBody, Violated};
