//! The address in a path, as it is and percent-encoded, from somebody who is signed in: one's own is read, all else is a
//! 4xx.

#![no_main]

mod gateway;

use std::fmt::Write;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use gateway::GATEWAY;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], bool, u8)| {
    let (bytes, from_own, at) = input;
    let gateway = &*GATEWAY;
    // Beginning with a part of the right one, so that the search begins behind it.
    let own = if from_own { &gateway.address.as_bytes()[..usize::from(at) % 43] } else { &[] };
    let segment = [own, bytes].concat();
    let encoded = segment.iter().fold(String::new(), |mut text, byte| {
        write!(text, "%{byte:02x}").expect("a text grows");
        text
    });
    for text in [Ok(encoded), String::from_utf8(segment.clone())].into_iter().flatten() {
        let request = Request::get(format!("/users/{text}/data")).header("x-auth-token", &gateway.token);
        // What is no URI never comes to the router.
        let Ok(request) = request.body(Body::empty()) else { continue };
        let is_plain = segment.iter().all(u8::is_ascii_alphanumeric);
        match gateway.send(request).0 {
            StatusCode::OK if is_plain => assert!(segment.eq_ignore_ascii_case(gateway.address.as_bytes())),
            StatusCode::OK => assert!(text.contains(['%', '?', '#'])),
            status => assert!(status.is_client_error(), "{status} to {text}"),
        }
    }
});
