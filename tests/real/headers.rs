//! Bytes that no well-behaved client sends, over a real connection, where nothing has filtered them.

use std::io::Write;

use super::on_sqlite;
use crate::support::http::{connect, read};

#[test]
fn any_byte_in_a_credential_header_is_refused_and_never_a_fault_of_ours() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.start();
    for header in ["x-auth-token: ", "authorization: ", "authorization: Bearer ", "x-api-key: ", "x-api-key: csk_"] {
        for byte in 0..=u8::MAX {
            let mut stream = connect(&server.url);
            let request = [
                b"GET /users/api-key HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n",
                header.as_bytes(),
                &[byte, b'a', byte, byte],
                b"\r\n\r\n",
            ];
            stream.write_all(&request.concat()).expect("sent");
            let answer = read(stream);
            // What is no HTTP is refused before any route has seen it.
            assert!(matches!(answer.status, 400 | 401), "{header}{byte:#x}: {}", answer.status);
        }
    }
}
