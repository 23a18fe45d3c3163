//! Units of work: all or nothing, also when many of them share one COMMIT.

use countersign::clock::Timestamp;
use countersign::store::{Db, wallets};
use futures_util::future::join_all;

use crate::support::world::{World, on_both};

const TAG: [u8; 32] = [7; 32];

async fn count(db: &Db, tag: &[u8; 32]) -> u64 {
    wallets::find_count(&mut db.read().await.unwrap(), tag).await.unwrap()
}

/// The tag of this number.
fn tag(number: u8) -> [u8; 32] {
    [number; 32]
}

on_both! {
    async fn a_unit_that_is_dropped_leaves_nothing(world: World) {
        let db = world.core.db();
        let mut tx = db.write().await.unwrap();
        assert!(wallets::consume_count(&mut tx, &TAG, 0).await.unwrap());
        drop(tx);
        assert_eq!(count(db, &TAG).await, 0);
        let mut tx = db.write().await.unwrap();
        assert!(wallets::consume_count(&mut tx, &TAG, 0).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(count(db, &TAG).await, 1);
    }

    async fn a_compare_and_swap_has_one_winner(world: World) {
        let db = world.core.db();
        let attempts = (0..100).map(|_| async {
            let mut tx = db.write().await.unwrap();
            let won = wallets::consume_count(&mut tx, &TAG, 0).await.unwrap();
            tx.commit().await.unwrap();
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
            assert_eq!(wallets::consume_count(&mut tx, &TAG, expected).await.unwrap(), wins, "from {expected}");
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
            assert!(wallets::consume_count(&mut tx, &tag(number), 0).await.unwrap());
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
                wallets::consume_count(&mut tx, &TAG, 0).await.unwrap();
                std::future::pending::<()>().await;
            };
            let mut abandoned = Box::pin(abandoned);
            let patience = std::time::Duration::from_millis(20);
            assert!(tokio::time::timeout(patience, &mut abandoned).await.is_err());
        }
        assert_eq!(count(db, &TAG).await, 0);
        let mut tx = db.write().await.unwrap();
        let free = countersign::store::nonces::consume(&mut tx, &[1; 16], Timestamp::from_seconds(1)).await.unwrap();
        tx.commit().await.unwrap();
        assert!(free);
    }
}
