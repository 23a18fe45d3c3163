//! An HTTP client for load: it keeps its connection, waits for many answers at once, and tells a broken connection from
//! an answer.

use std::io::{Error, ErrorKind, Result};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::wallet::{Session, Wallet};

/// A connection to one gateway, opened when it is first needed and again after it broke.
pub struct Client {
    /// `host:port`.
    address: String,
    stream: Option<BufReader<TcpStream>>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The header lines, in lower case.
    head: Vec<String>,
    /// The body; null if it is no JSON.
    pub json: Value,
}

impl Client {
    /// A client of the gateway at `url`, which is `http://host:port`.
    pub fn of(url: &str) -> Self {
        Self { address: url.strip_prefix("http://").expect("a plain http URL").to_owned(), stream: None }
    }

    /// Opens the connection ahead of need.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn connect(&mut self) -> Result<()> {
        self.stream = Some(BufReader::new(TcpStream::connect(&self.address).await?));
        Ok(())
    }

    /// Sends one request, with a body unless it is null, and waits for its answer.
    ///
    /// # Errors
    /// When the connection breaks before the whole answer is here; nobody knows then whether the request was done.
    pub async fn send(&mut self, method: &str, path: &str, header: &str, body: &Value) -> Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => BufReader::new(TcpStream::connect(&self.address).await?),
        };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n{header}\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await?;
        let answer = read(&mut stream).await?;
        self.stream = Some(stream);
        Ok(answer)
    }

    /// Posts a body without a credential.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn post(&mut self, path: &str, body: &Value) -> Result<Answer> {
        self.send("POST", path, "", body).await
    }

    /// Calls with an access token and without a body.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn call_as(&mut self, token: &str, method: &str, path: &str) -> Result<Answer> {
        self.send(method, path, &format!("x-auth-token: {token}\r\n"), &Value::Null).await
    }

    /// Posts a refresh token.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn refresh(&mut self, token: &str) -> Result<Answer> {
        self.post("/users/refresh", &json!({"refreshToken": token})).await
    }

    /// What `wallet` has to post to sign in, over its own nonce or over a free one.
    ///
    /// # Errors
    /// As [`Client::send`] and [`Answer::or_busy`].
    pub async fn proof(&mut self, wallet: &Wallet, nonce: Nonce) -> Result<Value> {
        let answer = match nonce {
            Nonce::Own => self.post("/users/nonce", &json!({"address": wallet.address})).await?,
            Nonce::Free => self.send("GET", "/users/nonce", "", &Value::Null).await?,
        };
        let answer = answer.or_busy(200)?;
        let text = answer.field("nonce");
        let (address, signature) = (&wallet.address, wallet.sign(text));
        Ok(match nonce {
            Nonce::Own => json!({"address": address, "signature": signature}),
            Nonce::Free => json!({"address": address, "signature": signature, "nonce": text}),
        })
    }

    /// Signs in as a person does.
    pub async fn sign_in(&mut self, wallet: &Wallet) -> Session {
        let proof = self.proof(wallet, Nonce::Own).await.expect("a nonce");
        self.post("/users/authenticate", &proof).await.expect("an answer").ok(200).session()
    }
}

/// Which kind of nonce is signed.
#[derive(Clone, Copy, Debug)]
pub enum Nonce {
    /// The wallet's own, which is not named.
    Own,
    /// A free one, which is.
    Free,
}

impl Answer {
    /// The answer, which has to be a success of this status.
    #[track_caller]
    pub fn ok(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// The answer, which has to be a success of this status unless it says that there is an outage.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceBusy`] for an outage; nobody knows then whether the request was done.
    #[track_caller]
    pub fn or_busy(self, status: u16) -> Result<Self> {
        if self.status != 503 {
            return Ok(self.ok(status));
        }
        let late = self.json["error"] == "timeout";
        self.refused(503, if late { "timeout" } else { "database_unavailable" });
        Err(Error::from(ErrorKind::ResourceBusy))
    }

    /// Insists on a problem with this status and code; one of 503 has to say when to try again.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.field("error")), (status, code), "{self:?}");
        let has = |line: &str| self.head.iter().any(|known| known.starts_with(line));
        assert!(has("content-type: application/problem+json"), "{self:?}");
        assert!(status != 503 || has("retry-after: "), "{self:?}");
    }

    /// The values of the headers of this name, in lower case.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        self.head.iter().filter_map(move |line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// A member of the body that has to be text.
    #[track_caller]
    pub fn field(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_else(|| panic!("no text {name} in {self:?}"))
    }

    /// The session in an answer of sign-in.
    #[track_caller]
    pub fn session(&self) -> Session {
        let field = |name| self.field(name).to_owned();
        Session { address: field("address"), token: field("token"), refresh: field("refreshToken") }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Result<Answer> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(Error::from(ErrorKind::UnexpectedEof));
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        head.push(line.to_ascii_lowercase());
    }
    let invalid = || Error::from(ErrorKind::InvalidData);
    let status = head.first().and_then(|line| line.split(' ').nth(1)?.parse().ok()).ok_or_else(invalid)?;
    let length = head.iter().find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(Ok(0), |length| length.parse::<usize>().map_err(|_| invalid()))?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Answer { status, head, json: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}
