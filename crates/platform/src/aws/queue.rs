//! The queue: long polls, deletions in batches, and a look at its attributes.

use std::time::Duration;

use app::ports::publisher::{EventQueue, QueueMessage, Trouble};
use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, MessageSystemAttributeName, QueueAttributeName,
};
use serde_json::Value;
use tokio::time::Instant;

use super::access::QueueAddress;
use super::trouble;

/// How long a call waits for the first message: SQS allows up to 20 s.
const WAIT: Duration = Duration::from_secs(10);
/// SQS Developer Guide: at most ten messages in one call.
const MESSAGES: i32 = 10;

/// A queue of AWS SQS.
pub struct SqsQueue {
    client: Client,
    address: QueueAddress,
}

/// What can be learnt of a queue without taking anything from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueFacts {
    pub latency: Duration,
    /// About how many messages wait.
    pub waiting: u64,
    /// Whether it puts aside what is handed out too often.
    pub has_redrive: bool,
}

impl SqsQueue {
    pub async fn open(address: QueueAddress) -> SqsQueue {
        let settings = address.access.settings(WAIT).await;
        SqsQueue {
            client: Client::new(&settings),
            address,
        }
    }

    /// Asks for the queue's attributes; it needs `sqs:GetQueueAttributes`. Whether messages may be
    /// received and deleted it cannot show.
    pub async fn examine(&self) -> Result<QueueFacts, Trouble> {
        let began = Instant::now();
        let asked = self.client.get_queue_attributes();
        let told = asked
            .queue_url(&self.address.url)
            .attribute_names(QueueAttributeName::All)
            .send()
            .await
            .map_err(|error| trouble::of(&error))?;
        let attribute = |name| told.attributes().and_then(|all| all.get(&name));
        let waiting = attribute(QueueAttributeName::ApproximateNumberOfMessages);
        Ok(QueueFacts {
            latency: began.elapsed(),
            waiting: waiting.and_then(|text| text.parse().ok()).unwrap_or(0),
            has_redrive: attribute(QueueAttributeName::RedrivePolicy).is_some(),
        })
    }
}

#[async_trait]
impl EventQueue for SqsQueue {
    async fn receive(&self) -> Result<Vec<QueueMessage>, Trouble> {
        let seconds = i32::try_from(WAIT.as_secs()).unwrap_or(0);
        let received = self
            .client
            .receive_message()
            .queue_url(&self.address.url)
            .max_number_of_messages(MESSAGES)
            .wait_time_seconds(seconds)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .send()
            .await
            .map_err(|error| trouble::of(&error))?;
        let messages = received.messages().iter().map(|message| {
            let count = MessageSystemAttributeName::ApproximateReceiveCount;
            let count = message.attributes().and_then(|all| all.get(&count));
            QueueMessage {
                id: message.message_id().unwrap_or("unnamed").to_owned(),
                receipt: message.receipt_handle().unwrap_or_default().to_owned(),
                body: unwrapped(message.body().unwrap_or_default()),
                received: count.and_then(|text| text.parse().ok()).unwrap_or(1),
            }
        });
        Ok(messages.collect())
    }

    async fn remove(&self, receipts: &[String]) -> Result<(), Trouble> {
        let entries = receipts.iter().enumerate().map(|(nth, receipt)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(nth.to_string())
                .receipt_handle(receipt)
                .build()
                .expect("a deletion has its id and receipt")
        });
        // Those that could not be removed singly come again, like all of them when the call fails.
        self.client
            .delete_message_batch()
            .queue_url(&self.address.url)
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .map(drop)
            .map_err(|error| trouble::of(&error))
    }

    async fn puts_aside(&self) -> Result<bool, Trouble> {
        Ok(self.examine().await?.has_redrive)
    }
}

/// What was published. Unless the subscription delivers raw messages, SNS wraps them in JSON of its
/// own (SNS Developer Guide, "Raw message delivery").
fn unwrapped(body: &str) -> String {
    let envelope: Value = serde_json::from_str(body).unwrap_or_default();
    match (envelope["Type"].as_str(), envelope["Message"].as_str()) {
        (Some("Notification"), Some(message)) => message.to_owned(),
        _ => body.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::unwrapped;

    #[test]
    fn the_topics_envelope_is_taken_off() {
        let event = r#"{"specversion":"1.0"}"#;
        let envelope =
            serde_json::json!({"Type": "Notification", "MessageId": "1", "Message": event});
        assert_eq!(unwrapped(&envelope.to_string()), event);
        for raw in [event, "", "garbage", r#"{"Type":"Notification"}"#] {
            assert_eq!(unwrapped(raw), raw);
        }
    }
}
