//! What the session door takes once, used two hundred times at once. On PostgreSQL two processes share the database.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::nodes::{Nodes, on_all_nodes};
use super::races::was_too_busy;
use crate::support::client::{Answer, Client, Nonce};
use crate::support::door::Door;
use crate::support::mail::Mail;

/// How often one thing is used.
const USES: usize = 200;
const EMAIL: &str = "person1@example.com";
const OLD: &str = "correct horse battery";
const SESSIONS: &str = "SELECT COUNT(*) FROM sessions";

/// Registers, which signs in.
async fn register(nodes: &Nodes) {
    let body = json!({"email": EMAIL, "password": OLD});
    nodes.client(0).post("/auth/register", &body).await.expect("an answer").ok(201);
}

/// Signs in, or does not.
async fn login(nodes: &Nodes, turn: usize, password: &str) -> Answer {
    nodes.client(turn).post("/auth/login", &json!({"email": EMAIL, "password": password})).await.expect("an answer")
}

fn mailed(nodes: &Nodes, page: &str) -> Mail {
    let outbox = Path::new(nodes.gateway.value("COUNTERSIGN_DATA_DIR")).join("outbox");
    Mail::awaited(&outbox, EMAIL, &format!("/account/{page}#token="))
}

/// The place of the one that succeeded.
fn the_winner(answers: &[Answer]) -> usize {
    let mut won = answers.iter().enumerate().filter(|(_, answer)| answer.status < 300).map(|(place, _)| place);
    let winner = won.next().expect("one succeeds");
    assert_eq!(won.count(), 0, "one alone succeeds");
    winner
}

/// The link is not good, or after five such links of the network, it is to wait.
fn useless(answer: &Answer) {
    match answer.status {
        429 => answer.refused(429, "too_many_requests"),
        _ => answer.refused(400, "invalid_link"),
    }
}

/// Whether the line to the hashers or the database was full. Then nothing was done.
fn had_no_place(answer: &Answer) -> bool {
    if answer.status == 503 && answer.field("error") == "too_busy" {
        answer.refused(503, "too_busy");
        return true;
    }
    was_too_busy(answer)
}

#[test]
fn of_two_hundred_uses_of_one_reset_token_at_both_routes_one_sets_the_password() {
    const ROUTES: [&str; 2] = ["/auth/reset-password", "/account/reset-password"];
    on_all_nodes(async |nodes| {
        register(nodes).await;
        let body = json!({"email": EMAIL});
        nodes.client(0).post("/auth/forgot-password", &body).await.expect("an answer").ok(200);
        let token = mailed(nodes, "reset-password").token();
        let password = |turn: usize| format!("the password of {turn}");
        let body = |turn: usize| json!({"token": token, "new_password": password(turn)});
        let answers = nodes
            .all_at_once(USES, async |turn, client| {
                client.post(ROUTES[turn / 2 % 2], &body(turn)).await.expect("an answer")
            })
            .await;
        let winner = the_winner(&answers);
        for (turn, answer) in answers.iter().enumerate().filter(|(turn, _)| *turn != winner) {
            if !had_no_place(answer) {
                useless(answer);
            }
            let again = nodes.client(turn).post(ROUTES[turn / 2 % 2], &body(turn)).await;
            useless(&again.expect("an answer"));
        }
        login(nodes, 1, &password(winner)).await.ok(200);
        login(nodes, 0, OLD).await.refused(401, "invalid_credentials");
        login(nodes, 0, &password(usize::from(winner == 0))).await.refused(401, "invalid_credentials");
    });
}

#[test]
fn of_two_hundred_uses_of_one_code_one_signs_in() {
    on_all_nodes(async |nodes| {
        register(nodes).await;
        let before = nodes.count(SESSIONS).await;
        let body = json!({"email": EMAIL, "code": mailed(nodes, "confirm-email").code()});
        let verify = async |_, client: &mut Client| client.post("/auth/verify-email", &body).await.expect("an answer");
        let answers = nodes.all_at_once(USES, verify).await;
        let winner = the_winner(&answers);
        assert_eq!(answers[winner].json["email_verified"], true);
        for answer in answers.iter().filter(|answer| answer.status >= 300 && !was_too_busy(answer)) {
            // Many who are wrong at once have to wait.
            let guesses_too_often = answer.status == 429;
            let (status, code) = if guesses_too_often { (429, "too_many_requests") } else { (401, "invalid_code") };
            answer.refused(status, code);
        }
        assert_eq!(nodes.count(SESSIONS).await, before + 1);
        assert_eq!(nodes.count("SELECT COUNT(*) FROM email_proofs").await, 0);
        let token = answers[winner].field("access_token");
        nodes.client(1).call_as(token, "GET", "/auth/me").await.expect("an answer").ok(200);
    });
}

#[test]
fn two_hundred_uses_of_one_refresh_token_give_the_one_successor() {
    on_all_nodes(async |nodes| {
        let door = Door::session_of(1);
        let proof = door.proof(&mut nodes.client(0), Nonce::Own).await.expect("a proof");
        let begun = door.sign_in(&mut nodes.client(0), &proof).await.expect("an answer").ok(200);
        let used = door.pair(&begun);
        let cookie = format!("cookie: refresh_token={}\r\norigin: http://localhost:8080\r\n", used.refresh);
        let by_body = json!({"refresh_token": used.refresh});
        let before = nodes.count(SESSIONS).await;
        let refresh = async |turn: usize, client: &mut Client| match turn / 2 % 2 {
            0 => client.post("/auth/refresh", &by_body).await.expect("an answer"),
            _ => client.send("POST", "/auth/refresh", &cookie, &Value::Null).await.expect("an answer"),
        };
        let answers = nodes.all_at_once(USES, refresh).await;
        let answered = answers.into_iter().filter(|answer| !was_too_busy(answer));
        let successors: BTreeSet<_> = answered.map(|answer| door.pair(&answer.ok(200)).refresh).collect();
        assert_eq!(successors.len(), 1);
        assert_eq!(nodes.count(SESSIONS).await, before);
        assert_eq!(nodes.count("SELECT CAST(SUM(refresh_counter) AS BIGINT) FROM sessions").await, 1);
        nodes.client(0).call_as(&used.access, "GET", &door.own()).await.expect("an answer").ok(200);
        let successor = successors.first().expect("one");
        door.refresh(&mut nodes.client(1), successor).await.expect("an answer").ok(200);
        let again = door.refresh(&mut nodes.client(0), &used.refresh).await.expect("an answer");
        again.refused(401, "refresh_token_reused");
    });
}
