//! Reads a sign-in message from front to back, line by line in the one order of EIP-4361. Nothing is searched for, so
//! a statement that looks like a label stays a statement.

use super::date_time::DateTime;
use super::fault::Fault;
use super::rfc3986::{Misfit, Uri, check_pchars, check_scheme};
use super::{LONGEST, Message, PREAMBLE, grammar};

const OPTIONAL: &str = "the end, or Expiration Time, Not Before, Request ID and Resources, each once and in this order";
const RESOURCE: &str = "the end of the message, or \"- \" and a URI on a line of its own";

/// Reads `text` as a whole.
pub(super) fn read(text: &str) -> Result<Message, Fault> {
    if text.len() > LONGEST {
        return Err(Misfit::new(text.floor_char_boundary(LONGEST), "a message of at most 8 KiB").into());
    }
    Reader { text, at: 0 }.message()
}

/// What is read is in front of `at`.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn message(mut self) -> Result<Message, Fault> {
        let (scheme, domain) = self.origin()?;
        self.literal(PREAMBLE, "\" wants you to sign in with your Ethereum account:\"")?;
        self.line_break()?;
        let (address, spelling) = self.value(grammar::read_address)?;
        self.line_break()?;
        self.line_break()?;
        let statement = self.statement()?;
        let uri = self.labelled("URI: ", checked(|text| Uri::parse(text).map(|_| ())))?;
        self.line_break()?;
        self.labelled("Version: ", grammar::check_version)?;
        self.line_break()?;
        let chain_id = self.labelled("Chain ID: ", |text| Ok(grammar::read_chain_id(text)?))?;
        self.line_break()?;
        let nonce = self.labelled("Nonce: ", checked(grammar::check_nonce))?;
        self.line_break()?;
        let issued_at = self.labelled("Issued At: ", |text| Ok(DateTime::parse(text)?))?;
        let expiration_time = self.optional("\nExpiration Time: ", |text| Ok(DateTime::parse(text)?))?;
        let not_before = self.optional("\nNot Before: ", |text| Ok(DateTime::parse(text)?))?;
        let request_id = self.optional("\nRequest ID: ", checked(check_pchars))?;
        let resources = self.resources()?;
        self.end(if resources.is_some() { RESOURCE } else { OPTIONAL })?;
        Ok(Message {
            scheme,
            domain,
            address,
            spelling,
            statement,
            uri,
            chain_id,
            nonce,
            issued_at,
            expiration_time,
            not_before,
            request_id,
            resources,
        })
    }

    /// `[ scheme "://" ] domain`. A space ends it, since neither part has one; and no domain has `://` in it.
    fn origin(&mut self) -> Result<(Option<String>, String), Fault> {
        let line = self.line();
        let origin = line.split(' ').next().unwrap_or_default();
        let (scheme, domain) = match origin.split_once("://") {
            Some((scheme, domain)) => (Some(scheme), domain),
            None => (None, origin),
        };
        if let Some(scheme) = scheme {
            check_scheme(scheme)?;
        }
        let domain_at = origin.len() - domain.len();
        grammar::check_domain(domain).map_err(|misfit| Fault::from(misfit).behind(domain_at))?;
        self.at += origin.len();
        Ok((scheme.map(str::to_owned), domain.to_owned()))
    }

    /// `[ statement LF ] LF`. An empty statement still has its own line, so it is not the same as none.
    fn statement(&mut self) -> Result<Option<String>, Fault> {
        let statement = if self.text[self.at..].starts_with('\n') {
            // One empty line: no statement. Two: an empty one.
            self.text[self.at..].starts_with("\n\n").then(String::new)
        } else {
            Some(self.value(checked(grammar::check_statement))?)
        };
        if statement.is_some() {
            self.line_break()?;
        }
        self.literal("\n", "an empty line in front of \"URI: \"")?;
        Ok(statement)
    }

    /// `[ LF %s"Resources:" *( LF "- " URI ) ]`. The list may be there and empty.
    fn resources(&mut self) -> Result<Option<Vec<String>>, Fault> {
        if !self.skip("\nResources:") {
            return Ok(None);
        }
        let mut resources = Vec::new();
        while let Some(resource) = self.optional("\n- ", checked(|text| Uri::parse(text).map(|_| ())))? {
            resources.push(resource);
        }
        Ok(Some(resources))
    }

    /// Nothing but the end, not even a line break. What is there instead is a line that does not belong there.
    fn end(&mut self, expected: &'static str) -> Result<(), Fault> {
        if self.at == self.text.len() {
            return Ok(());
        }
        self.skip("\n");
        Err(Misfit::new(self.at, expected).into())
    }

    /// The label and the value of a line.
    fn labelled<T>(&mut self, label: &'static str, read: impl FnOnce(&'a str) -> Result<T, Fault>) -> Result<T, Fault> {
        self.literal(label, label)?;
        self.value(read)
    }

    /// The value behind `label`, which brings its own line break, if that is what comes next.
    fn optional<T>(
        &mut self,
        label: &'static str,
        read: impl FnOnce(&'a str) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        if self.skip(label) { self.value(read).map(Some) } else { Ok(None) }
    }

    /// What the rest of the line says.
    fn value<T>(&mut self, read: impl FnOnce(&'a str) -> Result<T, Fault>) -> Result<T, Fault> {
        let line = self.line();
        let value = read(line).map_err(|fault| fault.behind(self.at))?;
        self.at += line.len();
        Ok(value)
    }

    fn line_break(&mut self) -> Result<(), Fault> {
        self.literal("\n", "a line break")
    }

    /// Exactly `literal`; the fault is where the text departs from it.
    fn literal(&mut self, literal: &str, expected: &'static str) -> Result<(), Fault> {
        let rest = self.text[self.at..].bytes();
        let length = rest.zip(literal.bytes()).take_while(|(found, wanted)| found == wanted).count();
        self.at += length;
        if length == literal.len() { Ok(()) } else { Err(Misfit::new(self.at, expected).into()) }
    }

    /// Whether `literal` came next. It is read, if so.
    fn skip(&mut self, literal: &str) -> bool {
        let is_next = self.text[self.at..].starts_with(literal);
        self.at += if is_next { literal.len() } else { 0 };
        is_next
    }

    /// What is left of this line.
    fn line(&self) -> &'a str {
        let rest = &self.text[self.at..];
        rest.split_once('\n').map_or(rest, |(line, _)| line)
    }
}

/// Takes a text as it is once it is checked.
fn checked(check: fn(&str) -> Result<(), Misfit>) -> impl FnOnce(&str) -> Result<String, Fault> {
    move |text| {
        check(text)?;
        Ok(text.to_owned())
    }
}
