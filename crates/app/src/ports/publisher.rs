//! A topic to which every event is published, and a queue from which programs of ours read them back.

use async_trait::async_trait;

/// One event on its way to the topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingEvent {
    /// The event's id, the same at every try.
    pub id: String,
    pub position: u64,
    /// Events of one group must arrive in the order of their positions, where the topic keeps order.
    pub group: String,
    /// JSON.
    pub body: String,
    /// What subscribers filter by, at most ten.
    pub attributes: Vec<(&'static str, Attribute)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    Text(String),
    Number(i64),
}

/// Bytes that an attribute's type takes, at most.
const TYPE_BYTES: usize = 6;

impl OutgoingEvent {
    /// Bytes that count against the topic's limit.
    pub fn bytes(&self) -> usize {
        let attribute = |(name, value): &(&'static str, Attribute)| {
            let value = match value {
                Attribute::Text(text) => text.len(),
                Attribute::Number(number) => number.to_string().len(),
            };
            name.len() + TYPE_BYTES + value
        };
        self.body.len() + self.attributes.iter().map(attribute).sum::<usize>()
    }
}

/// What the topic takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicShape {
    /// Whether it keeps the order of each group.
    pub is_ordered: bool,
    /// Events of one call.
    pub entries: usize,
    /// Bytes of one call, and of one event.
    pub bytes: usize,
}

/// What became of one event of a call that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryOutcome {
    Published,
    /// Not now, by no fault of the event; the code says why.
    Delayed(String),
    /// The event is blamed, for a reason that may pass; the code says which.
    Doubtful(String),
    /// The topic will never take this event; the code says why.
    Impossible(String),
}

/// Why a call came to nothing. It may have been carried out all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {code}", kind.as_str())]
pub struct Trouble {
    pub kind: TroubleKind,
    /// A stable word: the service's own, or how the connection failed. Never a text from outside.
    pub code: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// Asked to go slower.
    Throttled,
    /// Out of reach, out of order, or too slow.
    Away,
    /// Our credentials are missing, wrong, or lack a permission.
    Forbidden,
    /// There is no such topic or queue.
    Missing,
    /// What was sent is not understood.
    Malformed,
}

impl TroubleKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            TroubleKind::Throttled => "throttled",
            TroubleKind::Away => "away",
            TroubleKind::Forbidden => "not permitted",
            TroubleKind::Missing => "not there",
            TroubleKind::Malformed => "not understood",
        }
    }
}

/// Publishes within a bounded time and never repeats by itself.
#[async_trait]
pub trait EventPublisher: Send + Sync + 'static {
    /// The name of its place in the event stream; logs and alerts use it too.
    fn name(&self) -> &'static str;
    fn shape(&self) -> TopicShape;
    /// One outcome per event, in order.
    async fn publish(&self, events: &[OutgoingEvent]) -> Result<Vec<EntryOutcome>, Trouble>;
}

/// A message of the queue, not handed to anybody else for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueMessage {
    /// The queue's own id of it.
    pub id: String,
    /// By which it is removed.
    pub receipt: String,
    /// As it was published: whatever the topic wraps around it is taken off.
    pub body: String,
    /// How often it was handed out, this time included.
    pub received: u32,
}

#[async_trait]
pub trait EventQueue: Send + Sync + 'static {
    /// The next messages; waits some seconds for the first. May be dropped while it waits.
    async fn receive(&self) -> Result<Vec<QueueMessage>, Trouble>;
    /// These are done with. What could not be removed comes again.
    async fn remove(&self, receipts: &[String]) -> Result<(), Trouble>;
    /// Whether the queue itself puts aside what is handed out too often.
    async fn puts_aside(&self) -> Result<bool, Trouble>;
}
