//! The HTTP that every door speaks: bodies, problems, credentials. It holds no route and no rule.

mod basic;
mod body;
mod caller;
mod client;
mod pages;
mod problem;
mod query;
mod second_factor;
mod v1;

pub use basic::Basic;
pub use body::{AddressPath, Created, Json, NoContent, OptionalJson, Sensitive, SignedBytes, SignedJson};
pub use caller::{authenticate, authenticate_by_cookie, carries_credential};
pub use client::ClientOf;
pub(crate) use client::REQUEST_ID;
pub use pages::{cookie, cookies, refuse_foreign_page, require_page};
pub use problem::{Problem, ProblemBody, Violated, faults};
pub use query::{Query, count};
pub use second_factor::{FreshCode, Verifier, device_token, otp};
pub use v1::{AccountPath, IdPath, TextPath, V1Json, V1OptionalJson, V1Problem};
