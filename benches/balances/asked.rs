//! What a node was asked since it was last asked about it.

use std::collections::BTreeMap;

use crate::support::evm::Proxy;

#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    /// HTTP requests.
    pub trips: usize,
    /// JSON-RPC calls by their method.
    methods: BTreeMap<String, usize>,
    /// How many reads each `aggregate3` has.
    multicalls: Vec<usize>,
}

impl Asked {
    pub fn of(node: &Proxy) -> Self {
        let seen = node.seen();
        Self { trips: seen.requests, methods: seen.methods, multicalls: seen.multicalls }
    }

    /// JSON-RPC calls.
    pub fn calls(&self) -> usize {
        self.methods.values().sum()
    }
}
