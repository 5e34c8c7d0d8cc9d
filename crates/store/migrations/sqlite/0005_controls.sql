-- What operators set over gateways and operations, and comparisons with the gateways' own lists,
-- for SQLite. Its twin in migrations/mysql has the same tables, columns and names of indexes.

-- One row per gateway and operation that can be paused. `is_primary` is 1 or NULL: one gateway of an
-- operation may be preferred here over the configuration.
CREATE TABLE gateway_controls (
    gateway TEXT NOT NULL,
    operation TEXT NOT NULL,
    paused INTEGER NOT NULL CHECK (paused IN (0, 1)),
    is_primary INTEGER CHECK (is_primary = 1),
    reason_sealed BLOB,
    changed_by BLOB,
    changed_at INTEGER,
    CHECK ((changed_by IS NULL) = (changed_at IS NULL)),
    PRIMARY KEY (gateway, operation)
) STRICT;
CREATE UNIQUE INDEX gateway_controls_primary ON gateway_controls (operation, is_primary);
INSERT INTO gateway_controls (gateway, operation, paused) VALUES
    ('efi', 'charge', 0), ('efi', 'payout', 0), ('efi', 'refund', 0),
    ('mercado_pago', 'charge', 0), ('mercado_pago', 'payout', 0), ('mercado_pago', 'refund', 0);

CREATE TABLE reconciliations (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    gateway TEXT,
    from_at INTEGER NOT NULL,
    to_at INTEGER NOT NULL CHECK (to_at > from_at),
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
    requested_by TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    finished_at INTEGER,
    result TEXT NOT NULL,
    CHECK ((state IN ('done', 'failed')) = (finished_at IS NOT NULL))
) STRICT;
