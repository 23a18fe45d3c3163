//! A thousand requests at once for what exists once, and requests during what ends a credential. On PostgreSQL two
//! processes share the database.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use countersign::app::App;
use countersign::clock::Clock;
use countersign::config::{Config, Environment};
use countersign::identity::Core;
use countersign::model::AccountId;
use countersign::random::Random;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use super::{on_postgres, on_sqlite};
use crate::support::client::{Answer, Client, Nonce};
use crate::support::server::{Gateway, Server};
use crate::support::wallet::{Session, Wallet};

/// How often one thing is posted.
const POSTS: usize = 1_000;
/// Over how many connections at once.
const CROWD: usize = 64;
/// How many connections use a credential while it is ended.
const LOADERS: usize = 16;
/// How many requests have to be answered before the credential is ended, and be sent after it was.
const ENOUGH: usize = 150;
/// How often that is tried.
const ROUNDS: usize = 5;

/// A database and the gateways on it.
struct Nodes {
    gateway: Gateway,
    servers: Vec<Server>,
}

impl Nodes {
    /// A client of the node whose turn it is.
    fn client(&self, turn: usize) -> Client {
        Client::of(&self.servers[turn % self.servers.len()].url)
    }

    /// Posts one thing a thousand times at once.
    async fn post_all(&self, path: &str, body: &Value) -> Vec<Answer> {
        let share = |turn: usize| async move {
            let mut client = self.client(turn);
            let mut answers = Vec::new();
            for _ in (turn..POSTS).step_by(CROWD) {
                answers.push(client.post(path, body).await.expect("an answer"));
            }
            answers
        };
        let answers: Vec<_> = join_all((0..CROWD).map(share)).await.into_iter().flatten().collect();
        assert_eq!(answers.len(), POSTS);
        answers
    }

    /// Another gateway on the same data, within this process: for what no route does.
    async fn core(&self) -> std::sync::Arc<Core> {
        let config = Config::load(&[], &Environment(self.gateway.environment().to_vec())).expect("valid settings");
        App::open(config, Clock::System, Random::system()).await.expect("the database opens").core
    }
}

/// Does `test` with one process on SQLite, and with two on one PostgreSQL database.
fn on_all_nodes(test: impl AsyncFn(&Nodes) + Sync) {
    for ((_directory, gateway), processes) in [(on_sqlite(), 1), (on_postgres(), 2)] {
        let gateway = gateway.with("COUNTERSIGN_LIMITS__ENABLED", "false");
        let servers = (0..processes).map(|_| gateway.start()).collect();
        let nodes = Nodes { gateway, servers };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(test(&nodes));
    }
}

/// The one success among `answers`; all others have to say that the nonce was used.
fn the_winner(answers: &[Answer]) -> Session {
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(won.len(), 1, "one post signs in");
    answers.iter().filter(|answer| answer.status != 200).for_each(|answer| answer.refused(401, "nonce_used"));
    won[0].session()
}

#[test]
fn a_thousand_posts_of_one_signature_give_exactly_one_session() {
    on_all_nodes(async |nodes| {
        let wallet = Wallet::number(1);
        let proof = nodes.client(0).proof(&wallet, Nonce::Own).await.expect("a nonce");
        let session = the_winner(&nodes.post_all("/users/authenticate", &proof).await);
        nodes.client(1).call_as(&session.token, "GET", &session.profile_path()).await.expect("an answer").ok(200);
    });
}

#[test]
fn a_thousand_posts_of_one_free_nonce_give_exactly_one_session() {
    on_all_nodes(async |nodes| {
        let wallet = Wallet::number(1);
        let proof = nodes.client(0).proof(&wallet, Nonce::Free).await.expect("a nonce");
        let session = the_winner(&nodes.post_all("/users/authenticate", &proof).await);
        nodes.client(1).call_as(&session.token, "GET", &session.profile_path()).await.expect("an answer").ok(200);
    });
}

#[test]
fn a_thousand_posts_of_one_refresh_token_give_the_one_successor() {
    on_all_nodes(async |nodes| {
        let session = nodes.client(0).sign_in(&Wallet::number(1)).await;
        let answers = nodes.post_all("/users/refresh", &json!({"refreshToken": session.refresh})).await;
        let successors: BTreeSet<_> =
            answers.into_iter().map(|answer| answer.ok(200).field("refreshToken").to_owned()).collect();
        assert_eq!(successors.len(), 1);
        let successor = successors.first().expect("one");
        nodes.client(1).refresh(successor).await.expect("an answer").ok(200);
        nodes.client(0).refresh(&session.refresh).await.expect("an answer").refused(401, "refresh_token_reused");
    });
}

#[test]
fn nothing_is_accepted_that_was_sent_after_the_answer_to_a_sign_out() {
    on_all_nodes(async |nodes| {
        for round in 0..ROUNDS {
            let session = nodes.client(round).sign_in(&Wallet::number(1)).await;
            let uses = Uses::of(&session);
            let end = async {
                let answer = nodes.client(round).call_as(&session.token, "POST", "/users/logout").await;
                answer.expect("an answer").ok(204);
            };
            use_until(nodes, async |client, turn| uses.of_session(client, turn).await, end, (401, "session_ended"))
                .await;
        }
    });
}

#[test]
fn no_key_is_accepted_that_was_sent_after_the_answer_to_its_rotation() {
    on_all_nodes(async |nodes| {
        let session = nodes.client(0).sign_in(&Wallet::number(1)).await;
        for round in 0..ROUNDS {
            let key = nodes.client(round).call_as(&session.token, "GET", "/users/api-key").await;
            let key = key.expect("an answer").ok(200).field("apiKey").to_owned();
            let end = async {
                let answer = nodes.client(round).call_as(&session.token, "POST", "/users/api-key/rotate").await;
                assert_ne!(answer.expect("an answer").ok(200).field("apiKey"), key);
            };
            let read = async |client: &mut Client, _| read_by_key(client, &session, &key).await;
            use_until(nodes, read, end, (401, "invalid_api_key")).await;
        }
    });
}

#[test]
fn nothing_is_accepted_that_was_sent_after_an_account_was_disabled() {
    on_all_nodes(async |nodes| {
        let core = nodes.core().await;
        for round in 0..ROUNDS {
            let session = nodes.client(round).sign_in(&Wallet::number(1)).await;
            let key = nodes.client(round).call_as(&session.token, "GET", "/users/api-key").await;
            let key = key.expect("an answer").ok(200).field("apiKey").to_owned();
            let account = AccountId(session.claims()["sub"].as_str().expect("an id").parse().expect("a UUID"));
            let uses = Uses::of(&session);
            let any = async |client: &mut Client, turn: usize| match turn % 3 {
                1 => read_by_key(client, &session, &key).await,
                _ => uses.of_session(client, turn).await,
            };
            let end = async { assert!(core.disable_account(account).await.expect("the database answers")) };
            use_until(nodes, any, end, (403, "account_disabled")).await;
            assert!(core.enable_account(account).await.expect("the database answers"));
        }
        core.db().close().await;
    });
}

/// Uses a credential over many connections while `end` ends it; what is sent after the answer to that has to be refused.
async fn use_until(
    nodes: &Nodes,
    uses: impl AsyncFn(&mut Client, usize) -> Answer,
    end: impl Future<Output = ()>,
    (status, code): (u16, &str),
) {
    let (over, before, after) = (Cell::new(false), Cell::new(0), Cell::new(0));
    let loader = async |turn: usize| {
        let mut client = nodes.client(turn);
        while after.get() < ENOUGH {
            let sent_after = over.get();
            let answer = uses(&mut client, turn).await;
            if sent_after {
                answer.refused(status, code);
                after.set(after.get() + 1);
            } else {
                before.set(before.get() + usize::from(answer.status == 200));
            }
        }
    };
    let ending = async {
        while before.get() < ENOUGH {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        end.await;
        over.set(true);
    };
    join(join_all((0..LOADERS).map(loader)), ending).await;
}

/// What a session's own credentials are used for.
struct Uses<'a> {
    session: &'a Session,
    /// The current one; only one connection refreshes, since two would fall behind each other.
    refresh: RefCell<String>,
}

impl<'a> Uses<'a> {
    fn of(session: &'a Session) -> Self {
        Self { session, refresh: RefCell::new(session.refresh.clone()) }
    }

    async fn of_session(&self, client: &mut Client, turn: usize) -> Answer {
        let (token, path) = (&self.session.token, self.session.profile_path());
        let answer = match turn {
            0 => {
                let current = self.refresh.borrow().clone();
                client.refresh(&current).await
            }
            1..8 => {
                let header = format!("x-auth-token: {token}\r\n");
                client.send("POST", &path, &header, &json!({"name": "someone"})).await
            }
            _ => client.call_as(token, "GET", &path).await,
        };
        let answer = answer.expect("an answer");
        if turn == 0 && answer.status == 200 {
            self.refresh.replace(answer.field("refreshToken").to_owned());
        }
        answer
    }
}

async fn read_by_key(client: &mut Client, session: &Session, key: &str) -> Answer {
    let answer = client.send("GET", &session.profile_path(), &format!("x-api-key: {key}\r\n"), &Value::Null).await;
    answer.expect("an answer")
}
