-- Our own money on its way from one gateway to the other, for SQLite. Its twin in migrations/mysql
-- has the same tables, columns and names of indexes.
--
-- What of a move is in transit is `left_cents - returned_cents - arrived_cents`; each of the three is
-- written in the commit that books it, and `check` compares them with the entries.

CREATE TABLE float_moves (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    from_gateway TEXT NOT NULL,
    to_gateway TEXT NOT NULL CHECK (to_gateway <> from_gateway),
    amount INTEGER NOT NULL CHECK (amount > 0),
    reason_sealed BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('proposed', 'approved', 'declined', 'expired')),
    proposed_by BLOB NOT NULL,
    proposed_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    decided_by BLOB,
    decided_at INTEGER,
    transaction_id BLOB,
    left_cents INTEGER NOT NULL CHECK (left_cents >= 0),
    returned_cents INTEGER NOT NULL CHECK (returned_cents >= 0),
    arrived_cents INTEGER NOT NULL CHECK (arrived_cents >= 0),
    arrived_at INTEGER,
    alerted_at INTEGER,
    version INTEGER NOT NULL CHECK (version >= 1),
    CHECK ((state = 'proposed') = (decided_at IS NULL)),
    CHECK ((state IN ('approved', 'declined')) = (decided_by IS NOT NULL)),
    CHECK ((state = 'approved') = (transaction_id IS NOT NULL)),
    CHECK (state <> 'approved' OR decided_by <> proposed_by)
) STRICT;
CREATE UNIQUE INDEX float_moves_transaction ON float_moves (transaction_id);
CREATE INDEX float_moves_state ON float_moves (state, id);
