//! Subscriptions against localstripe, which nobody here wrote, and through kills of the gateway.
//! `COUNTERSIGN_TEST_ROUNDS` says how often it is killed (else 5 times).

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use countersign::clock::Clock;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{on_both_databases_with, on_postgres, on_sqlite};
use crate::support::client::Client;
use crate::support::http::send;
use crate::support::mail_server::execute;
use crate::support::parts;
use crate::support::process::{Lines, Watchdog, poll};
use crate::support::server::{Gateway, Server};
use crate::support::stripe::{self, Stripe};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is killed, unless the environment says otherwise.
const ROUNDS: usize = 5;
/// How many subscribe in a round.
const PEOPLE: usize = 8;
const PASSWORD: &str = "correct horse battery";
const PATH: &str = "/v1/users/subscriptions";
const KEY: &str = "authorization: Bearer sk_test_12345";
const PLANS: &str = r#"[{"id":"premium_monthly","plan":"premium","price":999,"currency":"eur"},
    {"id":"gold","price":2900,"currency":"eur","interval":"year"}]"#;

/// A running localstripe. Dropping it kills it.
struct LocalStripe {
    url: String,
    child: Child,
    watchdog: Option<Watchdog>,
}

impl LocalStripe {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let mut command = Command::new(parts::python_program());
        command.arg(parts::script("loopback_stripe.py")).arg(port.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("python can be run");
        let watchdog = Some(Watchdog::over(&child));
        let lines = Lines::of(child.stdout.take().expect("stdout is piped"));
        poll(PATIENCE, || (!lines.so_far().is_empty()).then_some(())).expect("localstripe listens");
        Self { url: format!("http://127.0.0.1:{port}"), child, watchdog }
    }

    fn before(&self, gateway: Gateway) -> Gateway {
        gateway
            .with("COUNTERSIGN_STRIPE__API_BASE", &self.url)
            .with("COUNTERSIGN_STRIPE__SECRET_KEY", "sk_test_12345")
            .with("COUNTERSIGN_STRIPE__WEBHOOK_SECRET", "whsec_of_a_test")
            .with("COUNTERSIGN_PLANS", PLANS)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = send(&self.url, method, path, &[KEY], &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).unwrap_or_default()
    }
}

impl Drop for LocalStripe {
    fn drop(&mut self) {
        // Nothing in here may panic: a test that fails is unwinding already.
        self.child.kill().ok();
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.dismiss();
        }
        self.child.wait().ok();
    }
}

/// Registers, and gives the access token.
fn join(server: &Server, name: &str) -> String {
    let body = json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD});
    let joined = send(&server.url, "POST", "/v1/users/register", &[], &body.to_string());
    let told: Value = serde_json::from_str(&joined.body).unwrap_or_else(|_| panic!("{joined:?}"));
    told["token"].as_str().unwrap_or_else(|| panic!("{joined:?}")).to_owned()
}

fn call(server: &Server, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = send(&server.url, method, path, &[&format!("x-auth-token: {token}")], &body);
    (answer.status, serde_json::from_str(&answer.body).unwrap_or_default())
}

fn subscribe(server: &Server, token: &str, plan: &str, method: &str) -> (u16, Value) {
    call(server, token, "POST", PATH, &json!({"planId": plan, "paymentMethodId": method}))
}

fn newest(server: &Server, token: &str) -> Value {
    call(server, token, "GET", PATH, &Value::Null).1["subscriptions"][0].clone()
}

#[test]
fn a_stripe_that_nobody_here_wrote_takes_subscriptions_and_tells_of_them() {
    let there = LocalStripe::start();
    on_both_databases_with(
        |gateway| there.before(gateway),
        |gateway, server| {
            let hook = json!({"url": format!("{}/webhooks/stripe", server.url), "secret": "whsec_of_a_test"});
            there.ask("POST", "/_config/webhooks/w1", &hook);
            let token = join(server, "trader1");
            let (status, begun) = subscribe(server, &token, "premium_monthly", "pm_card_visa");
            assert_eq!(
                (status, &begun["status"], &begun["plan"]),
                (201, &json!("active"), &json!("premium")),
                "{begun}"
            );
            let all = there.ask("GET", "/v1/subscriptions?status=all&limit=100", &Value::Null);
            let id = begun["id"].as_str().unwrap();
            let is_ours = |kept: &&Value| kept["metadata"]["countersign_subscription"] == id;
            let kept = all["data"].as_array().unwrap().iter().find(is_ours).unwrap_or_else(|| panic!("{all}")).clone();
            assert_eq!((&kept["plan"]["amount"], &kept["status"]), (&json!(999), &json!("active")));
            // With the period, as its owner wants; and at once, as somebody does at the dashboard, which an event tells of.
            let (status, ends) = call(server, &token, "PUT", &format!("{PATH}/{id}/cancel"), &Value::Null);
            assert_eq!((status, &ends["cancelAtPeriodEnd"]), (200, &json!(true)));
            there.ask("DELETE", &format!("/v1/subscriptions/{}", kept["id"].as_str().unwrap()), &Value::Null);
            let is_over = || (newest(server, &token)["status"] == "canceled").then_some(());
            poll(PATIENCE, is_over).unwrap_or_else(|| panic!("the event is not taken:\n{}", server.said()));
            // A card that takes no charge, and one that is no card any more.
            let (status, waits) = subscribe(server, &token, "gold", "pm_card_chargeCustomerFail");
            assert_eq!((status, &waits["status"]), (201, &json!("incomplete")), "{waits}");
            assert!(waits["clientSecret"].as_str().unwrap().starts_with("pi_"), "{waits}");
            let path = format!("{PATH}/{}/cancel", waits["id"].as_str().unwrap());
            let (status, ended) = call(server, &token, "PUT", &path, &Value::Null);
            assert_eq!((status, &ended["status"]), (200, &json!("canceled")));
            let (status, refused) = subscribe(server, &token, "gold", "pm_card_visa_chargeDeclined");
            assert_eq!((status, &refused["error"]), (402, &json!("payment_failed")));
            let doctor = gateway.run(&["doctor"]).stdout;
            for line in [
                format!("ok     Stripe at {}: it takes the key", there.url),
                "ok     plan premium_monthly: Stripe has its price premium_monthly, as configured".to_owned(),
            ] {
                assert!(doctor.contains(&line), "{line} in {doctor}");
            }
            assert!(!server.said().contains("sk_test_12345") && !server.said().contains("whsec_"), "{}", server.said());
        },
    );
}

#[test]
fn the_doctor_says_what_is_wrong_with_prices_and_keys() {
    let there = Stripe::start();
    let (_directory, gateway) = on_sqlite();
    let gateway = paid_by(&there, gateway);
    gateway.start();
    let plans = r#"[{"id":"new","price":1},{"id":"gold","price":2900,"currency":"eur","stripe_price":"price_gold"},
        {"id":"silver","price":1900,"currency":"eur","stripe_price":"price_silver"}]"#;
    let told = gateway.clone().with("COUNTERSIGN_PLANS", plans).run(&["doctor"]).stdout;
    for line in [
        "ok     plan new: Stripe has no price for it yet; the first subscription makes it",
        "ok     plan gold: Stripe has its price price_gold, as configured",
        "WRONG  plan silver: Stripe has no price price_silver",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
    // A restricted key needs a right for all that is asked for, so that is what the doctor asks for.
    let asked = there.asked();
    let beside = "expand[]=data.latest_invoice.payment_intent".to_owned();
    assert!(asked[0].line() == "GET /v1/subscriptions" && asked[0].told().contains(&beside), "{asked:?}");
    let dearer = plans.replace("2900", "3900");
    let told = gateway.clone().with("COUNTERSIGN_PLANS", &dearer).run(&["doctor"]).stdout;
    let line = "WRONG  plan gold: Stripe collects 2900 eur (1 month) by the price price_gold, and the configuration says 3900 eur";
    assert!(told.contains(line), "{told}");
    let told = gateway.clone().with("COUNTERSIGN_STRIPE__SECRET_KEY", "sk_test_hunter2hunter2").run(&["doctor"]).stdout;
    assert!(
        told.contains("WRONG  Stripe at http") && told.contains("status 401") && !told.contains("hunter2"),
        "{told}"
    );
    let told = gateway.with("COUNTERSIGN_STRIPE__API_BASE", "http://127.0.0.1:9").run(&["doctor"]).stdout;
    assert!(told.contains("WRONG  Stripe at http://127.0.0.1:9: it can't be reached"), "{told}");
    there.asked();
}

#[test]
fn sqlite_has_one_subscription_of_each_person_through_kills() {
    kill_again_and_again(on_sqlite());
}

#[test]
fn postgres_has_one_subscription_of_each_person_through_kills() {
    kill_again_and_again(on_postgres());
}

fn paid_by(there: &Stripe, gateway: Gateway) -> Gateway {
    let set = |gateway: Gateway, (name, value): (&str, String)| gateway.with(&format!("COUNTERSIGN_{name}"), &value);
    there.settings().into_iter().fold(gateway, set)
}

fn kill_again_and_again((_directory, gateway): (TempDir, Gateway)) {
    let there = Stripe::start_at(Clock::System.now().seconds());
    let gateway = paid_by(&there, gateway).with("COUNTERSIGN_LIMITS__ENABLED", "false");
    let rounds = std::env::var("COUNTERSIGN_TEST_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().expect("a number"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut server = gateway.start();
    for round in 0..rounds {
        let people: Vec<(String, String)> = (0..PEOPLE)
            .map(|number| format!("person{number}.{round}"))
            .map(|name| (join(&server, &name), format!("pm_good_{name}").replace('.', "_")))
            .collect();
        // Some answers are slow, so that whatever the moment is, something is under way.
        for _ in 0..PEOPLE {
            there.fail("POST /v1/subscriptions", stripe::Fault::Slow(Duration::from_millis(150)));
        }
        let url = server.url.clone();
        runtime.block_on(async {
            let posts = people.iter().map(|(token, method)| post(&url, token, method));
            let moment = Duration::from_millis(u64::try_from(round % 6).expect("a small number") * 60);
            tokio::select! {
                _ = join_all(posts) => {}
                () = tokio::time::sleep(moment) => {}
            }
        });
        drop(server);
        there.be_well();
        server = gateway.start();
        // What a killed one had in hand is free again after its time, for which nobody waits here.
        execute(&gateway, "UPDATE billing_calls SET claimed_until = 0");
        let url = server.url.clone();
        let answers = runtime.block_on(join_all(people.iter().map(|(token, method)| insist(&url, token, method))));
        for (answer, (token, _)) in answers.into_iter().zip(&people) {
            // What the first one brought about, the second one finds, or is told that it is there.
            assert!(matches!(answer, Some((201 | 409, _))), "{answer:?}\n{}", server.said());
            let (_, told) = call(&server, token, "GET", PATH, &Value::Null);
            let own = told["subscriptions"].as_array().expect("a list");
            assert_eq!((own.len(), &own[0]["status"]), (1, &json!("active")), "{told}");
        }
    }
    check(&there, &server, rounds * PEOPLE);
}

/// Everybody has one there, which is the one here, and was charged once.
fn check(there: &Stripe, server: &Server, people: usize) {
    let mut accounts: Vec<String> =
        there.with(|desk| desk.subscriptions.iter().map(|kept| kept.metadata["countersign_account"].clone()).collect());
    accounts.sort();
    accounts.dedup();
    assert_eq!(
        there.with(|desk| (desk.subscriptions.len(), desk.charges.len())),
        (people, people),
        "{}",
        server.said()
    );
    assert_eq!(accounts.len(), people);
    there.asked();
}

/// Subscribes, and again for as long as the repair of the start has the first one in hand.
async fn insist(url: &str, token: &str, method: &str) -> Option<(u16, Value)> {
    let pause = Duration::from_millis(50);
    for _ in 0..PATIENCE.as_millis() / pause.as_millis() {
        let answer = post(url, token, method).await?;
        if answer.1["error"] != "subscription_change_under_way" {
            return Some(answer);
        }
        tokio::time::sleep(pause).await;
    }
    None
}

/// Subscribes; `None` if the connection broke.
async fn post(url: &str, token: &str, method: &str) -> Option<(u16, Value)> {
    let header = format!("x-auth-token: {token}\r\n");
    let body = json!({"planId": "premium_monthly", "paymentMethodId": method});
    let answer = Client::of(url).send("POST", PATH, &header, &body).await.ok()?;
    Some((answer.status, answer.json))
}
