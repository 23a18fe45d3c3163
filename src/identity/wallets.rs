//! The wallets of an account: linking, listing, unlinking, choosing the primary one.

use super::challenge::{Challenge, MessageRequest};
use super::changes::{require_fresh, subject_of};
use super::limits::Policy;
use super::proof::{MESSAGE_RULES, MessageClaim, read_message, verify_signature};
use super::{Caller, Core, PersonPresent};
use crate::clock::Timestamp;
use crate::model::audit::{Event, Subject};
use crate::model::error::{Conflict, Forbidden, Unauthenticated};
use crate::model::mail::Letter;
use crate::model::message::{MessageRefusal, Rule};
use crate::model::{AccountId, Address, Client, Error, WalletId};
use crate::store::{Tx, accounts, nonces, passwords, wallets};
use crate::wallet::nonce::{FreeFault, FreeNonce, Purpose};

/// The most wallets of an account: more than any person has, and few enough to be listed in one go.
const MOST_WALLETS: usize = 100;

/// What a client wants of a link message; what is `None` is filled in by us.
#[derive(Clone, Debug, Default)]
pub struct LinkWishes {
    /// The chain; the first configured one.
    pub chain_id: Option<u64>,
    /// The origin of the page that asks: its site, if it is one of ours, is the one that the message names.
    pub page: Option<String>,
}

/// A link message that a wallet signed.
#[derive(Clone, Copy)]
pub struct LinkProof<'a> {
    /// The message.
    pub message: &'a str,
    /// The wallet's signature of it.
    pub signature: &'a str,
    /// The code of the second factor, for an account that has one.
    pub otp: Option<&'a str>,
}

/// A wallet of an account.
#[derive(Clone, Copy, Debug)]
pub struct OwnWallet {
    /// Its address.
    pub address: Address,
    /// Whether it is the one that the account goes by.
    pub primary: bool,
    /// When it was linked.
    pub linked_at: Timestamp,
}

impl Core {
    /// A message by which this wallet agrees to be linked to the caller's account.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without a fresh sign-in or for a chain that is not configured; [`Error::TooMany`].
    pub fn issue_link_message(
        &self,
        person: &PersonPresent,
        wallet: Address,
        wishes: LinkWishes,
        client: &Client,
    ) -> Result<Challenge, Error> {
        let now = self.clock.now();
        self.limit(Policy::Nonces, client, now)?;
        require_fresh(person, now)?;
        let account = person.account().id;
        let statement = Some(statement(account));
        let LinkWishes { chain_id, page } = wishes;
        let request = MessageRequest { chain_id, page, statement, ..MessageRequest::default() };
        self.write_message(wallet, request, Purpose::Link { account, wallet }, now)
    }

    /// Links the wallet that signed our message to the caller's account. Linking it again changes nothing.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] with the rule that the message breaks; [`Conflict::WalletAlreadyLinked`] if it is
    /// another account's; [`Conflict::TooManyWallets`]; [`Forbidden::FreshSignInRequired`],
    /// [`Unauthenticated::MfaRequired`] and [`Unauthenticated::InvalidCode`] for an account with a second factor,
    /// [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn link_wallet(
        &self,
        person: &PersonPresent,
        proof: LinkProof<'_>,
        client: &Client,
    ) -> Result<OwnWallet, Error> {
        let now = self.clock.now();
        self.limit(Policy::SignIns, client, now)?;
        require_fresh(person, now)?;
        let LinkProof { message: text, signature, otp } = proof;
        let claim = MessageClaim { message: read_message(text)?, text, signature };
        let address = claim.message.address;
        let tag = self.wallet_tag(address);
        let outcome = match self.verify_link(&claim, person.account().id, now) {
            Ok(nonce) => self.store_link(person, address, nonce, otp, client).await,
            Err(refusal) => {
                let is_wrong = matches!(refusal, Unauthenticated::InvalidSignature(_));
                let limited = is_wrong.then(|| self.limit_failures(&tag, client, now).err()).flatten();
                Err(limited.unwrap_or(Error::NotAuthenticated(refusal)))
            }
        };
        if let Err(error @ (Error::NotAuthenticated(_) | Error::Conflict(_))) = &outcome {
            let subject = Subject { wallet: Some(&tag), ..subject_of(person) };
            self.record_refusal(Event::WalletLinkRefused(error.code()), subject, client).await;
        }
        outcome
    }

    fn verify_link(
        &self,
        claim: &MessageClaim<'_>,
        account: AccountId,
        now: Timestamp,
    ) -> Result<FreeNonce, Unauthenticated> {
        let MessageClaim { message, .. } = claim;
        if message.statement.as_deref() != Some(&statement(account)) {
            return Err(Unauthenticated::Message(MessageRefusal::Statement));
        }
        let purpose = Purpose::Link { account, wallet: message.address };
        let nonce = FreeNonce::decode(&self.keychain, purpose, &message.nonce, now).map_err(|fault| match fault {
            FreeFault::Expired => Unauthenticated::NonceExpired,
            FreeFault::Foreign => Unauthenticated::NonceUnknown,
        });
        for rule in MESSAGE_RULES {
            match rule {
                Rule::Nonce => nonce.map(|_| ())?,
                Rule::Signature => verify_signature(claim)?,
                _ => self.judge_text(rule, message, now).map_err(Unauthenticated::Message)?,
            }
        }
        nonce
    }

    async fn store_link(
        &self,
        person: &PersonPresent,
        address: Address,
        nonce: FreeNonce,
        otp: Option<&str>,
        client: &Client,
    ) -> Result<OwnWallet, Error> {
        let now = self.clock.now();
        let (tx, owner) = self.begin_change_of(person).await?;
        // A wallet signs in without a code from then on, so adding one takes a code.
        let mut tx = self.insist_on_code(tx, &owner, otp, client, now).await?;
        if !nonces::consume(&mut tx, &nonce.id, nonce.expires_at).await? {
            return Err(Error::NotAuthenticated(Unauthenticated::NonceUsed));
        }
        let (account, id) = (person.account().id, WalletId(self.random.uuid(now)));
        if wallets::list(&mut tx, account).await?.len() >= MOST_WALLETS {
            return Err(Error::Conflict(Conflict::TooManyWallets));
        }
        if wallets::insert(&mut tx, id, account, address, now).await? {
            accounts::adopt_primary_wallet(&mut tx, account, id).await?;
            let tag = self.wallet_tag(address);
            let subject = Subject { wallet: Some(&tag), ..subject_of(person) };
            self.record(&mut tx, Event::WalletLinked, subject, Some(client), now).await?;
            let letter = Letter::WalletLinked { at: now.rfc3339(), address: address.checksummed() };
            self.notify(&mut tx, account, &letter, now).await?;
        }
        let linked = find(&mut tx, account, address).await?.ok_or(Error::Conflict(Conflict::WalletAlreadyLinked))?;
        tx.commit().await?;
        Ok(linked)
    }

    /// The wallets of the caller's account, the first linked one first.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn list_wallets(&self, caller: &Caller) -> Result<Vec<OwnWallet>, Error> {
        list(&mut self.db.read().await?, caller.account().id).await
    }

    /// Unlinks a wallet, which ends the sessions that it began. If it was the primary one, the first linked one of the
    /// others is from now on. An account with a second factor shows a code, unless it showed one a moment ago.
    ///
    /// # Errors
    /// [`Forbidden::NotYourWallet`], [`Conflict::LastSignInMethod`], [`Forbidden::FreshSignInRequired`],
    /// [`Unauthenticated::MfaRequired`], [`Unauthenticated::InvalidCode`], [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn unlink_wallet(
        &self,
        person: &PersonPresent,
        address: Address,
        otp: Option<&str>,
        client: &Client,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        self.limit_writes(person, now)?;
        require_fresh(person, now)?;
        let (tx, owner) = self.begin_change_of(person).await?;
        let mut tx = self.insist_on_equal_proof(tx, person, &owner, otp, client, now).await?;
        let account = owner.id;
        let own = wallets::list(&mut tx, account).await?;
        let unlinked = own.iter().find(|wallet| wallet.address == address);
        let unlinked = unlinked.ok_or(Error::Forbidden(Forbidden::NotYourWallet))?;
        let heir = own.iter().find(|wallet| wallet.id != unlinked.id).map(|wallet| wallet.id);
        let others = passwords::can_sign_in(&mut tx, account).await? || self.can_use_provider(&mut tx, account).await?;
        if heir.is_none() && !others {
            return Err(Error::Conflict(Conflict::LastSignInMethod));
        }
        wallets::delete(&mut tx, account, unlinked.id).await?;
        if unlinked.primary {
            accounts::update_primary_wallet(&mut tx, account, heir).await?;
        }
        let tag = self.wallet_tag(address);
        let subject = Subject { wallet: Some(&tag), ..subject_of(person) };
        self.record(&mut tx, Event::WalletUnlinked, subject, Some(client), now).await?;
        tx.commit().await
    }

    /// Makes a wallet the one that the account goes by.
    ///
    /// # Errors
    /// [`Forbidden::NotYourWallet`], [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn choose_primary_wallet(
        &self,
        person: &PersonPresent,
        address: Address,
        client: &Client,
    ) -> Result<OwnWallet, Error> {
        let now = self.clock.now();
        self.limit_writes(person, now)?;
        let mut tx = self.begin_change(person).await?;
        let account = person.account().id;
        let own = wallets::list(&mut tx, account).await?;
        let chosen = own.iter().find(|wallet| wallet.address == address);
        let chosen = chosen.ok_or(Error::Forbidden(Forbidden::NotYourWallet))?;
        if !chosen.primary {
            accounts::update_primary_wallet(&mut tx, account, Some(chosen.id)).await?;
            let tag = self.wallet_tag(address);
            let subject = Subject { wallet: Some(&tag), ..subject_of(person) };
            self.record(&mut tx, Event::PrimaryWalletChosen, subject, Some(client), now).await?;
        }
        tx.commit().await?;
        Ok(OwnWallet { address, primary: true, linked_at: chosen.linked_at })
    }
}

/// What a wallet agrees to when it signs our message.
fn statement(account: AccountId) -> String {
    format!("Link this wallet to the account {account}.")
}

impl From<wallets::OfAccount> for OwnWallet {
    fn from(row: wallets::OfAccount) -> Self {
        Self { address: row.address, primary: row.primary, linked_at: row.linked_at }
    }
}

async fn list(db: &mut impl crate::store::Queryable, account: AccountId) -> Result<Vec<OwnWallet>, Error> {
    Ok(wallets::list(db, account).await?.into_iter().map(OwnWallet::from).collect())
}

async fn find(tx: &mut Tx, account: AccountId, address: Address) -> Result<Option<OwnWallet>, Error> {
    Ok(list(tx, account).await?.into_iter().find(|wallet| wallet.address == address))
}
