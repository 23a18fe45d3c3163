//! Setting the second factor up, putting it in force, and taking it away: each by proof that is as strong as the factor.

use super::changes::{require_fresh, subject_of};
use super::second_factor::{Second, Shown};
use super::trusted_devices::TrustedDevice;
use super::two_steps::Remember;
use super::{Core, Person, PersonPresent};
use crate::clock::Timestamp;
use crate::crypto::totp;
use crate::model::account::Account;
use crate::model::audit::Event;
use crate::model::error::{Conflict, Unauthenticated};
use crate::model::mail::Letter;
use crate::model::second_factor::{BACKUP_CODES, Factor, SETUP_LIFETIME, TotpSecret, TypedCode};
use crate::model::{AccountId, Client, Error};
use crate::store::{Tx, accounts, people, second_factors, trusted_devices};

/// An authenticator that is being set up: shown once.
#[derive(Clone)]
pub struct AuthenticatorSetup {
    /// The secret, as people type it in.
    pub secret: String,
    /// The same as an address, for a picture or a link.
    pub otpauth: String,
    /// Codes for whoever loses the authenticator.
    pub backup_codes: Vec<String>,
}

impl Core {
    /// Begins to set up an authenticator. It is not in force until a first code of it comes to
    /// [`Core::verify_second_factor`]. One that is in force stays until then, and is replaced only by whoever shows a code
    /// of it; without one in force, a sign-in of a moment ago is needed.
    ///
    /// # Errors
    /// [`Forbidden::FreshSignInRequired`](crate::model::error::Forbidden::FreshSignInRequired),
    /// [`Unauthenticated::MfaRequired`], [`Unauthenticated::InvalidCode`], [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn set_up_second_factor(
        &self,
        person: &PersonPresent,
        code: Option<&str>,
        client: &Client,
    ) -> Result<AuthenticatorSetup, Error> {
        let now = self.clock.now();
        self.limit_writes(person, now)?;
        let (mut tx, account) = self.begin_change_of(person).await?;
        if account.second_factor {
            tx = self.insist_on_code(tx, &account, code, client, now).await?;
        } else {
            require_fresh(person, now)?;
        }
        let secret = TotpSecret::new(self.random.bytes());
        let id = self.random.uuid(now);
        let sealed = self.seal_factor(account.id, &secret)?;
        second_factors::insert_pending(&mut tx, id, account.id, &sealed, now).await?;
        let backup_codes = self.new_backup_codes(&mut tx, account.id, id).await?;
        let known = people::find(&mut tx, account.id).await?;
        let label = known.map(|known| Person::from(known).full_name()).unwrap_or_default();
        self.record(&mut tx, Event::SecondFactorSetUp, subject_of(person), Some(client), now).await?;
        tx.commit().await?;
        let otpauth = totp::otpauth(&secret, &self.config.mfa.issuer, &label);
        Ok(AuthenticatorSetup { secret: totp::print(&secret), otpauth, backup_codes })
    }

    /// Takes a code of the caller's: the first one puts an authenticator in force that was set up, which ends the other
    /// sessions of the account; a later one says that he has it at hand. Trusts the device, if that is wanted.
    ///
    /// # Errors
    /// [`Unauthenticated::InvalidCode`], [`Conflict::SecondFactorNotSetUp`], [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn verify_second_factor(
        &self,
        person: &PersonPresent,
        code: &str,
        remember: Remember,
        client: &Client,
    ) -> Result<Option<TrustedDevice>, Error> {
        let now = self.clock.now();
        self.limit_writes(person, now)?;
        let (mut tx, account) = self.begin_change_of(person).await?;
        let pending = second_factors::find_pending(&mut tx, account.id, now - SETUP_LIFETIME).await?;
        if let Some(pending) = pending {
            let guarded = self.guard_otp(&mut tx, account.id, client, now).await?;
            let typed = TypedCode::read(code);
            if self.consume_digits(&mut tx, account.id, &pending, &typed, now).await? {
                guarded.pass(&mut tx, now).await?;
                self.put_in_force(&mut tx, person, &account, &pending, client, now).await?;
            } else if account.second_factor {
                tx = self.insist_on_code(tx, &account, Some(code), client, now).await?;
            } else {
                let wrong = Unauthenticated::InvalidCode;
                return Err(self.refuse_wrong_code(tx, account.id, &guarded, wrong, client).await);
            }
        } else if account.second_factor {
            tx = self.insist_on_code(tx, &account, Some(code), client, now).await?;
        } else {
            return Err(Error::Conflict(Conflict::SecondFactorNotSetUp));
        }
        let device = self.remember(&mut tx, subject_of(person), remember, client, now).await?;
        tx.commit().await?;
        Ok(device)
    }

    async fn put_in_force(
        &self,
        tx: &mut Tx,
        person: &PersonPresent,
        account: &Account,
        pending: &Factor,
        client: &Client,
        now: Timestamp,
    ) -> Result<(), Error> {
        second_factors::activate(tx, pending.id, account.id, now).await?;
        // Those that began without it would go on without it.
        self.end_others(tx, person).await?;
        let how = if account.second_factor { "replaced" } else { "first" };
        self.record(tx, Event::SecondFactorOn(how), subject_of(person), Some(client), now).await?;
        self.notify(tx, account.id, &Letter::SecondFactorOn { at: now.rfc3339() }, now).await
    }

    /// Takes the second factor away, which ends the other sessions of the account.
    ///
    /// # Errors
    /// [`Conflict::SecondFactorNotSetUp`], [`Unauthenticated::MfaRequired`] without a code,
    /// [`Unauthenticated::InvalidCode`], [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn switch_off_second_factor(
        &self,
        person: &PersonPresent,
        code: Option<&str>,
        client: &Client,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        self.limit_writes(person, now)?;
        let (tx, account) = self.begin_change_of(person).await?;
        require_second_factor(&account)?;
        let mut tx = self.insist_on_code(tx, &account, code, client, now).await?;
        second_factors::delete(&mut tx, account.id, now).await?;
        self.end_others(&mut tx, person).await?;
        self.record(&mut tx, Event::SecondFactorOff, subject_of(person), Some(client), now).await?;
        self.notify(&mut tx, account.id, &Letter::SecondFactorOff { at: now.rfc3339() }, now).await?;
        tx.commit().await
    }

    /// Makes new backup codes, in the place of those of before.
    ///
    /// # Errors
    /// As [`Core::switch_off_second_factor`].
    pub async fn renew_backup_codes(
        &self,
        person: &PersonPresent,
        code: Option<&str>,
        client: &Client,
    ) -> Result<Vec<String>, Error> {
        let now = self.clock.now();
        self.limit_writes(person, now)?;
        let (tx, account) = self.begin_change_of(person).await?;
        require_second_factor(&account)?;
        let mut tx = self.insist_on_code(tx, &account, code, client, now).await?;
        let factor = second_factors::find_in_force(&mut tx, account.id).await?;
        let factor = factor.ok_or(Error::internal("an authenticator whose code was right is gone"))?;
        let codes = self.new_backup_codes(&mut tx, account.id, factor.id).await?;
        self.record(&mut tx, Event::BackupCodesRenewed, subject_of(person), Some(client), now).await?;
        self.notify(&mut tx, account.id, &Letter::BackupCodesRenewed { at: now.rfc3339() }, now).await?;
        tx.commit().await?;
        Ok(codes)
    }

    /// Insists on proof that is as strong as the second factor, of an account that has one: a sign-in of a moment ago that
    /// showed a code, or a code now. Gives the unit of work back, or ends it.
    pub(super) async fn insist_on_equal_proof(
        &self,
        tx: Tx,
        person: &PersonPresent,
        account: &Account,
        code: Option<&str>,
        client: &Client,
        now: Timestamp,
    ) -> Result<Tx, Error> {
        if person.has_shown_code() && require_fresh(person, now).is_ok() {
            return Ok(tx);
        }
        self.insist_on_code(tx, account, code, client, now).await
    }

    /// Insists on a code that is right now, and uses it up; gives the unit of work back, or ends it.
    pub(super) async fn insist_on_code(
        &self,
        mut tx: Tx,
        account: &Account,
        code: Option<&str>,
        client: &Client,
        now: Timestamp,
    ) -> Result<Tx, Error> {
        let second = self.judge_second_factor(&mut tx, account, Shown { code, device: None }, client, now).await?;
        let refusal = match &second {
            Second::NotDue | Second::Right(_) => return Ok(tx),
            Second::Missing => Unauthenticated::MfaRequired,
            Second::Wrong(_) => Unauthenticated::InvalidCode,
        };
        let refusal = Error::NotAuthenticated(refusal);
        Err(self.refuse_second_factor(tx, account.id, &second, refusal, client).await)
    }

    /// Ends every session but the caller's, and the trust in every device.
    async fn end_others(&self, tx: &mut Tx, person: &PersonPresent) -> Result<(), Error> {
        let account = person.account().id;
        accounts::end_sessions_but(tx, account, person.session()).await?;
        trusted_devices::delete_all(tx, account).await
    }

    async fn new_backup_codes(
        &self,
        tx: &mut Tx,
        account: AccountId,
        factor: uuid::Uuid,
    ) -> Result<Vec<String>, Error> {
        let codes: Vec<String> = (0..BACKUP_CODES).map(|_| totp::backup_code(&self.random.bytes())).collect();
        let tags: Vec<[u8; 32]> = codes.iter().map(|code| self.backup_tag(account, code)).collect();
        second_factors::replace_backup_codes(tx, factor, &tags).await?;
        Ok(codes.iter().map(|code| totp::grouped(code)).collect())
    }
}

fn require_second_factor(account: &Account) -> Result<(), Error> {
    if account.second_factor { Ok(()) } else { Err(Error::Conflict(Conflict::SecondFactorNotSetUp)) }
}
