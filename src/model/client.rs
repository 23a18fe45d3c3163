//! Who is at the other end of a connection, before anybody is authenticated.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Where a request came from, for limits and the audit trail.
#[derive(Clone, Debug)]
pub struct Client {
    /// The client's address: the peer's, or what a trusted proxy says.
    pub address: IpAddr,
    /// The request's id, also shown in its answer.
    pub request_id: RequestId,
}

impl Client {
    /// The network whose requests share one limit.
    #[must_use]
    pub fn network(&self) -> Network {
        Network::of(self.address)
    }
}

/// An IPv4 address, or the /64 of an IPv6 one: one customer of an access provider, who can move freely within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// The network that `address` belongs to. An IPv4 address that is written as IPv6 counts as IPv4.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(IpAddr::V4(v4)),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Self(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The id of one request, in its answer, its log line and its audit event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Box<str>);

impl RequestId {
    /// An id made of random bytes.
    #[must_use]
    pub fn new(bytes: [u8; 12]) -> Self {
        Self(hex::encode(bytes).into())
    }

    /// An id that a trusted proxy gave: 8 to 64 letters, digits, `-` or `_`, else `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        ((8..=64).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    #[test]
    fn an_ipv6_customer_is_one_network_however_it_moves() {
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2:ffff::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
    }

    #[test]
    fn an_ipv4_address_is_one_network_in_either_spelling() {
        assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }

    #[test]
    fn a_foreign_request_id_is_taken_only_if_it_is_harmless() {
        assert!(RequestId::parse("7b2c9e1f-aa").is_some());
        for text in ["short", "has space in it", "line\nbreak", &"x".repeat(65)] {
            assert!(RequestId::parse(text).is_none(), "{text}");
        }
    }
}
