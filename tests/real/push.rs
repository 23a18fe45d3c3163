//! Notices to devices by the started binary: killed while they flow, stopped, with two nodes, and set up wrongly.
//! `COUNTERSIGN_TEST_ROUNDS` says how often it is killed (else 6 times).

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{on_postgres, on_sqlite};
use crate::support::client::Client;
use crate::support::fcm::{Fcm, PATIENCE, PROJECT, Push, Reply, counted};
use crate::support::http::get;
use crate::support::mail_server::{Person, execute, text};
use crate::support::process::{poll, run};
use crate::support::scratch;
use crate::support::server::{Gateway, Server};
use crate::support::wallet::Wallet;

/// How often it is killed, unless the environment says otherwise.
const ROUNDS: u32 = 6;
/// How many devices somebody has who is told.
const DEVICES: usize = 8;
/// How many a node has on its way at the most.
const ON_THEIR_WAY: usize = 20;

const LEFT: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM outbox WHERE way = 'push'";
const IN_HAND: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM outbox WHERE way = 'push' AND claimed_until > 0";
const LINKED: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM wallets";
/// Takes every notice from the node that was killed over it, as time would.
const FREE: &str = "UPDATE outbox SET due_at = 0, claimed_until = 0";

const PAGE: &str = include_str!("../../docs/push.md");
/// Where the page expects the gateway to be.
const DOCUMENTED: &str = "http://localhost:8080";

#[track_caller]
fn wait_until_empty(gateway: &Gateway) {
    let empty = poll(PATIENCE, || (text(gateway, LEFT) == "0").then_some(()));
    assert!(empty.is_some(), "{} notices are left", text(gateway, LEFT));
}

/// How often each notice was taken.
fn times(pushes: &[Push]) -> BTreeMap<&str, usize> {
    let mut times = BTreeMap::new();
    for push in pushes {
        *times.entry(push.id.as_str()).or_default() += 1;
    }
    times
}

#[test]
fn sqlite_loses_no_notice_through_kills_and_one_that_comes_twice_takes_its_own_place() {
    kill_again_and_again(on_sqlite(), 1);
}

#[test]
fn postgres_loses_no_notice_through_kills_and_one_that_comes_twice_takes_its_own_place() {
    kill_again_and_again(on_postgres(), 2);
}

fn kill_again_and_again((_directory, gateway): (TempDir, Gateway), processes: usize) {
    let fcm = Fcm::start();
    fcm.be(Reply::After(Duration::from_millis(40)));
    let gateway = fcm.reached_by(gateway);
    let rounds = std::env::var("COUNTERSIGN_TEST_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().expect("a number"));
    let mut nodes: Vec<Server> = (0..processes).map(|_| gateway.start()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut answered = 0;
    for round in 0..rounds {
        let urls: Vec<String> = nodes.iter().map(|node| node.url.clone()).collect();
        let token = runtime.block_on(somebody(&urls[0], round));
        let is_over = Cell::new(false);
        // At another point of the flow each time.
        let enough = fcm.pushes().len() + 5 + (round as usize * 7) % 31;
        let kill = async {
            let reached = async {
                while fcm.pushes().len() < enough {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            };
            tokio::time::timeout(PATIENCE, reached).await.expect("notices flow");
            drop(nodes.remove(0));
            is_over.set(true);
        };
        let (linked, ()) = runtime.block_on(join(link_wallets(&urls, &token, round, &is_over), kill));
        answered += linked;
        nodes.push(gateway.start());
    }
    for node in nodes {
        node.terminate();
        assert_eq!(node.wait(), 0);
    }
    // Those that a killed node had: it was killed over some, or nothing was tried here.
    assert_ne!(text(&gateway, IN_HAND), "0");
    execute(&gateway, FREE);
    fcm.be(Reply::Taken);
    let _server = gateway.start();
    wait_until_empty(&gateway);
    check(&fcm.pushes(), rounds, answered, text(&gateway, LINKED).parse().expect("a number"));
}

/// Holds what was told against the wallets that are linked: each on every device of its owner, and nothing else.
fn check(pushes: &[Push], rounds: u32, answered: usize, wallets: usize) {
    let rounds = usize::try_from(rounds).expect("few rounds");
    // Nobody is told of the wallet that he signs in with.
    let linked = wallets - rounds;
    assert!(answered > 0 && linked >= answered, "{linked} of {answered}");
    let mut told = 0;
    for round in 0..rounds {
        let on = |number: usize| -> usize {
            let device = device(round, number);
            let ids = pushes.iter().filter(|push| push.device == device).map(|push| push.id.as_str());
            ids.collect::<BTreeSet<&str>>().len()
        };
        told += on(0);
        assert!(
            (0..DEVICES).all(|number| on(number) == on(0)),
            "all devices of one are told the same, in round {round}"
        );
    }
    assert_eq!(told, linked);
    let times = times(pushes);
    assert_eq!(times.len(), linked * DEVICES);
    let twice = times.values().filter(|times| **times > 1).count();
    assert!(twice <= rounds * ON_THEIR_WAY, "{twice} came again after {rounds} kills");
}

fn device(round: usize, number: usize) -> String {
    format!("device{round}.{number}")
}

/// Somebody with devices; an access token of his.
async fn somebody(url: &str, round: u32) -> String {
    let mut client = Client::of(url);
    let token = client.sign_in(&Wallet::number(1 + round * 1_000)).await.token;
    let header = format!("x-auth-token: {token}\r\n");
    for number in 0..DEVICES {
        let path = format!("/v1/users/notifications/tokens/{}", device(round as usize, number));
        client.send("POST", &path, &header, &json!({})).await.expect("an answer").ok(200);
    }
    token
}

/// Links one wallet after another, at each node in turn, until it is over; gives how many that was answered for.
async fn link_wallets(urls: &[String], token: &str, round: u32, is_over: &Cell<bool>) -> usize {
    let header = format!("x-auth-token: {token}\r\n");
    let mut clients: Vec<Client> = urls.iter().map(|url| Client::of(url)).collect();
    let mut answered = 0;
    // As many as one may have.
    for number in 1..100 {
        if is_over.get() {
            break;
        }
        let place = number as usize % clients.len();
        let wallet = Wallet::number(1 + round * 1_000 + number);
        match link(&mut clients[place], &header, &wallet).await {
            Ok(()) => answered += 1,
            // The first node is the one that is killed.
            Err(error) => assert!(place == 0, "a connection broke by itself: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    answered
}

async fn link(client: &mut Client, header: &str, wallet: &Wallet) -> std::io::Result<()> {
    let asked = json!({"address": wallet.address});
    let asked = client.send("POST", "/users/wallets/challenge", header, &asked).await?.ok(200);
    let message = asked.field("message");
    let proof = json!({"message": message, "signature": wallet.sign(message)});
    client.send("POST", "/users/wallets", header, &proof).await?.ok(201);
    Ok(())
}

#[test]
fn two_nodes_send_each_of_many_notices_once() {
    let fcm = Fcm::start();
    // A node is busy with what it took while the other one looks for more.
    fcm.be(Reply::After(Duration::from_millis(600)));
    let (_directory, gateway) = on_postgres();
    let gateway = fcm.reached_by(gateway);
    let nodes = [gateway.start(), gateway.start()];
    let mut person = Person::new(&gateway, &nodes[0], "trader1");
    for number in 0..50 {
        person.claim(&nodes[number % 2], &format!("device{number}"));
    }
    for number in 0..4 {
        person.change_password(&nodes[number % 2]);
    }
    let sent = poll(PATIENCE, || (text(&gateway, LEFT) == "0").then_some(()));
    sent.expect("all are sent");
    let pushes = fcm.pushes();
    assert_eq!((pushes.len(), times(&pushes).len()), (200, 200));
    let sent: Vec<u64> =
        nodes.iter().map(|node| counted(&get(&node.internal_url, "/metrics", "").body, "sent")).collect();
    assert_eq!(sent.iter().sum::<u64>(), 200);
    assert!(sent.iter().all(|sent| *sent > 0), "both had a share: {sent:?}");
}

#[test]
fn a_stop_waits_for_the_notices_on_their_way_and_puts_the_others_back() {
    for (_directory, gateway) in [on_sqlite(), on_postgres()] {
        let fcm = Fcm::start();
        fcm.be(Reply::After(Duration::from_secs(2)));
        let gateway = fcm.reached_by(gateway);
        let server = gateway.start();
        let mut person = Person::new(&gateway, &server, "trader1");
        for number in 0..30 {
            person.claim(&server, &format!("device{number}"));
        }
        person.change_password(&server);
        poll(PATIENCE, || (fcm.asked().len() >= ON_THEIR_WAY).then_some(())).expect("they are under way");
        server.terminate();
        assert_eq!(server.wait(), 0);
        let sent = fcm.pushes().len();
        assert_eq!((sent, fcm.asked().len()), (ON_THEIR_WAY, ON_THEIR_WAY));
        assert_eq!((text(&gateway, LEFT).as_str(), text(&gateway, IN_HAND).as_str()), ("10", "0"));
        fcm.be(Reply::Taken);
        let _server = gateway.start();
        wait_until_empty(&gateway);
        let pushes = fcm.pushes();
        assert_eq!((pushes.len(), times(&pushes).len()), (30, 30));
    }
}

#[test]
fn a_service_that_does_not_do_its_work_holds_up_nobody_and_the_log_tells_of_it_without_a_secret() {
    let fcm = Fcm::start();
    let (_directory, gateway) = on_sqlite();
    let gateway = fcm.reached_by(gateway).with("COUNTERSIGN_LOG__LEVEL", "debug");
    let server = gateway.start();
    let mut person = Person::new(&gateway, &server, "trader1");
    person.claim(&server, "the-token-of-a-phone");
    for (reply, line) in [
        (Reply::Refused(503, Some("1".to_owned()), "UNAVAILABLE"), "it answers with status 503: UNAVAILABLE"),
        (
            Reply::Raw(403, r#"{"error":{"status":"PERMISSION_DENIED","message":"hunter2"}}"#.to_owned()),
            "PERMISSION_DENIED",
        ),
        (Reply::Refused(404, None, "UNREGISTERED"), "a device is known no more and is taken out"),
    ] {
        fcm.be(reply);
        person.change_password(&server);
        let told = poll(PATIENCE, || {
            execute(&gateway, "UPDATE outbox SET due_at = 0");
            server.said().contains(line).then_some(())
        });
        assert!(told.is_some(), "{line}: {}", server.said());
    }
    let key = fcm.account()["private_key"].as_str().unwrap().lines().nth(3).unwrap().to_owned();
    let said = server.said();
    for secret in ["the-token-of-a-phone", "ya29", "hunter2", "gserviceaccount", &key] {
        assert!(!said.contains(secret), "{secret}: {said}");
    }
}

#[test]
fn the_doctor_fetches_an_access_token_and_says_what_is_wrong() {
    let fcm = Fcm::start();
    let (_directory, gateway) = on_sqlite();
    let without = gateway.run(&["doctor"]);
    assert!(!without.stdout.contains("FCM"), "{without:?}");
    // Without a chain that is looked for on the way.
    let gateway = fcm.reached_by(gateway).with("COUNTERSIGN_CHAINS", "[{\"id\":1}]");
    let told = gateway.run(&["doctor"]);
    let line = format!("ok     FCM, project {PROJECT}: the service account gets an access token, and may send");
    assert!(told.stdout.contains(&line), "{told:?}");
    assert_eq!((fcm.assertions().len(), fcm.asked().len(), fcm.looked_at().len()), (1, 0, 1), "nothing is sent");
    for (reply, line) in [
        (Reply::Refused(404, None, "UNREGISTERED"), "ok     "),
        (Reply::Taken, "ok     "),
        (
            Reply::Raw(403, r#"{"error":{"status":"PERMISSION_DENIED","message":"hunter2"}}"#.to_owned()),
            "it answers with status 403: PERMISSION_DENIED: see that the account may send messages",
        ),
        (
            Reply::Raw(404, r#"{"error":{"status":"NOT_FOUND"}}"#.to_owned()),
            "it answers with status 404: NOT_FOUND: see",
        ),
        (Reply::Raw(401, r#"{"error":{"status":"UNAUTHENTICATED"}}"#.to_owned()), "status 401: UNAUTHENTICATED: see"),
        (Reply::Refused(403, None, "SENDER_ID_MISMATCH"), "it answers SENDER_ID_MISMATCH: see"),
        (Reply::Refused(503, None, "UNAVAILABLE"), "it answers with status 503: UNAVAILABLE"),
    ] {
        fcm.be(reply);
        let told = gateway.run(&["doctor"]);
        let about = told.stdout.lines().find(|line| line.contains("FCM, project")).expect("a line").to_owned();
        assert!(about.contains(line) && about.starts_with("ok") == line.starts_with("ok"), "{line}: {about}");
        assert!(!about.contains("hunter2"), "{about}");
    }
    fcm.be(Reply::Taken);
    fcm.be_about_tokens(Reply::Raw(400, r#"{"error":"invalid_grant"}"#.to_owned()));
    let told = gateway.run(&["doctor"]);
    let line = format!(
        "WRONG  FCM, project {PROJECT}: it gives no access token (status 400: invalid_grant): correct fcm.service_account, \
         or make another key of it; a clock that is off"
    );
    assert!(told.stdout.contains(&line), "{told:?}");
    let other = gateway.with("COUNTERSIGN_FCM__PROJECT_ID", "another-app");
    assert!(other.run(&["doctor"]).stdout.contains("WRONG  FCM, project another-app: "));
}

#[test]
fn a_start_with_a_wrong_account_is_refused_and_nothing_of_it_is_told() {
    let fcm = Fcm::start();
    let (directory, gateway) = on_sqlite();
    let account = fcm.account();
    let with = |name: &str, value: &str| {
        let mut account: Value = account.clone();
        account[name] = value.into();
        account.to_string()
    };
    let key = |text: &str| format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
    for (written, line) in [
        ("hunter2".to_owned(), "the JSON of a Google service account is expected"),
        (with("private_key", "hunter2"), "its private_key is no RSA key"),
        (with("private_key", &key("aHVudGVyMg==")), "its private_key is no RSA key"),
        (with("token_uri", "http://oauth2.example/hunter2"), "its token_uri has to be https"),
    ] {
        let refused = gateway.clone().with("COUNTERSIGN_FCM__SERVICE_ACCOUNT", &written).refused();
        assert!(refused.contains("fcm.service_account: ") && refused.contains(line), "{refused}");
        assert!(!refused.contains("hunter2") && !refused.contains("aHVudGVy"), "{refused}");
    }
    let file = directory.path().join("fcm.json");
    std::fs::write(&file, serde_json::to_string_pretty(&account).unwrap()).unwrap();
    let by_file = gateway.with("COUNTERSIGN_FCM__SERVICE_ACCOUNT_FILE", file.to_str().unwrap());
    assert!(!by_file.start().said().contains("gserviceaccount"));
}

#[test]
fn the_commands_of_the_page_make_a_device_show_what_it_says() {
    let fcm = Fcm::start();
    let (_directory, gateway) = on_sqlite();
    let server = fcm.reached_by(gateway).start();
    let (_, rest) = PAGE.split_once("<!-- test: push -->\n```sh\n").expect("a snippet with this mark");
    let (snippet, _) = rest.split_once("\n```").expect("the fence is closed");
    assert!(snippet.contains(DOCUMENTED));
    let place = scratch::directory();
    let file = place.path().join("snippet.sh");
    std::fs::write(&file, snippet.replace(DOCUMENTED, &server.url) + "\n").unwrap();
    let finished = run(std::process::Command::new("sh").arg("-eu").arg(&file), PATIENCE).unwrap();
    assert_eq!(finished.code, 0, "{finished:?}");
    let pushes = fcm.wait_for(1);
    let (_, shown) = snippet.rsplit_once("The device shows: ").expect("what is shown");
    assert_eq!((pushes[0].device.as_str(), pushes[0].title()), ("firebase-token-123", shown.trim()));
    // And the message is the one that the page prints.
    let (_, rest) = PAGE.split_once("```json\n").expect("a message");
    let (printed, _) = rest.split_once("\n```").expect("the fence is closed");
    let printed: Value = serde_json::from_str(printed).expect("JSON");
    assert_eq!(shape(&printed["message"]), shape(&pushes[0].message));
    assert_eq!(printed["message"]["notification"], pushes[0].message["notification"]);
}

/// The names of all members of an object, and of those within it.
fn shape(value: &Value) -> Vec<String> {
    let Value::Object(members) = value else { return Vec::new() };
    let within = |(name, value): (&String, &Value)| {
        let inner = shape(value).into_iter().map(|inner| format!("{name}.{inner}")).collect::<Vec<_>>();
        std::iter::once(name.clone()).chain(inner).collect::<Vec<_>>()
    };
    members.iter().flat_map(within).collect()
}
