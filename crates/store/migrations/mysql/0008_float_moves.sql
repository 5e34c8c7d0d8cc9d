-- Our own money on its way from one gateway to the other, for MySQL 8 and MariaDB 10.6 or later. Its twin in migrations/sqlite
-- has the same tables, columns and names of indexes.
--
-- What of a move is in transit is `left_cents - returned_cents - arrived_cents`; each of the three is
-- written in the commit that books it, and `check` compares them with the entries.

CREATE TABLE float_moves (
    id BINARY(16) NOT NULL PRIMARY KEY,
    from_gateway VARCHAR(32) NOT NULL,
    to_gateway VARCHAR(32) NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    reason_sealed LONGBLOB NOT NULL,
    state VARCHAR(16) NOT NULL CHECK (state IN ('proposed', 'approved', 'declined', 'expired')),
    proposed_by BINARY(16) NOT NULL,
    proposed_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    decided_by BINARY(16),
    decided_at BIGINT,
    transaction_id BINARY(16),
    left_cents BIGINT NOT NULL CHECK (left_cents >= 0),
    returned_cents BIGINT NOT NULL CHECK (returned_cents >= 0),
    arrived_cents BIGINT NOT NULL CHECK (arrived_cents >= 0),
    arrived_at BIGINT,
    alerted_at BIGINT,
    version BIGINT NOT NULL CHECK (version >= 1),
    CHECK (to_gateway <> from_gateway),
    CHECK ((state = 'proposed') = (decided_at IS NULL)),
    CHECK ((state IN ('approved', 'declined')) = (decided_by IS NOT NULL)),
    CHECK ((state = 'approved') = (transaction_id IS NOT NULL)),
    CHECK (state <> 'approved' OR decided_by <> proposed_by),
    UNIQUE INDEX float_moves_transaction (transaction_id),
    INDEX float_moves_state (state, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
