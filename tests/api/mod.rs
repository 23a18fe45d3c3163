//! What the gateway answers over HTTP, in this process, on both databases. Laid out like the surfaces.

mod abuse;
mod audit;
mod gateway;
mod keys;
mod limits;
mod start;
mod wallet;
