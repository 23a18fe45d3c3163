//! What is written to people: what of, to whom, and what becomes of it. Without a server, mails are files.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use countersign::identity::Who;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::person::{PASSWORD, admin, call_as, login, session};
use crate::support::wallet::Wallet;
use crate::support::world::{World, on_both};

const VERIFY: &str = "UPDATE accounts SET email_verified_at = 1";
const LEFT: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM outbox";

/// A server that is not there.
const NOBODY: [(&str, &str); 2] =
    [("SMTP__URL", "smtp://app:hunter2@127.0.0.1:1"), ("SMTP__FROM", "Example <no-reply@example.com>")];

async fn change(world: &World, bearer: &str, body: Value) {
    call_as(world, bearer, "PUT", "/api/users/profile", body).await.ok(200);
}

async fn register(world: &World, username: &str) {
    let body = json!({"email": format!("{username}@example.com"), "password": PASSWORD});
    world.post("/auth/register", body).await.ok(201);
}

fn new_password(current: &str, new: &str) -> Value {
    json!({"password": new, "current_password": current})
}

/// An account whose address is verified; its session token.
async fn verified(world: &World, username: &str) -> String {
    let token = session(world, username).await;
    world.data().await.execute(VERIFY).await;
    // What asks for the confirmation has other tests.
    world.data().await.execute("DELETE FROM outbox").await;
    token
}

fn files(world: &World) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(world.core.config().data_dir.join("outbox")) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Recipient and subject of all mails, after what is due was sent.
async fn mails(world: &World) -> Vec<(String, String)> {
    world.core.deliver_mail(&watch::channel(false).1).await.unwrap();
    let header = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name} {text}"));
        line.trim().to_owned()
    };
    let texts = files(world).into_iter().map(|file| std::fs::read_to_string(file).unwrap());
    let mut mails: Vec<_> = texts.map(|text| (header(&text, "To:"), header(&text, "Subject:"))).collect();
    mails.retain(|(_, subject)| subject != "Confirm your e-mail address");
    mails.sort();
    mails
}

fn mail(to: &str, subject: &str) -> (String, String) {
    (format!("{to}@example.com"), subject.to_owned())
}

async fn left(world: &World) -> String {
    world.data().await.text(LEFT).await
}

on_both! {
    async fn a_change_is_told_at_the_address_that_was_verified_before_it(world: World) {
        let token = verified(&world, "trader1").await;
        change(&world, &token, new_password(PASSWORD, "another password")).await;
        let both = json!({"email": "new@example.com", "password": PASSWORD, "current_password": "another password"});
        change(&world, &token, both).await;
        let told = [
            mail("trader1", "Your e-mail address was changed"),
            mail("trader1", "Your password was changed"),
            mail("trader1", "Your password was changed"),
        ];
        assert_eq!(mails(&world).await, told);
        assert_eq!(left(&world).await, "0");
        // Nobody has proven the new one yet.
        change(&world, &token, json!({"email": "newer@example.com", "current_password": PASSWORD})).await;
        assert_eq!(mails(&world).await.len(), told.len());
    }

    async fn a_change_that_is_refused_is_not_told(world: World) {
        session(&world, "trader2").await;
        let token = verified(&world, "trader1").await;
        let of_another = json!({"email": "trader2@example.com", "current_password": PASSWORD});
        call_as(&world, &token, "PUT", "/api/users/profile", of_another).await.refused(409, "identity_already_used");
        assert_eq!(mails(&world).await, []);
    }

    async fn a_password_that_an_operator_sets_and_a_wallet_that_is_linked_are_told(world: World) {
        let token = verified(&world, "trader1").await;
        let wallet = Wallet::number(1);
        let asked = call_as(&world, &token, "POST", "/users/wallets/challenge", json!({"address": wallet.address})).await;
        let message = asked.ok(200).field("message").to_owned();
        let proof = json!({"message": message, "signature": wallet.sign(&message)});
        call_as(&world, &token, "POST", "/users/wallets", proof).await.ok(201);
        let id = world.core.find_person(Who::Name("trader1")).await.unwrap().id();
        let password = countersign::model::Password::choose("password", "another password", []).unwrap();
        world.core.reset_password(id, password).await.unwrap();
        let told = [
            mail("trader1", "A wallet was linked to your account"),
            mail("trader1", "Your password was changed"),
        ];
        assert_eq!(mails(&world).await, told);
        let texts: Vec<String> = files(&world).iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
        assert!(texts.iter().any(|text| text.contains(&wallet.address)));
    }

    async fn a_proof_that_waits_to_be_mailed_is_taken_back_by_a_reset(world: World) {
        const KINDS: &str = "SELECT COALESCE(MAX(kind), 'none') FROM outbox";
        register(&world, "trader1").await;
        assert_eq!((left(&world).await.as_str(), world.data().await.text(KINDS).await.as_str()), ("1", "verify_email"));
        // As after a try in vain: of what waits, the link to a new password alone is sent.
        world.data().await.execute("UPDATE outbox SET due_at = due_at + 86400000000").await;
        world.post("/auth/forgot-password", json!({"email": "trader1@example.com"})).await.ok(200);
        let token = world.mails().await.last().expect("a mail").token();
        assert_eq!(left(&world).await, "1");
        let body = json!({"token": token, "new_password": "another password"});
        world.post("/auth/reset-password", body).await.ok(200);
        assert_eq!(world.data().await.text(KINDS).await, "password_changed");
        assert_eq!(left(&world).await, "1");
    }

    async fn a_sign_in_is_told_if_that_is_wanted_and_its_network_is_new(world: World) {
        verified(&world, "trader1").await;
        let sign_in = async |world: &World, address: &str| {
            let body = json!({"username": "trader1", "password": PASSWORD});
            world.call_from(address, "POST", "/api/users/login", &body).await.ok(200);
        };
        let silent = world.behind_proxy(&[]).await;
        sign_in(&silent, "192.0.2.1").await;
        assert_eq!(mails(&silent).await, []);
        let telling = world.behind_proxy(&[("NOTICES__NEW_SIGN_IN", "true")]).await;
        sign_in(&telling, "192.0.2.1").await;
        assert_eq!(mails(&telling).await, [], "it is known");
        sign_in(&telling, "198.51.100.7").await;
        sign_in(&telling, "198.51.100.7").await;
        assert_eq!(mails(&telling).await, [mail("trader1", "A new sign-in to your account")]);
        assert!(std::fs::read_to_string(&files(&telling)[0]).unwrap().contains("198.51.100.7"));
    }

    async fn a_notice_that_is_switched_off_is_not_written(world: World) {
        let off = ["PASSWORD_CHANGED", "EMAIL_CHANGED", "WALLET_LINKED"].map(|name| (format!("NOTICES__{name}"), "false"));
        let off: Vec<(&str, &str)> = off.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let world = world.again_with(&off).await;
        let token = verified(&world, "trader1").await;
        change(&world, &token, new_password(PASSWORD, "another password")).await;
        change(&world, &token, json!({"email": "new@example.com", "current_password": "another password"})).await;
        assert_eq!(mails(&world).await, []);
    }

    async fn a_mail_that_is_a_file_is_whole_and_for_its_owner_alone(world: World) {
        let token = verified(&world, "trader1").await;
        change(&world, &token, new_password(PASSWORD, "another password")).await;
        assert_eq!(mails(&world).await.len(), 1);
        let file = &files(&world)[0];
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(file.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let (stem, ending) = (file.file_stem().unwrap().to_str().unwrap(), file.extension().unwrap());
        assert!(stem.starts_with("20260101T000000Z-") && ending == "eml", "{}", file.display());
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains("text/plain") && text.contains("text/html") && text.ends_with("--\r\n"), "{text}");
    }

    async fn a_mail_is_tried_less_and_less_often_and_given_up_after_three_days(world: World) {
        let world = world.again_with(&NOBODY).await;
        let token = verified(&world, "trader1").await;
        change(&world, &token, new_password(PASSWORD, "another password")).await;
        let attempts = async || {
            world.core.deliver_mail(&watch::channel(false).1).await.unwrap();
            world.data().await.text("SELECT COALESCE((SELECT CAST(attempts AS TEXT) FROM outbox), 'gone')").await
        };
        assert_eq!(attempts().await, "1");
        for (seconds, tried) in [(9, "1"), (1, "2"), (19, "2"), (1, "3"), (3_599, "4"), (3_601, "5")] {
            world.pass(Duration::from_secs(seconds));
            assert_eq!(attempts().await, tried, "after {seconds} more");
        }
        world.pass(Duration::from_hours(72));
        assert_eq!(attempts().await, "gone");
        let counted = world.core.metrics_text();
        for line in [r#"countersign_mails_total{outcome="retried"} 5"#, r#"countersign_mails_total{outcome="failed"} 1"#] {
            assert!(counted.contains(line), "{counted}");
        }
    }

    async fn a_letter_that_could_do_nothing_any_more_is_not_sent(world: World) {
        let away = world.again_with(&NOBODY).await;
        let token = verified(&away, "trader1").await;
        change(&away, &token, new_password(PASSWORD, "another password")).await;
        let forgotten = json!({"email": "trader1@example.com"});
        away.post("/auth/forgot-password", forgotten).await.ok(200);
        register(&away, "newcomer").await;
        let subjects = async |world: &World| {
            world.core.deliver_mail(&watch::channel(false).1).await.unwrap();
            let texts = files(world).into_iter().map(|file| std::fs::read_to_string(file).unwrap());
            let subjects = texts.map(|text| {
                text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().to_owned()
            });
            let mut subjects: Vec<String> = subjects.collect();
            subjects.sort();
            subjects
        };
        let expired = |world: &World| {
            let text = world.core.metrics_text();
            let line = text.lines().find_map(|line| line.strip_prefix(r#"countersign_mails_total{outcome="expired"} "#));
            line.map_or(0, |count| count.parse::<u32>().unwrap())
        };
        // The mail server comes back when the link to a new password is dead, and the one of the confirmation is not.
        world.pass(Duration::from_mins(30));
        assert_eq!(subjects(&world).await, ["Confirm your e-mail address", "Your password was changed"]);
        assert_eq!((left(&world).await.as_str(), expired(&world)), ("0", 1));
        register(&world, "latecomer").await;
        world.pass(Duration::from_hours(24));
        assert_eq!(subjects(&world).await.len(), 2);
        assert_eq!((left(&world).await.as_str(), expired(&world)), ("0", 2));
    }

    async fn a_new_code_takes_back_the_letter_of_the_one_before_and_links_to_a_new_password_stay(world: World) {
        let world = world.again_with(&NOBODY).await;
        let asks = async |path: &str| {
            world.post(path, json!({"email": "newcomer@example.com"})).await.ok(200);
            world.pass(Duration::from_mins(1));
        };
        let kinds = "SELECT COALESCE((SELECT CAST(COUNT(*) AS TEXT) FROM outbox WHERE kind = 'verify_email'), '') || '+' || \
                     (SELECT CAST(COUNT(*) AS TEXT) FROM outbox WHERE kind = 'reset_password')";
        register(&world, "newcomer").await;
        register(&world, "another").await;
        world.pass(Duration::from_mins(1));
        asks("/auth/resend-verification").await;
        asks("/auth/resend-verification").await;
        asks("/auth/forgot-password").await;
        asks("/auth/forgot-password").await;
        assert_eq!(world.data().await.text(kinds).await, "2+2", "one for each of both people");
        // What a node has in hand is on its way; to take the row away would change nothing but what is known of it.
        world.data().await.execute("UPDATE outbox SET claimed_until = due_at + 1000000000").await;
        asks("/auth/resend-verification").await;
        assert_eq!(world.data().await.text(kinds).await, "3+2");
    }

    async fn a_mail_that_a_node_was_killed_over_is_sent_by_another_when_its_time_is_over(world: World) {
        let token = verified(&world, "trader1").await;
        change(&world, &token, new_password(PASSWORD, "another password")).await;
        // As the node that was killed left it.
        world.data().await.execute("UPDATE outbox SET attempts = 1, claimed_until = due_at + 300000000").await;
        assert_eq!(mails(&world).await, []);
        world.pass(Duration::from_secs(299));
        assert_eq!(mails(&world).await, []);
        world.pass(Duration::from_secs(1));
        assert_eq!(mails(&world).await.len(), 1);
    }

    async fn who_reads_the_database_reads_no_letter_and_no_row_takes_the_place_of_another(world: World) {
        let token = verified(&world, "trader1").await;
        change(&world, &token, json!({"email": "secret-place@example.com", "current_password": PASSWORD})).await;
        world.data().await.execute("UPDATE accounts SET email = 'other@example.com', email_key = 'other@example.com'").await;
        // It waits for its confirmation in the open.
        world.data().await.execute("DELETE FROM email_proofs").await;
        let whole = world.data().await.whole().await.to_lowercase();
        for told in ["secret-place", "emailchanged", "trader1@example.com"] {
            assert!(!whole.contains(told) && !whole.contains(&hex::encode(told)), "{told}: {whole}");
        }
        world.data().await.execute(VERIFY).await;
        change(&world, &token, new_password(PASSWORD, "another password")).await;
        world.data().await.execute("UPDATE outbox SET sealed = (SELECT sealed FROM outbox ORDER BY id LIMIT 1)").await;
        let sent = mails(&world).await;
        assert_eq!(sent, [mail("trader1", "Your e-mail address was changed")], "the others do not open");
        assert_eq!(left(&world).await, "2");
    }

    async fn a_letter_outlives_a_new_root_secret(world: World) {
        let token = verified(&world, "trader1").await;
        change(&world, &token, new_password(PASSWORD, "another password")).await;
        let world = world.under_new_secret([0x22; 32]).await;
        assert_eq!(mails(&world).await.len(), 1);
    }

    async fn letters_of_an_account_go_with_it(world: World) {
        let world = world.again_with(&NOBODY).await;
        let root = admin(&world, "root").await;
        let token = verified(&world, "trader1").await;
        let other = verified(&world, "trader2").await;
        change(&world, &token, json!({"email": "new@example.com", "current_password": PASSWORD})).await;
        change(&world, &other, new_password(PASSWORD, "another password")).await;
        assert_eq!(left(&world).await, "3");
        let id = world.core.find_person(Who::Name("trader1")).await.unwrap().id();
        call_as(&world, &root, "DELETE", &format!("/v1/users/{id}"), Value::Null).await.ok(204);
        assert_eq!(left(&world).await, "1");
        login(&world, "trader2", "another password").await.ok(200);
    }
}
