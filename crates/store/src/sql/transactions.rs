//! Transactions, their attempts, sends and evidence, and pay-ins.

use super::statements;

macro_rules! transaction_columns {
    () => {
        "t.id, t.wallet_id, t.user_id, t.kind, t.status, t.stage, t.version, t.amount, t.fee, \
         t.gateway, t.account, t.idempotency_key, t.fingerprint, t.reference, t.end_to_end_id, \
         t.parent_id, t.stage_deadline, t.created_at, t.updated_at, t.settled_at, t.facts, \
         t.private_sealed, t.payee_user_id"
    };
}
macro_rules! transaction_select {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            transaction_columns!(),
            " FROM transactions t",
            $rest
        )
    };
}
/// A list by one access path; the other conditions only filter. The bounds of the ids are always
/// there: a page starts where the last one ended, and a month is found without reading what is newer.
macro_rules! list {
    ($path:literal) => {
        concat!(
            "SELECT ",
            transaction_columns!(),
            " FROM transactions t",
            $path,
            " AND t.id >= ? AND t.id < ? AND t.created_at >= ? AND t.created_at < ? \
             AND (? IS NULL OR t.user_id = ?) AND (? IS NULL OR t.wallet_id = ?) \
             AND (? IS NULL OR t.kind = ?) AND (? IS NULL OR t.status = ?) \
             AND (? IS NULL OR t.stage = ?) AND (? IS NULL OR t.gateway = ?) \
             AND (? IS NULL OR t.reference = ?) AND (? IS NULL OR t.end_to_end_id = ?) \
             ORDER BY t.id DESC LIMIT ?"
        )
    };
}
macro_rules! account_lines {
    ($hint:literal) => {
        concat!(
            "SELECT e.seq, e.at, e.journal_id, j.kind, j.transaction_id, e.account, e.wallet_id, \
             e.debit_cents, e.balance_after, ",
            transaction_columns!(),
            " FROM entries e",
            $hint,
            " JOIN journals j ON j.id = e.journal_id \
             LEFT JOIN transactions t ON t.id = j.transaction_id \
             WHERE e.wallet_id = ? AND e.account = ? AND e.seq > ? AND e.seq < ? \
             ORDER BY e.seq DESC LIMIT ?"
        )
    };
}
macro_rules! attempt_columns {
    () => {
        "a.id, a.transaction_id, a.number, a.gateway, a.attempt_key, a.request_sealed, a.live, \
         a.outcome, a.reason, a.why, a.licence, a.routing, a.gateway_reference, \
         a.evidence_version, a.created_at, a.updated_at"
    };
}
macro_rules! proposal_select {
    ($rest:literal) => {
        concat!(
            "SELECT id, transaction_id, attempt_number, evidence_version, outcome, \
             evidence_sealed, reason_sealed, proposed_by, proposed_at, state, decided_by, \
             decided_at FROM proposals",
            $rest
        )
    };
}
macro_rules! pay_in_columns {
    () => {
        "id, gateway, pay_in_key, transaction_id, wallet_id, amount, fee, reversed, refunded, \
         disputed, end_to_end_id, paid_at, created_at, version, payer_sealed"
    };
}

/// Columns of an account's line before those of its transaction.
pub(crate) const LINE_COLUMNS: usize = 9;

statements! {
    INSERT_TRANSACTION: transactions, "INSERT INTO transactions (id, wallet_id, user_id, kind, status, stage, version, amount, fee, gateway, account, idempotency_key, fingerprint, reference, end_to_end_id, parent_id, stage_deadline, created_at, updated_at, settled_at, facts, private_sealed, payee_user_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    SAVE_TRANSACTION: transactions, "UPDATE transactions SET status = ?, stage = ?, version = ?, amount = ?, fee = ?, gateway = ?, reference = ?, end_to_end_id = ?, parent_id = ?, stage_deadline = ?, updated_at = ?, settled_at = ?, facts = ?, private_sealed = ? WHERE id = ? AND wallet_id = ? AND version = ?";
    TRANSACTION: transactions, transaction_select!(" WHERE t.id = ?");
    LOCK_TRANSACTION: transactions, transaction_select!(" WHERE t.id = ? FOR UPDATE"), sqlite transaction_select!(" WHERE t.id = ?");
    TRANSACTION_BY_IDEMPOTENCY: transactions, transaction_select!(" WHERE t.account = ? AND t.idempotency_key = ?");
    REFUNDS_OF: transactions, transaction_select!(" WHERE t.parent_id = ? AND t.kind = 'refund' ORDER BY t.id");
    // Both sweeps must not read history, which is most of the table: their indexes are named.
    OVERDUE: transactions, transaction_select!(" FORCE INDEX (transactions_deadline) WHERE t.status = 'pending' AND t.stage_deadline <= ? ORDER BY t.stage_deadline, t.id LIMIT ?"),
        sqlite transaction_select!(" INDEXED BY transactions_deadline WHERE t.status = 'pending' AND t.stage_deadline <= ? ORDER BY t.stage_deadline, t.id LIMIT ?");
    JOBLESS: transactions, transaction_select!(" FORCE INDEX (transactions_status) WHERE t.status = 'pending' AND t.created_at < ? AND t.stage <> 'in_review' AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.transaction_id = t.id AND j.state = 'ready') ORDER BY t.created_at, t.id LIMIT ?"),
        sqlite transaction_select!(" INDEXED BY transactions_status WHERE t.status = 'pending' AND t.created_at < ? AND t.stage <> 'in_review' AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.transaction_id = t.id AND j.state = 'ready') ORDER BY t.created_at, t.id LIMIT ?");

    LIST_BY_ID: transactions, list!(" WHERE t.id = ?");
    LIST_BY_END_TO_END_ID: transactions, list!(" WHERE t.end_to_end_id = ?");
    LIST_BY_REFERENCE: transactions, list!(" WHERE t.reference = ?");
    LIST_BY_WALLET: transactions, list!(" WHERE t.wallet_id = ?");
    LIST_BY_USER: transactions, list!(" FORCE INDEX (transactions_user) WHERE t.user_id = ?"), sqlite list!(" WHERE t.user_id = ?");
    LIST_BY_USER_KIND: transactions, list!(" FORCE INDEX (transactions_user_kind) WHERE t.user_id = ? AND t.kind = ?"), sqlite list!(" INDEXED BY transactions_user_kind WHERE t.user_id = ? AND t.kind = ?");
    LIST_BY_USER_STATUS: transactions, list!(" FORCE INDEX (transactions_user_status) WHERE t.user_id = ? AND t.status = ?"), sqlite list!(" INDEXED BY transactions_user_status WHERE t.user_id = ? AND t.status = ?");
    // What a user sent to a wallet of its own is in the list of what it sent.
    LIST_RECEIVED: transactions, list!(" FORCE INDEX (transactions_payee) WHERE t.payee_user_id = ? AND t.user_id <> t.payee_user_id"), sqlite list!(" INDEXED BY transactions_payee WHERE t.payee_user_id = ? AND t.user_id <> t.payee_user_id");
    LIST_ALL: transactions, list!(" FORCE INDEX (transactions_id) WHERE t.id > ?"), sqlite list!(" WHERE t.id > ?");
    // What is under way is little beside what has ended: its index is read rather than all of history.
    LIST_PENDING: transactions, list!(" FORCE INDEX (transactions_status) WHERE t.status = ?"), sqlite list!(" INDEXED BY transactions_status WHERE t.status = ?");
    // Lines of one account, each with its transaction, if it has one.
    ACCOUNT_LINES: entries, account_lines!(" FORCE INDEX (entries_account)"), sqlite account_lines!(" INDEXED BY entries_account");
    BY_GATEWAY_REFERENCE: attempts, "SELECT transaction_id FROM attempts WHERE gateway IN ('efi', 'mercado_pago') AND gateway_reference = ? UNION SELECT transaction_id FROM attempts WHERE gateway IN ('efi', 'mercado_pago') AND attempt_key = ? ORDER BY 1 DESC";

    INSERT_ATTEMPT: attempts, "INSERT INTO attempts (id, transaction_id, number, gateway, attempt_key, request_sealed, live, outcome, reason, why, licence, routing, gateway_reference, evidence_version, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    // Key, gateway and request are what was sent: they never change.
    SAVE_ATTEMPT: attempts, "UPDATE attempts SET live = ?, outcome = ?, reason = ?, why = ?, licence = ?, routing = ?, gateway_reference = ?, evidence_version = ?, updated_at = ? WHERE id = ? AND transaction_id = ? AND evidence_version <= ?";
    ATTEMPTS_OF: attempts, concat!("SELECT ", attempt_columns!(), " FROM attempts a WHERE a.transaction_id = ? ORDER BY a.number");
    ATTEMPT_BY_KEY: attempts, concat!("SELECT ", attempt_columns!(), " FROM attempts a WHERE a.gateway = ? AND a.attempt_key = ?");
    ATTEMPT_BY_REFERENCE: attempts, concat!("SELECT ", attempt_columns!(), " FROM attempts a WHERE a.gateway = ? AND a.gateway_reference = ? ORDER BY a.id DESC LIMIT 1");
    INSERT_BR_CODE: br_codes, "INSERT INTO br_codes (hash, transaction_id) VALUES (?, ?)";
    CHARGE_BY_BR_CODE: br_codes, "SELECT transaction_id FROM br_codes WHERE hash = ?";
    DONE_ATTEMPTS: attempts, concat!("SELECT ", attempt_columns!(), " FROM attempts a JOIN transactions t ON t.id = a.transaction_id WHERE a.outcome = 'done' AND a.id > ? AND t.kind IN ('payout', 'refund') ORDER BY a.id LIMIT ?");

    INSERT_SEND: sends, "INSERT INTO sends (attempt_id, number, opened_at, closed_at, verdict, class, code, lease_token) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    CLOSE_SEND: sends, "UPDATE sends SET closed_at = ?, verdict = ?, class = ?, code = ? WHERE attempt_id = ? AND number = ? AND closed_at IS NULL";
    SENDS_OF: sends, "SELECT s.attempt_id, s.number, s.opened_at, s.closed_at, s.verdict, s.class, s.code, s.lease_token FROM attempts a JOIN sends s ON s.attempt_id = a.id WHERE a.transaction_id = ? ORDER BY a.number, s.number";
    INSERT_EVIDENCE: evidence, "INSERT INTO evidence (id, attempt_id, at, source, body, class, seen, last_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    REPEAT_EVIDENCE: evidence, "UPDATE evidence SET seen = ?, last_at = ? WHERE id = ? AND seen < ?";
    EVIDENCE_OF: evidence, "SELECT e.id, e.attempt_id, e.at, e.source, e.body, e.class, e.seen, e.last_at FROM attempts a JOIN evidence e ON e.attempt_id = a.id WHERE a.transaction_id = ? ORDER BY a.number, e.at, e.id";
    IN_DOUBT: transactions, "SELECT a.gateway, CAST(SUM(t.amount) AS SIGNED) FROM transactions t JOIN attempts a ON a.transaction_id = t.id AND a.live = 1 WHERE t.status = 'pending' AND t.kind = 'payout' AND (t.stage = 'in_doubt' OR EXISTS (SELECT 1 FROM sends s WHERE s.attempt_id = a.id AND s.closed_at IS NULL)) GROUP BY a.gateway ORDER BY a.gateway";

    // The transaction's lock orders every change of its proposals.
    INSERT_PROPOSAL: proposals, "INSERT INTO proposals (id, transaction_id, attempt_number, evidence_version, outcome, evidence_sealed, reason_sealed, proposed_by, proposed_at, state, is_open, decided_by, decided_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    DECIDE_PROPOSAL: proposals, "UPDATE proposals SET state = ?, is_open = NULL, decided_by = ?, decided_at = ? WHERE id = ? AND transaction_id = ? AND is_open = 1";
    PROPOSAL: proposals, proposal_select!(" WHERE id = ?");
    OPEN_PROPOSAL: proposals, proposal_select!(" WHERE transaction_id = ? AND is_open = 1");
    PROPOSALS_OF: proposals, proposal_select!(" WHERE transaction_id = ? ORDER BY id");
    IN_REVIEW: transactions, transaction_select!(" FORCE INDEX (transactions_status) WHERE t.status = 'pending' AND t.stage = 'in_review' AND t.id > ? ORDER BY t.id LIMIT ?"),
        sqlite transaction_select!(" INDEXED BY transactions_status WHERE t.status = 'pending' AND t.stage = 'in_review' AND t.id > ? ORDER BY t.id LIMIT ?");
    // What is not proven and that no job looks at any more, and what was executed besides.
    ATTEMPTS_TO_WATCH: attempts, concat!("SELECT ", attempt_columns!(), " FROM attempts a JOIN transactions t ON t.id = a.transaction_id WHERE ((a.outcome IN ('open', 'accepted', 'unknown') AND (t.status <> 'pending' OR a.live IS NULL)) OR (a.outcome = 'done' AND a.reason = 'executed_twice')) AND t.kind IN ('payout', 'refund') AND t.updated_at >= ? AND a.id > ? ORDER BY a.id LIMIT ?");

    NAMELESS_ATTEMPTS: attempts, concat!("SELECT ", attempt_columns!(), " FROM attempts a JOIN transactions t ON t.id = a.transaction_id WHERE a.outcome IN ('open', 'unknown') AND a.gateway = ? AND a.gateway_reference IS NULL AND t.kind = 'payout' ORDER BY a.id DESC LIMIT ?");

    INSERT_PAY_IN: pay_ins, "INSERT INTO pay_ins (id, gateway, pay_in_key, transaction_id, wallet_id, amount, fee, reversed, refunded, disputed, end_to_end_id, paid_at, created_at, version, payer_sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    SAVE_PAY_IN: pay_ins, "UPDATE pay_ins SET transaction_id = ?, wallet_id = ?, amount = ?, fee = ?, reversed = ?, refunded = ?, disputed = ?, end_to_end_id = ?, paid_at = ?, version = ?, payer_sealed = ? WHERE id = ? AND gateway = ? AND pay_in_key = ? AND version = ?";
    PAY_IN: pay_ins, concat!("SELECT ", pay_in_columns!(), " FROM pay_ins WHERE gateway = ? AND pay_in_key = ?");
    LOCK_PAY_IN: pay_ins, concat!("SELECT ", pay_in_columns!(), " FROM pay_ins WHERE gateway = ? AND pay_in_key = ? FOR UPDATE"), sqlite concat!("SELECT ", pay_in_columns!(), " FROM pay_ins WHERE gateway = ? AND pay_in_key = ?");
    PAY_INS_OF: pay_ins, concat!("SELECT ", pay_in_columns!(), " FROM pay_ins WHERE transaction_id = ? ORDER BY created_at, id");
    INSERT_SUSPENSE: suspense, "INSERT INTO suspense (pay_in_id, gateway, amount, since, resolved) VALUES (?, ?, ?, ?, 0)";
    SAVE_SUSPENSE: suspense, "UPDATE suspense SET amount = ?, resolved = ? WHERE pay_in_id = ?";
    RESOLVE_SUSPENSE: suspense, "UPDATE suspense SET resolved = 1 WHERE pay_in_id = ?";
    SUSPENSE: suspense, concat!("SELECT ", pay_in_columns!(), " FROM (SELECT pay_in_id AS found FROM suspense WHERE resolved = 0 AND since >= ? AND pay_in_id > ? ORDER BY pay_in_id LIMIT ?) s JOIN pay_ins ON id = s.found ORDER BY id");

    INSERT_DISPUTE: disputes, "INSERT INTO disputes (pay_in_id, number, gateway, wallet_id, dispute_key, amount, stage, seen_at, opened_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    SAVE_DISPUTE: disputes, "UPDATE disputes SET amount = ?, stage = ?, seen_at = ?, ended_at = ? WHERE pay_in_id = ? AND number = ?";
    DISPUTES_OF: disputes, "SELECT pay_in_id, number, gateway, wallet_id, dispute_key, amount, stage, seen_at, opened_at, ended_at FROM disputes WHERE pay_in_id = ? ORDER BY number";
}
