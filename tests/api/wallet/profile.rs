//! The profile.

use serde_json::json;

use crate::support::wallet::{Session, Wallet};
use crate::support::world::{Answer, World, on_both};

async fn change(world: &World, session: &Session, body: serde_json::Value) -> Answer {
    world.post_as(&session.token, &session.profile_path(), body).await
}

on_both! {
    async fn a_profile_starts_empty_and_keeps_what_is_written(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let empty = json!({"userAddress": session.address, "name": "", "intendedUse": ""});
        assert_eq!(session.read(&world).await.ok(200).json, empty);
        let written = json!({"userAddress": session.address, "name": " Zoë \n🦊", "intendedUse": ""});
        assert_eq!(change(&world, &session, json!({"name": " Zoë \n🦊"})).await.ok(200).json, written);
        assert_eq!(session.read(&world).await.ok(200).json, written);
        change(&world, &session, json!({"intendedUse": "bots"})).await.ok(200);
        let both = json!({"userAddress": session.address, "name": " Zoë \n🦊", "intendedUse": "bots"});
        assert_eq!(change(&world, &session, json!({})).await.ok(200).json, both);
        assert_eq!(change(&world, &session, json!({"name": null})).await.ok(200).json, both);
        assert_eq!(change(&world, &session, json!({"name": ""})).await.ok(200).field("name"), "");
    }

    async fn the_limit_is_255_characters_and_both_fields_are_told(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let longest = "é".repeat(255);
        change(&world, &session, json!({"name": longest, "intendedUse": longest})).await.ok(200);
        let too_long = "e".repeat(256);
        let body = json!({"name": too_long, "intendedUse": "a\u{0}b"});
        let answer = change(&world, &session, body).await.refused(422, "invalid_request");
        let fields: Vec<_> = answer.json["violations"].as_array().unwrap().iter().map(|v| v["field"].clone()).collect();
        assert_eq!(fields, ["name", "intendedUse"]);
        assert_eq!(session.read(&world).await.ok(200).field("name"), longest);
    }

    async fn the_address_in_the_path_may_be_spelt_in_one_case(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        for spelling in [session.address.to_lowercase(), format!("0x{}", session.address[2..].to_uppercase())] {
            let answer = world.get_as(&session.token, &format!("/users/{spelling}/data")).await.ok(200);
            assert_eq!(answer.field("userAddress"), session.address);
        }
    }

    async fn nobody_reads_or_writes_another_persons_profile(world: World) {
        let (one, other) = (Wallet::number(1).sign_in(&world).await, Wallet::number(2).sign_in(&world).await);
        let unknown = Wallet::number(3).address;
        for path in [other.profile_path(), format!("/users/{unknown}/data")] {
            world.get_as(&one.token, &path).await.refused(403, "not_your_wallet");
            world.post_as(&one.token, &path, json!({"name": "x"})).await.refused(403, "not_your_wallet");
        }
        assert_eq!(other.read(&world).await.ok(200).field("name"), "");
    }

    async fn what_is_no_address_is_named_to_a_caller_and_nobody_else(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let address = &session.address;
        // The wrong checksum: one letter in the other case.
        let at = address.rfind(|c: char| c.is_ascii_alphabetic()).unwrap();
        let mut wrong = address.clone();
        let letter = &address[at..=at];
        let flipped = if letter == letter.to_uppercase() { letter.to_lowercase() } else { letter.to_uppercase() };
        wrong.replace_range(at..=at, &flipped);
        for part in [wrong.as_str(), "0x12", "me", "%20", &address[2..]] {
            let path = format!("/users/{part}/data");
            world.get_as(&session.token, &path).await.refused(400, "invalid_address");
            world.get(&path).await.refused(401, "not_authenticated");
        }
        world.get_as(&session.token, "/users/%ff/data").await.refused(400, "invalid_path");
    }

    async fn ids_roles_and_flags_in_a_body_change_nothing(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let body = json!({"name": "a", "email": "x@example.com", "role": "ADMIN", "roles": ["ADMIN"], "evf": true,
                          "id": 1, "userAddress": Wallet::number(2).address, "disabled_at": null});
        let answer = change(&world, &session, body).await.ok(200);
        assert_eq!(answer.json, json!({"userAddress": session.address, "name": "a", "intendedUse": ""}));
        let again = Wallet::number(1).sign_in(&world).await.claims();
        assert_eq!((&again["roles"], &again["evf"]), (&json!(["USER"]), &json!(false)));
    }
}
