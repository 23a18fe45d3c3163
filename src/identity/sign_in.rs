//! Signing in by wallet: proof, exactly-once, account, session, tokens.

use super::Core;
use super::gate;
use super::limits::Policy;
use super::tokens::Tokens;
use crate::clock::Timestamp;
use crate::model::account::Account;
use crate::model::audit::{Event, Subject};
use crate::model::error::{SignatureFault, Unauthenticated};
use crate::model::session::{SESSION_LIFETIME, Session};
use crate::model::{AccountId, Address, Client, Error, SessionId, WalletId};
use crate::store::sign_ins::{self, SignIn, Spend};
use crate::store::wallets::{self, Standing};
use crate::store::{Tx, accounts};
use crate::wallet::nonce::{self, FreeFault, FreeNonce, Purpose};
use crate::wallet::{self, Expected};

/// What a client posts to sign in with a bare nonce.
#[derive(Clone, Copy, Debug)]
pub struct BareProof<'a> {
    /// The wallet that it claims.
    pub address: Address,
    /// The signature, as posted.
    pub signature: &'a str,
    /// The nonce that was signed; a free one has to be named, one of the wallet may be.
    pub nonce: Option<&'a str>,
}

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
    /// Signs in the wallet that signed the nonce; its first sign-in makes the account.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] with the reason, [`Error::Forbidden`] for a disabled account, [`Error::TooMany`],
    /// [`Error::Unavailable`].
    pub async fn sign_in(&self, proof: BareProof<'_>, client: &Client) -> Result<SignedIn, Error> {
        let now = self.clock.now();
        self.limit(Policy::SignIns, client, now)?;
        let tag = self.wallet_tag(proof.address);
        let Standing { owner, count } = wallets::find_standing(&self.db, proof.address, &tag).await?;
        let account = owner.as_ref().map(|(account, _)| account.id);
        let entry = Entry { address: proof.address, tag: &tag, client, now };
        let outcome = match self.verify_bare(proof, count, now) {
            Ok(spend) => self.enter(entry, spend, owner).await,
            Err(refusal) => Err(self.count_failure(refusal, entry)),
        };
        self.metrics.count_sign_in(outcome.as_ref().map_or_else(Error::code, |_| "ok"));
        if let Err(error @ (Error::NotAuthenticated(_) | Error::Forbidden(_))) = &outcome {
            let subject = Subject { account, session: None, wallet: Some(&tag) };
            self.record_refusal(Event::SignInRefused(error.code()), subject, client).await;
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

    /// Decides whether the signature proves the wallet, over a nonce that is good now.
    fn verify_bare(&self, proof: BareProof<'_>, count: u64, now: Timestamp) -> Result<Spend, Unauthenticated> {
        match proof.nonce {
            Some(named) => {
                signed_one_of(proof, std::slice::from_ref(&named.to_owned()))?;
                self.judge_named(proof.address, named, count, now)
            }
            None => self.find_signed(proof, count, now),
        }
    }

    /// The nonce was named and is signed: is it one that may be used now?
    fn judge_named(&self, wallet: Address, named: &str, count: u64, now: Timestamp) -> Result<Spend, Unauthenticated> {
        let is = |nonce: &String| {
            aws_lc_rs::constant_time::verify_slices_are_equal(nonce.as_bytes(), named.as_bytes()).is_ok()
        };
        if self.accepted(wallet, count, now).iter().any(is) {
            return Ok(Spend::Count(count));
        }
        if let Some((_, reason)) = self.outdated(wallet, count, now).iter().find(|(nonce, _)| is(nonce)) {
            return Err(*reason);
        }
        match FreeNonce::decode(&self.keychain, Purpose::SignIn, named, now) {
            Ok(free) => Ok(Spend::Nonce { id: free.id, expires_at: free.expires_at }),
            Err(FreeFault::Expired) => Err(Unauthenticated::NonceExpired),
            Err(FreeFault::Foreign) => Err(Unauthenticated::NonceUnknown),
        }
    }

    /// The nonce was not named: try those that this wallet may have signed.
    fn find_signed(&self, proof: BareProof<'_>, count: u64, now: Timestamp) -> Result<Spend, Unauthenticated> {
        let mismatch = Unauthenticated::InvalidSignature(SignatureFault::Mismatch);
        match signed_one_of(proof, &self.accepted(proof.address, count, now)) {
            Ok(_) => return Ok(Spend::Count(count)),
            Err(refusal) if refusal != mismatch => return Err(refusal),
            Err(_) => {}
        }
        let (outdated, reasons): (Vec<_>, Vec<_>) = self.outdated(proof.address, count, now).into_iter().unzip();
        let position = signed_one_of(proof, &outdated)?;
        Err(reasons.get(position).copied().unwrap_or(mismatch))
    }

    /// The nonces of this wallet that are good now, the likeliest first: of the current and the previous window, and
    /// of the next one if another node's clock may be in it already.
    fn accepted(&self, wallet: Address, count: u64, now: Timestamp) -> Vec<String> {
        let current = nonce::window(now);
        let next = nonce::window(now + self.config.wallet.clock_skew);
        let windows = [Some(current), Some(current - 1), (next > current).then_some(next)];
        let of_keys =
            |keys| windows.into_iter().flatten().map(move |w| nonce::bare(keys, Purpose::SignIn, wallet, w, count));
        self.keychain.all().flat_map(of_keys).collect()
    }

    /// Nonces that were good a moment ago, to tell "expired" and "used" from "never": one window and one count back.
    fn outdated(&self, wallet: Address, count: u64, now: Timestamp) -> Vec<(String, Unauthenticated)> {
        let current = nonce::window(now);
        let mut nonces = Vec::new();
        for keys in self.keychain.all() {
            let at = |window, count| nonce::bare(keys, Purpose::SignIn, wallet, window, count);
            nonces.push((at(current - 2, count), Unauthenticated::NonceExpired));
            if let Some(before) = count.checked_sub(1) {
                nonces.extend([current, current - 1].map(|window| (at(window, before), Unauthenticated::NonceUsed)));
            }
        }
        nonces
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
        let known = owner.map(|(account, wallet)| self.prepare(&account, wallet, entry)).transpose()?;
        let sign_in = |session| {
            let event = self.random.uuid(entry.now);
            SignIn { session, wallet_tag: entry.tag, event, client: entry.client }
        };
        let used = Error::NotAuthenticated(Unauthenticated::NonceUsed);
        if let Some((session, signed_in)) = known {
            let fresh = sign_ins::insert_alone(&self.db, spend, sign_in(&session)).await?;
            return if fresh { Ok(signed_in) } else { Err(used) };
        }
        let mut tx = self.db.write().await?;
        let (account, wallet) = self.find_or_create(&mut tx, &entry).await?;
        let (session, signed_in) = self.prepare(&account, wallet, entry)?;
        if !sign_ins::insert(&mut tx, spend, sign_in(&session)).await? {
            return Err(used);
        }
        tx.commit().await?;
        Ok(signed_in)
    }

    /// A session that begins now, and what its owner is told once it is stored.
    fn prepare(&self, account: &Account, wallet: WalletId, entry: Entry<'_>) -> Result<(Session, SignedIn), Error> {
        let admitted = gate::admit(account)?;
        let session = Session {
            id: SessionId(self.random.uuid(entry.now)),
            account: account.id,
            wallet,
            epoch: account.epoch,
            refresh_counter: 0,
            refreshed_at: entry.now,
            expires_at: entry.now + SESSION_LIFETIME,
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
        wallets::find_owner(tx, entry.address).await?.ok_or(Error::internal("a wallet that was just linked is gone"))
    }
}

/// A wallet on its way in.
#[derive(Clone, Copy)]
struct Entry<'a> {
    address: Address,
    tag: &'a [u8; 32],
    client: &'a Client,
    now: Timestamp,
}

/// The position of the nonce that the claimed wallet signed.
fn signed_one_of(proof: BareProof<'_>, nonces: &[String]) -> Result<usize, Unauthenticated> {
    let expected = Expected::Bare { address: proof.address, nonces };
    wallet::verify(proof.signature, expected).map(|wallet| wallet.nonce()).map_err(Unauthenticated::InvalidSignature)
}
