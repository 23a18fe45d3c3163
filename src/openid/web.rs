//! Requests to a provider: protected, bounded in time, in length and in number, and not led elsewhere.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use openidconnect::url::{Host, Url};
use openidconnect::{HttpRequest, HttpResponse};
use tokio::sync::Semaphore;

use crate::outbound::{self, Fault};

/// How long a provider has for one answer, connecting included. A sign-in takes five at most (description, keys, the token, and
/// both of the former again for a new key), and the gateway ends any request after 30 seconds.
const DEADLINE: Duration = Duration::from_secs(5);

/// The most that is read of an answer: what a provider says of itself, its keys and its tokens have a few KiB each.
const LONGEST: usize = 256 * 1024;

/// How many wait for the provider at most, so that one that hangs does not take all connections of the gateway.
const AT_ONCE: usize = 100;

/// The way to a provider.
#[derive(Clone)]
pub(super) struct Web {
    /// `None` if the system has no TLS to offer.
    client: Option<reqwest::Client>,
    /// Whether the provider is on this machine, and plain HTTP will do.
    local: bool,
    slots: Arc<Semaphore>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WebFault {
    Unanswered(Fault),
    TooMany,
    Unprotected,
}

impl Web {
    pub(super) fn new(local: bool) -> Self {
        Self {
            client: outbound::client(|builder| builder.timeout(DEADLINE)),
            local,
            slots: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Insists that nobody on the way can read or change what goes there (OpenID Connect Core section 16.17).
    pub(super) fn require_protected(&self, url: &Url) -> Result<(), WebFault> {
        let is_here = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let is_protected = url.scheme() == "https" || (url.scheme() == "http" && self.local && is_here);
        if is_protected { Ok(()) } else { Err(WebFault::Unprotected) }
    }

    pub(super) async fn send(self, request: HttpRequest) -> Result<HttpResponse, WebFault> {
        let url = Url::parse(&request.uri().to_string()).map_err(|_| WebFault::Unprotected)?;
        self.require_protected(&url)?;
        let client = self.client.ok_or_else(Fault::without_tls)?;
        let _slot = self.slots.try_acquire().map_err(|_| WebFault::TooMany)?;
        let request = request.try_into().map_err(Fault::from)?;
        let mut response = client.execute(request).await.map_err(Fault::from)?;
        let mut answer = HttpResponse::new(outbound::read(&mut response, LONGEST).await?);
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

impl From<Fault> for WebFault {
    fn from(fault: Fault) -> Self {
        Self::Unanswered(fault)
    }
}

impl fmt::Display for WebFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unanswered(fault) => fault.fmt(f),
            Self::TooMany => f.write_str("too many are waiting for it"),
            Self::Unprotected => f.write_str("it names a place that is not reached by https"),
        }
    }
}

impl std::error::Error for WebFault {}
