//! Wallets, their balances and their statement.

use app::ports::store::{StatementLine, WalletRow};
use domain::ledger::{Account, Pocket};
use serde::Serialize;
use utoipa::ToSchema;

use super::time;

/// Everything is in reais.
const CURRENCY: &str = "BRL";

/// A wallet and its balances in centavos.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Wallet)]
pub struct WalletBody {
    #[schema(example = "wal_018f2f6e3b7a7c4c9d2e5f60718293a4")]
    pub id: String,
    pub user_id: String,
    /// Free to spend.
    pub available_cents: i64,
    /// Reserved for payouts and refunds under way.
    pub held_cents: i64,
    /// Blocked by a dispute.
    pub blocked_cents: i64,
    /// Owed after money was taken back that the wallet no longer held; later credits repay it first.
    pub receivable_cents: i64,
    /// Always `BRL`.
    pub currency: &'static str,
    pub limits: LimitsBody,
    #[schema(format = DateTime)]
    pub created_at: String,
}

/// What the wallet may send, in centavos.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Limits)]
pub struct LimitsBody {
    pub per_transaction_cents: i64,
    pub per_day_cents: i64,
    /// From 20:00 to 06:00 in Brasília.
    pub per_night_cents: i64,
}

impl From<&WalletRow> for WalletBody {
    fn from(row: &WalletRow) -> WalletBody {
        WalletBody {
            id: row.id.to_string(),
            user_id: row.user_id.to_string(),
            available_cents: row.available.cents(),
            held_cents: row.held.cents(),
            blocked_cents: row.blocked.cents(),
            receivable_cents: row.receivable.cents(),
            currency: CURRENCY,
            limits: LimitsBody {
                per_transaction_cents: row.limits.per_transaction.cents(),
                per_day_cents: row.limits.per_day.cents(),
                per_night_cents: row.limits.per_night.cents(),
            },
            created_at: time::format(row.created_at),
        }
    }
}

/// One entry of a wallet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatementEntry)]
pub struct EntryBody {
    /// The number of the entry in its wallet.
    pub seq: u64,
    #[schema(format = DateTime)]
    pub at: String,
    /// `available`, `held`, `blocked` or `receivable`.
    pub account: &'static str,
    /// What happened, such as `pay_in` or `payout_hold`.
    pub kind: String,
    pub transaction_id: Option<String>,
    /// The change of the account, in centavos.
    pub amount_cents: i64,
    /// The balance of the account after this entry, in centavos.
    pub balance_after_cents: i64,
}

impl From<&StatementLine> for EntryBody {
    fn from(line: &StatementLine) -> EntryBody {
        EntryBody {
            seq: line.seq,
            at: time::format(line.at),
            account: account(&line.account),
            kind: line.journal_kind.clone(),
            transaction_id: line.transaction_id.map(|id| id.to_string()),
            amount_cents: line.cents,
            balance_after_cents: line.balance_after,
        }
    }
}

fn account(account: &Account) -> &'static str {
    match account {
        Account::Wallet(_, Pocket::Available) => "available",
        Account::Wallet(_, Pocket::Held) => "held",
        Account::Wallet(_, Pocket::Blocked) => "blocked",
        Account::Receivable(_) => "receivable",
        // Not a wallet's: the store lists no such line.
        Account::GatewayFloat(..)
        | Account::GatewayFees(_)
        | Account::Suspense(_)
        | Account::InTransit
        | Account::Equity
        | Account::Losses => "system",
    }
}

/// The balances of a wallet as of a moment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BalanceAt)]
pub struct BalanceAtBody {
    pub wallet_id: String,
    #[schema(format = DateTime)]
    pub at: String,
    pub available_cents: i64,
    pub held_cents: i64,
    pub blocked_cents: i64,
    /// Always `BRL`.
    pub currency: &'static str,
}

impl BalanceAtBody {
    pub fn new(
        wallet_id: domain::ids::WalletId,
        at: domain::time::Moment,
        (available_cents, held_cents, blocked_cents): (i64, i64, i64),
    ) -> BalanceAtBody {
        BalanceAtBody {
            wallet_id: wallet_id.to_string(),
            at: time::format(at),
            available_cents,
            held_cents,
            blocked_cents,
            currency: CURRENCY,
        }
    }
}

/// The columns of the statement as CSV (RFC 4180).
pub const CSV_HEADER: &str =
    "seq,at,account,kind,transaction_id,amount_cents,balance_after_cents\r\n";

/// One line of the statement as CSV. Every value is ours and needs no quotes.
pub fn csv_line(line: &StatementLine) -> String {
    let entry = EntryBody::from(line);
    format!(
        "{},{},{},{},{},{},{}\r\n",
        entry.seq,
        entry.at,
        entry.account,
        entry.kind,
        entry.transaction_id.unwrap_or_default(),
        entry.amount_cents,
        entry.balance_after_cents,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::{JournalId, WalletId};
    use domain::time::Moment;

    #[test]
    fn a_statement_line_reads_the_same_as_csv() {
        let line = StatementLine {
            seq: 3,
            at: Moment::from_micros(0),
            journal_id: JournalId::from_bytes([0; 16]),
            journal_kind: "payout_hold".into(),
            transaction_id: None,
            account: Account::Wallet(WalletId::from_bytes([0; 16]), Pocket::Available),
            cents: -1_050,
            balance_after: 0,
        };
        assert_eq!(
            csv_line(&line),
            "3,1970-01-01T00:00:00.000000Z,available,payout_hold,,-1050,0\r\n"
        );
        assert_eq!(
            CSV_HEADER.matches(',').count(),
            csv_line(&line).matches(',').count()
        );
    }
}
