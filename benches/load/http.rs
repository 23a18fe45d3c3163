//! The least HTTP/1.1 that a client needs on a connection that is kept: since client and server share the machine,
//! what it does not do is not measured as theirs. An answer other than 200 is a fault.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Fault;

/// One kept connection; it carries one request at a time.
pub struct Connection {
    stream: TcpStream,
    authority: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// What a request is authenticated by, and the header that it travels in.
#[derive(Clone, Copy)]
pub struct Credential<'a> {
    pub header: &'static str,
    pub value: &'a str,
}

impl Connection {
    pub async fn open(authority: &str) -> Result<Self, Fault> {
        let stream = TcpStream::connect(authority).await?;
        stream.set_nodelay(true)?;
        let authority = authority.to_owned();
        Ok(Self { stream, authority, request: Vec::with_capacity(2048), answer: Vec::with_capacity(4096) })
    }

    /// Posts a JSON body; gives the body of the answer.
    pub async fn post(&mut self, path: &str, body: &str) -> Result<&[u8], Fault> {
        let Self { authority, request, .. } = self;
        let length = body.len();
        request.clear();
        let head = format_args!(
            "POST {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        std::io::Write::write_fmt(request, head)?;
        self.exchange(path).await
    }

    /// Gets a path, with a credential if there is one; gives the body of the answer.
    pub async fn get(&mut self, path: &str, credential: Option<Credential<'_>>) -> Result<&[u8], Fault> {
        let Self { authority, request, .. } = self;
        request.clear();
        std::io::Write::write_fmt(request, format_args!("GET {path} HTTP/1.1\r\nhost: {authority}\r\n"))?;
        if let Some(Credential { header, value }) = credential {
            std::io::Write::write_fmt(request, format_args!("{header}: {value}\r\n"))?;
        }
        request.extend_from_slice(b"\r\n");
        self.exchange(path).await
    }

    async fn exchange(&mut self, path: &str) -> Result<&[u8], Fault> {
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        let head = loop {
            self.receive(path).await?;
            if let Some(at) = self.answer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let length = content_length(&self.answer[..head]).ok_or_else(|| self.fault(path))?;
        while self.answer.len() < head + length {
            self.receive(path).await?;
        }
        if self.answer.len() > head + length || !self.answer.starts_with(b"HTTP/1.1 200 ") {
            return Err(self.fault(path));
        }
        Ok(&self.answer[head..])
    }

    async fn receive(&mut self, path: &str) -> Result<(), Fault> {
        match self.stream.read_buf(&mut self.answer).await? {
            0 => Err(Fault(format!("{path}: the server closed the connection after {:?}", self.text()))),
            _ => Ok(()),
        }
    }

    fn fault(&self, path: &str) -> Fault {
        Fault(format!("{path} was answered with\n{}", self.text()))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.answer).into_owned()
    }
}

fn content_length(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?;
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })
}
