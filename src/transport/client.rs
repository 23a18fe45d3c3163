//! Where a request came from: the peer, or what trusted proxies say of it.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use ipnet::IpNet;

use crate::model::{Client, RequestId};

/// The header in which proxies append whom they speak for.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// The header in which a request's id travels.
pub(crate) const REQUEST_ID: &str = "x-request-id";

/// The client of a request, as the outermost layer found it.
#[derive(Clone, Debug)]
pub struct ClientOf(pub Client);

impl ClientOf {
    /// Reads the client from the connection's peer and, if that is a trusted proxy, from the headers.
    #[must_use]
    pub fn find(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet], fresh_id: impl FnOnce() -> RequestId) -> Self {
        let trusted = is_trusted(peer, proxies);
        let foreign_id = headers.get(REQUEST_ID).filter(|_| trusted).and_then(|id| RequestId::parse(id.to_str().ok()?));
        let address = if trusted { forwarded(peer, headers, proxies) } else { peer };
        let request_id = foreign_id.unwrap_or_else(fresh_id);
        Self(Client { address: address.to_canonical(), request_id })
    }
}

fn is_trusted(address: IpAddr, proxies: &[IpNet]) -> bool {
    let address = address.to_canonical();
    proxies.iter().any(|network| network.contains(&address))
}

/// Right to left: each trusted proxy vouches for the address that it appended; the first one that is no trusted proxy
/// is the client, and what stands left of it, the client may have made up.
fn forwarded(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let mut client = peer;
    let values = headers.get_all(FORWARDED_FOR).iter().rev();
    let entries = values.flat_map(|value| value.to_str().unwrap_or_default().rsplit(','));
    for entry in entries {
        // What a trusted proxy did not write as an address ends the chain: nothing left of it can be believed.
        let Some(address) = parse_entry(entry.trim()) else { break };
        client = address;
        if !is_trusted(address, proxies) {
            break;
        }
    }
    client
}

/// An address, with or without a port, as proxies write it.
fn parse_entry(entry: &str) -> Option<IpAddr> {
    let bare = entry.parse().ok();
    bare.or_else(|| entry.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(|| entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

impl<S: Sync> FromRequestParts<S> for ClientOf {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // Without the outermost layer all clients are one, which limits them more strictly, not less.
        let unknown = || Self(Client { address: IpAddr::from([0, 0, 0, 0]), request_id: RequestId::new([0; 12]) });
        Ok(parts.extensions.get().cloned().unwrap_or_else(unknown))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn found(peer: &str, forwarded: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_static(value));
        }
        let proxies = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let fresh = || RequestId::new([0; 12]);
        ClientOf::find(peer.parse().unwrap(), &headers, &proxies, fresh).0.address.to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_about_its_own_peer() {
        let table: [(&str, &[&'static str], &str); 10] = [
            ("192.0.2.1", &["203.0.113.9"], "192.0.2.1"),
            ("10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("::ffff:10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["1.1.1.1, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            ("10.0.0.1", &["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["203.0.113.9:4711"], "203.0.113.9"),
            ("fd00::1", &["[2001:db8::1]"], "2001:db8::1"),
            ("10.0.0.1", &["1.1.1.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
        ];
        for (peer, forwarded, client) in table {
            assert_eq!(found(peer, forwarded), client, "{peer} {forwarded:?}");
        }
    }
}
