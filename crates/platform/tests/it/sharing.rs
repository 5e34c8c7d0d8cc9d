//! Several processes, one Redis.

use std::sync::Arc;

use app::availability::Availability;
use domain::circuit::Observation;
use domain::gateway::{Gateway, Operation};
use futures::future::join_all;
use platform::{KEY_LIFE, Limits, OLDEST_MAJOR, RedisAddress, Unfit, examine, key, slot};
use testkit::redis::with_server;

use crate::setting::{PATIENT, PLACE, at, open, process, sample, state};

#[tokio::test]
async fn redis_shares_a_circuit_between_processes() {
    with_server(|server| async move {
        let (_, one) = process(&server.url(), PATIENT).await;
        let (_, other) = process(&server.url(), PATIENT).await;
        // Neither has seen three failures.
        for subject in [&one, &other, &one] {
            let failed = sample(Observation::Failed);
            subject.observe(PLACE.0, PLACE.1, failed, at(0)).await;
        }
        assert_eq!(state(&*other, at(0)).await, "open");
        let newcomer = process(&server.url(), PATIENT).await.1;
        assert_eq!(state(&*newcomer, at(0)).await, "open");
        other.probe_succeeded(PLACE.0, PLACE.1, at(6)).await;
        assert!(one.begin(PLACE.0, PLACE.1, at(6)).await);
        assert!(!other.begin(PLACE.0, PLACE.1, at(6)).await);
        let answered = sample(Observation::Answered);
        one.observe(PLACE.0, PLACE.1, answered, at(6)).await;
        let seen = other.health(PLACE.0, PLACE.1, at(6)).await;
        assert_eq!((seen.circuit.allowance(), seen.in_flight), (Some(2), 0));
        assert_eq!(seen.latency, Some(answered.latency));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_gives_a_half_open_place_once_however_many_want_it() {
    with_server(|server| async move {
        let mut processes = Vec::new();
        for _ in 0..2 {
            processes.push(process(&server.url(), PATIENT).await);
        }
        let first = processes[0].1.clone();
        open(&*first, Observation::Unknown, at(0)).await;
        for (round, allowance) in [1, 2, 4].into_iter().enumerate() {
            let now = at(10 + round as u32);
            let probes = processes.iter().map(|(_, subject)| {
                let subject = subject.clone();
                tokio::spawn(async move { subject.probe_succeeded(PLACE.0, PLACE.1, now).await })
            });
            join_all(probes).await;
            let workers = (0..50).map(|number| {
                let subject = processes[number % 2].1.clone();
                tokio::spawn(async move { subject.begin(PLACE.0, PLACE.1, now).await })
            });
            let admitted = join_all(workers).await;
            let admitted = admitted.into_iter().filter(|has| *has.as_ref().unwrap());
            assert_eq!(admitted.count(), allowance);
            for _ in 1..allowance {
                first.abandon(PLACE.0, PLACE.1, now).await;
            }
            let answered = sample(Observation::Answered);
            first.observe(PLACE.0, PLACE.1, answered, now).await;
        }
        assert_eq!(state(&*first, at(20)).await, "closed");
        for (link, subject) in &processes {
            assert_eq!(
                (link.counts().unanswered, subject.shared().outrun()),
                (0, 0)
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_loses_no_observation_of_two_processes() {
    with_server(|server| async move {
        let (_, one) = process(&server.url(), PATIENT).await;
        let (_, other) = process(&server.url(), PATIENT).await;
        let each = (0..100).map(|number| {
            let subject = [&one, &other][number % 2].clone();
            tokio::spawn(async move {
                let answered = sample(Observation::Answered);
                subject.observe(PLACE.0, PLACE.1, answered, at(0)).await;
            })
        });
        join_all(each).await;
        let health = one.health(PLACE.0, PLACE.1, at(0)).await;
        assert_eq!(health.circuit.answered_milli, 100_000);
    })
    .await;
}

#[tokio::test]
async fn redis_keys_of_one_circuit_lie_together_and_end_by_themselves() {
    let names: Vec<String> = Gateway::ALL
        .iter()
        .flat_map(|gateway| Operation::ALL.map(|operation| key(*gateway, operation)))
        .collect();
    let mut once = names.clone();
    once.dedup();
    assert_eq!(names.len(), once.len());
    with_server(|server| async move {
        let (_, subject) = process(&server.url(), PATIENT).await;
        open(&*subject, Observation::Failed, at(0)).await;
        let name = key(PLACE.0, PLACE.1);
        assert!(name.contains(&format!("{{{}}}", slot(PLACE.0, PLACE.1))));
        let life = || {
            let answer = server.ask(&["PTTL", &name]).unwrap();
            answer
                .trim_matches([':', '\r', '\n'])
                .parse::<i64>()
                .unwrap()
        };
        assert!((1..=KEY_LIFE.millis()).contains(&life()), "{}", life());
        // Whoever looks keeps it alive: an open circuit stays open while somebody asks.
        assert!(server.ask(&["PEXPIRE", &name, "20000"]).is_some());
        assert_eq!(state(&*subject, at(0)).await, "open");
        assert!(life() > 20_000, "{}", life());
        assert!(server.ask(&["DEL", &name]).is_some());
        assert_eq!(state(&*subject, at(0)).await, "closed");
    })
    .await;
}

#[tokio::test]
async fn redis_values_that_nobody_can_read_are_nothing() {
    with_server(|server| async move {
        let (link, subject) = process(&server.url(), PATIENT).await;
        let name = key(PLACE.0, PLACE.1);
        for junk in ["", "junk", "{}", "[1,2]"] {
            assert!(server.ask(&["SET", &name, junk]).is_some());
            assert_eq!(state(&*subject, at(0)).await, "closed");
            open(&*subject, Observation::Failed, at(0)).await;
            assert_eq!(state(&*subject, at(0)).await, "open");
        }
        assert_eq!(link.counts().unanswered, 0);
    })
    .await;
}

#[tokio::test]
async fn redis_is_examined() {
    with_server(|server| async move {
        let address = RedisAddress::parse(&server.url()).unwrap();
        let found = examine(&address, PATIENT).await.unwrap();
        let major = found.version.split('.').next().unwrap();
        assert!(major.parse::<u32>().unwrap() >= OLDEST_MAJOR, "{found:?}");

        assert!(
            server
                .ask(&["CONFIG", "SET", "requirepass", "hunter2"])
                .is_some()
        );
        let wanted = examine(&address, PATIENT).await.unwrap_err();
        assert_eq!(wanted.to_string(), "it cannot be used: login");
        let with_password = server.url().replace("://", "://:hunter2@");
        let address = RedisAddress::parse(&with_password).unwrap();
        assert!(examine(&address, PATIENT).await.is_ok());

        drop(server);
        let gone = examine(&address, PATIENT).await.unwrap_err();
        assert_eq!(gone.to_string(), "it cannot be used: unreachable");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_too_old_is_refused_with_its_version() {
    let answer = |command: &str| match command.contains("INFO") {
        true => {
            let info = "# Server\r\nredis_version:5.0.14\r\n";
            format!("${}\r\n{info}\r\n", info.len())
        }
        false => "+OK\r\n".to_owned(),
    };
    let url = crate::proxy::scripted(Arc::new(answer)).await;
    let address = RedisAddress::parse(&url).unwrap();
    let limits = Limits { ..PATIENT };
    let refused = examine(&address, limits).await.unwrap_err();
    assert_eq!(refused, Unfit::Old("5.0.14".to_owned()));
    assert_eq!(
        refused.to_string(),
        "it is version 5.0.14; 6 or newer is needed"
    );
}
