//! Headers that hold credentials, through the router: whoever sends one that is not right gets a 4xx, whatever else is
//! there.

#![no_main]

mod gateway;

use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode};
use gateway::GATEWAY;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|headers: Vec<(u8, u8, Vec<u8>)>| {
    let gateway = &*GATEWAY;
    let mut request = Request::get(format!("/users/{}/data", gateway.address));
    let mut all_right = !headers.is_empty();
    for (kind, at, bytes) in headers.iter().take(4) {
        let bearer = [b"Bearer ", bytes.as_slice()].concat();
        let (name, value) = match kind % 8 {
            0 => ("x-auth-token", bytes.clone()),
            1 => ("authorization", bytes.clone()),
            2 => ("authorization", bearer),
            3 => ("x-api-key", bytes.clone()),
            4 => ("x-auth-token", spliced(&gateway.token, *at, bytes)),
            5 => ("x-api-key", spliced(&gateway.key, *at, bytes)),
            6 => ("x-auth-token", gateway.token.clone().into_bytes()),
            _ => ("x-api-key", gateway.key.clone().into_bytes()),
        };
        let Ok(value) = HeaderValue::from_bytes(&value) else { return };
        all_right &= is_right(name, &value);
        request = request.header(name, value);
    }
    let (status, _) = gateway.send(request.body(Body::empty()).expect("a request"));
    assert!(status.is_client_error() || (all_right && status == StatusCode::OK), "{status} to {headers:?}");
});

/// A credential with some bytes within it replaced.
fn spliced(text: &str, at: u8, bytes: &[u8]) -> Vec<u8> {
    let mut spliced = text.as_bytes().to_vec();
    let begin = usize::from(at) % spliced.len();
    for (old, new) in spliced[begin..].iter_mut().zip(bytes) {
        *old = *new;
    }
    spliced
}

fn is_right(name: &str, value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else { return false };
    let right = if name == "x-api-key" { &GATEWAY.key } else { &GATEWAY.token };
    match name {
        "authorization" => text.split_once(' ').is_some_and(|(_, token)| token.trim() == right),
        _ => text.trim() == right,
    }
}
