//! The words of letters: templates of our own, or those that an operator puts in their place.

use std::fs;
use std::io;
use std::path::Path;

use crate::model::mail::Letter;

/// The placeholder that every template knows: which gateway writes.
const SITE: &str = "site";

/// What begins the first line of a text, which is the subject.
const SUBJECT: &str = "Subject:";

/// A letter's templates.
struct Kind {
    name: &'static str,
    /// What the letter tells.
    placeholders: &'static [&'static str],
    text: &'static str,
    html: &'static str,
}

macro_rules! kind {
    ($name:literal, $placeholders:expr) => {
        Kind {
            name: $name,
            placeholders: &$placeholders,
            text: include_str!(concat!("templates/", $name, ".txt")),
            html: include_str!(concat!("templates/", $name, ".html")),
        }
    };
}

const KINDS: [Kind; 13] = [
    kind!("verify_email", ["code", "link"]),
    kind!("reset_password", ["link"]),
    kind!("new_sign_in", ["at", "client"]),
    kind!("password_changed", ["at"]),
    kind!("email_changed", ["at", "new"]),
    kind!("wallet_linked", ["at", "address"]),
    kind!("identity_linked", ["at", "issuer"]),
    kind!("second_factor_on", ["at"]),
    kind!("second_factor_off", ["at"]),
    kind!("backup_codes_renewed", ["at"]),
    kind!("payment_failed", ["at", "plan"]),
    kind!("payment_needed", ["at", "plan"]),
    kind!("subscription_ended", ["at", "plan"]),
];

/// What opens something; a letter that has any is of no use without.
const KEYS: [&str; 2] = ["code", "link"];

/// All templates, read and checked.
pub(super) struct Templates(Vec<(&'static str, Words)>);

struct Words {
    subject: Template,
    text: Template,
    html: Template,
}

/// A letter in words.
pub(super) struct Rendered {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

impl Templates {
    /// Our own templates, and in place of them the files of the same names in `directory`.
    pub(super) fn load(directory: Option<&Path>) -> Result<Self, String> {
        if let Some(directory) = directory {
            refuse_strangers(directory)?;
        }
        let words = KINDS.iter().map(|kind| Ok((kind.name, kind.read(directory)?)));
        words.collect::<Result<Vec<_>, String>>().map(Self)
    }

    /// The letter in words; `None` if what it tells does not fit into one line, or there are no words for it.
    pub(super) fn render(&self, letter: &Letter, site: &str) -> Option<Rendered> {
        let (_, words) = self.0.iter().find(|(name, _)| *name == letter.name())?;
        let mut values = letter.values();
        values.push((SITE, site));
        if values.iter().any(|(_, value)| value.chars().any(char::is_control)) {
            return None;
        }
        Some(Rendered {
            subject: words.subject.fill(&values, str::to_owned)?,
            text: words.text.fill(&values, str::to_owned)?,
            html: words.html.fill(&values, escaped)?,
        })
    }
}

impl Kind {
    fn read(&self, directory: Option<&Path>) -> Result<Words, String> {
        let file = |ending: &str, own: &'static str| -> Result<(String, String), String> {
            let name = format!("{}.{ending}", self.name);
            let Some(directory) = directory else { return Ok((name, own.to_owned())) };
            let path = directory.join(&name);
            match fs::read_to_string(&path) {
                Ok(text) => Ok((path.display().to_string(), text)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((name, own.to_owned())),
                Err(error) => Err(format!("the template {} can't be read: {error}", path.display())),
            }
        };
        let (name, text) = file("txt", self.text)?;
        let (first, body) = text.split_once('\n').unwrap_or((&text, ""));
        let subject = first.strip_prefix(SUBJECT).map(str::trim).filter(|subject| !subject.is_empty());
        let subject = subject.ok_or_else(|| format!("the template {name} has to begin with a line Subject: …"))?;
        let subject = self.parse(&name, subject)?;
        let text = self.parse(&name, body.trim_start_matches(['\r', '\n']))?;
        self.require_key(&name, &text)?;
        let (name, html) = file("html", self.html)?;
        let html = self.parse(&name, &html)?;
        self.require_key(&name, &html)?;
        Ok(Words { subject, text, html })
    }

    fn parse(&self, file: &str, text: &str) -> Result<Template, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, behind) =
                after.split_once("}}").ok_or_else(|| format!("the template {file} has {{{{ without }}}}"))?;
            let known = self.placeholders.iter().chain([&SITE]).find(|known| **known == name.trim());
            let known = known.ok_or_else(|| self.unknown(file, name))?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Value(known));
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Template(pieces))
    }

    fn unknown(&self, file: &str, name: &str) -> String {
        let known: Vec<String> =
            self.placeholders.iter().chain([&SITE]).map(|name| format!("{{{{{name}}}}}")).collect();
        let name = name.trim();
        format!(
            "the template {file} has the placeholder {{{{{name}}}}}, which is none: it may have {}",
            known.join(", ")
        )
    }

    /// Without it, who gets the letter could do nothing with it.
    fn require_key(&self, file: &str, template: &Template) -> Result<(), String> {
        let keys: Vec<&&str> = self.placeholders.iter().filter(|name| KEYS.contains(name)).collect();
        let has = |key: &str| template.0.iter().any(|piece| matches!(piece, Piece::Value(name) if *name == key));
        if keys.is_empty() || keys.iter().any(|key| has(key)) {
            return Ok(());
        }
        let keys: Vec<String> = keys.iter().map(|name| format!("{{{{{name}}}}}")).collect();
        Err(format!("the template {file} lacks {}", keys.join(" or ")))
    }
}

/// A file that is named like a template and is none would be left out without a word.
fn refuse_strangers(directory: &Path) -> Result<(), String> {
    let fault = |error: io::Error| format!("the templates {} can't be read: {error}", directory.display());
    for entry in fs::read_dir(directory).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        let is_template = path.extension().is_some_and(|ending| ending == "txt" || ending == "html");
        let is_known = path.file_stem().is_some_and(|stem| KINDS.iter().any(|kind| stem == kind.name));
        if is_template && !is_known {
            let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
            return Err(format!("{} is no template: there are {}", path.display(), known.join(", ")));
        }
    }
    Ok(())
}

struct Template(Vec<Piece>);

enum Piece {
    Text(String),
    Value(&'static str),
}

impl Template {
    fn fill(&self, values: &[(&str, &str)], write: fn(&str) -> String) -> Option<String> {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => Some(text.clone()),
            Piece::Value(name) => values.iter().find(|(known, _)| known == name).map(|(_, value)| write(value)),
        });
        pieces.collect()
    }
}

/// As it may stand in HTML, also within quotes.
fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '"' => written.push_str("&quot;"),
            '\'' => written.push_str("&#39;"),
            other => written.push(other),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters() -> [Letter; 13] {
        let at = || "2026-01-01T00:00:00Z".to_owned();
        let plan = || "premium".to_owned();
        let link = || "https://auth.example/page#t".to_owned();
        [
            Letter::VerifyEmail { code: "123456".to_owned(), link: link() },
            Letter::ResetPassword { link: link() },
            Letter::NewSignIn { at: at(), client: "192.0.2.1".to_owned() },
            Letter::PasswordChanged { at: at() },
            Letter::EmailChanged { at: at(), new: "new@b.example".to_owned() },
            Letter::WalletLinked { at: at(), address: "0x0".to_owned() },
            Letter::SecondFactorOn { at: at() },
            Letter::SecondFactorOff { at: at() },
            Letter::BackupCodesRenewed { at: at() },
            Letter::IdentityLinked { at: at(), issuer: "https://id.example".to_owned() },
            Letter::PaymentFailed { at: at(), plan: plan() },
            Letter::PaymentNeeded { at: at(), plan: plan() },
            Letter::SubscriptionEnded { at: at(), plan: plan() },
        ]
    }

    fn with_file(name: &str, content: &str) -> Result<Templates, String> {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(name), content).unwrap();
        let path = format!("{}/", directory.path().display());
        Templates::load(Some(directory.path())).map_err(|fault| fault.replace(&path, ""))
    }

    #[test]
    fn every_letter_has_words_of_ours_that_tell_all_that_it_tells() {
        let templates = Templates::load(None).unwrap();
        for letter in letters() {
            let kind = KINDS.iter().find(|kind| kind.name == letter.name()).expect("its templates");
            assert!(letter.values().iter().map(|(name, _)| name).eq(kind.placeholders), "{letter:?}");
            let rendered = templates.render(&letter, "https://auth.example").unwrap();
            assert!(!rendered.subject.is_empty() && !rendered.subject.contains(['\n', '{']));
            for (_, value) in letter.values() {
                assert!(rendered.text.contains(value) && rendered.html.contains(value), "{letter:?}: {value}");
            }
            assert!(rendered.html.contains("overflow-wrap: anywhere"), "{letter:?}: an address is wider than a phone");
            let html = rendered.html.replace(r#"href="https://auth.example/page#t""#, "");
            for remote in ["src=", "href=", "url(", "<link", "<script", "@import"] {
                assert!(!html.contains(remote), "{letter:?} has nothing from elsewhere: {remote}");
            }
        }
    }

    #[test]
    fn what_a_letter_tells_is_no_html_and_no_second_line() {
        let templates = Templates::load(None).unwrap();
        let letter = |new: &str| Letter::EmailChanged { at: "now".to_owned(), new: new.to_owned() };
        let rendered = templates.render(&letter("<b>\"'&"), "site").unwrap();
        assert!(rendered.html.contains("&lt;b&gt;&quot;&#39;&amp;") && rendered.text.contains("<b>\"'&"));
        for injected in ["a\r\nBcc: b@c.example", "a\nb", "a\rb", "a\0b", "a\u{85}b"] {
            assert!(templates.render(&letter(injected), "site").is_none(), "{injected:?}");
        }
    }

    #[test]
    fn a_file_takes_the_place_of_a_template_and_the_others_stay() {
        let templates =
            with_file("password_changed.txt", "Subject: {{ site }} – Kennwort\n\nGeändert: {{at}}").unwrap();
        let rendered = templates.render(&letters()[3], "auth.example").unwrap();
        assert_eq!(rendered.subject, "auth.example – Kennwort");
        assert_eq!(rendered.text, "Geändert: 2026-01-01T00:00:00Z");
        assert!(rendered.html.contains("was changed"));
    }

    #[test]
    fn a_template_that_is_wrong_is_named_with_what_is_wrong() {
        let table = [
            (
                "password_changed.txt",
                "Subject: a\n{{code}}",
                "the template password_changed.txt has the placeholder {{code}}",
            ),
            (
                "password_changed.html",
                "<p>{{ when }}</p>",
                "the template password_changed.html has the placeholder {{when}}",
            ),
            (
                "password_changed.txt",
                "Subject: {{link}}\n",
                "the template password_changed.txt has the placeholder {{link}}",
            ),
            ("password_changed.txt", "Hello", "the template password_changed.txt has to begin with a line Subject"),
            (
                "password_changed.txt",
                "Subject:  \n",
                "the template password_changed.txt has to begin with a line Subject",
            ),
            ("verify_email.html", "<p>{{code</p>", "the template verify_email.html has {{ without }}"),
            ("reset_password.txt", "Subject: a\n\nb", "the template reset_password.txt lacks {{link}}"),
            ("verify_email.html", "<p></p>", "the template verify_email.html lacks {{code}} or {{link}}"),
            ("verify_mail.txt", "Subject: a\n", "verify_mail.txt is no template"),
        ];
        for (name, content, fault) in table {
            let told = with_file(name, content).err().expect("a fault");
            assert!(told.starts_with(fault), "{told}");
        }
        assert!(Templates::load(Some(Path::new("/nowhere"))).err().unwrap().contains("/nowhere"));
    }
}
