-- A user's sessions are listed and ended together. The same text for both engines.

CREATE INDEX sessions_user ON sessions (user_id, id);
