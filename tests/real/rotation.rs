//! The signing key rotated under load: every token is good on every node and in its key set, at once and to the end.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::clock::Stopwatch;
use futures_util::future::{join, join_all};
use serde_json::Value;

use super::nodes::Nodes;
use crate::support::client::Client;
use crate::support::wallet::Wallet;

/// How many sessions go on meanwhile.
const LOADERS: usize = 4;
/// How long each rests between its tokens: the new key signs only after 15 seconds, and others test beside this one.
const PAUSE: Duration = Duration::from_millis(50);
/// How many tokens each node has to issue by the old key, and then by the new one.
const ENOUGH: usize = 20;
/// How long that may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

#[test]
fn every_token_is_accepted_by_every_node_before_during_and_after_a_rotation() {
    let (sqlite, postgres) = (Nodes::on_sqlite(), Nodes::on_postgres());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // At the same time, since most of it is waiting for the new key.
    runtime.block_on(join(rotate_under_load(&sqlite), rotate_under_load(&postgres)));
}

async fn rotate_under_load(nodes: &Nodes) {
    let load = Load { nodes, issued: RefCell::default(), over: Cell::default() };
    let rotation = async {
        load.every_node_has_issued(|_| true).await;
        let old = load.kids();
        assert_eq!(old.len(), 1);
        rotate(nodes).await;
        load.every_node_has_issued(|kid| !old.contains(kid)).await;
        load.over.set(true);
    };
    join(join_all((0..LOADERS).map(|turn| load.go_on(turn))), rotation).await;
    assert_eq!(load.kids().len(), 2);
    for token in load.issued.take() {
        token.assert_good(nodes).await;
    }
}

/// As an operator does, in a process of its own.
async fn rotate(nodes: &Nodes) {
    let gateway = nodes.gateway.clone();
    let rotating = std::thread::spawn(move || gateway.run(&["keys", "rotate"]));
    while !rotating.is_finished() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let ended = rotating.join().expect("it ends");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

/// Sessions that go on, and the tokens that they were given.
struct Load<'a> {
    nodes: &'a Nodes,
    issued: RefCell<Vec<Token>>,
    over: Cell<bool>,
}

impl Load<'_> {
    /// Refreshes one session again and again on one node, and uses each token on all of them.
    async fn go_on(&self, turn: usize) {
        let mut client = self.nodes.client(turn);
        let session = client.sign_in(&Wallet::number(u32::try_from(turn).expect("few"))).await;
        let path = session.profile_path();
        let (mut access, mut refresh) = (session.token, session.refresh);
        while !self.over.get() {
            let token = Token { kid: kid(&access), node: turn % self.nodes.servers.len(), access, path: path.clone() };
            token.assert_good(self.nodes).await;
            self.issued.borrow_mut().push(token);
            tokio::time::sleep(PAUSE).await;
            let next = client.refresh(&refresh).await.expect("an answer").ok(200);
            (access, refresh) = (next.field("token").to_owned(), next.field("refreshToken").to_owned());
        }
    }

    /// Waits until every node has issued enough tokens by such a key.
    async fn every_node_has_issued(&self, such: impl Fn(&str) -> bool) {
        let issued = |node| self.issued.borrow().iter().filter(|token| token.node == node && such(&token.kid)).count();
        let watch = Stopwatch::start();
        while (0..self.nodes.servers.len()).any(|node| issued(node) < ENOUGH) {
            assert!(watch.elapsed() < PATIENCE, "the new key does not sign");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The keys by which tokens were signed.
    fn kids(&self) -> BTreeSet<String> {
        self.issued.borrow().iter().map(|token| token.kid.clone()).collect()
    }
}

/// An access token.
struct Token {
    access: String,
    /// What it opens.
    path: String,
    /// The key that signed it.
    kid: String,
    /// The node that issued it.
    node: usize,
}

impl Token {
    /// Every node accepts it, and whoever verifies by a node's key set finds its key there.
    async fn assert_good(&self, nodes: &Nodes) {
        for node in 0..nodes.servers.len() {
            let mut client = nodes.client(node);
            client.call_as(&self.access, "GET", &self.path).await.expect("an answer").ok(200);
            let published = published(&mut client).await;
            assert!(published.contains(&self.kid), "{} is not in {published:?}", self.kid);
        }
    }
}

async fn published(client: &mut Client) -> Vec<String> {
    let answer = client.send("GET", "/.well-known/jwks.json", "", &Value::Null).await.expect("an answer").ok(200);
    let keys = answer.json["keys"].as_array().expect("a key set").iter();
    keys.map(|key| key["kid"].as_str().expect("a key has an id").to_owned()).collect()
}

fn kid(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a header")).expect("base64url");
    let header: Value = serde_json::from_slice(&header).expect("a header is JSON");
    header["kid"].as_str().expect("a key has an id").to_owned()
}
