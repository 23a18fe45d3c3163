//! Signing in: what counts as a signature, and that each counts once.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::wallet::{Session, Wallet};
use crate::support::world::{World, on_both};

/// How many post the same thing at once.
const CROWD: usize = 200;

on_both! {
    async fn every_form_of_a_signature_that_wallets_make_is_accepted(world: World) {
        let wallet = Wallet::number(1);
        for form in ["v of 27 and 28", "v of 0 and 1", "compact", "bytes", "upper case"] {
            let nonce = wallet.nonce(&world).await;
            let (rs, parity) = wallet.sign_parts(nonce.as_bytes());
            let mut compact = rs;
            compact[32] |= parity << 7;
            let signature = match form {
                "v of 0 and 1" => format!("0x{}{parity:02x}", hex::encode(rs)),
                "compact" => format!("0x{}", hex::encode(compact)),
                "bytes" => wallet.sign_bytes(&hex::decode(&nonce[2..]).unwrap()),
                "upper case" => format!("0x{}", wallet.sign(&nonce)[2..].to_uppercase()),
                _ => wallet.sign(&nonce),
            };
            let answer = wallet.post(&world, &signature).await;
            assert_eq!(answer.status, 200, "{form}: {}", answer.text);
        }
    }

    async fn a_first_sign_in_makes_an_account_and_later_ones_find_it(world: World) {
        let wallet = Wallet::number(1);
        let first = wallet.sign_in(&world).await;
        let second = wallet.sign_in(&world).await;
        assert_eq!(first.claims()["sub"], second.claims()["sub"]);
        assert_ne!(first.claims()["sid"], second.claims()["sid"]);
        let other = Wallet::number(2).sign_in(&world).await;
        assert_ne!(first.claims()["sub"], other.claims()["sub"]);
    }

    async fn a_wrong_signature_spends_nothing(world: World) {
        let wallet = Wallet::number(1);
        let nonce = wallet.nonce(&world).await;
        let stranger = Wallet::number(2);
        for _ in 0..3 {
            wallet.post(&world, &stranger.sign(&nonce)).await.refused(401, "invalid_signature");
        }
        assert_eq!(wallet.nonce(&world).await, nonce);
        wallet.post(&world, &wallet.sign(&nonce)).await.ok(200);
    }

    async fn a_signature_works_once(world: World) {
        let wallet = Wallet::number(1);
        let signature = wallet.sign(&wallet.nonce(&world).await);
        wallet.post(&world, &signature).await.ok(200);
        wallet.post(&world, &signature).await.refused(401, "nonce_used");
        wallet.sign_in(&world).await;
        wallet.post(&world, &signature).await.refused(401, "invalid_signature");
    }

    async fn two_hundred_posts_of_one_signature_give_exactly_one_session(world: World) {
        let wallet = Wallet::number(1);
        let signature = wallet.sign(&wallet.nonce(&world).await);
        let body = json!({"address": wallet.address, "signature": signature});
        assert_eq!(crowd(&world, &body).await, 1);
        let account = account_of(&world, &wallet).await;
        assert_eq!(open_sessions(&world, account).await, 2, "the one of the crowd, and one to ask with");
    }

    async fn two_hundred_posts_of_one_free_nonce_give_exactly_one_session(world: World) {
        let free = world.get("/users/nonce").await.ok(200).field("nonce").to_owned();
        let wallet = Wallet::number(1);
        let body = json!({"address": wallet.address, "signature": wallet.sign(&free), "nonce": free});
        assert_eq!(crowd(&world, &body).await, 1);
    }

    async fn first_sign_ins_of_one_wallet_at_once_make_one_account(world: World) {
        let wallet = Wallet::number(1);
        let mut nonces = Vec::new();
        for _ in 0..20 {
            nonces.push(world.get("/users/nonce").await.ok(200).field("nonce").to_owned());
        }
        let posts = nonces.iter().map(|nonce| wallet.post_named(&world, nonce));
        let answers = join_all(posts).await;
        let accounts: std::collections::BTreeSet<_> = answers
            .into_iter()
            .map(|answer| Session::of(&answer.ok(200)).claims()["sub"].to_string())
            .collect();
        assert_eq!(accounts.len(), 1);
    }

    async fn a_second_node_knows_what_the_first_one_used(world: World) {
        let second = world.again_with(&[]).await;
        let wallet = Wallet::number(1);
        let signature = wallet.sign(&wallet.nonce(&world).await);
        let session = Session::of(&wallet.post(&second, &signature).await.ok(200));
        wallet.post(&world, &signature).await.refused(401, "nonce_used");
        session.read(&world).await.ok(200);
        world.post_as(&session.token, "/users/logout", json!(null)).await.ok(204);
        session.read(&second).await.refused(401, "session_ended");
    }

    async fn a_disabled_account_is_told_so_after_a_correct_signature_only(world: World) {
        let wallet = Wallet::number(1);
        let session = wallet.sign_in(&world).await;
        let key = session.api_key(&world).await;
        let account = account_of(&world, &wallet).await;
        assert!(world.core.disable_account(account).await.unwrap());
        let nonce = wallet.nonce(&world).await;
        wallet.post(&world, &Wallet::number(2).sign(&nonce)).await.refused(401, "invalid_signature");
        wallet.post(&world, &wallet.sign(&nonce)).await.refused(403, "account_disabled");
        session.read(&world).await.refused(403, "account_disabled");
        let by_key = world.call("GET", &session.profile_path(), &[("x-api-key", &key)], &json!(null)).await;
        by_key.refused(403, "account_disabled");
        crate::support::wallet::refresh(&world, &session.refresh).await.refused(403, "account_disabled");
        assert!(world.core.enable_account(account).await.unwrap());
        session.read(&world).await.refused(401, "session_ended");
        let by_key = world.call("GET", &session.profile_path(), &[("x-api-key", &key)], &json!(null)).await;
        by_key.refused(401, "invalid_api_key");
        wallet.post(&world, &wallet.sign(&nonce)).await.ok(200);
    }

    async fn sign_ins_and_refusals_are_in_the_audit_trail(world: World) {
        let wallet = Wallet::number(1);
        let session = wallet.sign_in(&world).await;
        crate::support::wallet::refresh(&world, &session.refresh).await.ok(200);
        world.post_as(&session.token, "/users/api-key/rotate", json!(null)).await.ok(200);
        world.post_as(&session.token, "/users/logout", json!(null)).await.ok(204);
        let account = account_of(&world, &wallet).await;
        let mut reader = world.core.db().read().await.unwrap();
        let events = countersign::store::audit::list(&mut reader, account).await.unwrap();
        let names: Vec<_> = events.iter().map(|(name, _)| name.as_str()).collect();
        let expected = ["account_created", "signed_in", "api_key_rotated", "signed_out", "signed_in"];
        assert_eq!(names, expected);
    }
}

async fn crowd(world: &World, body: &serde_json::Value) -> usize {
    let answers = join_all((0..CROWD).map(|_| world.post("/users/authenticate", body.clone()))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    for answer in lost {
        answer.refused(401, "nonce_used");
    }
    won.len()
}

async fn account_of(world: &World, wallet: &Wallet) -> countersign::model::AccountId {
    let claims = wallet.sign_in(world).await.claims();
    countersign::model::AccountId(claims["sub"].as_str().unwrap().parse().unwrap())
}

async fn open_sessions(world: &World, account: countersign::model::AccountId) -> i64 {
    let mut reader = world.core.db().read().await.unwrap();
    countersign::store::sessions::count_open(&mut reader, account).await.unwrap()
}
