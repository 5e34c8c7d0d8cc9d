-- Review of doubtful payments by two people, for SQLite. Its twin in migrations/mysql has the
-- same tables, columns and names of indexes.

CREATE TABLE proposals (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    transaction_id BLOB NOT NULL,
    attempt_number INTEGER NOT NULL CHECK (attempt_number >= 1),
    evidence_version INTEGER NOT NULL CHECK (evidence_version >= 0),
    outcome TEXT NOT NULL CHECK (outcome IN ('settled', 'release', 'retry')),
    evidence_sealed BLOB NOT NULL,
    reason_sealed BLOB NOT NULL,
    proposed_by BLOB NOT NULL,
    proposed_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'approved', 'superseded', 'withdrawn')),
    is_open INTEGER CHECK (is_open = 1),
    decided_by BLOB,
    decided_at INTEGER,
    CHECK ((state = 'open') = (is_open IS NOT NULL)),
    CHECK ((state = 'open') = (decided_at IS NULL)),
    CHECK (decided_by IS NULL OR state <> 'approved' OR decided_by <> proposed_by)
) STRICT;
CREATE UNIQUE INDEX proposals_open ON proposals (transaction_id, is_open);
CREATE INDEX proposals_transaction ON proposals (transaction_id, id);
CREATE INDEX proposals_state ON proposals (state, outcome);

-- How often in a row the same was seen, and when last.
ALTER TABLE evidence ADD COLUMN seen INTEGER NOT NULL DEFAULT 1 CHECK (seen >= 1);
ALTER TABLE evidence ADD COLUMN last_at INTEGER NOT NULL DEFAULT 0;
UPDATE evidence SET last_at = at WHERE last_at = 0;
