-- Readers of the event stream, customers' webhook endpoints, and the deliveries to them.

-- A reader's place, held by one process at a time.
CREATE TABLE relays (
    name TEXT NOT NULL PRIMARY KEY,
    position INTEGER NOT NULL CHECK (position >= 0),
    token INTEGER NOT NULL CHECK (token >= 0),
    leased_until INTEGER
) STRICT;
-- Nobody has an endpoint yet, so what has happened so far concerns nobody.
INSERT INTO relays (name, position, token, leased_until) SELECT 'webhooks', value, 0, NULL FROM counters WHERE name = 'events.position' AND NOT EXISTS (SELECT 1 FROM relays WHERE name = 'webhooks');

-- An endpoint is claimed as a whole: it is due when the first of its deliveries is, and while it is
-- leased at the end of the lease. One that is deleted gives its slot back and stays until its
-- deliveries are gone.
CREATE TABLE webhook_endpoints (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    user_id BLOB NOT NULL CHECK (length(user_id) = 16),
    slot INTEGER CHECK (slot >= 0),
    url_sealed BLOB NOT NULL,
    description_sealed BLOB,
    event_types TEXT,
    secret_sealed BLOB NOT NULL,
    old_secret_sealed BLOB,
    old_secret_until INTEGER,
    state TEXT NOT NULL CHECK (state IN ('enabled', 'owner', 'failing', 'gone', 'deleted')),
    disabled_at INTEGER,
    after_position INTEGER NOT NULL CHECK (after_position >= 0),
    failures INTEGER NOT NULL CHECK (failures >= 0),
    failing_since INTEGER,
    rest_until INTEGER,
    due_at INTEGER,
    leased INTEGER NOT NULL CHECK (leased IN (0, 1)),
    token INTEGER NOT NULL CHECK (token >= 0),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CHECK ((state = 'enabled') = (disabled_at IS NULL)),
    CHECK ((state = 'deleted') = (slot IS NULL)),
    CHECK ((old_secret_sealed IS NULL) = (old_secret_until IS NULL)),
    CHECK (leased = 0 OR due_at IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX webhook_endpoints_slot ON webhook_endpoints (user_id, slot);
CREATE INDEX webhook_endpoints_due ON webhook_endpoints (due_at, id);
CREATE INDEX webhook_endpoints_state ON webhook_endpoints (state, id);

CREATE TABLE webhook_deliveries (
    endpoint_id BLOB NOT NULL CHECK (length(endpoint_id) = 16),
    id BLOB NOT NULL CHECK (length(id) = 16),
    event_id BLOB NOT NULL CHECK (length(event_id) = 16),
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    due_at INTEGER,
    tries INTEGER NOT NULL CHECK (tries >= 0),
    replays INTEGER NOT NULL CHECK (replays >= 0),
    log TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    CHECK ((state = 'pending') = (due_at IS NOT NULL)),
    CHECK ((state = 'pending') = (ended_at IS NULL)),
    PRIMARY KEY (endpoint_id, id)
) STRICT;
CREATE UNIQUE INDEX webhook_deliveries_event ON webhook_deliveries (endpoint_id, position);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, due_at, id);
CREATE INDEX webhook_deliveries_state ON webhook_deliveries (endpoint_id, state, id);
CREATE INDEX webhook_deliveries_age ON webhook_deliveries (created_at);
