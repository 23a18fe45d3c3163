//! Calling a gateway.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use url::Url;

use super::super::failure::Failure;
use super::variable;
use crate::config::Config;
use crate::outbound;

/// How long an answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Where the gateway is, if nothing says otherwise.
const DEFAULT_URL: &str = "http://localhost:8080";

/// Why a call has no answer.
pub(super) enum Fault {
    /// The gateway refused it: the code of its error, if it told one, and the line for a person.
    Refused { code: String, line: String },
    /// It was not sent, or not answered.
    Failed(Failure),
}

impl Fault {
    /// Whether the gateway refused with one of these codes.
    pub(super) fn is_one_of(&self, codes: &[&str]) -> bool {
        matches!(self, Self::Refused { code, .. } if codes.contains(&code.as_str()))
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused { line, .. } => Self::Refused(line),
            Fault::Failed(failure) => failure,
        }
    }
}

/// A gateway, by its URL without a slash at the end.
pub(super) struct Api {
    pub(super) url: String,
    client: Client,
}

impl Api {
    /// The gateway at `COUNTERSIGN_URL`.
    pub(super) fn of_environment() -> Result<Self, Failure> {
        Self::at(variable("COUNTERSIGN_URL")?.as_deref().unwrap_or(DEFAULT_URL))
    }

    /// The gateway at `COUNTERSIGN_URL`, else the one that listens by this configuration.
    pub(super) fn of_environment_or(config: &Config) -> Result<Self, Failure> {
        if std::env::var_os("COUNTERSIGN_URL").is_some() {
            return Self::of_environment();
        }
        let mut listen = config.listen;
        if listen.ip().is_unspecified() {
            let loopback =
                if listen.is_ipv4() { IpAddr::from([127, 0, 0, 1]) } else { IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]) };
            listen.set_ip(loopback);
        }
        Self::at(&format!("http://{listen}"))
    }

    fn at(url: &str) -> Result<Self, Failure> {
        let wrong = || Failure::WrongUse("COUNTERSIGN_URL: a URL such as https://id.example is expected".to_owned());
        let parsed = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let url = parsed.ok_or_else(wrong)?.to_string().trim_end_matches('/').to_owned();
        // Redirects could carry the token elsewhere.
        let client = Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build();
        Ok(Self { url, client: client.map_err(|error| Failure::WrongUse(outbound::reason(&error)))? })
    }

    /// Reads a path, with an access token or without.
    pub(super) async fn get(&self, path: &str, token: Option<&str>) -> Result<Value, Fault> {
        self.send(self.client.get(format!("{}{path}", self.url)), token).await
    }

    /// Posts to a path.
    pub(super) async fn post(&self, path: &str, token: Option<&str>, body: Option<&Value>) -> Result<Value, Fault> {
        let mut request = self.client.post(format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body.to_string());
        }
        self.send(request, token).await
    }

    async fn send(&self, request: RequestBuilder, token: Option<&str>) -> Result<Value, Fault> {
        let wrong = |_| Failure::WrongUse("this can be no access token: run countersign login".to_owned());
        let request = match token {
            Some(token) => request.header("x-auth-token", HeaderValue::from_str(token).map_err(wrong)?),
            None => request,
        };
        let unreachable = |error: reqwest::Error| {
            Failure::Unreachable(format!(
                "{} can't be reached ({}): is it running? is COUNTERSIGN_URL right?",
                self.url,
                outbound::reason(&error)
            ))
        };
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        // A table without the rows of some chains must not pass for the whole.
        if let Some(chains) = answer.headers().get("x-unavailable-chains").and_then(|chains| chains.to_str().ok()) {
            eprintln!("these chains do not answer now: {chains}");
        }
        let body = answer.bytes().await.map_err(unreachable)?;
        let json: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(json);
        }
        // The gateway's own words say what to do; without any, this may be something else that listens there.
        let told = json["detail"].as_str().zip(json["error"].as_str());
        Err(match told {
            Some((detail, code)) => Fault::Refused { code: code.to_owned(), line: format!("{detail} ({code})") },
            None => Fault::Refused {
                code: String::new(),
                line: format!("{} answered {status}: is this a Countersign gateway?", self.url),
            },
        })
    }
}
