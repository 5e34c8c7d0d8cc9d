//! What `check` asks: facts that must not exist, folds to compare, and totals.

use std::collections::BTreeMap;

use app::ports::store::*;
use domain::ids::{JournalId, WalletId};
use domain::ledger::{Account, Float, Pocket};

use super::many;
use crate::rows::{self, Reader};
use crate::sql::{Sql, check, ledger};
use crate::tx::{Done, Tx};
use crate::value::{Val, args};

/// How many entries of a wallet are folded at once.
const ENTRIES_AT_ONCE: u32 = 5_000;

/// `(name of the rule, what the detail counts, statement)`.
const RULES: &[(&str, &str, &Sql)] = &[
    ("attempts.live", "live attempts", check::TWO_LIVE_ATTEMPTS),
    (
        "attempts.done_once",
        "done attempts",
        check::TWO_DONE_ATTEMPTS,
    ),
    (
        "attempts.loss_booked",
        "attempts executed besides",
        check::LOSS_UNBOOKED,
    ),
    (
        "proposals.in_review",
        "number of the attempt",
        check::STRAY_PROPOSAL,
    ),
    (
        "attempts.decided",
        "number of the attempt without its decision",
        check::UNDECIDED_LICENCE,
    ),
    (
        "attempts.licence",
        "number of the attempt without a licence",
        check::UNLICENSED,
    ),
    (
        "attempts.transaction",
        "number of the attempt",
        check::ORPHAN_ATTEMPT,
    ),
    ("sends.attempt", "number of the send", check::ORPHAN_SEND),
    (
        "sends.closed",
        "number of the send left open",
        check::OPEN_SEND_AFTER_END,
    ),
    ("events.gapless", "last version", check::EVENT_GAP),
    (
        "events.gapless",
        "version without its event",
        check::EVENT_MISSING,
    ),
    (
        "transactions.journal",
        "centavos without a journal",
        check::SUCCESS_WITHOUT_JOURNAL,
    ),
    (
        "transactions.settled_attempt",
        "centavos without a done attempt",
        check::SUCCESS_WITHOUT_DONE,
    ),
    (
        "transactions.failed_but_done",
        "centavos paid by a failed transaction",
        check::FAILED_BUT_DONE,
    ),
    (
        "pay_ins.credited_once",
        "pay-ins of the transaction",
        check::PAY_IN_CREDITS,
    ),
    (
        "pay_ins.credited_once",
        "credit without a pay-in",
        check::CREDIT_WITHOUT_PAY_IN,
    ),
    (
        "pay_ins.disputed",
        "centavos disputed by the pay-in's own count",
        check::DISPUTED_DRIFT,
    ),
    (
        "pay_ins.amount",
        "centavos of a pay-in that more is gone or blocked of",
        check::ABOVE_PAY_IN,
    ),
    (
        "disputes.pay_in",
        "number of the dispute",
        check::ORPHAN_DISPUTE,
    ),
    (
        "suspense.pay_in",
        "centavos in suspense by the pay-in",
        check::SUSPENSE_DRIFT,
    ),
    (
        "suspense.pay_in",
        "centavos in suspense that are matched",
        check::SUSPENSE_LEFT,
    ),
    (
        "float_moves.entries",
        "centavos in transit by the move's own count",
        check::FLOAT_MOVE_DRIFT,
    ),
    (
        "float_moves.transaction",
        "centavos without their payout",
        check::FLOAT_MOVE_ORPHAN,
    ),
    (
        "float_moves.decided",
        "centavos of the platform's own that two people did not decide",
        check::UNDECIDED_PAYOUT,
    ),
    ("pay_ins.key", "pay-ins with one key", check::SAME_PAY_IN),
    (
        "attempts.key",
        "attempts with one key",
        check::SAME_ATTEMPT_KEY,
    ),
    (
        "transactions.idempotency",
        "transactions with one key",
        check::SAME_IDEMPOTENCY,
    ),
    ("wallets.balances", "rows", check::WALLET_WITHOUT_BALANCES),
    ("entries.journal", "leg", check::ORPHAN_ENTRY),
    (
        "journals.entries",
        "number of the journal",
        check::ORPHAN_JOURNAL,
    ),
    ("events.position", "counter", check::POSITION_GAP),
    ("journals.seal", "counter", check::SEAL_GAP),
    (
        "system_balances.fold",
        "stored debit centavos",
        check::SYSTEM_BALANCE_DRIFT,
    ),
    (
        "system_balances.fold",
        "sealed entries",
        check::SYSTEM_BALANCE_MISSING,
    ),
];

pub(crate) async fn broken_rows(tx: &mut Tx, limit: u32) -> Done<Vec<BrokenRow>> {
    let mut broken = Vec::new();
    for (rule, counted, statement) in RULES {
        for columns in tx.rows(statement, args![limit]).await? {
            let row = match columns.first() {
                Some(Val::Bytes(bytes)) if bytes.len() == 16 => hex::encode(bytes),
                Some(Val::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
                _ => "?".to_owned(),
            };
            let detail = match columns.get(1) {
                Some(Val::Int(number)) => format!("{counted}: {number}"),
                _ => (*counted).to_owned(),
            };
            broken.push(BrokenRow {
                rule,
                row: format!("{} {row}", statement.table),
                detail,
            });
        }
    }
    broken.truncate(limit as usize);
    Ok(broken)
}

pub(crate) async fn decisions(tx: &mut Tx) -> Done<BTreeMap<String, u64>> {
    let counted = many(tx, check::DECISIONS, args![], |columns| {
        let mut row = Reader::new("proposals", columns);
        Ok((row.text("outcome")?, row.count("count")?))
    });
    Ok(counted.await?.into_iter().collect())
}

pub(crate) async fn unbalanced(tx: &mut Tx, limit: u32) -> Done<Vec<(JournalId, i64)>> {
    many(tx, check::UNBALANCED, args![limit], |columns| {
        let mut row = Reader::new("entries", columns);
        let id = row.id("journal_id", JournalId::from_bytes)?;
        Ok((id, row.int("debit_cents")?))
    })
    .await
}

pub(crate) async fn wallet_folds(
    tx: &mut Tx,
    after: Option<WalletId>,
    limit: u32,
) -> Done<Vec<WalletFold>> {
    let after = after.unwrap_or(WalletId::from_bytes([0; 16]));
    let wallets = many(tx, ledger::WALLETS_AFTER, args![after, limit], rows::wallet).await?;
    let mut folds = Vec::with_capacity(wallets.len());
    for wallet in wallets {
        folds.push(fold(tx, wallet).await?);
    }
    Ok(folds)
}

/// Folds the entries of a wallet in the order of their numbers. The first number that does not
/// follow the one before, and the first balance that is not the running fold, is told.
async fn fold(tx: &mut Tx, wallet: WalletRow) -> Done<WalletFold> {
    let id = wallet.id;
    let mut balances: BTreeMap<Account, i64> = BTreeMap::new();
    let mut last_seq = 0;
    let mut first_bad_seq = None;
    loop {
        let args = args![id, last_seq, ENTRIES_AT_ONCE];
        let entries = many(tx, ledger::WALLET_ENTRIES, args, rows::folded).await?;
        let read = entries.len();
        for (seq, account, cents, balance_after) in entries {
            let balance = balances.entry(account).or_insert(0);
            *balance = balance.saturating_add(cents);
            if first_bad_seq.is_none() && (seq != last_seq + 1 || *balance != balance_after) {
                first_bad_seq = Some(seq);
            }
            last_seq = seq;
        }
        if read < ENTRIES_AT_ONCE as usize {
            break;
        }
    }
    let open_holds = tx.int(ledger::OPEN_HOLDS, args![id]).await?.unwrap_or(0);
    let open_disputes = tx.int(ledger::OPEN_DISPUTES, args![id]).await?;
    let balance = |account| balances.get(&account).copied().unwrap_or(0);
    Ok(WalletFold {
        available: balance(Account::Wallet(id, Pocket::Available)),
        held: balance(Account::Wallet(id, Pocket::Held)),
        blocked: balance(Account::Wallet(id, Pocket::Blocked)),
        receivable: balance(Account::Receivable(id)),
        row: wallet,
        open_holds,
        open_disputes: open_disputes.unwrap_or(0),
        last_seq,
        first_bad_seq,
    })
}

pub(crate) async fn system_balances(tx: &mut Tx) -> Done<BTreeMap<String, i64>> {
    let sums = many(tx, ledger::SYSTEM_FOLD, args![], |columns| {
        let mut row = Reader::new("entries", columns);
        let code = row.text("account")?;
        let sum = row.int("debit_cents")?;
        let account = Account::parse(&code, None).ok_or_else(|| {
            StoreError::Corrupt(format!("entries.account: {code} is no system account"))
        })?;
        Ok((code, account.natural(sum)))
    });
    Ok(sums.await?.into_iter().collect())
}

pub(crate) async fn open_totals(tx: &mut Tx) -> Done<BTreeMap<String, i64>> {
    let read = |columns| {
        let mut row = Reader::new("suspense", columns);
        Ok((row.gateway("gateway")?, row.int("amount")?))
    };
    let mut totals = BTreeMap::new();
    for (gateway, cents) in many(tx, check::OPEN_SUSPENSE, args![], read).await? {
        totals.insert(Account::Suspense(gateway).code(), cents);
    }
    for (gateway, cents) in many(tx, check::BLOCKED_FLOAT, args![], read).await? {
        totals.insert(Account::GatewayFloat(gateway, Float::Blocked).code(), cents);
    }
    if let Some(cents) = tx.int(check::IN_TRANSIT, args![]).await? {
        totals.insert(Account::InTransit.code(), cents);
    }
    Ok(totals)
}

pub(crate) async fn totals(tx: &mut Tx) -> Done<Totals> {
    let mut counts = [0; 6];
    let statements = [
        check::COUNT_USERS,
        check::COUNT_TRANSACTIONS,
        check::COUNT_JOURNALS,
        check::COUNT_ENTRIES,
        check::COUNT_SENDS,
        check::COUNT_EVENTS,
    ];
    for (count, statement) in counts.iter_mut().zip(statements) {
        if let Some(columns) = tx.row(statement, args![]).await? {
            *count = Reader::new(statement.table, columns).count("count")?;
        }
    }
    let [users, transactions, journals, entries, sends, events] = counts;
    Ok(Totals {
        users,
        transactions,
        journals,
        entries,
        sends,
        events,
    })
}
