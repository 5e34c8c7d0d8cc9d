//! Where events go: the topic, the queue, and how much waits for each reader of the stream.

use app::context::App;
use app::ports::runtime::Runtime as _;

use super::{Findings, State, words};
use crate::config::{Config, Events};
use crate::runtime::SystemRuntime;
use crate::wire;

/// The readers of the stream, by the names of their places, in words.
const READERS: &[(&str, &str)] = &[
    ("webhooks", "events for webhooks"),
    (app::publishing::NAME, "events for the topic"),
    ("monitor", "events for the monitor"),
];

pub(super) async fn check(config: &Config, findings: &mut Findings) {
    check_topic(&config.events, findings).await;
    check_queue(&config.events, findings).await;
    // That the database cannot be had has been told.
    if let Ok((app, store)) = wire::app_for_reading(config).await {
        check_lags(config, &app, findings).await;
        store.close().await;
    }
}

#[cfg(feature = "aws")]
async fn check_topic(events: &Events, findings: &mut Findings) {
    let Some(address) = events.topic.clone() else {
        return findings.add(
            "topic",
            State::Ok,
            "not configured: events go to webhooks and the stream",
        );
    };
    let what = format!("topic {}", address.arn);
    let order = if address.is_fifo() {
        "in order per wallet"
    } else {
        "in no order"
    };
    let topic = platform::aws::SnsTopic::open(address).await;
    match topic.examine().await {
        Ok(facts) => {
            let (millis, count) = (facts.latency.as_millis(), facts.confirmed_subscriptions);
            let encrypted = if facts.is_encrypted {
                ", encrypted"
            } else {
                ""
            };
            let detail = format!(
                "answers in {millis} ms, {count} confirmed subscriptions, {order}{encrypted}; whether \
                 we may publish (sns:Publish) only publishing shows"
            );
            findings.add(what, State::Ok, detail);
        }
        Err(trouble) => {
            let detail = format!("{trouble} (it needs sns:GetTopicAttributes and sns:Publish)");
            findings.add(what, State::Failed, detail);
        }
    }
}

#[cfg(feature = "aws")]
async fn check_queue(events: &Events, findings: &mut Findings) {
    let Some(address) = events.queue.clone() else {
        return findings.add(
            "queue",
            State::Ok,
            "not configured: the monitor reads the database's stream",
        );
    };
    let what = format!("queue {}", address.url);
    match platform::aws::SqsQueue::open(address).await.examine().await {
        Ok(facts) => {
            let (millis, waiting) = (facts.latency.as_millis(), facts.waiting);
            let detail = format!("answers in {millis} ms, about {waiting} messages wait");
            findings.add(&what, State::Ok, detail);
            if !facts.has_redrive {
                let detail =
                    "no redrive policy: a message that is no event is removed, with an alert";
                findings.add(what, State::Warning, detail);
            }
        }
        Err(trouble) => {
            let needed = "sqs:GetQueueAttributes, sqs:ReceiveMessage and sqs:DeleteMessage";
            findings.add(
                what,
                State::Failed,
                format!("{trouble} (it needs {needed})"),
            );
        }
    }
}

#[cfg(not(feature = "aws"))]
async fn check_topic(_: &Events, findings: &mut Findings) {
    findings.add(
        "topic",
        State::Ok,
        "this program was built without the feature aws",
    );
}

#[cfg(not(feature = "aws"))]
async fn check_queue(_: &Events, _: &mut Findings) {}

/// A reader that is behind does no harm to payments: it is a warning once people would be called.
async fn check_lags(config: &Config, app: &App, findings: &mut Findings) {
    let now = SystemRuntime::default().now();
    for (name, what) in READERS {
        let lag = match app.lag(name).await {
            Ok(Some(lag)) => lag,
            Ok(None) => continue,
            Err(error) => {
                findings.add(*what, State::Failed, error.to_string());
                continue;
            }
        };
        let age = lag.oldest.map(|oldest| now.since(oldest));
        let (state, detail) = match age {
            None => (State::Ok, "none waits".to_owned()),
            Some(age) => {
                let is_late = age >= config.events.publishing.alert_after;
                let state = if is_late { State::Warning } else { State::Ok };
                let waits = format!("{} wait, the oldest for {}", lag.events, words(age));
                (state, waits)
            }
        };
        findings.add(*what, state, detail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Folder, config};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_waits_is_told_for_every_reader_that_has_begun() {
        let folder = Folder::new();
        let config = config(&folder, &[]);
        let running = wire::start(config.clone()).await.unwrap();
        let limit = std::time::Duration::from_secs(20);
        testkit::wait_until("the monitor's first look", limit, || async {
            running.app.lag("monitor").await.unwrap()
        })
        .await;
        running.shutdown().await;
        let mut findings = Findings::default();
        check(&config, &mut findings).await;
        let lines = findings.lines().join("\n");
        assert_eq!(findings.failed(), 0, "{lines}");
        for told in ["events for webhooks", "events for the monitor", "topic"] {
            assert!(lines.contains(told), "{lines}");
        }
        assert!(!lines.contains("events for the topic"), "{lines}");
    }

    #[cfg(feature = "aws")]
    #[tokio::test]
    async fn a_topic_and_a_queue_that_are_not_there_fail_by_name_and_without_secrets() {
        crate::wire::install_tls();
        let folder = Folder::new();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let place = format!("http://{}", free.local_addr().unwrap());
        drop(free);
        let queue = format!("{place}/123456789012/q");
        let config = config(
            &folder,
            &[
                (
                    "SNS_TOPIC_ARN",
                    "arn:aws:sns:sa-east-1:123456789012:pixwave",
                ),
                ("SNS_ENDPOINT_URL", &place),
                ("SQS_QUEUE_URL", &queue),
                ("SNS_API_KEY", "AKIAEXAMPLE"),
                ("SNS_API_SECRET", "hunter2"),
            ],
        );
        let mut findings = Findings::default();
        check_topic(&config.events, &mut findings).await;
        check_queue(&config.events, &mut findings).await;
        let lines = findings.lines().join("\n");
        assert_eq!(findings.failed(), 2, "{lines}");
        assert!(lines.contains("sa-east-1:123456789012:pixwave"), "{lines}");
        assert!(lines.contains("away: unreachable"), "{lines}");
        assert!(!lines.contains("hunter2"), "{lines}");
    }
}
