//! Getting back in without the password: by a link that is mailed. It proves the mailbox, signs nobody in, and leaves the
//! second factor alone.

use std::time::Duration;

use super::Core;
use super::limits::Policy;
use super::verification::find_addressee;
use crate::clock::Timestamp;
use crate::crypto::mailed::{self as crypto, Purpose};
use crate::model::audit::{Event, Subject};
use crate::model::error::{Malformed, Unauthenticated};
use crate::model::mail::Letter;
use crate::model::recovery::{MailedToken, RESET_LIFETIME, RESETS};
use crate::model::{AccountId, Client, Email, Error, Password};
use crate::store::people::{self, Known};
use crate::store::{
    Tx, accounts, email_proofs, failures, identities, mailed, outbox, password_resets, passwords, wallets,
};

/// How long an answer takes at least that must not tell whether there is an account: longer than what is done for one.
const USUAL: Duration = Duration::from_millis(120);

/// Answers with what `work` gives, and not before the usual time is over.
pub(super) async fn in_no_less_than_usual<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    in_no_less_than(USUAL, work).await
}

/// Answers with what `work` gives, and not before this time is over.
pub(super) async fn in_no_less_than<T>(
    usual: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let (answer, ()) = tokio::join!(work, tokio::time::sleep(usual));
    answer
}

const USELESS: Error = Error::Malformed(Malformed::MailedToken);

impl Core {
    /// Mails a link to a new password, if there is an account with this address. Nobody is told whether there is: the
    /// answer is the same, and takes the same time.
    ///
    /// # Errors
    /// [`Error::TooMany`] for the network, [`Error::Unavailable`].
    pub async fn request_reset(&self, email: &Email, client: &Client) -> Result<(), Error> {
        let now = self.clock.now();
        self.limit(Policy::Recoveries, client, now)?;
        in_no_less_than_usual(self.try_request_reset(email, client, now)).await
    }

    async fn try_request_reset(&self, email: &Email, client: &Client, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.db.write().await?;
        let tag = self.tag_of_address(email.key());
        // Of those who ask all at once, one is enough, and nobody waits for the others: how long would tell of an account.
        let claimed = mailed::try_claim(&mut tx, &tag).await?;
        let account = if claimed { find_addressee(&mut tx, email).await? } else { None };
        let subject = Subject { account: account.as_ref().map(|account| account.id), ..Subject::default() };
        self.record(&mut tx, Event::PasswordResetRequested, subject, Some(client), now).await?;
        // Nobody's is counted as well, so that it takes as long.
        let whose = account.as_ref().map_or(&tag, |account| account.id.0.as_bytes());
        let has_room = claimed && mailed::count(&mut tx, &RESETS, whose, now).await?;
        if let Some(account) = account.filter(|account| has_room && !account.disabled)
            && let Some(address) = &account.email
        {
            self.mail_reset(&mut tx, account.id, address, email.key(), now).await?;
        }
        tx.commit().await
    }

    async fn mail_reset(
        &self,
        tx: &mut Tx,
        account: AccountId,
        address: &str,
        email_key: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let token = MailedToken(self.random.bytes());
        let hash = crypto::hash(Purpose::ResetPassword, &token);
        password_resets::insert(tx, &hash, account, email_key, now, now + RESET_LIFETIME).await?;
        let token = crypto::print(Purpose::ResetPassword, &token);
        let link = format!("{}#token={token}", self.config.links.reset_password);
        self.post_letter(tx, address, &Letter::ResetPassword { link }, now).await
    }

    /// Sets a new password by the token of a mail, which ends all sessions and the API key. Where the mailbox was never
    /// proven before, every other way in goes as well: whoever registered the account first may have planted it.
    ///
    /// # Errors
    /// [`Malformed::MailedToken`] if it is not good; [`Error::Invalid`] for a password that is the account's own name;
    /// [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn recover(&self, token: &str, password: Password, client: &Client) -> Result<(), Error> {
        self.limit(Policy::Recoveries, client, self.clock.now())?;
        let recovered = match crypto::hash_of_text(Purpose::ResetPassword, token) {
            Some(hash) => self.recover_by_hash(&hash, password, client).await,
            None => Err(USELESS),
        };
        match recovered {
            Err(Error::Malformed(Malformed::MailedToken)) => Err(self.refuse_mailed_token(client).await),
            other => other,
        }
    }

    async fn recover_by_hash(&self, hash: &[u8; 32], password: Password, client: &Client) -> Result<(), Error> {
        // Nothing is hashed for a token that is not good.
        let owner = self.judge_new_password(hash, &password).await?;
        let new = self.hashers.hash(password, self.random.bytes()).await?;
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        // The account first, as everybody who changes what it is entered by.
        accounts::lock(&mut tx, owner).await?;
        let used = password_resets::consume(&mut tx, hash, now).await?;
        let Some((id, email_key)) = used else { return Err(USELESS) };
        let Some(Known { account, .. }) = people::find(&mut tx, id).await? else { return Err(USELESS) };
        // Of another address by now: whoever reads the mailbox of before has nothing to do with it.
        if !email_proofs::verify_address(&mut tx, id, &email_key, now).await? {
            return Err(USELESS);
        }
        if !account.email_verified {
            wallets::delete_all(&mut tx, id).await?;
            identities::delete_all(&mut tx, id).await?;
            accounts::update_primary_wallet(&mut tx, id, None).await?;
        }
        passwords::upsert(&mut tx, id, &new, now).await?;
        accounts::end_everything(&mut tx, id).await?;
        // What is sent to whoever was in there would go on being shown to him. This last thing its owner has to be told, if
        // it was not him: there is nothing in it that is his alone.
        self.notify_and_lose_devices(&mut tx, id, &Letter::PasswordChanged { at: now.rfc3339() }, now).await?;
        password_resets::expire(&mut tx, id, now).await?;
        email_proofs::delete(&mut tx, id).await?;
        // It asks for what is proven by now.
        outbox::withdraw(&mut tx, id, Letter::VERIFY_EMAIL, now).await?;
        failures::delete_of(&mut tx, id).await?;
        // Whoever was in there before is a stranger now.
        failures::forget_networks_of(&mut tx, id).await?;
        let proven = if account.email_verified { "proven_before" } else { "proven_now" };
        let subject = Subject { account: Some(id), ..Subject::default() };
        self.record(&mut tx, Event::PasswordRecovered(proven), subject, Some(client), now).await?;
        tx.commit().await
    }

    /// Whose token this is, if it is good and the password may be his.
    async fn judge_new_password(&self, token_hash: &[u8; 32], password: &Password) -> Result<AccountId, Error> {
        let mut reader = self.db.read().await?;
        let owner = password_resets::find_good(&mut reader, token_hash, self.clock.now()).await?.ok_or(USELESS)?;
        let Known { account, .. } = people::find(&mut reader, owner).await?.ok_or(USELESS)?;
        let names = [account.username.as_deref(), account.email.as_deref()];
        let judged = password.differ_from("new_password", names.into_iter().flatten());
        judged.map(|()| owner).map_err(|violation| Error::Invalid(vec![violation]))
    }

    /// Ends the session that a refresh token is of, whatever its generation: whoever has it may end it.
    ///
    /// # Errors
    /// [`Unauthenticated::InvalidRefreshToken`] if it is none of ours; [`Error::Unavailable`] if the database did not
    /// confirm it.
    pub async fn sign_out_by_refresh_token(&self, token: &str, client: &Client) -> Result<(), Error> {
        use crate::crypto::derived::{self, Kind};
        use crate::model::SessionId;
        use crate::store::sessions;
        let verified = derived::verify(Kind::Refresh, &self.keychain, token)
            .map_err(|_| Error::NotAuthenticated(Unauthenticated::InvalidRefreshToken))?;
        let (session, now) = (SessionId(verified.id), self.clock.now());
        let mut tx = self.db.write().await?;
        let owner = sessions::find(&mut tx, session).await?.map(|owned| owned.account.id);
        if sessions::end(&mut tx, session, now).await? {
            let subject = Subject { account: owner, session: Some(session), wallet: None };
            self.record(&mut tx, Event::SignedOut, subject, Some(client), now).await?;
        }
        tx.commit().await
    }
}
