//! `X-Forwarded-For` and `X-Request-Id`: nobody but a trusted proxy is believed, and nobody to the left of whom it vouches
//! for.

#![no_main]

use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue};
use countersign::model::{Client, RequestId};
use countersign::transport::ClientOf;
use ipnet::IpNet;
use libfuzzer_sys::fuzz_target;

static PROXIES: LazyLock<Vec<IpNet>> =
    LazyLock::new(|| ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().expect("a network")).into());
const TRUSTED: [&str; 3] = ["10.0.0.1", "::ffff:10.0.0.1", "fd00::1"];
const STRANGERS: [&str; 3] = ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"];
const FRESH: [u8; 12] = [7; 12];

fuzz_target!(|input: (u8, Vec<(u8, Vec<u8>)>, Vec<u8>)| {
    let (which, forwarded, id) = input;
    let values: Vec<Vec<u8>> = forwarded.iter().map(value).collect();
    let Some(headers) = headers(&values, &id) else { return };
    let which = usize::from(which) % 3;

    let peer: IpAddr = STRANGERS[which].parse().expect("an address");
    let found = find(peer, &headers);
    assert_eq!((found.address, found.request_id), (peer.to_canonical(), RequestId::new(FRESH)));

    let peer: IpAddr = TRUSTED[which].parse().expect("an address");
    let found = find(peer, &headers);
    assert_eq!(found.address, found.address.to_canonical());
    assert!(found.address == peer.to_canonical() || values.iter().any(|value| names(value, found.address)));
    let given = found.request_id.as_str();
    assert!(given.as_bytes() == id || found.request_id == RequestId::new(FRESH));
    assert!((8..=64).contains(&given.len()) && given.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
    if !PROXIES.iter().any(|network| network.contains(&found.address)) {
        // What a client puts before it changes nothing.
        let forged = [vec![b"6.6.6.6".to_vec()], values].concat();
        assert_eq!(find(peer, &self::headers(&forged, &id).expect("headers")).address, found.address);
    }
});

/// Addresses are rare among random bytes, so most come from a list.
fn value((kind, bytes): &(u8, Vec<u8>)) -> Vec<u8> {
    let part: &[u8] = match kind % 8 {
        0 => b"203.0.113.9",
        1 => b"10.1.2.3, ",
        2 => b"[2001:db8::1]:443",
        3 => b"::ffff:198.51.100.7,",
        4 => b"fd00::2,unknown,",
        _ => b"",
    };
    [part, bytes].concat()
}

fn headers(values: &[Vec<u8>], id: &[u8]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append("x-forwarded-for", HeaderValue::from_bytes(value).ok()?);
    }
    headers.insert("x-request-id", HeaderValue::from_bytes(id).ok()?);
    Some(headers)
}

fn find(peer: IpAddr, headers: &HeaderMap) -> Client {
    ClientOf::find(peer, headers, &PROXIES, || RequestId::new(FRESH)).0
}

/// Whether one of the entries is this address, in any of the ways to write one.
fn names(value: &[u8], address: IpAddr) -> bool {
    String::from_utf8_lossy(value).split(',').map(str::trim).any(|entry| {
        let bare = entry.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let socket = entry.parse::<SocketAddr>().ok().map(|socket| socket.ip());
        [bare, socket].into_iter().flatten().any(|named| named.to_canonical() == address)
    })
}
