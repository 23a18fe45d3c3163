//! Writing to people: into the outbox, with what is told.

use serde::{Deserialize, Serialize};

use super::Core;
use super::notices::Reach;
use crate::clock::Timestamp;
use crate::crypto::seal;
use crate::model::delivery::Way;
use crate::model::device::PushToken;
use crate::model::mail::Letter;
use crate::model::notice::Notice;
use crate::model::{AccountId, Email, Error};
use crate::store::outbox::{self, NewItem};
use crate::store::{Tx, accounts, devices};

/// What is sealed in the outbox.
#[derive(Serialize, Deserialize)]
pub(super) struct Sealed {
    pub(super) to: String,
    pub(super) letter: Letter,
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

    /// Tells the owner of an account what happened to it, if that is wanted: on the devices that are his, and by mail if
    /// there is an address that is known to be the person's. To be called before the address changes.
    pub(super) async fn notify(
        &self,
        tx: &mut Tx,
        account: AccountId,
        letter: &Letter,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.notify_on(tx, account, letter, Reach::Kept, now).await
    }

    /// The same where the account loses its devices by that: they are told this last thing. To be called before they go.
    pub(super) async fn notify_and_lose_devices(
        &self,
        tx: &mut Tx,
        account: AccountId,
        letter: &Letter,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.notify_on(tx, account, letter, Reach::Lost, now).await?;
        devices::delete_all(tx, account).await
    }

    async fn notify_on(
        &self,
        tx: &mut Tx,
        account: AccountId,
        letter: &Letter,
        reach: Reach,
        now: Timestamp,
    ) -> Result<(), Error> {
        let notices = self.config.notices;
        let is_wanted = match letter {
            Letter::NewSignIn { .. } => notices.new_sign_in,
            Letter::PasswordChanged { .. } => notices.password_changed,
            Letter::EmailChanged { .. } => notices.email_changed,
            Letter::WalletLinked { .. } => notices.wallet_linked,
            Letter::IdentityLinked { .. } => notices.identity_linked,
            // Of what protects the account besides its password people are always told, and of their money.
            Letter::SecondFactorOn { .. }
            | Letter::SecondFactorOff { .. }
            | Letter::BackupCodesRenewed { .. }
            | Letter::PaymentFailed { .. }
            | Letter::PaymentNeeded { .. }
            | Letter::SubscriptionEnded { .. }
            | Letter::VerifyEmail { .. }
            | Letter::ResetPassword { .. } => true,
        };
        if !is_wanted {
            return Ok(());
        }
        if let Some(notice) = Notice::of(letter) {
            self.notify_devices(tx, account, &notice, reach, now).await?;
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
        if let Some(account) = account.filter(|_| letter.replaces_earlier()) {
            outbox::withdraw(tx, account, letter.name(), now).await?;
        }
        let expires_at = letter.lifetime().map(|lifetime| now + lifetime);
        let label = Label { way: Way::Mail, account, device: None, kind: letter.name(), expires_at };
        self.put(tx, &label, &Sealed { to: to.to_owned(), letter: letter.clone() }, now).await
    }

    /// Puts something into the outbox, sealed for its own row.
    pub(super) async fn put(
        &self,
        tx: &mut Tx,
        label: &Label<'_>,
        content: &impl Serialize,
        now: Timestamp,
    ) -> Result<(), Error> {
        let id = self.random.uuid(now);
        let plain = serde_json::to_vec(content).map_err(|error| Error::Internal(error.into()))?;
        let keys = self.keychain.current();
        let sealed = seal::seal(keys, &purpose(id), &plain, &self.random)?;
        let Label { way, account, device, kind, expires_at } = *label;
        let secret_version = keys.version();
        let item = NewItem { id, way, account, device, kind, expires_at, sealed: &sealed, secret_version };
        outbox::insert(tx, &item, now).await
    }
}

/// What stands on the outside of something that is put into the outbox.
pub(super) struct Label<'a> {
    pub(super) way: Way,
    pub(super) account: Option<AccountId>,
    pub(super) device: Option<&'a PushToken>,
    pub(super) kind: &'static str,
    pub(super) expires_at: Option<Timestamp>,
}

/// What something is sealed for: its own row, so that no other row's content takes its place.
pub(super) fn purpose(id: uuid::Uuid) -> String {
    format!("outbox {id}")
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::super::{Registration, Vouched};
    use super::*;
    use crate::clock::Clock;
    use crate::config::{Config, Environment};
    use crate::random::Random;
    use crate::secret::SecretBytes;
    use crate::store::Db;

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
        core.deliver_mail(&watch::channel(false).1).await.unwrap();
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
        core.deliver_mail(&watch::channel(false).1).await.unwrap();
        assert!(!directory.path().join("outbox").exists());
    }
}
