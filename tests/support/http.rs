//! The least HTTP client that will do: one request a connection, on loopback, to see exactly what is sent and answered.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status code.
    pub status: u16,
    /// Its status line and headers.
    pub head: String,
    /// Its body.
    pub body: String,
}

/// Sends one request and reads the answer. `url` is `http://host:port`, `headers` are whole lines.
pub fn send(url: &str, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
    let mut stream = connect(url);
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n").expect("sent");
    for line in headers {
        write!(stream, "{line}\r\n").expect("sent");
    }
    if !body.is_empty() {
        write!(stream, "content-type: application/json\r\ncontent-length: {}\r\n", body.len()).expect("sent");
    }
    write!(stream, "\r\n{body}").expect("sent");
    read(stream)
}

/// Reads `path` with an access token.
pub fn get(url: &str, path: &str, token: &str) -> Answer {
    send(url, "GET", path, &[&format!("x-auth-token: {token}")], "")
}

/// A connection to the server at `url`.
pub fn connect(url: &str) -> TcpStream {
    let address = url.strip_prefix("http://").expect("a plain http URL");
    let stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("{url}: {error}"));
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket takes a time-out");
    stream
}

/// Reads the one answer of a connection that is closed after it.
pub fn read(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer in time");
    let text = String::from_utf8(bytes).expect("an answer in UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP answer: {text:?}"));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}
