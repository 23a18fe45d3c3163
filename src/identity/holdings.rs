//! What the caller's wallet holds across chains.

use std::sync::Arc;

use super::{Caller, Core};
use crate::chain::Balance;
use crate::model::error::{Dependency, Violation};
use crate::model::{Address, Client, Error};

/// What a wallet holds, by the chains that answered.
pub struct Holdings {
    /// The wallet.
    pub address: Address,
    /// What it holds on each chain, the native coin first.
    balances: Vec<Arc<Vec<Balance>>>,
    non_zero: bool,
    /// The chains that did not answer.
    pub unavailable: Vec<u64>,
}

/// Which balances are asked for.
#[derive(Clone, Debug, Default)]
pub struct HoldingsFilter {
    /// The chains; all if there are none.
    pub chains: Vec<u64>,
    /// Only what the wallet has some of.
    pub non_zero: bool,
}

impl Holdings {
    /// What was asked for, each chain's native coin first.
    pub fn balances(&self) -> impl Iterator<Item = &Balance> {
        let all = self.balances.iter().flat_map(|of_chain| of_chain.iter());
        all.filter(|balance| !self.non_zero || !balance.balance.is_zero())
    }
}

impl Core {
    /// What the wallet that signed in holds, else the account's primary one.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a chain that is not read here, [`Error::Conflict`] for an account without an EVM wallet,
    /// [`Error::TooMany`], [`Error::Unavailable`] if no chain answers.
    pub async fn holdings(&self, caller: &Caller, filter: &HoldingsFilter, client: &Client) -> Result<Holdings, Error> {
        let address = caller.address()?;
        self.limit_balances(caller, client, self.clock.now())?;
        let is_read = |id: &u64| self.chains.ids().any(|read| read == *id);
        let unknown = filter.chains.iter().filter(|id| !is_read(id));
        let violations: Vec<Violation> = unknown
            .map(|id| Violation { field: "chainId".to_owned(), message: format!("chain {id} is not read here") })
            .collect();
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let all = self.chains.balances(address, &filter.chains);
        let away = Error::Unavailable(Dependency::Chains);
        let said = tokio::time::timeout(self.config.balances.deadline, all).await.map_err(|_| away)?;
        let unavailable: Vec<u64> = said.iter().filter(|said| said.balances.is_none()).map(|said| said.chain).collect();
        if !said.is_empty() && unavailable.len() == said.len() {
            return Err(Error::Unavailable(Dependency::Chains));
        }
        let balances = said.into_iter().filter_map(|said| said.balances).collect();
        Ok(Holdings { address, balances, non_zero: filter.non_zero, unavailable })
    }
}
