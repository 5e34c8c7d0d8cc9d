//! Giving committed events their position and committed journals their seal number.
//!
//! Commit order is not id order, so readers go by position: the store hands positions out under a
//! fence, densely and once. The task is periodic, woken by the bell, and idempotent.

use crate::context::App;
use crate::ports::store::StoreError;

/// Rows of one commit.
const ROWS: u32 = 500;
/// Commits of one turn: the next turn goes on.
const ROUNDS: u32 = 20;

/// Numbers what has been committed since the last turn; how many rows that was. Readers of the feed
/// are woken when there is something new.
pub async fn run_sequencer_once(app: &App) -> Result<u64, StoreError> {
    let mut numbered = 0;
    for _ in 0..ROUNDS {
        let count = app.store.sequence(ROWS).await?;
        numbered += count;
        if count < u64::from(ROWS) {
            break;
        }
    }
    if numbered > 0 {
        app.bell.notify_waiters();
    }
    Ok(numbered)
}
