-- Review of doubtful payments by two people, for MySQL 8 and MariaDB 10.6 or later. Its twin in migrations/sqlite has the
-- same tables, columns and names of indexes.

CREATE TABLE proposals (
    id BINARY(16) NOT NULL PRIMARY KEY,
    transaction_id BINARY(16) NOT NULL,
    attempt_number BIGINT NOT NULL CHECK (attempt_number >= 1),
    evidence_version BIGINT NOT NULL CHECK (evidence_version >= 0),
    outcome VARCHAR(16) NOT NULL CHECK (outcome IN ('settled', 'release', 'retry')),
    evidence_sealed LONGBLOB NOT NULL,
    reason_sealed LONGBLOB NOT NULL,
    proposed_by BINARY(16) NOT NULL,
    proposed_at BIGINT NOT NULL,
    state VARCHAR(16) NOT NULL CHECK (state IN ('open', 'approved', 'superseded', 'withdrawn')),
    is_open TINYINT CHECK (is_open = 1),
    decided_by BINARY(16),
    decided_at BIGINT,
    CHECK ((state = 'open') = (is_open IS NOT NULL)),
    CHECK ((state = 'open') = (decided_at IS NULL)),
    CHECK (decided_by IS NULL OR state <> 'approved' OR decided_by <> proposed_by),
    UNIQUE INDEX proposals_open (transaction_id, is_open),
    INDEX proposals_transaction (transaction_id, id),
    INDEX proposals_state (state, outcome)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- How often in a row the same was seen, and when last.
ALTER TABLE evidence ADD COLUMN seen BIGINT NOT NULL DEFAULT 1 CHECK (seen >= 1);
ALTER TABLE evidence ADD COLUMN last_at BIGINT NOT NULL DEFAULT 0;
UPDATE evidence SET last_at = at WHERE last_at = 0;
