//! Wallets, statements, journals and system accounts.

use app::ports::store::*;
use domain::ids::{JournalId, TransactionId, UserId, WalletId};
use domain::ledger::{Account, Pocket};
use domain::time::Moment;

use super::transactions::with_pay_ins;
use super::{many, one};
use crate::rows::{self, Reader};
use crate::sql::{ledger, transactions};
use crate::tx::{Done, Tx};
use crate::value::{Val, args};

pub(crate) async fn wallet(tx: &mut Tx, id: WalletId) -> Done<Option<WalletRow>> {
    one(tx, ledger::WALLET, args![id], rows::wallet).await
}

pub(crate) async fn wallets_of(tx: &mut Tx, user: UserId) -> Done<Vec<WalletRow>> {
    many(tx, ledger::WALLETS_OF, args![user], rows::wallet).await
}

/// The number of the last entry at or before `at`, 0 when there is none.
async fn seq_at(tx: &mut Tx, wallet: WalletId, at: Moment) -> Done<u64> {
    match tx.row(ledger::SEQ_AT, args![wallet, at]).await? {
        None => Ok(0),
        Some(columns) => Ok(Reader::new("entries", columns).count("seq")?),
    }
}

/// The bounds in time become bounds in `seq`, which the statement follows.
pub(crate) async fn statement(tx: &mut Tx, filter: &StatementFilter) -> Done<Vec<StatementLine>> {
    let (after, until) = bounds(tx, filter).await?;
    let args = args![filter.wallet_id, after, until, filter.limit];
    many(tx, ledger::STATEMENT, args, rows::statement_line).await
}

/// The same of one account alone, each with its transaction.
pub(crate) async fn spendable_lines(tx: &mut Tx, filter: &StatementFilter) -> Done<Vec<ToldLine>> {
    let (after, until) = bounds(tx, filter).await?;
    let account = Account::Wallet(filter.wallet_id, Pocket::Available).code();
    let args = args![filter.wallet_id, account, after, until, filter.limit];
    let sealer = tx.sealer.clone();
    let mut told = Vec::new();
    for mut columns in tx.rows(transactions::ACCOUNT_LINES, args).await? {
        let of_transaction = columns.split_off(transactions::LINE_COLUMNS);
        let line = rows::statement_line(columns)?;
        let transaction = match of_transaction.first() {
            None | Some(Val::Null) => None,
            Some(_) => {
                let row = rows::transaction(of_transaction, &sealer)?;
                Some(with_pay_ins(tx, row).await?)
            }
        };
        told.push(ToldLine { line, transaction });
    }
    Ok(told)
}

/// The number after which the lines begin, and the one before which they end.
async fn bounds(tx: &mut Tx, filter: &StatementFilter) -> Done<(u64, u64)> {
    // The last entry before a moment is the last one at or before the microsecond before it.
    let before = |moment: Moment| Moment::from_micros(moment.micros().saturating_sub(1));
    let after = match filter.from {
        None => 0,
        Some(from) => seq_at(tx, filter.wallet_id, before(from)).await?,
    };
    let mut until = filter.before_seq.unwrap_or(i64::MAX as u64);
    if let Some(to) = filter.to {
        until = until.min(seq_at(tx, filter.wallet_id, before(to)).await? + 1);
    }
    Ok((after, until))
}

pub(crate) async fn balance_at(tx: &mut Tx, wallet: WalletId, at: Moment) -> Done<(i64, i64, i64)> {
    let seq = seq_at(tx, wallet, at).await?;
    let mut balances = [0; 3];
    let pockets = [Pocket::Available, Pocket::Held, Pocket::Blocked];
    for (balance, pocket) in balances.iter_mut().zip(pockets) {
        let code = Account::Wallet(wallet, pocket).code();
        let found = tx
            .int(ledger::BALANCE_AT_SEQ, args![wallet, code, seq])
            .await?;
        *balance = found.unwrap_or(0);
    }
    let [available, held, blocked] = balances;
    Ok((available, held, blocked))
}

pub(crate) async fn journals_of(tx: &mut Tx, transaction: TransactionId) -> Done<Vec<JournalRow>> {
    let mut journals = many(tx, ledger::JOURNALS_OF, args![transaction], rows::journal).await?;
    let entries: Vec<(JournalId, EntryRow)> =
        many(tx, ledger::ENTRIES_OF, args![transaction], rows::entry).await?;
    for (id, entry) in entries {
        // Both reads are of one snapshot, so the journal is there.
        if let Some(journal) = journals.iter_mut().find(|journal| journal.id == id) {
            journal.entries.push(entry);
        }
    }
    Ok(journals)
}

pub(crate) async fn account_balance(tx: &mut Tx, account: Account) -> Done<i64> {
    if let Some(wallet) = account.wallet() {
        let code = account.code();
        let last = args![wallet, code, i64::MAX];
        return Ok(tx.int(ledger::BALANCE_AT_SEQ, last).await?.unwrap_or(0));
    }
    let code = account.code();
    let sum = tx.int(ledger::SYSTEM_BALANCE, args![&code, &code]).await?;
    Ok(account.natural(sum.unwrap_or(0)))
}
