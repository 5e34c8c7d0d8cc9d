//! A store of each kind for one test, with the clock that belongs to it.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use app::ports::store::Store;
use domain::time::Moment;
use store::{Keyring, MysqlOptions, SqlStore, StoreConfig, migrate, open};

use crate::build::START;

pub const KEY: &str = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

pub fn keyring() -> Keyring {
    Keyring::parse(KEY).unwrap()
}

pub fn config(url: impl Into<String>) -> StoreConfig {
    StoreConfig {
        url: url.into(),
        pool_size: 8,
        // Test servers live in memory.
        durability_required: false,
        mysql: MysqlOptions::default(),
    }
}

pub struct Environment {
    pub store: Arc<SqlStore>,
    pub url: String,
    clock: Clock,
}

enum Clock {
    /// Moves a millisecond each time it is asked.
    Held(AtomicI64),
    Real,
}

impl Environment {
    pub fn port(&self) -> &dyn Store {
        &*self.store
    }

    /// The time by which this store measures leases.
    pub fn now(&self) -> Moment {
        Moment::from_micros(match &self.clock {
            Clock::Held(micros) => micros.fetch_add(1_000, Ordering::Relaxed),
            Clock::Real => real_micros(),
        })
    }
}

#[allow(clippy::disallowed_methods)] // The server's own clock is the real one.
fn real_micros() -> i64 {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_micros()).unwrap()
}

/// A folder of its own, removed with the value.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("pixwave-store-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn url(&self) -> String {
        format!("sqlite:{}", self.0.join("pixwave.db").display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub async fn with_file<F: Future<Output = ()>>(body: impl FnOnce(Arc<Environment>) -> F) {
    let folder = Folder::new();
    let config = config(folder.url());
    migrate(&config, Some(keyring())).await.unwrap();
    let environment = Arc::new(Environment {
        store: open(&config, keyring()).await.unwrap(),
        url: config.url,
        clock: Clock::Held(AtomicI64::new(START.micros())),
    });
    body(Arc::clone(&environment)).await;
    environment.store.close().await;
}

pub async fn with_memory<F: Future<Output = ()>>(body: impl FnOnce(Arc<Environment>) -> F) {
    let config = config("sqlite::memory:");
    let environment = Arc::new(Environment {
        store: SqlStore::inline(&config, keyring()).unwrap(),
        url: config.url,
        clock: Clock::Held(AtomicI64::new(START.micros())),
    });
    body(Arc::clone(&environment)).await;
    environment.store.close().await;
}

pub async fn with_mysql<F: Future<Output = ()>>(body: impl FnOnce(Arc<Environment>) -> F) {
    testkit::mysql::with_database(|url| async move {
        let config = config(url);
        migrate(&config, Some(keyring())).await.unwrap();
        let environment = Arc::new(Environment {
            store: open(&config, keyring()).await.unwrap(),
            url: config.url,
            clock: Clock::Real,
        });
        body(Arc::clone(&environment)).await;
        environment.store.close().await;
    })
    .await;
}
