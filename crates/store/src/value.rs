//! Values on their way into and out of a statement, the same for both engines.

use domain::gateway::Gateway;
use domain::ids::*;
use domain::money::Money;
use domain::time::Moment;

/// A parameter or a column. Both engines give integers back as `Int`; MySQL gives texts back as
/// `Bytes`, so readers of text accept both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Val {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// The parameters of a statement, in the order of its placeholders.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::value::Val::from($value)),*] };
}
pub(crate) use args;

impl From<i64> for Val {
    fn from(value: i64) -> Val {
        Val::Int(value)
    }
}
impl From<i32> for Val {
    fn from(value: i32) -> Val {
        Val::Int(i64::from(value))
    }
}
impl From<u32> for Val {
    fn from(value: u32) -> Val {
        Val::Int(i64::from(value))
    }
}
impl From<u64> for Val {
    fn from(value: u64) -> Val {
        // Versions, tokens and positions count by one: they stay far below 2^63.
        Val::Int(i64::try_from(value).expect("counters stay below 2^63"))
    }
}
impl From<bool> for Val {
    fn from(value: bool) -> Val {
        Val::Int(i64::from(value))
    }
}
impl From<&str> for Val {
    fn from(value: &str) -> Val {
        Val::Text(value.to_owned())
    }
}
impl From<&String> for Val {
    fn from(value: &String) -> Val {
        Val::Text(value.clone())
    }
}
impl From<String> for Val {
    fn from(value: String) -> Val {
        Val::Text(value)
    }
}
impl From<Vec<u8>> for Val {
    fn from(value: Vec<u8>) -> Val {
        Val::Bytes(value)
    }
}
impl From<&[u8; 32]> for Val {
    fn from(value: &[u8; 32]) -> Val {
        Val::Bytes(value.to_vec())
    }
}
impl From<&[u8; 16]> for Val {
    fn from(value: &[u8; 16]) -> Val {
        Val::Bytes(value.to_vec())
    }
}
impl From<Moment> for Val {
    fn from(value: Moment) -> Val {
        Val::Int(value.micros())
    }
}
impl From<Money> for Val {
    fn from(value: Money) -> Val {
        Val::Int(value.cents())
    }
}
impl From<Gateway> for Val {
    fn from(value: Gateway) -> Val {
        Val::from(value.as_str())
    }
}
impl<T: Into<Val>> From<Option<T>> for Val {
    fn from(value: Option<T>) -> Val {
        value.map_or(Val::Null, Into::into)
    }
}

macro_rules! ids {
    ($($id:ident),*) => {$(
        impl From<$id> for Val {
            fn from(id: $id) -> Val {
                Val::from(id.bytes())
            }
        }
    )*};
}
ids!(
    UserId,
    WalletId,
    TransactionId,
    AttemptId,
    JobId,
    ApiKeyId,
    SessionId,
    EventId,
    AlertId,
    PayInId,
    JournalId,
    InboundId,
    EvidenceId,
    AuditId,
    IncidentId,
    ProposalId,
    WebhookEndpointId,
    DeliveryId,
    ReconciliationId,
    FloatMoveId
);
