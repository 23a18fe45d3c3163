//! Signing in by wallet: proof, exactly-once, account, session, tokens.

use uuid::Uuid;

use super::Core;
use super::gate::{self, Way};
use super::limits::Policy;
use super::proof::{Claim, Proof};
use super::tokens::Tokens;
use crate::clock::Timestamp;
use crate::model::account::Account;
use crate::model::audit::{Event, Subject};
use crate::model::error::{Dependency, Unauthenticated};
use crate::model::session::{Amr, SESSION_LIFETIME, Session};
use crate::model::{AccountId, Address, Client, Error, SessionId, WalletId};
use crate::store::sign_ins::{self, SignIn, Spend};
use crate::store::wallets::{self, Standing};
use crate::store::{Tx, accounts};
use crate::wallet::siwe::{DateTime, Message};

/// The outcome of a sign-in.
#[derive(Clone)]
pub struct SignedIn {
    /// The wallet that signed in.
    pub address: Address,
    /// The account's e-mail address.
    pub email: Option<String>,
    /// What the session is used with.
    pub tokens: Tokens,
}

impl Core {
    /// Signs in the wallet that the proof proves; its first sign-in makes the account.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what can't be read, [`Error::NotAuthenticated`] with the reason, [`Error::Forbidden`]
    /// for a disabled account, [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn sign_in(&self, proof: Proof<'_>, client: &Client) -> Result<SignedIn, Error> {
        let now = self.clock.now();
        self.limit(Policy::SignIns, client, now)?;
        let outcome = match Claim::read(proof) {
            Ok(claim) => self.sign_in_by(&claim, client, now).await,
            Err(fault) => Err(fault),
        };
        self.metrics.count_sign_in(outcome.as_ref().map_or_else(Error::code, |_| "ok"));
        outcome
    }

    async fn sign_in_by(&self, claim: &Claim<'_>, client: &Client, now: Timestamp) -> Result<SignedIn, Error> {
        let address = claim.address();
        let tag = self.wallet_tag(address);
        let Standing { owner, count } = wallets::find_standing(&self.db, address, &tag).await?;
        let account = owner.as_ref().map(|(account, _)| account.id);
        let message = match claim {
            Claim::Bare(_) => None,
            Claim::Message(claim) => Some(&claim.message),
        };
        let entry = Entry { address, tag: &tag, message, client, now };
        let verified = match claim {
            Claim::Bare(claim) => self.verify_bare(*claim, count, now),
            Claim::Message(claim) => self.verify_message(claim, count, now),
        };
        let outcome = match verified {
            Ok(spend) => self.enter(entry, spend, owner).await,
            Err(refusal) => Err(self.count_failure(refusal, entry)),
        };
        if let Err(error @ (Error::NotAuthenticated(_) | Error::Forbidden(_))) = &outcome {
            let subject = Subject { account, session: None, wallet: Some(&tag) };
            // Boxed, as all that few sign-ins come through: what it holds would else be room in each.
            Box::pin(self.record_refusal(Event::SignInRefused(error.code()), subject, client)).await;
        }
        outcome
    }

    /// What a refused proof is answered with: the reason, or, if this network fails with this wallet too often, that.
    /// A used or expired nonce was signed correctly, so it counts against nobody.
    fn count_failure(&self, refusal: Unauthenticated, entry: Entry<'_>) -> Error {
        let failed = matches!(refusal, Unauthenticated::InvalidSignature(_));
        let limited = failed.then(|| self.limit_failures(entry.tag, entry.client, entry.now).err()).flatten();
        limited.unwrap_or(Error::NotAuthenticated(refusal))
    }

    /// Uses up the nonce and begins the session, all in one unit of work.
    async fn enter(
        &self,
        entry: Entry<'_>,
        spend: Spend,
        owner: Option<(Account, WalletId)>,
    ) -> Result<SignedIn, Error> {
        // Before the unit of work, where it can be: a token takes longer to sign than a row to write. And before the
        // nonce is used up: a disabled account must not spend what it can't use.
        let is_named = owner.as_ref().is_some_and(|(account, _)| account.username.is_some() || account.email.is_some());
        let known = owner.map(|(account, wallet)| self.prepare(&account, wallet, entry)).transpose()?;
        let detail =
            entry.message.map(|message| format!("message for chain {} at {}", message.chain_id, message.domain));
        let detail = detail.as_deref();
        let used = Error::NotAuthenticated(Unauthenticated::NonceUsed);
        if let Some((session, signed_in)) = known {
            let event = self.random.uuid(entry.now);
            let row = entry.sign_in(&session, event, detail);
            let fresh = if self.tells_of_networks() {
                // In the unit of work that it tells of. Boxed: most gateways leave this notice off.
                Box::pin(self.insert_and_tell(spend, row, &session, entry.client)).await?
            } else {
                sign_ins::insert_alone(&self.db, spend, row).await?
            };
            if !fresh {
                return Err(used);
            }
            if is_named && !self.tells_of_networks() {
                self.remember_network(&session, entry.client).await;
            }
            return Ok(signed_in);
        }
        let first = async {
            let mut tx = self.db.write().await?;
            let (account, wallet) = self.find_or_create(&mut tx, &entry).await?;
            let (session, signed_in) = self.prepare(&account, wallet, entry)?;
            let event = self.random.uuid(entry.now);
            if !sign_ins::insert(&mut tx, spend, entry.sign_in(&session, event, detail)).await? {
                return Err(used);
            }
            if self.tells_of_networks() {
                self.note_network(&mut tx, &session, entry.client).await?;
            }
            tx.commit().await?;
            Ok(signed_in)
        };
        // Boxed: a wallet comes this way once.
        Box::pin(first).await
    }

    /// Whether people are told of sign-ins from networks that are new, for which those of all sign-ins have to be known.
    const fn tells_of_networks(&self) -> bool {
        self.config.notices.new_sign_in
    }

    /// Stores a sign-in and notes from where it came, of which its owner is told if it is new there; `false` if the nonce
    /// was used.
    async fn insert_and_tell(
        &self,
        spend: Spend,
        row: sign_ins::SignIn<'_>,
        session: &Session,
        client: &Client,
    ) -> Result<bool, Error> {
        let mut tx = self.db.write().await?;
        if !sign_ins::insert(&mut tx, spend, row).await? {
            return Ok(false);
        }
        self.note_network(&mut tx, session, client).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Notes from where somebody who could sign in by password as well has signed in: there he is known. He has signed in
    /// whatever comes of it.
    async fn remember_network(&self, session: &Session, client: &Client) {
        let noted = async {
            let mut tx = self.db.write().await?;
            self.note_network(&mut tx, session, client).await?;
            tx.commit().await
        };
        if let Err(error) = noted.await {
            tracing::warn!(?error, request_id = %client.request_id, "the network of a sign-in was not noted");
        }
    }

    /// A session that begins now, and what its owner is told once it is stored.
    fn prepare(&self, account: &Account, wallet: WalletId, entry: Entry<'_>) -> Result<(Session, SignedIn), Error> {
        let admitted = gate::admit(account, Way::Wallet, &self.config)?;
        let session = Session {
            id: SessionId(self.random.uuid(entry.now)),
            account: account.id,
            wallet: Some(wallet),
            amr: Amr::Wallet,
            epoch: account.epoch,
            refresh_counter: 0,
            created_at: entry.now,
            refreshed_at: entry.now,
            expires_at: entry.session_end(),
            ended_at: None,
        };
        let tokens = self.issue(admitted, &session, Some(entry.address), entry.now)?;
        let signed_in = SignedIn { address: entry.address, email: account.email.clone(), tokens };
        Ok((session, signed_in))
    }

    async fn find_or_create(&self, tx: &mut Tx, entry: &Entry<'_>) -> Result<(Account, WalletId), Error> {
        let account = AccountId(self.random.uuid(entry.now));
        let wallet = WalletId(self.random.uuid(entry.now));
        // The wallet first: its uniqueness decides which of two first sign-ins makes the account.
        if wallets::insert(tx, wallet, account, entry.address, entry.now).await? {
            accounts::insert(tx, account, wallet, entry.now).await?;
            let subject = Subject { account: Some(account), wallet: Some(entry.tag), ..Subject::default() };
            self.record(tx, Event::AccountCreated, subject, Some(entry.client), entry.now).await?;
        }
        // Unlinked in the moment between: nobody's any more, so the client may simply try again.
        wallets::find_owner(tx, entry.address).await?.ok_or(Error::Unavailable(Dependency::Database))
    }
}

/// A wallet on its way in.
#[derive(Clone, Copy)]
struct Entry<'a> {
    address: Address,
    tag: &'a [u8; 32],
    /// What was signed, if it was a message.
    message: Option<&'a Message>,
    client: &'a Client,
    now: Timestamp,
}

impl<'a> Entry<'a> {
    /// What is stored of it.
    fn sign_in(self, session: &'a Session, event: Uuid, detail: Option<&'a str>) -> SignIn<'a> {
        SignIn { session, wallet_tag: self.tag, event, detail, client: self.client }
    }

    /// When the session is over at the latest: it never outlives what was signed.
    fn session_end(&self) -> Timestamp {
        let signed = self.message.and_then(|message| message.expiration_time.as_ref()).map(DateTime::moment);
        let longest = self.now + SESSION_LIFETIME;
        signed.map_or(longest, |signed| longest.min(signed))
    }
}
