//! The configured chains: read from a list of tables, or the shipped ones; shown with the keys in their URLs masked.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use crate::model::Address;
use crate::secret::MASK;

/// What is shipped, in the form in which an operator writes it.
const SHIPPED: &str = include_str!("../../fixtures/chains.toml");

/// Multicall3, at the same address on most chains.
const MULTICALL3: Address = Address::new([
    0xCA, 0x11, 0xBD, 0xE0, 0x59, 0x77, 0xB3, 0x63, 0x11, 0x67, 0x02, 0x88, 0x62, 0xBE, 0x2A, 0x17, 0x39, 0x76, 0xCA,
    0x11,
]);
/// Permit2, towards which an allowance is shown unless another spender is configured.
const PERMIT2: Address = Address::new([
    0x00, 0x00, 0x00, 0x00, 0x00, 0x22, 0xD4, 0x73, 0x03, 0x0F, 0x11, 0x6D, 0xDE, 0xE9, 0xF6, 0xB4, 0x3A, 0xC7, 0x8B,
    0xA3,
]);
/// How long a chain may take to answer, in milliseconds.
const DEADLINE_MS: u64 = 5_000;

/// A chain that wallets may name, and how it is read.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Its id (EIP-155).
    pub id: u64,
    /// What people call it.
    pub name: String,
    /// Nodes that answer for it, the preferred one first. There may be none: then its balances are not read.
    pub rpc: Vec<RpcUrl>,
    /// Its Multicall3 contract; `None` where there is none, and then calls are sent in a batch.
    pub multicall: Option<Address>,
    /// Towards whom allowances are read.
    pub spender: Address,
    /// The Chainlink feed that tells whether a layer-2 chain's sequencer is up.
    pub sequencer: Option<Address>,
    /// How long it may take to answer.
    pub deadline: Duration,
}

/// The URL of a node. Operators of nodes put keys into any part of it, so only scheme and host are ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct RpcUrl(Url);

impl RpcUrl {
    /// Takes an `http` or `https` URL.
    ///
    /// # Errors
    /// What is expected, if it is none.
    pub fn parse(written: &str) -> Result<Self, &'static str> {
        if written.contains(MASK) {
            return Err("this URL is masked, as it is shown; write the URL itself");
        }
        let url = Url::parse(written).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        url.map(Self).ok_or("an http or https URL is expected")
    }

    /// `text` without anything of this URL that may be a key: a node may say by which URL it was asked.
    #[must_use]
    pub fn conceal(&self, text: &str) -> String {
        let url = &self.0;
        let path = url.path_segments().into_iter().flatten().map(str::to_owned);
        let user = [Some(url.username()), url.password(), url.query()].into_iter().flatten().map(str::to_owned);
        let written = url.query().into_iter().flat_map(|query| query.split(['&', '='])).map(str::to_owned);
        let meant = url.query_pairs().flat_map(|(name, value)| [name.into_owned(), value.into_owned()]);
        let mut secrets: Vec<String> = path.chain(user).chain(written).chain(meant).collect();
        // What is shorter is a word such as v2, and no key.
        secrets.retain(|secret| secret.len() >= 4);
        // A part of a longer one must not leave the rest of it.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), MASK))
    }

    /// The URL with everything in it, for the one that connects.
    #[must_use]
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for RpcUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.0.origin().ascii_serialization();
        let bare = self.0.path() == "/" && self.0.query().is_none() && self.0.username().is_empty();
        if bare { f.write_str(&origin) } else { write!(f, "{origin}/{MASK}") }
    }
}

impl fmt::Debug for RpcUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A chain as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: u64,
    name: Option<String>,
    #[serde(default)]
    rpc: Vec<String>,
    /// An empty text says that there is none.
    multicall: Option<String>,
    spender: Option<String>,
    sequencer: Option<String>,
    deadline_ms: Option<u64>,
}

/// A list of chains in a file.
pub(super) fn from_toml(value: toml::Value) -> Result<Vec<Chain>, String> {
    let written: Vec<Written> = value.try_into().map_err(|error: toml::de::Error| in_words(error.message()))?;
    check(written)
}

/// A list of chains in the environment.
pub(super) fn from_json(text: &str) -> Result<Vec<Chain>, String> {
    let written: Vec<Written> = serde_json::from_str(text).map_err(|error| in_words(&error.to_string()))?;
    check(written)
}

/// What is wrong with the form. Of a library's reason, only what names a member of the list: another one repeats the value,
/// and there may be a key in it.
fn in_words(reason: &str) -> String {
    let expected = "a list such as [{id = 1, name = \"Ethereum\", rpc = [\"https://…\"]}] is expected";
    let names_a_member =
        ["unknown field", "missing field", "duplicate field"].iter().any(|words| reason.starts_with(words));
    if names_a_member {
        format!("{expected}: {}", reason.lines().next().unwrap_or_default())
    } else {
        expected.to_owned()
    }
}

fn check(written: Vec<Written>) -> Result<Vec<Chain>, String> {
    if written.is_empty() {
        return Err("at least one chain is needed".to_owned());
    }
    let mut ids = HashSet::new();
    let mut chains = Vec::new();
    for chain in written {
        let id = chain.id;
        if id == 0 || !ids.insert(id) {
            return Err(format!("chain {id}: every chain needs an id of its own, from 1"));
        }
        chains.push(Chain::new(chain).map_err(|fault| format!("chain {id}: {fault}"))?);
    }
    Ok(chains)
}

impl Chain {
    /// The chains that are there if none are configured.
    pub(super) fn shipped() -> Vec<Self> {
        #[derive(Deserialize)]
        struct File {
            chains: Vec<Written>,
        }
        // A unit test reads the same constant, so an error here can't be shipped.
        let file = toml::from_str::<File>(SHIPPED);
        file.ok().and_then(|file| check(file.chains).ok()).unwrap_or_default()
    }

    fn new(written: Written) -> Result<Self, String> {
        let address = |key: &str, text: String| {
            Address::parse(&text).map_err(|_| format!("{key}: an address with its EIP-55 checksum is expected"))
        };
        let rpc = written.rpc.iter().map(|url| RpcUrl::parse(url).map_err(|fault| format!("rpc: {fault}")));
        let deadline_ms = written.deadline_ms.unwrap_or(DEADLINE_MS);
        if !(1..=60_000).contains(&deadline_ms) {
            return Err("deadline_ms: a number from 1 to 60000 is expected".to_owned());
        }
        Ok(Self {
            id: written.id,
            name: written.name.unwrap_or_else(|| format!("Chain {}", written.id)),
            rpc: rpc.collect::<Result<_, _>>()?,
            multicall: match written.multicall {
                None => Some(MULTICALL3),
                Some(none) if none.is_empty() => None,
                Some(text) => Some(address("multicall", text)?),
            },
            spender: written.spender.map(|text| address("spender", text)).transpose()?.unwrap_or(PERMIT2),
            sequencer: written.sequencer.map(|text| address("sequencer", text)).transpose()?,
            deadline: Duration::from_millis(deadline_ms),
        })
    }

    /// The chain as an operator writes it, with the keys in its URLs masked.
    pub(super) fn to_toml(&self) -> toml::Value {
        let text = |value: &dyn fmt::Display| toml::Value::String(value.to_string());
        let mut table = toml::Table::new();
        table.insert("id".to_owned(), toml::Value::Integer(i64::try_from(self.id).unwrap_or(i64::MAX)));
        table.insert("name".to_owned(), text(&self.name));
        table.insert("rpc".to_owned(), self.rpc.iter().map(|url| text(url)).collect::<Vec<_>>().into());
        let multicall = self.multicall.map(|address| address.checksummed()).unwrap_or_default();
        table.insert("multicall".to_owned(), text(&multicall));
        table.insert("spender".to_owned(), text(&self.spender));
        if let Some(sequencer) = &self.sequencer {
            table.insert("sequencer".to_owned(), text(sequencer));
        }
        let deadline = i64::try_from(self.deadline.as_millis()).unwrap_or(i64::MAX);
        table.insert("deadline_ms".to_owned(), toml::Value::Integer(deadline));
        toml::Value::Table(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(text: &str) -> Result<Vec<Chain>, String> {
        from_json(text)
    }

    #[test]
    fn the_shipped_chains_are_read() {
        let ids: Vec<u64> = Chain::shipped().iter().map(|chain| chain.id).collect();
        assert_eq!(ids, [1, 10, 8453, 42161, 137]);
        assert!(Chain::shipped().iter().all(|chain| !chain.rpc.is_empty() && chain.multicall == Some(MULTICALL3)));
        assert_eq!(MULTICALL3.checksummed(), "0xcA11bde05977b3631167028862bE2a173976CA11");
        assert_eq!(PERMIT2.checksummed(), "0x000000000022D473030F116dDEE9F6B43aC78BA3");
    }

    #[test]
    fn what_a_node_repeats_of_its_url_is_masked_and_the_rest_stays() {
        let url = RpcUrl::parse("https://user1:pass1@node.example/v2/path1/path1longer?key=a%2Fquery&x=1").unwrap();
        for (said, shown) in [
            ("no quota for path1", "no quota for ********"),
            ("path1longer, user1:pass1", "********, ********:********"),
            ("/v2/path1?key=a%2Fquery or a/query", "/v2/********?key=******** or ********"),
            ("https://node.example/v2 is full of x=1", "https://node.example/v2 is full of x=1"),
        ] {
            assert_eq!(url.conceal(said), shown);
        }
        assert_eq!(RpcUrl::parse("http://node").unwrap().conceal("node /"), "node /");
    }

    #[test]
    fn a_list_is_checked_and_what_is_wrong_is_named() {
        for (text, named) in [
            ("[]", "at least one chain"),
            ("{}", "a list such as"),
            (r#"[{"name":"x"}]"#, "id"),
            (r#"[{"id":0}]"#, "chain 0"),
            (r#"[{"id":1},{"id":1}]"#, "chain 1: every chain"),
            (r#"[{"id":1,"rpcs":[]}]"#, "rpcs"),
            (r#"[{"id":1,"rpc":["ws://node"]}]"#, "chain 1: rpc: an http"),
            (r#"[{"id":1,"rpc":["https://node/********"]}]"#, "chain 1: rpc: this URL is masked"),
            (r#"[{"id":1,"rpc":"https://node/v2/hunter2"}]"#, "a list such as"),
            (r#"[{"id":1,"multicall":"0x12"}]"#, "chain 1: multicall:"),
            (r#"[{"id":1,"deadline_ms":0}]"#, "chain 1: deadline_ms:"),
        ] {
            let fault = from(text).unwrap_err();
            assert!(fault.contains(named) && !fault.contains("hunter2"), "{text}: {fault}");
        }
        let chains = from(r#"[{"id":31337,"multicall":""}]"#).unwrap();
        assert_eq!((chains[0].name.as_str(), chains[0].multicall), ("Chain 31337", None));
    }

    #[test]
    fn what_may_be_a_key_in_a_url_is_never_shown() {
        for url in
            ["https://node.example/v2/hunter2", "https://node.example/?key=hunter2", "https://hunter2@node.example"]
        {
            let url = RpcUrl::parse(url).unwrap();
            assert_eq!(url.to_string(), "https://node.example/********");
            assert!(!format!("{url:?}").contains("hunter2"));
        }
        assert_eq!(RpcUrl::parse("http://127.0.0.1:8545").unwrap().to_string(), "http://127.0.0.1:8545");
    }
}
