//! A line of the statement, as a bank would write it.
//!
//! The ledger sets money aside when a payment begins and says later what became of it. People look for
//! one line, so the one that took the money from what can be spent is named for what it was taken for,
//! by how that stands now: a payment that did not happen says so, and the line that gave it back too.
//! Every line is an entry of the ledger with its own amount, and no entry is left out: the balance
//! before a line and its amount always make the balance after it.

use app::views::{DetailsView, TransactionView};
use app::wallets::SpendableLine;
use domain::money::Money;
use domain::status::Status;

use super::activity::{self, Eyes, Row};
use super::words::{self, Tone};
use crate::format;
use crate::texts::{Texts, fill};

/// What a line says, before it is drawn or written to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub title: String,
    /// Of a payment's line: how it stands, unless it has simply ended well.
    badge: Option<&'static str>,
    /// The part of the amount that is a fee.
    pub fee: Option<Money>,
    icon: &'static str,
}

/// What the line is, in words.
pub fn said(told: &SpendableLine, t: &Texts) -> Said {
    let (line, s) = (&told.line, &t.statement);
    let view = told.transaction.as_ref();
    let is_in = line.cents >= 0;
    let is_received = view.is_some_and(|view| matches!(view.details, DetailsView::Received { .. }));
    let (icon, title) = match (line.journal_kind.as_str(), is_in) {
        ("payout_held" | "refund_held", false) => return of_hold(told, t),
        ("pay_in" | "suspense_matched", true) => ("in", named(view, s.received, s.received_from)),
        ("payout_settled" | "payout_corrected_to_settled", false) => {
            ("out", named(view, s.sent, s.sent_to))
        }
        ("payout_released" | "payout_corrected_to_rejected", true) => {
            ("back", named(view, s.given_back, s.given_back_of))
        }
        ("refund_corrected_to_settled", false) => ("back", s.refund.to_owned()),
        ("refund_released" | "refund_corrected_to_rejected", true) => {
            ("back", s.refund_given_back.to_owned())
        }
        ("payout_returned", true) => ("back", named(view, s.returned, s.returned_by)),
        ("transfer", true) => ("in", named(view, s.transfer_in, s.transfer_in_from)),
        ("transfer", false) if !is_received => {
            ("swap", named(view, s.transfer_out, s.transfer_out_to))
        }
        ("reversal", false) => ("back", s.reversed.to_owned()),
        ("grant", true) => ("in", s.grant.to_owned()),
        ("dispute_opened", false) => ("question", s.disputed.to_owned()),
        ("dispute_released" | "dispute_given_back", true) => ("in", s.dispute_won.to_owned()),
        // Every credit repays a debt first, by an entry of its own under the same heading.
        (_, false) => ("back", s.debt.to_owned()),
        (_, true) => ("list", s.other.to_owned()),
    };
    Said {
        title,
        badge: None,
        fee: None,
        icon,
    }
}

/// The line that took amount and fee of a payment or refund.
fn of_hold(told: &SpendableLine, t: &Texts) -> Said {
    let s = &t.statement;
    let view = told.transaction.as_ref();
    let is_refund = told.line.journal_kind == "refund_held";
    let status = view.map_or(Status::Success, |view| view.status);
    let title = match (is_refund, status) {
        (false, Status::Pending) => named(view, s.sending, s.sending_to),
        (false, Status::Success) => named(view, s.sent, s.sent_to),
        (false, Status::Failed) => named(view, s.not_sent, s.not_sent_to),
        (true, Status::Pending | Status::Success) => s.refund.to_owned(),
        (true, Status::Failed) => s.refund_not_sent.to_owned(),
    };
    let stage = view.map(|view| words::stage(view, t));
    let under_way = stage.filter(|_| status == Status::Pending);
    // The fee was taken with the amount, whatever became of the payment.
    let fee = view.and_then(|view| {
        let taken = Money::from_cents(-told.line.cents).ok()?;
        taken.checked_sub(view.amount)
    });
    Said {
        title,
        badge: under_way.map(|stage| stage.label),
        fee: fee.filter(|fee| !fee.is_zero()),
        icon: if is_refund { "back" } else { "out" },
    }
}

/// With the other side's name, where that is known.
fn named(view: Option<&TransactionView>, plain: &str, with_name: &str) -> String {
    match view.and_then(activity::other_side) {
        Some(name) => fill(with_name, &[&name]),
        None => plain.to_owned(),
    }
}

/// The line as a row of the list.
pub fn row(told: &SpendableLine, eyes: Eyes) -> Row {
    let t = eyes.t;
    let line = &told.line;
    let said = said(told, t);
    let fee = said
        .fee
        .map(|fee| fill(t.statement.with_fee, &[&format::reais(fee)]));
    let description = told.transaction.as_ref().and_then(description);
    let detail: Vec<String> = fee.into_iter().chain(description).collect();
    let (sign, tone) = match line.cents {
        1.. => ("+\u{a0}", Tone::Good),
        _ => ("", Tone::Plain),
    };
    let id = told.transaction.as_ref().map(|view| view.id);
    Row {
        href: id.map(|id| format!("/app/transacoes/{id}")),
        icon: said.icon,
        title: said.title,
        detail: detail.join(" · "),
        amount: format!("{sign}{}", format::signed(line.cents)),
        tone,
        badge: said.badge,
        balance: Some(fill(
            t.statement.after,
            &[&format::signed(line.balance_after)],
        )),
        machine_time: format::machine(line.at),
        clock: format::clock(line.at),
        day: format::day(line.at, eyes.now, eyes.language, t),
    }
}

/// What the reader wrote, or was sent with a charge of its own.
fn description(view: &TransactionView) -> Option<String> {
    match &view.details {
        DetailsView::Received { .. } => None,
        DetailsView::Charge { .. }
        | DetailsView::Payout { .. }
        | DetailsView::Transfer { .. }
        | DetailsView::Refund { .. } => view.description.clone(),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::pages::detail::tests::{cents, charge, payout, view};
    use crate::texts::{EN, Language, PT};
    use app::ports::store::StatementLine;
    use app::views::PartyView;
    use domain::ids::{JournalId, TransactionId, WalletId};
    use domain::ledger::{Account, Pocket};
    use domain::status::Kind;
    use domain::time::Moment;

    pub fn line(kind: &str, cents: i64, transaction: Option<TransactionView>) -> SpendableLine {
        SpendableLine {
            line: StatementLine {
                seq: 1,
                at: Moment::default(),
                journal_id: JournalId::from_bytes([1; 16]),
                journal_kind: kind.into(),
                transaction_id: Some(TransactionId::from_bytes([2; 16])),
                account: Account::Wallet(WalletId::from_bytes([3; 16]), Pocket::Available),
                cents,
                balance_after: 123_456,
            },
            transaction,
        }
    }

    fn title(kind: &str, cents: i64, transaction: Option<TransactionView>) -> String {
        said(&line(kind, cents, transaction), &PT).title
    }

    #[test]
    fn a_payment_is_one_line_with_its_fee_named_by_how_it_stands() {
        let sent = said(
            &line(
                "payout_held",
                -1_060,
                Some(payout(Status::Success, "settled")),
            ),
            &PT,
        );
        assert_eq!(sent.title, "Pix enviado para ana@example.com");
        assert_eq!((sent.fee, sent.badge), (Some(cents(10)), None));
        let free = line(
            "payout_held",
            -1_050,
            Some(payout(Status::Success, "settled")),
        );
        assert_eq!(said(&free, &PT).fee, None);
        let doubt = line(
            "payout_held",
            -1_050,
            Some(payout(Status::Pending, "in_doubt")),
        );
        let doubt = said(&doubt, &PT);
        assert_eq!(doubt.title, "Pix para ana@example.com");
        assert_eq!(doubt.badge, Some(PT.stages.in_doubt));
        let failed = || Some(payout(Status::Failed, "rejected"));
        assert_eq!(
            title("payout_held", -1_050, failed()),
            "Pix não enviado para ana@example.com"
        );
        assert_eq!(
            title("payout_released", 1_050, failed()),
            "Valor devolvido: Pix não enviado para ana@example.com"
        );
    }

    #[test]
    fn money_that_comes_names_who_sent_it() {
        let paid = charge(Status::Success, "paid");
        assert_eq!(
            title("pay_in", 1_050, Some(paid)),
            "Pix recebido de <b>Bia</b>"
        );
        let received = view(
            Kind::Transfer,
            Status::Success,
            "settled",
            DetailsView::Received {
                payer: PartyView {
                    name: Some("Caio".into()),
                    ..PartyView::default()
                },
            },
        );
        let repaid = line("transfer", -50, Some(received.clone()));
        assert_eq!(said(&repaid, &EN).title, EN.statement.debt);
        let told = line("transfer", 1_050, Some(received));
        assert_eq!(said(&told, &EN).title, "Transfer received from Caio");
        let eyes = Eyes {
            language: Language::English,
            t: &EN,
            now: Moment::default(),
        };
        let row = row(&told, eyes);
        assert!(row.detail.is_empty(), "what the sender wrote is its own");
        assert!(row.amount.starts_with('+') && row.href.is_some());
    }

    #[test]
    fn every_kind_of_journal_has_words_of_its_own() {
        for t in [&PT, &EN] {
            for (kind, sign) in [
                ("pay_in", 1),
                ("suspense_matched", 1),
                ("payout_held", -1),
                ("payout_settled", -1),
                ("payout_released", 1),
                ("refund_held", -1),
                ("refund_released", 1),
                ("payout_returned", 1),
                ("payout_corrected_to_settled", -1),
                ("payout_corrected_to_rejected", 1),
                ("refund_corrected_to_settled", -1),
                ("refund_corrected_to_rejected", 1),
                ("transfer", 1),
                ("transfer", -1),
                ("reversal", -1),
                ("grant", 1),
                ("dispute_opened", -1),
                ("dispute_released", 1),
                ("dispute_given_back", 1),
            ] {
                let title = said(&line(kind, sign, None), t).title;
                assert_ne!(title, t.statement.other, "{kind}");
                let is_debt = title == t.statement.debt;
                assert!(!is_debt, "{kind} {sign}");
            }
            for kind in ["pay_in", "payout_returned", "dispute_released"] {
                let repaid = said(&line(kind, -1, None), t);
                assert_eq!(repaid.title, t.statement.debt, "{kind}");
            }
        }
    }
}
