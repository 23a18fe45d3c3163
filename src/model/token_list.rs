//! Token lists: reading one in the Uniswap schema, and naming every fault of it. What the schema has besides a list's
//! name, time, version and tokens (its tags, keywords, logo, map) is not read and not judged.

use std::collections::HashMap;
use std::fmt;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::error::{Error, Malformed};
use super::{Address, Token};

/// A list of tokens without a fault.
#[derive(Clone, Debug)]
pub struct TokenList {
    /// What it calls itself.
    pub name: String,
    /// Its tokens in their order, each once. Those of chains that are no EVM chains are left out.
    pub tokens: Vec<Token>,
}

/// What is wrong with a list, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The token, counted from 0; `None` if the fault is the list's own.
    pub index: Option<usize>,
    /// The member of the token or of the list; empty if the fault is no single member's.
    pub field: &'static str,
    /// What is expected.
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.index, self.field) {
            (Some(index), "") => write!(f, "tokens[{index}]: {}", self.reason),
            (Some(index), field) => write!(f, "tokens[{index}].{field}: {}", self.reason),
            (None, "") => f.write_str(&self.reason),
            (None, field) => write!(f, "{field}: {}", self.reason),
        }
    }
}

/// Why a member won't do.
type Reason = String;

/// The most tokens that the schema allows.
const MOST_TOKENS: usize = 10_000;
/// Every member of a token.
const MEMBERS: [&str; 8] = ["chainId", "address", "decimals", "name", "symbol", "logoURI", "tags", "extensions"];

impl TokenList {
    /// Reads a list.
    ///
    /// # Errors
    /// Every fault of it, in the order of the list.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        let mut judge = Judge { index: None, faults: Vec::new() };
        let list = judge.list(text);
        match list {
            Some(list) if judge.faults.is_empty() => Ok(list),
            _ => Err(judge.faults),
        }
    }
}

/// Reads member by member and goes on after a fault, so that all of them are named at once.
struct Judge {
    /// The token that is being read.
    index: Option<usize>,
    faults: Vec<Fault>,
}

impl Judge {
    fn blame(&mut self, field: &'static str, reason: Reason) {
        self.faults.push(Fault { index: self.index, field, reason });
    }

    /// What came of reading `field`; a reason becomes a fault.
    fn take<T>(&mut self, field: &'static str, read: Result<T, Reason>) -> Option<T> {
        read.map_err(|reason| self.blame(field, reason)).ok()
    }

    /// A member that has to be there.
    fn member<'a, T>(
        &mut self,
        of: &'a Map<String, Value>,
        name: &'static str,
        read: impl Fn(&'a Value) -> Result<T, Reason>,
    ) -> Option<T> {
        let found = of.get(name).ok_or_else(|| "it is missing".to_owned());
        self.take(name, found.and_then(read))
    }

    /// A member that may be left out.
    fn optional<'a, T>(
        &mut self,
        of: &'a Map<String, Value>,
        name: &'static str,
        read: impl Fn(&'a Value) -> Result<T, Reason>,
    ) -> Option<T> {
        let read = of.get(name).map(read).transpose();
        self.take(name, read).flatten()
    }

    fn list(&mut self, text: &str) -> Option<TokenList> {
        let read = serde_json::from_str::<Value>(text).map_err(|error| format!("JSON is expected: {error}"));
        let document = self.take("", read)?;
        let list = self.take("", object(&document))?;
        let name = self.member(list, "name", list_name);
        self.member(list, "timestamp", timestamp);
        self.member(list, "version", version);
        let entries = self.member(list, "tokens", entries)?;
        Some(TokenList { tokens: self.tokens(entries), name: name? })
    }

    fn tokens(&mut self, entries: &[Value]) -> Vec<Token> {
        let mut tokens = Vec::with_capacity(entries.len());
        let mut places = HashMap::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            self.index = Some(index);
            let Some(token) = self.token(entry) else { continue };
            let first = *places.entry((token.chain_id, token.address)).or_insert(index);
            if first != index {
                self.blame("address", format!("tokens[{first}] has the same chain and address"));
            }
            tokens.push(token);
        }
        tokens
    }

    /// A token; `None` if it is not usable: then there is a fault, or it is on no EVM chain.
    fn token(&mut self, entry: &Value) -> Option<Token> {
        let members = self.take("", object(entry))?;
        if members.keys().any(|name| !MEMBERS.contains(&name.as_str())) {
            self.blame("", format!("a token has no members besides {}", MEMBERS.join(", ")));
        }
        let chain_id = self.member(members, "chainId", chain_id);
        let address = self.member(members, "address", address);
        let decimals = self.member(members, "decimals", decimals);
        let name = self.member(members, "name", name);
        let symbol = self.member(members, "symbol", symbol);
        let logo = self.optional(members, "logoURI", uri);
        self.optional(members, "tags", tags);
        self.optional(members, "extensions", |value| extensions(value, 2));
        Some(Token { chain_id: chain_id?, address: address??, symbol: symbol?, name: name?, decimals: decimals?, logo })
    }
}

fn object(value: &Value) -> Result<&Map<String, Value>, Reason> {
    value.as_object().ok_or_else(|| "an object is expected".to_owned())
}

/// A text of so many characters, all of which are allowed.
fn text(value: &Value, least: usize, most: usize, allowed: fn(char) -> bool) -> Result<&str, Reason> {
    let text = value.as_str().ok_or("a text is expected")?;
    let length = text.chars().count();
    if !(least..=most).contains(&length) {
        return Err(format!("a text of {least} to {most} characters is expected, and it has {length}"));
    }
    match text.chars().find(|c| !allowed(*c)) {
        Some(c) => Err(format!("it must not have the character {c:?}")),
        None => Ok(text),
    }
}

/// A whole number. JSON has one kind of numbers, so 6.0 is one too.
fn integer(value: &Value, least: u64, most: u64) -> Result<u64, Reason> {
    let exact = value.as_u64().or_else(|| {
        let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
        format!("{number:.0}").parse().ok()
    });
    let within = exact.filter(|number| (least..=most).contains(number));
    within.ok_or_else(|| match most {
        u64::MAX => format!("a whole number from {least} is expected"),
        most => format!("a whole number from {least} to {most} is expected"),
    })
}

/// `\w` of the schema.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// `\s` of the schema: its patterns are those of ECMAScript, which differ from Unicode's white space in two.
fn is_space(c: char) -> bool {
    (c.is_whitespace() && c != '\u{85}') || c == '\u{FEFF}'
}

fn list_name(value: &Value) -> Result<String, Reason> {
    text(value, 1, 30, |c| is_word(c) || c == ' ').map(str::to_owned)
}

fn timestamp(value: &Value) -> Result<(), Reason> {
    let time = value.as_str().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    time.map(|_| ()).ok_or_else(|| "a time such as 2026-01-31T12:00:00Z is expected".to_owned())
}

fn version(value: &Value) -> Result<(), Reason> {
    let version = object(value)?;
    let parts = ["major", "minor", "patch"];
    let whole = |part: &&str| version.get(*part).is_some_and(|number| integer(number, 0, u64::MAX).is_ok());
    if version.len() == parts.len() && parts.iter().all(whole) {
        return Ok(());
    }
    Err("major, minor and patch are expected, each a whole number from 0, and nothing else".to_owned())
}

fn entries(value: &Value) -> Result<&[Value], Reason> {
    let entries = value.as_array().filter(|entries| (1..=MOST_TOKENS).contains(&entries.len()));
    entries.map(Vec::as_slice).ok_or_else(|| format!("a list of 1 to {MOST_TOKENS} tokens is expected"))
}

fn chain_id(value: &Value) -> Result<u64, Reason> {
    integer(value, 1, u64::MAX)
}

/// An EVM address; `None` for one in base58, which the schema allows and only other chains have.
fn address(value: &Value) -> Result<Option<Address>, Reason> {
    const BASE58: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let text = value.as_str().ok_or("a text is expected")?;
    let is_base58 = (32..=44).contains(&text.len()) && text.chars().all(|c| BASE58.contains(c));
    // An EVM address that lost its 0x is a mistake, even if it happens to be base58.
    if is_base58 && !text.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(None);
    }
    match Address::parse(text) {
        Ok(address) => Ok(Some(address)),
        Err(Error::Malformed(Malformed::Address(reason))) => Err(reason.to_owned()),
        Err(_) => Err("an address is expected".to_owned()),
    }
}

fn decimals(value: &Value) -> Result<u8, Reason> {
    let number = integer(value, 0, u64::from(u8::MAX))?;
    u8::try_from(number).map_err(|error| error.to_string())
}

fn name(value: &Value) -> Result<String, Reason> {
    text(value, 0, 60, |c| !is_space(c) || c == ' ').map(str::to_owned)
}

fn symbol(value: &Value) -> Result<String, Reason> {
    text(value, 0, 20, |c| !is_space(c)).map(str::to_owned)
}

/// A URI: a scheme, then the characters of RFC 3986, a percent sign before two hex digits only.
fn uri(value: &Value) -> Result<String, Reason> {
    let text = value.as_str().ok_or("a text is expected")?;
    let (scheme, rest) = text.split_once(':').unwrap_or_default();
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
    let is_escape = |after: &str| after.len() >= 2 && after.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    let escapes = || rest.split('%').skip(1).all(is_escape);
    if is_scheme && rest.chars().all(allowed) && escapes() {
        return Ok(text.to_owned());
    }
    Err("a URI is expected, such as https://… or ipfs://…".to_owned())
}

fn tags(value: &Value) -> Result<(), Reason> {
    let tags = value.as_array().filter(|tags| tags.len() <= 10).ok_or("a list of at most 10 tags is expected")?;
    tags.iter().try_for_each(|tag| text(tag, 1, 10, is_word).map(|_| ()))
}

/// Members of any name; their values may be objects again, `nested` deep.
fn extensions(value: &Value, nested: u8) -> Result<(), Reason> {
    let members = object(value)?;
    if members.len() > 10 {
        return Err("at most 10 members are expected".to_owned());
    }
    for (name, value) in members {
        if !(1..=40).contains(&name.len()) || !name.chars().all(is_word) {
            return Err("a member's name has 1 to 40 letters, digits and underscores".to_owned());
        }
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(_) => text(value, 1, 42, |_| true).map(|_| ())?,
            Value::Object(_) if nested > 0 => extensions(value, nested - 1)?,
            Value::Object(_) => return Err("objects within objects go two deep at most".to_owned()),
            Value::Array(_) => return Err("a list is not allowed here".to_owned()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
