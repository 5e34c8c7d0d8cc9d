//! The embedded mode's first content: a customer with money, two operators, and the operator's own
//! money at each gateway.
//!
//! It is written in one commit, whose guard is a setting: a database is seeded once, whoever asks
//! how often. The same setting tells that the database's money is pretended.

use std::collections::BTreeMap;

use domain::gateway::Gateway;
use domain::ids::{AuditId, JournalId, UserId, WalletId};
use domain::limits::Spent;
use domain::money::Money;
use domain::tax_id::TaxId;

use crate::accounts::normalized_email;
use crate::context::{App, CommitError, Decision, IdSeed};
use crate::ledger::{BookingError, Books, Heading};
use crate::ports::store::{
    AuditRow, Locked, Locks, StoreError, UserRole, UserRow, WalletRow, Write,
};
use crate::routing::float_tracked_setting;

/// Present when the database was seeded; its value is the moment in microseconds.
pub const SEEDED: &str = "seed.demo";

pub struct SeedPerson {
    pub name: String,
    pub email: String,
    pub password: String,
}

/// What to begin with.
pub struct Seed {
    pub customer: SeedPerson,
    pub customer_tax_id: TaxId,
    /// Given to the customer from equity.
    pub customer_money: Money,
    pub operators: Vec<SeedPerson>,
    /// What each gateway's account holds at the beginning.
    pub float: Money,
}

#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    #[error("the demo customer or an operator has the e-mail or tax id of a user who exists")]
    Taken,
    #[error("the opening balances cannot be booked: {0}")]
    Booking(BookingError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the unit wrote nothing.
enum Passed {
    AlreadySeeded,
    Booking(BookingError),
}

impl App {
    /// Whether this database was seeded, so that its money is pretended.
    pub async fn is_seeded(&self) -> Result<bool, StoreError> {
        Ok(self.store.setting(SEEDED).await?.is_some())
    }

    /// Seeds the database; `false` when it was seeded before.
    pub async fn seed(&self, seed: Seed) -> Result<bool, SeedError> {
        if self.is_seeded().await? {
            return Ok(false);
        }
        let rows = self.seed_rows(seed).await;
        let locks = Locks {
            settings: vec![SEEDED.to_owned()],
            ..Locks::default()
        };
        let decide = move |locked: &Locked| {
            if locked.settings.contains_key(SEEDED) {
                return Decision::Refuse(Passed::AlreadySeeded);
            }
            match rows.writes() {
                Ok(writes) => Decision::Commit(writes, ()),
                Err(error) => Decision::Refuse(Passed::Booking(error)),
            }
        };
        match self.commit("seed", locks, decide).await {
            Ok(()) => Ok(true),
            Err(CommitError::Refused(Passed::AlreadySeeded)) => Ok(false),
            Err(CommitError::Refused(Passed::Booking(error))) => Err(SeedError::Booking(error)),
            Err(CommitError::Store(StoreError::Conflict("users.email" | "users.tax_id"))) => {
                Err(SeedError::Taken)
            }
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }

    async fn seed_rows(&self, seed: Seed) -> Rows {
        let ids = self.ids();
        let mut people = ids.start();
        let mut users = Vec::new();
        let customers = std::iter::once((seed.customer, UserRole::Customer));
        let operators = seed.operators.into_iter();
        let operators = operators.map(|person| (person, UserRole::Operator));
        for (person, role) in customers.chain(operators) {
            let tax_id = seed.customer_tax_id.as_str().to_owned();
            users.push(UserRow {
                id: UserId::from_bytes(people.make()),
                name: person.name,
                email: normalized_email(&person.email),
                tax_id: (role == UserRole::Customer).then_some(tax_id),
                password_hash: self.hash_password(person.password).await,
                role,
                created_at: ids.now,
                blocked_at: None,
            });
        }
        Rows {
            wallet: WalletRow {
                id: WalletId::from_bytes(people.make()),
                user_id: users[0].id,
                available: Money::ZERO,
                held: Money::ZERO,
                blocked: Money::ZERO,
                receivable: Money::ZERO,
                seq: 0,
                limits: self.settings.default_limits,
                spent: Spent::default(),
                created_at: ids.now,
            },
            users,
            money: seed.customer_money,
            float: seed.float,
            ids: self.ids(),
        }
    }
}

/// Everything that the unit needs, drawn before it.
struct Rows {
    users: Vec<UserRow>,
    wallet: WalletRow,
    money: Money,
    float: Money,
    /// For the journals and the audit.
    ids: IdSeed,
}

impl Rows {
    fn writes(&self) -> Result<Vec<Write>, BookingError> {
        let now = self.ids.now;
        let mut ids = self.ids.start();
        let mut books = Books::new(&BTreeMap::from([(self.wallet.id, self.wallet.clone())]));
        let mut heading = |kind| Heading {
            id: JournalId::from_bytes(ids.make()),
            kind,
            transaction_id: None,
            at: now,
        };
        for gateway in Gateway::ALL {
            books.opening_float(heading("opening_float"), gateway, self.float)?;
        }
        books.grant(heading("grant"), self.wallet.id, self.money)?;
        let mut writes: Vec<Write> = self.users.iter().cloned().map(Write::InsertUser).collect();
        // The wallet is new: it is inserted as the bookings leave it.
        let wallet = books.wallet(self.wallet.id).unwrap_or(&self.wallet).clone();
        writes.push(Write::InsertWallet(wallet));
        let booked = books.into_writes().into_iter();
        writes.extend(booked.filter(|write| matches!(write, Write::InsertJournal(_))));
        let setting = |name: String, value: String| Write::PutSetting { name, value };
        for gateway in Gateway::ALL {
            writes.push(setting(float_tracked_setting(gateway), "true".to_owned()));
        }
        writes.push(setting(SEEDED.to_owned(), now.micros().to_string()));
        writes.push(Write::InsertAudit(AuditRow {
            id: AuditId::from_bytes(ids.make()),
            actor: "system".to_owned(),
            action: "database.seeded".to_owned(),
            subject: self.wallet.user_id.to_string(),
            detail: "{}".to_owned(),
            at: now,
        }));
        Ok(writes)
    }
}
