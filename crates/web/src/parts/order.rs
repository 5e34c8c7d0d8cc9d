//! The form that moves money: to whom, how much, with which words. Receive, pay, transfer and refund
//! are made of it, so that each field, each mistake and each way out is the same everywhere.

use app::commands::{Accepted, MoneyRefusal};
use app::views::TransactionView;
use axum::response::{IntoResponse, Redirect, Response};

use super::field::{Field, Input};
use super::refusal::{self, Beside};
use crate::Web;
use crate::form::{self, Pairs, Read};
use crate::notice::Notice;
use crate::stop::Stop;
use crate::texts::Texts;

/// What is wrong, each beside its field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrong {
    pub form: Option<String>,
    pub target: Option<String>,
    pub amount: Option<String>,
    pub description: Option<String>,
}

impl Wrong {
    /// Only the amount is wrong.
    pub fn amount(text: String) -> Wrong {
        Wrong {
            amount: Some(text),
            ..Wrong::default()
        }
    }

    /// The words of a refusal where they belong, or a page instead of the form.
    pub fn of(refusal: MoneyRefusal, t: &Texts) -> Result<Wrong, Stop> {
        let (beside, text) = refusal::words(refusal, t)?;
        let mut wrong = Wrong::default();
        match beside {
            Beside::Amount => wrong.amount = Some(text),
            Beside::Target => wrong.target = Some(text),
            Beside::Form => wrong.form = Some(text),
        }
        Ok(wrong)
    }
}

/// The fields with what was typed and what is wrong with it; a page adds its own hints.
pub struct Fields<'a> {
    pub t: &'static Texts,
    pub typed: &'a Pairs,
    pub wrong: &'a Wrong,
}

impl Fields<'_> {
    pub fn target(&self, label: &'static str, input: Input) -> Field {
        Field::new("target", label, input)
            .value(self.typed.get("target"))
            .error(self.wrong.target.clone())
    }

    pub fn amount(&self) -> Field {
        Field::new("amount", self.t.pay.amount, Input::Money)
            .value(self.typed.get("amount"))
            .error(self.wrong.amount.clone())
            .longest(20)
    }

    pub fn description(&self) -> Field {
        Field::new("description", self.t.pay.description, Input::Text)
            .value(self.typed.get("description"))
            .error(self.wrong.description.clone())
            .longest(140)
            .optional()
    }
}

/// Target, amount and description once all three can be read; otherwise every mistake at once.
pub fn read<D, A>(
    target: Read<D>,
    amount: Read<A>,
    typed: &Pairs,
    t: &Texts,
) -> Result<(D, A, Option<String>), Wrong> {
    let description = form::optional_text(typed.get("description"), 140, t);
    match (target, amount, description) {
        (Ok(target), Ok(amount), Ok(description)) => Ok((target, amount, description)),
        (target, amount, description) => Err(Wrong {
            form: None,
            target: target.err().map(str::to_owned),
            amount: amount.err().map(str::to_owned),
            description: description.err().map(str::to_owned),
        }),
    }
}

/// To the page of what was asked for; who had asked for it before is told.
pub fn to_page(accepted: &Accepted<TransactionView>, web: &Web) -> Response {
    let there = format!("/app/transacoes/{}", accepted.view.id);
    let there = Redirect::to(&there).into_response();
    match accepted.replayed {
        true => Notice::PaidBefore.on(there, web.secure),
        false => there,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::PT;
    use askama::Template;
    use domain::money::Money;

    #[test]
    fn mistakes_are_told_together() {
        let long = "x".repeat(141);
        let typed = Pairs::of(&[("description", &long)]);
        let wrong = read::<(), Money>(Err("a"), Err("b"), &typed, &PT).unwrap_err();
        assert_eq!(wrong.target.as_deref(), Some("a"));
        assert_eq!(wrong.amount.as_deref(), Some("b"));
        assert_eq!(wrong.description.as_deref(), Some(PT.errors.too_long));
        let typed = Pairs::of(&[("description", "bolo")]);
        let read = read(Ok(1), Ok(2), &typed, &PT);
        assert_eq!(read, Ok((1, 2, Some("bolo".to_owned()))));
    }

    #[test]
    fn a_refusal_stands_beside_its_field_with_what_was_typed() {
        let available = Money::from_cents(1_050).unwrap();
        let refusal = MoneyRefusal::InsufficientFunds { available };
        let wrong = Wrong::of(refusal, &PT).unwrap();
        let typed = Pairs::of(&[("amount", "99,00"), ("target", "\"><b>")]);
        let fields = Fields {
            t: &PT,
            typed: &typed,
            wrong: &wrong,
        };
        let amount = fields.amount().render().unwrap();
        assert!(amount.contains("value=\"99,00\"") && amount.contains("10,50"));
        let target = fields.target("Para", Input::Text).render().unwrap();
        assert!(!target.contains("\"><b>") && !target.contains("aria-invalid"));
        let gone = Wrong::of(MoneyRefusal::NotFound("charge"), &PT);
        assert_eq!(gone, Err(Stop::NotFound));
    }
}
