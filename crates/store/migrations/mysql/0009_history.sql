-- A person's list has the transfers that others sent, and finds a kind or a status without reading
-- all of history. Its twin in migrations/sqlite has the same columns and names of indexes.

-- Whose wallet a transfer reaches; NULL for every other kind.
ALTER TABLE transactions ADD COLUMN payee_user_id BINARY(16);
UPDATE transactions SET payee_user_id = (SELECT w.user_id FROM journals j JOIN entries e ON e.journal_id = j.id JOIN wallets w ON w.id = e.wallet_id WHERE j.transaction_id = transactions.id AND e.wallet_id <> transactions.wallet_id ORDER BY e.seq LIMIT 1) WHERE kind = 'transfer';
CREATE INDEX transactions_payee ON transactions (payee_user_id, id);

-- The last column is only compared: with it, a row that does not fit is passed over in the index.
CREATE INDEX transactions_user_kind ON transactions (user_id, kind, id, status);
CREATE INDEX transactions_user_status ON transactions (user_id, status, id, kind);
