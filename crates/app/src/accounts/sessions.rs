//! Sessions, and who a bearer token belongs to.

use domain::ids::SessionId;
use domain::time::Moment;

use super::passwords::DUMMY_HASH;
use super::tokens::{TokenKind, new_token, token_hash};
use super::{audit, normalized_email};
use crate::commands::{Caller, NewSession, Scope, SignInRefusal};
use crate::context::App;
use crate::ports::store::{ApiKeyRow, SessionRow, StoreError, UserRole, UserRow, Write};

impl App {
    /// Opens a session. An unknown e-mail costs the same work and gets the same answer as a wrong
    /// password; after some wrong passwords an e-mail has to wait.
    pub async fn sign_in(&self, email: &str, password: &str) -> Result<NewSession, SignInRefusal> {
        let email = normalized_email(email);
        let counted = self.guards.take_password(&email, self.now()).await;
        counted.map_err(|_| SignInRefusal::TooManyTries)?;
        let user = self.store.user_by_email(&email).await?;
        let stored = user
            .as_ref()
            .map_or(DUMMY_HASH, |user| user.password_hash.as_str())
            .to_owned();
        let matches = self.verify_password(password.to_owned(), stored).await;
        let user = user
            // A blocked account gets the same answer, after the same work.
            .filter(|user| matches && user.blocked_at.is_none())
            .ok_or(SignInRefusal::WrongCredentials)?;
        self.guards.forgive_passwords(&email).await;
        Ok(self.open_session(&user).await?)
    }

    /// Whether the caller knows the password of the account: for what a session alone must not do.
    /// A wrong one counts like one at signing in.
    pub async fn confirm_password(
        &self,
        caller: &Caller,
        password: &str,
    ) -> Result<(), SignInRefusal> {
        let user = self.store.user(caller.user_id).await?;
        let user = user.ok_or(SignInRefusal::WrongCredentials)?;
        let email = normalized_email(&user.email);
        let counted = self.guards.take_password(&email, self.now()).await;
        counted.map_err(|_| SignInRefusal::TooManyTries)?;
        let stored = user.password_hash;
        if !self.verify_password(password.to_owned(), stored).await {
            return Err(SignInRefusal::WrongCredentials);
        }
        self.guards.forgive_passwords(&email).await;
        Ok(())
    }

    async fn open_session(&self, user: &UserRow) -> Result<NewSession, StoreError> {
        let (token, hash) = new_token(TokenKind::Session, self.runtime.as_ref());
        let seed = self.ids();
        let session = SessionRow {
            id: SessionId::from_bytes(seed.start().make()),
            user_id: user.id,
            token_hash: hash,
            created_at: seed.now,
            expires_at: seed.now.plus(self.settings.session_length),
        };
        let expires_at = session.expires_at;
        self.write_all("sign_in", vec![Write::InsertSession(session)])
            .await?;
        Ok(NewSession { token, expires_at })
    }

    pub async fn sign_out(&self, session: SessionId) -> Result<(), StoreError> {
        self.write_all("sign_out", vec![Write::DeleteSession(session)])
            .await
    }

    /// The caller's open sessions, the newest first.
    pub async fn sessions(&self, caller: &Caller) -> Result<Vec<SessionRow>, StoreError> {
        let now = self.now();
        let mut sessions = self.store.sessions_of(caller.user_id).await?;
        sessions.retain(|session| session_is_open(session, now));
        sessions.sort_by_key(|session| std::cmp::Reverse(session.created_at));
        Ok(sessions)
    }

    /// Ends all sessions of the caller but the one that asks.
    pub async fn end_other_sessions(&self, caller: &Caller) -> Result<(), StoreError> {
        let sessions = self.store.sessions_of(caller.user_id).await?;
        let others = sessions
            .iter()
            .filter(|session| Some(session.id) != caller.session_id);
        let mut writes: Vec<Write> = others
            .map(|session| Write::DeleteSession(session.id))
            .collect();
        if writes.is_empty() {
            return Ok(());
        }
        let seed = self.ids();
        let actor = caller.user_id.to_string();
        writes.push(audit(
            &mut seed.start(),
            &seed,
            &actor,
            "sessions.ended",
            actor.clone(),
        ));
        self.write_all("end_other_sessions", writes).await
    }

    /// Who presents this token; `None` when it is unknown, expired or revoked, or its owner blocked.
    pub async fn authenticate(&self, bearer: &str) -> Result<Option<Caller>, StoreError> {
        let hash = token_hash(bearer);
        match TokenKind::of(bearer) {
            None => Ok(None),
            Some(TokenKind::Session) => {
                let session = self.store.session_by_token_hash(&hash).await?;
                match session.filter(|session| session_is_open(session, self.now())) {
                    Some(session) => {
                        let user = self.store.user(session.user_id).await?;
                        let user = user.filter(|user| user.blocked_at.is_none());
                        Ok(user.map(|user| caller_by_session(&user, &session)))
                    }
                    None => Ok(None),
                }
            }
            Some(TokenKind::ApiKey) => {
                let key = self.store.api_key_by_secret_hash(&hash).await?;
                match key.filter(|key| key.revoked_at.is_none()) {
                    Some(key) => {
                        let user = self.store.user(key.user_id).await?;
                        let user = user.filter(|user| user.blocked_at.is_none());
                        Ok(user.map(|user| caller_by_key(&user, &key)))
                    }
                    None => Ok(None),
                }
            }
        }
    }
}

fn session_is_open(session: &SessionRow, now: Moment) -> bool {
    now < session.expires_at
}

/// What a user of this role may do at most.
fn scopes_of(role: UserRole) -> Vec<Scope> {
    match role {
        UserRole::Operator => vec![Scope::Operator, Scope::Read],
        UserRole::Customer => Scope::ALL
            .into_iter()
            .filter(|scope| *scope != Scope::Operator)
            .collect(),
    }
}

fn caller_by_session(user: &UserRow, session: &SessionRow) -> Caller {
    Caller {
        user_id: user.id,
        role: user.role,
        scopes: scopes_of(user.role),
        session_id: Some(session.id),
    }
}

/// A key's scopes are bounded by its owner's role, whatever is stored.
fn caller_by_key(user: &UserRow, key: &ApiKeyRow) -> Caller {
    let possible = scopes_of(user.role);
    let stored = key.scopes.iter().filter_map(|name| Scope::parse(name));
    Caller {
        user_id: user.id,
        role: user.role,
        scopes: stored.filter(|scope| possible.contains(scope)).collect(),
        session_id: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::{ApiKeyId, UserId};

    fn user(role: UserRole) -> UserRow {
        UserRow {
            id: UserId::from_bytes([1; 16]),
            name: "Ana".into(),
            email: "ana@example.com".into(),
            tax_id: None,
            password_hash: String::new(),
            role,
            created_at: Moment::default(),
            blocked_at: None,
        }
    }

    #[test]
    fn a_session_ends_at_its_moment() {
        let session = SessionRow {
            id: SessionId::from_bytes([2; 16]),
            user_id: UserId::from_bytes([1; 16]),
            token_hash: [0; 32],
            created_at: Moment::from_micros(0),
            expires_at: Moment::from_micros(10),
        };
        assert!(session_is_open(&session, Moment::from_micros(9)));
        assert!(!session_is_open(&session, Moment::from_micros(10)));
    }

    #[test]
    fn a_key_never_exceeds_its_owners_role() {
        let key = ApiKeyRow {
            id: ApiKeyId::from_bytes([3; 16]),
            user_id: UserId::from_bytes([1; 16]),
            name: "shop".into(),
            scopes: vec!["payouts".into(), "operator".into(), "unheard_of".into()],
            secret_hash: [0; 32],
            created_at: Moment::default(),
            revoked_at: None,
        };
        let customer = caller_by_key(&user(UserRole::Customer), &key);
        assert_eq!(customer.scopes, [Scope::Payouts]);
        let operator = caller_by_key(&user(UserRole::Operator), &key);
        assert_eq!(operator.scopes, [Scope::Operator]);
        assert!(!scopes_of(UserRole::Customer).contains(&Scope::Operator));
        assert!(!scopes_of(UserRole::Operator).contains(&Scope::Payouts));
    }
}
