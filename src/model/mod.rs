//! Types and rules as pure functions: no I/O, no async, no HTTP, no SQL, no clock.

pub mod account;
pub mod address;
pub mod audit;
pub mod bucket;
pub mod client;
mod code;
pub mod error;
mod exchange;
pub mod guard;
pub mod ids;
pub mod mail;
pub mod membership;
pub mod message;
pub mod name;
mod origin;
pub mod page;
pub mod password;
pub mod profile;
pub mod recovery;
pub mod second_factor;
pub mod session;
mod token;
pub mod token_list;

pub use address::Address;
pub use client::{Client, Network, RequestId};
pub use error::Error;
pub use exchange::Exchange;
pub use ids::{AccountId, SessionId, WalletId};
pub use name::{Email, SignInName, Username};
pub use origin::Origin;
pub use password::Password;
pub use token::Token;
pub use token_list::TokenList;
