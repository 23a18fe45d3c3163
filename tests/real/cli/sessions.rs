//! What scripts keep: one file for all of them, whoever writes first, refreshed once and never brought back.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{ADDRESS, done, failed, script};
use crate::real::{on_both_databases, on_postgres, on_sqlite};
use crate::support::http::get;
use crate::support::scratch;
use crate::support::server::Server;

/// Does `work` by as many threads at once, each told its number.
fn at_once<T: Send>(number: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..number).map(|turn| scope.spawn(move || work(turn))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// What is kept in the state directory `home`; insists that only its owner can read it.
fn kept(home: &Path) -> Value {
    let file = home.join("countersign/sessions.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap()
}

/// Replaces one entry of what is kept.
fn keep(home: &Path, url: &str, session: &Value) {
    let directory = home.join("countersign");
    std::fs::create_dir_all(&directory).unwrap();
    let content = json!({ url: session }).to_string();
    std::fs::write(directory.join("sessions.json"), content).unwrap();
}

/// The same token with another time in it, and a signature that is no longer right.
fn with_expiry(token: &str, exp: i64) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    claims["exp"] = exp.into();
    format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(claims.to_string()), parts[2])
}

/// Makes the kept token look as if it expired at `exp`, and returns its refresh token.
fn set_expiry(home: &Path, url: &str, exp: i64) -> Value {
    let mut session = kept(home)[url].take();
    session["token"] = with_expiry(session["token"].as_str().unwrap(), exp).into();
    keep(home, url, &session);
    session["refresh_token"].take()
}

/// A moment long after these tests.
const NEVER: i64 = 99_999_999_999;

#[test]
fn scripts_side_by_side_with_one_key_do_not_disturb_each_other() {
    on_both_databases(|server: &Server| {
        let home = scratch::directory();
        let script = script(&server.url, home.path());
        let tokens = at_once(20, |_| done(&script.run(&["login", "--no-save"])));
        for token in tokens {
            assert_eq!(done(&script.clone().with("COUNTERSIGN_TOKEN", &token).run(&["whoami"])), ADDRESS);
        }
        assert!(!home.path().join("countersign").exists(), "nothing was kept");
    });
}

#[test]
fn logins_at_once_keep_their_sessions_in_one_file() {
    let servers = [on_sqlite(), on_postgres()].map(|(directory, gateway)| (directory, gateway.start()));
    let home = scratch::directory();
    let scripts = servers.each_ref().map(|(_, server)| script(&server.url, home.path()));
    let tokens = at_once(20, |turn| (turn % 2, done(&scripts[turn % 2].run(&["login"]))));
    for (place, (_, server)) in servers.iter().enumerate() {
        let token = kept(home.path())[&server.url]["token"].as_str().expect("a session at each server").to_owned();
        assert!(tokens.contains(&(place, token)), "it is one of those that were begun there");
        assert_eq!(done(&scripts[place].run(&["whoami"])), ADDRESS);
    }
    let left: Vec<_> = std::fs::read_dir(home.path().join("countersign")).unwrap().collect();
    assert!(left.iter().flatten().all(|entry| entry.path().extension().is_some_and(|end| end != "new")), "{left:?}");
}

#[test]
fn a_kept_session_is_refreshed_when_its_token_has_expired() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.with("COUNTERSIGN_TOKENS__ACCESS_TTL", "2s").start();
    let home = scratch::directory();
    let script = script(&server.url, home.path());
    done(&script.run(&["login"]));
    let first = kept(home.path());
    // Twice: the second one needs the refresh token that the first one got.
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(2100));
        assert_eq!(done(&script.run(&["whoami"])), ADDRESS);
    }
    let last = kept(home.path());
    assert_ne!(first[&server.url]["refresh_token"], last[&server.url]["refresh_token"]);
    std::thread::sleep(Duration::from_millis(2100));
    let expired = script.clone().with("COUNTERSIGN_TOKEN", last[&server.url]["token"].as_str().unwrap());
    failed(&expired.run(&["whoami"]), 1, "token_expired");
    done(&script.run(&["logout"]));
}

#[test]
fn scripts_that_find_an_expired_token_at_once_refresh_it_once() {
    on_both_databases(|server: &Server| {
        let home = scratch::directory();
        let script = script(&server.url, home.path());
        done(&script.run(&["login"]));
        set_expiry(home.path(), &server.url, 1);
        for told in at_once(20, |_| script.run(&["whoami"])) {
            assert_eq!(done(&told), ADDRESS);
        }
        let counted = get(&server.internal_url, "/metrics", "").body;
        let refreshes: Vec<_> =
            counted.lines().filter(|line| line.starts_with("countersign_refreshes_total")).collect();
        assert_eq!(refreshes, ["countersign_refreshes_total{outcome=\"ok\"} 1"]);
    });
}

#[test]
fn a_token_that_the_server_does_not_take_any_more_is_refreshed_once() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.start();
    let home = scratch::directory();
    let script = script(&server.url, home.path());
    done(&script.run(&["login"]));
    set_expiry(home.path(), &server.url, NEVER);
    assert_eq!(done(&script.run(&["whoami"])), ADDRESS);
}

#[test]
fn a_clock_that_is_behind_does_not_keep_a_script_from_refreshing() {
    let token = |sid: &str| {
        let claims = json!({"sid": sid, "exp": NEVER, "address": ADDRESS}).to_string();
        format!("e30.{}.e30", URL_SAFE_NO_PAD.encode(claims))
    };
    let session =
        |number: &str| json!({"address": ADDRESS, "token": token(number), "expires_at": "", "refresh_token": number});
    let home = scratch::directory();
    // No clock of a process can be turned; so this is a gateway whose clock is ahead.
    let fresh = token("1") + "0";
    let url = answering({
        let fresh = fresh.clone();
        move |request| match request {
            _ if request.starts_with("POST /users/refresh") => {
                (200, json!({"token": fresh, "expiresAt": "later", "refreshToken": "next"}))
            }
            _ if request.contains(&fresh) => (200, json!({"userAddress": ADDRESS, "name": ""})),
            _ => (401, json!({"error": "token_expired", "detail": "the access token has expired"})),
        }
    });
    keep(home.path(), &url, &session("1"));
    let script = script(&url, home.path());
    assert_eq!(done(&script.run(&["whoami"])), ADDRESS);
    let renewed = json!({"address": ADDRESS, "token": fresh, "expires_at": "later", "refresh_token": "next"});
    assert_eq!(kept(home.path()), json!({ url: renewed }));
}

/// A server that answers each request, given as its head, with a status and a body. Returns its URL.
fn answering(answer: impl Fn(&str) -> (u16, Value) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (status, body) = answer(&head(&mut stream));
            let body = body.to_string();
            let length = body.len();
            // A client that has gone is no fault of a server.
            write!(stream, "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}").ok();
        }
    });
    url
}

/// Reads one request, and returns its head.
fn head(stream: &mut TcpStream) -> String {
    let (mut reader, mut head) = (BufReader::new(stream), String::new());
    while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |length| length.parse().unwrap());
    reader.read_exact(&mut vec![0; length]).ok();
    head
}

#[test]
fn a_session_that_has_ended_is_forgotten() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.start();
    let home = scratch::directory();
    let script = script(&server.url, home.path());
    let elsewhere = scratch::directory();
    let end = |token: &str| {
        let elsewhere = script.clone().with("XDG_STATE_HOME", elsewhere.path().to_str().unwrap());
        done(&elsewhere.with("COUNTERSIGN_TOKEN", token).run(&["logout"]));
    };
    // Whether the access token is refused, or the refresh token.
    for exp in [None, Some(1)] {
        end(&done(&script.run(&["login"])));
        exp.map(|exp| set_expiry(home.path(), &server.url, exp));
        failed(&script.run(&["whoami"]), 1, "session_ended");
        failed(&script.run(&["whoami"]), 2, "countersign login");
    }
    // Signing out of it is done already.
    end(&done(&script.run(&["login"])));
    let told = script.run(&["logout", "--json"]);
    let expected = json!({"server": server.url, "address": ADDRESS, "wasLive": false});
    assert_eq!(serde_json::from_str::<Value>(&done(&told)).unwrap(), expected);
    assert!(told.stderr.contains("already"), "{told:?}");
    failed(&script.run(&["logout"]), 2, "countersign login");
}

#[test]
fn signing_out_ends_the_named_session_and_leaves_the_kept_one_alone() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.start();
    let home = scratch::directory();
    let script = script(&server.url, home.path());
    let kept = done(&script.run(&["login"]));
    let other = done(&script.run(&["login", "--no-save"]));
    let homeless = script.clone().with("XDG_STATE_HOME", "").with("HOME", "");
    done(&homeless.clone().with("COUNTERSIGN_TOKEN", &other).run(&["logout"]));
    let other = done(&script.run(&["login", "--no-save"]));
    done(&script.clone().with("COUNTERSIGN_TOKEN", &other).run(&["logout"]));
    assert_eq!(done(&script.run(&["whoami"])), ADDRESS, "the kept one lives");
    done(&script.clone().with("COUNTERSIGN_TOKEN", &kept).run(&["logout"]));
    failed(&script.run(&["whoami"]), 2, "countersign login");
    failed(&homeless.run(&["login"]), 2, "--no-save");
    failed(&homeless.run(&["whoami"]), 2, "COUNTERSIGN_TOKEN");
}

#[test]
fn a_session_that_cannot_be_kept_is_not_begun() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.start();
    let home = scratch::directory();
    let file = home.path().join("file");
    std::fs::write(&file, "").unwrap();
    let script = script(&server.url, &file);
    failed(&script.run(&["login"]), 2, "--no-save");
    let counted = get(&server.internal_url, "/metrics", "").body;
    assert!(!counted.contains("countersign_sign_ins_total{"), "{counted}");
}
