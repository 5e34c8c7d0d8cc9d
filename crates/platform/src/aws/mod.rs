//! AWS SNS, to which every event is published, and SQS, through which the monitor reads them.
//!
//! The services' own SDK speaks to them, so that every way in which AWS hands out credentials works
//! (keys, web identity of a Kubernetes account, container and machine roles). It repeats nothing:
//! when to try again is decided by whoever calls, and each call has a bounded time in all.
//!
//! Texts from outside are never passed on, since they may quote what was sent: of a failure its code
//! is told.
//!
//! Without the feature `aws` only the addresses are here, so that a configuration is read alike.

mod access;
#[cfg(feature = "aws")]
mod queue;
#[cfg(feature = "aws")]
mod settings;
#[cfg(feature = "aws")]
mod topic;
#[cfg(feature = "aws")]
mod trouble;

pub use access::{AwsAccess, AwsKeys, QueueAddress, TopicAddress};
#[cfg(feature = "aws")]
pub use queue::{QueueFacts, SqsQueue};
#[cfg(feature = "aws")]
pub use topic::{SnsTopic, TopicFacts};
