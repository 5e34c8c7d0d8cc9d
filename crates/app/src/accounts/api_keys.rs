//! API keys: bearer tokens for servers, with chosen scopes, until they are revoked.

use domain::ids::ApiKeyId;

use super::audit;
use super::tokens::{TokenKind, new_token};
use crate::commands::{ApiKeyRefusal, Caller, NewApiKey, Scope};
use crate::context::App;
use crate::ports::store::{ApiKeyRow, StoreError, Write};

impl App {
    /// Makes a key; the second value is the secret, which nobody can show again.
    pub async fn create_api_key(
        &self,
        caller: &Caller,
        request: NewApiKey,
    ) -> Result<(ApiKeyRow, String), ApiKeyRefusal> {
        if let Some(scope) = first_not_held(caller, &request.scopes) {
            return Err(ApiKeyRefusal::ScopeNotHeld(scope.as_str()));
        }
        let (secret, secret_hash) = new_token(TokenKind::ApiKey, self.runtime.as_ref());
        let seed = self.ids();
        let mut ids = seed.start();
        let mut scopes = request.scopes;
        scopes.sort();
        scopes.dedup();
        let row = ApiKeyRow {
            id: ApiKeyId::from_bytes(ids.make()),
            user_id: caller.user_id,
            name: request.name,
            scopes: scopes
                .iter()
                .map(|scope| scope.as_str().to_owned())
                .collect(),
            secret_hash,
            created_at: seed.now,
            revoked_at: None,
        };
        let actor = caller.user_id.to_string();
        let audit = audit(
            &mut ids,
            &seed,
            &actor,
            "api_key.created",
            row.id.to_string(),
        );
        self.write_all(
            "create_api_key",
            vec![Write::InsertApiKey(row.clone()), audit],
        )
        .await?;
        Ok((row, secret))
    }

    /// The caller's keys, revoked ones included.
    pub async fn api_keys(&self, caller: &Caller) -> Result<Vec<ApiKeyRow>, StoreError> {
        self.store.api_keys_of(caller.user_id).await
    }

    /// Revokes a key for good; a key that is revoked already stays as it is.
    pub async fn revoke_api_key(&self, caller: &Caller, id: ApiKeyId) -> Result<(), ApiKeyRefusal> {
        let keys = self.store.api_keys_of(caller.user_id).await?;
        let key = keys.iter().find(|key| key.id == id);
        if key.ok_or(ApiKeyRefusal::NotFound)?.revoked_at.is_some() {
            return Ok(());
        }
        let seed = self.ids();
        let actor = caller.user_id.to_string();
        let writes = vec![
            Write::RevokeApiKey {
                id,
                user_id: caller.user_id,
                at: seed.now,
            },
            audit(
                &mut seed.start(),
                &seed,
                &actor,
                "api_key.revoked",
                id.to_string(),
            ),
        ];
        Ok(self.write_all("revoke_api_key", writes).await?)
    }
}

/// A key may not do more than its maker.
fn first_not_held(caller: &Caller, wanted: &[Scope]) -> Option<Scope> {
    wanted.iter().copied().find(|scope| !caller.may(*scope))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::store::UserRole;
    use domain::ids::UserId;

    #[test]
    fn a_key_gets_no_scope_that_its_maker_lacks() {
        let caller = Caller {
            user_id: UserId::from_bytes([1; 16]),
            role: UserRole::Customer,
            scopes: vec![Scope::Read, Scope::Charges],
            session_id: None,
        };
        assert_eq!(first_not_held(&caller, &[Scope::Read]), None);
        assert_eq!(
            first_not_held(&caller, &[Scope::Read, Scope::Payouts]),
            Some(Scope::Payouts)
        );
    }
}
