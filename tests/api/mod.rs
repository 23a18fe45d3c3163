//! What the gateway answers over HTTP, in this process, on both databases. Laid out like the surfaces.

mod abuse;
mod audit;
mod doors;
mod exchange;
mod gateway;
mod keys;
mod limits;
mod mail;
mod passwords;
mod people;
mod platform;
mod session;
mod start;
mod users;
mod wallet;
mod ways_in;
