//! The wire of a server that encrypts by STARTTLS. Of what is said in the clear it reads no byte ahead: what somebody in
//! between has put behind the answer would else be taken for answers of after the encryption.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What ends the part of the conversation that anyone could have written into.
const STARTTLS: &[u8] = b"STARTTLS\r\n";

/// A connection whose reader is a buffer that outlives the change to TLS.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Anybody may have written this.
    Clear,
    /// The answer to STARTTLS is the last line in the clear. What follows it belongs to TLS, which refuses all else.
    Asked,
    /// TLS sees to it.
    Encrypted,
}

impl Wire {
    pub(super) const fn over(stream: TcpStream) -> Self {
        Self { stream, phase: Phase::Clear }
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.phase == Phase::Encrypted {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        // Whoever reads a line stops at its end, so byte by byte nothing of the next one is in his buffer.
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut one))?;
        buf.put_slice(one.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        self.phase = match self.phase {
            Phase::Clear if buf == STARTTLS && written == buf.len() => Phase::Asked,
            Phase::Clear => Phase::Clear,
            // TLS speaks first.
            Phase::Asked | Phase::Encrypted => Phase::Encrypted,
        };
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
