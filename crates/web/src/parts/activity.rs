//! A movement of money as one row of a list.

use app::views::{DetailsView, PartyView, TransactionView};
use domain::money::Money;
use domain::status::Status;
use domain::time::Moment;

use super::words::{self, Tone};
use crate::format;
use crate::texts::{Language, Texts};

#[derive(Clone, Debug)]
pub struct Row {
    /// The page that tells more; `None` for what belongs to somebody else.
    pub href: Option<String>,
    /// An icon of the sprite.
    pub icon: &'static str,
    pub title: String,
    /// Who or what is on the other side.
    pub detail: String,
    pub amount: String,
    pub tone: Tone,
    /// The stage, unless it is the ordinary end.
    pub badge: Option<&'static str>,
    /// What the wallet held after it, where that is told.
    pub balance: Option<String>,
    pub machine_time: String,
    /// `16:10`
    pub clock: String,
    /// `Hoje`
    pub day: String,
}

/// Rows of one day, under its name.
#[derive(Clone, Debug)]
pub struct Day {
    pub name: String,
    pub rows: Vec<Row>,
}

/// For whom rows are made.
#[derive(Clone, Copy)]
pub struct Eyes {
    pub language: Language,
    pub t: &'static Texts,
    pub now: Moment,
}

/// A transaction of the reader.
pub fn row(view: &TransactionView, eyes: Eyes) -> Row {
    let t = eyes.t;
    let stage = words::stage(view, t);
    let (sign, tone) = match (direction(view), view.status) {
        (_, Status::Failed) => ("", Tone::Quiet),
        (Direction::In, Status::Success) => ("+\u{a0}", Tone::Good),
        (Direction::In, Status::Pending) => ("", Tone::Quiet),
        (Direction::Out, _) => ("\u{2212}\u{a0}", Tone::Plain),
    };
    Row {
        href: Some(format!("/app/transacoes/{}", view.id)),
        icon: icon(view),
        title: words::title(view, t).to_owned(),
        detail: other_side(view)
            .or(view.description.clone())
            .unwrap_or_default(),
        amount: format!("{sign}{}", format::reais(shown_amount(view))),
        tone,
        badge: (!stage.is_ordinary).then_some(stage.label),
        balance: None,
        machine_time: format::machine(view.created_at),
        clock: format::clock(view.created_at),
        day: format::day(view.created_at, eyes.now, eyes.language, t),
    }
}

/// A paid charge shows what was paid, which may be more than what was asked for.
pub fn shown_amount(view: &TransactionView) -> Money {
    match &view.details {
        DetailsView::Charge { paid, .. } if view.status == Status::Success => *paid,
        DetailsView::Charge { .. }
        | DetailsView::Payout { .. }
        | DetailsView::Transfer { .. }
        | DetailsView::Received { .. }
        | DetailsView::Refund { .. } => view.amount,
    }
}

/// Where the money of a movement goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

fn direction(view: &TransactionView) -> Direction {
    match &view.details {
        DetailsView::Charge { .. } | DetailsView::Received { .. } => Direction::In,
        DetailsView::Payout { .. } | DetailsView::Transfer { .. } | DetailsView::Refund { .. } => {
            Direction::Out
        }
    }
}

/// An icon of the sprite.
pub fn icon(view: &TransactionView) -> &'static str {
    match (&view.details, view.status) {
        (DetailsView::Charge { .. }, Status::Success) | (DetailsView::Received { .. }, _) => "in",
        (DetailsView::Charge { .. }, _) => "qr",
        (DetailsView::Payout { .. }, _) => "out",
        (DetailsView::Transfer { .. }, _) => "swap",
        (DetailsView::Refund { .. }, _) => "back",
    }
}

/// The other side's name, or the key that was paid.
pub fn other_side(view: &TransactionView) -> Option<String> {
    let name = |party: &Option<PartyView>| party.as_ref().and_then(|party| party.name.clone());
    match &view.details {
        DetailsView::Charge { payer, .. } => name(payer),
        DetailsView::Payout { payee, pix_key, .. } => name(payee).or_else(|| pix_key.clone()),
        DetailsView::Transfer { payee, .. } => name(payee),
        DetailsView::Received { payer } => payer.name.clone(),
        DetailsView::Refund { .. } => None,
    }
}

/// Rows under the days on which they happened, in their order.
pub fn by_day(rows: Vec<Row>) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for row in rows {
        match days.last_mut() {
            Some(day) if day.name == row.day => day.rows.push(row),
            Some(_) | None => days.push(Day {
                name: row.day.clone(),
                rows: vec![row],
            }),
        }
    }
    days
}

#[cfg(test)]
pub fn sample(t: &'static Texts) -> Row {
    Row {
        href: Some("/app/transacoes/txn_1".into()),
        icon: "out",
        title: t.activity.payout.to_owned(),
        detail: "<script>alert(1)</script>".into(),
        amount: "R$ 1,00".into(),
        tone: Tone::Plain,
        badge: Some(t.stages.queued),
        balance: None,
        machine_time: "1970-01-01T00:00:00Z".into(),
        clock: "21:00".into(),
        day: t.common.today.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::PT;

    #[test]
    fn rows_of_one_day_stand_together() {
        let mut other = sample(&PT);
        other.day = "Ontem".into();
        let days = by_day(vec![sample(&PT), sample(&PT), other]);
        let counts: Vec<usize> = days.iter().map(|day| day.rows.len()).collect();
        assert_eq!(counts, [2, 1]);
    }
}
