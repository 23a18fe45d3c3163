//! The verbs of `users`: what they make, what a running gateway sees of it, what they refuse.

use std::net::TcpListener;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

use super::operators::execute;
use super::{ADDRESS, done, enter, failed, file, files, list_as, script, told};
use crate::real::{on_postgres, on_sqlite};
use crate::support::block_on;
use crate::support::http::{get, send};
use crate::support::parts::{self, python_program};
use crate::support::process::Finished;
use crate::support::server::Gateway;

const PASSWORD: &str = "correct horse battery";

/// Runs a verb with this on standard input.
fn run_with_input(gateway: &Gateway, input: &str, arguments: &[&str]) -> Finished {
    let gateway = gateway.clone().with("INPUT", input);
    gateway.through(&["sh", "-c", "printf %s \"$INPUT\" | \"$@\"", "sh"]).run(arguments)
}

/// Makes an account and returns what was answered.
#[track_caller]
fn create(gateway: &Gateway, arguments: &[&str]) -> Value {
    told(&run_with_input(gateway, PASSWORD, &[&["users", "create", "--json"], arguments].concat()), 0)
}

/// Runs a verb, with what it answers as JSON.
#[track_caller]
fn users(gateway: &Gateway, arguments: &[&str]) -> Value {
    told(&gateway.run(&[&["users"], arguments, &["--json"]].concat()), 0)
}

/// What the audit trail tells of accounts, in its order.
fn events(gateway: &Gateway) -> Vec<(String, Option<String>)> {
    const SQL: &str = "SELECT event, detail FROM audit_events WHERE account_id IS NOT NULL ORDER BY at, event";
    block_on(async {
        let mut connection = SqliteConnection::connect(&gateway.database_url()).await.unwrap();
        sqlx::query_as(SQL).fetch_all(&mut connection).await.unwrap()
    })
}

#[test]
fn an_admin_that_was_made_before_the_first_start_signs_in() {
    for (directory, gateway) in [on_sqlite(), on_postgres()] {
        let password = file(directory.path(), "password", "correct horse battery\nand no more of it\n");
        let names = ["--username", "Root", "--email", "Root@example.com", "--name", "The root"];
        let arguments = [&["users", "create", "--admin", "--password-file", &password], &names[..]].concat();
        let made = gateway.run(&[&arguments[..], &["--json"]].concat());
        let answer = told(&made, 0);
        let id = answer["id"].as_str().unwrap();
        let expected = json!({
            "id": id, "number": 1, "username": "Root", "email": "Root@example.com", "wallet": null, "name": "The root",
            "roles": ["ADMIN", "USER"], "enabled": true,
        });
        assert_eq!(answer, expected);
        assert!(!made.stderr.contains(PASSWORD) && !made.stdout.contains(PASSWORD));
        failed(&gateway.run(&arguments), 1, "identity_already_used");
        let server = gateway.start();
        let (status, token) = enter(&server, "root@EXAMPLE.com", PASSWORD);
        assert_eq!((status, list_as(&server, &token)), (200, (200, String::new())));
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!((&claims["evf"], &claims["sub"]), (&json!(true), &json!(id)), "an operator vouches for the address");
        assert_eq!(enter(&server, "root", &format!("{PASSWORD}\n")).0, 401, "the end of the line is no part of it");
    }
}

#[test]
fn a_running_gateway_sees_roles_and_states_at_once() {
    for (_directory, gateway) in [on_sqlite(), on_postgres()] {
        create(&gateway, &["--username", "root", "--admin"]);
        let server = gateway.start();
        let bob = create(&gateway, &["--username", "bob", "--email", "bob@example.com"]);
        let id = bob["id"].as_str().unwrap();
        let (_, token) = enter(&server, "bob", PASSWORD);
        let refused = |code: &str| (403, code.to_owned());
        assert_eq!(list_as(&server, &token), refused("admin_required"));
        let granted = users(&gateway, &["grant", "BOB"]);
        assert_eq!((&granted["roles"], &granted["changed"]), (&json!(["ADMIN", "USER"]), &json!(true)));
        assert_eq!(list_as(&server, &token).0, 200);
        assert_eq!(users(&gateway, &["revoke", "Bob@Example.com", "admin"])["roles"], json!(["USER"]));
        assert_eq!(list_as(&server, &token), refused("admin_required"));
        assert_eq!(users(&gateway, &["disable", id])["enabled"], false);
        assert_eq!(list_as(&server, &token), refused("account_disabled"));
        assert_eq!(enter(&server, "bob", PASSWORD), refused("account_disabled"));
        assert_eq!(users(&gateway, &["enable", id])["enabled"], true);
        assert_eq!(list_as(&server, &token), (401, "session_ended".to_owned()));
        assert_eq!(enter(&server, "bob", PASSWORD).0, 200);
    }
}

#[test]
fn what_is_so_already_is_done() {
    let (_directory, gateway) = on_sqlite();
    create(&gateway, &["--username", "root", "--admin"]);
    create(&gateway, &["--username", "bob"]);
    for (arguments, said) in [
        (&["grant", "root", "ADMIN"][..], "root is an ADMIN already"),
        (&["revoke", "bob"], "bob is no ADMIN"),
        (&["enable", "bob"], "bob is enabled already"),
    ] {
        let finished = gateway.run(&[&["users"], arguments].concat());
        assert!(done(&finished).ends_with("enabled") && finished.stderr.contains(said), "{finished:?}");
        assert_eq!(users(&gateway, arguments)["changed"], false);
    }
    let line = done(&gateway.run(&["users", "disable", "bob"]));
    assert!(line.ends_with("  bob  USER  disabled"), "{line}");
    assert_eq!(gateway.run(&["users", "grant", "bob", "USER"]).code, 2, "there is one role to grant");
}

#[test]
fn the_last_admin_stays() {
    let (_directory, gateway) = on_sqlite();
    create(&gateway, &["--username", "root", "--admin"]);
    create(&gateway, &["--username", "bob"]);
    for verb in ["revoke", "disable"] {
        failed(&gateway.run(&["users", verb, "root"]), 1, "last_admin");
    }
    done(&gateway.run(&["users", "grant", "bob"]));
    done(&gateway.run(&["users", "disable", "root"]));
    for verb in ["revoke", "disable"] {
        failed(&gateway.run(&["users", verb, "bob"]), 1, "last_admin");
    }
    done(&gateway.run(&["users", "enable", "root"]));
    done(&gateway.run(&["users", "revoke", "bob"]));
}

#[test]
fn a_password_that_is_reset_ends_sessions_and_the_api_key() {
    let (directory, gateway) = on_sqlite();
    create(&gateway, &["--username", "bob"]);
    let server = gateway.start();
    let script = script(&server.url, directory.path());
    let token = done(&script.run(&["login"]));
    let key = done(&script.run(&["api-key"]));
    let (_, of_bob) = enter(&server, "bob", PASSWORD);
    let by_key = || {
        let header = format!("x-api-key: {key}");
        send(&server.url, "GET", &format!("/users/{ADDRESS}/data"), &[&header], "").status
    };
    assert_eq!(by_key(), 200);
    let talkative = gateway.clone().with("COUNTERSIGN_LOG__LEVEL", "debug");
    for who in ["bob", ADDRESS] {
        let reset = run_with_input(&talkative, "another horse", &["users", "reset-password", who]);
        assert!(done(&reset).ends_with("USER  enabled") && !reset.stderr.contains("another"), "{reset:?}");
    }
    assert_eq!(enter(&server, "bob", PASSWORD), (401, "invalid_credentials".to_owned()));
    assert_eq!(enter(&server, "bob", "another horse").0, 200);
    for (token, path) in [(&of_bob, "/v1/users".to_owned()), (&token, format!("/users/{ADDRESS}/data"))] {
        let answer = get(&server.url, &path, token);
        assert!(answer.status == 401 && answer.body.contains("session_ended"), "{answer:?}");
    }
    assert_eq!(by_key(), 401);
}

#[test]
fn a_password_is_asked_for_twice_on_a_terminal_and_not_shown() {
    let (directory, gateway) = on_sqlite();
    let (python, prompt) = (python_program(), parts::script("prompt.py"));
    let typing = |passwords: &str, arguments: &[&str]| {
        let program = [python.to_str().unwrap(), prompt.to_str().unwrap(), passwords];
        gateway.clone().through(&program).run(&[&["users"], arguments].concat())
    };
    let create = ["create", "--username", "root", "--admin"];
    let differ = typing(&format!("{PASSWORD}\n{PASSWORD}s"), &create);
    assert!(differ.code == 2 && differ.stderr.contains("the two passwords differ"), "{differ:?}");
    assert_eq!(files(directory.path()), [""; 0], "nothing was made");
    let made = typing(&format!("{PASSWORD}\n{PASSWORD}"), &create);
    assert!(made.code == 0 && made.stdout.trim_end().ends_with("root  ADMIN  enabled"), "{made:?}");
    assert!(made.stderr.starts_with("Password of root: \nPassword of root again: \n"), "{made:?}");
    let reset = typing("another horse\nanother horse", &["reset-password", "root"]);
    assert_eq!(reset.code, 0, "{reset:?}");
    let unknown = typing("never asked for", &["reset-password", "toor"]);
    assert!(unknown.code == 1 && !unknown.stderr.contains("Password of"), "{unknown:?}");
    for finished in [differ, made, reset] {
        assert!(!finished.stderr.contains("horse") && !finished.stdout.contains("horse"), "{finished:?}");
    }
    let server = gateway.start();
    assert_eq!(enter(&server, "root", "another horse").0, 200);
}

#[test]
fn wrong_use_makes_nothing() {
    let (directory, gateway) = on_sqlite();
    let weak = file(directory.path(), "weak", "password123\n");
    let empty = file(directory.path(), "empty", "\n");
    let create = |arguments: &[&str]| gateway.run(&[&["users", "create"], arguments].concat());
    failed(&create(&["--username", "bob", "--password-file", &weak]), 2, "most common passwords");
    failed(&create(&["--username", "bob", "--password-file", &empty]), 2, "there is no password");
    failed(&create(&["--username", "bob", "--password-file", "/nowhere/password"]), 2, "/nowhere/password");
    failed(&create(&["--username", "bob"]), 2, "--password-file");
    failed(&create(&["--username", "b", "--email", "bob", "--no-password"]), 2, "--username: 2 to 64 characters");
    failed(&create(&["--username", "b", "--email", "bob", "--no-password"]), 2, "--email: no e-mail address");
    let same = run_with_input(&gateway, "Bob@Example.com\n", &["users", "create", "--email", "bob@example.com"]);
    failed(&same, 2, "by which you sign in");
    let short = run_with_input(&gateway, "hunter2", &["users", "create", "--username", "bob"]);
    failed(&short, 2, "at least 8 characters");
    assert!(!short.stderr.contains("hunter2"));
    for arguments in [&["--admin"][..], &["--email", "a@b.example", "--no-password", "--password-file", &weak]] {
        assert_eq!(create(arguments).code, 2, "{arguments:?}");
    }
    assert_eq!(files(directory.path()), ["empty", "weak"], "nothing was made");
}

#[test]
fn only_create_makes_what_is_missing() {
    let verbs = [&["list"][..], &["grant", "bob"], &["revoke", "bob"], &["disable", "bob"], &["enable", "bob"]];
    let verbs = [&verbs[..], &[&["reset-password", "bob"]]].concat();
    for (directory, gateway) in [on_sqlite(), on_postgres()] {
        let fails = |hint: &str| {
            for verb in &verbs {
                failed(&gateway.run(&[&["users"], *verb].concat()), 2, hint);
            }
        };
        fails("countersign migrate");
        assert_eq!(files(directory.path()), [""; 0], "nothing was made");
        done(&gateway.run(&["migrate"]));
        fails("start");
        assert_eq!(told(&gateway.run(&["keys", "list", "--json"]), 0), json!([]), "no key was made");
        create(&gateway, &["--username", "bob"]);
        let wrong = gateway.clone().with("COUNTERSIGN_SECRET", &"cd".repeat(32));
        failed(&wrong.run(&["users", "list"]), 2, "secret");
        assert_eq!(users(&gateway, &["list"]).as_array().map(Vec::len), Some(1));
    }
}

#[test]
fn listing_accounts_only_reads() {
    let (directory, gateway) = on_sqlite();
    create(&gateway, &["--username", "bob"]);
    let data = directory.path().join("data");
    let content = || std::fs::read(data.join("countersign.db")).unwrap();
    let before = content();
    let other = gateway.with("COUNTERSIGN_TOKENS__ALGORITHM", "ES256");
    done(&other.run(&["users", "list"]));
    assert_eq!(files(&data), ["countersign.db", "secret"]);
    assert!(content() == before, "the file is as it was");
}

#[test]
fn an_account_that_is_not_there_is_told_from_wrong_use_and_from_an_absent_database() {
    let (_directory, gateway) = on_sqlite();
    create(&gateway, &["--username", "bob"]);
    let nobodys = ["1", "alice", "alice@example.com", "no name", "0x008AeEda4D805471dF9b2A5B0f38A0C3bCBA786b"];
    for who in nobodys.into_iter().chain(["019abcde-0000-7000-8000-0123456789ab"]) {
        for verb in ["grant", "revoke", "disable", "enable", "reset-password"] {
            failed(&gateway.run(&["users", verb, who]), 1, "account_not_found");
        }
    }
    failed(&gateway.run(&["users", "grant", "0x008AeEda4D805471dF9b2A5B0f38A0C3bCBA786B"]), 2, "checksum");
    failed(&gateway.run(&["users", "reset-password", "bob"]), 2, "there is no password");
    let (_directory, gateway) = on_postgres();
    // A port that was free a moment ago, with nobody behind it.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let away = gateway.with("COUNTERSIGN_DATABASE_URL", &format!("postgres://app:hunter2@127.0.0.1:{port}/app"));
    for verb in [&["users", "create", "--username", "bob", "--no-password"][..], &["users", "list"]] {
        let refused = away.run(verb);
        failed(&refused, 3, "COUNTERSIGN_DATABASE_URL");
        assert!(!refused.stderr.contains("hunter2"));
    }
}

#[test]
fn accounts_are_listed_as_a_table_and_as_json() {
    let (directory, gateway) = on_sqlite();
    create(&gateway, &["--username", "root", "--admin"]);
    let empty = users(&gateway, &["list", "--name", "The"]);
    assert_eq!(empty, json!([]));
    for number in 1..=4 {
        let (email, name) = (format!("user{number}@example.com"), format!("The \u{202e} {number}"));
        done(&gateway.run(&["users", "create", "--email", &email, "--name", &name, "--no-password"]));
    }
    done(&gateway.run(&["users", "grant", "user3@example.com"]));
    done(&gateway.run(&["users", "disable", "user4@example.com"]));
    done(&script(&gateway.start().url, directory.path()).run(&["login"]));
    let numbers = |arguments: &[&str]| -> Vec<i64> {
        let listed = users(&gateway, &[&["list"], arguments].concat());
        listed.as_array().unwrap().iter().map(|person| person["number"].as_i64().unwrap()).collect()
    };
    assert_eq!(numbers(&[]), [1, 2, 3, 4, 5, 6]);
    assert_eq!(numbers(&["--admins"]), [1, 4]);
    assert_eq!(numbers(&["--name", "the", "--email", "USER"]), [2, 3, 4, 5]);
    assert_eq!(numbers(&["--rows", "4"]), [1, 2, 3, 4]);
    assert_eq!(numbers(&["--rows", "4", "--page", "2"]), [5, 6]);
    assert_eq!(numbers(&["--admins", "--rows", "1", "--page", "2"]), [4]);
    assert_eq!(gateway.run(&["users", "list", "--page", "0"]).code, 2);
    let table = done(&gateway.run(&["users", "list"]));
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 7, "{table}");
    assert!(lines[0].starts_with("NUMBER  ID ") && lines[0].ends_with("NAME"), "{table}");
    assert!(lines[5].contains("user4@example.com  -") && lines[5].contains("USER   disabled"), "{table}");
    assert!(lines[5].ends_with("\"The \\u{202e} 4\""), "a terminal is told nothing: {table}");
    assert!(lines[6].contains(ADDRESS), "{table}");
    let nobody = gateway.run(&["users", "list", "--email", "nobody@"]);
    assert_eq!((nobody.code, nobody.stdout.as_str(), nobody.stderr.lines().count()), (0, "", 1), "{nobody:?}");
}

#[test]
fn more_accounts_than_are_read_at_once_are_all_listed() {
    const FILL: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) \
                        INSERT INTO accounts (number, id, name, name_key, role, created_at, updated_at) \
                        SELECT i + 1, randomblob(16), 'n' || i, 'n' || i, CASE i WHEN 7000 THEN 'ADMIN' ELSE 'USER' END, i, i \
                        FROM n";
    let (_directory, gateway) = on_sqlite();
    create(&gateway, &["--username", "root", "--admin"]);
    execute(&gateway, FILL);
    let numbers = |arguments: &[&str]| -> Vec<i64> {
        let listed = users(&gateway, &[&["list"], arguments].concat());
        listed.as_array().unwrap().iter().map(|person| person["number"].as_i64().unwrap()).collect()
    };
    assert_eq!(numbers(&[]), (1..=10_000).collect::<Vec<_>>());
    assert_eq!(numbers(&["--admins"]), [1, 7001]);
    assert_eq!(numbers(&["--page", "3334", "--rows", "3"]), [10_000]);
    assert_eq!(numbers(&["--page", "4294967295", "--rows", "10000"]), [0; 0]);
    assert_eq!(numbers(&["--page", "4294967295", "--rows", "10000", "--admins"]), [0; 0]);
}

#[test]
fn a_second_factor_that_was_lost_is_reset() {
    let (_directory, gateway) = on_sqlite();
    let bob = create(&gateway, &["--username", "bob", "--email", "bob@example.com"]);
    let server = gateway.start();
    let (_, before) = enter(&server, "bob", PASSWORD);
    execute(&gateway, "UPDATE accounts SET second_factor_at = 1");
    assert_eq!(enter(&server, "bob", PASSWORD), (401, "mfa_required".to_owned()));
    failed(&gateway.run(&["users", "reset-mfa", "nobody"]), 1, "account_not_found");
    assert_eq!(gateway.run(&["users", "reset-mfa"]).code, 2);
    let reset = users(&gateway, &["reset-mfa", "Bob@example.com"]);
    assert_eq!((&reset["id"], &reset["changed"]), (&bob["id"], &json!(true)));
    // A running gateway sees it at once, and whoever was signed in is not any more.
    assert_eq!(list_as(&server, &before), (401, "session_ended".to_owned()));
    assert_eq!(enter(&server, "bob", PASSWORD).0, 200);
    let again = gateway.run(&["users", "reset-mfa", "bob", "--json"]);
    assert_eq!(told(&again, 0)["changed"], false);
    assert!(again.stderr.contains("nothing to change: bob has no second factor"), "{again:?}");
    assert!(done(&gateway.run(&["users", "reset-mfa", "bob"])).contains("bob  USER  enabled"));
    let resets = events(&gateway).into_iter().filter(|(event, _)| event == "second_factor_reset");
    assert_eq!(resets.collect::<Vec<_>>(), [("second_factor_reset".to_owned(), None)]);
}

#[test]
fn what_an_operator_does_is_recorded() {
    let (_directory, gateway) = on_sqlite();
    create(&gateway, &["--username", "root", "--admin"]);
    create(&gateway, &["--username", "bob"]);
    for arguments in [["grant", "bob"], ["revoke", "bob"], ["disable", "bob"], ["enable", "bob"]] {
        users(&gateway, &arguments);
        users(&gateway, &arguments);
    }
    done(&run_with_input(&gateway, "another horse", &["users", "reset-password", "bob"]));
    let events = events(&gateway);
    let of_operator = |event: &str| (event.to_owned(), Some("operator".to_owned()));
    let plain = |event: &str| (event.to_owned(), None);
    let expected = [
        plain("registered"),
        of_operator("role_granted"),
        plain("registered"),
        of_operator("role_granted"),
        of_operator("role_revoked"),
        plain("account_disabled"),
        plain("account_enabled"),
        plain("password_reset"),
    ];
    assert_eq!(events, expected, "once each, though all were asked for twice");
}
