//! Units of work: all or nothing, also when many of them share one COMMIT.

use std::net::IpAddr;

use countersign::model::session::{SESSION_LIFETIME, Session};
use countersign::model::{AccountId, Client, RequestId, SessionId, WalletId};
use countersign::random::Random;
use countersign::store::sign_ins::{self, SignIn, Spend};
use countersign::store::{Db, Tx, audit, sessions, wallets};
use futures_util::future::join_all;

use crate::support::world::{START, World, on_both};

const TAG: [u8; 32] = [7; 32];

async fn count(db: &Db, tag: &[u8; 32]) -> u64 {
    wallets::find_count(db, tag).await.unwrap()
}

/// A new session of nobody in particular; the account need not exist.
fn session() -> Session {
    let random = Random::system();
    let id = || random.uuid(START);
    Session {
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
    }
}

fn client() -> Client {
    Client { address: IpAddr::from([192, 0, 2, 1]), request_id: RequestId::new([1; 12]) }
}

/// Stores a sign-in that spends this.
async fn sign_in(tx: &mut Tx, tag: &[u8; 32], spend: Spend) -> bool {
    let (session, client, event) = (session(), client(), Random::system().uuid(START));
    let sign_in = SignIn { session: &session, wallet_tag: tag, event, detail: None, client: &client };
    sign_ins::insert(tx, spend, sign_in).await.unwrap()
}

/// Stores a sign-in as a unit of work of its own, with this to say of it; gives its session, and whether it was fresh.
async fn sign_in_alone(db: &Db, tag: &[u8; 32], spend: Spend, detail: &str) -> (Session, bool) {
    let (session, client, event) = (session(), client(), Random::system().uuid(START));
    let sign_in = SignIn { session: &session, wallet_tag: tag, event, detail: Some(detail), client: &client };
    let fresh = sign_ins::insert_alone(db, spend, sign_in).await.unwrap();
    (session, fresh)
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

    async fn sign_ins_that_come_together_succeed_and_fail_each_for_itself(world: World) {
        let db = world.core.db();
        let nonce = |number| Spend::Nonce { id: [number; 16], expires_at: START };
        // Each twice, and counts that were never reached.
        let twice = (0..80).flat_map(|at| [(at % 40, Spend::Count(0)), (at % 40, nonce(at % 40))]);
        let all: Vec<_> = twice.chain((0..10).map(|at| (at + 100, Spend::Count(3)))).enumerate().collect();
        let sign_ins = all.iter().map(|(at, (number, spend))| async move {
            let detail = format!("\"{at}\"");
            let (session, fresh) = sign_in_alone(db, &tag(*number), *spend, &detail).await;
            (session, fresh, detail)
        });
        let mut beside = db.write().await.unwrap();
        assert!(raise(&mut beside, &tag(200), 0).await);
        let (stored, committed) = futures_util::future::join(join_all(sign_ins), beside.commit()).await;
        committed.unwrap();
        assert_eq!(stored.iter().filter(|(_, fresh, _)| *fresh).count(), 80);
        let mut reader = db.read().await.unwrap();
        for (session, fresh, detail) in stored {
            let found = sessions::count_open(&mut reader, session.account).await.unwrap();
            let events = audit::list(&mut reader, session.account).await.unwrap();
            let expected = fresh.then(|| ("signed_in".to_owned(), Some(detail)));
            assert_eq!((found, events), (i64::from(fresh), Vec::from_iter(expected)));
        }
        for number in 0..40 {
            assert_eq!(count(db, &tag(number)).await, 1, "{number}");
        }
        assert_eq!(count(db, &tag(100)).await, 0);
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
