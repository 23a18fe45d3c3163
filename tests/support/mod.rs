//! What tests stand on: real databases, real clients, and the built gateway as a process of its own.

pub mod authenticator;
pub mod client;
pub mod database;
pub mod door;
pub mod evm;
pub mod fcm;
pub mod golden;
pub mod http;
pub mod limits;
pub mod lives;
pub mod mail;
pub mod mail_server;
pub mod openid;
pub mod pages;
pub mod parts;
pub mod person;
pub mod platform;
pub mod postgres;
pub mod process;
pub mod scratch;
pub mod server;
pub mod stripe;
pub mod tampering;
pub mod wallet;
pub mod world;

/// Runs a future to its end, on a thread of its own since the caller may be within a runtime already.
pub fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> T {
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(future)
    };
    std::thread::scope(|scope| scope.spawn(work).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
