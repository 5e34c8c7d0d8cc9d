-- What operators set over gateways and operations, and comparisons with the gateways' own lists,
-- for MySQL 8 and MariaDB 10.6 or later. Its twin in migrations/sqlite has the same tables, columns and names of indexes.

-- One row per gateway and operation that can be paused. `is_primary` is 1 or NULL: one gateway of an
-- operation may be preferred here over the configuration.
CREATE TABLE gateway_controls (
    gateway VARCHAR(32) NOT NULL,
    operation VARCHAR(16) NOT NULL,
    paused TINYINT NOT NULL CHECK (paused IN (0, 1)),
    is_primary TINYINT CHECK (is_primary = 1),
    reason_sealed LONGBLOB,
    changed_by BINARY(16),
    changed_at BIGINT,
    CHECK ((changed_by IS NULL) = (changed_at IS NULL)),
    PRIMARY KEY (gateway, operation),
    UNIQUE INDEX gateway_controls_primary (operation, is_primary)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
INSERT INTO gateway_controls (gateway, operation, paused) SELECT 'efi', 'charge', 0 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM gateway_controls WHERE gateway = 'efi' AND operation = 'charge');
INSERT INTO gateway_controls (gateway, operation, paused) SELECT 'efi', 'payout', 0 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM gateway_controls WHERE gateway = 'efi' AND operation = 'payout');
INSERT INTO gateway_controls (gateway, operation, paused) SELECT 'efi', 'refund', 0 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM gateway_controls WHERE gateway = 'efi' AND operation = 'refund');
INSERT INTO gateway_controls (gateway, operation, paused) SELECT 'mercado_pago', 'charge', 0 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM gateway_controls WHERE gateway = 'mercado_pago' AND operation = 'charge');
INSERT INTO gateway_controls (gateway, operation, paused) SELECT 'mercado_pago', 'payout', 0 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM gateway_controls WHERE gateway = 'mercado_pago' AND operation = 'payout');
INSERT INTO gateway_controls (gateway, operation, paused) SELECT 'mercado_pago', 'refund', 0 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM gateway_controls WHERE gateway = 'mercado_pago' AND operation = 'refund');

CREATE TABLE reconciliations (
    id BINARY(16) NOT NULL PRIMARY KEY,
    gateway VARCHAR(32),
    from_at BIGINT NOT NULL,
    to_at BIGINT NOT NULL,
    state VARCHAR(16) NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
    requested_by VARCHAR(64) NOT NULL,
    requested_at BIGINT NOT NULL,
    finished_at BIGINT,
    result LONGTEXT NOT NULL,
    CHECK (to_at > from_at),
    CHECK ((state IN ('done', 'failed')) = (finished_at IS NOT NULL))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
