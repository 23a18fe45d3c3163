//! Signing in with a message (EIP-4361): what is accepted, and that each refusal names its rule.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::wallet::{Session, Wallet, refresh};
use crate::support::world::{Answer, World, on_both};

/// Asks for a message with these wishes.
async fn challenge(world: &World, wallet: &Wallet, wishes: Value) -> Answer {
    let mut body = json!({"address": wallet.address});
    body.as_object_mut().unwrap().extend(wishes.as_object().unwrap().clone());
    world.post("/users/nonce", body).await
}

/// A message of ours for this wallet.
async fn message(world: &World, wallet: &Wallet) -> String {
    challenge(world, wallet, json!({})).await.ok(200).field("message").to_owned()
}

async fn post(world: &World, message: &str, signature: &str) -> Answer {
    world.post("/users/authenticate", json!({"message": message, "signature": signature})).await
}

/// Signs a text and posts both.
async fn sign_and_post(world: &World, wallet: &Wallet, message: &str) -> Answer {
    post(world, message, &wallet.sign(message)).await
}

/// A message of ours with one place changed before it is signed.
async fn changed(world: &World, wallet: &Wallet, from: &str, to: &str) -> Answer {
    let message = message(world, wallet).await;
    assert!(message.contains(from), "{from} in {message}");
    sign_and_post(world, wallet, &message.replacen(from, to, 1)).await
}

/// What the world's clock says in RFC 3339, this much later.
fn later(world: &World, span: Duration) -> String {
    (world.clock.now() + span).rfc3339()
}

const HOUR: Duration = Duration::from_hours(1);

on_both! {
    async fn a_message_of_ours_signs_in_once(world: World) {
        let wallet = Wallet::number(1);
        let message = message(&world, &wallet).await;
        let signature = wallet.sign(&message);
        let session = Session::of(&post(&world, &message, &signature).await.ok(200));
        assert_eq!(session.address, wallet.address);
        session.read(&world).await.ok(200);
        post(&world, &message, &signature).await.refused(401, "nonce_used");
    }

    async fn a_message_says_what_was_wished_for(world: World) {
        let wallet = Wallet::number(1);
        let wishes = json!({"chainId": 10, "uri": "http://localhost:8080/login?next=%2F", "domain": "localhost:8080",
            "statement": "I accept the terms: https://localhost:8080/tos", "requestId": "r-1",
            "resources": ["ipfs://bafy/", "https://localhost:8080/tos"]});
        let answer = challenge(&world, &wallet, wishes).await.ok(200);
        let nonce = answer.field("nonce");
        let expected = format!(
            "localhost:8080 wants you to sign in with your Ethereum account:\n{}\n\n\
             I accept the terms: https://localhost:8080/tos\n\n\
             URI: http://localhost:8080/login?next=%2F\nVersion: 1\nChain ID: 10\nNonce: {nonce}\n\
             Issued At: 2026-01-01T00:00:00Z\nRequest ID: r-1\nResources:\n- ipfs://bafy/\n- https://localhost:8080/tos",
            wallet.address
        );
        assert_eq!(answer.field("message"), expected);
        sign_and_post(&world, &wallet, &expected).await.ok(200);
    }

    async fn no_message_is_written_that_would_be_refused(world: World) {
        let wallet = Wallet::number(1);
        for (wishes, code) in [
            (json!({"domain": "evil.example"}), "domain_not_allowed"),
            (json!({"domain": "user@localhost:8080"}), "domain_not_allowed"),
            (json!({"domain": "localhost:8080\nevil"}), "domain_not_allowed"),
            (json!({"uri": "https://evil.example/"}), "uri_not_allowed"),
            (json!({"uri": "http://localhost:8080\nVersion: 1"}), "uri_not_allowed"),
            (json!({"chainId": 31337}), "chain_not_configured"),
        ] {
            challenge(&world, &wallet, wishes).await.refused(403, code);
        }
        for (wishes, field) in [
            (json!({"statement": "two\nlines"}), "statement"),
            (json!({"statement": "\"quoted\""}), "statement"),
            (json!({"requestId": "a/b"}), "requestId"),
            (json!({"resources": ["no uri"]}), "resources"),
            (json!({"statement": "x".repeat(1025)}), "statement"),
            (json!({"requestId": "x".repeat(256)}), "requestId"),
            (json!({"resources": vec!["a:"; 21]}), "resources"),
            (json!({"resources": vec![format!("a:{}", "x".repeat(9000))]}), "message"),
        ] {
            let answer = challenge(&world, &wallet, wishes).await.refused(422, "invalid_request");
            assert_eq!(answer.json["violations"][0]["field"], field, "{}", answer.text);
        }
    }

    async fn a_front_end_may_write_the_message_itself_around_either_nonce(world: World) {
        let wallet = Wallet::number(1);
        let free = world.get("/users/nonce").await.ok(200).field("nonce").to_owned();
        for nonce in [free, wallet.nonce(&world).await] {
            let message = format!(
                "http://localhost:8080 wants you to sign in with your Ethereum account:\n{}\n\n\n\
                 URI: http://localhost:8080/\nVersion: 1\nChain ID: 1\nNonce: {nonce}\nIssued At: 2025-12-31T18:00:00.123-06:00",
                wallet.address.to_lowercase()
            );
            sign_and_post(&world, &wallet, &message).await.ok(200);
            sign_and_post(&world, &wallet, &message).await.refused(401, "nonce_used");
        }
    }

    async fn each_rule_refuses_by_its_own_name(world: World) {
        let wallet = Wallet::number(1);
        let other = Wallet::number(2);
        for (from, to, status, code) in [
            ("localhost:8080 wants", "evil.example wants", 401, "domain_not_allowed"),
            ("localhost:8080 wants", "localhost wants", 401, "domain_not_allowed"),
            ("localhost:8080 wants", "https://localhost:8080 wants", 401, "domain_not_allowed"),
            ("localhost:8080 wants", "localhost:8080@evil.example wants", 401, "domain_not_allowed"),
            ("URI: http://localhost:8080", "URI: https://localhost:8080", 401, "uri_not_allowed"),
            ("URI: http://localhost:8080", "URI: http://localhost:8080@evil.example", 401, "uri_not_allowed"),
            ("Version: 1", "Version: 2", 400, "message_version_not_supported"),
            ("Chain ID: 1", "Chain ID: 5", 401, "chain_not_configured"),
            ("Chain ID: 1", "Chain ID: 01", 400, "invalid_message"),
            ("Nonce: 0x", "Nonce: 0x0", 401, "nonce_unknown"),
            ("2026-01-01T00:00:00Z", "2026-01-01T00:00:31Z", 401, "issued_in_future"),
            ("2026-01-01T00:00:00Z", "2025-12-31T23:49:29Z", 401, "issued_too_long_ago"),
            ("00:00:00Z", "00:00:00Z\nExpiration Time: 2025-12-31T23:59:59Z", 401, "message_never_valid"),
            ("00:00:00Z", "00:00:00Z\nNot Before: 2026-01-01T00:00:31Z", 401, "message_not_yet_valid"),
            ("2026-01-01T00:00:00Z", "yesterday", 400, "invalid_message"),
            ("account:\n", "account:\r\n", 400, "invalid_message"),
            ("Issued At:", "Issued at:", 400, "invalid_message"),
            (wallet.address.as_str(), other.address.as_str(), 401, "invalid_signature"),
        ] {
            let answer = changed(&world, &wallet, from, to).await;
            answer.refused(status, code);
        }
        let first = wallet.address.find(|c: char| c.is_ascii_lowercase() && c != 'x').unwrap();
        let mut bad_case = wallet.address.clone();
        bad_case[first..=first].make_ascii_uppercase();
        changed(&world, &wallet, &wallet.address, &bad_case).await.refused(400, "invalid_address");
    }

    async fn what_fools_readers_is_refused_whatever_is_signed(world: World) {
        let wallet = Wallet::number(1);
        let sites = r#"["app.example","xn--bcher-kva.example","[2001:db8::1]:8443"]"#;
        let world = world.again_with(&[("WALLET__DOMAINS", sites)]).await;
        for (what, from, to, status, code) in [
            ("right-to-left marks", "localhost:8080 wants", "\u{202e}localhost:8080 wants", 400, "invalid_message"),
            ("a letter that looks alike", "localhost:8080 wants", "l\u{43e}calhost:8080 wants", 400, "invalid_message"),
            ("a domain in Unicode", "localhost:8080 wants", "b\u{fc}cher.example wants", 400, "invalid_message"),
            ("a domain that looks alike", "localhost:8080 wants", "app.exarnple wants", 401, "domain_not_allowed"),
            ("another domain in punycode", "localhost:8080 wants", "xn--pple-43d.example wants", 401, "domain_not_allowed"),
            ("user information", "localhost:8080 wants", "app.example@localhost:8080 wants", 401, "domain_not_allowed"),
            ("another port of an IPv6 host", "localhost:8080 wants", "[2001:db8::1] wants", 401, "domain_not_allowed"),
            ("a tab", "Nonce: ", "Nonce:\t", 400, "invalid_message"),
            ("NUL", "Version: 1", "Version: 1\0", 400, "invalid_message"),
            ("CR", "Version: 1\n", "Version: 1\r\n", 400, "invalid_message"),
            ("two nonces", "\nIssued At:", "\nNonce: 12345678\nIssued At:", 400, "invalid_message"),
            ("a line break at the end", "00:00:00Z", "00:00:00Z\n", 400, "invalid_message"),
        ] {
            let answer = changed(&world, &wallet, from, to).await;
            assert_eq!((answer.status.as_u16(), answer.field("error")), (status, code), "{what}: {}", answer.text);
        }
        let long = message(&world, &wallet).await + "\nRequest ID: " + &"x".repeat(10 * 1024);
        sign_and_post(&world, &wallet, &long).await.refused(400, "invalid_message");
        // Sites that are configured so are sites like others.
        for domain in ["xn--bcher-kva.example", "[2001:db8::1]:8443"] {
            let answer = challenge(&world, &wallet, json!({"domain": domain})).await.ok(200);
            sign_and_post(&world, &wallet, answer.field("message")).await.ok(200);
        }
    }

    async fn a_nonce_is_used_once_also_while_uses_are_tidied_away(world: World) {
        let wallet = Wallet::number(1);
        for round in 0..10 {
            let message = message(&world, &wallet).await;
            let signature = wallet.sign(&message);
            let posts = join_all((0..20).map(|_| post(&world, &message, &signature)));
            let sweeps = join_all((0..10).map(|_| world.core.sweep()));
            let (answers, swept) = tokio::join!(posts, sweeps);
            assert!(swept.iter().all(Result::is_ok));
            assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "round {round}");
            world.core.sweep().await.unwrap();
            post(&world, &message, &signature).await.refused(401, "nonce_used");
            // Forgotten only once it is refused for its age, with an hour to spare.
            world.pass(Duration::from_mins(15));
            world.core.sweep().await.unwrap();
            post(&world, &message, &signature).await.refused(401, "nonce_expired");
        }
    }

    async fn a_refusal_says_what_a_support_case_needs(world: World) {
        let wallet = Wallet::number(1);
        let grammar = changed(&world, &wallet, "Version: 1", "Version:1").await.refused(400, "invalid_message");
        assert!(grammar.field("detail").contains("line 6, column 9"), "{}", grammar.text);
        let early = changed(&world, &wallet, "T00:00:00Z", "T00:02:00Z").await.refused(401, "issued_in_future");
        assert!(early.field("detail").contains("120 s in the future"), "{}", early.text);
        assert!(early.field("detail").contains("2026-01-01T00:00:00Z"), "{}", early.text);
        let message = message(&world, &wallet).await;
        let other = Wallet::number(2);
        let wrong = post(&world, &message, &other.sign(&message)).await.refused(401, "invalid_signature");
        assert!(wrong.field("detail").contains(&other.address), "{}", wrong.text);
        let contract = post(&world, &message, &format!("0x{}", "ab".repeat(200))).await;
        contract.refused(401, "contract_wallet_not_supported");
        post(&world, &message, "0x12g4").await.refused(401, "invalid_signature");
        post(&world, &message, &wallet.sign(&message)).await.ok(200);
    }

    async fn what_is_hashed_is_what_came_in(world: World) {
        let wallet = Wallet::number(1);
        // The same moment and the same address, spelled otherwise: printed anew it would be another text.
        let message = message(&world, &wallet).await;
        let spelled = message.replace(&wallet.address, &wallet.address.to_lowercase()).replace("00:00Z", "00:00.000+00:00");
        assert_ne!(message, spelled);
        post(&world, &spelled, &wallet.sign(&message)).await.refused(401, "invalid_signature");
        post(&world, &spelled, &wallet.sign(&spelled)).await.ok(200);
    }

    async fn a_session_never_outlives_what_was_signed(world: World) {
        let wallet = Wallet::number(1);
        let expiring = message(&world, &wallet).await + "\nExpiration Time: " + &later(&world, HOUR);
        let answer = sign_and_post(&world, &wallet, &expiring).await.ok(200);
        let session = Session::of(&answer);
        assert_eq!(session.claims()["exp"].as_i64().unwrap(), (world.clock.now() + HOUR / 2).seconds());
        world.pass(Duration::from_mins(59));
        let refreshed = refresh(&world, &session.refresh).await.ok(200);
        assert_eq!(refreshed.field("expiresAt"), later(&world, Duration::from_mins(1)));
        let last = Session { token: refreshed.field("token").to_owned(), ..session };
        last.read(&world).await.ok(200);
        world.pass(Duration::from_mins(1));
        last.read(&world).await.refused(401, "token_expired");
        refresh(&world, refreshed.field("refreshToken")).await.refused(401, "session_ended");
    }

    async fn a_message_expires_with_its_nonce_and_its_age(world: World) {
        let wallet = Wallet::number(1);
        let old = message(&world, &wallet).await;
        world.pass(Duration::from_mins(10));
        sign_and_post(&world, &wallet, &old).await.refused(401, "nonce_expired");
        let short = world.again_with(&[("WALLET__MAX_MESSAGE_AGE", "60"), ("WALLET__CLOCK_SKEW", "0")]).await;
        let message = message(&world, &wallet).await;
        world.pass(Duration::from_secs(61));
        sign_and_post(&short, &wallet, &message).await.refused(401, "issued_too_long_ago");
        sign_and_post(&world, &wallet, &message).await.ok(200);
    }

    async fn two_hundred_posts_of_one_message_give_exactly_one_session(world: World) {
        let wallet = Wallet::number(1);
        for round in 0..2 {
            let message = message(&world, &wallet).await;
            let signature = wallet.sign(&message);
            let answers = join_all((0..200).map(|_| post(&world, &message, &signature))).await;
            let won = answers.iter().filter(|answer| answer.status == 200).count();
            assert_eq!(won, 1, "round {round}");
            assert!(answers.iter().all(|answer| answer.status == 200 || answer.json["error"] == "nonce_used"));
        }
    }

    async fn messages_of_configured_sites_are_accepted_and_no_header_makes_one(world: World) {
        let wallet = Wallet::number(1);
        let sites = [
            ("CORS_ORIGINS", r#"["https://app.example"]"#),
            ("WALLET__DOMAINS", r#"["shop.example","localhost:3000","http://intra.example:8081"]"#),
        ];
        let world = world.again_with(&sites).await;
        for (domain, uri) in [
            ("app.example", "https://app.example"),
            ("app.example:443", "https://app.example/login"),
            ("shop.example", "https://shop.example"),
            ("localhost:3000", "http://localhost:3000"),
            ("intra.example:8081", "http://intra.example:8081/x"),
            ("app.example", "http://localhost:8080/"),
        ] {
            let answer = challenge(&world, &wallet, json!({"domain": domain, "uri": uri})).await.ok(200);
            sign_and_post(&world, &wallet, answer.field("message")).await.ok(200);
        }
        // The one that is named decides the other.
        for wishes in [json!({"domain": "shop.example"}), json!({"uri": "https://shop.example/cart"})] {
            let answer = challenge(&world, &wallet, wishes).await.ok(200);
            assert!(answer.field("message").starts_with("shop.example wants"), "{}", answer.text);
            assert!(answer.field("message").contains("\nURI: https://shop.example"), "{}", answer.text);
        }
        // A page that names neither gets its own, if it is one of these.
        for (page, domain) in [("https://app.example", "app.example"), ("https://evil.example", "localhost:8080")] {
            let body = json!({"address": wallet.address});
            let answer = world.call("POST", "/users/nonce", &[("origin", page)], &body).await.ok(200);
            assert!(answer.field("message").starts_with(&format!("{domain} wants")), "{}", answer.text);
        }
        let evil = message(&world, &wallet).await.replacen("localhost:8080 wants", "evil.example wants", 1);
        let body = json!({"message": evil, "signature": wallet.sign(&evil)});
        let headers = [("host", "evil.example"), ("x-forwarded-host", "evil.example"), ("origin", "https://evil.example")];
        world.call("POST", "/users/authenticate", &headers, &body).await.refused(401, "domain_not_allowed");
    }

    async fn bare_nonces_can_be_switched_off(world: World) {
        let wallet = Wallet::number(1);
        let strict = world.again_with(&[("WALLET__BARE_NONCE", "false")]).await;
        let answer = challenge(&strict, &wallet, json!({})).await.ok(200);
        assert!(answer.field("message").contains(&format!("\nNonce: {}\n", answer.field("nonce"))));
        let bare = wallet.nonce(&world).await;
        wallet.post(&strict, &wallet.sign(&bare)).await.refused(401, "bare_nonce_disabled");
        let free = strict.get("/users/nonce").await.ok(200).field("nonce").to_owned();
        wallet.post_named(&strict, &free).await.refused(401, "bare_nonce_disabled");
        sign_and_post(&strict, &wallet, answer.field("message")).await.ok(200);
        wallet.post(&world, &wallet.sign(&bare)).await.ok(200);
    }

    async fn what_is_said_beside_a_message_has_to_agree_with_it(world: World) {
        let wallet = Wallet::number(1);
        let message = message(&world, &wallet).await;
        let body = |extra: Value| {
            let mut body = json!({"message": message, "signature": wallet.sign(&message)});
            body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            body
        };
        let wrong = body(json!({"address": Wallet::number(2).address, "nonce": "12345678"}));
        let refused = world.post("/users/authenticate", wrong).await.refused(422, "invalid_request");
        assert_eq!(refused.json["violations"].as_array().unwrap().len(), 2, "{}", refused.text);
        world.post("/users/authenticate", json!({"signature": "0x"})).await.refused(422, "invalid_request");
        let right = body(json!({"address": wallet.address.to_lowercase()}));
        world.post("/users/authenticate", right).await.ok(200);
    }

    async fn asking_for_messages_tells_nobody_that_a_wallet_signed_in(world: World) {
        let wallet = Wallet::number(1);
        let nonce_of = async |world: &World| {
            challenge(world, &wallet, json!({"chainId": 1})).await.ok(200).field("nonce").to_owned()
        };
        let before = [nonce_of(&world).await, nonce_of(&world).await];
        wallet.sign_in(&world).await;
        let after = nonce_of(&world).await;
        assert!(before[0] != before[1] && !before.contains(&after), "each nonce is a new one, whatever happened");
    }
}
