//! Judging the second factor: a code of an authenticator, a backup code, or a device that is trusted. A code is used up in
//! the unit of work that it is for, which holds the lock of the account: so no two use the same one, on any door or node.

use aws_lc_rs::hmac;

use super::Core;
use super::guard::{GuardedOtp, Guess};
use crate::clock::Timestamp;
use crate::crypto::mailed::{self, Purpose};
use crate::crypto::{seal, totp};
use crate::model::account::Account;
use crate::model::audit::{Event, Subject};
use crate::model::error::Unauthenticated;
use crate::model::second_factor::{Device, Factor, TotpSecret, TypedCode, step_at};
use crate::model::{AccountId, Client, Error};
use crate::secret::SecretBytes;
use crate::store::{Queryable, Tx, second_factors, trusted_devices};

/// What somebody shows besides the first factor.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shown<'a> {
    /// A code of an authenticator or a backup code.
    pub(super) code: Option<&'a str>,
    /// The token of a trusted device.
    pub(super) device: Option<&'a str>,
}

/// What came of it.
pub(super) enum Second {
    /// The account asks for none.
    NotDue,
    /// Nothing that counts was shown.
    Missing,
    /// A code that is wrong or was used before.
    Wrong(GuardedOtp),
    /// It is right, and a code is used up by it.
    Right(Means),
}

/// By what somebody got past the second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    Totp,
    BackupCode,
    Device,
}

impl Means {
    const fn name(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::BackupCode => "backup_code",
            Self::Device => "device",
        }
    }
}

impl Second {
    /// Whether a code was shown and is right: what a session tells that began with it.
    pub(super) const fn is_by_code(&self) -> bool {
        matches!(self, Self::Right(Means::Totp | Means::BackupCode))
    }
}

/// The key under which secrets of authenticators are sealed: made of a key of the database's own, so that they open
/// whatever becomes of the root secret, and nobody is locked out when one of before is forgotten.
pub(super) fn sealing_key(own: &hmac::Key) -> SecretBytes {
    let mut key = [0; 32];
    key.copy_from_slice(hmac::sign(own, b"seal:second factors").as_ref());
    SecretBytes::new(key)
}

impl Core {
    /// Judges what was shown, for an account that is locked and was read in this unit of work. Nothing is written for what
    /// is not right: who refuses it counts it with [`Core::refuse_second_factor`].
    ///
    /// # Errors
    /// [`Error::TooMany`] for a code after too many wrong ones, [`Error::Unavailable`].
    pub(super) async fn judge_second_factor(
        &self,
        tx: &mut Tx,
        account: &Account,
        shown: Shown<'_>,
        client: &Client,
        now: Timestamp,
    ) -> Result<Second, Error> {
        if !account.second_factor {
            return Ok(Second::NotDue);
        }
        let means = if let Some(device) = self.find_device(tx, account.id, shown.device, now).await? {
            trusted_devices::update_used(tx, device.id, now).await?;
            Means::Device
        } else {
            let Some(code) = shown.code else { return Ok(Second::Missing) };
            let guarded = self.guard_otp(tx, account.id, client, now).await?;
            match self.consume_code(tx, account.id, &TypedCode::read(code), now).await? {
                Some(means) => {
                    guarded.pass(tx, now).await?;
                    means
                }
                None => return Ok(Second::Wrong(guarded)),
            }
        };
        self.record_use(tx, account.id, means, client, now).await?;
        Ok(Second::Right(means))
    }

    async fn record_use(
        &self,
        tx: &mut Tx,
        account: AccountId,
        means: Means,
        client: &Client,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.metrics.count_second_factor(means.name());
        let subject = Subject { account: Some(account), ..Subject::default() };
        self.record(tx, Event::SecondFactorUsed(means.name()), subject, Some(client), now).await
    }

    /// Answers a refusal: a wrong code, if that is what it is refused for, is counted and recorded in this unit of work,
    /// which ends; else nothing of it happens.
    pub(super) async fn refuse_second_factor(
        &self,
        tx: Tx,
        account: AccountId,
        second: &Second,
        refusal: Error,
        client: &Client,
    ) -> Error {
        let (Second::Wrong(guarded), Error::NotAuthenticated(wrong @ Unauthenticated::InvalidCode)) =
            (second, &refusal)
        else {
            return refusal;
        };
        self.refuse_wrong_code(tx, account, guarded, *wrong, client).await
    }

    /// Counts and records a wrong code; gives what it is answered with.
    pub(super) async fn refuse_wrong_code(
        &self,
        tx: Tx,
        account: AccountId,
        guarded: &GuardedOtp,
        wrong: Unauthenticated,
        client: &Client,
    ) -> Error {
        let guess = Guess { event: Event::SecondFactorRefused, wrong };
        let answer = self.refuse_otp(tx, guess, account, guarded, client).await.unwrap_or_else(|error| error);
        self.metrics.count_second_factor(answer.code());
        answer
    }

    /// The device that this is the token of, if the account trusts it.
    pub(super) async fn find_device(
        &self,
        db: &mut impl Queryable,
        account: AccountId,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Device>, Error> {
        match token.and_then(|token| mailed::hash_of_text(Purpose::TrustDevice, token)) {
            Some(hash) => trusted_devices::find(db, account, &hash, now).await,
            None => Ok(None),
        }
    }

    /// Uses up a code of the authenticator that is in force, or one of its backup codes; `None` if it is neither.
    pub(super) async fn consume_code(
        &self,
        tx: &mut Tx,
        account: AccountId,
        typed: &TypedCode,
        now: Timestamp,
    ) -> Result<Option<Means>, Error> {
        let Some(factor) = second_factors::find_in_force(tx, account).await? else { return Ok(None) };
        let is_used_up = match typed {
            TypedCode::Digits(_) => self.consume_digits(tx, account, &factor, typed, now).await?,
            TypedCode::Backup(code) => {
                let tag = self.backup_tag(account, code);
                second_factors::consume_backup_code(tx, factor.id, &tag).await?
            }
            TypedCode::Neither => false,
        };
        let means = if matches!(typed, TypedCode::Backup(_)) { Means::BackupCode } else { Means::Totp };
        Ok(is_used_up.then_some(means))
    }

    /// Uses up a code of this authenticator; `false` if it is none, or one like it was used before.
    pub(super) async fn consume_digits(
        &self,
        tx: &mut Tx,
        account: AccountId,
        factor: &Factor,
        typed: &TypedCode,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let TypedCode::Digits(digits) = typed else { return Ok(false) };
        let secret = self.open_factor(account, factor)?;
        match totp::find_step(&secret, *digits, step_at(now), factor.last_step) {
            Some(step) => second_factors::consume_step(tx, factor.id, step).await,
            None => Ok(false),
        }
    }

    /// Seals the secret of an authenticator for its account.
    pub(super) fn seal_factor(&self, account: AccountId, secret: &TotpSecret) -> Result<Vec<u8>, Error> {
        seal::seal_under(&self.factor_seal, &purpose(account), secret.expose(), &self.random)
    }

    fn open_factor(&self, account: AccountId, factor: &Factor) -> Result<TotpSecret, Error> {
        let plain = seal::open_under(&self.factor_seal, &purpose(account), &factor.sealed)?;
        let bytes = plain.as_slice().try_into();
        bytes.map(TotpSecret::new).map_err(|_| Error::internal("the secret of an authenticator has a wrong length"))
    }

    /// The keyed hash under which a backup code is kept. Its 60 bits are random, so it takes no slow hash; the key, which
    /// is not in the clear in the database, is against those who have a copy of that and very much time.
    pub(super) fn backup_tag(&self, account: AccountId, code: &str) -> [u8; 32] {
        let mut tag = [0; 32];
        tag.copy_from_slice(hmac::sign(&self.wallet_tags, format!("backup:{account}:{code}").as_bytes()).as_ref());
        tag
    }
}

/// What a secret is sealed for: its own account, so that no other row's takes its place.
fn purpose(account: AccountId) -> String {
    format!("second factor {account}")
}
