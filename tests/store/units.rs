//! Units of work: all or nothing, also when many of them share one COMMIT.

use std::net::IpAddr;

use countersign::model::session::{SESSION_LIFETIME, Session};
use countersign::model::{AccountId, Client, RequestId, SessionId, WalletId};
use countersign::random::Random;
use countersign::store::sign_ins::{self, SignIn, Spend};
use countersign::store::{Db, Tx, wallets};
use futures_util::future::join_all;

use crate::support::world::{START, World, on_both};

const TAG: [u8; 32] = [7; 32];

async fn count(db: &Db, tag: &[u8; 32]) -> u64 {
    wallets::find_count(db, tag).await.unwrap()
}

/// Stores a sign-in of nobody in particular that spends this; the account need not exist.
async fn sign_in(tx: &mut Tx, tag: &[u8; 32], spend: Spend) -> bool {
    let random = Random::system();
    let id = || random.uuid(START);
    let session = Session {
        id: SessionId(id()),
        account: AccountId(id()),
        wallet: Some(WalletId(id())),
        amr: countersign::model::session::Amr::Wallet,
        epoch: 0,
        refresh_counter: 0,
        created_at: START,
        refreshed_at: START,
        expires_at: START + SESSION_LIFETIME,
        ended_at: None,
    };
    let client = Client { address: IpAddr::from([192, 0, 2, 1]), request_id: RequestId::new([1; 12]) };
    let sign_in = SignIn { session: &session, wallet_tag: tag, event: id(), detail: None, client: &client };
    sign_ins::insert(tx, spend, sign_in).await.unwrap()
}

/// Raises the wallet's count from `expected`.
async fn raise(tx: &mut Tx, tag: &[u8; 32], expected: u64) -> bool {
    sign_in(tx, tag, Spend::Count(expected)).await
}

/// The tag of this number.
fn tag(number: u8) -> [u8; 32] {
    [number; 32]
}

on_both! {
    async fn a_unit_that_is_dropped_leaves_nothing(world: World) {
        let db = world.core.db();
        let mut tx = db.write().await.unwrap();
        assert!(raise(&mut tx, &TAG, 0).await);
        drop(tx);
        assert_eq!(count(db, &TAG).await, 0);
        let mut tx = db.write().await.unwrap();
        assert!(raise(&mut tx, &TAG, 0).await);
        tx.commit().await.unwrap();
        assert_eq!(count(db, &TAG).await, 1);
    }

    async fn a_compare_and_swap_has_one_winner(world: World) {
        let db = world.core.db();
        let attempts = (0..100).map(|_| async {
            let mut tx = db.write().await.unwrap();
            let won = raise(&mut tx, &TAG, 0).await;
            if won {
                tx.commit().await.unwrap();
            }
            won
        });
        let won = join_all(attempts).await;
        assert_eq!(won.iter().filter(|won| **won).count(), 1);
        assert_eq!(count(db, &TAG).await, 1);
    }

    async fn a_count_is_never_raised_from_what_it_is_not(world: World) {
        let db = world.core.db();
        for (expected, wins) in [(5, false), (0, true), (0, false), (2, false), (1, true)] {
            let mut tx = db.write().await.unwrap();
            assert_eq!(raise(&mut tx, &TAG, expected).await, wins, "from {expected}");
            // Whoever loses drops its unit of work, as every use case does.
            if wins {
                tx.commit().await.unwrap();
            }
        }
        assert_eq!(count(db, &TAG).await, 2);
    }

    async fn units_of_one_group_succeed_and_fail_each_for_itself(world: World) {
        let db = world.core.db();
        let units = (0..200_u8).map(|number| async move {
            let mut tx = db.write().await.unwrap();
            assert!(raise(&mut tx, &tag(number), 0).await);
            if number % 3 == 0 {
                return;
            }
            tx.commit().await.unwrap();
        });
        join_all(units).await;
        for number in 0..200_u8 {
            assert_eq!(count(db, &tag(number)).await, u64::from(number % 3 != 0), "{number}");
        }
    }

    async fn a_caller_who_goes_away_holds_up_nobody(world: World) {
        let db = world.core.db();
        for _ in 0..20 {
            let abandoned = async {
                let mut tx = db.write().await.unwrap();
                raise(&mut tx, &TAG, 0).await;
                std::future::pending::<()>().await;
            };
            let mut abandoned = Box::pin(abandoned);
            let patience = std::time::Duration::from_millis(20);
            assert!(tokio::time::timeout(patience, &mut abandoned).await.is_err());
        }
        assert_eq!(count(db, &TAG).await, 0);
        let mut tx = db.write().await.unwrap();
        assert!(raise(&mut tx, &TAG, 0).await);
        tx.commit().await.unwrap();
    }

    async fn a_free_nonce_is_spent_once(world: World) {
        let spend = Spend::Nonce { id: [1; 16], expires_at: START };
        for fresh in [true, false] {
            let mut tx = world.core.db().write().await.unwrap();
            assert_eq!(sign_in(&mut tx, &TAG, spend).await, fresh);
            if fresh {
                tx.commit().await.unwrap();
            }
        }
        assert_eq!(count(world.core.db(), &TAG).await, 0);
    }
}
