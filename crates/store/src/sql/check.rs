//! Facts that must not exist. Each rule answers `(row, detail)` pairs; no rows mean it holds.

use super::statements;

statements! {
    UNBALANCED: entries, "SELECT journal_id, CAST(SUM(debit_cents) AS SIGNED) FROM entries GROUP BY journal_id HAVING SUM(debit_cents) <> 0 ORDER BY journal_id LIMIT ?";

    COUNT_USERS: users, "SELECT COUNT(*) FROM users";
    COUNT_TRANSACTIONS: transactions, "SELECT COUNT(*) FROM transactions";
    COUNT_JOURNALS: journals, "SELECT COUNT(*) FROM journals";
    COUNT_ENTRIES: entries, "SELECT COUNT(*) FROM entries";
    COUNT_SENDS: sends, "SELECT COUNT(*) FROM sends";
    COUNT_EVENTS: events, "SELECT COUNT(*) FROM events";

    DECISIONS: proposals, "SELECT outcome, COUNT(*) FROM proposals WHERE state = 'approved' GROUP BY outcome ORDER BY outcome";

    TWO_LIVE_ATTEMPTS: attempts, "SELECT transaction_id, COUNT(*) FROM attempts WHERE live = 1 GROUP BY transaction_id HAVING COUNT(*) > 1 ORDER BY transaction_id LIMIT ?";
    TWO_DONE_ATTEMPTS: attempts, "SELECT a.transaction_id, COUNT(*) FROM attempts a JOIN transactions t ON t.id = a.transaction_id WHERE a.outcome = 'done' AND t.kind IN ('payout', 'refund') AND NOT EXISTS (SELECT 1 FROM proposals p WHERE p.transaction_id = a.transaction_id AND p.state = 'approved' AND p.outcome = 'retry') GROUP BY a.transaction_id HAVING COUNT(*) > 1 ORDER BY a.transaction_id LIMIT ?";
    // Each execution besides the one that counts is booked as a loss, once.
    LOSS_UNBOOKED: attempts, "SELECT a.transaction_id, COUNT(*) FROM attempts a WHERE a.outcome = 'done' AND a.reason = 'executed_twice' GROUP BY a.transaction_id HAVING COUNT(*) <> (SELECT COUNT(*) FROM journals j WHERE j.transaction_id = a.transaction_id AND j.kind = 'executed_twice') ORDER BY a.transaction_id LIMIT ?";
    STRAY_PROPOSAL: proposals, "SELECT p.id, p.attempt_number FROM proposals p WHERE p.is_open = 1 AND NOT EXISTS (SELECT 1 FROM transactions t WHERE t.id = p.transaction_id AND t.stage = 'in_review') ORDER BY p.id LIMIT ?";
    UNDECIDED_LICENCE: attempts, "SELECT a.id, a.number FROM attempts a WHERE a.licence LIKE '%\"operator_decision\"%' AND NOT EXISTS (SELECT 1 FROM proposals p WHERE p.transaction_id = a.transaction_id AND p.state = 'approved' AND p.outcome = 'retry') ORDER BY a.id LIMIT ?";
    UNLICENSED: attempts, "SELECT a.id, a.number FROM attempts a JOIN transactions t ON t.id = a.transaction_id WHERE a.number > 1 AND a.licence IS NULL AND t.kind IN ('payout', 'refund') ORDER BY a.id LIMIT ?";
    ORPHAN_ATTEMPT: attempts, "SELECT a.id, a.number FROM attempts a WHERE NOT EXISTS (SELECT 1 FROM transactions t WHERE t.id = a.transaction_id) ORDER BY a.id LIMIT ?";
    ORPHAN_SEND: sends, "SELECT s.attempt_id, s.number FROM sends s WHERE NOT EXISTS (SELECT 1 FROM attempts a WHERE a.id = s.attempt_id) ORDER BY s.attempt_id LIMIT ?";
    // A lookup may settle what a slow answer is still to tell; but nothing may be given back meanwhile.
    OPEN_SEND_AFTER_END: sends, "SELECT t.id, s.number FROM sends s JOIN attempts a ON a.id = s.attempt_id JOIN transactions t ON t.id = a.transaction_id WHERE s.closed_at IS NULL AND t.status = 'failed' AND t.kind IN ('payout', 'refund') ORDER BY t.id LIMIT ?";
    EVENT_GAP: events, "SELECT transaction_id, MAX(transaction_version) FROM events WHERE transaction_id IS NOT NULL AND transaction_version IS NOT NULL GROUP BY transaction_id HAVING MAX(transaction_version) - MIN(transaction_version) + 1 <> COUNT(*) OR MIN(transaction_version) > 1 ORDER BY transaction_id LIMIT ?";
    EVENT_MISSING: transactions, "SELECT t.id, t.version FROM transactions t WHERE t.version <> (SELECT COALESCE(MAX(e.transaction_version), 0) FROM events e WHERE e.transaction_id = t.id) ORDER BY t.id LIMIT ?";
    SUCCESS_WITHOUT_JOURNAL: transactions, "SELECT t.id, t.amount FROM transactions t WHERE t.status = 'success' AND NOT EXISTS (SELECT 1 FROM journals j WHERE j.transaction_id = t.id) ORDER BY t.id LIMIT ?";
    SUCCESS_WITHOUT_DONE: transactions, "SELECT t.id, t.amount FROM transactions t WHERE t.status = 'success' AND t.kind IN ('payout', 'refund') AND t.gateway IS NOT NULL AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.transaction_id = t.id AND a.outcome = 'done') AND NOT EXISTS (SELECT 1 FROM proposals p WHERE p.transaction_id = t.id AND p.state = 'approved' AND p.outcome = 'settled') ORDER BY t.id LIMIT ?";
    FAILED_BUT_DONE: transactions, "SELECT t.id, t.amount FROM attempts a JOIN transactions t ON t.id = a.transaction_id WHERE a.outcome = 'done' AND t.status = 'failed' AND t.kind IN ('payout', 'refund') ORDER BY t.id LIMIT ?";
    PAY_IN_CREDITS: pay_ins, "SELECT p.transaction_id, COUNT(*) FROM pay_ins p WHERE p.transaction_id IS NOT NULL GROUP BY p.transaction_id HAVING COUNT(*) <> (SELECT COUNT(*) FROM journals j WHERE j.transaction_id = p.transaction_id AND j.kind IN ('pay_in', 'suspense_matched', 'float_arrived')) ORDER BY p.transaction_id LIMIT ?";
    CREDIT_WITHOUT_PAY_IN: journals, "SELECT j.id, j.n FROM journals j WHERE j.kind IN ('pay_in', 'suspense_matched', 'float_arrived') AND NOT EXISTS (SELECT 1 FROM pay_ins p WHERE p.transaction_id = j.transaction_id) ORDER BY j.id LIMIT ?";
    DISPUTED_DRIFT: pay_ins, "SELECT p.id, p.disputed FROM pay_ins p WHERE p.disputed <> (SELECT COALESCE(SUM(d.amount), 0) FROM disputes d WHERE d.pay_in_id = p.id AND d.stage = 'open') ORDER BY p.id LIMIT ?";
    ABOVE_PAY_IN: pay_ins, "SELECT p.id, p.amount FROM pay_ins p WHERE p.refunded + p.reversed + p.disputed > p.amount ORDER BY p.id LIMIT ?";
    ORPHAN_DISPUTE: disputes, "SELECT d.pay_in_id, d.number FROM disputes d WHERE NOT EXISTS (SELECT 1 FROM pay_ins p WHERE p.id = d.pay_in_id) ORDER BY d.pay_in_id LIMIT ?";
    SUSPENSE_DRIFT: suspense, "SELECT p.id, p.amount - p.reversed FROM pay_ins p LEFT JOIN suspense s ON s.pay_in_id = p.id WHERE p.transaction_id IS NULL AND (s.pay_in_id IS NULL OR s.amount <> p.amount - p.reversed OR (s.resolved = 1) <> (p.amount = p.reversed)) ORDER BY p.id LIMIT ?";
    SUSPENSE_LEFT: suspense, "SELECT s.pay_in_id, s.amount FROM suspense s WHERE s.resolved = 0 AND NOT EXISTS (SELECT 1 FROM pay_ins p WHERE p.id = s.pay_in_id AND p.transaction_id IS NULL) ORDER BY s.pay_in_id LIMIT ?";
    OPEN_SUSPENSE: suspense, "SELECT gateway, CAST(SUM(amount) AS SIGNED) FROM suspense WHERE resolved = 0 GROUP BY gateway ORDER BY gateway";
    BLOCKED_FLOAT: disputes, "SELECT gateway, CAST(SUM(amount) AS SIGNED) FROM disputes WHERE stage = 'open' GROUP BY gateway ORDER BY gateway";
    IN_TRANSIT: float_moves, "SELECT CAST(SUM(left_cents - returned_cents - arrived_cents) AS SIGNED) FROM float_moves";
    FLOAT_MOVE_DRIFT: float_moves, "SELECT m.id, m.left_cents - m.returned_cents - m.arrived_cents FROM float_moves m WHERE m.left_cents - m.returned_cents - m.arrived_cents <> (SELECT COALESCE(SUM(e.debit_cents), 0) FROM journals j JOIN entries e ON e.journal_id = j.id WHERE j.transaction_id = m.transaction_id AND e.account = 'in_transit') ORDER BY m.id LIMIT ?";
    FLOAT_MOVE_ORPHAN: float_moves, "SELECT m.id, m.amount FROM float_moves m WHERE m.state = 'approved' AND NOT EXISTS (SELECT 1 FROM transactions t WHERE t.id = m.transaction_id AND t.amount = m.amount AND t.account = 'system') ORDER BY m.id LIMIT ?";
    UNDECIDED_PAYOUT: transactions, "SELECT t.id, t.amount FROM transactions t WHERE t.account = 'system' AND t.kind = 'payout' AND NOT EXISTS (SELECT 1 FROM float_moves m WHERE m.transaction_id = t.id AND m.state = 'approved' AND m.decided_by <> m.proposed_by) ORDER BY t.id LIMIT ?";
    SAME_PAY_IN: pay_ins, "SELECT MIN(id), COUNT(*) FROM pay_ins GROUP BY gateway, pay_in_key HAVING COUNT(*) > 1 LIMIT ?";
    SAME_ATTEMPT_KEY: attempts, "SELECT MIN(id), COUNT(*) FROM attempts GROUP BY gateway, attempt_key HAVING COUNT(*) > 1 LIMIT ?";
    SAME_IDEMPOTENCY: transactions, "SELECT MIN(id), COUNT(*) FROM transactions WHERE idempotency_key IS NOT NULL GROUP BY account, idempotency_key HAVING COUNT(*) > 1 LIMIT ?";
    WALLET_WITHOUT_BALANCES: wallets, "SELECT w.id, 0 FROM wallets w WHERE NOT EXISTS (SELECT 1 FROM wallet_balances b WHERE b.wallet_id = w.id) ORDER BY w.id LIMIT ?";
    ORPHAN_ENTRY: entries, "SELECT e.journal_id, e.leg FROM entries e WHERE NOT EXISTS (SELECT 1 FROM journals j WHERE j.id = e.journal_id) ORDER BY e.journal_id LIMIT ?";
    ORPHAN_JOURNAL: journals, "SELECT j.id, j.n FROM journals j WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.journal_id = j.id) ORDER BY j.id LIMIT ?";
    POSITION_GAP: events, "SELECT 'events.position', c.value FROM counters c WHERE c.name = 'events.position' AND (c.value <> (SELECT COUNT(position) FROM events) OR c.value <> (SELECT COALESCE(MAX(position), 0) FROM events)) LIMIT ?";
    SEAL_GAP: journals, "SELECT 'journals.seal', c.value FROM counters c WHERE c.name = 'journals.seal' AND (c.value <> (SELECT COUNT(seal_no) FROM journals) OR c.value <> (SELECT COALESCE(MAX(seal_no), 0) FROM journals)) LIMIT ?";
    SYSTEM_BALANCE_DRIFT: system_balances, "SELECT b.account, b.debit_cents FROM system_balances b WHERE b.debit_cents <> (SELECT COALESCE(SUM(e.debit_cents), 0) FROM journals j JOIN entries e ON e.journal_id = j.id WHERE j.seal_no IS NOT NULL AND e.wallet_id IS NULL AND e.account = b.account) ORDER BY b.account LIMIT ?";
    SYSTEM_BALANCE_MISSING: system_balances, "SELECT e.account, COUNT(*) FROM journals j JOIN entries e ON e.journal_id = j.id WHERE j.seal_no IS NOT NULL AND e.wallet_id IS NULL AND NOT EXISTS (SELECT 1 FROM system_balances b WHERE b.account = e.account) GROUP BY e.account ORDER BY e.account LIMIT ?";
}
