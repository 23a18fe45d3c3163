//! Writing to people: into the outbox with what is told, and out of it when nobody waits.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Core;
use crate::clock::Timestamp;
use crate::crypto::seal;
use crate::mail::{ATTEMPT, Carrier, Failure, Mail, Post};
use crate::model::mail::Letter;
use crate::model::{AccountId, Email, Error};
use crate::store::outbox::{self, InHand, NewMail};
use crate::store::{Tx, accounts};

/// How many mails one round sends, over one connection.
const BATCH: usize = 50;

/// How long a mail waits after the first try that failed; each one after that, twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// The longest that a mail waits.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// After how long a mail is given up.
const GIVEN_UP_AFTER: Duration = Duration::from_hours(72);

/// How long the server is left alone after it did not do its work.
const REST: Duration = Duration::from_secs(5);

/// How much longer than the longest try a node has a mail for itself, besides what its clock may be behind others'.
const MARGIN: Duration = Duration::from_secs(30);

/// How often it is tried to note what came of a mail, and how long in between.
const SETTLING: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// What is sealed in the outbox.
#[derive(Serialize, Deserialize)]
struct Sealed {
    to: String,
    letter: Letter,
}

impl Core {
    /// Puts a letter into the outbox, in the unit of work of what it tells. It goes with the account whose address this
    /// is now.
    pub(super) async fn post_letter(
        &self,
        tx: &mut Tx,
        to: &str,
        letter: &Letter,
        now: Timestamp,
    ) -> Result<(), Error> {
        let account = match Email::parse("", to) {
            Ok(email) => outbox::find_addressee(tx, email.key()).await?,
            Err(_) => None,
        };
        self.post(tx, account, to, letter, now).await
    }

    /// Tells the owner of an account what happened to it, if that is wanted and there is an address that is known to be
    /// the person's. To be called before the address changes.
    pub(super) async fn notify(
        &self,
        tx: &mut Tx,
        account: AccountId,
        letter: &Letter,
        now: Timestamp,
    ) -> Result<(), Error> {
        let notices = self.config.notices;
        let is_wanted = match letter {
            Letter::NewSignIn { .. } => notices.new_sign_in,
            Letter::PasswordChanged { .. } => notices.password_changed,
            Letter::EmailChanged { .. } => notices.email_changed,
            Letter::WalletLinked { .. } => notices.wallet_linked,
            // Of what protects the account besides its password people are always told.
            Letter::SecondFactorOn { .. }
            | Letter::SecondFactorOff { .. }
            | Letter::BackupCodesRenewed { .. }
            | Letter::VerifyEmail { .. }
            | Letter::ResetPassword { .. } => true,
        };
        if !is_wanted {
            return Ok(());
        }
        let found = accounts::find(tx, account).await?;
        let verified = found.filter(|(account, _)| account.email_verified).and_then(|(account, _)| account.email);
        match verified {
            Some(to) => self.post(tx, Some(account), &to, letter, now).await,
            None => Ok(()),
        }
    }

    async fn post(
        &self,
        tx: &mut Tx,
        account: Option<AccountId>,
        to: &str,
        letter: &Letter,
        now: Timestamp,
    ) -> Result<(), Error> {
        let id = self.random.uuid(now);
        let plain = Sealed { to: to.to_owned(), letter: letter.clone() };
        let plain = serde_json::to_vec(&plain).map_err(|error| Error::Internal(error.into()))?;
        let keys = self.keychain.current();
        let sealed = seal::seal(keys, &purpose(id), &plain, &self.random)?;
        let mail = NewMail { id, account, sealed: &sealed, secret_version: keys.version() };
        outbox::insert(tx, &mail, now).await
    }

    /// Sends what is due.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn deliver_mail(&self) -> Result<(), Error> {
        let now = self.clock.now();
        if self.mailing.rests(now) || !outbox::is_due(&mut self.db.read().await?, now).await? {
            return Ok(());
        }
        let mut carrier = self.mailing.post.carrier();
        let delivered = self.deliver_batch(&mut carrier).await;
        carrier.end().await;
        delivered
    }

    async fn deliver_batch(&self, carrier: &mut Carrier<'_>) -> Result<(), Error> {
        for _ in 0..BATCH {
            let Some(mail) = self.claim_mail().await? else { break };
            let sent = self.carry(carrier, &mail).await;
            let is_away = matches!(sent, Err(Failure::Away(_)));
            if is_away {
                self.mailing.rest(self.clock.now());
            }
            self.settle_mail(&mail, sent).await?;
            if is_away {
                break;
            }
        }
        Ok(())
    }

    async fn claim_mail(&self) -> Result<Option<InHand>, Error> {
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        let claimed = outbox::claim(&mut tx, now + ATTEMPT + MARGIN + self.config.wallet.clock_skew, now).await?;
        tx.commit().await?;
        Ok(claimed)
    }

    async fn carry(&self, carrier: &mut Carrier<'_>, mail: &InHand) -> Result<(), Failure> {
        // Another start may know the root secret that this one lacks.
        let sealed = self.open_mail(mail).map_err(|error| Failure::Later(error.to_string()))?;
        let Sealed { to, letter } = sealed;
        let mail = Mail { id: mail.id, to: &to, letter: &letter, written_at: mail.created_at() };
        let late = |_| Failure::Away("it takes too long".to_owned());
        tokio::time::timeout(ATTEMPT, carrier.carry(mail)).await.unwrap_or_else(|elapsed| Err(late(elapsed)))
    }

    fn open_mail(&self, mail: &InHand) -> Result<Sealed, Unopened> {
        let plain = seal::open(&self.keychain, mail.secret_version, &purpose(mail.id), &mail.sealed);
        let plain = plain.map_err(|_| Unopened::Seal)?;
        serde_json::from_slice(&plain).map_err(|_| Unopened::Content)
    }

    /// Notes what came of it. The mail is out of our hands, so this is tried again where anything else would give up.
    async fn settle_mail(&self, mail: &InHand, sent: Result<(), Failure>) -> Result<(), Error> {
        let now = self.clock.now();
        let fate = Fate::of(mail, sent, now);
        self.metrics.count_mail(fate.name());
        match &fate {
            Fate::Sent => {}
            Fate::Again { due_at, why } => {
                tracing::warn!(mail = %mail.id, attempt = mail.attempts, again_at = due_at.rfc3339(), why, "a mail was not sent");
            }
            Fate::GivenUp { why } => {
                tracing::error!(mail = %mail.id, attempt = mail.attempts, why, "a mail is given up: it will not be sent");
            }
        }
        let mut tries = 1;
        loop {
            match self.store_fate(mail, &fate).await {
                Err(error) if tries == SETTLING => return Err(error),
                Err(_) => tokio::time::sleep(PAUSE).await,
                Ok(()) => return Ok(()),
            }
            tries += 1;
        }
    }

    async fn store_fate(&self, mail: &InHand, fate: &Fate) -> Result<(), Error> {
        let mut tx = self.db.write().await?;
        match fate {
            Fate::Sent | Fate::GivenUp { .. } => outbox::delete(&mut tx, mail.id).await?,
            Fate::Again { due_at, .. } => outbox::release(&mut tx, mail, *due_at).await?,
        }
        tx.commit().await
    }
}

/// What sends letters, and when it may be asked again.
pub(super) struct Mailing {
    post: Post,
    rests_until: AtomicI64,
}

impl Mailing {
    pub(super) fn new(post: Post) -> Self {
        Self { post, rests_until: AtomicI64::new(i64::MIN) }
    }

    /// Whether the server did not do its work a moment ago. Many mails that wait must not ask it without a pause.
    fn rests(&self, now: Timestamp) -> bool {
        let until = Timestamp::from_micros(self.rests_until.load(Ordering::Relaxed));
        // A clock that was set back must not make it longer.
        now < until && until < now + REST * 2
    }

    fn rest(&self, now: Timestamp) {
        self.rests_until.store((now + REST).micros(), Ordering::Relaxed);
    }
}

/// Why a row of the outbox can't be read.
#[derive(Clone, Copy, Debug)]
enum Unopened {
    Seal,
    Content,
}

impl std::fmt::Display for Unopened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Seal => "it is sealed under a root secret that is not configured, or damaged: see previous_secrets",
            Self::Content => "it was written by another version",
        })
    }
}

/// What becomes of a mail after it was tried.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Sent,
    Again { due_at: Timestamp, why: String },
    GivenUp { why: String },
}

impl Fate {
    fn of(mail: &InHand, sent: Result<(), Failure>, now: Timestamp) -> Self {
        match sent {
            Ok(()) => Self::Sent,
            Err(Failure::Hopeless(why)) => Self::GivenUp { why },
            Err(Failure::Later(why) | Failure::Away(why)) if now >= mail.created_at() + GIVEN_UP_AFTER => {
                Self::GivenUp { why }
            }
            Err(Failure::Later(why) | Failure::Away(why)) => Self::Again { due_at: now + pause(mail.attempts), why },
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Again { .. } => "retried",
            Self::GivenUp { .. } => "failed",
        }
    }
}

/// How long a mail waits after so many tries.
fn pause(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1).max(0)).unwrap_or(u32::MAX).min(16);
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
}

/// What a mail is sealed for: its own row, so that no other row's content takes its place.
fn purpose(id: uuid::Uuid) -> String {
    format!("outbox {id}")
}

#[cfg(test)]
mod tests {
    use super::super::{Registration, Vouched};
    use super::*;
    use crate::clock::Clock;
    use crate::config::{Config, Environment};
    use crate::random::Random;
    use crate::secret::SecretBytes;
    use crate::store::Db;

    #[test]
    fn a_mail_waits_twice_as_long_each_time_and_never_longer_than_an_hour() {
        let waits: Vec<u64> = (1..=10).map(|attempts| pause(attempts).as_secs()).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600]);
        assert_eq!([pause(0), pause(i64::MAX)], [FIRST_PAUSE, LONGEST_PAUSE]);
    }

    /// A core over a database of its own, without a mail server.
    async fn core(directory: &std::path::Path) -> std::sync::Arc<Core> {
        let data_dir = ("COUNTERSIGN_DATA_DIR".to_owned(), directory.display().to_string());
        let config = Config::load(&[], &Environment(vec![data_dir])).unwrap();
        let db = Db::open(&config.database).await.unwrap();
        let clock = Clock::manual(Timestamp::from_seconds(1_767_225_600));
        Box::pin(Core::open(config, clock, Random::seeded(1), db, &SecretBytes::new([1; 32]))).await.unwrap()
    }

    #[tokio::test]
    async fn a_letter_reaches_the_address_in_any_spelling_and_belongs_to_the_account_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let core = core(directory.path()).await;
        let email = Email::parse("", "Trader1@example.com").unwrap();
        let registration = Registration { email: Some(email), ..Registration::default() };
        let vouched = Vouched { email: true, ..Vouched::default() };
        let person = core.create_person(registration, vouched).await.unwrap();
        let link = "https://auth.example/account/confirm-email#token".to_owned();
        let letter = Letter::VerifyEmail { code: "271828".to_owned(), link: link.clone() };
        let mut tx = core.db.write().await.unwrap();
        core.post_letter(&mut tx, "Trader1@example.com", &letter, core.clock.now()).await.unwrap();
        assert_eq!(outbox::find_addressee(&mut tx, "trader1@example.com").await.unwrap(), Some(person.id()));
        tx.commit().await.unwrap();
        core.deliver_mail().await.unwrap();
        let files: Vec<_> = std::fs::read_dir(directory.path().join("outbox")).unwrap().collect();
        let [Ok(file)] = files.as_slice() else { panic!("one file: {files:?}") };
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert!(
            text.contains("To: Trader1@example.com\r\n") && text.contains("271828") && text.contains(&link),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_letter_that_is_taken_back_with_its_unit_of_work_is_never_sent() {
        let directory = tempfile::tempdir().unwrap();
        let core = core(directory.path()).await;
        let mut tx = core.db.write().await.unwrap();
        let letter = Letter::ResetPassword { link: "https://auth.example/#token".to_owned() };
        core.post_letter(&mut tx, "nobody@example.com", &letter, core.clock.now()).await.unwrap();
        drop(tx);
        core.deliver_mail().await.unwrap();
        assert!(!directory.path().join("outbox").exists());
    }
}
