//! A database as it is after months of use. It is filled through the store's own functions, so that its rows are those
//! of the gateway.

use std::cell::Cell;
use std::net::IpAddr;
use std::time::Duration;

use countersign::clock::{Clock, Stopwatch, Timestamp};
use countersign::config::Database;
use countersign::model::audit::{Event, Subject};
use countersign::model::error::Error;
use countersign::model::session::{SESSION_LIFETIME, Session};
use countersign::model::{AccountId, Address, Client, RequestId, SessionId, WalletId};
use countersign::random::Random;
use countersign::store::sign_ins::{self, SignIn, Spend};
use countersign::store::{Db, Tx, accounts, audit, wallets};
use futures_util::future::try_join_all;

use crate::Fault;

/// Over which time the accounts were made. Their sessions live longer: while it is measured, nothing is swept away.
const AGE: Duration = Duration::from_hours(80 * 24);

/// How many accounts are made in one unit of work.
const UNIT: usize = 1000;

/// How many units of work are under way at once.
const WRITERS: usize = 4;

/// What is to be made, and how much of it is begun.
struct Filling<'a> {
    db: Db,
    random: Random,
    from: Timestamp,
    client: Client,
    accounts: usize,
    begun: Cell<usize>,
    residents: &'a [Address],
}

/// Makes accounts of strangers who signed in once. Among them, evenly spread, are the residents; these have a wallet
/// that never signed in, since how a wallet's count is filed is the gateway's secret.
pub async fn fill(database: &Database, accounts: usize, residents: &[Address]) -> Result<(), Fault> {
    eprintln!("filling a database with {accounts} accounts");
    let watch = Stopwatch::start();
    let db = Db::open(database).await.map_err(|error| Fault(format!("the database does not open: {error:?}")))?;
    let random = Random::system();
    let client = Client { address: IpAddr::from([192, 0, 2, 1]), request_id: RequestId::new(random.bytes()) };
    let from = Clock::System.now() - AGE;
    let filling = Filling { db, random, from, client, accounts, begun: Cell::new(0), residents };
    let writing = try_join_all((0..WRITERS).map(|_| filling.write())).await;
    writing.map_err(|error| Fault(format!("the database can't be filled: {error:?}")))?;
    filling.db.close().await;
    eprintln!("that took {} s", watch.elapsed().as_secs());
    Ok(())
}

impl Filling<'_> {
    async fn write(&self) -> Result<(), Error> {
        loop {
            let begun = self.begun.get();
            let end = self.accounts.min(begun + UNIT);
            self.begun.set(end);
            if begun == end {
                return Ok(());
            }
            let mut tx = self.db.write().await?;
            for number in begun..end {
                self.make(&mut tx, number).await?;
            }
            tx.commit().await?;
        }
    }

    /// What a first sign-in leaves behind.
    async fn make(&self, tx: &mut Tx, number: usize) -> Result<(), Error> {
        let at = self.from + AGE.mul_f64(fraction(number, self.accounts));
        let id = || self.random.uuid(at);
        let (account, wallet, tag) = (AccountId(id()), WalletId(id()), self.random.bytes::<32>());
        wallets::insert(tx, wallet, account, self.address(number), at).await?;
        accounts::insert(tx, account, wallet, at).await?;
        let subject = Subject { account: Some(account), wallet: Some(&tag), ..Subject::default() };
        audit::insert(tx, id(), Event::AccountCreated, subject, Some(&self.client), at).await?;
        let session = Session {
            id: SessionId(id()),
            account,
            wallet: Some(wallet),
            amr: countersign::model::session::Amr::Wallet,
            epoch: 0,
            refresh_counter: 0,
            created_at: at,
            refreshed_at: at,
            expires_at: at + SESSION_LIFETIME,
            ended_at: None,
        };
        let sign_in = SignIn { session: &session, wallet_tag: &tag, event: id(), detail: None, client: &self.client };
        sign_ins::insert(tx, Spend::Count(0), sign_in).await?;
        Ok(())
    }

    /// A resident's address if one lives at this number, else a stranger's.
    fn address(&self, number: usize) -> Address {
        let step = self.accounts / self.residents.len().max(1);
        let resident = number.is_multiple_of(step.max(1)).then(|| self.residents.get(number / step.max(1))).flatten();
        resident.copied().unwrap_or_else(|| Address::new(self.random.bytes()))
    }
}

fn fraction(part: usize, whole: usize) -> f64 {
    let float = |count| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    float(part) / float(whole)
}
