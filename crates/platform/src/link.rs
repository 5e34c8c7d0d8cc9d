//! One connection to Redis that may be away at any moment.
//!
//! A call is made over the connection there is, within a short limit. The first call that fails
//! takes the link down: calls after it do not try, and their callers go on by themselves at once.
//! While the link is down, a call that comes after a pause starts one try to get it back, in the
//! background; the pauses double up to a bound, so that a dead Redis costs next to nothing. A try
//! writes to the very slot whose call failed: a server that answers but does not write, or a cluster
//! that lacks just that slot, is still away.
//!
//! What Redis says is never logged: error texts hold addresses. A closed list of words tells why.

use std::borrow::Cow;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use app::ports::runtime::Runtime;
use redis::aio::MultiplexedConnection;
use redis::cluster_async::ClusterConnection;
use redis::{ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind};
use tokio::time::Instant;

use crate::address::RedisAddress;
use crate::connect;

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One call in all, with its retries: the most that a slow Redis can delay a payment.
    pub call: Duration,
    /// One try to connect, in the background: names, sockets, TLS, and the discovery of a master or
    /// a cluster.
    pub connect: Duration,
    /// Between the first tries to get the link back.
    pub first_pause: Duration,
    /// Between later ones.
    pub longest_pause: Duration,
}

impl Limits {
    pub const STANDARD: Limits = Limits {
        call: Duration::from_millis(50),
        connect: Duration::from_secs(2),
        first_pause: Duration::from_millis(100),
        longest_pause: Duration::from_secs(2),
    };
}

const SWAP: &str = "\
local held = redis.call('GET', KEYS[1]) or ''
if held ~= ARGV[1] then return held end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return false";

/// A link that was up for this long starts its pauses anew.
const STABLE: Duration = Duration::from_secs(10);
/// How long the mark stays that a try leaves.
const MARK_MILLIS: u32 = 1_000;

/// Why Redis could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No answer within the limit.
    Slow,
    /// The connection could not be made or was lost.
    Unreachable,
    /// It wants another user or password.
    Login,
    /// It answers and does not serve: loading, read-only, out of memory, a part of the cluster away.
    Unwilling,
    /// Something else, such as a value of another kind under one of our keys.
    Strange,
}

impl Cause {
    pub const fn as_str(self) -> &'static str {
        match self {
            Cause::Slow => "slow",
            Cause::Unreachable => "unreachable",
            Cause::Login => "login",
            Cause::Unwilling => "unwilling",
            Cause::Strange => "strange",
        }
    }

    pub(crate) fn of(error: &RedisError) -> Cause {
        if error.is_timeout() {
            return Cause::Slow;
        }
        match error.kind() {
            ErrorKind::Io
            | ErrorKind::ClusterConnectionNotFound
            | ErrorKind::MasterNameNotFoundBySentinel
            | ErrorKind::NoValidReplicasFoundBySentinel => Cause::Unreachable,
            ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm) => {
                Cause::Login
            }
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly
                | ServerErrorKind::TryAgain
                | ServerErrorKind::Moved
                | ServerErrorKind::Ask,
            ) => Cause::Unwilling,
            // The client's list may grow; words of the server that it has no kind for come last.
            _ => match error.code() {
                Some("NOAUTH" | "WRONGPASS") => Cause::Login,
                Some("OOM" | "NOREPLICAS" | "MISCONF") => Cause::Unwilling,
                _ => Cause::Strange,
            },
        }
    }
}

/// Redis cannot be used now; the caller goes on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Away;

/// What has happened on the link so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that Redis answered.
    pub answered: u64,
    /// Calls that were made or wanted and had no answer.
    pub unanswered: u64,
    /// How often the link went down, and came back.
    pub lost: u64,
    pub regained: u64,
    /// Tries to get it back.
    pub tried: u64,
}

#[derive(Default)]
struct Counters {
    answered: AtomicU64,
    unanswered: AtomicU64,
    lost: AtomicU64,
    regained: AtomicU64,
    tried: AtomicU64,
}

/// The part of a key between braces, which alone says where in a cluster the key lies.
pub(crate) type Slot = Cow<'static, str>;

/// A connection, of one server or of a cluster. Clones share it.
#[derive(Clone)]
pub(crate) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    pub(crate) async fn run<T: FromRedisValue>(&mut self, command: &redis::Cmd) -> RedisResult<T> {
        match self {
            Connection::One(connection) => command.query_async(connection).await,
            Connection::Cluster(connection) => command.query_async(connection).await,
        }
    }

    pub(crate) async fn run_all<T: FromRedisValue>(
        &mut self,
        commands: &redis::Pipeline,
    ) -> RedisResult<T> {
        match self {
            Connection::One(connection) => commands.query_async(connection).await,
            Connection::Cluster(connection) => commands.query_async(connection).await,
        }
    }

    /// Puts a text in place of an expected one, for so many milliseconds; an empty text is none.
    /// Answers nothing when it is done, else what stands there.
    pub(crate) async fn swap(
        &mut self,
        key: &str,
        expected: &[u8],
        text: &[u8],
        life: i64,
    ) -> RedisResult<Option<Vec<u8>>> {
        let mut command = redis::cmd("EVAL");
        command.arg(SWAP).arg(1).arg(key);
        command.arg(expected).arg(text).arg(life);
        self.run(&command).await
    }

    /// Writes a mark into a slot that goes by itself: the slot is served.
    pub(crate) async fn mark(&mut self, slot: &str) -> RedisResult<()> {
        let mut command = redis::cmd("SET");
        command
            .arg(format!("pixwave:{{{slot}}}:mark"))
            .arg(1)
            .arg("PX")
            .arg(MARK_MILLIS);
        self.run(&command).await
    }
}

enum State {
    Up {
        connection: Connection,
        since: Instant,
        /// Tells this connection from those before it, whose calls may still be failing.
        number: u64,
        /// The pause that the last outage ended with.
        pause: Duration,
    },
    Down {
        next_try: Instant,
        pause: Duration,
        /// Where the call failed.
        slot: Slot,
    },
}

/// The link. Calls need a running tokio runtime.
pub struct Link {
    address: RedisAddress,
    limits: Limits,
    runtime: Arc<dyn Runtime>,
    state: Mutex<State>,
    /// Connections made so far.
    made: AtomicU64,
    counters: Counters,
}

impl Link {
    /// A link that is up if Redis can be had within [`Limits::connect`], and down otherwise: it
    /// never fails. `slot` is where the first mark is written.
    pub async fn open(
        address: RedisAddress,
        limits: Limits,
        runtime: Arc<dyn Runtime>,
        slot: &'static str,
    ) -> Arc<Link> {
        let link = Arc::new(Link {
            address,
            limits,
            runtime,
            state: Mutex::new(State::Down {
                next_try: Instant::now(),
                pause: limits.first_pause,
                slot: slot.into(),
            }),
            made: AtomicU64::new(0),
            counters: Counters::default(),
        });
        match link.connect(slot).await {
            Ok(connection) => {
                link.put_up(connection, limits.first_pause);
                tracing::info!("Redis is there: what it shares is shared");
            }
            Err(cause) => {
                link.counters.lost.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    cause = cause.as_str(),
                    "Redis is away: this process goes on by itself"
                );
            }
        }
        link
    }

    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            answered: read(&self.counters.answered),
            unanswered: read(&self.counters.unanswered),
            lost: read(&self.counters.lost),
            regained: read(&self.counters.regained),
            tried: read(&self.counters.tried),
        }
    }

    pub fn is_up(&self) -> bool {
        matches!(*self.state(), State::Up { .. })
    }

    /// Makes a call on `slot`, within the limit. Whatever `work` waits for counts.
    pub(crate) async fn call<T, F>(
        self: &Arc<Link>,
        slot: Slot,
        work: impl FnOnce(Connection) -> F,
    ) -> Result<T, Away>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let Some((connection, number)) = self.connection() else {
            self.counters.unanswered.fetch_add(1, Ordering::Relaxed);
            return Err(Away);
        };
        let cause = match tokio::time::timeout(self.limits.call, work(connection)).await {
            Ok(Ok(answer)) => {
                self.counters.answered.fetch_add(1, Ordering::Relaxed);
                return Ok(answer);
            }
            Ok(Err(error)) => Cause::of(&error),
            Err(_) => Cause::Slow,
        };
        self.counters.unanswered.fetch_add(1, Ordering::Relaxed);
        self.take_down(number, slot, cause);
        Err(Away)
    }

    /// The connection; when there is none and its time has come, a try to get it back starts.
    fn connection(self: &Arc<Link>) -> Option<(Connection, u64)> {
        let (slot, pause) = {
            let now = Instant::now();
            let mut state = self.state();
            match &mut *state {
                State::Up {
                    connection, number, ..
                } => return Some((connection.clone(), *number)),
                State::Down {
                    next_try,
                    pause,
                    slot,
                } if *next_try <= now => {
                    // The next one comes after this one has ended, however it ends.
                    *next_try = now + self.limits.connect + *pause;
                    (slot.clone(), *pause)
                }
                State::Down { .. } => return None,
            }
        };
        let link = self.clone();
        let task = async move { link.try_again(slot, pause).await };
        self.runtime.spawn("redis", Box::pin(task));
        None
    }

    async fn try_again(&self, slot: Slot, pause: Duration) {
        let connected = self.connect(&slot).await;
        self.counters.tried.fetch_add(1, Ordering::Relaxed);
        match connected {
            Ok(connection) => {
                self.put_up(connection, pause);
                self.counters.regained.fetch_add(1, Ordering::Relaxed);
                tracing::info!("Redis is back: what it shares is shared again");
            }
            Err(_) => {
                let longer = (pause * 2).min(self.limits.longest_pause);
                if let State::Down {
                    next_try, pause, ..
                } = &mut *self.state()
                {
                    *next_try = Instant::now() + *pause;
                    *pause = longer;
                }
            }
        }
    }

    async fn connect(&self, slot: &str) -> Result<Connection, Cause> {
        let connect = async {
            let mut connection = connect::connect(&self.address, &self.limits).await?;
            connection.mark(slot).await?;
            Ok(connection)
        };
        match tokio::time::timeout(self.limits.connect, connect).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(Cause::of(&error)),
            Err(_) => Err(Cause::Slow),
        }
    }

    fn put_up(&self, connection: Connection, pause: Duration) {
        *self.state() = State::Up {
            connection,
            since: Instant::now(),
            number: self.made.fetch_add(1, Ordering::Relaxed),
            pause,
        };
    }

    /// Only the connection whose call failed is taken down, and only once.
    fn take_down(&self, failed: u64, slot: Slot, cause: Cause) {
        {
            let mut state = self.state();
            let State::Up {
                number,
                since,
                pause,
                ..
            } = &*state
            else {
                return;
            };
            if *number != failed {
                return;
            }
            // One that comes and goes is not run after ever faster.
            let pause = match since.elapsed() >= STABLE {
                true => self.limits.first_pause,
                false => (*pause * 2).min(self.limits.longest_pause),
            };
            *state = State::Down {
                next_try: Instant::now() + pause,
                pause,
                slot,
            };
        }
        self.counters.lost.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            cause = cause.as_str(),
            "Redis is away: this process goes on by itself"
        );
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one store, so a panic leaves a whole value behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
