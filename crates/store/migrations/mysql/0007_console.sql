-- The audit trail as operators search it.
CREATE INDEX audit_subject ON audit (subject, id);
CREATE INDEX audit_actor ON audit (actor, id);

-- A blocked account cannot sign in, and its keys open nothing.
ALTER TABLE users ADD COLUMN blocked_at BIGINT;
