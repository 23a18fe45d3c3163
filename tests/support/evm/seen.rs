//! What a node was asked, counted.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a node has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The connections that it took.
    pub connections: usize,
    /// The HTTP requests: round trips.
    pub requests: usize,
    /// How many requests were under way at the same time, at most.
    pub at_once: usize,
    /// The JSON-RPC calls of each method, those within a list each for itself.
    pub methods: BTreeMap<String, usize>,
    /// How many calls each `aggregate3` had, in the order in which they came.
    pub multicalls: Vec<usize>,
    /// How many bytes of an endless body were taken off it.
    pub endless: usize,
}

impl Seen {
    /// How often a method was called.
    pub fn calls(&self, method: &str) -> usize {
        self.methods.get(method).copied().unwrap_or_default()
    }

    pub(super) fn count(&mut self, question: &Value) {
        self.requests += 1;
        for call in calls(question) {
            let method = call["method"].as_str().unwrap_or_default();
            *self.methods.entry(method.to_owned()).or_default() += 1;
            self.multicalls.extend(length_of_multicall(call));
        }
    }
}

/// The calls of one question, which may be a list.
pub(super) fn calls(question: &Value) -> &[Value] {
    question.as_array().map_or(std::slice::from_ref(question), Vec::as_slice)
}

/// How much is asked at once: the calls of the largest `aggregate3`, or of the list.
pub(super) fn size(question: &Value) -> usize {
    let calls = calls(question);
    calls.iter().filter_map(length_of_multicall).max().unwrap_or_default().max(calls.len())
}

/// The number of calls that an `eth_call` of Multicall3's `aggregate3` has.
fn length_of_multicall(call: &Value) -> Option<usize> {
    let transaction = &call["params"][0];
    let data = transaction["input"].as_str().or_else(|| transaction["data"].as_str())?;
    let words = data.strip_prefix("0x82ad56cb")?;
    // The first word says where the list begins, which is at the second; that one is its length.
    usize::from_str_radix(words.get(64..128)?, 16).ok()
}
