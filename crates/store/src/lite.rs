//! SQLite: one writer with group commit, a few readers.
//!
//! All writes pass through one thread, in the order in which they came. It takes what waits (up to
//! [`GROUP`]), opens one SQL transaction, runs each request inside a savepoint of its own, commits
//! once, and then answers all: many commits cost one fsync. A request that fails or panics is rolled
//! back to its savepoint and fails alone; a commit that fails takes the whole group with it, the
//! refusals too, since they were decided on rows that now never were.
//!
//! Readers have read-only connections of their own (WAL: they see the last commit) and run on the
//! runtime's blocking threads. The *inline* executor runs the same code on the caller with one
//! connection, for tests on paused time and for databases in memory.
//!
//! One process per file: a lock on `<file>.lock` is held as long as the writer lives.

use std::fs::{File, OpenOptions, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use app::ports::store::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::config::OpenError;
use crate::fault::unavailable;
use crate::tx::{BoxFuture, Done, Engine, Tx, finished};
use crate::unit::{Reply, Request, perform};

/// The most requests that share one commit.
pub(crate) const GROUP: usize = 64;
/// The most requests that wait for the writer; further callers wait to be let in.
const WAITING: usize = 1_024;

pub(crate) type Outcome = Result<Reply, StoreError>;

// ---------------------------------------------------------------- connections

/// Takes the file for this process.
pub(crate) fn lock_file(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let unwritable = |error: std::io::Error| OpenError::Unwritable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(PathBuf::from(name))
        .map_err(unwritable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(unwritable(error)),
    }
}

pub(crate) fn connect(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let unwritable = |error: rusqlite::Error| OpenError::Unwritable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let connection = Connection::open_with_flags(path, flags).map_err(unwritable)?;
    prepare_writer(&connection).map_err(unwritable)?;
    Ok(connection)
}

pub(crate) fn connect_memory() -> Result<Connection, OpenError> {
    Connection::open_in_memory()
        .and_then(|connection| prepare_writer(&connection).map(|()| connection))
        .map_err(|error| OpenError::Unreachable(error.to_string()))
}

fn prepare_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // A larger log is worth a third of the writes; it is a few tens of megabytes.
    connection.pragma_update(None, "wal_autocheckpoint", 10_000)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    settle_plans(connection)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    // Fails on a file that cannot be written, before anything depends on it.
    connection.execute_batch("BEGIN IMMEDIATE; COMMIT")
}

/// Statements are parsed and planned once: without the planner's guarantee of stable plans, every
/// value bound to a range makes SQLite plan its statement anew.
fn settle_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(256);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// A connection that only reads; works while another process writes.
pub(crate) fn connect_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    settle_plans(&connection)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}

/// What may be lost in a power cut, in words; `None` when nothing may.
pub(crate) fn not_durable(connection: &Connection) -> Option<String> {
    let level = connection.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0));
    match level {
        Ok(level) if level >= 2 => None,
        Ok(level) => Some(format!("synchronous is {level}, not FULL")),
        Err(error) => Some(error.to_string()),
    }
}

// ---------------------------------------------------------------- the group

/// Runs the requests in one SQL transaction and commits them together.
fn run_group(tx: &mut Tx, requests: &[Request]) -> Vec<Outcome> {
    if let Err(fault) = finished(tx.control("BEGIN IMMEDIATE")) {
        return all_failed(requests.len(), &fault.into_store().to_string());
    }
    let mut outcomes = Vec::with_capacity(requests.len());
    for request in requests {
        outcomes.push(run_one(tx, request));
        if in_autocommit(tx) {
            // A full disk or an I/O error ends the whole transaction.
            return all_failed(requests.len(), "the group was rolled back by the database");
        }
    }
    match finished(tx.control("COMMIT")) {
        Ok(()) => outcomes,
        Err(fault) => {
            if !in_autocommit(tx) {
                let _ = finished(tx.control("ROLLBACK"));
            }
            all_failed(requests.len(), &fault.into_store().to_string())
        }
    }
}

fn run_one(tx: &mut Tx, request: &Request) -> Outcome {
    let savepoint = |tx: &mut Tx, text| finished(tx.control(text));
    savepoint(tx, "SAVEPOINT one").map_err(|fault| fault.into_store())?;
    let performed = catch_unwind(AssertUnwindSafe(|| finished(perform(tx, request))));
    let outcome = match performed {
        Ok(outcome) => outcome.map_err(|fault| fault.into_store()),
        Err(_) => Err(StoreError::Corrupt("a request panicked".into())),
    };
    let undone = match &outcome {
        Ok(_) => Ok(()),
        Err(_) => savepoint(tx, "ROLLBACK TO one"),
    };
    match undone.and_then(|()| savepoint(tx, "RELEASE one")) {
        Ok(()) => outcome,
        Err(fault) => outcome.and(Err(fault.into_store())),
    }
}

fn in_autocommit(tx: &Tx) -> bool {
    matches!(&tx.engine, Engine::Lite(connection) if connection.is_autocommit())
}

fn all_failed(count: usize, why: &str) -> Vec<Outcome> {
    (0..count).map(|_| Err(unavailable(why))).collect()
}

/// Runs a query in a read transaction, so that its statements see one state.
fn run_query<T>(tx: &mut Tx, query: &Query<T>) -> Result<T, StoreError> {
    finished(tx.control("BEGIN DEFERRED")).map_err(|fault| fault.into_store())?;
    let outcome = catch_unwind(AssertUnwindSafe(|| finished(query(tx))));
    let ended = finished(tx.control("COMMIT"));
    if ended.is_err() && !in_autocommit(tx) {
        let _ = finished(tx.control("ROLLBACK"));
    }
    match outcome {
        Ok(outcome) => outcome.map_err(|fault| fault.into_store()),
        Err(_) => Err(StoreError::Corrupt("a query panicked".into())),
    }
}

pub(crate) type Query<T> = dyn for<'a> Fn(&'a mut Tx) -> BoxFuture<'a, Done<T>> + Send + Sync;

// ---------------------------------------------------------------- threads

struct Queued {
    request: Request,
    answer: oneshot::Sender<Outcome>,
}

/// The writer's thread and the readers.
pub(crate) struct Threads {
    queue: Mutex<Option<mpsc::Sender<Queued>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    readers: Arc<Readers>,
}

struct Readers {
    idle: Mutex<Vec<Tx>>,
    permits: Arc<Semaphore>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing panics while it holds one of these locks; a poisoned one is as good as new.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Threads {
    pub(crate) fn start(
        tx: Tx,
        lock: File,
        path: &Path,
        readers: usize,
    ) -> Result<Threads, OpenError> {
        let unwritable = |reason: String| OpenError::Unwritable {
            path: path.to_owned(),
            reason,
        };
        let mut idle = Vec::new();
        for _ in 0..readers {
            let connection = connect_reader(path).map_err(|error| unwritable(error.to_string()))?;
            idle.push(Tx {
                engine: Engine::Lite(connection),
                sealer: tx.sealer.clone(),
            });
        }
        let (sender, receiver) = mpsc::channel(WAITING);
        let writer = std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || {
                write_all(tx, receiver);
                drop(lock);
            })
            .map_err(|error| unwritable(error.to_string()))?;
        Ok(Threads {
            queue: Mutex::new(Some(sender)),
            writer: Mutex::new(Some(writer)),
            readers: Arc::new(Readers {
                permits: Arc::new(Semaphore::new(idle.len())),
                idle: Mutex::new(idle),
            }),
        })
    }

    pub(crate) async fn write(&self, requests: Vec<Request>) -> Vec<Outcome> {
        let Some(queue) = lock(&self.queue).clone() else {
            return all_failed(requests.len(), "the store is closed");
        };
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            let (answer, answered) = oneshot::channel();
            let queued = queue.send(Queued { request, answer }).await;
            answers.push(queued.is_ok().then_some(answered));
        }
        let mut outcomes = Vec::with_capacity(answers.len());
        for answered in answers {
            let outcome = match answered {
                None => Err(unavailable("the writer has ended")),
                Some(answered) => answered
                    .await
                    .unwrap_or_else(|_| Err(unavailable("the writer has ended"))),
            };
            outcomes.push(outcome);
        }
        outcomes
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        query: Arc<Query<T>>,
    ) -> Result<T, StoreError> {
        let closed = || unavailable("the store is closed");
        let permits = Arc::clone(&self.readers.permits);
        let permit = permits.acquire_owned().await.map_err(|_| closed())?;
        let readers = Arc::clone(&self.readers);
        let reading = tokio::task::spawn_blocking(move || {
            let mut tx = lock(&readers.idle).pop().ok_or_else(closed)?;
            let outcome = run_query(&mut tx, &*query);
            lock(&readers.idle).push(tx);
            drop(permit);
            outcome
        });
        reading
            .await
            .unwrap_or_else(|error| Err(unavailable(error.to_string())))
    }

    /// Lets the writer finish what waits, then ends it and the readers.
    pub(crate) async fn close(&self) {
        drop(lock(&self.queue).take());
        self.readers.permits.close();
        let writer = lock(&self.writer).take();
        let readers = Arc::clone(&self.readers);
        // A writer that has panicked has already failed its callers.
        let ended = tokio::task::spawn_blocking(move || {
            lock(&readers.idle).clear();
            writer.map(JoinHandle::join)
        });
        let _ = ended.await;
    }
}

fn write_all(mut tx: Tx, mut queue: mpsc::Receiver<Queued>) {
    while let Some(first) = queue.blocking_recv() {
        let mut requests = vec![first.request];
        let mut answers = vec![first.answer];
        while requests.len() < GROUP
            && let Ok(next) = queue.try_recv()
        {
            requests.push(next.request);
            answers.push(next.answer);
        }
        let outcomes = run_group(&mut tx, &requests);
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // A caller that has gone away does not want to know.
            let _ = answer.send(outcome);
        }
    }
}

// ---------------------------------------------------------------- inline

/// The same on the caller, with one connection.
pub(crate) struct Inline {
    /// The connection and, for a file, the lock that goes with it.
    held: Mutex<Option<(Tx, Option<File>)>>,
}

impl Inline {
    pub(crate) fn new(tx: Tx, lock: Option<File>) -> Inline {
        Inline {
            held: Mutex::new(Some((tx, lock))),
        }
    }

    pub(crate) fn write(&self, requests: &[Request]) -> Vec<Outcome> {
        let mut guard = lock(&self.held);
        let Some((tx, _)) = guard.as_mut() else {
            return all_failed(requests.len(), "the store is closed");
        };
        requests
            .chunks(GROUP)
            .flat_map(|group| run_group(tx, group))
            .collect()
    }

    pub(crate) fn read<T>(&self, query: &Query<T>) -> Result<T, StoreError> {
        let mut guard = lock(&self.held);
        let (tx, _) = guard
            .as_mut()
            .ok_or_else(|| unavailable("the store is closed"))?;
        run_query(tx, query)
    }

    pub(crate) fn close(&self) {
        drop(lock(&self.held).take());
    }
}
