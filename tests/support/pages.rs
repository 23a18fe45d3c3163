//! The files of one directory, served to the browser of a test from an origin of their own.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;

/// A free port of loopback: the origin can be told to the gateway before the page has to know where the gateway is.
pub struct Origin {
    listener: TcpListener,
    /// `http://127.0.0.1:PORT`
    pub url: String,
}

impl Origin {
    /// Takes a port.
    pub fn take() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("the address of a listener"));
        Self { listener, url }
    }

    /// Serves the files of `directory`, with every `written` in them replaced by `meant`, until the tests have ended.
    pub fn serve(self, directory: PathBuf, written: &str, meant: &str) {
        let (written, meant) = (written.to_owned(), meant.to_owned());
        std::thread::spawn(move || {
            for stream in self.listener.incoming().flatten() {
                // A browser opens connections ahead of need, so none may wait for another.
                let (directory, written, meant) = (directory.clone(), written.clone(), meant.clone());
                std::thread::spawn(move || {
                    answer(&stream, |name| {
                        let text = std::fs::read_to_string(directory.join(name)).ok()?;
                        Some(text.replace(&written, &meant))
                    })
                });
            }
        });
    }
}

/// Answers one request with what `file` has under its name.
fn answer(mut stream: &TcpStream, file: impl Fn(&str) -> Option<String>) -> Option<()> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let line = lines.next()?;
    lines.find(String::is_empty)?;
    let path = line.split(' ').nth(1)?;
    let name = if path == "/" { "index.html" } else { path.trim_start_matches('/') };
    let (status, body) = match file(name) {
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", String::new()),
    };
    let kind = match name.rsplit('.').next()? {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all((head + &body).as_bytes()).ok()
}
