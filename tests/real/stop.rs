//! How the binary ends: politely, with what is in flight brought to its end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{on_both_databases, on_sqlite};
use crate::support::http::{connect, read, send};
use crate::support::process::poll;

const BODY: &str = r#"{"address":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8"}"#;

#[test]
fn a_request_in_flight_is_answered_before_the_end() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.start();
    let mut stream = connect(&server.url);
    let length = BODY.len();
    write!(
        stream,
        "POST /users/nonce HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nexpect: 100-continue\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
    .unwrap();
    // The server says this when the request is being worked on and its body is wanted.
    let mut interim = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut interim).unwrap();
    assert!(interim.starts_with(b"HTTP/1.1 100 "));

    server.terminate();
    let address = server.url.replace("http://", "");
    let closed = poll(Duration::from_secs(20), || TcpStream::connect(&address).err());
    assert!(closed.is_some(), "nothing new is accepted once the end was asked for");
    stream.write_all(BODY.as_bytes()).unwrap();
    let answer = read(stream);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(server.wait(), 0);
}

#[test]
fn an_idle_connection_does_not_hold_up_the_end() {
    on_both_databases(|gateway| {
        let mut idle = connect(&gateway.url);
        write!(idle, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut first = [0; 12];
        idle.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        gateway.terminate();
        let mut rest = Vec::new();
        idle.read_to_end(&mut rest).expect("the server closes an idle connection");
    });
}

#[test]
fn a_second_start_on_the_same_port_works_at_once() {
    let (_directory, gateway) = on_sqlite();
    let first = gateway.start();
    assert_eq!(send(&first.url, "POST", "/users/nonce", &[], BODY).status, 200);
    let address = first.url.replace("http://", "");
    first.terminate();
    assert_eq!(first.wait(), 0);
    let second = gateway.with("COUNTERSIGN_LISTEN", &address).start();
    assert_eq!(second.url, format!("http://{address}"));
    assert_eq!(send(&second.url, "POST", "/users/nonce", &[], BODY).status, 200);
}
