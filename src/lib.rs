//! Countersign, a self-hosted wallet-auth gateway.
//!
//! A request comes in through [`http`], which merges the doors of [`surfaces`]. A handler proves who calls and reads
//! the body with the extractors of [`transport`], and calls one use case of [`identity`]. That asks [`wallet`] who
//! signed and [`crypto`] for tokens, decides by the pure rules of [`model`], and keeps what has to be kept in [`store`],
//! in one unit of work. [`app`] assembles all this, [`cli`] starts it, [`config`] says how. Arrows point only downwards;
//! `ARCHITECTURE.md` draws them and `tests/architecture.rs` holds them.

pub mod app;
pub mod billing;
pub mod chain;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod http;
pub mod identity;
pub mod mail;
pub mod metrics;
pub mod model;
pub mod openid;
mod outbound;
pub mod push;
pub mod random;
pub mod secret;
mod shared;
pub mod store;
pub mod surfaces;
mod tasks;
pub mod transport;
pub mod wallet;
pub mod web;
