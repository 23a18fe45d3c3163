//! A body: what is read is JSON, and what is refused is the caller's own fault.

#![no_main]

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use countersign::transport::Json;
use futures_util::FutureExt;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

fuzz_target!(|body: &[u8]| {
    let request = Request::new(Body::from(body.to_vec()));
    let read = Json::<Map<String, Value>>::from_request(request, &()).now_or_never().expect("the body is there");
    match read {
        Ok(_) => assert!(serde_json::from_slice::<Value>(body).is_ok()),
        Err(problem) => assert!(matches!(problem.status().as_u16(), 400 | 413 | 422)),
    }
});
