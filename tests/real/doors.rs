//! The commands of the pages of the doors, run as they are printed against a fresh gateway on another port; and what a
//! gateway that runs keeps to itself.

use std::process::Command;
use std::time::Duration;

use super::on_sqlite;
use crate::support::http::{get, send};
use crate::support::parts::script;
use crate::support::process::run;
use crate::support::scratch;

/// Where the pages expect the gateway to be.
const DOCUMENTED: &str = "http://localhost:8080";

const EXCHANGE: &str = include_str!("../../docs/exchange.md");
const PLATFORM: &str = include_str!("../../docs/platform.md");
const SESSION: &str = include_str!("../../docs/session.md");
const USERS: &str = include_str!("../../docs/users.md");
const SUBSCRIPTIONS: &str = include_str!("../../docs/subscriptions.md");
const SECOND_FACTOR: &str = include_str!("../../docs/second-factor.md");

/// The snippet of a page with this mark, pointed at the gateway of this test.
fn snippet(page: &str, mark: &str, url: &str) -> String {
    let (_, rest) = page.split_once(&format!("<!-- test: {mark} -->\n```sh\n")).expect("a snippet with this mark");
    let (snippet, _) = rest.split_once("\n```").expect("the fence is closed");
    assert!(snippet.contains(DOCUMENTED), "{snippet}");
    snippet.replace(DOCUMENTED, url)
}

/// Runs it, with these variables; gives the answers, one a line.
#[track_caller]
pub(super) fn answers(script: &str, variables: &[(&str, &str)]) -> Vec<serde_json::Value> {
    for program in ["curl", "openssl"] {
        let found =
            Command::new("sh").arg("-c").arg(format!("command -v {program}")).output().unwrap().status.success();
        assert!(found, "{program} is missing: install it with the system's package manager");
    }
    let place = scratch::directory();
    let file = place.path().join("snippet.sh");
    // Each answer on a line of its own; curl ends none.
    std::fs::write(&file, format!("curl() {{ command curl --fail-with-body \"$@\"; echo; }}\n{script}\n")).unwrap();
    let mut command = Command::new("sh");
    // A cookie jar is written to where somebody stands.
    command.arg("-eu").arg(&file).envs(variables.iter().copied()).current_dir(place.path());
    let finished = run(&mut command, Duration::from_mins(1)).unwrap();
    assert_eq!(finished.code, 0, "{finished:?}");
    let lines = finished.stdout.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
}

#[test]
fn the_commands_of_the_exchange_page_work_as_they_are_printed() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.start();
    let told = answers(&snippet(EXCHANGE, "exchange", &server.url), &[]);
    assert_eq!(told.len(), 9, "{told:#?}");
    assert_eq!(told[0]["username"], "trader1");
    assert_eq!(told[1], told[0]);
    assert_eq!(told[2]["email"], "newemail@example.com");
    assert_eq!(told[3][0]["email"], serde_json::Value::Null);
    assert_eq!(told[4]["selected_exchange"], "hyperliquid");
    assert!(told[5..8].iter().all(|answer| answer["status"] == "ok"));
    assert_eq!(told[8], 204);
}

#[test]
fn a_membership_that_the_provider_signed_as_the_page_says_is_taken() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.with("COUNTERSIGN_MEMBERSHIP__SECRET", "shared with the provider").start();
    let body = r#"{"username":"trader1","password":"correct horse battery"}"#;
    assert_eq!(send(&server.url, "POST", "/api/users/register", &[], body).status, 201);
    let opened = send(&server.url, "POST", "/api/users/login", &[], body).body;
    let opened: serde_json::Value = serde_json::from_str(&opened).unwrap();
    let id = opened["user"]["id"].to_string();
    let session = opened["session_token"].as_str().unwrap();
    let variables = [("ID", id.as_str()), ("SESSION", session), ("MEMBERSHIP_SECRET", "shared with the provider")];
    let told = answers(&snippet(EXCHANGE, "membership", &server.url), &variables);
    assert_eq!(told, [serde_json::json!({"status": "ok"})]);
}

#[test]
fn the_commands_of_the_session_page_work_as_they_are_printed() {
    let (directory, gateway) = on_sqlite();
    let gateway = gateway.at_home();
    let _server = gateway.start();
    let script = snippet(SESSION, "session", gateway.value("COUNTERSIGN_PUBLIC_URL"));
    let told = answers(&script.replace("./data", directory.path().join("data").to_str().unwrap()), &[]);
    assert_eq!(told.len(), 9, "{told:#?}");
    assert_eq!((&told[0]["email_verified"], &told[1]["email_verified"]), (&false.into(), &true.into()));
    assert_eq!((&told[3]["email"], &told[3]["roles"]), (&"user@example.com".into(), &serde_json::json!(["USER"])));
    assert_ne!(told[4]["refresh_token"], told[2]["refresh_token"]);
    assert_eq!((&told[5], &told[6]), (&serde_json::json!({}), &serde_json::json!({})));
    assert_eq!((&told[7]["token_type"], &told[8]), (&"bearer".into(), &204.into()));
}

#[test]
fn the_commands_of_the_platform_page_work_as_they_are_printed() {
    let (directory, gateway) = on_sqlite();
    let gateway = gateway.at_home();
    let _server = gateway.start();
    let script = snippet(PLATFORM, "platform", gateway.value("COUNTERSIGN_PUBLIC_URL"));
    let told = answers(&script.replace("./data", directory.path().join("data").to_str().unwrap()), &[]);
    assert_eq!(told.len(), 12, "{told:#?}");
    assert_eq!((&told[0]["message"], &told[1]), (&"Registration successful".into(), &204.into()));
    assert_eq!((&told[2]["marketingOptIn"], &told[3]["displayName"]), (&true.into(), &"John Doe".into()));
    assert_eq!((&told[4]["timezone"], &told[4]["notifications"]["push"]), (&"America/Chicago".into(), &false.into()));
    assert_eq!(told[5..7], [serde_json::json!({"dataProviders": []}), serde_json::json!({"memberships": []})]);
    assert_eq!((&told[7], &told[8]["os"]), (&serde_json::json!({}), &"iOS".into()));
    assert_eq!((&told[9]["billing"], &told[10], &told[11]), (&false.into(), &serde_json::json!({}), &204.into()));
}

#[test]
fn the_commands_of_the_page_of_subscriptions_work_as_they_are_printed() {
    let (_directory, gateway) = on_sqlite();
    let (_, plans) = SUBSCRIPTIONS.split_once("<!-- test: plans -->\n```toml\n").expect("the plans");
    let (plans, _) = plans.split_once("\n```").expect("the fence is closed");
    let plans: toml::Table = toml::from_str(plans).expect("the plans are TOML");
    let plans = serde_json::to_string(&plans["plans"]).expect("a list");
    let server = gateway.with("COUNTERSIGN_PLANS", &plans).start();
    let told = answers(&snippet(SUBSCRIPTIONS, "subscriptions", &server.url), &[]);
    assert_eq!(told.len(), 7, "{told:#?}");
    assert_eq!(told[0]["subscriptions"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&told[0]["subscriptions"][0]["planId"], &told[1]["planId"]),
        (&"basic_monthly".into(), &"basic_yearly".into())
    );
    assert_eq!((&told[2]["status"], &told[3]["status"]), (&"paused".into(), &"active".into()));
    assert_eq!((&told[4]["status"], &told[4]["cancelAtPeriodEnd"]), (&"active".into(), &true.into()));
    let own = serde_json::json!({"plan": "basic", "status": "active"});
    assert_eq!(told[5]["subscription"], own);
    assert_eq!(
        (&told[6]["memberships"][0]["plan"], &told[6]["memberships"][0]["status"]),
        (&own["plan"], &own["status"])
    );
}

#[test]
fn a_device_token_and_an_address_in_a_path_are_in_no_log() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.with("COUNTERSIGN_LOG__LEVEL", "debug").start();
    let body = r#"{"username":"trader1","email":"t@example.com","password":"correct horse battery"}"#;
    let made = send(&server.url, "POST", "/v1/users/register", &[], body);
    assert_eq!(made.status, 201, "{}", made.body);
    let made: serde_json::Value = serde_json::from_str(&made.body).unwrap();
    let caller = format!("x-auth-token: {}", made["token"].as_str().unwrap());
    let path = "/v1/users/notifications/tokens/push-token-of-somebody";
    for (method, path, body) in [
        ("POST", path, "{}"),
        ("POST", path, "{"),
        ("GET", path, ""),
        ("POST", "/v1/users/notifications/tokens/push-token-of-somebody/update", "{\"billing\":false}"),
        ("POST", "/v1/users/notifications/tokens/push-token-of-somebody/nowhere", "{}"),
        ("POST", "/v1/devicetokens", "{\"deviceToken\":\"push-token-of-somebody\",\"os\":\"Web\"}"),
        ("GET", "/v1/users/whose@secret.example/memberships", ""),
    ] {
        send(&server.url, method, path, &[&caller], body);
    }
    let told = get(&server.internal_url, "/metrics", "").body + &server.said();
    assert!(!told.contains("push-token-of-somebody") && !told.contains("secret.example"), "it is told somewhere");
    assert!(told.contains("/v1/users/notifications/tokens/{token}"), "the log was looked at");
}

#[test]
fn the_commands_of_the_users_page_work_as_they_are_printed() {
    let (_directory, gateway) = on_sqlite();
    let admin = [("ADMIN_EMAIL", "root@example.com"), ("ADMIN_PASSWORD", "the very first password")];
    let gateway = gateway.with("COUNTERSIGN_ADMIN_EMAIL", admin[0].1).with("COUNTERSIGN_ADMIN_PASSWORD", admin[1].1);
    let server = gateway.start();
    let told = answers(&snippet(USERS, "users", &server.url), &admin);
    assert_eq!(told.len(), 5, "{told:#?}");
    assert_eq!((&told[0]["name"], &told[1]["total"]), (&"Bob Smith".into(), &2.into()));
    assert_eq!((&told[2], &told[3], &told[4]), (&told[0], &serde_json::json!({}), &204.into()));
}

#[test]
fn the_commands_of_the_second_factors_page_work_as_they_are_printed() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.start();
    let tools = scratch::directory();
    std::os::unix::fs::symlink(script("oathtool.py"), tools.path().join("oathtool")).unwrap();
    // The tool itself comes first, where there is one.
    let path = format!("{}:{}", std::env::var("PATH").unwrap(), tools.path().display());
    let told = answers(&snippet(SECOND_FACTOR, "second-factor", &server.url), &[("PATH", &path)]);
    assert_eq!(told.len(), 5, "{told:#?}");
    assert_eq!(told[0]["username"], "trader1");
    assert_eq!(told[1]["isValid"], true);
    assert!(told[1]["deviceToken"].as_str().unwrap().starts_with("cdt_"));
    assert_eq!(told[2]["user"]["username"], "trader1");
    assert_eq!(told[3]["devices"][0]["expiresAt"], told[1]["expiresAt"]);
    assert_eq!(told[4], 204);
}

#[test]
fn a_session_token_in_the_query_is_in_no_log_no_metric_no_error_and_no_referrer() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.with("COUNTERSIGN_LOG__LEVEL", "debug").start();
    let body = r#"{"username":"trader1","password":"correct horse battery"}"#;
    assert_eq!(send(&server.url, "POST", "/api/users/register", &[], body).status, 201);
    let opened = send(&server.url, "POST", "/api/users/login", &[], body).body;
    let opened: serde_json::Value = serde_json::from_str(&opened).unwrap();
    let token = opened["session_token"].as_str().unwrap();
    let foreign = format!("{}AAAA", &token[..token.len() - 4]);
    let mut told = String::new();
    for token in [token, &foreign] {
        for (method, route) in [
            ("GET", "profile"),
            ("PUT", "profile"),
            ("GET", ""),
            ("GET", "nowhere"),
            ("DELETE", "profile"),
            ("POST", "exchange-config"),
            ("POST", "sync-membership"),
        ] {
            let path = format!("/api/users/{route}?session_token={token}");
            let answer = send(&server.url, method, &path, &[], "{");
            assert!(answer.head.to_lowercase().contains("referrer-policy: no-referrer"), "{}", answer.head);
            told += &answer.head;
            told += &answer.body;
        }
    }
    told += &get(&server.internal_url, "/metrics", "").body;
    told += &server.said();
    for token in [token, &foreign] {
        assert!(!told.contains(token) && !told.contains(&token[4..40]), "it is told somewhere");
    }
    assert!(told.contains("/api/users/profile"), "the log was looked at");
}
