-- Disputes over received money, with what they block now and how they ended.
--
-- They take the place of `blocked`, which was never written and knew neither the gateway's name of
-- a dispute nor its end. `receivable` was never written either and goes: what a user owes is the
-- balance of the wallet's receivable account, and the journals of that account name the
-- transactions it came from.

ALTER TABLE pay_ins ADD COLUMN disputed INTEGER NOT NULL DEFAULT 0 CHECK (disputed >= 0);
DROP TABLE IF EXISTS blocked;
DROP TABLE IF EXISTS receivable;

CREATE TABLE disputes (
    pay_in_id BLOB NOT NULL CHECK (length(pay_in_id) = 16),
    number INTEGER NOT NULL CHECK (number >= 1),
    gateway TEXT NOT NULL,
    wallet_id BLOB,
    dispute_key TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    stage TEXT NOT NULL CHECK (stage IN ('open', 'lost', 'released')),
    seen_at INTEGER,
    opened_at INTEGER NOT NULL,
    ended_at INTEGER,
    CHECK ((stage = 'open') = (ended_at IS NULL)),
    PRIMARY KEY (pay_in_id, number)
) STRICT;
CREATE INDEX disputes_wallet ON disputes (wallet_id, stage);
CREATE INDEX disputes_stage ON disputes (stage, gateway);

-- What stands in suspense is what has not been taken back of it; an emptied row is resolved.
UPDATE suspense SET amount = COALESCE((SELECT p.amount - p.reversed FROM pay_ins p WHERE p.id = suspense.pay_in_id), amount) WHERE resolved = 0;
UPDATE suspense SET resolved = 1 WHERE resolved = 0 AND amount = 0;
