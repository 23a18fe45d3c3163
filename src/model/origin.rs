//! The origin of a site (RFC 6454): who asks a person to sign in.

use std::fmt;

/// A scheme, a host and a port, in the one spelling that two of them can be compared in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: &'static str,
    host: String,
    port: u16,
}

impl Origin {
    /// An origin of `http` or `https`; `None` for another scheme. The scheme's own port is the same as none.
    #[must_use]
    pub fn new(scheme: &str, host: &str, port: Option<u16>) -> Option<Self> {
        let scheme = ["https", "http"].into_iter().find(|known| known.eq_ignore_ascii_case(scheme))?;
        let port = port.unwrap_or_else(|| default_port(scheme));
        Some(Self { scheme, host: host.to_ascii_lowercase(), port })
    }

    /// `http` or `https`.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// The port that is meant where none is written.
    #[must_use]
    pub fn default_port(&self) -> u16 {
        default_port(self.scheme)
    }

    /// Whether this host and port are its own. The host is in lower case, an IPv6 address in brackets.
    #[must_use]
    pub fn is_at(&self, host: &str, port: u16) -> bool {
        self.host == host && self.port == port
    }

    /// Host and, unless it is the scheme's own, port: the domain of a sign-in message.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == self.default_port() { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority())
    }
}

fn default_port(scheme: &str) -> u16 {
    if scheme == "http" { 80 } else { 443 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemes_own_port_is_the_same_as_none() {
        let table = [
            ("https", "App.Example", None, "https://app.example"),
            ("https", "app.example", Some(443), "https://app.example"),
            ("http", "localhost", Some(3000), "http://localhost:3000"),
            ("http", "[::1]", Some(80), "http://[::1]"),
            ("https", "app.example", Some(80), "https://app.example:80"),
        ];
        for (scheme, host, port, shown) in table {
            assert_eq!(Origin::new(scheme, host, port).unwrap().to_string(), shown);
        }
        assert_eq!(Origin::new("ftp", "app.example", None), None);
    }
}
