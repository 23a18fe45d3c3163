//! Requests to Google: protected, bounded in time and in length, over connections that are kept, and not led elsewhere.

use std::time::Duration;

use reqwest::RequestBuilder;
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use url::Url;

use crate::outbound::{self, Fault};

/// How long one answer may take, connecting included.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// The most that is read of an answer: one has a few hundred bytes.
const LONGEST: usize = 64 * 1024;

/// The way to Google.
pub(super) struct Web {
    /// `None` if the system has no TLS to offer.
    client: Option<reqwest::Client>,
}

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// When it may be asked again, as it says.
    pub(super) retry_after: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Default for Web {
    fn default() -> Self {
        Self { client: outbound::client(|builder| builder.timeout(DEADLINE)) }
    }
}

impl Web {
    /// Posts JSON with an access token.
    pub(super) async fn post_json(&self, url: &Url, token: &str, body: String) -> Result<Answer, Fault> {
        const JSON: HeaderValue = HeaderValue::from_static("application/json");
        self.send(self.client()?.post(url.clone()).bearer_auth(token).header(CONTENT_TYPE, JSON).body(body)).await
    }

    /// Posts a form.
    pub(super) async fn post_form(&self, url: &Url, body: String) -> Result<Answer, Fault> {
        const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
        self.send(self.client()?.post(url.clone()).header(CONTENT_TYPE, FORM).body(body)).await
    }

    fn client(&self) -> Result<&reqwest::Client, Fault> {
        self.client.as_ref().ok_or_else(Fault::without_tls)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, Fault> {
        let mut response = request.send().await?;
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = outbound::read(&mut response, LONGEST).await?;
        Ok(Answer { status: response.status().as_u16(), retry_after, body })
    }
}
