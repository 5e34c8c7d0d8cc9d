//! Blocking an account and letting it in again, by operators.
//!
//! A blocked account cannot sign in, its sessions are gone, and its keys open nothing. Its money
//! stays where it is: what arrives is credited, and payments under way go on.

use domain::ids::UserId;
use domain::time::Moment;
use serde_json::json;

use crate::audit::{Audited, audit};
use crate::commands::{BlockRefusal, Caller};
use crate::context::App;
use crate::ports::store::{UserRow, Write};

impl App {
    /// Blocks an account. One that is blocked stays so since when it was.
    pub async fn block_user(&self, caller: &Caller, id: UserId) -> Result<UserRow, BlockRefusal> {
        if caller.user_id == id {
            return Err(BlockRefusal::OwnAccount);
        }
        let user = self.store.user(id).await?.ok_or(BlockRefusal::NotFound)?;
        match user.blocked_at {
            Some(_) => Ok(user),
            None => self.set_blocked(caller, user, Some(self.now())).await,
        }
    }

    /// Lets an account in again, which has to sign in anew; its keys work as before.
    pub async fn unblock_user(&self, caller: &Caller, id: UserId) -> Result<UserRow, BlockRefusal> {
        let user = self.store.user(id).await?.ok_or(BlockRefusal::NotFound)?;
        match user.blocked_at {
            None => Ok(user),
            Some(_) => self.set_blocked(caller, user, None).await,
        }
    }

    async fn set_blocked(
        &self,
        caller: &Caller,
        user: UserRow,
        at: Option<Moment>,
    ) -> Result<UserRow, BlockRefusal> {
        let seed = self.ids();
        let audited = Audited {
            actor: caller.user_id.to_string(),
            action: match at {
                Some(_) => "user.blocked",
                None => "user.unblocked",
            },
            subject: user.id.to_string(),
            detail: json!({}),
        };
        let mut writes = vec![Write::BlockUser { id: user.id, at }];
        if at.is_some() {
            writes.push(Write::DeleteSessions(user.id));
        }
        writes.push(audit(&mut seed.start(), seed.now, audited));
        self.write_all("block_user", writes).await?;
        Ok(UserRow {
            blocked_at: at,
            ..user
        })
    }
}
