-- The first schema, for MySQL 8 and MariaDB 10.6 or later. Its twin in migrations/sqlite has the
-- same tables, columns and names of indexes. Statements end with a semicolon at the end of a line.
-- DDL commits by itself here, so a migration may stop half way; its next run skips what exists.
--
-- Ids are the sixteen bytes of a UUIDv7, times are microseconds since 1970 UTC, amounts are
-- centavos, flags are 1 or 0 (or NULL), JSON is text. Columns named *_sealed are encrypted.
-- Texts compare by their bytes. Keys that come from outside are VARBINARY, since utf8mb4_bin
-- still ignores trailing spaces.
--
-- No foreign keys: a reference to a wallet or transaction would take a shared lock on that hot
-- row with every insert (and deadlock with the unit that holds it). What a row refers to is
-- written in the same commit or locked by it; `broken_rows` and `check` look for orphans.

CREATE TABLE users (
    id BINARY(16) NOT NULL PRIMARY KEY,
    name_sealed VARBINARY(2048) NOT NULL,
    email_sealed VARBINARY(2048) NOT NULL,
    email_blind BINARY(32) NOT NULL,
    tax_id_sealed VARBINARY(2048),
    tax_id_blind BINARY(32),
    password_hash VARCHAR(255) NOT NULL,
    role VARCHAR(16) NOT NULL CHECK (role IN ('customer', 'operator')),
    created_at BIGINT NOT NULL,
    CHECK ((tax_id_sealed IS NULL) = (tax_id_blind IS NULL)),
    UNIQUE INDEX users_email (email_blind),
    UNIQUE INDEX users_tax_id (tax_id_blind)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE sessions (
    id BINARY(16) NOT NULL PRIMARY KEY,
    user_id BINARY(16) NOT NULL,
    token_hash BINARY(32) NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    UNIQUE INDEX sessions_token (token_hash)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE api_keys (
    id BINARY(16) NOT NULL PRIMARY KEY,
    user_id BINARY(16) NOT NULL,
    name VARCHAR(255) NOT NULL,
    scopes LONGTEXT NOT NULL,
    secret_hash BINARY(32) NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    UNIQUE INDEX api_keys_secret (secret_hash),
    INDEX api_keys_user (user_id, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE wallets (
    id BINARY(16) NOT NULL PRIMARY KEY,
    user_id BINARY(16) NOT NULL,
    created_at BIGINT NOT NULL,
    INDEX wallets_user (user_id, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- What changes about a wallet stands apart from what others refer to.
CREATE TABLE wallet_balances (
    wallet_id BINARY(16) NOT NULL PRIMARY KEY,
    available BIGINT NOT NULL CHECK (available >= 0),
    held BIGINT NOT NULL CHECK (held >= 0),
    blocked BIGINT NOT NULL CHECK (blocked >= 0),
    receivable BIGINT NOT NULL CHECK (receivable >= 0),
    seq BIGINT NOT NULL CHECK (seq >= 0),
    limit_transaction BIGINT NOT NULL,
    limit_day BIGINT NOT NULL,
    limit_night BIGINT NOT NULL,
    day_number BIGINT NOT NULL,
    day_spent BIGINT NOT NULL CHECK (day_spent >= 0),
    night_number BIGINT NOT NULL,
    night_spent BIGINT NOT NULL CHECK (night_spent >= 0)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE transactions (
    id BINARY(16) NOT NULL,
    wallet_id BINARY(16) NOT NULL,
    user_id BINARY(16) NOT NULL,
    kind VARCHAR(64) NOT NULL CHECK (kind IN ('charge', 'payout', 'transfer', 'refund')),
    status VARCHAR(16) NOT NULL CHECK (status IN ('pending', 'success', 'failed')),
    stage VARCHAR(32) NOT NULL,
    version BIGINT NOT NULL CHECK (version >= 0),
    amount BIGINT NOT NULL CHECK (amount >= 0),
    fee BIGINT NOT NULL CHECK (fee >= 0),
    gateway VARCHAR(16),
    account VARBINARY(64),
    idempotency_key VARBINARY(255),
    fingerprint BINARY(32),
    reference VARBINARY(255),
    end_to_end_id VARBINARY(64),
    parent_id BINARY(16),
    stage_deadline BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    settled_at BIGINT,
    facts LONGTEXT NOT NULL,
    private_sealed LONGBLOB NOT NULL,
    CHECK ((account IS NULL) = (idempotency_key IS NULL)),
    CHECK ((account IS NULL) = (fingerprint IS NULL)),
    PRIMARY KEY (wallet_id, id),
    UNIQUE INDEX transactions_id (id),
    UNIQUE INDEX transactions_idempotency (account, idempotency_key),
    INDEX transactions_user (user_id, id),
    INDEX transactions_status (status, created_at, id),
    INDEX transactions_deadline (stage_deadline, id),
    INDEX transactions_reference (reference, id),
    INDEX transactions_end_to_end_id (end_to_end_id, id),
    INDEX transactions_parent (parent_id, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE attempts (
    id BINARY(16) NOT NULL PRIMARY KEY,
    transaction_id BINARY(16) NOT NULL,
    number BIGINT NOT NULL CHECK (number >= 1),
    gateway VARCHAR(16) NOT NULL,
    attempt_key VARBINARY(128) NOT NULL,
    request_sealed LONGBLOB NOT NULL,
    live TINYINT CHECK (live = 1),
    outcome VARCHAR(16) NOT NULL CHECK (outcome IN ('open', 'accepted', 'done', 'not_done', 'unknown')),
    reason VARCHAR(128),
    why LONGTEXT NOT NULL,
    licence LONGTEXT,
    routing LONGTEXT NOT NULL,
    gateway_reference VARBINARY(128),
    evidence_version BIGINT NOT NULL CHECK (evidence_version >= 0),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE INDEX attempts_number (transaction_id, number),
    UNIQUE INDEX attempts_live (transaction_id, live),
    UNIQUE INDEX attempts_key (gateway, attempt_key),
    INDEX attempts_reference (gateway, gateway_reference),
    INDEX attempts_outcome (outcome, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Closed once: a send has its verdict, its class and its time of closing together or not at all.
CREATE TABLE sends (
    attempt_id BINARY(16) NOT NULL,
    number BIGINT NOT NULL CHECK (number >= 1),
    opened_at BIGINT NOT NULL,
    closed_at BIGINT,
    verdict LONGTEXT,
    class VARCHAR(16) CHECK (class IN ('settled', 'accepted', 'not_done', 'never_sent', 'unknown')),
    code VARCHAR(128),
    lease_token BIGINT NOT NULL,
    CHECK ((closed_at IS NULL) = (verdict IS NULL)),
    CHECK ((closed_at IS NULL) = (class IS NULL)),
    PRIMARY KEY (attempt_id, number)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE evidence (
    id BINARY(16) NOT NULL PRIMARY KEY,
    attempt_id BINARY(16) NOT NULL,
    at BIGINT NOT NULL,
    source VARCHAR(32) NOT NULL,
    body LONGTEXT NOT NULL,
    class VARCHAR(16) NOT NULL,
    INDEX evidence_attempt (attempt_id, at, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE pay_ins (
    id BINARY(16) NOT NULL PRIMARY KEY,
    gateway VARCHAR(16) NOT NULL,
    pay_in_key VARBINARY(128) NOT NULL,
    transaction_id BINARY(16),
    wallet_id BINARY(16),
    amount BIGINT NOT NULL CHECK (amount >= 0),
    fee BIGINT NOT NULL CHECK (fee >= 0),
    reversed BIGINT NOT NULL CHECK (reversed >= 0),
    refunded BIGINT NOT NULL CHECK (refunded >= 0),
    end_to_end_id VARBINARY(64),
    paid_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL CHECK (version >= 0),
    payer_sealed LONGBLOB NOT NULL,
    UNIQUE INDEX pay_ins_key (gateway, pay_in_key),
    INDEX pay_ins_transaction (transaction_id, created_at, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Append only; `n` is the order of insertion, `seal_no` the dense order given by the sealer.
CREATE TABLE journals (
    n BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    id BINARY(16) NOT NULL,
    transaction_id BINARY(16),
    kind VARCHAR(64) NOT NULL,
    created_at BIGINT NOT NULL,
    seal_no BIGINT,
    UNIQUE INDEX journals_id (id),
    UNIQUE INDEX journals_seal (seal_no),
    INDEX journals_transaction (transaction_id, n)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Append only. Wallet entries carry their number and the account's balance after them.
CREATE TABLE entries (
    journal_id BINARY(16) NOT NULL,
    leg BIGINT NOT NULL,
    account VARBINARY(64) NOT NULL,
    wallet_id BINARY(16),
    debit_cents BIGINT NOT NULL,
    seq BIGINT,
    balance_after BIGINT,
    at BIGINT NOT NULL,
    CHECK ((wallet_id IS NULL) = (seq IS NULL)),
    CHECK ((wallet_id IS NULL) = (balance_after IS NULL)),
    PRIMARY KEY (journal_id, leg),
    UNIQUE INDEX entries_wallet (wallet_id, seq),
    INDEX entries_account (wallet_id, account, seq),
    INDEX entries_time (wallet_id, at, seq)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- System accounts folded up to the last sealed journal, so that no payment updates a shared row.
CREATE TABLE system_balances (
    account VARBINARY(64) NOT NULL PRIMARY KEY,
    debit_cents BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- A job that is done or dead leaves the index by which jobs are claimed.
CREATE TABLE jobs (
    id BINARY(16) NOT NULL PRIMARY KEY,
    kind VARCHAR(64) NOT NULL,
    transaction_id BINARY(16),
    payload LONGTEXT NOT NULL,
    visible_at BIGINT,
    state VARCHAR(8) NOT NULL CHECK (state IN ('ready', 'done', 'dead')),
    leased TINYINT NOT NULL CHECK (leased IN (0, 1)),
    tries BIGINT NOT NULL CHECK (tries >= 0),
    token BIGINT NOT NULL CHECK (token >= 0),
    last_error LONGTEXT,
    created_at BIGINT NOT NULL,
    CHECK ((state = 'ready') = (visible_at IS NOT NULL)),
    INDEX jobs_visible (visible_at, id),
    INDEX jobs_transaction (transaction_id, state),
    INDEX jobs_state (state, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Append only; `n` is the order of insertion, `position` the dense order given by the sequencer.
CREATE TABLE events (
    n BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    id BINARY(16) NOT NULL,
    kind VARCHAR(64) NOT NULL,
    transaction_id BINARY(16),
    transaction_version BIGINT,
    wallet_id BINARY(16),
    user_id BINARY(16),
    body LONGTEXT NOT NULL,
    occurred_at BIGINT NOT NULL,
    position BIGINT,
    UNIQUE INDEX events_id (id),
    UNIQUE INDEX events_transaction_version (transaction_id, transaction_version),
    UNIQUE INDEX events_position (position),
    INDEX events_user (user_id, position)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE inbound_events (
    id BINARY(16) NOT NULL PRIMARY KEY,
    gateway VARCHAR(16) NOT NULL,
    received_at BIGINT NOT NULL,
    verified TINYINT NOT NULL CHECK (verified IN (0, 1)),
    raw_sealed LONGBLOB NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE alerts (
    id BINARY(16) NOT NULL PRIMARY KEY,
    kind VARCHAR(64) NOT NULL,
    transaction_id BINARY(16),
    gateway VARCHAR(16),
    message LONGTEXT NOT NULL,
    raised_at BIGINT NOT NULL,
    INDEX alerts_time (raised_at, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Append only.
CREATE TABLE audit (
    id BINARY(16) NOT NULL PRIMARY KEY,
    actor VARCHAR(64) NOT NULL,
    action VARCHAR(64) NOT NULL,
    subject VARCHAR(128) NOT NULL,
    detail LONGTEXT NOT NULL,
    at BIGINT NOT NULL,
    INDEX audit_time (at, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Append only.
CREATE TABLE incidents (
    id BINARY(16) NOT NULL PRIMARY KEY,
    kind VARCHAR(64) NOT NULL,
    transaction_id BINARY(16),
    detail LONGTEXT NOT NULL,
    at BIGINT NOT NULL,
    INDEX incidents_time (at, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Pay-ins that belong to nobody we know; resolved when the pay-in gets its transaction.
CREATE TABLE suspense (
    pay_in_id BINARY(16) NOT NULL PRIMARY KEY,
    gateway VARCHAR(16) NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    since BIGINT NOT NULL,
    resolved TINYINT NOT NULL CHECK (resolved IN (0, 1)),
    INDEX suspense_open (resolved, since)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- What users owe after money was taken back that their wallets no longer held.
CREATE TABLE receivable (
    id BINARY(16) NOT NULL PRIMARY KEY,
    wallet_id BINARY(16) NOT NULL,
    pay_in_id BINARY(16),
    amount BIGINT NOT NULL CHECK (amount >= 0),
    repaid BIGINT NOT NULL CHECK (repaid >= 0),
    created_at BIGINT NOT NULL,
    CHECK (repaid <= amount),
    INDEX receivable_wallet (wallet_id, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Disputed money, while the dispute lasts.
CREATE TABLE blocked (
    id BINARY(16) NOT NULL PRIMARY KEY,
    wallet_id BINARY(16) NOT NULL,
    pay_in_id BINARY(16),
    amount BIGINT NOT NULL CHECK (amount >= 0),
    created_at BIGINT NOT NULL,
    released_at BIGINT,
    INDEX blocked_wallet (wallet_id, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- The codes of our own charges, by SHA-256, so that paying one of them stays inside the ledger.
CREATE TABLE br_codes (
    hash BINARY(32) NOT NULL PRIMARY KEY,
    transaction_id BINARY(16) NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE settings (
    name VARBINARY(190) NOT NULL PRIMARY KEY,
    value LONGTEXT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- The fences of the sequencer and the sealer: the last number given.
CREATE TABLE counters (
    name VARBINARY(190) NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL CHECK (value >= 0)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
INSERT INTO counters (name, value) SELECT 'events.position', 0 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM counters WHERE name = 'events.position');
INSERT INTO counters (name, value) SELECT 'journals.seal', 0 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM counters WHERE name = 'journals.seal');
