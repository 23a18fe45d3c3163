//! The wallet door.

mod api_key;
mod bad_input;
mod callers;
mod explain;
mod golden;
mod in_flight;
mod message;
mod nonce;
mod profile;
mod refresh;
mod sign_in;
mod tokens;
mod wallets;
