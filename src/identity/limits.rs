//! The limits per client network: token buckets in memory, bounded in number.

use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use uuid::Uuid;

use super::{Caller, Core};
use crate::clock::Timestamp;
use crate::config::Limits;
use crate::model::bucket::{FullAt, Rate};
use crate::model::error::Limited;
use crate::model::{Client, Error, Network};

/// The most buckets that are kept: about 10 MiB. Beyond that, newcomers share one bucket, which is strict on them
/// and keeps the memory of those who are known.
const MOST_BUCKETS: usize = 100_000;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Policy {
    Nonces,
    SignIns,
    Refreshes,
    Writes,
    Balances,
    WalletFailures,
    RefusedCredentials,
    Passwords,
    Registrations,
    Listings,
    Recoveries,
    Memberships,
    Devices,
}

impl Policy {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Nonces => "nonces",
            Self::SignIns => "sign_ins",
            Self::Refreshes => "refreshes",
            Self::Writes => "writes",
            Self::Balances => "balances",
            Self::WalletFailures => "wallet_failures",
            Self::RefusedCredentials => "refused_credentials",
            Self::Passwords => "passwords",
            Self::Registrations => "registrations",
            Self::Listings => "listings",
            Self::Recoveries => "recoveries",
            Self::Memberships => "memberships",
            Self::Devices => "devices",
        }
    }

    const fn rate(self, limits: &Limits) -> Rate {
        match self {
            Self::Nonces => limits.nonces,
            Self::SignIns => limits.sign_ins,
            Self::Refreshes => limits.refreshes,
            Self::Writes => limits.writes,
            Self::Balances => limits.balances,
            Self::WalletFailures => limits.wallet_failures,
            Self::RefusedCredentials => limits.refused_credentials,
            Self::Passwords => limits.passwords,
            Self::Registrations => limits.registrations,
            Self::Listings => limits.listings,
            Self::Recoveries => limits.recoveries,
            Self::Memberships => limits.memberships,
            Self::Devices => limits.devices,
        }
    }
}

/// Whose bucket of what it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    policy: Policy,
    whose: Whose,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Whose {
    /// A client network's.
    Network(Network),
    /// A client network's towards one wallet.
    Towards(Network, [u8; 32]),
    /// An account's from one client network: who has stolen a credential must not keep its owner from reading.
    Account(Network, Uuid),
    /// A session's, or the API key's of an account: not an account's, since who has stolen one credential must not keep
    /// its owner from replacing it with another.
    Credential(Uuid),
    /// All of those who came when there was no room for more.
    Newcomers,
}

pub(super) struct Limiter {
    limits: Limits,
    buckets: DashMap<Key, FullAt>,
    count: AtomicUsize,
}

impl Limiter {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, buckets: DashMap::new(), count: AtomicUsize::new(0) }
    }

    fn take(&self, key: Key, now: Timestamp) -> Result<(), Limited> {
        if !self.limits.enabled {
            return Ok(());
        }
        let rate = key.policy.rate(&self.limits);
        let refused = |retry_after| Limited { policy: key.policy.name(), burst: rate.burst, retry_after };
        let room = self.count.load(Ordering::Relaxed) < MOST_BUCKETS;
        match self.buckets.entry(key) {
            Entry::Occupied(mut bucket) => {
                let fill = rate.take(Some(*bucket.get()), now).map_err(refused)?;
                bucket.insert(fill);
                Ok(())
            }
            Entry::Vacant(vacant) if room || key.whose == Whose::Newcomers => {
                vacant.insert(rate.take(None, now).map_err(refused)?);
                self.count.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            // The entry holds a lock on its part of the map, and the shared bucket may lie in the same part.
            Entry::Vacant(vacant) => {
                drop(vacant);
                self.take(Key { policy: key.policy, whose: Whose::Newcomers }, now)
            }
        }
    }

    /// Forgets the buckets that are full again: a full bucket and an unknown one are the same.
    pub(super) fn sweep(&self, now: Timestamp) {
        self.buckets.retain(|_, full_at| full_at.0 > now);
        self.count.store(self.buckets.len(), Ordering::Relaxed);
    }
}

impl Core {
    /// Takes one out of the client network's bucket.
    pub(super) fn limit(&self, policy: Policy, client: &Client, now: Timestamp) -> Result<(), Error> {
        self.limit_by(Key { policy, whose: Whose::Network(client.network()) }, now)
    }

    /// Takes one out of the bucket of what this caller changes.
    pub(super) fn limit_writes(&self, caller: &Caller, now: Timestamp) -> Result<(), Error> {
        let credential = caller.session_of_token().map_or(caller.account().id.0, |session| session.0);
        self.limit_by(Key { policy: Policy::Writes, whose: Whose::Credential(credential) }, now)
    }

    /// Takes one out of the bucket of what this account reads of chains from this client network.
    pub(super) fn limit_balances(&self, caller: &Caller, client: &Client, now: Timestamp) -> Result<(), Error> {
        let whose = Whose::Account(client.network(), caller.account().id.0);
        self.limit_by(Key { policy: Policy::Balances, whose }, now)
    }

    /// Takes one out of the bucket of this client network towards this wallet.
    pub(super) fn limit_failures(&self, wallet: &[u8; 32], client: &Client, now: Timestamp) -> Result<(), Error> {
        self.limit_towards(Policy::WalletFailures, wallet, client, now)
    }

    /// Takes one out of the bucket of this client network towards this.
    pub(super) fn limit_towards(
        &self,
        policy: Policy,
        towards: &[u8; 32],
        client: &Client,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.limit_by(Key { policy, whose: Whose::Towards(client.network(), *towards) }, now)
    }

    fn limit_by(&self, key: Key, now: Timestamp) -> Result<(), Error> {
        self.limiter.take(key, now).map_err(|limited| {
            self.metrics.count_limited(limited.policy);
            Error::TooMany(limited)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const RATE: Rate = Rate { per_minute: 60, burst: 2 };
    const LIMITS: Limits = Limits {
        enabled: true,
        nonces: RATE,
        sign_ins: RATE,
        refreshes: RATE,
        writes: RATE,
        balances: RATE,
        wallet_failures: RATE,
        refused_credentials: RATE,
        passwords: RATE,
        registrations: RATE,
        recoveries: RATE,
        listings: RATE,
        memberships: RATE,
        devices: RATE,
    };
    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    fn key(host: u32, wallet: Option<u8>) -> Key {
        let network = Network::of(IpAddr::V4(Ipv4Addr::from(host)));
        let whose = wallet.map_or(Whose::Network(network), |byte| Whose::Towards(network, [byte; 32]));
        Key { policy: Policy::Nonces, whose }
    }

    #[test]
    fn networks_and_wallets_have_buckets_of_their_own() {
        let limiter = Limiter::new(LIMITS);
        for key in [key(1, None), key(2, None), key(1, Some(1)), key(1, Some(2))] {
            assert!(limiter.take(key, NOW).is_ok());
            assert!(limiter.take(key, NOW).is_ok());
            assert!(limiter.take(key, NOW).is_err());
        }
    }

    #[test]
    fn a_flood_of_networks_stays_bounded_and_is_limited_together() {
        let limiter = Limiter::new(LIMITS);
        let most = u32::try_from(MOST_BUCKETS).unwrap();
        for host in 0..most {
            limiter.take(key(host, None), NOW).unwrap();
        }
        assert!(limiter.take(key(most, None), NOW).is_ok());
        assert!(limiter.take(key(most + 1, None), NOW).is_ok());
        assert!(limiter.take(key(most + 2, None), NOW).is_err(), "newcomers share one bucket");
        assert!(limiter.take(key(7, None), NOW).is_ok(), "those who are known keep theirs");
        assert!(limiter.buckets.len() <= MOST_BUCKETS + 1);
        limiter.sweep(NOW + std::time::Duration::from_mins(1));
        assert_eq!(limiter.buckets.len(), 0);
        assert!(limiter.take(key(most + 2, None), NOW).is_ok());
    }
}
