//! Moves of our own money between the gateways.

use super::statements;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, from_gateway, to_gateway, amount, reason_sealed, state, proposed_by, \
             proposed_at, expires_at, decided_by, decided_at, transaction_id, left_cents, \
             returned_cents, arrived_cents, arrived_at, alerted_at, version FROM float_moves",
            $rest
        )
    };
}

statements! {
    INSERT_FLOAT_MOVE: float_moves, "INSERT INTO float_moves (id, from_gateway, to_gateway, amount, reason_sealed, state, proposed_by, proposed_at, expires_at, decided_by, decided_at, transaction_id, left_cents, returned_cents, arrived_cents, arrived_at, alerted_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    SAVE_FLOAT_MOVE: float_moves, "UPDATE float_moves SET state = ?, decided_by = ?, decided_at = ?, transaction_id = ?, left_cents = ?, returned_cents = ?, arrived_cents = ?, arrived_at = ?, alerted_at = ?, version = ? WHERE id = ? AND version = ?";
    LOCK_FLOAT_MOVE: float_moves, select!(" WHERE id = ? FOR UPDATE"), sqlite select!(" WHERE id = ?");
    FLOAT_MOVE: float_moves, select!(" WHERE id = ?");
    FLOAT_MOVES_BEFORE: float_moves, select!(" WHERE id < ? ORDER BY id DESC LIMIT ?");
    // Approved moves are few, and few of them have the same amount.
    FLOAT_MOVES_EXPECTED: float_moves, select!(" WHERE state = 'approved' AND to_gateway = ? AND amount = ? AND decided_at >= ? ORDER BY id LIMIT ?");
    FLOAT_MOVES_IN_TRANSIT: float_moves, select!(" WHERE state = 'approved' AND left_cents <> returned_cents + arrived_cents ORDER BY id LIMIT ?");
    FLOAT_MOVES_LAPSED: float_moves, select!(" WHERE state = 'proposed' AND expires_at <= ? ORDER BY id LIMIT ?");
}
