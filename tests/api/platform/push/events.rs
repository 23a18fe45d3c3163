//! Every event that devices are told of, each by what brings it about; and sign-ins by wallet.

use serde_json::{Value, json};

use super::Owner;
use crate::support::authenticator::Authenticator;
use crate::support::fcm::{Fcm, deliver};
use crate::support::openid::{self, Provider};
use crate::support::person::call_as;
use crate::support::platform::with;
use crate::support::stripe::Stripe;
use crate::support::wallet::Wallet;
use crate::support::world::{World, on_both};

/// The events that were told since so many pushes.
fn told(fcm: &Fcm, before: usize) -> Vec<String> {
    let event = |push: &Value| push["data"]["event"].as_str().expect("an event").to_owned();
    let mut told: Vec<String> = fcm.pushes()[before..].iter().map(|push| event(&push.message)).collect();
    told.sort();
    told
}

on_both! {
    async fn what_protects_an_account_and_what_waits_to_be_paid_is_told(world: World) {
        let (fcm, stripe, provider) = (Fcm::start(), Stripe::start(), Provider::start());
        let world = fcm.behind(&provider.before(&stripe.before(&world).await, &[]).await, &[]).await;
        let owner = Owner::with_device(&world, "trader1", "phone").await;
        world.data().await.execute("UPDATE accounts SET email_verified_at = 1").await;
        openid::sign_in(&world, &provider.code("trader1", json!({}))).await.ok(200);
        let body = json!({"planId": "premium_monthly", "paymentMethodId": "pm_action"});
        let waits = with(&world, &owner.token, "POST", "/v1/users/subscriptions", body).await.ok(201);
        assert_eq!(waits.json["status"], "incomplete");
        let own = Authenticator::in_force(&world, &owner.token).await;
        let code = json!({"code": own.next(&world)});
        call_as(&world, &owner.token, "POST", "/v1/auth/mfa/backup-codes", code).await.ok(200);
        let code = json!({"code": own.next(&world)});
        call_as(&world, &owner.token, "DELETE", "/v1/auth/mfa", code).await.ok(204);
        deliver(&world).await;
        let all = ["backup_codes_renewed", "identity_linked", "payment_needed", "second_factor_off", "second_factor_on"];
        assert_eq!(told(&fcm, 0), all);
    }

    async fn a_wallet_that_signs_in_from_another_network_is_told_on_its_devices_and_one_that_is_known_is_not(world: World) {
        let fcm = Fcm::start();
        let settings = [("NOTICES__NEW_SIGN_IN", "true"), ("TRUSTED_PROXIES", "[\"0.0.0.0\"]")];
        let world = fcm.behind(&world, &settings).await;
        let wallet = Wallet::number(1);
        let from = |address: &'static str| {
            let (world, wallet) = (&world, &wallet);
            async move {
                let nonce = wallet.nonce(world).await;
                let body = json!({"address": wallet.address, "signature": wallet.sign(&nonce)});
                world.call_from(address, "POST", "/users/authenticate", &body).await.ok(200)
            }
        };
        let token = from("192.0.2.1").await.field("token").to_owned();
        with(&world, &token, "POST", "/v1/users/notifications/tokens/phone", json!({})).await.ok(200);
        from("192.0.2.1").await;
        deliver(&world).await;
        assert_eq!(fcm.pushes().len(), 0);
        from("198.51.100.7").await;
        from("198.51.100.7").await;
        deliver(&world).await;
        assert_eq!(told(&fcm, 0), ["new_sign_in"]);
    }
}
