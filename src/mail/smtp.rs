//! SMTP, step by step: each has its time, and of an answer only the code is told, since servers repeat addresses.

use std::error::Error as _;
use std::time::Duration;

use lettre::Message;
use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use percent_encoding::percent_decode_str;
use tokio::net::TcpStream;
use url::Url;

use super::Failure;
use super::refusal::{Enhanced, Hope, Place};
use super::wire::Wire;

/// How long a server may take to be reached, and for the answer to each command.
const STEP: Duration = Duration::from_secs(10);

/// How long it may take to accept what was sent. Who gives up earlier sends twice what filters take their time for.
const ACCEPTANCE: Duration = Duration::from_mins(1);

/// The longest that it takes to offer a mail: all steps on a fresh connection, after one that was used had not answered.
pub const OFFER: Duration = Duration::from_secs(160);

/// The longest that it takes to hand over what was offered: until it is accepted, and to clear up if it is not.
pub const HANDOVER: Duration = Duration::from_secs(80);

/// Steps whose faults mean more than others'.
const CONNECTING: &str = "connecting";
const RECIPIENT: &str = "RCPT";
const END: &str = "the end of the mail";

/// A server that takes mails.
pub(super) struct Relay {
    host: String,
    port: u16,
    protection: Protection,
    credentials: Option<Credentials>,
    /// By which name we greet.
    name: ClientId,
}

/// How the way to the server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protection {
    None,
    /// By STARTTLS, if the server has it.
    Opportunistic,
    /// By STARTTLS.
    Required,
    /// From the first byte on.
    Whole,
}

impl Relay {
    /// Reads a URL that the configuration has checked. It means what it means to lettre.
    pub(super) fn new(url: &Url, own_host: Option<&str>) -> Self {
        let tls = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
        let (protection, port) = match (url.scheme(), tls.as_deref()) {
            ("smtps", _) => (Protection::Whole, 465),
            (_, Some("required")) => (Protection::Required, 587),
            (_, Some("opportunistic")) => (Protection::Opportunistic, 587),
            _ => (Protection::None, 25),
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let host = url.host_str().unwrap_or_default();
        let path = url.path().trim_matches('/');
        let name = if path.is_empty() { own_host } else { Some(path) };
        Self {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: url.port().unwrap_or(port),
            protection,
            credentials: url.password().map(|password| Credentials::new(decoded(url.username()), decoded(password))),
            name: name.map_or_else(ClientId::default, |name| ClientId::Domain(name.to_owned())),
        }
    }

    /// Where it is.
    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Connects, protects the way as configured, and says who we are.
    pub(super) async fn connect(&self) -> Result<Connection, Fault> {
        let parameters = || TlsParameters::new(self.host.clone());
        let whole = match self.protection {
            Protection::Whole => Some(parameters().map_err(|error| Fault::new("TLS", &error))?),
            Protection::None | Protection::Opportunistic | Protection::Required => None,
        };
        let mut connection = match self.protection {
            Protection::None | Protection::Whole => {
                let server = (self.host.as_str(), self.port);
                let connect = AsyncSmtpConnection::connect_tokio1(server, Some(STEP), &self.name, whole, None);
                // To be reached, and then to greet.
                within(CONNECTING, STEP * 2, connect).await?
            }
            Protection::Opportunistic | Protection::Required => self.connect_in_the_clear().await?,
        };
        let upgrade = match self.protection {
            Protection::Required => true,
            Protection::Opportunistic => connection.can_starttls(),
            Protection::None | Protection::Whole => false,
        };
        if upgrade {
            let parameters = parameters().map_err(|error| Fault::new("TLS", &error))?;
            within("STARTTLS", STEP, connection.starttls(parameters, &self.name)).await?;
        }
        if let Some(credentials) = &self.credentials {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            within("AUTH", STEP, connection.auth(&mechanisms, credentials)).await?;
        }
        Ok(Connection(Box::new(connection)))
    }

    /// Connects to a server that encrypts later, if at all.
    async fn connect_in_the_clear(&self) -> Result<AsyncSmtpConnection, Fault> {
        let reached = tokio::time::timeout(STEP, TcpStream::connect((self.host.as_str(), self.port))).await;
        let stream = reached.map_err(|_| Fault::late(CONNECTING))?;
        let stream = stream.map_err(|error| Fault::of_network(CONNECTING, error.to_string()))?;
        let wire = Box::new(Wire::over(stream));
        within(CONNECTING, STEP, AsyncSmtpConnection::connect_with_transport(wire, &self.name)).await
    }

    /// Whether it would take mails of ours, with what to do if not.
    pub(super) async fn examine(&self) -> Result<String, String> {
        let connection = self.connect().await.map_err(|fault| {
            let remedy = match fault.stage {
                "AUTH" => "correct user and password in smtp.url, each with %XX for what is no letter or digit",
                "TLS" | "STARTTLS" => {
                    "correct smtps:// and ?tls= in smtp.url, or have the server show a certificate of its name"
                }
                _ => "correct host and port in smtp.url, and see that the server runs and lets this machine in",
            };
            format!("{}: {remedy}", fault.told())
        })?;
        let encrypted = if connection.0.is_encrypted() { "encrypted" } else { "NOT encrypted" };
        let known = if self.credentials.is_some() { ", and takes our password" } else { "" };
        connection.quit().await;
        Ok(format!("it answers, {encrypted}{known}"))
    }
}

/// A connection to the server, ready for the next mail or for the one that it was told of.
pub(super) struct Connection(Box<AsyncSmtpConnection>);

/// What did not work, and the connection if the next mail may be sent over it.
pub(super) struct Refused {
    pub(super) fault: Fault,
    pub(super) connection: Option<Connection>,
}

impl Connection {
    /// Tells of a message, until the server waits for it. Whoever drops the connection now has sent nothing.
    pub(super) async fn announce(mut self, message: &Message, content: &[u8]) -> Result<Self, Refused> {
        let announced = self.announce_all(message.envelope(), content).await;
        self.or_refused(announced).await
    }

    async fn announce_all(&mut self, envelope: &Envelope, content: &[u8]) -> Result<(), Fault> {
        let parameters = self.parameters(envelope, content)?;
        within("MAIL", STEP, self.0.command(Mail::new(envelope.from().cloned(), parameters))).await?;
        for to in envelope.to() {
            within(RECIPIENT, STEP, self.0.command(Rcpt::new(to.clone(), Vec::new()))).await?;
        }
        within("DATA", STEP, self.0.command(Data)).await?;
        Ok(())
    }

    /// Sends what was announced. If this is dropped half-way, nobody knows whether the server has it.
    pub(super) async fn hand_over(mut self, content: &[u8]) -> Result<Self, Refused> {
        let taken = within(END, ACCEPTANCE, self.0.message(content)).await;
        self.or_refused(taken.map(drop)).await
    }

    async fn or_refused(mut self, outcome: Result<(), Fault>) -> Result<Self, Refused> {
        let Err(fault) = outcome else { return Ok(self) };
        let is_usable = !fault.ends_connection() && within("RSET", STEP, self.0.command("RSET\r\n")).await.is_ok();
        Err(Refused { fault, connection: is_usable.then_some(self) })
    }

    /// What has to be announced of the message (RFC 6152, RFC 6531).
    fn parameters(&self, envelope: &Envelope, content: &[u8]) -> Result<Vec<MailParameter>, Fault> {
        let foreign_addresses = envelope.from().into_iter().chain(envelope.to()).any(|to| !to.to_string().is_ascii());
        let needed = [
            (foreign_addresses, Extension::SmtpUtfEight, MailParameter::SmtpUtfEight),
            (!content.is_ascii(), Extension::EightBitMime, MailParameter::Body(MailBodyParameter::EightBitMime)),
        ];
        let mut parameters = Vec::new();
        for (_, extension, parameter) in needed.into_iter().filter(|(is_needed, _, _)| *is_needed) {
            if !self.0.server_info().supports_feature(extension) {
                return Err(Fault::unsupported(extension));
            }
            parameters.push(parameter);
        }
        Ok(parameters)
    }

    /// Takes leave. Who does not answer to that has been left all the same.
    pub(super) async fn quit(mut self) {
        let _ = tokio::time::timeout(STEP, self.0.quit()).await;
    }
}

/// What went wrong at which step.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    stage: &'static str,
    what: String,
    reach: Reach,
}

/// How far a fault goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// This mail, with so much hope for another try.
    Mail(Hope),
    /// The connection, and so all mails.
    Connection,
}

impl Fault {
    fn new(stage: &'static str, error: &Error) -> Self {
        let Some(code) = error.status().map(u16::from) else {
            // The texts of answers would repeat what the server said.
            let what = if error.is_response() { "the server's answer is none".to_owned() } else { error.to_string() };
            return Self::of_network(stage, what);
        };
        let text = error.source().map(ToString::to_string).unwrap_or_default();
        let enhanced = Enhanced::parse(&text);
        let what = match enhanced {
            Some(enhanced) => format!("the server answers {code} {enhanced}"),
            None => format!("the server answers {code}"),
        };
        let place = match stage {
            RECIPIENT => Place::Recipient,
            END => Place::End,
            _ => Place::Elsewhere,
        };
        // After 421 it closes.
        let reach = if code == 421 { Reach::Connection } else { Reach::Mail(Hope::after(place, code, enhanced)) };
        Self { stage, what, reach }
    }

    const fn of_network(stage: &'static str, what: String) -> Self {
        Self { stage, what, reach: Reach::Connection }
    }

    fn late(stage: &'static str) -> Self {
        Self::of_network(stage, "the server does not answer in time".to_owned())
    }

    fn unsupported(extension: Extension) -> Self {
        let what = format!("the server does not have {extension}, which this mail needs");
        Self { stage: "EHLO", what, reach: Reach::Mail(Hope::None) }
    }

    /// Whether nothing more can be said over the connection.
    pub(super) fn ends_connection(&self) -> bool {
        self.reach == Reach::Connection
    }

    fn told(&self) -> String {
        format!("{}: {}", self.stage, self.what)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let told = fault.told();
        match (fault.stage, fault.reach) {
            // Without these no mail goes, whatever the answer was.
            (CONNECTING | "TLS" | "STARTTLS" | "AUTH", _) | (_, Reach::Connection) => Self::Away(told),
            (_, Reach::Mail(Hope::None)) => Self::Hopeless(told),
            (_, Reach::Mail(Hope::Little)) => Self::Refused(told),
            (_, Reach::Mail(Hope::Good)) => Self::Later(told),
        }
    }
}

async fn within<T>(
    stage: &'static str,
    limit: Duration,
    step: impl Future<Output = Result<T, Error>>,
) -> Result<T, Fault> {
    let done = tokio::time::timeout(limit, step).await.map_err(|_| Fault::late(stage))?;
    done.map_err(|error| Fault::new(stage, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay(url: &str) -> Relay {
        Relay::new(&Url::parse(url).unwrap(), Some("auth.example"))
    }

    #[test]
    fn a_url_tells_where_the_server_is_and_how_the_way_is_protected() {
        let table = [
            ("smtp://mail.example", "mail.example:25", Protection::None),
            ("smtp://mail.example?tls=opportunistic", "mail.example:587", Protection::Opportunistic),
            ("smtp://mail.example?tls=required", "mail.example:587", Protection::Required),
            ("smtps://mail.example", "mail.example:465", Protection::Whole),
            ("smtps://[::1]:4650", "::1:4650", Protection::Whole),
        ];
        for (url, name, protection) in table {
            let relay = relay(url);
            assert_eq!((relay.name().as_str(), relay.protection), (name, protection), "{url}");
            assert!(relay.credentials.is_none());
        }
    }

    #[test]
    fn user_and_password_are_decoded_and_the_path_is_the_name_that_we_greet_by() {
        let with_all = relay("smtps://a%40b:p%2Fw@mail.example/gw.example");
        assert_eq!(with_all.credentials, Some(Credentials::new("a@b".to_owned(), "p/w".to_owned())));
        assert_eq!(with_all.name, ClientId::Domain("gw.example".to_owned()));
        assert_eq!(relay("smtp://mail.example").name, ClientId::Domain("auth.example".to_owned()));
    }
}
