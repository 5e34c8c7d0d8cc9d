//! `/app/transacoes/{id}/devolver`: a received PIX given back, in full or in part.

use app::commands::RequestRefund;
use app::views::{DetailsView, PayInView, TransactionView};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use domain::ids::PayInId;

use super::detail::{own, refundable};
use crate::Web;
use crate::form::{self, Form, Pairs};
use crate::format::{self, reais};
use crate::parts::field::Field;
use crate::parts::order::{self, Fields, Wrong};
use crate::parts::refusal;
use crate::session::Holder;
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::{Texts, fill};

#[derive(Template)]
#[template(path = "pages/refund.html")]
struct RefundPage {
    shell: Shell,
    t: &'static Texts,
    id: String,
    key: String,
    wrong: Option<String>,
    amount: Field,
    description: Field,
    /// Id, label, whether it is chosen.
    pay_ins: Vec<(String, String, bool)>,
}

/// What a charge received that can go back.
fn candidates(view: &TransactionView) -> Vec<&PayInView> {
    match &view.details {
        DetailsView::Charge { pay_ins, .. } => pay_ins
            .iter()
            .filter(|paid| !refundable(paid).is_zero())
            .collect(),
        DetailsView::Payout { .. }
        | DetailsView::Transfer { .. }
        | DetailsView::Received { .. }
        | DetailsView::Refund { .. } => Vec::new(),
    }
}

fn page(
    shell: Shell,
    key: String,
    view: &TransactionView,
    typed: &Pairs,
    wrong: Wrong,
) -> RefundPage {
    let (t, language) = (shell.t, shell.language);
    let found = candidates(view);
    let chosen = typed.get("pay_in");
    let label = |paid: &&PayInView| {
        let name = paid.payer.name.as_deref().unwrap_or(t.refund.somebody);
        let when = format::moment(paid.paid_at, language);
        fill(t.refund.left, &[&reais(refundable(paid)), name, &when])
    };
    let pay_ins = found.iter().enumerate().map(|(index, paid)| {
        let id = paid.id.to_string();
        let is_chosen = id == chosen || (chosen.is_empty() && index == 0);
        (id, label(paid), is_chosen)
    });
    let all = found.first().map(|paid| format::typed(refundable(paid)));
    let amount = match typed.get("amount") {
        "" if typed.get("key").is_empty() => all.unwrap_or_default(),
        amount => amount.to_owned(),
    };
    let fields = Fields {
        t,
        typed,
        wrong: &wrong,
    };
    RefundPage {
        id: view.id.to_string(),
        key,
        amount: fields
            .amount()
            .value(amount)
            .hint(t.refund.amount_hint)
            .first(),
        description: fields.description(),
        wrong: wrong.form.or(wrong.target),
        pay_ins: pay_ins.collect(),
        t,
        shell,
    }
}

pub async fn show(
    State(web): State<Web>,
    holder: Holder,
    Path(text): Path<String>,
) -> Result<Response, Stop> {
    let view = own(&web, &holder.signed, &text).await?;
    if candidates(&view).is_empty() {
        return Err(Stop::NotFound);
    }
    let shell = Shell::signed(&web, &holder.signed, Place::History);
    let key = form::new_key(web.app.runtime.as_ref());
    let page = page(shell, key, &view, &Pairs::default(), Wrong::default());
    Ok(shell::ok(&page))
}

pub async fn create(
    State(web): State<Web>,
    holder: Holder,
    Path(text): Path<String>,
    Form(form): Form,
) -> Result<Response, Stop> {
    let view = own(&web, &holder.signed, &text).await?;
    let t = holder.signed.visitor.language.texts();
    let key = form::key(form.get("key")).ok_or(Stop::ForeignForm)?;
    let again = |wrong| {
        let shell = Shell::signed(&web, &holder.signed, Place::History);
        Ok(shell::again(&page(shell, key.clone(), &view, &form, wrong)))
    };
    let amount = form::amount(form.get("amount"), t);
    let (amount, description) = match order::read(Ok(()), amount, &form, t) {
        Ok(((), amount, description)) => (amount, description),
        Err(wrong) => return again(wrong),
    };
    let request = RequestRefund {
        common: refusal::common(key.clone(), description),
        transaction_id: view.id,
        pay_in_id: PayInId::parse(form.get("pay_in")).ok(),
        amount: Some(amount),
    };
    match web.app.request_refund(&holder.signed.caller, request).await {
        Ok(accepted) => Ok(order::to_page(&accepted, &web)),
        Err(refused) => again(Wrong::of(refused, t)?),
    }
}

#[cfg(test)]
mod tests {
    use super::super::detail::tests::charge;
    use super::*;
    use crate::texts::Language;
    use domain::status::Status;

    #[test]
    fn all_that_is_left_is_offered_and_less_may_be_typed() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let view = charge(Status::Success, "paid");
            let shown = |typed: &Pairs, wrong| {
                let shell = Shell::sample(language);
                page(shell, "web-1".into(), &view, typed, wrong)
                    .render()
                    .unwrap()
            };
            let fresh = shown(&Pairs::default(), Wrong::default());
            assert!(fresh.contains("value=\"10,00\"") && !fresh.contains("<b>Bia"));
            let typed = Pairs::of(&[("amount", "99"), ("key", "web-1")]);
            let wrong = Wrong {
                amount: Some(t.refund.too_much.to_owned()),
                ..Wrong::default()
            };
            let again = shown(&typed, wrong);
            assert!(again.contains("value=\"99\"") && again.contains(t.refund.too_much));
        }
    }
}
