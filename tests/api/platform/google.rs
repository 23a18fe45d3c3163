//! Signing in by an OpenID provider: whose account it is.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::golden::Golden;
use crate::support::openid::{Mood, OTHER_PAGE, PAGE, Provider, finish, sign_in, start};
use crate::support::person::{PASSWORD, admin, call_as, login, register, session};
use crate::support::wallet::{Session, Wallet, refresh};
use crate::support::world::{Answer, Backend, World, on_both};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

const NOTHING: &str = "SELECT CAST((SELECT COUNT(*) FROM accounts) + (SELECT COUNT(*) FROM identities) \
                       + (SELECT COUNT(*) FROM sessions) AS TEXT)";
const ACCOUNTS: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM accounts";
const IDENTITIES: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM identities";
const SESSIONS: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM sessions";

async fn count(world: &World, sql: &'static str) -> String {
    world.data().await.text(sql).await
}

/// What the access token of an answer claims.
fn claims(answer: &Answer) -> Value {
    let session = Session {
        address: String::new(),
        token: answer.field("token").to_owned(),
        refresh: answer.field("refreshToken").to_owned(),
    };
    session.claims()
}

async fn verify_address(world: &World) {
    world.data().await.execute("UPDATE accounts SET email_verified_at = 1").await;
}

on_both! {
    async fn a_first_sign_in_makes_an_account_and_the_next_ones_find_it(world: World) {
        let provider = Provider::start();
        let world = provider.before(&world, &[]).await;
        let body = json!({"code": provider.code("jane", json!({})), "marketingOptInState": true});
        let first = world.post("/v1/auth/google", body).await.ok(200);
        assert_eq!(first.headers["cache-control"], "no-store");
        assert_eq!((first.field("email"), first.field("message")), ("jane@example.com", "Registration successful"));
        assert_eq!(first.field("username"), "jane@example.com");
        let claimed = claims(&first);
        assert_eq!((&claimed["amr"], &claimed["evf"]), (&json!(["fed"]), &json!(true)));
        let me = world.get_as(first.field("token"), "/auth/me").await.ok(200);
        assert_eq!((me.field("email"), me.field("name"), &me.json["email_verified"]), ("jane@example.com", "Jane Doe", &json!(true)));
        assert_eq!(world.mails().await.len(), 0, "there is nothing to prove");
        refresh(&world, first.field("refreshToken")).await.ok(200);
        // Another address there is the same person: who somebody is, the subject says alone.
        let again = sign_in(&world, &provider.code("jane", json!({"email": "jane@elsewhere.example"}))).await.ok(200);
        assert_eq!((again.field("userId"), again.field("message")), (first.field("userId"), "Sign-in successful"));
        assert_eq!(again.field("email"), "jane@example.com");
        let other = sign_in(&world, &provider.code("john", json!({}))).await.ok(200);
        assert_ne!(other.field("userId"), first.field("userId"));
        let trail = "SELECT CAST(COUNT(*) AS TEXT) FROM audit_events WHERE event = 'identity_linked' \
                     OR (event = 'signed_in' AND detail = 'provider')";
        assert_eq!(count(&world, trail).await, "5");
        assert!(world.core.metrics_text().contains("countersign_sign_ins_total{outcome=\"ok\"} 3"));
    }

    async fn who_has_no_address_there_has_an_account_all_the_same(world: World) {
        let provider = Provider::start();
        let world = provider.before(&world, &[]).await;
        for (subject, email) in [("one", Value::Null), ("two", json!("no address")), ("three", json!("jane@example.com\u{0}"))] {
            let answer = sign_in(&world, &provider.code(subject, json!({"email": email, "name": "a\u{0}b"}))).await.ok(200);
            assert_eq!((&answer.json["email"], &claims(&answer)["evf"]), (&Value::Null, &json!(false)));
            let again = sign_in(&world, &provider.code(subject, json!({}))).await.ok(200);
            assert_eq!(again.field("userId"), answer.field("userId"));
        }
    }

    async fn an_account_is_linked_only_if_both_sides_have_verified_the_address(world: World) {
        let provider = Provider::start();
        let world = provider.before(&world, &[]).await;
        let opaque = session(&world, "trader1").await;
        let theirs = [json!(true), json!(false), Value::Null];
        let said = |subject: &str, verified: &Value| {
            provider.code(subject, json!({"email": "Trader1@EXAMPLE.com", "email_verified": verified}))
        };
        for verified in &theirs {
            // Whoever registered the address first may not be whose it is.
            sign_in(&world, &said("one", verified)).await.refused(409, "identity_already_used");
        }
        verify_address(&world).await;
        for verified in &theirs[1..] {
            sign_in(&world, &said("one", verified)).await.refused(409, "identity_already_used");
        }
        assert_eq!(count(&world, IDENTITIES).await, "0");
        let own = world.get(&format!("/api/users/profile?session_token={opaque}")).await.ok(200);
        let linked = sign_in(&world, &said("one", &theirs[0])).await.ok(200);
        assert_eq!((linked.field("username"), linked.field("message")), ("trader1", "Sign-in successful"));
        assert_eq!(own.json["username"], "trader1");
        login(&world, "trader1", PASSWORD).await.ok(200);
        // From now on he is known by his subject, whatever is said of his address.
        let again = sign_in(&world, &said("one", &theirs[1])).await.ok(200);
        assert_eq!(again.field("userId"), linked.field("userId"));
        assert_eq!(count(&world, ACCOUNTS).await, "1");
        let refused = "SELECT CAST(COUNT(*) AS TEXT) FROM audit_events WHERE event = 'sign_in_refused' \
                       AND detail = 'identity_already_used' AND account_id IS NOT NULL";
        assert_eq!(count(&world, refused).await, "5");
    }

    async fn an_address_that_the_provider_has_not_verified_is_proven_by_mail(world: World) {
        let provider = Provider::start();
        let world = provider.before(&world, &[]).await;
        let unverified = || provider.code("jane", json!({"email_verified": "false"}));
        let first = sign_in(&world, &unverified()).await.ok(200);
        assert_eq!(claims(&first)["evf"], false);
        let code = world.mails().await.first().expect("a mail").code();
        let strict = provider.before(&world, &[("REQUIRE_VERIFIED_EMAIL", "true")]).await;
        sign_in(&strict, &unverified()).await.refused(403, "email_not_verified");
        // Whoever is new and is not let in yet is registered all the same, and has mail.
        let john = || provider.code("john", json!({"email_verified": false}));
        sign_in(&strict, &john()).await.refused(403, "email_not_verified");
        assert_eq!(count(&world, ACCOUNTS).await, "2");
        assert_eq!(world.mails().await.len(), 1);
        sign_in(&strict, &john()).await.refused(403, "email_not_verified");
        assert_eq!(count(&world, ACCOUNTS).await, "2");
        world.post("/auth/verify-email", json!({"email": "jane@example.com", "code": code})).await.ok(200);
        assert_eq!(claims(&sign_in(&strict, &unverified()).await.ok(200))["evf"], true);
    }

    async fn the_same_subject_of_another_issuer_is_somebody_else(world: World) {
        let (one, two) = (Provider::start(), Provider::start());
        let first = one.before(&world, &[]).await;
        let second = two.before(&world, &[]).await;
        let own = sign_in(&first, &one.code("jane", json!({}))).await.ok(200);
        let other = json!({"email": "another@example.com"});
        let stranger = sign_in(&second, &two.code("jane", other)).await.ok(200);
        assert_ne!(own.field("userId"), stranger.field("userId"));
        assert_eq!(count(&world, IDENTITIES).await, "2");
    }

    async fn one_state_that_is_posted_fifty_times_at_once_gives_one_session(world: World) {
        let provider = Provider::start();
        provider.be_forgetful();
        let world = provider.before(&world, &[]).await;
        let started = start(&world, PAGE).await.ok(200);
        let state = started.field("state");
        let code = provider.visit(started.field("authorizationUrl"), "jane", json!({}));
        let answers = join_all((0..50).map(|_| finish(&world, &code, state))).await;
        let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!(good.len(), 1);
        for answer in bad {
            answer.refused(401, "state_used");
        }
        assert_eq!((count(&world, SESSIONS).await, count(&world, ACCOUNTS).await), ("1".to_owned(), "1".to_owned()));
        // Neither a restart nor another node takes it again.
        let node = provider.before(&world, &[]).await;
        finish(&node, &code, state).await.refused(401, "state_used");
    }

    async fn one_person_who_signs_in_for_the_first_time_twenty_times_at_once_has_one_account(world: World) {
        let provider = Provider::start();
        let world = provider.before(&world, &[]).await;
        for (subject, verified) in [("jane", true), ("john", false)] {
            let codes: Vec<_> = (0..20).map(|_| provider.code(subject, json!({"email_verified": verified}))).collect();
            let answers = join_all(codes.iter().map(|code| sign_in(&world, code))).await;
            let ids: Vec<_> = answers.into_iter().map(|answer| answer.ok(200).field("userId").to_owned()).collect();
            assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        }
        assert_eq!((count(&world, ACCOUNTS).await, count(&world, IDENTITIES).await), ("2".to_owned(), "2".to_owned()));
        assert_eq!(count(&world, SESSIONS).await, "40");
    }

    async fn what_ends_an_account_or_takes_its_ways_in_away_takes_the_provider_too(world: World) {
        let provider = Provider::start();
        let world = provider.before(&world, &[]).await;
        // Somebody else's account, with the victim's address unverified.
        let planted = sign_in(&world, &provider.code("thief", json!({"email": "jane@example.com", "email_verified": false}))).await.ok(200);
        world.mails().await;
        world.post("/auth/forgot-password", json!({"email": "jane@example.com"})).await.ok(200);
        let mails = world.mails().await;
        let token = mails.iter().find(|mail| mail.text.contains("reset-password")).expect("a mail").token();
        world.post("/auth/reset-password", json!({"token": token, "new_password": "another password"})).await.ok(200);
        world.get_as(planted.field("token"), "/users/wallets").await.refused(401, "session_ended");
        let thief = provider.code("thief", json!({"email": "thief@example.com"}));
        let thief = sign_in(&world, &thief).await.ok(200);
        assert_ne!(thief.field("userId"), planted.field("userId"), "the planted way in leads elsewhere");
        // The mailbox is proven, so its owner's own sign-in leads in.
        let owner = sign_in(&world, &provider.code("jane", json!({}))).await.ok(200);
        assert_eq!(owner.field("userId"), planted.field("userId"));
        let root = admin(&world, "root").await;
        call_as(&world, &root, "DELETE", &format!("/v1/users/{}", owner.field("userId")), Value::Null).await.ok(204);
        let anew = sign_in(&world, &provider.code("jane", json!({}))).await.ok(200);
        assert_ne!(anew.field("userId"), owner.field("userId"));
        assert_eq!(anew.field("message"), "Registration successful");
    }

    async fn the_provider_is_a_way_in_beside_the_last_wallet(world: World) {
        let provider = Provider::start();
        let world = provider.before(&world, &[]).await;
        let wallet = Wallet::number(1);
        let jane = sign_in(&world, &provider.code("jane", json!({}))).await.ok(200);
        let token = jane.field("token");
        let asked = world.post_as(token, "/users/wallets/challenge", json!({"address": wallet.address})).await.ok(200);
        let message = asked.field("message");
        let proof = json!({"message": message, "signature": wallet.sign(message)});
        world.post_as(token, "/users/wallets", proof).await.ok(201);
        let path = format!("/users/wallets/{}", wallet.address);
        let elsewhere = world.again_with(&[("GOOGLE__CLIENT_ID", "the-app"), ("GOOGLE__ISSUER", "https://id.example")]).await;
        call_as(&elsewhere, token, "DELETE", &path, Value::Null).await.refused(409, "last_sign_in_method");
        call_as(&world, token, "DELETE", &path, Value::Null).await.ok(204);
    }

    async fn an_account_that_is_linked_is_told_and_one_that_is_made_is_not(world: World) {
        const TOLD: &str = "A sign-in was linked to your account";
        let provider = Provider::start();
        let world = provider.before(&world, &[]).await;
        sign_in(&world, &provider.code("jane", json!({}))).await.ok(200);
        assert_eq!(world.mails().await.len(), 0);
        register(&world, "trader1").await.ok(201);
        register(&world, "trader2").await.ok(201);
        verify_address(&world).await;
        world.mails().await;
        // Whoever signs in many times at once is linked, and told, once.
        let codes: Vec<_> = (0..20).map(|_| provider.code("trader1", json!({}))).collect();
        for answer in join_all(codes.iter().map(|code| sign_in(&world, code))).await {
            answer.ok(200);
        }
        let mails = world.mails().await;
        let [mail] = mails.as_slice() else { panic!("one mail, not {}", mails.len()) };
        assert_eq!((mail.subject.as_str(), mail.to.as_str()), (TOLD, "trader1@example.com"));
        assert!(mail.text.contains(&provider.issuer), "{}", mail.text);
        let quiet = provider.before(&world, &[("NOTICES__IDENTITY_LINKED", "false")]).await;
        sign_in(&quiet, &provider.code("trader2", json!({}))).await.ok(200);
        assert_eq!(world.mails().await.len(), 0);
        assert_eq!(count(&world, IDENTITIES).await, "3");
    }

    async fn a_sign_in_makes_its_network_known(world: World) {
        let provider = Provider::start();
        let world = provider.before(&world, &[("NOTICES__NEW_SIGN_IN", "true"), ("TRUSTED_PROXIES", "[\"0.0.0.0\"]")]).await;
        let code = || json!({"code": provider.code("jane", json!({}))});
        let from = |address: &'static str, body: Value| {
            let world = &world;
            async move { world.call_from(address, "POST", "/v1/auth/google", &body).await.ok(200) }
        };
        from("192.0.2.1", code()).await;
        from("192.0.2.1", code()).await;
        assert_eq!(world.mails().await.len(), 0);
        from("198.51.100.7", code()).await;
        assert_eq!(world.mails().await.len(), 1);
    }
}

/// A provider, and a gateway over the same data that it is configured at.
async fn before_a_provider(world: &World) -> (Provider, World) {
    let provider = Provider::start();
    let world = provider.before(world, &[]).await;
    (provider, world)
}

on_both! {
    async fn a_sign_in_that_begins_here_is_held_to_its_state_its_nonce_and_its_verifier(world: World) {
        let (provider, world) = before_a_provider(&world).await;
        let begin = async || {
            let started = start(&world, OTHER_PAGE).await.ok(200);
            assert_eq!(started.headers["cache-control"], "no-store");
            (started.field("authorizationUrl").to_owned(), started.field("state").to_owned())
        };
        let (page, state) = begin().await;
        assert!(!page.contains("secret") && page.contains(&state), "{page}");
        let good = provider.visit(&page, "jane", json!({}));
        finish(&world, &good, &state).await.ok(200);
        finish(&world, &good, &state).await.refused(401, "state_used");
        assert_eq!(provider.asked().tokens, 1, "what is used up is not asked for again");
        // A code of another sign-in is refused by the provider, which knows another challenge.
        let ((one, state_of_one), (two, state_of_two)) = (begin().await, begin().await);
        let stolen = provider.visit(&two, "thief", json!({}));
        finish(&world, &stolen, &state_of_one).await.refused(401, "invalid_grant");
        // And where the provider does not keep to that, the nonce tells.
        let injected = provider.visit(&one, "thief", json!({"nonce": "another"}));
        finish(&world, &injected, &state_of_one).await.refused(401, "invalid_id_token");
        let without = provider.code("thief", json!({}));
        finish(&world, &without, &state_of_one).await.refused(401, "invalid_grant");
        // What began here is not finished as if it had begun elsewhere.
        sign_in(&world, &provider.visit(&two, "jane", json!({}))).await.refused(401, "invalid_grant");
        let body = json!({"code": provider.visit(&two, "jane", json!({})), "state": state_of_two, "redirectUri": PAGE});
        world.post("/v1/auth/google", body).await.refused(401, "invalid_state");
        for forged in ["", "cgs_", &state_of_two[1..], &state_of_two.replace("cgs_", "csr_"), &format!("{state_of_two}A")] {
            finish(&world, "code", forged).await.refused(401, "invalid_state");
        }
        let elsewhere = World::elsewhere().await;
        let elsewhere = provider.before(&elsewhere, &[]).await;
        finish(&elsewhere, "code", &state_of_two).await.refused(401, "invalid_state");
        let other_page = provider.before(&world, &[("GOOGLE__REDIRECT_URIS", "[\"https://app.example/signed-in\"]")]).await;
        finish(&other_page, "code", &state_of_two).await.refused(401, "invalid_state");
        world.pass(Duration::from_mins(10));
        finish(&world, "code", &state_of_two).await.refused(401, "state_expired");
    }

    async fn a_sign_in_goes_on_at_another_node_and_under_another_root_secret(world: World) {
        let (provider, world) = before_a_provider(&world).await;
        let started = start(&world, PAGE).await.ok(200);
        let code = provider.visit(started.field("authorizationUrl"), "jane", json!({}));
        let node = world.under_new_secret([0x22; 32]).await;
        finish(&node, &code, started.field("state")).await.ok(200);
        finish(&world, &code, started.field("state")).await.refused(401, "state_used");
    }

    async fn where_it_has_to_begin_here_a_bare_code_is_not_taken(world: World) {
        let (provider, world) = before_a_provider(&world).await;
        let strict = provider.before(&world, &[("GOOGLE__REQUIRE_STATE", "true")]).await;
        let refused = sign_in(&strict, &provider.code("jane", json!({}))).await.refused(400, "invalid_request");
        assert!(refused.field("detail").starts_with("state: "), "{}", refused.text);
        assert_eq!(provider.asked().tokens, 0);
        let started = start(&strict, PAGE).await.ok(200);
        let code = provider.visit(started.field("authorizationUrl"), "jane", json!({}));
        finish(&strict, &code, started.field("state")).await.ok(200);
    }

    async fn only_configured_pages_are_taken_letter_by_letter(world: World) {
        let (provider, world) = before_a_provider(&world).await;
        for page in [
            "https://evil.example/",
            "https://app.example/signed-in/",
            "https://app.example/signed-in?a=b",
            "https://APP.example/signed-in",
            "https://app.example/",
            "javascript:alert(1)",
            "",
        ] {
            start(&world, page).await.refused(400, "invalid_request");
            let body = json!({"code": "a", "redirectUri": page});
            world.post("/v1/auth/google", body).await.refused(400, "invalid_request");
        }
        for path in ["?redirectUri=a&redirectUri=b", "?redirect_uri=a", "?other=1"] {
            world.get(&format!("/v1/auth/google/start{path}")).await.refused(400, "invalid_request");
        }
        assert_eq!(provider.asked(), crate::support::openid::Asked::default(), "nothing was asked for any of it");
        let first = world.get("/v1/auth/google/start").await.ok(200);
        assert!(first.field("authorizationUrl").contains("redirect_uri=https%3A%2F%2Fapp.example%2Fsigned-in&"));
        let google = provider.before(&world, &[("GOOGLE__REDIRECT_URIS", "[\"postmessage\"]")]).await;
        sign_in(&google, &provider.code("jane", json!({}))).await.refused(401, "invalid_grant");
    }

    async fn bad_bodies_are_told_as_the_document_says(world: World) {
        let (_provider, world) = before_a_provider(&world).await;
        let bodies = [
            json!({}),
            json!({"code": ""}),
            json!({"code": 1}),
            json!({"code": null}),
            json!({"code": "a".repeat(4097)}),
            json!({"code": "a", "state": 1}),
            json!({"code": "a", "redirectUri": []}),
            json!({"code": "a", "marketingOptInState": "yes"}),
            json!([]),
        ];
        for body in bodies {
            world.post("/v1/auth/google", body).await.refused(400, "invalid_request");
        }
        world
            .call("POST", "/v1/auth/google", &[("content-type", "text/plain")], &json!({"code": "a"}))
            .await
            .refused(415, "unsupported_media_type");
    }

    async fn a_gateway_without_a_provider_says_so(world: World) {
        start(&world, PAGE).await.refused(501, "google_not_configured");
        sign_in(&world, "a").await.refused(501, "google_not_configured");
        assert_eq!(count(&world, NOTHING).await, "0");
    }
}

/// The example of the document, and how it goes on; of the answers every field.
async fn the_example_of_the_document_is_answered_as_it_says(backend: Backend) {
    let provider = Provider::start();
    let world = World::on_with(backend, &provider.settings()).await;
    let mut golden = Golden::with(&world);
    let example = |code: String| json!({"code": code, "marketingOptInState": true});
    golden.call("POST", "/v1/auth/google", &JSON, example(provider.code("jane", json!({})))).await.ok(200);
    golden.call("POST", "/v1/auth/google", &JSON, example(provider.code("jane", json!({})))).await.ok(200);
    golden.call("POST", "/v1/auth/google", &JSON, example("google-oauth-authorization-code".to_owned())).await;
    let thief = provider.code("thief", json!({"email": "jane@example.com", "email_verified": false}));
    golden.call("POST", "/v1/auth/google", &JSON, example(thief)).await;
    golden.call("POST", "/v1/auth/google", &JSON, json!({"code": "a", "state": "b"})).await;
    golden.call("GET", "/v1/auth/google/start?redirectUri=https%3A%2F%2Fevil.example", &JSON, Value::Null).await;
    provider.be(Mood::Failing);
    golden.call("POST", "/v1/auth/google", &JSON, example("a".to_owned())).await;
    golden.compare("platform/google");
}

#[tokio::test]
async fn the_example_of_the_document_on_sqlite() {
    the_example_of_the_document_is_answered_as_it_says(Backend::Sqlite).await;
}

#[tokio::test]
async fn the_example_of_the_document_on_postgres() {
    the_example_of_the_document_is_answered_as_it_says(Backend::Postgres).await;
}
