//! Whether a contender has done what it says.

use crate::account::{amount, balance_of_history};
use crate::{Balance, Balances, Contender};
use anyhow::Result;

/// How many accounts are loaded to be checked.
const SAMPLE: usize = 500;

/// What the balances of accounts must be.
pub(crate) struct Expected {
    /// How many events each had at first.
    pub(crate) events: u64,
    /// How many commands each has had since.
    pub(crate) passes: u64,
}

impl Expected {
    fn balance(&self, account: u64) -> Balance {
        let mut balance = balance_of_history(account, self.events);
        balance.version += self.passes;
        balance.cents += (1..=self.passes).map(|pass| amount(account, pass) as i64).sum::<i64>();
        balance
    }

    /// Loads some of these accounts, and compares.
    pub(crate) async fn check<C: Contender>(
        &self,
        contender: &C,
        accounts: &[u64],
    ) -> Result<Option<String>> {
        let step = accounts.len().div_ceil(SAMPLE).max(1);
        for &account in accounts.iter().step_by(step) {
            let found = contender.balance(account).await?;
            if let Some(wrong) = difference(account, found, self.balance(account)) {
                return Ok(Some(wrong));
            }
        }
        Ok(None)
    }

    /// Compares all balances.
    pub(crate) fn check_all(&self, found: &Balances, accounts: u64) -> Option<String> {
        if found.len() as u64 != accounts {
            return Some(format!("{} accounts, expected {accounts}", found.len()));
        }
        let found_of = |account| found.get(&account).copied().unwrap_or_default();
        (0..accounts).find_map(|account| difference(account, found_of(account), self.balance(account)))
    }
}

fn difference(account: u64, found: Balance, expected: Balance) -> Option<String> {
    (found != expected).then(|| format!("account {account} comes to {found:?}, expected {expected:?}"))
}

/// Whether the store has as many events as were acknowledged, and at most as many more as failed.
pub(crate) async fn check_count<C: Contender>(
    contender: &C,
    acknowledged: u64,
    failed: u64,
) -> Result<Option<String>> {
    let found = contender.count().await?;
    let right = (acknowledged..=acknowledged + failed).contains(&found);
    Ok((!right).then(|| format!("{found} events are stored, expected {acknowledged}")))
}
