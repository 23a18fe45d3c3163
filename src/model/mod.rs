//! Types and rules as pure functions: no I/O, no async, no HTTP, no SQL, no clock.

pub mod account;
pub mod address;
pub mod audit;
pub mod bucket;
pub mod client;
mod code;
pub mod error;
pub mod ids;
pub mod message;
mod origin;
pub mod profile;
pub mod session;
mod token;
pub mod token_list;

pub use address::Address;
pub use client::{Client, Network, RequestId};
pub use error::Error;
pub use ids::{AccountId, SessionId, WalletId};
pub use origin::Origin;
pub use token::Token;
pub use token_list::TokenList;
