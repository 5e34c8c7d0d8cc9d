-- Readers of the event stream, customers' webhook endpoints, and the deliveries to them.

-- A reader's place, held by one process at a time.
CREATE TABLE relays (
    name VARBINARY(190) NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL CHECK (position >= 0),
    token BIGINT NOT NULL CHECK (token >= 0),
    leased_until BIGINT
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
-- Nobody has an endpoint yet, so what has happened so far concerns nobody.
INSERT INTO relays (name, position, token, leased_until) SELECT 'webhooks', value, 0, NULL FROM counters WHERE name = 'events.position' AND NOT EXISTS (SELECT 1 FROM relays WHERE name = 'webhooks');

-- An endpoint is claimed as a whole: it is due when the first of its deliveries is, and while it is
-- leased at the end of the lease. One that is deleted gives its slot back and stays until its
-- deliveries are gone.
CREATE TABLE webhook_endpoints (
    id BINARY(16) NOT NULL PRIMARY KEY,
    user_id BINARY(16) NOT NULL,
    slot BIGINT CHECK (slot >= 0),
    url_sealed VARBINARY(8192) NOT NULL,
    description_sealed VARBINARY(2048),
    event_types LONGTEXT,
    secret_sealed VARBINARY(512) NOT NULL,
    old_secret_sealed VARBINARY(512),
    old_secret_until BIGINT,
    state VARCHAR(8) NOT NULL CHECK (state IN ('enabled', 'owner', 'failing', 'gone', 'deleted')),
    disabled_at BIGINT,
    after_position BIGINT NOT NULL CHECK (after_position >= 0),
    failures BIGINT NOT NULL CHECK (failures >= 0),
    failing_since BIGINT,
    rest_until BIGINT,
    due_at BIGINT,
    leased TINYINT NOT NULL CHECK (leased IN (0, 1)),
    token BIGINT NOT NULL CHECK (token >= 0),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CHECK ((state = 'enabled') = (disabled_at IS NULL)),
    CHECK ((state = 'deleted') = (slot IS NULL)),
    CHECK ((old_secret_sealed IS NULL) = (old_secret_until IS NULL)),
    CHECK (leased = 0 OR due_at IS NOT NULL),
    UNIQUE INDEX webhook_endpoints_slot (user_id, slot),
    INDEX webhook_endpoints_due (due_at, id),
    INDEX webhook_endpoints_state (state, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE webhook_deliveries (
    endpoint_id BINARY(16) NOT NULL,
    id BINARY(16) NOT NULL,
    event_id BINARY(16) NOT NULL,
    position BIGINT NOT NULL,
    kind VARCHAR(64) NOT NULL,
    state VARCHAR(16) NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    due_at BIGINT,
    tries BIGINT NOT NULL CHECK (tries >= 0),
    replays BIGINT NOT NULL CHECK (replays >= 0),
    log LONGTEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    CHECK ((state = 'pending') = (due_at IS NOT NULL)),
    CHECK ((state = 'pending') = (ended_at IS NULL)),
    PRIMARY KEY (endpoint_id, id),
    UNIQUE INDEX webhook_deliveries_event (endpoint_id, position),
    INDEX webhook_deliveries_due (endpoint_id, due_at, id),
    INDEX webhook_deliveries_state (endpoint_id, state, id),
    INDEX webhook_deliveries_age (created_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
