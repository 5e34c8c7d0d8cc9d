-- Disputes over received money, with what they block now and how they ended.
--
-- They take the place of `blocked`, which was never written and knew neither the gateway's name of
-- a dispute nor its end. `receivable` was never written either and goes: what a user owes is the
-- balance of the wallet's receivable account, and the journals of that account name the
-- transactions it came from.

ALTER TABLE pay_ins ADD COLUMN disputed BIGINT NOT NULL DEFAULT 0 CHECK (disputed >= 0);
DROP TABLE IF EXISTS blocked;
DROP TABLE IF EXISTS receivable;

CREATE TABLE disputes (
    pay_in_id BINARY(16) NOT NULL,
    number BIGINT NOT NULL CHECK (number >= 1),
    gateway VARCHAR(16) NOT NULL,
    wallet_id BINARY(16),
    dispute_key VARCHAR(190) NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    stage VARCHAR(8) NOT NULL CHECK (stage IN ('open', 'lost', 'released')),
    seen_at BIGINT,
    opened_at BIGINT NOT NULL,
    ended_at BIGINT,
    CHECK ((stage = 'open') = (ended_at IS NULL)),
    PRIMARY KEY (pay_in_id, number),
    INDEX disputes_wallet (wallet_id, stage),
    INDEX disputes_stage (stage, gateway)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- What stands in suspense is what has not been taken back of it; an emptied row is resolved.
UPDATE suspense SET amount = COALESCE((SELECT p.amount - p.reversed FROM pay_ins p WHERE p.id = suspense.pay_in_id), amount) WHERE resolved = 0;
UPDATE suspense SET resolved = 1 WHERE resolved = 0 AND amount = 0;
