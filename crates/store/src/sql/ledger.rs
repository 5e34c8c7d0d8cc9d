//! Wallets, journals and entries.

use super::statements;

macro_rules! wallet_select {
    () => {
        "SELECT w.id, w.user_id, b.available, b.held, b.blocked, b.receivable, b.seq, \
         b.limit_transaction, b.limit_day, b.limit_night, b.day_number, b.day_spent, \
         b.night_number, b.night_spent, w.created_at \
         FROM wallets w JOIN wallet_balances b ON b.wallet_id = w.id "
    };
}
macro_rules! statement_select {
    ($hint:literal) => {
        concat!(
            "SELECT e.seq, e.at, e.journal_id, j.kind, j.transaction_id, e.account, e.wallet_id, \
             e.debit_cents, e.balance_after FROM entries e",
            $hint,
            " JOIN journals j ON j.id = e.journal_id \
             WHERE e.wallet_id = ? AND e.seq > ? AND e.seq < ? \
             ORDER BY e.seq DESC LIMIT ?"
        )
    };
}

statements! {
    INSERT_WALLET: wallets, "INSERT INTO wallets (id, user_id, created_at) VALUES (?, ?, ?)";
    INSERT_BALANCES: wallet_balances, "INSERT INTO wallet_balances (available, held, blocked, receivable, seq, limit_transaction, limit_day, limit_night, day_number, day_spent, night_number, night_spent, wallet_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    // The number of the last entry never goes back: a writer without the lock would meet this.
    SAVE_BALANCES: wallet_balances, "UPDATE wallet_balances SET available = ?, held = ?, blocked = ?, receivable = ?, seq = ?, limit_transaction = ?, limit_day = ?, limit_night = ?, day_number = ?, day_spent = ?, night_number = ?, night_spent = ? WHERE wallet_id = ? AND seq <= ?";
    WALLET: wallets, concat!(wallet_select!(), "WHERE w.id = ?");
    LOCK_WALLET: wallets, concat!(wallet_select!(), "WHERE w.id = ? FOR UPDATE"), sqlite concat!(wallet_select!(), "WHERE w.id = ?");
    WALLETS_OF: wallets, concat!(wallet_select!(), "WHERE w.user_id = ? ORDER BY w.id");
    WALLETS_AFTER: wallets, concat!(wallet_select!(), "WHERE w.id > ? ORDER BY w.id LIMIT ?");

    INSERT_JOURNAL: journals, "INSERT INTO journals (id, transaction_id, kind, created_at) VALUES (?, ?, ?, ?)";
    INSERT_ENTRY: entries, "INSERT INTO entries (journal_id, leg, account, wallet_id, debit_cents, seq, balance_after, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    JOURNALS_OF: journals, "SELECT id, transaction_id, kind, created_at FROM journals WHERE transaction_id = ? ORDER BY n";
    ENTRIES_OF: entries, "SELECT e.journal_id, e.account, e.wallet_id, e.debit_cents, e.seq, e.balance_after FROM journals j JOIN entries e ON e.journal_id = j.id WHERE j.transaction_id = ? ORDER BY j.n, e.leg";

    // The optimizer may prefer another index on a wallet with most of the entries: named.
    STATEMENT: entries, statement_select!(" FORCE INDEX (entries_wallet)"), sqlite statement_select!("");
    SEQ_AT: entries, "SELECT seq FROM entries WHERE wallet_id = ? AND at <= ? ORDER BY at DESC, seq DESC LIMIT 1";
    BALANCE_AT_SEQ: entries, "SELECT balance_after FROM entries WHERE wallet_id = ? AND account = ? AND seq <= ? ORDER BY seq DESC LIMIT 1";
    WALLET_ENTRIES: entries, "SELECT seq, account, wallet_id, debit_cents, balance_after FROM entries FORCE INDEX (entries_wallet) WHERE wallet_id = ? AND seq > ? ORDER BY seq LIMIT ?",
        sqlite "SELECT seq, account, wallet_id, debit_cents, balance_after FROM entries WHERE wallet_id = ? AND seq > ? ORDER BY seq LIMIT ?";
    OPEN_HOLDS: transactions, "SELECT CAST(COALESCE(SUM(amount + fee), 0) AS SIGNED) FROM transactions WHERE wallet_id = ? AND status = 'pending' AND kind IN ('payout', 'refund') AND stage IN ('queued', 'sending', 'accepted', 'in_doubt', 'in_review')";

    OPEN_DISPUTES: disputes, "SELECT CAST(COALESCE(SUM(amount), 0) AS SIGNED) FROM disputes WHERE wallet_id = ? AND stage = 'open'";

    // The folded balance of sealed journals plus the entries of those not sealed yet, in one
    // statement so that a sealing in between is seen whole or not at all.
    SYSTEM_BALANCE: system_balances, "SELECT CAST(COALESCE(SUM(s.debit_cents), 0) AS SIGNED) FROM (SELECT debit_cents FROM system_balances WHERE account = ? UNION ALL SELECT e.debit_cents FROM journals j JOIN entries e ON e.journal_id = j.id WHERE j.seal_no IS NULL AND e.wallet_id IS NULL AND e.account = ?) s";
    // From the entries alone: what `check` compares with.
    SYSTEM_FOLD: entries, "SELECT account, CAST(SUM(debit_cents) AS SIGNED) FROM entries WHERE wallet_id IS NULL GROUP BY account ORDER BY account";

    LOCK_COUNTER: counters, "SELECT value FROM counters WHERE name = ? FOR UPDATE", sqlite "SELECT value FROM counters WHERE name = ?";
    SET_COUNTER: counters, "UPDATE counters SET value = ? WHERE name = ?";
    SEAL_JOURNALS: journals, "UPDATE journals j JOIN (SELECT n, ROW_NUMBER() OVER (ORDER BY n) AS place FROM journals WHERE seal_no IS NULL ORDER BY n LIMIT ?) s ON s.n = j.n SET j.seal_no = ? + s.place",
        sqlite "WITH s AS (SELECT n, ROW_NUMBER() OVER (ORDER BY n) AS place FROM journals WHERE seal_no IS NULL ORDER BY n LIMIT ?) UPDATE journals SET seal_no = ? + s.place FROM s WHERE journals.n = s.n";
    SEALED_SYSTEM_SUMS: entries, "SELECT e.account, CAST(SUM(e.debit_cents) AS SIGNED) FROM journals j JOIN entries e ON e.journal_id = j.id WHERE j.seal_no > ? AND j.seal_no <= ? AND e.wallet_id IS NULL GROUP BY e.account ORDER BY e.account";
    ADD_SYSTEM_BALANCE: system_balances, "UPDATE system_balances SET debit_cents = debit_cents + ? WHERE account = ?";
    INSERT_SYSTEM_BALANCE: system_balances, "INSERT INTO system_balances (account, debit_cents) VALUES (?, ?)";
}
