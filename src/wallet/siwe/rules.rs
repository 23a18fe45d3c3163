//! What a message has to say to be for us: site, chain and times, each rule by itself. Nonce and signature are judged
//! where their keys are.

use std::time::Duration;

use super::rfc3986::{Authority, Uri};
use super::{DateTime, Message};
use crate::clock::Timestamp;
use crate::model::Origin;
use crate::model::message::MessageRefusal;

/// What a message is compared with. Nothing within is optional.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The sites that may ask for a sign-in.
    pub origins: &'a [Origin],
    /// The ids of the chains that may be named.
    pub chains: &'a [u64],
    /// How far the clock of whoever made the message may be from ours.
    pub skew: Duration,
    /// How long after it was issued it is accepted.
    pub max_age: Duration,
    /// The time now.
    pub now: Timestamp,
}

impl Message {
    /// Rule `domain`: it is one of ours, with the scheme of ours if it names one. Host and port are compared, the
    /// scheme's own port being the same as none; user information is never ours.
    ///
    /// # Errors
    /// [`MessageRefusal::Domain`].
    pub fn judge_domain(&self, expected: &Expected<'_>) -> Result<(), MessageRefusal> {
        let is_ours = |origin: &&Origin| {
            let scheme_fits = self.scheme.as_ref().is_none_or(|scheme| scheme.eq_ignore_ascii_case(origin.scheme()));
            let authority = Authority::parse(&self.domain).ok();
            let endpoint = authority.and_then(|authority| authority.endpoint(origin.default_port()));
            scheme_fits && endpoint.is_some_and(|(host, port)| origin.is_at(&host, port))
        };
        expected.origins.iter().find(is_ours).map(|_| ()).ok_or(MessageRefusal::Domain)
    }

    /// Rule `uri`: it is of a site of ours.
    ///
    /// # Errors
    /// [`MessageRefusal::Uri`].
    pub fn judge_uri(&self, expected: &Expected<'_>) -> Result<(), MessageRefusal> {
        let is_ours = |uri: &Uri<'_>| {
            expected.origins.iter().any(|origin| {
                let endpoint = uri.authority.and_then(|authority| authority.endpoint(origin.default_port()));
                uri.scheme.eq_ignore_ascii_case(origin.scheme())
                    && endpoint.is_some_and(|(host, port)| origin.is_at(&host, port))
            })
        };
        Uri::parse(&self.uri).ok().filter(is_ours).map(|_| ()).ok_or(MessageRefusal::Uri)
    }

    /// Rule `chain`: it is configured.
    ///
    /// # Errors
    /// [`MessageRefusal::Chain`].
    pub fn judge_chain(&self, expected: &Expected<'_>) -> Result<(), MessageRefusal> {
        if expected.chains.contains(&self.chain_id) { Ok(()) } else { Err(MessageRefusal::Chain(self.chain_id)) }
    }

    /// Rule `issued_at`: not in the future, but for the skew, not too long ago, and before it expires.
    ///
    /// # Errors
    /// [`MessageRefusal::IssuedInFuture`], [`MessageRefusal::IssuedTooLongAgo`], [`MessageRefusal::NeverValid`].
    pub fn judge_issued_at(&self, expected: &Expected<'_>) -> Result<(), MessageRefusal> {
        let Expected { now, skew, max_age, .. } = *expected;
        let issued_at = self.issued_at.moment();
        if issued_at > now + skew {
            return Err(MessageRefusal::IssuedInFuture { by: issued_at.since(now), now });
        }
        if now > issued_at + max_age + skew {
            return Err(MessageRefusal::IssuedTooLongAgo { ago: now.since(issued_at), most: max_age, now });
        }
        match self.expires() {
            Some(expiration) if expiration <= issued_at => Err(MessageRefusal::NeverValid),
            _ => Ok(()),
        }
    }

    /// Rule `expiration`: it has not come. There is no leeway: the session would be over before it began.
    ///
    /// # Errors
    /// [`MessageRefusal::Expired`]; [`MessageRefusal::NeverValid`] if it lies before the message begins to count.
    pub fn judge_expiration(&self, expected: &Expected<'_>) -> Result<(), MessageRefusal> {
        let Some(expiration) = self.expires() else { return Ok(()) };
        if self.begins().is_some_and(|begins| expiration <= begins) {
            return Err(MessageRefusal::NeverValid);
        }
        if expected.now >= expiration { Err(MessageRefusal::Expired { now: expected.now }) } else { Ok(()) }
    }

    /// Rule `not_before`: that time has come, but for the skew.
    ///
    /// # Errors
    /// [`MessageRefusal::NotYetValid`].
    pub fn judge_not_before(&self, expected: &Expected<'_>) -> Result<(), MessageRefusal> {
        let Expected { now, skew, .. } = *expected;
        match self.begins() {
            Some(begins) if begins > now + skew => Err(MessageRefusal::NotYetValid { wait: begins.since(now), now }),
            _ => Ok(()),
        }
    }

    fn expires(&self) -> Option<Timestamp> {
        self.expiration_time.as_ref().map(DateTime::moment)
    }

    fn begins(&self) -> Option<Timestamp> {
        self.not_before.as_ref().map(DateTime::moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);

    fn message(changes: &[(&str, &str)]) -> Message {
        let text = "app.example wants you to sign in with your Ethereum account:\n\
                    0xe5A12547fe4E872D192E3eCecb76F2Ce1aeA4946\n\n\n\
                    URI: https://app.example\nVersion: 1\nChain ID: 1\nNonce: 12341234\n\
                    Issued At: 2026-01-01T00:00:00Z";
        let text = changes.iter().fold(text.to_owned(), |text, (from, to)| text.replacen(from, to, 1));
        Message::parse(&text).unwrap_or_else(|fault| panic!("{fault}: {text}"))
    }

    fn origins() -> Vec<Origin> {
        let origin = |scheme, host, port| Origin::new(scheme, host, port).unwrap();
        vec![
            origin("https", "app.example", None),
            origin("https", "app.example", Some(8443)),
            origin("http", "localhost", Some(3000)),
            origin("http", "[::1]", None),
        ]
    }

    fn expected(origins: &[Origin]) -> Expected<'_> {
        let (skew, max_age) = (Duration::from_secs(30), Duration::from_mins(10));
        Expected { origins, chains: &[1, 10], skew, max_age, now: NOW }
    }

    #[test]
    fn a_domain_is_compared_by_host_and_port_and_scheme_if_it_has_one() {
        let origins = origins();
        for (domain, ours) in [
            ("app.example", true),
            ("APP.Example", true),
            ("app.example:443", true),
            ("app.example:", true),
            ("app.example:8443", true),
            ("https://app.example", true),
            ("HTTPS://app.example", true),
            ("localhost:3000", true),
            ("http://localhost:3000", true),
            ("[::1]", true),
            ("[0:0:0:0:0:0:0:1]:80", true),
            ("app.example:80", false),
            ("http://app.example", false),
            ("https://localhost:3000", false),
            ("localhost", false),
            ("localhost:3001", false),
            ("app.example.", false),
            ("evil.app.example", false),
            ("app.example.evil.example", false),
            ("evil@app.example", false),
            ("app.example@evil.example", false),
            ("app.example:65979", false),
            ("%61pp.example", false),
            ("127.0.0.1:3000", false),
        ] {
            let message = message(&[("app.example wants", &format!("{domain} wants"))]);
            assert_eq!(message.judge_domain(&expected(&origins)).is_ok(), ours, "{domain}");
        }
    }

    #[test]
    fn a_uri_is_of_a_site_of_ours() {
        let origins = origins();
        for (uri, ours) in [
            ("https://app.example", true),
            ("https://app.example/login?next=/", true),
            ("https://APP.example:443/", true),
            ("http://localhost:3000/a", true),
            ("http://app.example", false),
            ("https://app.example:444/", false),
            ("https://app.example@evil.example/", false),
            ("https://user@app.example/", false),
            ("https:app.example", false),
            ("https:///app.example", false),
            ("urn:app.example", false),
            ("ftp://app.example", false),
        ] {
            let message = message(&[("URI: https://app.example", &format!("URI: {uri}"))]);
            assert_eq!(message.judge_uri(&expected(&origins)).is_ok(), ours, "{uri}");
        }
    }

    #[test]
    fn times_are_judged_at_their_very_edges() {
        let origins = origins();
        let at = |now| Expected { now, ..expected(&origins) };
        let second = Duration::from_secs(1);
        let plain = message(&[]);
        assert_eq!(plain.judge_issued_at(&at(NOW - 30 * second)), Ok(()));
        let early = NOW - 31 * second;
        let refusal = MessageRefusal::IssuedInFuture { by: 31 * second, now: early };
        assert_eq!(plain.judge_issued_at(&at(early)), Err(refusal));
        assert_eq!(plain.judge_issued_at(&at(NOW + 630 * second)), Ok(()));
        assert!(plain.judge_issued_at(&at(NOW + 631 * second)).is_err());

        let expiring = message(&[("00:00:00Z", "00:00:00Z\nExpiration Time: 2026-01-01T00:01:00Z")]);
        assert_eq!(expiring.judge_expiration(&at(NOW + 59 * second)), Ok(()));
        let over = NOW + 60 * second;
        assert_eq!(expiring.judge_expiration(&at(over)), Err(MessageRefusal::Expired { now: over }));

        let later = message(&[("00:00:00Z", "00:00:00Z\nNot Before: 2026-01-01T00:01:00Z")]);
        assert_eq!(later.judge_not_before(&at(NOW + 30 * second)), Ok(()));
        assert!(later.judge_not_before(&at(NOW + 29 * second)).is_err());
        assert_eq!(later.judge_expiration(&at(NOW)), Ok(()));
        for times in ["2026-01-01T00:00:00Z", "2025-12-31T23:59:00Z"] {
            let never = message(&[("00:00:00Z", &format!("00:00:00Z\nExpiration Time: {times}"))]);
            assert_eq!(never.judge_issued_at(&at(NOW)), Err(MessageRefusal::NeverValid), "{times}");
        }
        let times = "2026-01-01T00:01:00Z\nNot Before: 2026-01-01T00:01:00Z";
        let never = message(&[("00:00:00Z", &format!("00:00:00Z\nExpiration Time: {times}"))]);
        assert_eq!(never.judge_expiration(&at(NOW)), Err(MessageRefusal::NeverValid));
    }

    #[test]
    fn a_chain_has_to_be_configured() {
        let origins = origins();
        assert_eq!(message(&[("Chain ID: 1", "Chain ID: 10")]).judge_chain(&expected(&origins)), Ok(()));
        let other = message(&[("Chain ID: 1", "Chain ID: 5")]);
        assert_eq!(other.judge_chain(&expected(&origins)), Err(MessageRefusal::Chain(5)));
    }
}
