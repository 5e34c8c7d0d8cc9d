//! The schema's versions, forward only, and the check of the keys.
//!
//! Each migration has a number and one text per engine, in `migrations/`. What was applied is
//! written in `schema_migrations` with the checksum of its text, so that an edited migration or a
//! newer database is noticed. On SQLite a migration is one transaction. On MySQL every DDL statement
//! commits by itself: the migration is marked `running` first, and a run that finds it so goes
//! through it again, skipping what already exists. A lock of the server lets one process migrate.

use app::ports::store::StoreError;
use aws_lc_rs::digest::{SHA256, digest};
use mysql_async::prelude::Queryable;

use crate::config::OpenError;
use crate::fault::{self, Fault};
use crate::keyring::{Keyring, Sealer};
use crate::rows::Reader;
use crate::sql::{people, schema};
use crate::tx::{Done, Engine};
use crate::value::{Val, args};

pub(crate) struct Migration {
    pub(crate) version: u32,
    pub(crate) name: &'static str,
    my: &'static str,
    lite: &'static str,
}

pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "money",
        my: include_str!("../migrations/mysql/0001_money.sql"),
        lite: include_str!("../migrations/sqlite/0001_money.sql"),
    },
    Migration {
        version: 2,
        name: "review",
        my: include_str!("../migrations/mysql/0002_review.sql"),
        lite: include_str!("../migrations/sqlite/0002_review.sql"),
    },
    Migration {
        version: 3,
        name: "disputes",
        my: include_str!("../migrations/mysql/0003_disputes.sql"),
        lite: include_str!("../migrations/sqlite/0003_disputes.sql"),
    },
    Migration {
        version: 4,
        name: "webhooks",
        my: include_str!("../migrations/mysql/0004_webhooks.sql"),
        lite: include_str!("../migrations/sqlite/0004_webhooks.sql"),
    },
    Migration {
        version: 5,
        name: "controls",
        my: include_str!("../migrations/mysql/0005_controls.sql"),
        lite: include_str!("../migrations/sqlite/0005_controls.sql"),
    },
    Migration {
        version: 6,
        name: "sessions",
        my: include_str!("../migrations/mysql/0006_sessions.sql"),
        lite: include_str!("../migrations/sqlite/0006_sessions.sql"),
    },
    Migration {
        version: 7,
        name: "console",
        my: include_str!("../migrations/mysql/0007_console.sql"),
        lite: include_str!("../migrations/sqlite/0007_console.sql"),
    },
    Migration {
        version: 8,
        name: "float_moves",
        my: include_str!("../migrations/mysql/0008_float_moves.sql"),
        lite: include_str!("../migrations/sqlite/0008_float_moves.sql"),
    },
    Migration {
        version: 9,
        name: "history",
        my: include_str!("../migrations/mysql/0009_history.sql"),
        lite: include_str!("../migrations/sqlite/0009_history.sql"),
    },
];

/// What a run of the migrations did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationReport {
    /// The version found, 0 for an empty database.
    pub from: u32,
    pub to: u32,
    /// The names of the migrations applied now.
    pub applied: Vec<&'static str>,
}

/// The newest version this program knows.
pub(crate) fn known() -> u32 {
    MIGRATIONS.last().map_or(0, |last| last.version)
}

impl Migration {
    fn text(&self, engine: &Engine) -> &'static str {
        if engine.is_mysql() {
            self.my
        } else {
            self.lite
        }
    }

    fn checksum(&self, engine: &Engine) -> [u8; 32] {
        let digest = digest(&SHA256, self.text(engine).as_bytes());
        digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }
}

struct Applied {
    version: u32,
    checksum: Vec<u8>,
    done: bool,
}

async fn applied(engine: &mut Engine) -> Done<Vec<Applied>> {
    if engine.int(schema::MIGRATIONS_TABLE, args![]).await? == Some(0) {
        return Ok(Vec::new());
    }
    let rows = engine.rows(schema::APPLIED, args![]).await?;
    rows.into_iter()
        .map(|columns| {
            let mut row = Reader::new("schema_migrations", columns);
            let version = row.count("version")?;
            Ok(Applied {
                version: u32::try_from(version).unwrap_or(u32::MAX),
                checksum: row.bytes("checksum")?,
                done: row.text("state")? == "done",
            })
        })
        .collect()
}

fn failed(version: u32, fault: Fault) -> OpenError {
    OpenError::Migration {
        version,
        reason: fault.into_store().to_string(),
    }
}

/// The version of the database, 0 when it is empty; refuses one that this program does not know.
async fn version(engine: &mut Engine) -> Result<(u32, Option<u32>), OpenError> {
    let rows = applied(engine).await.map_err(|fault| failed(0, fault))?;
    let known = known();
    let (mut done, mut half) = (0, None);
    for row in rows {
        let Some(migration) = MIGRATIONS.iter().find(|m| m.version == row.version) else {
            let found = row.version;
            return Err(OpenError::NewerDatabase { found, known });
        };
        if row.checksum != migration.checksum(engine) {
            return Err(OpenError::Migration {
                version: row.version,
                reason: "it was applied with another text".into(),
            });
        }
        if row.done {
            done = done.max(row.version);
        } else {
            half = Some(row.version);
        }
    }
    Ok((done, half))
}

/// Refuses a database that is not exactly at this program's version.
pub(crate) async fn require_current(engine: &mut Engine) -> Result<(), OpenError> {
    let (found, _) = version(engine).await?;
    let known = known();
    if found < known {
        return Err(OpenError::NotMigrated { found, known });
    }
    Ok(())
}

/// Applies what is missing.
pub(crate) async fn run(engine: &mut Engine) -> Result<MigrationReport, OpenError> {
    if !engine.is_mysql() {
        return run_held(engine).await;
    }
    let locked = engine.int(schema::TAKE_MIGRATION_LOCK, args![]).await;
    if locked.map_err(|fault| failed(0, fault))? != Some(1) {
        return Err(OpenError::Migration {
            version: 0,
            reason: "another process has been migrating for a minute".into(),
        });
    }
    let report = run_held(engine).await;
    // The session's end gives the lock back too; a failure here changes nothing.
    let _ = engine.int(schema::GIVE_MIGRATION_LOCK, args![]).await;
    report
}

async fn run_held(engine: &mut Engine) -> Result<MigrationReport, OpenError> {
    engine
        .exec(schema::CREATE_MIGRATIONS, args![])
        .await
        .map_err(|fault| failed(0, fault))?;
    let (from, half) = version(engine).await?;
    let mut names = Vec::new();
    for migration in MIGRATIONS.iter().filter(|m| m.version > from) {
        let resumed = half == Some(migration.version);
        let outcome = match engine {
            Engine::Lite(_) => apply_lite(engine, migration).await,
            Engine::My(_) => apply_my(engine, migration, resumed).await,
        };
        outcome.map_err(|fault| failed(migration.version, fault))?;
        names.push(migration.name);
    }
    Ok(MigrationReport {
        from,
        to: known(),
        applied: names,
    })
}

fn mark(engine: &Engine, migration: &Migration, state: &str) -> Vec<Val> {
    args![
        migration.version,
        migration.name,
        &migration.checksum(engine),
        state
    ]
}

async fn apply_lite(engine: &mut Engine, migration: &Migration) -> Done<()> {
    engine.control("BEGIN IMMEDIATE").await?;
    let outcome = async {
        engine.script(migration.lite).await?;
        let mark = mark(engine, migration, "done");
        engine.exec(schema::MARK_MIGRATION, mark).await?;
        engine.control("COMMIT").await
    }
    .await;
    if outcome.is_err() {
        let _ = engine.control("ROLLBACK").await;
    }
    outcome
}

async fn apply_my(engine: &mut Engine, migration: &Migration, resumed: bool) -> Done<()> {
    if !resumed {
        let mark = mark(engine, migration, "running");
        engine.exec(schema::MARK_MIGRATION, mark).await?;
    }
    for statement in statements(migration.my) {
        step(engine, statement, resumed).await?;
    }
    let done = args![migration.version];
    engine.exec(schema::MIGRATION_DONE, done).await.map(drop)
}

/// One statement; in a migration taken up again, what is already there is fine.
async fn step(engine: &mut Engine, statement: &'static str, resumed: bool) -> Done<()> {
    let Engine::My(connection) = engine else {
        return engine.control(statement).await;
    };
    match connection.query_drop(statement).await {
        Ok(()) => Ok(()),
        // The table, column or index exists.
        Err(mysql_async::Error::Server(error))
            if resumed && matches!(error.code, 1050 | 1060 | 1061) =>
        {
            Ok(())
        }
        Err(error) => Err(fault::from_mysql(error, "schema")),
    }
}

/// The statements of a migration: each ends with a semicolon at the end of a line.
fn statements(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.split(";\n").map(str::trim).filter(|statement| {
        statement
            .lines()
            .any(|line| !line.is_empty() && !line.starts_with("--"))
    })
}

// ---------------------------------------------------------------- keys

const BLIND: &str = "keys.blind";
const CHECK: &str = "keys.check.";

/// Compares the ring with what the database remembers of its keys, and makes the database remember
/// keys it has not seen. The first ring that a database meets becomes its own.
pub(crate) async fn unlock(engine: &mut Engine, keyring: Keyring) -> Result<Sealer, OpenError> {
    let (blind, new) = compare(engine, &keyring).await?;
    for (name, value) in new {
        match engine
            .exec(people::INSERT_SETTING, args![name, value])
            .await
        {
            // Another process has just remembered the same.
            Ok(_) | Err(Fault::Unique(_)) => {}
            Err(fault) => return Err(unreachable(fault)),
        }
    }
    Sealer::new(keyring, &blind).ok_or(OpenError::WrongKey)
}

/// The same for a reader: the database is left as it is.
pub(crate) async fn unlock_for_reading(
    engine: &mut Engine,
    keyring: Keyring,
) -> Result<Sealer, OpenError> {
    let (blind, _) = compare(engine, &keyring).await?;
    Sealer::new(keyring, &blind).ok_or(OpenError::WrongKey)
}

fn unreachable(fault: Fault) -> OpenError {
    OpenError::Unreachable(fault.into_store().to_string())
}

/// The key of the blind indexes, and what the database does not remember yet.
async fn compare(
    engine: &mut Engine,
    keyring: &Keyring,
) -> Result<(String, Vec<(String, String)>), OpenError> {
    let stored = settings(engine).await.map_err(unreachable)?;
    let find = |name: &str| {
        stored
            .iter()
            .find(|(stored, _)| stored == name)
            .map(|(_, value)| value.clone())
    };
    let listed: Vec<(String, String)> = keyring
        .checks()
        .map(|(id, check)| (format!("{CHECK}{id}"), check.to_owned()))
        .collect();
    for (name, check) in &listed {
        if find(name).is_some_and(|known| known != *check) {
            return Err(OpenError::WrongKey);
        }
    }
    let missing = |(name, _): &&(String, String)| {
        name.starts_with(CHECK) && !listed.iter().any(|(listed, _)| listed == name)
    };
    if stored.iter().any(|pair| missing(&pair)) {
        return Err(OpenError::WrongKey);
    }
    let last = listed
        .last()
        .map(|(name, _)| name[CHECK.len()..].to_owned());
    let blind = find(BLIND).or(last).ok_or(OpenError::WrongKey)?;
    let new = listed.iter().filter(|(name, _)| find(name).is_none());
    let mut new: Vec<(String, String)> = new.cloned().collect();
    if find(BLIND).is_none() {
        new.push((BLIND.to_owned(), blind.clone()));
    }
    Ok((blind, new))
}

async fn settings(engine: &mut Engine) -> Done<Vec<(String, String)>> {
    let rows = engine
        .rows(people::SETTINGS_LIKE, args!["keys.", "keys/"])
        .await?;
    rows.into_iter()
        .map(|columns| {
            let mut row = Reader::new("settings", columns);
            Ok::<_, StoreError>((row.text("name")?, row.text("value")?))
        })
        .map(|pair| pair.map_err(Fault::from))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_texts_have_the_same_tables_and_numbers_rise() {
        let tables = |text: &'static str| -> Vec<&str> {
            text.lines()
                .filter_map(|line| line.strip_prefix("CREATE TABLE "))
                .collect()
        };
        let rise = |pair: &[Migration]| pair[0].version < pair[1].version;
        assert!(MIGRATIONS.windows(2).all(rise));
        for migration in MIGRATIONS {
            assert_eq!(tables(migration.my), tables(migration.lite));
        }
        assert!(statements(MIGRATIONS[0].my).count() >= 25);
        assert!(statements(MIGRATIONS[0].my).all(|text| !text.ends_with(';')));
    }
}
