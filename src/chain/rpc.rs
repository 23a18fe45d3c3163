//! One node, asked by JSON-RPC 2.0 over HTTP. Not alloy's transport: that reads an answer of any length, and what a node
//! sends is a stranger's input.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::config::RpcUrl;
use crate::outbound::{self, Fault};

/// How long a node that failed is asked after the others.
const PENALTY: Duration = Duration::from_secs(30);

/// The codes by which nodes say that they are asked too often.
const RATE_CODES: [i64; 3] = [-32005, -32029, 429];

/// The code of a contract's revert.
const REVERTED: i64 = 3;

/// A node of a chain.
pub(super) struct Node {
    pub(super) url: RpcUrl,
    /// `None` if the system has no TLS to offer.
    client: Option<reqwest::Client>,
    /// The id of its chain as it says; 0 until it was asked.
    chain_id: AtomicU64,
    /// When it last failed, in microseconds; long ago if never.
    failed_at: AtomicI64,
}

/// One method call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: &'static str,
    /// Its parameters as JSON. They are mostly megabytes of hex digits, which nobody should go through once more to look
    /// for what has to be escaped.
    pub(super) params: String,
}

/// Why a node gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NodeFault {
    /// It can't be reached, or broke off.
    Unreachable(String),
    /// It answered with this status.
    Status(u16),
    /// It answered what is no answer.
    Garbage(&'static str),
    /// It answered with more than is read.
    TooLong,
    /// It refused the call with this message.
    Refused(String),
    /// It answers for another chain.
    OtherChain(u64),
    /// It took too long.
    Late,
}

/// An answer to one call: its result, or the message of the error.
pub(super) type Answer = Result<Value, String>;

#[derive(Deserialize)]
struct Reply {
    id: Option<usize>,
    result: Option<Value>,
    error: Option<ReplyError>,
}

#[derive(Deserialize)]
struct ReplyError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

impl Node {
    pub(super) fn new(url: RpcUrl, client: Option<reqwest::Client>) -> Self {
        Self { url, client, chain_id: AtomicU64::new(0), failed_at: AtomicI64::new(i64::MIN) }
    }

    /// Whether it failed a short while ago, or is of another chain.
    pub(super) fn is_out_of_favour(&self, now: Timestamp) -> bool {
        let failed_at = Timestamp::from_micros(self.failed_at.load(Ordering::Relaxed));
        now < failed_at + PENALTY
    }

    pub(super) fn note_failure(&self, now: Timestamp) {
        self.failed_at.store(now.micros(), Ordering::Relaxed);
    }

    /// Asks for several things in one round trip; answers in their order. The first time, the node is also asked which
    /// chain it is of, and nothing that one of another chain says is used. At most `longest` bytes are read.
    pub(super) async fn ask(&self, chain_id: u64, calls: &[Call], longest: usize) -> Result<Vec<Answer>, NodeFault> {
        let answers = match self.chain_id.load(Ordering::Relaxed) {
            0 => self.ask_a_stranger(chain_id, calls, longest).await,
            known if known == chain_id => self.send(calls, longest).await,
            other => Err(NodeFault::OtherChain(other)),
        };
        answers.map_err(|fault| match fault {
            NodeFault::Refused(message) => NodeFault::Refused(self.url.conceal(&message)),
            NodeFault::Unreachable(reason) => NodeFault::Unreachable(self.url.conceal(&reason)),
            fault => fault,
        })
    }

    async fn ask_a_stranger(&self, chain_id: u64, calls: &[Call], longest: usize) -> Result<Vec<Answer>, NodeFault> {
        let mut with_id = vec![Call { method: "eth_chainId", params: "[]".to_owned() }];
        with_id.extend_from_slice(calls);
        let mut answers = self.send(&with_id, longest).await?.into_iter();
        let told = answers.next().and_then(Result::ok).as_ref().and_then(quantity);
        let told = told.ok_or(NodeFault::Garbage("it does not say which chain it is of"))?;
        if self.chain_id.swap(told, Ordering::Relaxed) == 0 && told != chain_id {
            let node = &self.url;
            tracing::error!(%node, chain = chain_id, told, "a node answers for another chain and is not used");
        }
        if told == chain_id { Ok(answers.collect()) } else { Err(NodeFault::OtherChain(told)) }
    }

    async fn send(&self, calls: &[Call], longest: usize) -> Result<Vec<Answer>, NodeFault> {
        let replies = self.exchange(printed(calls), longest).await?;
        if let Some(refusal) = refused_for_the_rate(&replies) {
            return Err(NodeFault::Refused(refusal));
        }
        let mut answers: Vec<Option<Answer>> = vec![None; calls.len()];
        for reply in replies {
            let place = reply.id.and_then(|id| answers.get_mut(id));
            *place.ok_or(NodeFault::Garbage("an answer without its question"))? = Some(reply.into_answer());
        }
        answers.into_iter().map(|answer| answer.ok_or(NodeFault::Garbage("a question without an answer"))).collect()
    }

    async fn exchange(&self, body: String, longest: usize) -> Result<Vec<Reply>, NodeFault> {
        const JSON: HeaderValue = HeaderValue::from_static("application/json");
        let client = self.client.as_ref().ok_or_else(Fault::without_tls)?;
        let request = client.post(self.url.expose().clone()).header(CONTENT_TYPE, JSON).body(body);
        let mut response = request.send().await.map_err(Fault::from)?;
        let status = response.status();
        let answer = outbound::read(&mut response, longest).await?;
        if status.as_u16() == 429 {
            return Err(NodeFault::Status(429));
        }
        match parse(&answer) {
            // Some nodes refuse with another status and say in the body why.
            Some(replies) if status.is_success() || replies.iter().any(|reply| reply.error.is_some()) => Ok(replies),
            _ if !status.is_success() => Err(NodeFault::Status(status.as_u16())),
            _ => Err(NodeFault::Garbage("its answer is no JSON-RPC")),
        }
        .and_then(refuse_whole)
    }
}

/// The calls as a list, numbered by their places. Some nodes take no lists, so a single call goes by itself.
fn printed(calls: &[Call]) -> String {
    let mut list = String::with_capacity(calls.iter().map(|call| call.params.len() + 80).sum::<usize>() + 2);
    for (id, Call { method, params }) in calls.iter().enumerate() {
        list.push(if id == 0 { '[' } else { ',' });
        // Writing to a String can't fail.
        let _ = write!(list, r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#);
    }
    if calls.len() == 1 { list.split_off(1) } else { list + "]" }
}

fn parse(answer: &[u8]) -> Option<Vec<Reply>> {
    let is_list = answer.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    if is_list { serde_json::from_slice(answer).ok() } else { serde_json::from_slice(answer).ok().map(|one| vec![one]) }
}

/// The message of a node that answers nothing because it is asked too often: then asking it more is no remedy, and
/// another one may do.
fn refused_for_the_rate(replies: &[Reply]) -> Option<String> {
    let errors: Vec<&ReplyError> = replies.iter().map(|reply| reply.error.as_ref()).collect::<Option<_>>()?;
    // A contract chooses the words of its revert: beside one, words alone prove nothing.
    let some_revert = errors.iter().any(|error| error.is_a_revert());
    let is_refusal = |error: &&&ReplyError| {
        let believed = !some_revert || RATE_CODES.contains(&error.code);
        believed && !error.is_a_revert() && is_about_the_rate(&error.message)
    };
    errors.iter().find(is_refusal).map(|error| error.message.clone())
}

impl ReplyError {
    /// Whether these are the words of a contract, not of the node.
    fn is_a_revert(&self) -> bool {
        self.code == REVERTED || self.message.to_ascii_lowercase().contains("revert")
    }
}

fn is_about_the_rate(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["rate limit", "too many requests", "quota", "capacity"].iter().any(|words| message.contains(words))
}

/// An error that names no call is about all of them.
fn refuse_whole(replies: Vec<Reply>) -> Result<Vec<Reply>, NodeFault> {
    match replies.as_slice() {
        [Reply { id: None, error: Some(error), .. }] => Err(NodeFault::Refused(error.message.clone())),
        _ => Ok(replies),
    }
}

impl Reply {
    fn into_answer(self) -> Answer {
        match self.error {
            Some(error) => Err(error.message),
            None => Ok(self.result.unwrap_or(Value::Null)),
        }
    }
}

/// A `QUANTITY` of the Ethereum JSON-RPC specification.
pub(super) fn quantity(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

impl From<Fault> for NodeFault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unreachable(reason) => Self::Unreachable(reason),
            Fault::TooLong => Self::TooLong,
        }
    }
}

impl std::fmt::Display for NodeFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable(reason) => write!(f, "it can't be reached ({reason})"),
            Self::Status(status) => write!(f, "it answers with status {status}"),
            Self::Garbage(reason) => f.write_str(reason),
            Self::TooLong => f.write_str("its answer is too long"),
            // A stranger's words: what could end a line or move a terminal's cursor is left out.
            Self::Refused(message) => {
                let shown: String = message.chars().filter(|c| !c.is_control()).take(200).collect();
                write!(f, "it refuses: {shown}")
            }
            Self::OtherChain(id) => write!(f, "it is of chain {id}"),
            Self::Late => f.write_str("it takes too long"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn calls_are_printed_as_json_alone_or_in_a_list() {
        let call = Call { method: "eth_call", params: r#"[{"to":"0x01"},"latest"]"#.to_owned() };
        let object =
            |id| json!({"jsonrpc": "2.0", "id": id, "method": "eth_call", "params": [{"to": "0x01"}, "latest"]});
        let read = |calls: &[Call]| serde_json::from_str::<Value>(&printed(calls)).unwrap();
        assert_eq!(read(std::slice::from_ref(&call)), object(0));
        assert_eq!(read(&[call.clone(), call]), json!([object(0), object(1)]));
    }

    #[test]
    fn a_quantity_is_hex_with_its_prefix() {
        assert_eq!(quantity(&json!("0x7a69")), Some(31337));
        for value in [json!("7a69"), json!(31337), json!("0x"), json!("0x1ffffffffffffffff"), json!(null)] {
            assert_eq!(quantity(&value), None, "{value}");
        }
    }

    #[test]
    fn the_words_of_a_contract_are_no_rate_limit() {
        let refused = |replies: &str| refused_for_the_rate(&parse(replies.as_bytes()).unwrap());
        let limit = r#"{"id":0,"error":{"code":-32005,"message":"rate limit exceeded"}}"#;
        assert_eq!(refused(limit).as_deref(), Some("rate limit exceeded"));
        assert!(refused(r#"{"id":0,"error":{"message":"Too many requests"}}"#).is_some());
        for revert in [
            r#"{"id":1,"error":{"code":3,"message":"no quota"}}"#,
            r#"{"id":1,"error":{"code":-32000,"message":"execution reverted: quota"}}"#,
        ] {
            assert_eq!(refused(revert), None);
            assert_eq!(refused(&format!(r#"[{{"id":0,"error":{{"message":"over capacity"}}}},{revert}]"#)), None);
            assert!(refused(&format!("[{limit},{revert}]")).is_some());
        }
        assert_eq!(refused(&format!(r#"[{limit},{{"id":1,"result":"0x"}}]"#)), None);
    }

    #[test]
    fn an_answer_is_one_reply_or_a_list_of_them() {
        assert_eq!(parse(br#"{"id":0,"result":"0x1"}"#).unwrap().len(), 1);
        assert_eq!(parse(br#" [{"id":0,"result":"0x1"},{"id":1,"error":{"message":"no"}}]"#).unwrap().len(), 2);
        for garbage in [&b""[..], b"<html>", b"[1]", b"\"x\"", b"{\"id\":-1}"] {
            assert!(parse(garbage).is_none(), "{}", String::from_utf8_lossy(garbage));
        }
        let whole = parse(br#"{"id":null,"error":{"code":-32600,"message":"batch limit"}}"#).unwrap();
        assert_eq!(refuse_whole(whole).err(), Some(NodeFault::Refused("batch limit".to_owned())));
    }
}
