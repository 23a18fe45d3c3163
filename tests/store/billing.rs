//! What is kept of Stripe: a revision is raised by one of many, a call is one person's, an event and a farewell are taken once.

use std::time::Duration;

use countersign::clock::Timestamp;
use countersign::model::plan::{Interval, Period};
use countersign::model::subscription::{Keeper, Renewal, State, Subscription};
use countersign::model::{AccountId, SubscriptionId};
use countersign::store::billing::{self, Call, Customer};
use countersign::store::{Tx, people, subscriptions};
use futures_util::future::join_all;
use uuid::Uuid;

use crate::support::world::{START, World, on_both};

const MINUTE: Duration = Duration::from_mins(1);

async fn unit(world: &World) -> Tx {
    world.core.db().write().await.unwrap()
}

/// An account of nobody's.
async fn account(world: &World, number: u128) -> AccountId {
    let id = AccountId(Uuid::from_u128(number));
    let mut tx = unit(world).await;
    assert!(people::insert(&mut tx, id, &people::NewPerson::default(), START).await.unwrap());
    tx.commit().await.unwrap();
    id
}

async fn customer(world: &World, account: AccountId, id: &str) -> Customer {
    let mut tx = unit(world).await;
    assert!(billing::insert_customer(&mut tx, account, id, START).await.unwrap());
    tx.commit().await.unwrap();
    billing::find_customer(&mut world.core.db().read().await.unwrap(), account).await.unwrap().unwrap()
}

fn of_stripe(account: AccountId, number: u128, state: State) -> Subscription {
    Subscription {
        id: SubscriptionId(Uuid::from_u128(number)),
        account,
        plan: "premium_monthly".to_owned(),
        keeper: Keeper::Stripe { id: Some(format!("sub_{number}")) },
        stripe_price: Some("price_1".to_owned()),
        state,
        period: Period { start: START, end: START + MINUTE },
        renewal: Renewal::Renews,
        created_at: START,
        updated_at: START,
    }
}

async fn store(world: &World, subscription: &Subscription) -> bool {
    let mut tx = unit(world).await;
    let stored = subscriptions::upsert(&mut tx, subscription).await.unwrap();
    tx.commit().await.unwrap();
    stored
}

fn call(account: AccountId, key: u128) -> Call {
    let subscription = SubscriptionId(Uuid::from_u128(7));
    let wish = r#"{"create":"premium_monthly"}"#.to_owned();
    Call { account, key: Uuid::from_u128(key), subscription, wish, begun_at: START, claimed_until: START + MINUTE }
}

on_both! {
    async fn of_many_who_take_over_what_stripe_says_one_raises_the_revision(world: World) {
        let owner = account(&world, 1).await;
        let known = customer(&world, owner, "cus_1").await;
        assert_eq!((known.revision, known.synced_at), (0, START));
        let raise = async |now: Timestamp| {
            let mut tx = unit(&world).await;
            let raised = billing::raise_revision(&mut tx, &known, now).await.unwrap();
            tx.commit().await.unwrap();
            raised
        };
        let raised = join_all((0..20).map(|_| raise(START + MINUTE))).await;
        assert_eq!(raised.into_iter().filter(|raised| *raised).count(), 1);
        let mut db = world.core.db().read().await.unwrap();
        let now = billing::find_customer_by_id(&mut db, "cus_1").await.unwrap().unwrap();
        assert_eq!((now.revision, now.synced_at, now.account), (1, START + MINUTE, owner));
        assert_eq!(billing::find_customer_by_id(&mut db, "cus_2").await.unwrap(), None);
    }

    async fn a_customer_is_one_accounts_and_an_account_one_customer(world: World) {
        let (first, second) = (account(&world, 1).await, account(&world, 2).await);
        customer(&world, first, "cus_1").await;
        let mut tx = unit(&world).await;
        assert!(!billing::insert_customer(&mut tx, first, "cus_2", START).await.unwrap());
        assert!(!billing::insert_customer(&mut tx, second, "cus_1", START).await.unwrap());
        let gone = AccountId(Uuid::from_u128(3));
        assert!(!billing::insert_customer(&mut tx, gone, "cus_3", START).await.unwrap(), "there is no such account");
        assert!(billing::insert_customer(&mut tx, second, "cus_2", START).await.unwrap());
        tx.commit().await.unwrap();
    }

    async fn those_are_looked_at_who_have_something_and_were_not_for_long(world: World) {
        for (number, state) in [(1, State::Active), (2, State::Canceled), (3, State::Incomplete), (4, State::Paused)] {
            let owner = account(&world, number).await;
            let known = customer(&world, owner, &format!("cus_{number}")).await;
            assert!(store(&world, &of_stripe(owner, number, state)).await);
            if number == 4 {
                let mut tx = unit(&world).await;
                assert!(billing::raise_revision(&mut tx, &known, START + MINUTE).await.unwrap());
                tx.commit().await.unwrap();
            }
        }
        // One of the ledger's, and none at all, are nothing to ask Stripe for.
        let owner = account(&world, 5).await;
        customer(&world, owner, "cus_5").await;
        let keeper = Keeper::Ledger { every: Interval::Month, anchor: START, ends_at: None };
        assert!(store(&world, &Subscription { keeper, ..of_stripe(owner, 5, State::Active) }).await);
        customer(&world, account(&world, 6).await, "cus_6").await;
        let claim = async |before: Timestamp, meanwhile: Timestamp| {
            let mut tx = unit(&world).await;
            let claimed = billing::claim_unsynced(&mut tx, before, meanwhile).await.unwrap();
            tx.commit().await.unwrap();
            claimed.map(|customer| customer.id)
        };
        assert_eq!(claim(START, START + MINUTE).await, None);
        // Each is one node's.
        let claims = join_all((0..20).map(|_| claim(START + MINUTE, START + 2 * MINUTE))).await;
        let mut due: Vec<String> = claims.into_iter().flatten().collect();
        due.sort();
        assert_eq!(due, ["cus_1", "cus_3"]);
        // Who waits for longest comes first.
        let late = START + 3 * MINUTE;
        assert_eq!(claim(late, late).await.as_deref(), Some("cus_4"));
        assert!(claim(late, late).await.is_some() && claim(late, late).await.is_some());
        assert_eq!(claim(late, late).await, None);
    }

    async fn what_is_stored_is_read_again_and_the_id_of_anothers_is_not_overwritten(world: World) {
        let (first, second) = (account(&world, 1).await, account(&world, 2).await);
        let mut own = of_stripe(first, 1, State::Incomplete);
        own.keeper = Keeper::Stripe { id: None };
        let keeper = Keeper::Ledger { every: Interval::Year, anchor: START, ends_at: Some(START + MINUTE) };
        let period = Interval::Year.period(START, START);
        let (renewal, stripe_price) = (Renewal::Ends, None);
        let ledger = Subscription { keeper, period, renewal, stripe_price, ..of_stripe(first, 2, State::Paused) };
        assert!(store(&world, &own).await && store(&world, &ledger).await);
        let thief = Subscription { state: State::Canceled, ..of_stripe(second, 1, State::Active) };
        assert!(!store(&world, &thief).await);
        let mut db = world.core.db().read().await.unwrap();
        assert_eq!(subscriptions::list(&mut db, first).await.unwrap(), [ledger.clone(), own.clone()]);
        assert_eq!(subscriptions::find(&mut db, first, own.id).await.unwrap(), Some(own.clone()));
        assert_eq!(subscriptions::find(&mut db, second, own.id).await.unwrap(), None);
        drop(db);
        let changed = of_stripe(first, 1, State::Active);
        assert!(store(&world, &changed).await);
        let mut db = world.core.db().read().await.unwrap();
        assert_eq!(subscriptions::list(&mut db, first).await.unwrap(), [ledger, changed]);
    }

    async fn a_call_is_one_an_account_and_one_persons_at_a_time(world: World) {
        let owner = account(&world, 1).await;
        let own = call(owner, 1);
        let mut tx = unit(&world).await;
        assert!(billing::insert_call(&mut tx, &own).await.unwrap());
        assert!(!billing::insert_call(&mut tx, &call(owner, 2)).await.unwrap());
        tx.commit().await.unwrap();
        let claim = async |until: Timestamp, now: Timestamp| {
            let mut tx = unit(&world).await;
            let claimed = billing::claim_call(&mut tx, &own, until, now).await.unwrap();
            tx.commit().await.unwrap();
            claimed
        };
        let read = async || billing::find_call(&mut world.core.db().read().await.unwrap(), owner).await.unwrap();
        assert_eq!(read().await.as_ref(), Some(&own));
        assert!(!claim(START + 2 * MINUTE, START).await, "somebody has it");
        let late = START + MINUTE;
        let claims = join_all((0..20).map(|_| claim(late + MINUTE, late))).await;
        assert_eq!(claims.into_iter().filter(|claimed| *claimed).count(), 1);
        // Whoever had it before puts nothing back.
        let mut tx = unit(&world).await;
        billing::release_call(&mut tx, &own, late).await.unwrap();
        tx.commit().await.unwrap();
        let held = read().await.unwrap();
        assert_eq!(held.claimed_until, late + MINUTE);
        let mut tx = unit(&world).await;
        billing::release_call(&mut tx, &held, late).await.unwrap();
        tx.commit().await.unwrap();
        let mut db = world.core.db().read().await.unwrap();
        assert!(billing::list_due_calls(&mut db, START, 10).await.unwrap().is_empty());
        let due = billing::list_due_calls(&mut db, late, 10).await.unwrap();
        assert_eq!(due, [Call { claimed_until: late, ..own.clone() }]);
        drop(db);
        let mut tx = unit(&world).await;
        assert!(!billing::delete_call(&mut tx, owner, Uuid::from_u128(9)).await.unwrap());
        assert!(billing::delete_call(&mut tx, owner, own.key).await.unwrap());
        assert!(!billing::delete_call(&mut tx, owner, own.key).await.unwrap());
        tx.commit().await.unwrap();
    }

    async fn an_event_is_seen_once_and_forgotten_in_its_time(world: World) {
        let note = async |id: &'static str, now: Timestamp| {
            let mut tx = unit(&world).await;
            let fresh = billing::insert_event(&mut tx, id, now).await.unwrap();
            tx.commit().await.unwrap();
            fresh
        };
        let noted = join_all((0..20).map(|_| note("evt_1", START))).await;
        assert_eq!(noted.into_iter().filter(|fresh| *fresh).count(), 1);
        assert!(note("evt_2", START + MINUTE).await);
        let mut tx = unit(&world).await;
        assert_eq!(billing::delete_expired_events(&mut tx, START, 10).await.unwrap(), 0);
        assert_eq!(billing::delete_expired_events(&mut tx, START + MINUTE, 10).await.unwrap(), 1);
        assert!(!billing::knows_event(&mut tx, "evt_1").await.unwrap());
        assert!(billing::knows_event(&mut tx, "evt_2").await.unwrap());
        tx.commit().await.unwrap();
    }

    async fn a_farewell_is_one_nodes_until_it_is_tried_again(world: World) {
        let mut tx = unit(&world).await;
        billing::insert_farewell(&mut tx, "cus_1", START).await.unwrap();
        billing::insert_farewell(&mut tx, "cus_1", START + MINUTE).await.unwrap();
        tx.commit().await.unwrap();
        let claim = async |now: Timestamp| {
            let mut tx = unit(&world).await;
            let claimed = billing::claim_farewell(&mut tx, now + MINUTE, now).await.unwrap();
            tx.commit().await.unwrap();
            claimed.map(|farewell| (farewell.customer_id, farewell.attempts))
        };
        let claims = join_all((0..10).map(|_| claim(START))).await;
        assert_eq!(claims.into_iter().flatten().collect::<Vec<_>>(), [("cus_1".to_owned(), 1)]);
        assert_eq!(claim(START + MINUTE).await, Some(("cus_1".to_owned(), 2)));
        let mut tx = unit(&world).await;
        billing::postpone_farewell(&mut tx, "cus_1", START + 9 * MINUTE).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(claim(START + 8 * MINUTE).await, None);
        let mut tx = unit(&world).await;
        billing::delete_farewell(&mut tx, "cus_1").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(claim(START + 10 * MINUTE).await, None);
    }
}
