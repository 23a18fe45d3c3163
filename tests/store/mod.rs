//! The store on both databases: units of work, groups of them, and that both databases have the same tables.

mod billing;
mod connections;
mod migrations;
mod plans;
mod units;
