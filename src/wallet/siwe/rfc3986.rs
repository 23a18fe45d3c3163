//! RFC 3986 to the letter: checks URIs and authorities and splits them. It resolves nothing, decodes nothing and
//! admits nothing that the grammar of the RFC's appendix A does not have.

use std::net::Ipv6Addr;

/// Where a text leaves its grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The byte at which the first character that does not fit begins; the length of the text if more is missing.
    pub at: usize,
    /// What would fit there.
    pub expected: &'static str,
}

impl Misfit {
    pub(super) const fn new(at: usize, expected: &'static str) -> Self {
        Self { at, expected }
    }

    /// The same misfit in a text that has `offset` bytes more in front.
    const fn behind(self, offset: usize) -> Self {
        Self { at: self.at + offset, expected: self.expected }
    }
}

const SCHEME: &str = "a URI scheme: a letter, then letters, digits, \"+\", \"-\" and \".\"";
const COLON: &str = "the rest of a URI scheme and \":\"";
const PATH: &str = "a path of RFC 3986";
const QUERY: &str = "a query of RFC 3986";
const FRAGMENT: &str = "a fragment of RFC 3986";
const USERINFO: &str = "the user information of RFC 3986 in front of \"@\"";
const HOST: &str = "a host of RFC 3986";
const LITERAL: &str = "an IPv6 address in the spelling of RFC 3986, or an IPvFuture";
const BRACKET: &str = "the \"]\" that ends an IP literal";
const PORT: &str = "\":\" and the digits of a port, or the end of the authority";
const PCHAR: &str = "a character that a path segment may hold (pchar of RFC 3986)";
const PERCENT: &str = "two hex digits after \"%\"";

/// The parts of a `URI` (section 3), each as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    /// What stands in front of the first `:`.
    pub scheme: &'a str,
    /// What stands between `//` and the path; `None` without `//`, which is not the same as an empty one.
    pub authority: Option<Authority<'a>>,
    /// The path, which may be empty.
    pub path: &'a str,
    /// What stands behind `?`, if there is one.
    pub query: Option<&'a str>,
    /// What stands behind `#`, if there is one.
    pub fragment: Option<&'a str>,
}

impl<'a> Uri<'a> {
    /// Reads `scheme ":" hier-part [ "?" query ] [ "#" fragment ]`. A relative reference is no URI.
    ///
    /// # Errors
    /// [`Misfit`] at the first character that does not fit.
    pub fn parse(text: &'a str) -> Result<Self, Misfit> {
        let colon = scheme_length(text)?;
        let rest = text[colon..].strip_prefix(':').ok_or(Misfit::new(colon, COLON))?;
        let start = colon + 1;
        let (before, fragment) = split(rest, '#');
        let (hierarchy, query) = split(before, '?');
        let (authority, path) = match hierarchy.strip_prefix("//") {
            // Two slashes always begin an authority: no other kind of path may begin with an empty segment.
            Some(after) => {
                let (name, path) = after.split_at(after.find('/').unwrap_or(after.len()));
                (Some(Authority::parse(name).map_err(|misfit| misfit.behind(start + 2))?), path)
            }
            None => (None, hierarchy),
        };
        let path_at = start + hierarchy.len() - path.len();
        consists_of(path, is_path, PATH).map_err(|misfit| misfit.behind(path_at))?;
        if let Some(query) = query {
            consists_of(query, is_query, QUERY).map_err(|misfit| misfit.behind(start + hierarchy.len() + 1))?;
        }
        if let Some(fragment) = fragment {
            consists_of(fragment, is_query, FRAGMENT).map_err(|misfit| misfit.behind(start + before.len() + 1))?;
        }
        Ok(Self { scheme: &text[..colon], authority, path, query, fragment })
    }
}

/// The parts of an `authority` (section 3.2), each as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// What stands in front of `@`, if there is one.
    pub userinfo: Option<&'a str>,
    /// The host, an IP literal with its brackets. It may be empty.
    pub host: &'a str,
    /// What stands behind the last `:`, if there is one: digits, as many as one likes, or none.
    pub port: Option<&'a str>,
}

impl<'a> Authority<'a> {
    /// Reads `[ userinfo "@" ] host [ ":" port ]`.
    ///
    /// # Errors
    /// [`Misfit`] at the first character that does not fit; at the beginning of an IP literal that is wrong in itself.
    pub fn parse(text: &'a str) -> Result<Self, Misfit> {
        // No user information has a bracket in it, so an "@" behind one does not end any.
        let at_sign = if text.starts_with('[') { None } else { text.find('@') };
        let (userinfo, rest) = match at_sign {
            Some(at) => (Some(&text[..at]), &text[at + 1..]),
            None => (None, text),
        };
        consists_of(userinfo.unwrap_or_default(), is_userinfo, USERINFO)?;
        let host_at = text.len() - rest.len();
        let length = host_length(rest).map_err(|misfit| misfit.behind(host_at))?;
        let (host, tail) = rest.split_at(length);
        let port = tail.strip_prefix(':');
        if let Some(at) = port.unwrap_or(tail).find(|c: char| port.is_none() || !c.is_ascii_digit()) {
            return Err(Misfit::new(at + text.len() - port.unwrap_or(tail).len(), PORT));
        }
        Ok(Self { userinfo, host, port })
    }

    /// Whom a client reaches by this authority, in the one spelling that two of them can be compared in: the host in
    /// lower case (section 6.2.2.1), an IPv6 address as RFC 5952 writes it, and the port, `default_port` if none is
    /// given (section 6.2.3).
    ///
    /// `None` for what is no origin: without a host, with user information, or with a port beyond 65535.
    #[must_use]
    pub fn endpoint(&self, default_port: u16) -> Option<(String, u16)> {
        if self.userinfo.is_some() || self.host.is_empty() {
            return None;
        }
        let port = match self.port {
            None | Some("") => default_port,
            Some(digits) => digits.parse().ok()?,
        };
        let literal = self.host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host = match literal.and_then(|address| address.parse::<Ipv6Addr>().ok()) {
            Some(address) => format!("[{address}]"),
            None => self.host.to_ascii_lowercase(),
        };
        Some((host, port))
    }
}

/// Checks a `scheme` (section 3.1).
///
/// # Errors
/// [`Misfit`] at the first character that does not fit.
pub fn check_scheme(text: &str) -> Result<(), Misfit> {
    match scheme_length(text)? {
        length if length == text.len() => Ok(()),
        length => Err(Misfit::new(length, SCHEME)),
    }
}

/// Checks `*pchar` (section 3.3).
///
/// # Errors
/// [`Misfit`] at the first character that does not fit.
pub fn check_pchars(text: &str) -> Result<(), Misfit> {
    consists_of(text, is_pchar, PCHAR)
}

/// `unreserved` (section 2.3).
pub(super) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// `reserved` (section 2.2).
pub(super) const fn is_reserved(byte: u8) -> bool {
    is_sub_delim(byte) || matches!(byte, b':' | b'/' | b'?' | b'#' | b'[' | b']' | b'@')
}

const fn is_sub_delim(byte: u8) -> bool {
    matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

/// What a `reg-name` consists of. An IPv4 address is one too, so it needs no rule of its own.
const fn is_name(byte: u8) -> bool {
    is_unreserved(byte) || is_sub_delim(byte)
}

const fn is_userinfo(byte: u8) -> bool {
    is_name(byte) || byte == b':'
}

const fn is_pchar(byte: u8) -> bool {
    is_userinfo(byte) || byte == b'@'
}

const fn is_path(byte: u8) -> bool {
    is_pchar(byte) || byte == b'/'
}

const fn is_query(byte: u8) -> bool {
    is_path(byte) || byte == b'?'
}

/// How long the scheme is with which `text` begins.
fn scheme_length(text: &str) -> Result<usize, Misfit> {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(Misfit::new(0, SCHEME));
    }
    let length = text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')));
    Ok(length.unwrap_or(text.len()))
}

/// How long the host is with which `text` begins.
fn host_length(text: &str) -> Result<usize, Misfit> {
    let Some(bracketed) = text.strip_prefix('[') else {
        let length = text.find(':').unwrap_or(text.len());
        return consists_of(&text[..length], is_name, HOST).map(|()| length);
    };
    let length = bracketed.find(']').ok_or(Misfit::new(text.len(), BRACKET))?;
    check_literal(&bracketed[..length]).map_err(|misfit| misfit.behind(1))?;
    Ok(1 + length + 1)
}

/// Checks what stands between the brackets of an `IP-literal` (section 3.2.2).
fn check_literal(text: &str) -> Result<(), Misfit> {
    let Some(future) = text.strip_prefix(['v', 'V']) else {
        // The standard library reads exactly `IPv6address`: no zone, no zeros in front of the numbers of an IPv4
        // address, and `::` for at least one group. `tests/properties` compares the two.
        return text.parse::<Ipv6Addr>().map(|_| ()).map_err(|_| Misfit::new(0, LITERAL));
    };
    let fits = future.split_once('.').is_some_and(|(version, address)| {
        let is_hex = !version.is_empty() && version.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_hex && !address.is_empty() && address.bytes().all(is_userinfo)
    });
    if fits { Ok(()) } else { Err(Misfit::new(0, LITERAL)) }
}

/// Checks that `text` consists of characters that `fits` takes and of `pct-encoded` (section 2.1).
fn consists_of(text: &str, fits: fn(u8) -> bool, expected: &'static str) -> Result<(), Misfit> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'%' {
            let is_hex = |place: &usize| bytes.get(*place).is_some_and(u8::is_ascii_hexdigit);
            if let Some(place) = [at + 1, at + 2].into_iter().find(|place| !is_hex(place)) {
                return Err(Misfit::new(place, PERCENT));
            }
            at += 3;
        } else if fits(byte) {
            at += 1;
        } else {
            return Err(Misfit::new(at, expected));
        }
    }
    Ok(())
}

/// What stands in front of the first `mark`, and what stands behind it if there is one.
fn split(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(before, after)| (before, Some(after)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<usize> {
        Uri::parse(text).err().map(|misfit| misfit.at)
    }

    fn authority(text: &str) -> Result<(Option<&str>, &str, Option<&str>), usize> {
        Authority::parse(text).map(|read| (read.userinfo, read.host, read.port)).map_err(|misfit| misfit.at)
    }

    #[test]
    fn the_examples_of_the_rfc_are_uris() {
        for text in [
            "ftp://ftp.is.co.za/rfc/rfc1808.txt",
            "http://www.ietf.org/rfc/rfc2396.txt",
            "ldap://[2001:db8::7]/c=GB?objectClass?one",
            "mailto:John.Doe@example.com",
            "news:comp.infosystems.www.servers.unix",
            "tel:+1-816-555-1212",
            "telnet://192.0.2.16:80/",
            "urn:oasis:names:specification:docbook:dtd:xml:4.1.2",
            "foo://example.com:8042/over/there?name=ferret#nose",
            "urn:example:animal:ferret:nose",
            "file:///etc/hosts",
            "uri:",
            "a:/",
            "a:b//c",
            "a://",
            "a:?",
            "a:#",
            "a:??/:@#?/:@",
            "a+b-c.9:%00",
            "a://u:p@h:/",
            "a://[v1.x:y]:1",
            "did:key:z6Mk#z6Mk",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn a_misfit_is_at_the_first_character_that_does_not_fit() {
        for (text, place) in [
            ("", 0),
            (":x", 0),
            ("1a:", 0),
            ("a", 1),
            ("a_b:c", 1),
            ("//h/p", 0),
            ("a: b", 2),
            ("a:%", 3),
            ("a:%4", 4),
            ("a:%4g", 4),
            ("a:%g4", 3),
            ("a:%é", 3),
            ("a:é", 2),
            ("a://h/\u{7f}", 6),
            ("a://h\\b", 5),
            ("a://h?q[", 7),
            ("a://h#f#g", 7),
            ("a:x?\"#", 4),
            ("a:x#<", 4),
            ("a:[", 2),
            ("a://h:8x", 7),
            ("a://[::1", 8),
            ("a://[::1]x", 9),
            ("a://[::g]", 5),
            ("a://u@v@w", 7),
            ("a:\n", 2),
        ] {
            assert_eq!(at(text), Some(place), "{text}");
        }
    }

    #[test]
    fn a_uri_falls_into_its_parts() {
        let read = Uri::parse("foo://u:p@[::1]:8042/over/there?name=ferret?#no/se").unwrap();
        let authority = Authority { userinfo: Some("u:p"), host: "[::1]", port: Some("8042") };
        assert_eq!((read.scheme, read.authority, read.path), ("foo", Some(authority), "/over/there"));
        assert_eq!((read.query, read.fragment), (Some("name=ferret?"), Some("no/se")));
        let read = Uri::parse("a:?#").unwrap();
        assert_eq!((read.authority, read.path, read.query, read.fragment), (None, "", Some(""), Some("")));
        assert_eq!(Uri::parse("a:b@c:1").unwrap().path, "b@c:1");
    }

    #[test]
    fn an_authority_falls_into_its_parts() {
        assert_eq!(authority(""), Ok((None, "", None)));
        assert_eq!(authority("h"), Ok((None, "h", None)));
        assert_eq!(authority("h:"), Ok((None, "h", Some(""))));
        assert_eq!(authority(":80"), Ok((None, "", Some("80"))));
        assert_eq!(authority("@"), Ok((Some(""), "", None)));
        assert_eq!(authority("a:b:c@1.1.1.256:00080"), Ok((Some("a:b:c"), "1.1.1.256", Some("00080"))));
        assert_eq!(authority("%C3%a9.example"), Ok((None, "%C3%a9.example", None)));
        for (text, at) in [("a b", 1), ("h:1:2", 3), ("[::1]@h", 5), ("u[@h", 1), ("h/", 1), ("#h", 0), ("h]", 1)] {
            assert_eq!(authority(text), Err(at), "{text}");
        }
    }

    #[test]
    fn ip_literals_are_those_of_the_grammar() {
        for text in [
            "::",
            "::1",
            "1::",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "1:2:3:4:5:6:1.2.3.4",
            "::255.255.255.255",
            "1:2:3:4:5::0.0.0.0",
            "ABCD:ef01::",
            "v1.a",
            "VFf.~:!",
        ] {
            assert!(Authority::parse(&format!("[{text}]")).is_ok(), "{text}");
        }
        for text in [
            "",
            ":",
            ":::",
            "1",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "1:2:3:4::5:6:7:8",
            "1::2::3",
            "12345::",
            "::1.2.3",
            "::01.2.3.4",
            "::256.2.3.4",
            "1.2.3.4::",
            "1:2:3:4:5:6::1.2.3.4",
            "1.2.3.4",
            "::1%25eth0",
            "::1%eth0",
            "::g",
            " ::1",
            "v.a",
            "v1",
            "v1.",
            "vg.a",
            "v1.%20",
            "v1.a@b",
        ] {
            assert!(Authority::parse(&format!("[{text}]")).is_err(), "{text}");
        }
    }

    #[test]
    fn authorities_that_reach_the_same_compare_equal() {
        let endpoint = |text: &str| Authority::parse(text).unwrap().endpoint(443);
        let of = |host: &str, port| Some((host.to_owned(), port));
        for text in ["Example.COM", "example.com:", "example.com:443", "EXAMPLE.com:0443"] {
            assert_eq!(endpoint(text), of("example.com", 443), "{text}");
        }
        assert_eq!(endpoint("localhost:8080"), of("localhost", 8080));
        assert_eq!(endpoint("[0:0::0:1]"), endpoint("[::1]"));
        assert_eq!(endpoint("[::CAFE]:1"), of("[::cafe]", 1));
        assert_eq!(endpoint("[V1.A]"), of("[v1.a]", 443));
        for text in ["", ":443", "@example.com", "user@example.com", "example.com:65536"] {
            assert_eq!(endpoint(text), None, "{text}");
        }
    }
}
