//! Processes killed while links are asked for and used: no code and no token works twice, and no mail is lost or sent
//! again. `COUNTERSIGN_TEST_ROUNDS` says how often (else 6 times).

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use countersign::clock::Stopwatch;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use super::{on_postgres, on_sqlite};
use crate::support::client::{Answer, Client};
use crate::support::mail::Mail;
use crate::support::server::{Gateway, Server};

/// How often it is killed in each of both steps, unless the environment says otherwise.
const ROUNDS: usize = 6;
/// How many people there are in a round, in two halves: those who choose a new password, and those who prove an address.
const PEOPLE: usize = 16;
/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const OLD: &str = "correct horse battery";
const NEW: &str = "a new one after it";
/// What a mail has within that leads to a new password, and one that has a code.
const RESET: &str = "/account/reset-password#token=";
const CODE: &str = "/account/confirm-email#token=";

#[test]
fn sqlite_uses_a_code_and_a_token_once_and_loses_no_mail_through_kills() {
    kill_again_and_again(on_sqlite(), 1);
}

#[test]
fn postgres_uses_a_code_and_a_token_once_and_loses_no_mail_through_kills() {
    kill_again_and_again(on_postgres(), 2);
}

fn kill_again_and_again((_directory, gateway): (TempDir, Gateway), processes: usize) {
    let gateway = gateway.with("COUNTERSIGN_LIMITS__ENABLED", "false");
    let rounds = std::env::var("COUNTERSIGN_TEST_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().expect("a number"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut nodes = Nodes { running: (0..processes).map(|_| gateway.start()).collect(), gateway };
    runtime.block_on(async {
        for round in 0..rounds {
            nodes.round(round).await;
        }
    });
}

/// What somebody posts.
struct Post {
    email: String,
    path: &'static str,
    body: Value,
}

/// A post, and whether it was answered. Whether one that was not was done nevertheless, nobody knows.
struct Posted {
    post: Post,
    answered: bool,
}

struct Nodes {
    gateway: Gateway,
    running: Vec<Server>,
}

impl Nodes {
    async fn round(&mut self, round: usize) {
        let people: Vec<String> = (0..PEOPLE).map(|number| format!("person{number}.{round}@example.com")).collect();
        let (forgetful, others) = people.split_at(PEOPLE / 2);
        self.post_all(people.iter().map(|email| to(email, "/auth/register", json!({"password": OLD}))), None).await;
        let asks = forgetful.iter().map(|email| to(email, "/auth/forgot-password", json!({})));
        let asked = self.post_all(asks, Some(round % forgetful.len())).await;
        let owed: Vec<&str> = asked.iter().filter(|ask| ask.answered).map(|ask| ask.post.email.as_str()).collect();
        let links = self.mails(RESET, &owed).await;
        let codes = self.mails(CODE, &people.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let resets = links.iter().filter(|(email, _)| forgetful.contains(email));
        let resets = resets.map(|(email, mail)| {
            to(email, "/auth/reset-password", json!({"token": mail.token(), "new_password": NEW}))
        });
        let proofs = others.iter().map(|email| to(email, "/auth/verify-email", json!({"code": codes[email].code()})));
        let uses: Vec<Post> = resets.chain(proofs).collect();
        let moment = round * 5 % uses.len();
        for posted in self.post_all(uses.into_iter(), Some(moment)).await {
            self.check(&posted).await;
        }
        self.mails(RESET, &[]).await;
    }

    /// Posts all at once, spread over the nodes. At a certain count of answers the first node is killed; it is started
    /// again in the end.
    async fn post_all(&mut self, posts: impl Iterator<Item = Post>, killed_at: Option<usize>) -> Vec<Posted> {
        let urls: Vec<String> = self.running.iter().map(|node| node.url.clone()).collect();
        let answers = Cell::new(0);
        let posts = posts.enumerate().map(|(place, post)| {
            let mut client = Client::of(&urls[place % urls.len()]);
            let (answers, is_killed) = (&answers, killed_at.is_some() && place % urls.len() == 0);
            async move {
                let answer = client.post(post.path, &post.body).await;
                answers.set(answers.get() + 1);
                assert!(is_killed || answer.is_ok(), "a connection broke by itself: {answer:?}");
                if let Ok(answer) = &answer {
                    assert!(matches!(answer.status, 200 | 201), "{answer:?}");
                }
                Posted { post, answered: answer.is_ok() }
            }
        });
        let kill = async {
            let Some(moment) = killed_at else { return };
            while answers.get() < moment {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            drop(self.running.remove(0));
        };
        let (posted, ()) = join(join_all(posts), kill).await;
        if killed_at.is_some() {
            self.running.insert(0, self.gateway.start());
            self.pass_on_what_was_in_hand().await;
        }
        posted
    }

    /// What a killed node had in hand is carried by another one five minutes later. Nobody waits for that here.
    async fn pass_on_what_was_in_hand(&self) {
        const SQL: &str = "UPDATE outbox SET claimed_until = 0";
        let url = self.gateway.database_url();
        if url.starts_with("postgres") {
            let mut connection = PgConnection::connect(&url).await.expect("PostgreSQL accepts a connection");
            sqlx::query(SQL).execute(&mut connection).await.expect("it is done");
        } else {
            let mut connection = SqliteConnection::connect(&url).await.expect("the file opens");
            sqlx::query(SQL).execute(&mut connection).await.expect("it is done");
            connection.close().await.expect("it closes");
        }
    }

    /// The mails with this mark by whom they are to, once those are there that are owed to these. Nobody has two.
    async fn mails(&self, mark: &str, owed: &[&str]) -> BTreeMap<String, Mail> {
        let watch = Stopwatch::start();
        loop {
            let found = self.mails_so_far(mark);
            let late: Vec<_> = owed.iter().filter(|email| !found.contains_key(**email)).collect();
            if late.is_empty() {
                return found;
            }
            assert!(watch.elapsed() < PATIENCE, "no mail with {mark} to {late:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn mails_so_far(&self, mark: &str) -> BTreeMap<String, Mail> {
        let outbox = Path::new(self.gateway.value("COUNTERSIGN_DATA_DIR")).join("outbox");
        let files = std::fs::read_dir(outbox).into_iter().flatten().map(|entry| entry.expect("a file").path());
        let mut found = BTreeMap::new();
        for file in files.filter(|file| file.extension().is_some_and(|kind| kind == "eml")) {
            let mail = Mail::read(&std::fs::read_to_string(file).expect("a mail is text"));
            if mail.text.contains(mark) {
                let another = found.insert(mail.to.clone(), mail);
                assert!(another.is_none(), "a second mail of {another:?}");
            }
        }
        found
    }

    /// Holds what was answered against the gateway as it is now.
    async fn check(&self, Posted { post, answered }: &Posted) {
        let mut client = Client::of(&self.running[0].url);
        let by_code = post.path == "/auth/verify-email";
        let refused = |answer: &Answer| match answer.status {
            // Links that are not good wait for each other.
            429 if !by_code => answer.refused(429, "too_many_requests"),
            _ if by_code => answer.refused(401, "invalid_code"),
            _ => answer.refused(400, "invalid_link"),
        };
        let again = client.post(post.path, &post.body).await.expect("an answer");
        if *answered || again.status != 200 {
            refused(&again);
        }
        refused(&client.post(post.path, &post.body).await.expect("an answer"));
        // By now it was done, by the first post or by the second one, and with it what it is for.
        let by = if post.path == "/auth/verify-email" { OLD } else { NEW };
        let body = json!({"email": post.email, "password": by});
        let signed_in = client.post("/auth/login", &body).await.expect("an answer").ok(200);
        assert_eq!(signed_in.json["email_verified"], true);
        if by == NEW {
            let body = json!({"email": post.email, "password": OLD});
            client.post("/auth/login", &body).await.expect("an answer").refused(401, "invalid_credentials");
        }
    }
}

fn to(email: &str, path: &'static str, mut body: Value) -> Post {
    body["email"] = json!(email);
    Post { email: email.to_owned(), path, body }
}
