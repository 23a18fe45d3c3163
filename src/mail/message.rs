//! Letters as messages of RFC 5322: text and HTML side by side, and headers that nobody else can add to.

use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};

use super::Mail;
use super::templates::{Rendered, Templates};
use crate::config::{Config, Sender};

/// The domain of what has none.
const NOWHERE: &str = "localhost";

/// Who puts letters into words.
pub(super) struct Writer {
    templates: Templates,
    from: Mailbox,
    /// The gateway's origin, by which people know it.
    site: String,
    /// What ids of messages end in.
    domain: String,
}

impl Writer {
    pub(super) fn new(config: &Config, host: Option<String>) -> Result<Self, String> {
        let from = match &config.mail.from {
            Some(Sender { name, address }) => address_of(address.as_str()).map(|own| Mailbox::new(name.clone(), own)),
            // Nobody sends these.
            None => Address::new("no-reply", NOWHERE).ok().map(|own| Mailbox::new(None, own)),
        };
        Ok(Self {
            templates: Templates::load(config.mail.templates.as_deref())?,
            from: from.ok_or("smtp.from is no address that mail can be sent from")?,
            site: config.public_url.clone(),
            domain: host.unwrap_or_else(|| NOWHERE.to_owned()),
        })
    }

    /// The message; `None` if the letter does not fit into words, or nobody can have this address.
    pub(super) fn write(&self, mail: Mail<'_>) -> Option<Message> {
        let Rendered { subject, text, html } = self.templates.render(mail.letter, &self.site)?;
        let written_at = UNIX_EPOCH + Duration::from_millis(mail.written_at.millis());
        let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        Message::builder()
            .message_id(Some(format!("<{}@{}>", mail.id, self.domain)))
            .date(written_at)
            .from(self.from.clone())
            .to(Mailbox::new(None, address_of(mail.to)?))
            .subject(subject)
            // So that no absence note answers it (RFC 3834).
            .raw_header(automatic)
            .multipart(MultiPart::alternative_plain_html(text, html))
            .ok()
    }
}

/// The address, with the domain in the form that every server reads; only what is before the @ may need more (RFC 6531).
fn address_of(text: &str) -> Option<Address> {
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return None;
    }
    let (local, domain) = text.rsplit_once('@')?;
    let domain = idna::domain_to_ascii(domain).ok()?;
    Address::new(local, domain).ok()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::clock::Timestamp;
    use crate::config::Environment;
    use crate::model::mail::Letter;

    fn writer(from: &str) -> Writer {
        let variables = [("COUNTERSIGN_SMTP__FROM", from), ("COUNTERSIGN_PUBLIC_URL", "https://auth.example")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = Config::load(&[], &Environment(variables.to_vec())).unwrap();
        Writer::new(&config, Some("auth.example".to_owned())).unwrap()
    }

    fn written(to: &str, letter: &Letter) -> Option<String> {
        let id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0007);
        let mail = Mail { id, to, letter, written_at: Timestamp::from_seconds(1_767_225_600) };
        let message = writer("Prüfer & Co <no-reply@auth.example>").write(mail)?;
        Some(String::from_utf8(message.formatted()).unwrap())
    }

    fn letter() -> Letter {
        let link = format!("https://auth.example/account/confirm-email#{}", "t".repeat(200));
        Letter::VerifyEmail { code: "123456".to_owned(), link }
    }

    #[test]
    fn a_message_has_text_and_html_and_an_id_that_stays() {
        let text = written("Trader@BÜCHER.example", &letter()).unwrap();
        for line in [
            "Message-ID: <01900000-0000-7000-8000-000000000007@auth.example>\r\n",
            "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n",
            "To: Trader@xn--bcher-kva.example\r\n",
            "Subject: Confirm your e-mail address\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Type: multipart/alternative;",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Content-Type: text/html; charset=utf-8\r\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 998), "any server takes it");
        assert!(text.contains("<no-reply@auth.example>\r\n") && !text.contains("Prüfer"));
    }

    #[test]
    fn nothing_that_is_written_adds_a_header_or_a_recipient() {
        for to in [
            "a@b.example\r\nBcc: c@d.example",
            "a@b.example\nBcc: c@d.example",
            "a@b.example, c@d.example",
            "a@b.example c@d.example",
            "<a@b.example>",
            "a",
            "",
            "a@",
            "@b.example",
        ] {
            assert!(written(to, &letter()).is_none(), "{to:?}");
        }
        let injected = Letter::EmailChanged { at: "now".to_owned(), new: "a\r\nBcc: c@d.example".to_owned() };
        assert!(written("a@b.example", &injected).is_none());
    }

    #[test]
    fn a_letter_of_another_script_reaches_its_address() {
        assert!(written("почта@b.example", &letter()).is_some());
    }
}
