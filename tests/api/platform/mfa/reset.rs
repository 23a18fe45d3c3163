//! What an operator does for somebody who has lost the second factor.

use countersign::identity::Who;
use serde_json::{Value, json};

use crate::support::authenticator::{Authenticator, ticket, verify, verify_and_remember};
use crate::support::person::{PASSWORD, call_as, login, session};
use crate::support::wallet::Wallet;
use crate::support::world::{World, on_both};

on_both! {
    async fn a_second_factor_that_is_lost_is_taken_away_by_an_operator_and_leaves_nobody_in(world: World) {
        let bearer = session(&world, "trader1").await;
        world.data().await.execute("UPDATE accounts SET email_verified_at = 1").await;
        Wallet::number(1).link(&world, &bearer).await;
        let own = Authenticator::in_force(&world, &bearer).await;
        let key = Wallet::number(1).sign_in(&world).await.api_key(&world).await;
        let step = ticket(&world, "trader1").await;
        let done = verify_and_remember(&world, &step, &own.next(&world)).await.ok(200);
        let waiting = ticket(&world, "trader1").await;
        world.mails().await;
        let id = world.core.find_person(Who::Name("trader1")).await.unwrap().id();
        assert!(world.core.reset_second_factor(id).await.unwrap());
        for token in [&bearer, done.field("token")] {
            call_as(&world, token, "GET", "/api/users/profile", Value::Null).await.refused(401, "session_ended");
        }
        world.call("GET", "/api/users/profile", &[("x-api-key", &key)], &Value::Null).await.refused(401, "invalid_api_key");
        verify(&world, &waiting, &own.next(&world)).await.refused(401, "session_ended");
        // The password is enough, and nothing of the second factor is left.
        let again = login(&world, "trader1", PASSWORD).await.ok(200).field("session_token").to_owned();
        let devices = call_as(&world, &again, "GET", "/v1/auth/mfa/devices", Value::Null).await.ok(200);
        assert_eq!(devices.json, json!({"devices": []}));
        let mut data = world.data().await;
        for table in ["DELETE FROM second_factors", "DELETE FROM backup_codes", "DELETE FROM trusted_devices"] {
            assert_eq!(data.execute(table).await, 0, "{table}");
        }
        let events = "SELECT CAST(COUNT(*) AS TEXT) FROM audit_events WHERE event = 'second_factor_reset' AND detail IS NULL";
        assert_eq!(data.text(events).await, "1");
        let subjects: Vec<_> = world.mails().await.into_iter().map(|mail| mail.subject).collect();
        assert_eq!(subjects, ["Signing in takes no code any more"]);
        Authenticator::in_force(&world, &again).await;
    }

    async fn one_that_is_being_set_up_goes_as_well_and_where_there_is_none_nothing_happens(world: World) {
        let bearer = session(&world, "trader1").await;
        world.data().await.execute("UPDATE accounts SET email_verified_at = 1").await;
        world.mails().await;
        let id = world.core.find_person(Who::Name("trader1")).await.unwrap().id();
        assert!(!world.core.reset_second_factor(id).await.unwrap());
        call_as(&world, &bearer, "GET", "/api/users/profile", Value::Null).await.ok(200);
        let setup = call_as(&world, &bearer, "POST", "/v1/auth/mfa/setup", Value::Null).await.ok(200);
        let planted = Authenticator::of(&setup);
        assert!(world.core.reset_second_factor(id).await.unwrap());
        let again = login(&world, "trader1", PASSWORD).await.ok(200).field("session_token").to_owned();
        verify(&world, &again, &planted.code(&world)).await.refused(409, "second_factor_not_set_up");
        assert_eq!(world.mails().await.len(), 0, "there was none that was in force");
        let nobody = countersign::model::AccountId(uuid::Uuid::nil());
        assert_eq!(world.core.reset_second_factor(nobody).await.unwrap_err().code(), "account_not_found");
    }
}
