//! Redis goes, comes back, is emptied, and is slow. No call fails and none waits for long.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use app::availability::Availability;
use domain::circuit::{CircuitState, Observation, OpenCause};
use platform::{Limits, Link, WithTwin};
use testkit::redis::{SERVICE, Server, with_cluster, with_sentinel, with_server};
use testkit::wait_until;

use crate::proxy::Gate;
use crate::setting::{LIMIT, PATIENT, PLACE, at, open, process, sample, state};

/// Calls that go on until they are stopped; each is counted.
struct Traffic {
    calls: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Traffic {
    fn through(subject: &Arc<WithTwin>) -> Traffic {
        let (calls, stop) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let task = |_| {
            let (subject, calls, stop) = (subject.clone(), calls.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    assert!(subject.begin(PLACE.0, PLACE.1, at(0)).await);
                    subject.health(PLACE.0, PLACE.1, at(0)).await;
                    let answered = sample(Observation::Answered);
                    subject.observe(PLACE.0, PLACE.1, answered, at(0)).await;
                    calls.fetch_add(1, Ordering::SeqCst);
                    // Calls that need no answer from outside never wait by themselves.
                    tokio::task::yield_now().await;
                }
            })
        };
        let tasks = (0..4).map(task).collect();
        Traffic { calls, stop, tasks }
    }

    /// Waits until calls have been made that began after now.
    async fn goes_on(&self) {
        let before = self.calls.load(Ordering::SeqCst);
        wait_until("further calls", LIMIT, || async {
            (self.calls.load(Ordering::SeqCst) > before + 20).then_some(())
        })
        .await;
    }

    async fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.expect("no call fails");
        }
    }
}

async fn until_down(link: &Link) {
    wait_until("the loss of Redis", LIMIT, || async {
        (!link.is_up()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_killed_under_calls_fails_none_and_is_taken_up_again() {
    with_server(|server| async move {
        let (link, subject) = process(&server.url(), PATIENT).await;
        let traffic = Traffic::through(&subject);
        traffic.goes_on().await;
        for outages in 1..=3 {
            server.kill();
            until_down(&link).await;
            traffic.goes_on().await;
            assert_eq!(link.counts().lost, outages, "told once");
            server.start_again().await;
            wait_until("the return of Redis", LIMIT, || async {
                link.is_up().then_some(())
            })
            .await;
            traffic.goes_on().await;
            assert_eq!(link.counts().regained, outages);
        }
        traffic.end().await;
        let health = subject.health(PLACE.0, PLACE.1, at(0)).await;
        assert_eq!(health.circuit.state, CircuitState::Closed);
        let counts = link.counts();
        assert!(counts.answered > 0 && counts.unanswered > 0, "{counts:?}");
    })
    .await;
}

#[tokio::test]
async fn the_twin_goes_on_from_what_redis_knew_last() {
    with_server(|server| async move {
        let (link, subject) = process(&server.url(), PATIENT).await;
        let (_, other) = process(&server.url(), PATIENT).await;
        open(&*other, Observation::Unknown, at(0)).await;
        assert_eq!(state(&*subject, at(0)).await, "open");
        server.kill();
        let health = subject.health(PLACE.0, PLACE.1, at(1)).await;
        assert!(!link.is_up());
        assert_eq!(health.circuit.open_cause(), Some(OpenCause::Unknowns));
        // What is learnt meanwhile is learnt by this process.
        subject.probe_succeeded(PLACE.0, PLACE.1, at(6)).await;
        assert!(subject.begin(PLACE.0, PLACE.1, at(6)).await);
        assert!(!subject.begin(PLACE.0, PLACE.1, at(6)).await);
    })
    .await;
}

#[tokio::test]
async fn redis_emptied_is_learnt_anew() {
    with_server(|server| async move {
        let (link, subject) = process(&server.url(), PATIENT).await;
        open(&*subject, Observation::Failed, at(0)).await;
        assert!(subject.begin(PLACE.0, PLACE.1, at(0)).await);
        assert_eq!(server.ask(&["FLUSHALL"]).as_deref(), Some("+OK\r\n"));
        let health = subject.health(PLACE.0, PLACE.1, at(0)).await;
        assert_eq!(
            (health.circuit.state, health.in_flight),
            (CircuitState::Closed, 0)
        );
        open(&*subject, Observation::Failed, at(0)).await;
        assert_eq!(server.ask(&["FLUSHALL"]).as_deref(), Some("+OK\r\n"));
        // Also by a process that changes without looking.
        let failed = sample(Observation::Failed);
        subject.observe(PLACE.0, PLACE.1, failed, at(0)).await;
        assert_eq!(state(&*subject, at(0)).await, "closed");
        open(&*subject, Observation::Failed, at(0)).await;
        assert_eq!(state(&*subject, at(0)).await, "open");
        assert_eq!((link.counts().lost, link.counts().unanswered), (0, 0));
    })
    .await;
}

/// Limits of a link whose slowness is measured: longer than a busy machine dawdles, and far shorter
/// than what the calls would take if each paid.
const MEASURED: Limits = Limits {
    call: Duration::from_millis(400),
    connect: Duration::from_millis(400),
    first_pause: Duration::from_millis(5),
    longest_pause: Duration::from_millis(20),
};

#[tokio::test]
async fn redis_that_takes_calls_and_never_answers_costs_one_limit() {
    with_server(|server| async move {
        let gate = Gate::before(server.port()).await;
        let (link, subject) = process(&gate.url, MEASURED).await;
        assert!(link.is_up());
        subject
            .observe(PLACE.0, PLACE.1, sample(Observation::Answered), at(0))
            .await;
        gate.shut();
        let start = Instant::now();
        for _ in 0..500 {
            assert!(subject.begin(PLACE.0, PLACE.1, at(0)).await);
            subject
                .observe(PLACE.0, PLACE.1, sample(Observation::Answered), at(0))
                .await;
        }
        let took = start.elapsed();
        assert!(took >= MEASURED.call, "the first call waits: {took:?}");
        assert!(took < MEASURED.call * 3, "the others do not: {took:?}");
        assert_eq!(link.counts().lost, 1);
        gate.open();
        wait_until("the return of Redis", LIMIT, || async {
            subject.health(PLACE.0, PLACE.1, at(0)).await;
            link.is_up().then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_server_that_never_answers_delays_only_the_start() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let start = Instant::now();
    let (link, subject) = process(&url, MEASURED).await;
    for _ in 0..500 {
        assert!(subject.begin(PLACE.0, PLACE.1, at(0)).await);
    }
    let took = start.elapsed();
    assert!(took < MEASURED.connect * 3, "{took:?}");
    assert!(!link.is_up());
    assert_eq!((link.counts().lost, link.counts().regained), (1, 0));
}

#[tokio::test]
async fn redis_that_only_reads_is_away() {
    with_server(|server| async move {
        let (link, subject) = process(&server.url(), PATIENT).await;
        // A replica of nobody refuses writes and answers reads.
        assert!(server.ask(&["REPLICAOF", "127.0.0.1", "1"]).is_some());
        assert!(
            server
                .ask(&["CONFIG", "SET", "replica-serve-stale-data", "yes"])
                .is_some()
        );
        wait_until("several tries to write", LIMIT, || async {
            assert!(subject.begin(PLACE.0, PLACE.1, at(0)).await);
            (link.counts().tried >= 3).then_some(())
        })
        .await;
        assert_eq!((link.is_up(), link.counts().lost), (false, 1));
        assert!(server.ask(&["REPLICAOF", "NO", "ONE"]).is_some());
        wait_until("the return of Redis", LIMIT, || async {
            subject.health(PLACE.0, PLACE.1, at(0)).await;
            link.is_up().then_some(())
        })
        .await;
        assert_eq!((link.counts().lost, link.counts().regained), (1, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_cluster_without_a_node_is_away_until_it_is_whole() {
    with_cluster(|nodes| async move {
        let key = platform::key(PLACE.0, PLACE.1);
        let serves = |node: &&Server| {
            let answer = node.ask(&["GET", &key]);
            answer.is_some_and(|answer| !answer.starts_with("-MOVED"))
        };
        let holder = nodes.iter().find(serves).unwrap();
        let url = format!("redis+cluster://127.0.0.1:{}", nodes[0].port());
        let (link, subject) = process(&url, MEASURED).await;
        let traffic = Traffic::through(&subject);
        traffic.goes_on().await;
        holder.kill();
        until_down(&link).await;
        traffic.goes_on().await;
        holder.start_again().await;
        wait_until("the return of the cluster", LIMIT, || async {
            link.is_up().then_some(())
        })
        .await;
        traffic.goes_on().await;
        traffic.end().await;
        assert!(link.counts().regained > 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_sentinels_lead_to_the_next_master() {
    with_sentinel(|watched| async move {
        let sentinel = watched.sentinel.port();
        let url = format!("redis+sentinel://127.0.0.1:{sentinel}/{SERVICE}");
        let (link, subject) = process(&url, MEASURED).await;
        assert!(link.is_up());
        open(&*subject, Observation::Unknown, at(0)).await;
        let key = platform::key(PLACE.0, PLACE.1);
        wait_until("replication", LIMIT, || async {
            let held = watched.replica.ask(&["GET", &key])?;
            held.contains("unknowns").then_some(())
        })
        .await;
        watched.master.kill();
        wait_until("the failover", LIMIT, || async {
            subject.health(PLACE.0, PLACE.1, at(0)).await;
            (link.is_up() && link.counts().regained > 0).then_some(())
        })
        .await;
        assert_eq!(state(&*subject, at(0)).await, "open");
        let (_, newcomer) = process(&url, MEASURED).await;
        assert_eq!(state(&*newcomer, at(0)).await, "open");
    })
    .await;
}

thread_local! {
    /// What was logged on this thread, which runs this test alone.
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Logged;

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| logged.extend(bytes));
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn redis_going_and_coming_is_logged_once_without_address_and_password() {
    with_server(|server| async move {
        // For the whole process: one of a thread alone misses what other threads were first to log.
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(|| Logged)
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        assert!(
            server
                .ask(&["CONFIG", "SET", "requirepass", "hunter2"])
                .is_some()
        );
        let url = server.url().replace("://", "://:hunter2@");
        let (link, subject) = process(&url, PATIENT).await;
        server.kill();
        for _ in 0..50 {
            subject.health(PLACE.0, PLACE.1, at(0)).await;
        }
        server.start_again().await;
        // Whoever logs in to a server that wants no password is refused.
        assert!(
            server
                .ask(&["CONFIG", "SET", "requirepass", "hunter2"])
                .is_some()
        );
        wait_until("the return of Redis", LIMIT, || async {
            subject.health(PLACE.0, PLACE.1, at(0)).await;
            link.is_up().then_some(())
        })
        .await;
        let text = String::from_utf8(LOGGED.take()).unwrap();
        let count = |needle: &str| text.matches(needle).count();
        assert_eq!(
            (count("Redis is away"), count("Redis is back")),
            (1, 1),
            "{text}"
        );
        for secret in ["hunter2", "127.0.0.1", &server.port().to_string()] {
            assert_eq!(count(secret), 0, "{text}");
        }
    })
    .await;
}
