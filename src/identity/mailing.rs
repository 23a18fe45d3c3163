//! Writing to people: into the outbox with what is told, and out of it when nobody waits.

use serde::{Deserialize, Serialize};

use super::Core;
use crate::clock::Timestamp;
use crate::crypto::seal;
use crate::model::mail::Letter;
use crate::model::{AccountId, Email, Error};
use crate::store::outbox::{self, NewMail};
use crate::store::{Tx, accounts};

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
            Letter::VerifyEmail { .. } | Letter::ResetPassword { .. } => true,
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
    #[expect(clippy::unused_async, reason = "it will ask the database")]
    pub async fn deliver_mail(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// What a mail is sealed for: its own row, so that no other row's content takes its place.
fn purpose(id: uuid::Uuid) -> String {
    format!("outbox {id}")
}
