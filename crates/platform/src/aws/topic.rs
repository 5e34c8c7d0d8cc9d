//! The topic: `PublishBatch`, and a look at its attributes.

use std::collections::HashMap;
use std::time::Duration;

use app::ports::publisher::{
    Attribute, EntryOutcome, EventPublisher, OutgoingEvent, TopicShape, Trouble, TroubleKind,
};
use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::operation::publish_batch::PublishBatchOutput;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use tokio::time::Instant;

use super::access::TopicAddress;
use super::trouble;

/// SNS API Reference, `PublishBatch`: at most ten entries, 262,144 bytes together.
const ENTRIES: usize = 10;
const BYTES: usize = 262_144;

/// A topic of AWS SNS.
pub struct SnsTopic {
    client: Client,
    address: TopicAddress,
}

/// What can be learnt of a topic without publishing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicFacts {
    pub latency: Duration,
    pub confirmed_subscriptions: u64,
    pub is_encrypted: bool,
}

impl SnsTopic {
    pub async fn open(address: TopicAddress) -> SnsTopic {
        let settings = address.access.settings(Duration::ZERO).await;
        SnsTopic {
            client: Client::new(&settings),
            address,
        }
    }

    /// Asks for the topic's attributes, which shows that it is there and that our credentials are
    /// taken. It needs `sns:GetTopicAttributes`; whether `sns:Publish` is granted it cannot show.
    pub async fn examine(&self) -> Result<TopicFacts, Trouble> {
        let began = Instant::now();
        let asked = self.client.get_topic_attributes();
        let told = asked.topic_arn(&self.address.arn).send().await;
        let told = told.map_err(|error| trouble::of(&error))?;
        let attribute = |name: &str| told.attributes().and_then(|all| all.get(name));
        let confirmed = attribute("SubscriptionsConfirmed");
        Ok(TopicFacts {
            latency: began.elapsed(),
            confirmed_subscriptions: confirmed.and_then(|text| text.parse().ok()).unwrap_or(0),
            is_encrypted: attribute("KmsMasterKeyId").is_some(),
        })
    }

    fn entry(
        &self,
        nth: usize,
        event: &OutgoingEvent,
    ) -> Result<PublishBatchRequestEntry, Trouble> {
        let mut attributes = HashMap::new();
        for (name, value) in &event.attributes {
            attributes.insert((*name).to_owned(), attribute(value)?);
        }
        let mut entry = PublishBatchRequestEntry::builder()
            .id(nth.to_string())
            .message(&event.body)
            .set_message_attributes(Some(attributes));
        if self.address.is_fifo() {
            entry = entry
                .message_group_id(&event.group)
                .message_deduplication_id(&event.id);
        }
        entry.build().map_err(|_| unbuildable())
    }
}

fn attribute(value: &Attribute) -> Result<MessageAttributeValue, Trouble> {
    let (kind, text) = match value {
        Attribute::Text(text) => ("String", text.clone()),
        Attribute::Number(number) => ("Number", number.to_string()),
    };
    let value = MessageAttributeValue::builder()
        .data_type(kind)
        .string_value(text);
    value.build().map_err(|_| unbuildable())
}

/// A required part is missing, which the types of our own events exclude.
fn unbuildable() -> Trouble {
    Trouble {
        kind: TroubleKind::Malformed,
        code: "unbuildable".to_owned(),
    }
}

#[async_trait]
impl EventPublisher for SnsTopic {
    fn name(&self) -> &'static str {
        app::publishing::NAME
    }

    fn shape(&self) -> TopicShape {
        TopicShape {
            is_ordered: self.address.is_fifo(),
            entries: ENTRIES,
            bytes: BYTES,
        }
    }

    async fn publish(&self, events: &[OutgoingEvent]) -> Result<Vec<EntryOutcome>, Trouble> {
        let entries = events.iter().enumerate();
        let entries: Result<Vec<_>, Trouble> =
            entries.map(|(nth, event)| self.entry(nth, event)).collect();
        let sent = self
            .client
            .publish_batch()
            .topic_arn(&self.address.arn)
            .set_publish_batch_request_entries(Some(entries?))
            .send()
            .await;
        match sent {
            Ok(answer) => Ok(outcomes(events.len(), &answer)),
            Err(error) => Err(trouble::of(&error)),
        }
    }
}

/// What the answer says of each entry; of one that it does not name nothing is known, so it goes
/// again.
fn outcomes(sent: usize, answer: &PublishBatchOutput) -> Vec<EntryOutcome> {
    let mut outcomes = vec![EntryOutcome::Delayed("unanswered".to_owned()); sent];
    let mut set = |id: Option<&str>, outcome: EntryOutcome| {
        let nth = id.and_then(|id| id.parse::<usize>().ok());
        if let Some(place) = nth.and_then(|nth| outcomes.get_mut(nth)) {
            *place = outcome;
        }
    };
    for done in answer.successful() {
        set(done.id(), EntryOutcome::Published);
    }
    for failed in answer.failed() {
        let trouble = trouble::of_entry(failed.code(), failed.message());
        let outcome = match trouble.kind {
            TroubleKind::Malformed => EntryOutcome::Impossible(trouble.code),
            TroubleKind::Away if failed.sender_fault() => EntryOutcome::Doubtful(trouble.code),
            TroubleKind::Away
            | TroubleKind::Throttled
            | TroubleKind::Forbidden
            | TroubleKind::Missing => EntryOutcome::Delayed(trouble.code),
        };
        set(Some(failed.id()), outcome);
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sns::types::{BatchResultErrorEntry, PublishBatchResultEntry};

    #[test]
    fn each_entry_has_its_own_end() {
        let failed = |id: &str, code: &str, sender_fault| {
            BatchResultErrorEntry::builder()
                .id(id)
                .code(code)
                .sender_fault(sender_fault)
                .build()
                .unwrap()
        };
        let answer = PublishBatchOutput::builder()
            .successful(PublishBatchResultEntry::builder().id("1").build())
            .failed(failed("0", "InternalError", false))
            .failed(failed("2", "InvalidParameter", true))
            .failed(failed("3", "SomethingNew", true))
            .failed(failed("4", "AuthorizationError", true))
            .failed(failed("99", "InternalError", false))
            .build();
        let word = |code: &str| code.to_owned();
        assert_eq!(
            outcomes(6, &answer),
            [
                EntryOutcome::Delayed(word("InternalError")),
                EntryOutcome::Published,
                EntryOutcome::Impossible(word("InvalidParameter")),
                EntryOutcome::Doubtful(word("SomethingNew")),
                EntryOutcome::Delayed(word("AuthorizationError")),
                EntryOutcome::Delayed(word("unanswered")),
            ]
        );
    }
}
