//! The assembled gateway: from a configuration to a core, and from a core to a running server.

mod data_dir;
mod failure;
mod listen;
mod operate;
mod users;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Interval, MissedTickBehavior};

pub use data_dir::Secret;
pub use failure::StartFailure;
pub use operate::{list_keys, migrate, rotate_keys};
pub use users::{Change, NewUser, Page, Role, UserFailure, Users, Wanted, with_password};

use crate::billing;
use crate::chain::Chains;
pub use crate::chain::Finding;
use crate::clock::Clock;
use crate::config::{Config, Database};
use crate::http;
use crate::identity::{Core, RELOADED_WITHIN};
use crate::mail;
use crate::model::delivery::Way;
use crate::openid;
use crate::push;
use crate::random::Random;
use crate::store::Db;
use crate::tasks;

/// How often what expired is deleted.
const SWEPT_EVERY: Duration = Duration::from_secs(5);

/// How long after the start that begins: it reads and writes much at once, and those who waited for the start come first.
const SWEPT_FROM: Duration = Duration::from_secs(10);

/// How often the outbox is looked into, for each way: a mail that is a file has to be there within a second.
const DELIVERED_EVERY: Duration = Duration::from_millis(500);

/// How often it is looked for what has to be cleared up at Stripe.
const MENDED_EVERY: Duration = Duration::from_secs(20);

/// How long a stop waits for the mail that the server may have, and for notices in the same way, so that they are not sent
/// again by the next start: as long as the server may take, which is longer than FCM may, and to note what it said.
const LAST_DELIVERY: Duration = mail::HANDOVER.saturating_add(Duration::from_secs(10));

/// A gateway that is ready to serve.
pub struct App {
    /// The account core.
    pub core: Arc<Core>,
    /// Where the root secret came from.
    pub secret: Secret,
}

impl App {
    /// Opens the database and the keys.
    ///
    /// # Errors
    /// [`StartFailure`] says in one line what stands in the way and what to do.
    pub async fn open(config: Config, clock: Clock, random: Random) -> Result<Self, StartFailure> {
        if let Database::Sqlite(file) = &config.database {
            data_dir::prepare(&config.data_dir)?;
            data_dir::prepare(file.parent().unwrap_or(&config.data_dir))?;
            data_dir::prepare_database(file)?;
        }
        data_dir::require_secret(&config)?;
        let db = Db::open(&config.database).await.map_err(|error| StartFailure::database(&config, &error))?;
        let secret = data_dir::secret(&config, &db, &random).await?;
        // Boxed: they are big, and all that awaits a start would have room for them as well.
        let core = Box::pin(Core::open(config, clock, random, db, secret.bytes())).await.map_err(StartFailure::from)?;
        Box::pin(core.make_first_admin()).await.map_err(StartFailure::first_admin)?;
        Ok(Self { core, secret })
    }

    /// Binds both listeners.
    ///
    /// # Errors
    /// [`StartFailure`] names the address that is taken or not ours.
    pub async fn bind(&self) -> Result<Listeners, StartFailure> {
        let config = self.core.config();
        Ok(Listeners {
            public: listen::bind("listen", config.listen).await?,
            internal: listen::bind("internal_listen", config.internal_listen).await?,
        })
    }

    /// Serves until `stop` turns true, finishes what is in flight, and closes the database.
    pub async fn serve(self, listeners: Listeners, stop: watch::Receiver<bool>) {
        let work = [
            kept("keys", &self.core, keep_keys),
            kept("sweeping", &self.core, keep_tidy),
            kept("billing", &self.core, keep_billing),
        ];
        let deliveries = [Way::Mail, Way::Push].map(|way| {
            let until = stop.clone();
            kept(way.word(), &self.core, move |core| keep_delivering(core, way, until.clone()))
        });
        let public = http::serve::serve(listeners.public, http::router(&self.core), stop.clone());
        let internal = http::serve::serve(listeners.internal, http::internal_router(&self.core), stop);
        tokio::join!(public, internal);
        for task in work {
            task.abort();
        }
        let ends = deliveries.each_ref().map(JoinHandle::abort_handle);
        if tokio::time::timeout(LAST_DELIVERY, join_all(deliveries)).await.is_err() {
            tracing::warn!("a mail or a notice is not done in time and is cut off: it may be sent again");
            ends.iter().for_each(AbortHandle::abort);
        }
        self.core.db().close().await;
    }
}

/// Looks at everything that a gateway needs from others. Nothing is made or changed.
pub async fn examine(config: &Config, clock: &Clock) -> Vec<Finding> {
    let database = Finding { subject: "database".to_owned(), outcome: examine_database(config).await };
    let (subject, outcome) = mail::examine(config).await;
    let mail = Finding { subject, outcome };
    let provider = openid::examine(&config.google, clock.clone()).await;
    let push = push::examine(config, clock).await;
    let of_billing = billing::examine(config).await;
    let others =
        provider.into_iter().chain(push).chain(of_billing).map(|(subject, outcome)| Finding { subject, outcome });
    let of_chains = Chains::new(config, clock.clone()).examine().await;
    [database, mail].into_iter().chain(others).chain(of_chains).collect()
}

async fn examine_database(config: &Config) -> Result<String, String> {
    let db = Db::open_existing(&config.database).await;
    let db = db.map_err(|error| StartFailure::database(config, &error).to_string())?;
    let answer = db.ping().await;
    db.close().await;
    answer.map(|()| "it answers, and its tables are up to date".to_owned()).map_err(|error| error.detail())
}

/// The two sockets of a gateway.
pub struct Listeners {
    /// For the doors.
    pub public: TcpListener,
    /// For `/metrics`.
    pub internal: TcpListener,
}

/// Starts work over the core that goes on whatever happens to it.
fn kept<F>(name: &'static str, core: &Arc<Core>, work: impl Fn(Arc<Core>) -> F + Send + 'static) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let core = Arc::clone(core);
    tasks::keep(name, move || work(Arc::clone(&core)))
}

/// Takes over the keys that other nodes made. Apart from sweeping, which may take its time.
async fn keep_keys(core: Arc<Core>) {
    let mut ticks = ticks(RELOADED_WITHIN);
    loop {
        ticks.tick().await;
        // Tried again at the next tick. Meanwhile a new key is not seen yet, which is why it is published long before it
        // signs.
        if let Err(error) = core.reload_keys().await {
            tracing::warn!(?error, "the signing keys can't be reloaded");
        }
    }
}

/// Deletes what expired.
async fn keep_tidy(core: Arc<Core>) {
    let mut ticks = ticks(SWEPT_EVERY);
    ticks.reset_after(SWEPT_FROM);
    loop {
        ticks.tick().await;
        // Tried again at the next tick. Meanwhile some tables are larger than they need to be.
        if let Err(error) = core.sweep().await {
            tracing::warn!(?error, "what expired can't be deleted");
        }
    }
}

/// Clears up what a gateway that was killed left at Stripe, and finds what no event told of.
async fn keep_billing(core: Arc<Core>) {
    let mut ticks = ticks(MENDED_EVERY);
    loop {
        ticks.tick().await;
        // Tried again at the next tick.
        if let Err(error) = core.mend_billing().await {
            tracing::warn!(?error, "what is under way at Stripe can't be looked into");
        }
    }
}

/// Sends what goes this way, until it is to stop and no server may have something of which it has not said so.
async fn keep_delivering(core: Arc<Core>, way: Way, mut stop: watch::Receiver<bool>) {
    let mut ticks = ticks(DELIVERED_EVERY);
    while !*stop.borrow() {
        tokio::select! {
            _ = ticks.tick() => {}
            changed = stop.changed() => {
                if changed.is_err() {
                    return;
                }
                continue;
            }
        }
        // Tried again at the next tick. Nothing is lost meanwhile: what is not noted as sent is in the outbox.
        let delivered = match way {
            Way::Mail => core.deliver_mail(&stop).await,
            Way::Push => core.deliver_push(&stop).await,
        };
        if let Err(error) = delivered {
            tracing::warn!(?error, way = way.word(), "the outbox can't be looked into");
            ticks.reset_after(SWEPT_EVERY);
        }
    }
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
