//! A thousand requests at once for what exists once, and requests during what ends a credential. On PostgreSQL two
//! processes share the database.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use countersign::model::{AccountId, Error};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use super::nodes::{Nodes, on_all_nodes};
use crate::support::client::{Answer, Client, Nonce};
use crate::support::wallet::{Session, Wallet};

/// How many connections use a credential while it is ended.
const LOADERS: usize = 16;
/// How many requests have to be answered before the credential is ended, and be sent after it was.
const ENOUGH: usize = 150;
/// How often that is tried.
const ROUNDS: usize = 5;

/// Posts one proof a thousand times at once. One signs in, all others have to be told that the nonce was used, and the
/// database has to have one session.
async fn post_all_proofs(nodes: &Nodes, proof: &Value) {
    let answers = nodes.post_all("/users/authenticate", proof).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1, "one post signs in");
    for answer in lost {
        if was_too_busy(answer) {
            let again = nodes.client(0).post("/users/authenticate", proof).await;
            again.expect("an answer").refused(401, "nonce_used");
        } else {
            answer.refused(401, "nonce_used");
        }
    }
    assert_eq!(nodes.count("SELECT COUNT(*) FROM sessions").await, 1);
    assert_eq!(nodes.count("SELECT COUNT(*) FROM accounts").await, 1);
    let session = won[0].session();
    nodes.client(1).call_as(&session.token, "GET", &session.profile_path()).await.expect("an answer").ok(200);
}

/// Whether the database had no connection to spare for as long as the gateway waits for one, which is true of a machine
/// that does much else. Then nothing was done.
pub(super) fn was_too_busy(answer: &Answer) -> bool {
    answer.status == 503 && {
        answer.refused(503, "database_unavailable");
        true
    }
}

#[test]
fn a_thousand_posts_of_one_signature_give_exactly_one_session() {
    on_all_nodes(async |nodes| {
        let wallet = Wallet::number(1);
        let proof = nodes.client(0).proof(&wallet, Nonce::Own).await.expect("a nonce");
        post_all_proofs(nodes, &proof).await;
    });
}

#[test]
fn a_thousand_posts_of_one_free_nonce_give_exactly_one_session() {
    on_all_nodes(async |nodes| {
        let wallet = Wallet::number(1);
        let proof = nodes.client(0).proof(&wallet, Nonce::Free).await.expect("a nonce");
        post_all_proofs(nodes, &proof).await;
    });
}

#[test]
fn a_thousand_posts_of_one_refresh_token_give_the_one_successor() {
    on_all_nodes(async |nodes| {
        let session = nodes.client(0).sign_in(&Wallet::number(1)).await;
        let answers = nodes.post_all("/users/refresh", &json!({"refreshToken": session.refresh})).await;
        let answered = answers.into_iter().filter(|answer| !was_too_busy(answer));
        let successors: BTreeSet<_> = answered.map(|answer| answer.ok(200).field("refreshToken").to_owned()).collect();
        assert_eq!(successors.len(), 1);
        assert_eq!(nodes.count("SELECT COUNT(*) FROM sessions").await, 1);
        assert_eq!(nodes.count("SELECT CAST(SUM(refresh_counter) AS BIGINT) FROM sessions").await, 1);
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
        let wallet = Wallet::number(1);
        for round in 0..ROUNDS {
            let session = nodes.client(round).sign_in(&wallet).await;
            let key = nodes.client(round).call_as(&session.token, "GET", "/users/api-key").await;
            let key = key.expect("an answer").ok(200).field("apiKey").to_owned();
            let account = AccountId(session.claims()["sub"].as_str().expect("an id").parse().expect("a UUID"));
            let (uses, signed_in) = (Uses::of(&session), RefCell::new(Vec::new()));
            let any = async |client: &mut Client, turn: usize| match turn % 4 {
                1 => read_by_key(client, &session, &key).await,
                2 => {
                    let answer = sign_in_again(client, &wallet).await;
                    signed_in.borrow_mut().extend((answer.status == 200).then(|| answer.session()));
                    answer
                }
                _ => uses.of_session(client, turn).await,
            };
            let end = until_it_answers(|| core.disable_account(account));
            use_until(nodes, any, end, (403, "account_disabled")).await;
            until_it_answers(|| core.enable_account(account)).await;
            // Also of those that signed in while it was being disabled: enabling brings none of them back.
            assert_eq!(
                nodes
                    .count(
                        "SELECT COUNT(*) FROM sessions s JOIN accounts a ON s.account_id = a.id AND s.epoch = a.epoch"
                    )
                    .await,
                0
            );
            assert!(!signed_in.borrow().is_empty());
            for late in signed_in.take() {
                let read = nodes.client(round).call_as(&late.token, "GET", &late.profile_path()).await;
                read.expect("an answer").refused(401, "session_ended");
            }
        }
        core.db().close().await;
    });
}

/// Asks again while the database is too busy: on SQLite this process waits beside the gateway for its turn to write, and
/// may wait in vain.
async fn until_it_answers<F: Future<Output = Result<bool, Error>>>(ask: impl Fn() -> F) {
    loop {
        match ask().await {
            Ok(changed) => return assert!(changed),
            Err(error) => assert!(matches!(error, Error::Unavailable(_)), "{error:?}"),
        }
    }
}

/// Signs in over a free nonce, which no other sign-in of the wallet disturbs.
async fn sign_in_again(client: &mut Client, wallet: &Wallet) -> Answer {
    let proof = client.proof(wallet, Nonce::Free).await.expect("a nonce");
    client.post("/users/authenticate", &proof).await.expect("an answer")
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
