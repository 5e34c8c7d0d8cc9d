//! The central bank's ledger beside PixWave's own transactions: each movement is matched by its key,
//! and what differs is marked.

use std::collections::{BTreeMap, BTreeSet};

use app::outside::Outside;
use app::ports::store::StoreError;
use domain::status::{Kind, Status};

use super::Movement;
use crate::Web;
use crate::console::words::Tag;
use crate::format;
use crate::pages::detail::gateway_name;
use crate::parts::words::Tone;
use crate::texts::Texts;

/// Movements shown, newest first.
const SHOWN: usize = 30;
/// Own settled payments that are looked for in the ledger.
const LOOKED_FOR: u32 = 30;

pub struct Line {
    pub seq: String,
    pub gateway: &'static str,
    pub kind: &'static str,
    pub amount: String,
    pub end_to_end_id: String,
    /// What PixWave says of it.
    pub ours: Tag,
    pub transaction: Option<String>,
}

/// The last movements with what we say of each, after our payments of which there is no movement.
pub async fn lines(
    web: &Web,
    all: &[Movement],
    t: &'static Texts,
) -> Result<Vec<Line>, StoreError> {
    let sent: BTreeSet<&str> = all
        .iter()
        .filter(|it| it.kind == "sent")
        .map(|it| it.reference.as_str())
        .collect();
    let settled = web.app.settled_outside(Kind::Payout, LOOKED_FOR).await?;
    let missing = settled
        .iter()
        .filter(|own| !sent.contains(own.reference.as_str()));
    let mut lines: Vec<Line> = missing.map(|own| unmatched(own, t)).collect();
    let times = executions(all);
    for movement in all.iter().rev().take(SHOWN) {
        let ours = whose(web, movement).await?;
        lines.push(line(movement, ours.as_ref(), &times, t));
    }
    Ok(lines)
}

/// How often each payout was executed.
fn executions(all: &[Movement]) -> BTreeMap<&str, u32> {
    let mut times = BTreeMap::new();
    for movement in all.iter().filter(|it| it.kind == "sent") {
        *times.entry(movement.reference.as_str()).or_insert(0) += 1;
    }
    times
}

/// A refund is ours by its own key, everything else by the reference.
async fn whose(web: &Web, movement: &Movement) -> Result<Option<Outside>, StoreError> {
    let key = movement
        .key
        .as_deref()
        .filter(|_| movement.kind == "refund");
    if let Some(key) = key {
        let found = web.app.known_outside_as(movement.gateway, key).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    web.app
        .known_outside_as(movement.gateway, &movement.reference)
        .await
}

fn line(
    movement: &Movement,
    ours: Option<&Outside>,
    times: &BTreeMap<&str, u32>,
    t: &'static Texts,
) -> Line {
    let p = &t.panel;
    let is_twice = times
        .get(movement.reference.as_str())
        .is_some_and(|it| *it > 1);
    let (text, tone) = match ours {
        None => (p.unknown_here, Tone::Bad),
        Some(_) if movement.kind == "sent" && is_twice => (p.executed_twice, Tone::Bad),
        Some(own) => says(movement, own, t),
    };
    Line {
        seq: movement.seq.to_string(),
        gateway: gateway_name(movement.gateway),
        kind: kind(&movement.kind, t),
        amount: format::signed(movement.cents),
        end_to_end_id: movement.end_to_end_id.clone(),
        ours: Tag { text, tone },
        transaction: ours.map(|own| own.id.to_string()),
    }
}

fn says(movement: &Movement, own: &Outside, t: &'static Texts) -> (&'static str, Tone) {
    let p = &t.panel;
    let is_exact = own.amount.cents() == movement.cents;
    match (movement.kind.as_str(), own.status) {
        ("sent" | "refund", Status::Success) if is_exact => (p.agrees, Tone::Good),
        ("sent" | "refund" | "received", Status::Pending) => (p.under_way, Tone::Busy),
        ("sent" | "refund", _) => (p.differs, Tone::Bad),
        _ => (p.agrees, Tone::Good),
    }
}

fn unmatched(own: &Outside, t: &'static Texts) -> Line {
    Line {
        seq: "—".to_owned(),
        gateway: gateway_name(own.gateway),
        kind: kind("sent", t),
        amount: format::reais(own.amount),
        end_to_end_id: String::new(),
        ours: Tag {
            text: t.panel.not_there,
            tone: Tone::Bad,
        },
        transaction: Some(own.id.to_string()),
    }
}

fn kind(name: &str, t: &'static Texts) -> &'static str {
    let p = &t.panel;
    match name {
        "received" => p.kind_received,
        "sent" => p.kind_sent,
        "refund" => p.kind_refund,
        "return" => p.kind_return,
        _ => p.kind_reversal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::PT;
    use domain::gateway::Gateway;
    use domain::ids::TransactionId;
    use domain::money::Money;

    fn movement(kind: &str, cents: i64) -> Movement {
        Movement {
            seq: 1,
            gateway: Gateway::Efi,
            kind: kind.into(),
            cents,
            reference: "key".into(),
            key: None,
            end_to_end_id: "E1".into(),
        }
    }

    fn own(status: Status, cents: i64) -> Outside {
        Outside {
            id: TransactionId::from_bytes([7; 16]),
            kind: Kind::Payout,
            status,
            stage: "settled".into(),
            amount: Money::from_cents(cents).unwrap(),
            gateway: Gateway::Efi,
            reference: "key".into(),
        }
    }

    #[test]
    fn what_differs_is_marked() {
        let once = [movement("sent", 100)];
        let told = |all: &[Movement], ours: Option<&Outside>| {
            line(&all[0], ours, &executions(all), &PT).ours.text
        };
        let p = &PT.panel;
        assert_eq!(told(&once, Some(&own(Status::Success, 100))), p.agrees);
        assert_eq!(told(&once, Some(&own(Status::Pending, 100))), p.under_way);
        assert_eq!(told(&once, Some(&own(Status::Failed, 100))), p.differs);
        assert_eq!(told(&once, Some(&own(Status::Success, 99))), p.differs);
        assert_eq!(told(&once, None), p.unknown_here);
        let twice = [movement("sent", 100), movement("sent", 100)];
        assert_eq!(
            told(&twice, Some(&own(Status::Success, 100))),
            p.executed_twice
        );
        assert_eq!(
            unmatched(&own(Status::Success, 100), &PT).ours.text,
            p.not_there
        );
        let received = [movement("received", 40)];
        assert_eq!(told(&received, Some(&own(Status::Success, 100))), p.agrees);
    }
}
