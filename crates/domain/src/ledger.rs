//! Double entry: accounts, movements and journals.
//!
//! A journal is made of movements, each of which debits one account and credits another by the
//! same amount, so that it sums to zero by construction. Entries are signed, debit positive;
//! [`Account::natural`] turns a folded sum into the balance people mean (what a wallet holds, what
//! lies at a gateway). [`fold`] is pure: balances in, entries in, balances out.

use std::collections::BTreeMap;

use crate::gateway::Gateway;
use crate::ids::WalletId;
use crate::money::Money;

/// The pockets of a wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pocket {
    Available,
    Held,
    Blocked,
}

/// Where our money lies at a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Float {
    Available,
    /// Received, but released only later.
    Unreleased,
    Blocked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    Wallet(WalletId, Pocket),
    /// What a user owes after money was taken back that the wallet no longer held.
    Receivable(WalletId),
    GatewayFloat(Gateway, Float),
    /// Fees the gateway keeps.
    GatewayFees(Gateway),
    /// Money that arrived and belongs to nobody we know.
    Suspense(Gateway),
    /// Float on its way between gateways.
    InTransit,
    /// The operator's own capital.
    Equity,
    /// Money that left and is nobody's debt: a payment executed twice.
    Losses,
}

impl Account {
    /// The stored name, without the wallet.
    pub fn code(&self) -> String {
        match self {
            Account::Wallet(_, Pocket::Available) => "wallet.available".into(),
            Account::Wallet(_, Pocket::Held) => "wallet.held".into(),
            Account::Wallet(_, Pocket::Blocked) => "wallet.blocked".into(),
            Account::Receivable(_) => "receivable".into(),
            Account::GatewayFloat(gateway, Float::Available) => {
                format!("float_available.{gateway}")
            }
            Account::GatewayFloat(gateway, Float::Unreleased) => {
                format!("float_unreleased.{gateway}")
            }
            Account::GatewayFloat(gateway, Float::Blocked) => format!("float_blocked.{gateway}"),
            Account::GatewayFees(gateway) => format!("gateway_fees.{gateway}"),
            Account::Suspense(gateway) => format!("suspense.{gateway}"),
            Account::InTransit => "in_transit".into(),
            Account::Equity => "equity".into(),
            Account::Losses => "losses".into(),
        }
    }

    /// Reads the stored name; wallet accounts need their wallet.
    pub fn parse(code: &str, wallet: Option<WalletId>) -> Option<Account> {
        let simple = match (code, wallet) {
            ("wallet.available", Some(wallet)) => Some(Account::Wallet(wallet, Pocket::Available)),
            ("wallet.held", Some(wallet)) => Some(Account::Wallet(wallet, Pocket::Held)),
            ("wallet.blocked", Some(wallet)) => Some(Account::Wallet(wallet, Pocket::Blocked)),
            ("receivable", Some(wallet)) => Some(Account::Receivable(wallet)),
            ("in_transit", None) => Some(Account::InTransit),
            ("equity", None) => Some(Account::Equity),
            ("losses", None) => Some(Account::Losses),
            _ => None,
        };
        if simple.is_some() || wallet.is_some() {
            return simple;
        }
        let (family, gateway) = code.split_once('.')?;
        let gateway = Gateway::parse(gateway)?;
        match family {
            "float_available" => Some(Account::GatewayFloat(gateway, Float::Available)),
            "float_unreleased" => Some(Account::GatewayFloat(gateway, Float::Unreleased)),
            "float_blocked" => Some(Account::GatewayFloat(gateway, Float::Blocked)),
            "gateway_fees" => Some(Account::GatewayFees(gateway)),
            "suspense" => Some(Account::Suspense(gateway)),
            _ => None,
        }
    }

    pub const fn wallet(&self) -> Option<WalletId> {
        match self {
            Account::Wallet(wallet, _) | Account::Receivable(wallet) => Some(*wallet),
            Account::GatewayFloat(..)
            | Account::GatewayFees(_)
            | Account::Suspense(_)
            | Account::InTransit
            | Account::Equity
            | Account::Losses => None,
        }
    }

    /// The balance people mean by a folded sum of debits and credits: what we owe (wallets,
    /// suspense, equity) grows by credits, what we own or spend grows by debits.
    pub const fn natural(&self, debit_sum: i64) -> i64 {
        match self {
            Account::Wallet(..) | Account::Suspense(_) | Account::Equity => -debit_sum,
            Account::Receivable(_)
            | Account::GatewayFloat(..)
            | Account::GatewayFees(_)
            | Account::InTransit
            | Account::Losses => debit_sum,
        }
    }

    /// Accounts that may never go below zero.
    pub const fn never_negative(&self) -> bool {
        matches!(self, Account::Wallet(..) | Account::Receivable(_))
    }
}

/// One amount from one account to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    pub debit: Account,
    pub credit: Account,
    pub amount: Money,
}

/// One leg of a journal; debit positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub account: Account,
    pub debit_cents: i64,
}

/// Legs that sum to zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    #[error("an amount leaves the representable range")]
    Overflow,
    #[error("{account:?} would be {cents} centavos")]
    Overdraft { account: Account, cents: i64 },
}

impl Journal {
    /// Joins movements into one leg per account and side. Movements of zero vanish.
    pub fn new(movements: &[Movement]) -> Result<Journal, LedgerError> {
        let mut legs: BTreeMap<(Account, bool), i64> = BTreeMap::new();
        for movement in movements
            .iter()
            .filter(|movement| !movement.amount.is_zero())
        {
            let cents = movement.amount.cents();
            for (account, is_debit, signed) in [
                (movement.debit, true, cents),
                (movement.credit, false, -cents),
            ] {
                let leg = legs.entry((account, is_debit)).or_insert(0);
                *leg = leg.checked_add(signed).ok_or(LedgerError::Overflow)?;
            }
        }
        let entries: Vec<Entry> = legs
            .into_iter()
            .map(|((account, _), debit_cents)| Entry {
                account,
                debit_cents,
            })
            .collect();
        let total: i128 = entries
            .iter()
            .map(|entry| i128::from(entry.debit_cents))
            .sum();
        assert_eq!(total, 0, "movements have two equal legs");
        Ok(Journal { entries })
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Applies a journal to natural balances; refuses the whole journal when one protected account
/// would go negative. Accounts that are not listed start at zero.
pub fn fold(
    balances: &BTreeMap<Account, i64>,
    journal: &Journal,
) -> Result<BTreeMap<Account, i64>, LedgerError> {
    let mut next = balances.clone();
    for entry in journal.entries() {
        let balance = next.entry(entry.account).or_insert(0);
        *balance = balance
            .checked_add(entry.account.natural(entry.debit_cents))
            .ok_or(LedgerError::Overflow)?;
    }
    let overdrawn = journal
        .entries()
        .iter()
        .map(|entry| entry.account)
        .find(|account| {
            account.never_negative() && next.get(account).is_some_and(|cents| *cents < 0)
        });
    match overdrawn {
        Some(account) => Err(LedgerError::Overdraft {
            account,
            cents: next[&account],
        }),
        None => Ok(next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wallet(n: u8) -> WalletId {
        WalletId::from_bytes([n; 16])
    }
    fn available(n: u8) -> Account {
        Account::Wallet(wallet(n), Pocket::Available)
    }
    fn held(n: u8) -> Account {
        Account::Wallet(wallet(n), Pocket::Held)
    }
    fn cents(cents: i64) -> Money {
        Money::from_cents(cents).unwrap()
    }

    fn any_account() -> impl Strategy<Value = Account> {
        prop_oneof![
            (1u8..4).prop_map(available),
            (1u8..4).prop_map(held),
            (1u8..4).prop_map(|n| Account::Receivable(wallet(n))),
            Just(Account::GatewayFloat(Gateway::Efi, Float::Available)),
            Just(Account::GatewayFloat(
                Gateway::MercadoPago,
                Float::Unreleased
            )),
            Just(Account::GatewayFees(Gateway::Efi)),
            Just(Account::Suspense(Gateway::MercadoPago)),
            Just(Account::Equity),
            Just(Account::Losses),
            Just(Account::InTransit),
        ]
    }

    #[test]
    fn a_pay_in_is_booked_gross_with_its_fee_apart() {
        let float = Account::GatewayFloat(Gateway::Efi, Float::Available);
        let fees = Account::GatewayFees(Gateway::Efi);
        let journal = Journal::new(&[
            Movement {
                debit: float,
                credit: available(1),
                amount: cents(9_901),
            },
            Movement {
                debit: fees,
                credit: available(1),
                amount: cents(99),
            },
        ])
        .unwrap();
        let balances = fold(&BTreeMap::new(), &journal).unwrap();
        assert_eq!(
            balances,
            BTreeMap::from([(float, 9_901), (fees, 99), (available(1), 10_000)])
        );
    }

    #[test]
    fn a_wallet_never_goes_negative_but_a_float_may() {
        let hold = Journal::new(&[Movement {
            debit: available(1),
            credit: held(1),
            amount: cents(1),
        }])
        .unwrap();
        assert_eq!(
            fold(&BTreeMap::new(), &hold),
            Err(LedgerError::Overdraft {
                account: available(1),
                cents: -1
            })
        );
        let float = Account::GatewayFloat(Gateway::Efi, Float::Available);
        let out = Journal::new(&[Movement {
            debit: Account::Equity,
            credit: float,
            amount: cents(5),
        }])
        .unwrap();
        assert_eq!(fold(&BTreeMap::new(), &out).unwrap()[&float], -5);
    }

    #[test]
    fn legs_of_one_account_are_joined_and_zero_vanishes() {
        let journal = Journal::new(&[
            Movement {
                debit: available(1),
                credit: held(1),
                amount: cents(3),
            },
            Movement {
                debit: available(1),
                credit: held(1),
                amount: cents(4),
            },
            Movement {
                debit: available(2),
                credit: held(2),
                amount: Money::ZERO,
            },
        ])
        .unwrap();
        assert_eq!(journal.entries().len(), 2);
    }

    proptest! {
        #[test]
        fn every_journal_sums_to_zero_and_folds_to_zero(
            moves in proptest::collection::vec((any_account(), any_account(), 0i64..1_000_000), 0..12),
        ) {
            let moves: Vec<Movement> = moves
                .into_iter()
                .map(|(debit, credit, amount)| Movement { debit, credit, amount: cents(amount) })
                .collect();
            let journal = Journal::new(&moves).unwrap();
            prop_assert_eq!(journal.entries().iter().map(|entry| entry.debit_cents).sum::<i64>(), 0);
            let rich: BTreeMap<Account, i64> =
                journal.entries().iter().map(|entry| (entry.account, 1_000_000_000)).collect();
            let after = fold(&rich, &journal).unwrap();
            let debits = |balances: &BTreeMap<Account, i64>| -> i64 {
                balances.iter().map(|(account, natural)| account.natural(*natural)).sum()
            };
            prop_assert_eq!(debits(&after), debits(&rich));
        }

        #[test]
        fn stored_names_round_trip(account in any_account()) {
            prop_assert_eq!(Account::parse(&account.code(), account.wallet()), Some(account));
        }
    }
}
