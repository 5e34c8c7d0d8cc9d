//! The invariants that run in production: what must be true of the database, with figures.
//!
//! Each check reads facts from the store and names every row that breaks its rule. A broken rule
//! is a reason to stop and look, never to repair by itself.

use std::collections::BTreeMap;

use domain::gateway::Gateway;
use domain::ledger::{Account, Float};
use domain::time::Moment;

use crate::context::App;
use crate::dispatch_epoch::Dispatch;
use crate::ports::store::{StoreError, WalletFold};

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The rule, as a sentence that should be true.
    pub rule: &'static str,
    /// What was looked at, for people.
    pub figures: String,
    /// The rows that break it, empty when it holds.
    pub broken: Vec<String>,
}

/// Rows listed per broken rule.
const ROWS: u32 = 50;
const PAGE: u32 = 500;

/// The rules that the store itself can look for, with their sentences.
const STORE_RULES: &str = "no row breaks a rule of the schema that only a query can see";

/// Runs all checks.
pub async fn check(app: &App) -> Result<Vec<Check>, StoreError> {
    let mut checks = vec![journals(app).await?];
    checks.extend(wallets(app).await?);
    checks.extend(system_accounts(app).await?);
    checks.push(stored_rules(app).await?);
    checks.push(pending_in_time(app).await?);
    checks.push(decided_exceptions(app).await?);
    Ok(checks)
}

async fn journals(app: &App) -> Result<Check, StoreError> {
    let totals = app.store.totals().await?;
    let broken = app.store.unbalanced_journals(ROWS).await?;
    Ok(Check {
        rule: "every journal sums to zero",
        figures: format!("{} journals, {} entries", totals.journals, totals.entries),
        broken: broken
            .into_iter()
            .map(|(id, sum)| format!("journal {id} sums to {sum} centavos"))
            .collect(),
    })
}

async fn wallets(app: &App) -> Result<[Check; 4], StoreError> {
    let (mut count, mut money) = (0u64, [0i128; 3]);
    let (mut balances, mut holds, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    let mut disputes = Vec::new();
    let mut after = None;
    loop {
        let page = app.store.wallet_folds(after, PAGE).await?;
        for fold in &page {
            count += 1;
            let row = &fold.row;
            for (sum, part) in money.iter_mut().zip([row.available, row.held, row.blocked]) {
                *sum += i128::from(part.cents());
            }
            balances.extend(balances_differ(fold));
            if row.held.cents() != fold.open_holds {
                let (held, open) = (row.held.cents(), fold.open_holds);
                holds.push(format!(
                    "wallet {} holds {held} centavos for payments that need {open}",
                    row.id
                ));
            }
            if row.blocked.cents() != fold.open_disputes {
                let (blocked, open) = (row.blocked.cents(), fold.open_disputes);
                disputes.push(format!(
                    "wallet {} blocks {blocked} centavos for disputes over {open}",
                    row.id
                ));
            }
            if let Some(seq) = fold.first_bad_seq {
                entries.push(format!(
                    "wallet {}: entry {seq} breaks the order or the running balance",
                    row.id
                ));
            } else if fold.last_seq != row.seq {
                let (entry, seq) = (fold.last_seq, row.seq);
                entries.push(format!(
                    "wallet {} counts {seq} entries, the last one is {entry}",
                    row.id
                ));
            }
        }
        match page.last() {
            Some(last) if page.len() == PAGE as usize => after = Some(last.row.id),
            Some(_) | None => break,
        }
    }
    let [available, held, blocked] = money;
    let figures =
        format!("{count} wallets: {available} available, {held} held, {blocked} blocked centavos");
    Ok([
        Check {
            rule: "every wallet equals the fold of its entries",
            figures: figures.clone(),
            broken: balances,
        },
        Check {
            rule: "money held equals the payments under way",
            figures: figures.clone(),
            broken: holds,
        },
        Check {
            rule: "money blocked equals the open disputes",
            figures,
            broken: disputes,
        },
        Check {
            rule: "every wallet's entries are numbered without a gap and carry the running balance",
            figures: format!("{count} wallets"),
            broken: entries,
        },
    ])
}

fn balances_differ(fold: &WalletFold) -> Vec<String> {
    let row = &fold.row;
    [
        ("available", row.available.cents(), fold.available),
        ("held", row.held.cents(), fold.held),
        ("blocked", row.blocked.cents(), fold.blocked),
        ("receivable", row.receivable.cents(), fold.receivable),
    ]
    .into_iter()
    .filter(|(_, stored, folded)| stored != folded)
    .map(|(name, stored, folded)| {
        format!(
            "wallet {}: {name} is {stored} centavos, its entries make {folded}",
            row.id
        )
    })
    .collect()
}

/// How often rows and accounts are read that other commits keep changing between two reads.
const LOOKS: u32 = 5;

async fn system_accounts(app: &App) -> Result<[Check; 2], StoreError> {
    let mut rows = app.store.open_totals().await?;
    let mut balances = app.store.system_balances().await?;
    for _ in 1..LOOKS {
        let again = app.store.open_totals().await?;
        if again == rows {
            break;
        }
        rows = again;
        balances = app.store.system_balances().await?;
    }
    let shown: Vec<String> = balances
        .iter()
        .map(|(account, cents)| format!("{account} {cents}"))
        .collect();
    let suspense: Vec<String> = balances
        .iter()
        .filter(|(account, cents)| account.starts_with("suspense") && **cents < 0)
        .map(|(account, cents)| format!("{account} is {cents} centavos"))
        .collect();
    let figures = if shown.is_empty() {
        "no system accounts".to_owned()
    } else {
        shown.join(", ")
    };
    Ok([
        Check {
            rule: "no suspense account is below zero",
            figures: figures.clone(),
            broken: suspense,
        },
        Check {
            rule: "suspense, float in transit and what gateways keep from us equal their rows",
            figures,
            broken: rows_differ(&rows, &balances),
        },
    ])
}

fn rows_differ(rows: &BTreeMap<String, i64>, balances: &BTreeMap<String, i64>) -> Vec<String> {
    let cents = |map: &BTreeMap<String, i64>, code: &str| map.get(code).copied().unwrap_or(0);
    Gateway::ALL
        .into_iter()
        .flat_map(|gateway| {
            [
                Account::Suspense(gateway),
                Account::GatewayFloat(gateway, Float::Blocked),
            ]
        })
        .chain([Account::InTransit])
        .map(|account| account.code())
        .filter(|code| cents(rows, code) != cents(balances, code))
        .map(|code| {
            let (counted, held) = (cents(rows, &code), cents(balances, &code));
            format!("{code} is {held} centavos, its rows make {counted}")
        })
        .collect()
}

async fn stored_rules(app: &App) -> Result<Check, StoreError> {
    let totals = app.store.totals().await?;
    let broken = app.store.broken_rows(ROWS).await?;
    Ok(Check {
        rule: STORE_RULES,
        figures: format!(
            "{} transactions, {} sends, {} events",
            totals.transactions, totals.sends, totals.events
        ),
        broken: broken
            .into_iter()
            .map(|row| format!("{}: {} ({})", row.rule, row.row, row.detail))
            .collect(),
    })
}

/// What people decided is an exception from the proofs: counted, so that somebody asks why.
async fn decided_exceptions(app: &App) -> Result<Check, StoreError> {
    let decisions = app.store.decisions().await?;
    let total: u64 = decisions.values().sum();
    let each: Vec<String> = decisions
        .iter()
        .map(|(outcome, count)| format!("{count} {outcome}"))
        .collect();
    let losses = app.store.account_balance(Account::Losses).await?;
    let mut broken = Vec::new();
    if losses < 0 {
        broken.push(format!("the losses are {losses} centavos"));
    }
    Ok(Check {
        rule: "every exception from the proofs was decided by two people",
        figures: format!(
            "{total} decided exceptions ({}), {losses} centavos lost",
            if each.is_empty() {
                "none".to_owned()
            } else {
                each.join(", ")
            }
        ),
        broken,
    })
}

/// A pending stage may be past its maximum for as long as a sweep takes, not longer.
async fn pending_in_time(app: &App) -> Result<Check, StoreError> {
    let patience = app.settings.job_lease.times(4);
    let limit: Moment = app.now().minus(patience);
    let mut overdue = app.store.overdue(limit, ROWS).await?;
    let dispatch = app.read_dispatch().await?;
    if dispatch != Dispatch::Running {
        // They wait on purpose, and their time does not run.
        overdue.retain(|row| row.stage != "queued");
    }
    Ok(Check {
        rule: "nothing is pending past its maximum age",
        figures: match dispatch {
            Dispatch::Running => format!("{} overdue", overdue.len()),
            Dispatch::Stopped { .. } => format!(
                "{} overdue; payments wait for the comparison with the gateways",
                overdue.len()
            ),
        },
        broken: overdue
            .into_iter()
            .map(|row| {
                format!(
                    "{} is {} since {}",
                    row.id,
                    row.stage,
                    row.updated_at.micros()
                )
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_compared_with_the_accounts_they_explain() {
        let map = |pairs: &[(&str, i64)]| -> BTreeMap<String, i64> {
            let owned = pairs
                .iter()
                .map(|(code, cents)| ((*code).to_owned(), *cents));
            owned.collect()
        };
        let rows = map(&[("suspense.efi", 70), ("float_blocked.mercado_pago", 5)]);
        let more = map(&[
            ("suspense.efi", 70),
            ("float_blocked.mercado_pago", 5),
            ("float_blocked.efi", 0),
            ("float_available.efi", 9),
        ]);
        assert_eq!(rows_differ(&rows, &more), Vec::<String>::new());
        let less = map(&[("suspense.efi", 70)]);
        assert_eq!(
            rows_differ(&rows, &less),
            ["float_blocked.mercado_pago is 0 centavos, its rows make 5"]
        );
        assert_eq!(
            rows_differ(&map(&[]), &map(&[("in_transit", 9)])),
            ["in_transit is 9 centavos, its rows make 0"]
        );
        assert_eq!(
            rows_differ(&less, &map(&[("suspense.efi", -1)])),
            ["suspense.efi is -1 centavos, its rows make 70"]
        );
    }
}
