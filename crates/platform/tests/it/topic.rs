//! Publishing to a double of SNS: what is sent, and what each failure is taken for.

use std::collections::BTreeMap;

use app::ports::publisher::{
    Attribute, EntryOutcome, EventPublisher, OutgoingEvent, Trouble, TroubleKind,
};
use platform::aws::{AwsAccess, AwsKeys, SnsTopic, TopicAddress};
use testkit::sns::{FIFO, Fate, KEY, STANDARD, Sns};

async fn topic(url: &str, arn: &str, key: &str) -> SnsTopic {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    assert!(url.starts_with("http://127.0.0.1:"), "never another host");
    SnsTopic::open(TopicAddress {
        arn: arn.to_owned(),
        access: AwsAccess {
            region: "sa-east-1".to_owned(),
            endpoint: Some(url.to_owned()),
            keys: Some(AwsKeys {
                id: key.into(),
                secret: "hunter2".into(),
                session_token: None,
            }),
        },
    })
    .await
}

fn event(position: u64) -> OutgoingEvent {
    OutgoingEvent {
        id: format!("evt_{position}"),
        position,
        group: format!("wal_{}", position % 2),
        body: format!(r#"{{"n":{position},"text":"ção & <>"}}"#),
        attributes: vec![
            ("event_type", Attribute::Text("payout.settled".into())),
            ("amount_cents", Attribute::Number(1_050)),
        ],
    }
}

async fn trouble(sns: &Sns, fate: Fate) -> Trouble {
    sns.behave(move |_| fate.clone());
    let topic = topic(&sns.url, STANDARD, KEY).await;
    let before = sns.calls();
    let told = topic.publish(&[event(1)]).await.expect_err("it fails");
    assert_eq!(sns.calls(), before + 1, "it repeats nothing by itself");
    told
}

#[tokio::test]
async fn entries_carry_body_attributes_and_on_fifo_their_group_and_identity() {
    let sns = Sns::start().await;
    let sent = [event(1), event(2)];
    for arn in [STANDARD, FIFO] {
        let topic = topic(&sns.url, arn, KEY).await;
        let outcomes = topic.publish(&sent).await.expect("it is answered");
        assert_eq!(outcomes, [EntryOutcome::Published, EntryOutcome::Published]);
        assert_eq!(topic.shape().is_ordered, arn == FIFO);
    }
    let published = sns.published();
    assert_eq!(published.len(), 4);
    for (entry, event) in published.iter().zip(sent.iter().cycle()) {
        assert_eq!(entry.message, event.body);
        let text = ("String".to_owned(), "payout.settled".to_owned());
        let number = ("Number".to_owned(), "1050".to_owned());
        let attributes = [
            ("event_type".to_owned(), text),
            ("amount_cents".to_owned(), number),
        ];
        assert_eq!(entry.attributes, BTreeMap::from(attributes));
    }
    assert_eq!(published[0].group, None);
    assert_eq!(published[0].deduplication, None);
    assert_eq!(published[2].group.as_deref(), Some("wal_1"));
    assert_eq!(published[3].deduplication.as_deref(), Some("evt_2"));
}

#[tokio::test]
async fn each_entry_of_an_answer_has_its_own_end() {
    let sns = Sns::start().await;
    sns.behave(|_| {
        Fate::Entries(BTreeMap::from([
            (0, ("InternalError", false)),
            (2, ("InvalidParameter", true)),
        ]))
    });
    let topic = topic(&sns.url, FIFO, KEY).await;
    let outcomes = topic.publish(&[event(1), event(2), event(3)]).await;
    assert_eq!(
        outcomes.expect("it is answered"),
        [
            EntryOutcome::Delayed("InternalError".into()),
            EntryOutcome::Published,
            EntryOutcome::Impossible("InvalidParameter".into()),
        ]
    );
}

#[tokio::test]
async fn a_call_that_fails_is_told_by_kind_and_code() {
    let sns = Sns::start().await;
    for (fate, kind, code) in [
        (
            Fate::Refused(429, "Throttled", "Rate exceeded"),
            TroubleKind::Throttled,
            "Throttled",
        ),
        (
            Fate::Refused(403, "AuthorizationError", "no"),
            TroubleKind::Forbidden,
            "AuthorizationError",
        ),
        (
            Fate::Refused(403, "SignatureDoesNotMatch", "no"),
            TroubleKind::Forbidden,
            "SignatureDoesNotMatch",
        ),
        (
            Fate::Refused(400, "InvalidParameter", "Invalid parameter: TopicArn"),
            TroubleKind::Missing,
            "InvalidParameter",
        ),
        (
            Fate::Refused(400, "InvalidParameter", "Message too long"),
            TroubleKind::Malformed,
            "InvalidParameter",
        ),
        (
            Fate::Refused(500, "InternalError", "oops"),
            TroubleKind::Away,
            "InternalError",
        ),
        (
            Fate::Refused(503, "ServiceUnavailable", "oops"),
            TroubleKind::Away,
            "ServiceUnavailable",
        ),
        (
            Fate::Cut { published: true },
            TroubleKind::Away,
            "unreachable",
        ),
        (Fate::Garbled, TroubleKind::Away, "garbled_answer"),
    ] {
        let told = trouble(&sns, fate.clone()).await;
        assert_eq!((told.kind, told.code.as_str()), (kind, code), "{fate:?}");
    }
}

#[tokio::test]
async fn wrong_keys_a_missing_topic_and_a_silent_host_are_told_apart() {
    let sns = Sns::start().await;
    let stranger = topic(&sns.url, STANDARD, "AKIASTRANGER").await;
    let told = stranger.publish(&[event(1)]).await.expect_err("refused");
    assert_eq!(told.kind, TroubleKind::Forbidden);
    assert_eq!(stranger.examine().await.expect_err("refused"), told);
    let missing = "arn:aws:sns:sa-east-1:123456789012:another";
    let told = topic(&sns.url, missing, KEY).await.examine().await;
    assert_eq!(told.expect_err("no topic").kind, TroubleKind::Missing);
    let facts = topic(&sns.url, STANDARD, KEY).await.examine().await;
    assert_eq!(facts.expect("it answers").confirmed_subscriptions, 2);
    let url = sns.url.clone();
    drop(sns);
    let told = topic(&url, STANDARD, KEY).await.publish(&[event(1)]).await;
    let told = told.expect_err("nobody listens");
    assert_eq!(
        (told.kind, told.code.as_str()),
        (TroubleKind::Away, "unreachable")
    );
}
