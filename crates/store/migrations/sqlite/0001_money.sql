-- The first schema, for SQLite. Its twin in migrations/mysql has the same tables, columns and
-- names of indexes. Statements end with a semicolon at the end of a line.
--
-- Ids are the sixteen bytes of a UUIDv7, times are microseconds since 1970 UTC, amounts are
-- centavos, flags are 1 or 0 (or NULL), JSON is text. Columns named *_sealed are encrypted.
--
-- No foreign keys: a reference to a wallet or transaction would take a shared lock on that hot
-- row with every insert (and deadlock with the unit that holds it). What a row refers to is
-- written in the same commit or locked by it; `broken_rows` and `check` look for orphans.

CREATE TABLE users (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name_sealed BLOB NOT NULL,
    email_sealed BLOB NOT NULL,
    email_blind BLOB NOT NULL,
    tax_id_sealed BLOB,
    tax_id_blind BLOB,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('customer', 'operator')),
    created_at INTEGER NOT NULL,
    CHECK ((tax_id_sealed IS NULL) = (tax_id_blind IS NULL))
) STRICT;
CREATE UNIQUE INDEX users_email ON users (email_blind);
CREATE UNIQUE INDEX users_tax_id ON users (tax_id_blind);

CREATE TABLE sessions (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    user_id BLOB NOT NULL,
    token_hash BLOB NOT NULL CHECK (length(token_hash) = 32),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX sessions_token ON sessions (token_hash);

CREATE TABLE api_keys (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    user_id BLOB NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
CREATE UNIQUE INDEX api_keys_secret ON api_keys (secret_hash);
CREATE INDEX api_keys_user ON api_keys (user_id, id);

CREATE TABLE wallets (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    user_id BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX wallets_user ON wallets (user_id, id);

-- What changes about a wallet stands apart from what others refer to.
CREATE TABLE wallet_balances (
    wallet_id BLOB NOT NULL PRIMARY KEY CHECK (length(wallet_id) = 16),
    available INTEGER NOT NULL CHECK (available >= 0),
    held INTEGER NOT NULL CHECK (held >= 0),
    blocked INTEGER NOT NULL CHECK (blocked >= 0),
    receivable INTEGER NOT NULL CHECK (receivable >= 0),
    seq INTEGER NOT NULL CHECK (seq >= 0),
    limit_transaction INTEGER NOT NULL,
    limit_day INTEGER NOT NULL,
    limit_night INTEGER NOT NULL,
    day_number INTEGER NOT NULL,
    day_spent INTEGER NOT NULL CHECK (day_spent >= 0),
    night_number INTEGER NOT NULL,
    night_spent INTEGER NOT NULL CHECK (night_spent >= 0)
) STRICT;

CREATE TABLE transactions (
    id BLOB NOT NULL CHECK (length(id) = 16),
    wallet_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('charge', 'payout', 'transfer', 'refund')),
    status TEXT NOT NULL CHECK (status IN ('pending', 'success', 'failed')),
    stage TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 0),
    amount INTEGER NOT NULL CHECK (amount >= 0),
    fee INTEGER NOT NULL CHECK (fee >= 0),
    gateway TEXT,
    account TEXT,
    idempotency_key TEXT,
    fingerprint BLOB,
    reference TEXT,
    end_to_end_id TEXT,
    parent_id BLOB,
    stage_deadline INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    settled_at INTEGER,
    facts TEXT NOT NULL,
    private_sealed BLOB NOT NULL,
    CHECK ((account IS NULL) = (idempotency_key IS NULL)),
    CHECK ((account IS NULL) = (fingerprint IS NULL)),
    PRIMARY KEY (wallet_id, id)
) STRICT;
CREATE UNIQUE INDEX transactions_id ON transactions (id);
CREATE UNIQUE INDEX transactions_idempotency ON transactions (account, idempotency_key);
CREATE INDEX transactions_user ON transactions (user_id, id);
CREATE INDEX transactions_status ON transactions (status, created_at, id);
CREATE INDEX transactions_deadline ON transactions (stage_deadline, id);
CREATE INDEX transactions_reference ON transactions (reference, id);
CREATE INDEX transactions_end_to_end_id ON transactions (end_to_end_id, id);
CREATE INDEX transactions_parent ON transactions (parent_id, id);

CREATE TABLE attempts (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    transaction_id BLOB NOT NULL,
    number INTEGER NOT NULL CHECK (number >= 1),
    gateway TEXT NOT NULL,
    attempt_key TEXT NOT NULL,
    request_sealed BLOB NOT NULL,
    live INTEGER CHECK (live = 1),
    outcome TEXT NOT NULL CHECK (outcome IN ('open', 'accepted', 'done', 'not_done', 'unknown')),
    reason TEXT,
    why TEXT NOT NULL,
    licence TEXT,
    routing TEXT NOT NULL,
    gateway_reference TEXT,
    evidence_version INTEGER NOT NULL CHECK (evidence_version >= 0),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX attempts_number ON attempts (transaction_id, number);
CREATE UNIQUE INDEX attempts_live ON attempts (transaction_id, live);
CREATE UNIQUE INDEX attempts_key ON attempts (gateway, attempt_key);
CREATE INDEX attempts_reference ON attempts (gateway, gateway_reference);
CREATE INDEX attempts_outcome ON attempts (outcome, id);

-- Closed once: a send has its verdict, its class and its time of closing together or not at all.
CREATE TABLE sends (
    attempt_id BLOB NOT NULL CHECK (length(attempt_id) = 16),
    number INTEGER NOT NULL CHECK (number >= 1),
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    verdict TEXT,
    class TEXT CHECK (class IN ('settled', 'accepted', 'not_done', 'never_sent', 'unknown')),
    code TEXT,
    lease_token INTEGER NOT NULL,
    CHECK ((closed_at IS NULL) = (verdict IS NULL)),
    CHECK ((closed_at IS NULL) = (class IS NULL)),
    PRIMARY KEY (attempt_id, number)
) STRICT;

CREATE TABLE evidence (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    attempt_id BLOB NOT NULL,
    at INTEGER NOT NULL,
    source TEXT NOT NULL,
    body TEXT NOT NULL,
    class TEXT NOT NULL
) STRICT;
CREATE INDEX evidence_attempt ON evidence (attempt_id, at, id);

CREATE TABLE pay_ins (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    gateway TEXT NOT NULL,
    pay_in_key TEXT NOT NULL,
    transaction_id BLOB,
    wallet_id BLOB,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    fee INTEGER NOT NULL CHECK (fee >= 0),
    reversed INTEGER NOT NULL CHECK (reversed >= 0),
    refunded INTEGER NOT NULL CHECK (refunded >= 0),
    end_to_end_id TEXT,
    paid_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 0),
    payer_sealed BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX pay_ins_key ON pay_ins (gateway, pay_in_key);
CREATE INDEX pay_ins_transaction ON pay_ins (transaction_id, created_at, id);

-- Append only; `n` is the order of insertion, `seal_no` the dense order given by the sealer.
CREATE TABLE journals (
    n INTEGER PRIMARY KEY,
    id BLOB NOT NULL CHECK (length(id) = 16),
    transaction_id BLOB,
    kind TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seal_no INTEGER
) STRICT;
CREATE UNIQUE INDEX journals_id ON journals (id);
CREATE UNIQUE INDEX journals_seal ON journals (seal_no);
CREATE INDEX journals_transaction ON journals (transaction_id, n);

-- Append only. Wallet entries carry their number and the account's balance after them.
CREATE TABLE entries (
    journal_id BLOB NOT NULL CHECK (length(journal_id) = 16),
    leg INTEGER NOT NULL,
    account TEXT NOT NULL,
    wallet_id BLOB,
    debit_cents INTEGER NOT NULL,
    seq INTEGER,
    balance_after INTEGER,
    at INTEGER NOT NULL,
    CHECK ((wallet_id IS NULL) = (seq IS NULL)),
    CHECK ((wallet_id IS NULL) = (balance_after IS NULL)),
    PRIMARY KEY (journal_id, leg)
) STRICT;
CREATE UNIQUE INDEX entries_wallet ON entries (wallet_id, seq);
CREATE INDEX entries_account ON entries (wallet_id, account, seq);
CREATE INDEX entries_time ON entries (wallet_id, at, seq);

-- System accounts folded up to the last sealed journal, so that no payment updates a shared row.
CREATE TABLE system_balances (
    account TEXT NOT NULL PRIMARY KEY,
    debit_cents INTEGER NOT NULL
) STRICT;

-- A job that is done or dead leaves the index by which jobs are claimed.
CREATE TABLE jobs (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    kind TEXT NOT NULL,
    transaction_id BLOB,
    payload TEXT NOT NULL,
    visible_at INTEGER,
    state TEXT NOT NULL CHECK (state IN ('ready', 'done', 'dead')),
    leased INTEGER NOT NULL CHECK (leased IN (0, 1)),
    tries INTEGER NOT NULL CHECK (tries >= 0),
    token INTEGER NOT NULL CHECK (token >= 0),
    last_error TEXT,
    created_at INTEGER NOT NULL,
    CHECK ((state = 'ready') = (visible_at IS NOT NULL))
) STRICT;
CREATE INDEX jobs_visible ON jobs (visible_at, id);
CREATE INDEX jobs_transaction ON jobs (transaction_id, state);
CREATE INDEX jobs_state ON jobs (state, id);

-- Append only; `n` is the order of insertion, `position` the dense order given by the sequencer.
CREATE TABLE events (
    n INTEGER PRIMARY KEY,
    id BLOB NOT NULL CHECK (length(id) = 16),
    kind TEXT NOT NULL,
    transaction_id BLOB,
    transaction_version INTEGER,
    wallet_id BLOB,
    user_id BLOB,
    body TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    position INTEGER
) STRICT;
CREATE UNIQUE INDEX events_id ON events (id);
CREATE UNIQUE INDEX events_transaction_version ON events (transaction_id, transaction_version);
CREATE UNIQUE INDEX events_position ON events (position);
CREATE INDEX events_user ON events (user_id, position);

CREATE TABLE inbound_events (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    gateway TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    verified INTEGER NOT NULL CHECK (verified IN (0, 1)),
    raw_sealed BLOB NOT NULL
) STRICT;

CREATE TABLE alerts (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    kind TEXT NOT NULL,
    transaction_id BLOB,
    gateway TEXT,
    message TEXT NOT NULL,
    raised_at INTEGER NOT NULL
) STRICT;
CREATE INDEX alerts_time ON alerts (raised_at, id);

-- Append only.
CREATE TABLE audit (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_time ON audit (at, id);

-- Append only.
CREATE TABLE incidents (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    kind TEXT NOT NULL,
    transaction_id BLOB,
    detail TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX incidents_time ON incidents (at, id);

-- Pay-ins that belong to nobody we know; resolved when the pay-in gets its transaction.
CREATE TABLE suspense (
    pay_in_id BLOB NOT NULL PRIMARY KEY CHECK (length(pay_in_id) = 16),
    gateway TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    since INTEGER NOT NULL,
    resolved INTEGER NOT NULL CHECK (resolved IN (0, 1))
) STRICT;
CREATE INDEX suspense_open ON suspense (resolved, since);

-- What users owe after money was taken back that their wallets no longer held.
CREATE TABLE receivable (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    wallet_id BLOB NOT NULL,
    pay_in_id BLOB,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    repaid INTEGER NOT NULL CHECK (repaid >= 0 AND repaid <= amount),
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX receivable_wallet ON receivable (wallet_id, id);

-- Disputed money, while the dispute lasts.
CREATE TABLE blocked (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    wallet_id BLOB NOT NULL,
    pay_in_id BLOB,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    created_at INTEGER NOT NULL,
    released_at INTEGER
) STRICT;
CREATE INDEX blocked_wallet ON blocked (wallet_id, id);

-- The codes of our own charges, by SHA-256, so that paying one of them stays inside the ledger.
CREATE TABLE br_codes (
    hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    transaction_id BLOB NOT NULL
) STRICT;

CREATE TABLE settings (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- The fences of the sequencer and the sealer: the last number given.
CREATE TABLE counters (
    name TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL CHECK (value >= 0)
) STRICT;
INSERT INTO counters (name, value) SELECT 'events.position', 0 WHERE NOT EXISTS (SELECT 1 FROM counters WHERE name = 'events.position');
INSERT INTO counters (name, value) SELECT 'journals.seal', 0 WHERE NOT EXISTS (SELECT 1 FROM counters WHERE name = 'journals.seal');
