//! The event stream as callers read it: by position, in commit order, nothing skipped.

use domain::ids::UserId;

use crate::commands::{Caller, Scope};
use crate::context::App;
use crate::ports::store::{EventRow, StoreError};
use crate::sabotage::{self, Sabotage};

/// Events of one page.
const LONGEST_PAGE: u32 = 1_000;

impl App {
    /// Events after a position, in order: the caller's own, or all for operators.
    pub async fn events_after(
        &self,
        caller: &Caller,
        position: u64,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        let limit = limit.clamp(1, LONGEST_PAGE);
        if sabotage::is(Sabotage::EventsById) {
            let mut all = self
                .store
                .events_after(0, audience(caller), u32::MAX >> 1)
                .await?;
            let last = all.iter().find(|event| event.position == Some(position));
            let last = last.map(|event| event.id);
            all.retain(|event| last.is_none_or(|last| event.id > last));
            return Ok(all);
        }
        self.store
            .events_after(position, audience(caller), limit)
            .await
    }

    /// The position of the newest event.
    pub async fn last_position(&self) -> Result<u64, StoreError> {
        self.store.last_position().await
    }
}

fn audience(caller: &Caller) -> Option<UserId> {
    (!caller.may(Scope::Operator)).then_some(caller.user_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::store::UserRole;

    #[test]
    fn only_operators_hear_everything() {
        let caller = |scope| Caller {
            user_id: UserId::from_bytes([1; 16]),
            role: UserRole::Customer,
            scopes: vec![scope],
            session_id: None,
        };
        assert_eq!(
            audience(&caller(Scope::Read)),
            Some(UserId::from_bytes([1; 16]))
        );
        assert_eq!(audience(&caller(Scope::Operator)), None);
    }
}
