//! Tries counted for several processes together, and apart while Redis is away.

use std::sync::Arc;

use app::tries::{InProcess, Tries};
use domain::allowance::Allowance;
use domain::time::Span;
use futures::future::join_all;
use platform::{Link, RedisTries};
use testkit::redis::with_server;

use crate::setting::{PATIENT, at, link};

const FIVE: Allowance = Allowance {
    tries: 5,
    per: Span::from_seconds(50),
};

fn tries(link: &Arc<Link>) -> Arc<RedisTries> {
    let secret = "the same in all processes".to_owned().into();
    Arc::new(RedisTries::new(link.clone(), &secret))
}

async fn a_burst_is_allowed_then_one_as_often_as_the_rate_says(subject: &dyn Tries) {
    for _ in 0..5 {
        assert_eq!(subject.take("a", FIVE, at(0)).await, Ok(()));
    }
    let wait = Span::from_seconds(10);
    assert_eq!(subject.take("a", FIVE, at(0)).await, Err(wait));
    assert_eq!(subject.take("b", FIVE, at(0)).await, Ok(()));
    assert_eq!(subject.take("a", FIVE, at(10)).await, Ok(()));
    assert_eq!(subject.take("a", FIVE, at(10)).await, Err(wait));
    assert_eq!(subject.take("a", FIVE, at(1_000)).await, Ok(()));
    for _ in 0..4 {
        assert_eq!(subject.take("a", FIVE, at(1_000)).await, Ok(()));
    }
    subject.forget("b").await;
    assert_eq!(subject.take("a", FIVE, at(1_000)).await, Err(wait));
    subject.forget("a").await;
    assert_eq!(subject.take("a", FIVE, at(1_000)).await, Ok(()));
}

#[tokio::test]
async fn tries_conform_in_process() {
    a_burst_is_allowed_then_one_as_often_as_the_rate_says(&InProcess::default()).await;
}

#[tokio::test]
async fn tries_conform_on_redis_and_without_it() {
    with_server(|server| async move {
        let link = link(&server.url(), PATIENT).await;
        a_burst_is_allowed_then_one_as_often_as_the_rate_says(&*tries(&link)).await;
        assert_eq!(link.counts().unanswered, 0);
        server.kill();
        a_burst_is_allowed_then_one_as_often_as_the_rate_says(&*tries(&link)).await;
        assert!(!link.is_up());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_counts_the_tries_of_all_processes_together() {
    with_server(|server| async move {
        let one = tries(&link(&server.url(), PATIENT).await);
        let other = tries(&link(&server.url(), PATIENT).await);
        let attempts = (0..40).map(|number| {
            let subject = [&one, &other][number % 2].clone();
            tokio::spawn(async move { subject.take("a", FIVE, at(0)).await })
        });
        let taken = join_all(attempts).await;
        let taken = taken
            .into_iter()
            .filter(|taken| taken.as_ref().unwrap().is_ok());
        assert_eq!(taken.count(), 5);
        // A process that loses Redis goes on from its own tries.
        assert!(one.take("b", FIVE, at(0)).await.is_ok());
        server.kill();
        for _ in 0..4 {
            assert!(one.take("b", FIVE, at(0)).await.is_ok());
        }
        assert!(one.take("b", FIVE, at(0)).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn redis_sees_no_address_and_no_e_mail() {
    with_server(|server| async move {
        let subject = tries(&link(&server.url(), PATIENT).await);
        let bucket = "email ana@example.com";
        assert!(subject.take(bucket, FIVE, at(0)).await.is_ok());
        let keys = server.ask(&["KEYS", "pixwave:{tries:*"]).unwrap();
        assert!(
            keys.starts_with("*1\r\n") && !keys.contains("ana"),
            "{keys}"
        );
        let key = keys.lines().nth(2).unwrap();
        let life = server.ask(&["PTTL", key]).unwrap();
        let life: i64 = life.trim_matches([':', '\r', '\n']).parse().unwrap();
        assert!((1..=51_000).contains(&life), "{life}");
        for junk in ["junk", "9223372036854775807"] {
            assert!(server.ask(&["SET", key, junk]).is_some());
            let counted = subject.take(bucket, FIVE, at(0)).await;
            assert!(counted.is_ok() || counted == Err(Span::from_seconds(10)));
        }
    })
    .await;
}
