//! Proving an e-mail address: by the code of a mail, which signs in, or by its link, which does not.

use std::time::Duration;

use aws_lc_rs::constant_time;

use super::gate::{self, Way};
use super::guard::{CODE, Guarded, Guess, Whose};
use super::limits::Policy;
use super::second_factor::{Second, Shown};
use super::{Core, Tokens, recovery};
use crate::clock::Timestamp;
use crate::crypto::mailed::{self as crypto, Purpose};
use crate::model::account::Account;
use crate::model::audit::{Event, Subject};
use crate::model::error::{Limited, Unauthenticated};
use crate::model::mail::Letter;
use crate::model::recovery::{EmailProof, LINK_LIFETIME, MailedToken, PROOFS_BY, PROOFS_TOWARDS, RESENT_AFTER};
use crate::model::session::{Amr, SESSION_LIFETIME};
use crate::model::{AccountId, Client, Email, Error, SignInName};
use crate::store::people;
use crate::store::{Tx, accounts, email_proofs, mailed};

/// A code as it comes in.
#[derive(Clone, Copy)]
pub struct CodeAttempt<'a> {
    /// The address that it was mailed to.
    pub email: &'a Email,
    /// The six digits.
    pub code: &'a str,
    /// The code of the second factor.
    pub otp: Option<&'a str>,
}

/// Has no row anywhere.
pub(super) const NOBODY: AccountId = AccountId(uuid::Uuid::nil());

/// Why is told to nobody: the code, the address, or that there is nothing to prove.
const WRONG: Error = Error::NotAuthenticated(Unauthenticated::InvalidCode);

impl Core {
    /// Begins the proof of an address, in the place of one that is under way, and mails code and link.
    ///
    /// # Errors
    /// [`Error::TooMany`] if this address, or this account, was mailed as many as there may be: each code may be guessed at.
    pub(super) async fn begin_email_proof(
        &self,
        tx: &mut Tx,
        account: AccountId,
        email: &str,
        email_key: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.count_proof(tx, account, email_key, now).await?;
        let (serial, token) = (self.random.bytes(), MailedToken(self.random.bytes()));
        let hash = crypto::hash(Purpose::ConfirmEmail, &token);
        email_proofs::upsert(tx, account, email_key, &serial, &hash, now).await?;
        let code = crypto::code(self.keychain.current(), account.0, email_key, &serial);
        let link =
            format!("{}#token={}", self.config.links.confirm_email, crypto::print(Purpose::ConfirmEmail, &token));
        self.post_letter(tx, email, &Letter::VerifyEmail { code, link }, now).await
    }

    /// Mails a new code, if there is an account with this address that is not verified. Nobody is told whether there is:
    /// the answer is the same, and takes the same time.
    ///
    /// # Errors
    /// [`Error::TooMany`] for the network, [`Error::Unavailable`].
    pub async fn resend_code(&self, email: &Email, client: &Client) -> Result<(), Error> {
        let now = self.clock.now();
        self.limit(Policy::Recoveries, client, now)?;
        recovery::in_no_less_than_usual(self.try_resend(email, now)).await
    }

    async fn try_resend(&self, email: &Email, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.db.write().await?;
        if !mailed::try_claim(&mut tx, &self.tag_of_address(email.key())).await? {
            return tx.commit().await;
        }
        let account = find_addressee(&mut tx, email).await?;
        let id = account.as_ref().map_or(NOBODY, |account| account.id);
        let under_way = email_proofs::find(&mut tx, id).await?;
        let too_soon = under_way.is_some_and(|proof| now < proof.issued_at + RESENT_AFTER);
        if let Some(account) = account.filter(|account| !account.email_verified && !account.disabled && !too_soon)
            && let Some(address) = &account.email
        {
            match self.begin_email_proof(&mut tx, id, address, email.key(), now).await {
                // Who asks is not told.
                Ok(()) | Err(Error::TooMany(_)) => {}
                Err(error) => return Err(error),
            }
        }
        tx.commit().await
    }

    /// What stands for an address, be it anybody's or not.
    pub(super) fn tag_of_address(&self, email_key: &str) -> [u8; 16] {
        self.tag_of(&SignInName::Email(email_key.to_owned()))
    }

    async fn count_proof(&self, tx: &mut Tx, id: AccountId, email_key: &str, now: Timestamp) -> Result<(), Error> {
        let towards = self.tag_of_address(email_key);
        for (quota, whose) in [(&PROOFS_TOWARDS, &towards), (&PROOFS_BY, id.0.as_bytes())] {
            if mailed::count(tx, quota, whose, now).await? {
                continue;
            }
            let asked = mailed::find(tx, quota, whose).await?;
            let retry_after = asked.map_or(Duration::ZERO, |asked| quota.room_from(asked).since(now));
            self.metrics.count_limited("mails");
            return Err(Error::TooMany(Limited { policy: "mails", burst: quota.most, retry_after }));
        }
        Ok(())
    }

    /// Proves an address by the code that was mailed to it, and signs in.
    ///
    /// # Errors
    /// [`Unauthenticated::InvalidCode`], also for an address that is nobody's or is verified already;
    /// [`Unauthenticated::MfaRequired`], [`Error::Forbidden`], [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn verify_email(&self, attempt: CodeAttempt<'_>, client: &Client) -> Result<Tokens, Error> {
        let outcome = match self.judge_code(attempt, client).await {
            Ok(right) => {
                let entered = self.enter_by_code(&right, attempt.otp, client).await;
                if let Err(error @ (Error::NotAuthenticated(Unauthenticated::MfaRequired) | Error::Forbidden(_))) =
                    &entered
                {
                    let subject = Subject { account: Some(right.account), ..Subject::default() };
                    self.record_refusal(Event::SignInRefused(error.code()), subject, client).await;
                }
                entered
            }
            Err(refusal) => Err(refusal),
        };
        self.metrics.count_sign_in(outcome.as_ref().map_or_else(Error::code, |_| "ok"));
        outcome
    }

    /// Proves an address by the code that was mailed to it. Signs nobody in, so no second factor is asked for.
    ///
    /// # Errors
    /// As [`Core::verify_email`] but for the second factor.
    pub async fn confirm_email_by_code(&self, attempt: CodeAttempt<'_>, client: &Client) -> Result<(), Error> {
        let right = self.judge_code(attempt, client).await?;
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        accounts::lock(&mut tx, right.account).await?;
        let account = right.consume(&mut tx, now).await?;
        gate::admit(&account, Way::Credential, &self.config)?;
        let subject = Subject { account: Some(account.id), ..Subject::default() };
        self.record(&mut tx, Event::EmailVerified, subject, Some(client), now).await?;
        tx.commit().await
    }

    /// Finds out whether it is the code that was mailed to this address; a wrong one is counted.
    async fn judge_code(&self, attempt: CodeAttempt<'_>, client: &Client) -> Result<RightCode, Error> {
        let now = self.clock.now();
        self.limit(Policy::Passwords, client, now)?;
        let name = SignInName::Email(attempt.email.key().to_owned());
        let (account, proof, guarded) = {
            let mut reader = self.db.read().await?;
            let account = people::find_by_name(&mut reader, &name).await?.map(|known| known.account);
            // Nobody's is asked for as well, so that it takes as long.
            let id = account.as_ref().map_or(NOBODY, |account| account.id);
            let proof = email_proofs::find(&mut reader, id).await?;
            let whose = account.as_ref().map_or_else(|| self.nobody(&name), |account| Whose::Account(account.id));
            (account, proof, self.guard(&mut reader, CODE, whose, client, now).await?)
        };
        match (&account, proof) {
            (Some(account), Some(proof)) if self.is_right(account, &proof, attempt, now) => {
                Ok(RightCode { account: account.id, proof, guarded })
            }
            (_, proof) => Err(self.refuse_code(account.as_ref(), proof, &guarded, client).await),
        }
    }

    /// Whether this is the code. One that was made under a root secret of before is good as well.
    fn is_right(&self, account: &Account, proof: &EmailProof, attempt: CodeAttempt<'_>, now: Timestamp) -> bool {
        let open = !account.email_verified && proof.is_open(attempt.email.key(), now);
        let mut matches = self.keychain.all().map(|keys| {
            let code = crypto::code(keys, account.id.0, &proof.email_key, &proof.serial);
            constant_time::verify_slices_are_equal(code.as_bytes(), attempt.code.as_bytes()).is_ok()
        });
        matches.any(|matches| matches) && open
    }

    async fn refuse_code(
        &self,
        account: Option<&Account>,
        proof: Option<EmailProof>,
        guarded: &Guarded,
        client: &Client,
    ) -> Error {
        let guess = Guess { event: Event::CodeRefused, wrong: Unauthenticated::InvalidCode };
        let refused = async {
            let mut tx = self.db.write().await?;
            if let (Some(account), Some(proof)) = (account, proof) {
                // In the order of those who enter, so that none of them waits for the other.
                accounts::lock(&mut tx, account.id).await?;
                email_proofs::count_try(&mut tx, account.id, &proof.serial).await?;
            }
            self.refuse_guess(tx, guess, account.map(|account| account.id), guarded, client).await
        };
        refused.await.unwrap_or_else(|error| error)
    }

    async fn enter_by_code(&self, right: &RightCode, otp: Option<&str>, client: &Client) -> Result<Tokens, Error> {
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        accounts::lock(&mut tx, right.account).await?;
        // The second factor first: a wrong code of it is all that is stored of this then, and the mailed one stays good.
        let account = people::find(&mut tx, right.account).await?.map(|known| known.account).ok_or(WRONG)?;
        let shown = Shown { code: otp, device: None };
        let second = self.judge_second_factor(&mut tx, &account, shown, client, now).await?;
        if matches!(second, Second::Wrong(_)) && !account.disabled {
            return Err(self.refuse_second_factor(tx, account.id, &second, WRONG, client).await);
        }
        let account = right.consume(&mut tx, now).await?;
        // A refusal undoes all of it: the code is good until its owner has the second factor at hand.
        let admitted = gate::admit(&account, Way::MailedCode { second: &second }, &self.config)?;
        let amr = if second.is_by_code() { Amr::MailedCode.with_otp() } else { Amr::MailedCode };
        let session = self.begin_session(&mut tx, &account, amr, SESSION_LIFETIME, now).await?;
        self.note_network(&mut tx, &session, client).await?;
        let subject = Subject { account: Some(account.id), session: Some(session.id), wallet: None };
        self.record(&mut tx, Event::EmailVerified, subject, Some(client), now).await?;
        self.record(&mut tx, Event::SignedInByCode, subject, Some(client), now).await?;
        let tokens = self.issue(admitted, &session, None, now)?;
        tx.commit().await?;
        Ok(tokens)
    }

    /// Proves an address by the token of the link that was mailed to it. Signs nobody in.
    ///
    /// # Errors
    /// [`Malformed::MailedToken`](crate::model::error::Malformed::MailedToken) if it is not good; [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn confirm_email(&self, token: &str, client: &Client) -> Result<(), Error> {
        let now = self.clock.now();
        self.limit(Policy::Recoveries, client, now)?;
        let confirmed = match crypto::hash_of_text(Purpose::ConfirmEmail, token) {
            Some(hash) => self.confirm_by_hash(&hash, client, now).await?,
            None => false,
        };
        if confirmed { Ok(()) } else { Err(self.refuse_mailed_token(client).await) }
    }

    async fn confirm_by_hash(&self, hash: &[u8; 32], client: &Client, now: Timestamp) -> Result<bool, Error> {
        let mut tx = self.db.write().await?;
        let after = now - LINK_LIFETIME;
        // The account first, as everybody who changes what it is entered by.
        let Some(owner) = email_proofs::find_by_token(&mut tx, hash, after).await? else { return Ok(false) };
        accounts::lock(&mut tx, owner).await?;
        let used = email_proofs::consume_by_token(&mut tx, hash, after).await?;
        let Some((account, email_key)) = used else { return Ok(false) };
        if !email_proofs::verify_address(&mut tx, account, &email_key, now).await? {
            return Ok(false);
        }
        let subject = Subject { account: Some(account), ..Subject::default() };
        self.record(&mut tx, Event::EmailVerified, subject, Some(client), now).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Whose address this is, locked against changes. For nobody's address the same is asked, so that it takes as long.
pub(super) async fn find_addressee(tx: &mut Tx, email: &Email) -> Result<Option<Account>, Error> {
    let name = SignInName::Email(email.key().to_owned());
    let found = people::find_by_name(tx, &name).await?.map_or(NOBODY, |known| known.account.id);
    accounts::lock(tx, found).await?;
    let account = people::find(tx, found).await?.map(|known| known.account);
    // Until it was locked it may have got another one.
    let is_still = |account: &Account| account.email.as_deref().is_some_and(|address| email.is_same_as(address));
    Ok(account.filter(is_still))
}

/// A code that was right when it was compared.
struct RightCode {
    account: AccountId,
    proof: EmailProof,
    guarded: Guarded,
}

impl RightCode {
    /// Uses it up, and with it proves the address, if it still counts; gives the account, which is to be locked, as it is
    /// then.
    async fn consume(&self, tx: &mut Tx, now: Timestamp) -> Result<Account, Error> {
        let Self { account, proof, guarded } = self;
        guarded.pass(tx, now).await?;
        let used = email_proofs::consume(tx, *account, &proof.serial).await?;
        if !used || !email_proofs::verify_address(tx, *account, &proof.email_key, now).await? {
            return Err(WRONG);
        }
        people::find(tx, *account).await?.map(|known| known.account).ok_or(WRONG)
    }
}
