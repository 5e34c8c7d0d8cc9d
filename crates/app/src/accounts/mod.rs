//! Users, how they prove who they are, and what they may do.
//!
//! A sign-up makes a user and its wallet in one commit; e-mail and tax id are unique by the
//! schema's rules. Sessions and API keys are opaque bearer tokens of which only a digest is stored
//! ([`tokens`]); passwords are Argon2id hashes made away from the I/O threads ([`passwords`]).

pub mod api_keys;
pub mod block;
pub mod passwords;
pub mod sessions;
pub mod tokens;

use domain::ids::{AuditId, UserId, WalletId};
use domain::limits::Spent;
use domain::money::Money;

use crate::commands::{Caller, ReadRefusal, SignUp, SignUpRefusal};
use crate::context::{App, CommitError, Decision, IdSeed, Ids, Settings};
use crate::ports::store::{AuditRow, Locks, StoreError, UserRole, UserRow, WalletRow, Write};
use crate::views::UserView;

impl App {
    /// Makes a customer and its wallet.
    pub async fn sign_up(&self, request: SignUp) -> Result<UserView, SignUpRefusal> {
        let password_hash = self.hash_password(request.password).await;
        let seed = self.ids();
        let mut ids = seed.start();
        let user = UserRow {
            id: UserId::from_bytes(ids.make()),
            name: request.name,
            email: normalized_email(&request.email),
            tax_id: Some(request.tax_id.as_str().to_owned()),
            password_hash,
            role: UserRole::Customer,
            created_at: seed.now,
            blocked_at: None,
        };
        let wallet = new_wallet(&user, &self.settings, &mut ids);
        let writes = vec![
            Write::InsertUser(user.clone()),
            Write::InsertWallet(wallet.clone()),
        ];
        self.insert_user("sign_up", writes).await?;
        Ok(UserView {
            user,
            wallets: vec![wallet],
        })
    }

    /// Makes an operator, who has no wallet and no tax id.
    pub async fn add_operator(
        &self,
        name: String,
        email: String,
        password: String,
    ) -> Result<UserView, SignUpRefusal> {
        let password_hash = self.hash_password(password).await;
        let seed = self.ids();
        let mut ids = seed.start();
        let user = UserRow {
            id: UserId::from_bytes(ids.make()),
            name,
            email: normalized_email(&email),
            tax_id: None,
            password_hash,
            role: UserRole::Operator,
            created_at: seed.now,
            blocked_at: None,
        };
        let audit = audit(
            &mut ids,
            &seed,
            "system",
            "operator.added",
            user.id.to_string(),
        );
        self.insert_user("add_operator", vec![Write::InsertUser(user.clone()), audit])
            .await?;
        Ok(UserView {
            user,
            wallets: Vec::new(),
        })
    }

    /// The caller with its wallets.
    pub async fn me(&self, caller: &Caller) -> Result<UserView, ReadRefusal> {
        let user = self.store.user(caller.user_id).await?;
        Ok(UserView {
            user: user.ok_or(ReadRefusal::NotFound)?,
            wallets: self.store.wallets_of(caller.user_id).await?,
        })
    }

    async fn insert_user(
        &self,
        name: &'static str,
        writes: Vec<Write>,
    ) -> Result<(), SignUpRefusal> {
        match self.write_all(name, writes).await {
            Ok(()) => Ok(()),
            Err(StoreError::Conflict("users.email")) => Err(SignUpRefusal::EmailTaken),
            Err(StoreError::Conflict("users.tax_id")) => Err(SignUpRefusal::TaxIdTaken),
            Err(error) => Err(error.into()),
        }
    }

    /// Commits rows that need no decision.
    pub(crate) async fn write_all(
        &self,
        name: &'static str,
        writes: Vec<Write>,
    ) -> Result<(), StoreError> {
        let decide = move |_: &_| Decision::Commit(writes.clone(), ());
        match self.commit(name, Locks::default(), decide).await {
            Ok(()) | Err(CommitError::Refused(())) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
        }
    }
}

/// Trimmed and in lower case: one mailbox, one user.
pub(crate) fn normalized_email(text: &str) -> String {
    text.trim().to_lowercase()
}

fn new_wallet(user: &UserRow, settings: &Settings, ids: &mut Ids) -> WalletRow {
    WalletRow {
        id: WalletId::from_bytes(ids.make()),
        user_id: user.id,
        available: Money::ZERO,
        held: Money::ZERO,
        blocked: Money::ZERO,
        receivable: Money::ZERO,
        seq: 0,
        limits: settings.default_limits,
        spent: Spent::default(),
        created_at: user.created_at,
    }
}

/// Who did what to which account.
fn audit(ids: &mut Ids, seed: &IdSeed, actor: &str, action: &str, subject: String) -> Write {
    Write::InsertAudit(AuditRow {
        id: AuditId::from_bytes(ids.make()),
        actor: actor.to_owned(),
        action: action.to_owned(),
        subject,
        detail: "{}".to_owned(),
        at: seed.now,
    })
}
