//! Somebody between a client and its mail server, who can write into what is said in the clear.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Answers to all that a client says after STARTTLS, until it believes that its mail was taken.
const ANSWERS: &[u8] =
    b"250-localhost\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n235 welcome\r\n250 go on\r\n250 go on\r\n\
                         354 go on\r\n250 taken\r\n";

/// Puts answers behind the one to STARTTLS, in the same segment, until it is told to rest.
pub struct Tampering {
    pub port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    rests: AtomicBool,
    is_done: AtomicBool,
}

impl Tampering {
    /// Stands before the server at this port. Ends with the process.
    pub fn with(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let (client_too, server_too) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let asked = Arc::new(AtomicBool::new(false));
                let (asked_too, state) = (Arc::clone(&asked), Arc::clone(&shared));
                std::thread::spawn(move || {
                    pass_on(client, server, |said| {
                        asked.fetch_or(said == b"STARTTLS\r\n", Ordering::SeqCst);
                    });
                });
                std::thread::spawn(move || {
                    pass_on(server_too, client_too, |said| {
                        if asked_too.swap(false, Ordering::SeqCst) && !state.rests.load(Ordering::SeqCst) {
                            said.extend_from_slice(ANSWERS);
                            state.is_done.store(true, Ordering::SeqCst);
                        }
                    });
                });
            }
        });
        Self { port, state }
    }

    /// Whether something was put in.
    pub fn is_done(&self) -> bool {
        self.state.is_done.load(Ordering::SeqCst)
    }

    /// From now on all is passed on as it is.
    pub fn rest(&self) {
        self.state.rests.store(true, Ordering::SeqCst);
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, mut look: impl FnMut(&mut Vec<u8>)) {
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        let mut said = chunk[..length].to_vec();
        look(&mut said);
        if to.write_all(&said).is_err() {
            break;
        }
    }
    // The other direction learns of it as well.
    to.shutdown(Shutdown::Both).ok();
}
