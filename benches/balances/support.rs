//! What the tests start chains with, and the nodes before them that count.

#[path = "../../tests/support/evm/mod.rs"]
pub mod evm;
#[path = "../../tests/support/http.rs"]
mod http;
#[path = "../../tests/support/limits.rs"]
pub mod limits;
#[path = "../../tests/support/parts.rs"]
mod parts;
#[path = "../../tests/support/process.rs"]
mod process;
#[path = "../../tests/support/scratch.rs"]
mod scratch;
