//! What is under way while the account is disabled: the credential was good when it was checked, and is not any more.

use std::net::{IpAddr, Ipv4Addr};

use countersign::identity::{Caller, Credential};
use countersign::model::error::{Error, Forbidden, Unauthenticated};
use countersign::model::profile::{ProfileChange, ProfileText};
use countersign::model::{AccountId, Address, Client, RequestId};

use crate::support::wallet::{Session, Wallet};
use crate::support::world::{World, on_both};

fn client() -> Client {
    Client { address: IpAddr::V4(Ipv4Addr::LOCALHOST), request_id: RequestId::new([7; 12]) }
}

async fn caller(world: &World, credential: Credential<'_>) -> Caller {
    world.core.authenticate(&[credential], &client()).await.unwrap()
}

fn account(session: &Session) -> AccountId {
    AccountId(session.claims()["sub"].as_str().unwrap().parse().unwrap())
}

fn change() -> ProfileChange {
    ProfileChange { name: Some(ProfileText::parse("name", "late".to_owned()).unwrap()), intended_use: None }
}

on_both! {
    async fn a_rotation_makes_no_key_that_is_good_once_the_account_is_enabled_again(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let person = caller(&world, Credential::AccessToken(&session.token)).await.require_person().unwrap();
        world.core.disable_account(account(&session)).await.unwrap();
        let refused = world.core.rotate_api_key(&person, &client()).await.err();
        assert!(matches!(refused, Some(Error::Forbidden(Forbidden::AccountDisabled))), "{refused:?}");
        world.core.enable_account(account(&session)).await.unwrap();
        let refused = world.core.rotate_api_key(&person, &client()).await.err();
        assert!(matches!(refused, Some(Error::NotAuthenticated(Unauthenticated::SessionEnded))), "{refused:?}");
        Wallet::number(1).sign_in(&world).await.api_key(&world).await;
    }

    async fn a_profile_is_changed_by_nobody_whose_account_was_disabled_meanwhile(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let key = session.api_key(&world).await;
        let address = Address::parse(&session.address).unwrap();
        let person = caller(&world, Credential::AccessToken(&session.token)).await;
        let program = caller(&world, Credential::ApiKey(&key)).await;
        world.core.disable_account(account(&session)).await.unwrap();
        for caller in [&person, &program] {
            let refused = world.core.change_profile(caller, address, &change(), &client()).await.err();
            assert!(matches!(refused, Some(Error::Forbidden(Forbidden::AccountDisabled))), "{refused:?}");
        }
        world.core.enable_account(account(&session)).await.unwrap();
        for (caller, reason) in [(&person, Unauthenticated::SessionEnded), (&program, Unauthenticated::InvalidApiKey)] {
            let refused = world.core.change_profile(caller, address, &change(), &client()).await.err();
            assert!(matches!(refused, Some(Error::NotAuthenticated(why)) if why == reason), "{refused:?}");
        }
        let again = Wallet::number(1).sign_in(&world).await;
        assert_eq!(again.read(&world).await.ok(200).field("name"), "");
    }
}
