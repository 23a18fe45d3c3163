//! The settings of what is written to people: by which server, in which words, and what about.

use std::net::IpAddr;
use std::path::PathBuf;

use url::Url;

use super::read::{Fault, Reader, blame, boolean, text};
use super::sources::ConfigError;
use super::{Links, MailSettings, Notices, Sender, Smtp};
use crate::model::Email;
use crate::secret::RedactedUrl;

impl Reader {
    pub(super) fn mail(&self) -> Result<MailSettings, ConfigError> {
        let url = self.optional("smtp.url", smtp)?;
        let from = self.optional("smtp.from", sender)?;
        if let (Some(_), None, Some(setting)) = (&url, &from, self.0.get("smtp.url")) {
            return Err(blame(
                setting,
                "smtp.url",
                "smtp.from is needed as well, such as Example <no-reply@example.com>",
            ));
        }
        Ok(MailSettings {
            smtp: url.map(|url| Smtp { url }),
            from,
            templates: self.optional("mail.templates", text)?.map(PathBuf::from),
        })
    }

    pub(super) fn links(&self, public_url: &str) -> Result<Links, ConfigError> {
        let link = |name, page: &str| -> Result<String, ConfigError> {
            Ok(self.optional(name, page_url)?.unwrap_or_else(|| format!("{public_url}{page}")))
        };
        Ok(Links {
            reset_password: link("links.reset_password", "/account/reset-password")?,
            confirm_email: link("links.confirm_email", "/account/confirm-email")?,
        })
    }

    pub(super) fn notices(&self) -> Result<Notices, ConfigError> {
        Ok(Notices {
            new_sign_in: self.read("notices.new_sign_in", boolean)?,
            password_changed: self.read("notices.password_changed", boolean)?,
            email_changed: self.read("notices.email_changed", boolean)?,
            wallet_linked: self.read("notices.wallet_linked", boolean)?,
            identity_linked: self.read("notices.identity_linked", boolean)?,
        })
    }
}

fn smtp(written: &str) -> Result<RedactedUrl, Fault> {
    const FAULT: Fault = "smtps://user:password@host, or smtp:// with ?tls=required, is expected; of user and password \
                          whatever is no letter or digit as %XX";
    let url = Url::parse(written).map_err(|_| FAULT)?;
    let tls = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
    let tls = tls.as_deref();
    let is_known = matches!((url.scheme(), tls), ("smtps", _) | ("smtp", None | Some("required" | "opportunistic")));
    let has_host = url.host_str().is_some_and(|host| !host.is_empty());
    // A name without a password would be left out without a word.
    let is_whole = url.username().is_empty() == url.password().is_none();
    if !(is_known && has_host && is_whole && url.fragment().is_none()) {
        return Err(FAULT);
    }
    let is_encrypted = url.scheme() == "smtps" || tls == Some("required");
    if url.password().is_some() && !is_encrypted && !is_this_machine(&url) {
        return Err(
            "the password could be read on the way: smtps:// or ?tls=required is expected where there is one, \
                    unless the server is on this machine",
        );
    }
    Ok(RedactedUrl::new(url))
}

fn is_this_machine(url: &Url) -> bool {
    // The scheme is none of those whose hosts the parser looks into.
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `Example <no-reply@example.com>`, or the address alone.
fn sender(written: &str) -> Result<Sender, Fault> {
    const FAULT: Fault =
        "an e-mail address is expected, such as no-reply@example.com or Example <no-reply@example.com>";
    let (name, address) = match written.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((name, address)) => (name.trim().trim_matches('"'), address),
        None => ("", written),
    };
    let address = Email::parse("", address.trim()).map_err(|_| FAULT)?;
    if name.chars().any(char::is_control) {
        return Err("the name must not have control characters");
    }
    Ok(Sender { name: (!name.is_empty()).then(|| name.to_owned()), address })
}

fn page_url(written: &str) -> Result<String, Fault> {
    const FAULT: Fault = "a page's URL is expected, such as https://app.example/reset: http or https, no # and no user";
    let url = Url::parse(written).map_err(|_| FAULT)?;
    let anonymous = url.username().is_empty() && url.password().is_none();
    let is_page = matches!(url.scheme(), "http" | "https") && url.fragment().is_none();
    if is_page && anonymous { Ok(url.into()) } else { Err(FAULT) }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, ConfigError, Environment};

    fn with(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let owned = variables.iter().map(|(name, value)| (format!("COUNTERSIGN_{name}"), (*value).to_owned()));
        Config::load(&[], &Environment(owned.collect()))
    }

    #[test]
    fn links_lead_to_our_own_pages_unless_others_are_named() {
        let links = with(&[("PUBLIC_URL", "https://auth.example")]).unwrap().links;
        assert_eq!(links.reset_password, "https://auth.example/account/reset-password");
        assert_eq!(links.confirm_email, "https://auth.example/account/confirm-email");
        let links = with(&[("LINKS__CONFIRM_EMAIL", "https://app.example/confirm?a=b")]).unwrap().links;
        assert_eq!(links.confirm_email, "https://app.example/confirm?a=b");
        for url in
            ["/reset", "javascript:alert(1)", "https://app.example/#x", "https://me@app.example/", "data:text/html,x"]
        {
            let refused = with(&[("LINKS__RESET_PASSWORD", url)]).unwrap_err().0;
            assert!(refused.starts_with("COUNTERSIGN_LINKS__RESET_PASSWORD: links.reset_password: "), "{refused}");
        }
    }

    #[test]
    fn a_server_needs_a_sender_and_its_password_is_not_shown() {
        let (url, from) = ("smtp://app:hunter2@mail.example:587?tls=required", "Example <no-reply@mail.example>");
        let config = with(&[("SMTP__URL", url), ("SMTP__FROM", from)]).unwrap();
        assert_eq!(config.mail.from.as_ref().unwrap().to_string(), from);
        for shown in [config.to_toml(), format!("{config:?}")] {
            assert!(!shown.contains("hunter2") && shown.contains("mail.example"), "{shown}");
        }
        assert!(with(&[("SMTP__URL", url)]).unwrap_err().0.contains("smtp.from"));
        for (key, value) in [
            ("SMTP__URL", "http://hunter2"),
            ("SMTP__URL", "smtp://hunter2?tls=maybe"),
            ("SMTP__URL", "smtp:hunter2"),
            ("SMTP__FROM", "hunter2"),
            ("SMTP__FROM", "a\r\nBcc: hunter2 <a@b.example>"),
            ("SMTP__FROM", "a@b.example, hunter2@b.example"),
        ] {
            let refused = with(&[(key, value)]).unwrap_err().0;
            assert!(refused.starts_with(&format!("COUNTERSIGN_{key}: ")) && !refused.contains("hunter2"), "{refused}");
        }
    }

    #[test]
    fn a_password_is_for_an_encrypted_way_or_for_this_machine() {
        let from = ("SMTP__FROM", "no-reply@mail.example");
        for url in [
            "smtps://app:hunter2@mail.example",
            "smtp://app:hunter2@mail.example?tls=required",
            "smtp://app:hunter2@localhost:25",
            "smtp://app:hunter2@127.0.0.1",
            "smtp://app:hunter2@[::1]?tls=opportunistic",
            "smtp://mail.example",
            "smtp://mail.example?tls=opportunistic",
        ] {
            assert!(with(&[("SMTP__URL", url), from]).is_ok(), "{url}");
        }
        for url in [
            "smtp://app:hunter2@mail.example",
            "smtp://app:hunter2@mail.example?tls=opportunistic",
            "smtp://app:hunter2@10.0.0.1:25",
            "smtp://app:hunter2@[2001:db8::1]",
            "smtp://app:hunter2@localhost.mail.example",
            "smtp://app:hunter2@127.0.0.1.mail.example",
        ] {
            let refused = with(&[("SMTP__URL", url), from]).unwrap_err().0;
            assert!(
                refused.contains("smtp.url: the password could be read") && !refused.contains("hunter2"),
                "{refused}"
            );
        }
    }
}
