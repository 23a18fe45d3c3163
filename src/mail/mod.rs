//! Mails on the wire: letters put into words, and carried to a server by SMTP or, without one, into files. It knows no
//! accounts, and of what it sends nothing gets into an error or the log but the id.

mod files;
mod message;
mod refusal;
mod smtp;
mod templates;
mod wire;

use std::path::PathBuf;

use lettre::Message;
use url::Url;
use uuid::Uuid;

pub use smtp::{HANDOVER, OFFER};

use crate::clock::Timestamp;
use crate::config::Config;
use crate::model::delivery::Failure;
use crate::model::mail::Letter;
use message::Writer;
use smtp::{Connection, Refused, Relay};

/// What sends letters.
pub struct Post {
    writer: Writer,
    way: Way,
}

enum Way {
    Server(Relay),
    Files(PathBuf),
}

/// A letter on its way.
#[derive(Clone, Copy)]
pub struct Mail<'a> {
    /// What tells it from others, also for whoever gets it twice.
    pub id: Uuid,
    /// Whom it goes to.
    pub to: &'a str,
    /// What it tells.
    pub letter: &'a Letter,
    /// When it was written.
    pub written_at: Timestamp,
}

impl Post {
    /// Reads the templates, and how mails are sent.
    ///
    /// # Errors
    /// One line that says what is wrong with a template.
    pub fn new(config: &Config) -> Result<Self, String> {
        let host = Url::parse(&config.public_url).ok().and_then(|url| url.domain().map(str::to_owned));
        let way = match &config.mail.smtp {
            Some(smtp) => Way::Server(Relay::new(smtp.url.expose(), host.as_deref())),
            None => Way::Files(config.data_dir.join("outbox")),
        };
        Ok(Self { writer: Writer::new(config, host)?, way })
    }

    /// Begins a round of sending, in which one connection serves all.
    #[must_use]
    pub fn carrier(&self) -> Carrier<'_> {
        Carrier { post: self, connection: None }
    }
}

/// Who takes mails away, one after another.
pub struct Carrier<'a> {
    post: &'a Post,
    connection: Option<Connection>,
}

/// A mail that is ready to be taken: of what it tells nobody has anything yet, and nobody will if this is dropped.
pub struct Offer<'a> {
    mail: Mail<'a>,
    content: Vec<u8>,
    taker: Taker,
}

/// Who waits for a mail.
enum Taker {
    Server(Connection),
    Directory(PathBuf),
}

impl Carrier<'_> {
    /// Goes with a mail as far as it can be taken back. If this is dropped half-way, the mail was not sent.
    ///
    /// # Errors
    /// [`Failure`] says why nobody wants it.
    pub async fn offer<'m>(&mut self, mail: Mail<'m>) -> Result<Offer<'m>, Failure> {
        let unfit = || Failure::Hopeless("it can't be put into words".to_owned());
        let message = self.post.writer.write(mail).ok_or_else(unfit)?;
        let content = message.formatted();
        let taker = match &self.post.way {
            Way::Files(directory) => Taker::Directory(directory.clone()),
            Way::Server(relay) => Taker::Server(self.announce(relay, &message, &content).await?),
        };
        Ok(Offer { mail, content, taker })
    }

    async fn announce(&mut self, relay: &Relay, message: &Message, content: &[u8]) -> Result<Connection, Failure> {
        if let Some(used) = self.connection.take() {
            match used.announce(message, content).await {
                // A server may have had enough of a connection that has served others, and says so now.
                Err(Refused { fault, .. }) if fault.ends_connection() => {}
                announced => return self.keep(announced),
            }
        }
        let announced = relay.connect().await?.announce(message, content).await;
        self.keep(announced)
    }

    /// Sends what was offered. If this is dropped half-way, nobody knows whether it was sent.
    ///
    /// # Errors
    /// [`Failure`] says why it was not.
    pub async fn hand_over(&mut self, offer: Offer<'_>) -> Result<(), Failure> {
        match offer.taker {
            Taker::Server(server) => {
                let taken = server.hand_over(&offer.content).await;
                self.connection = Some(self.keep(taken)?);
            }
            Taker::Directory(directory) => {
                let file = files::write(&directory, offer.mail, &offer.content).await?;
                let (id, file) = (offer.mail.id, file.display());
                tracing::info!(mail = %id, file = %file, "a mail is in a file: no smtp.url is configured");
            }
        }
        Ok(())
    }

    /// Keeps the connection for the next mail if this one was refused.
    fn keep(&mut self, outcome: Result<Connection, Refused>) -> Result<Connection, Failure> {
        outcome.map_err(|refused| {
            self.connection = refused.connection;
            refused.fault.into()
        })
    }

    /// Takes leave of the server.
    pub async fn end(self) {
        if let Some(connection) = self.connection {
            connection.quit().await;
        }
    }
}

/// What mails need: its name, and what is good or wrong about it, with what to do. Nothing is sent.
pub async fn examine(config: &Config) -> (String, Result<String, String>) {
    let post = match Post::new(config) {
        Ok(post) => post,
        Err(fault) => {
            return ("mail".to_owned(), Err(format!("{fault}: correct it, or take it out of mail.templates")));
        }
    };
    match &post.way {
        Way::Files(directory) => {
            let told = format!("no SMTP server is configured: mails are files in {}", directory.display());
            ("mail".to_owned(), Ok(told))
        }
        Way::Server(relay) => (format!("SMTP {}", relay.name()), relay.examine().await),
    }
}
