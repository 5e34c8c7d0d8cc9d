//! `/app/receber`: an amount becomes a charge, whose own page shows the QR code.

use app::commands::RequestCharge;
use app::views::{DetailsView, TransactionView};
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use domain::time::Span;

use crate::Web;
use crate::form::{self, Form, Pairs};
use crate::parts::field::Field;
use crate::parts::order::{self, Fields, Wrong};
use crate::parts::refusal;
use crate::session::Holder;
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::Texts;

const AN_HOUR: u32 = 3_600;
const A_DAY: u32 = 86_400;
const A_WEEK: u32 = 604_800;
/// How long the answer waits for the code, so that most charges show it at once.
const WAIT: Span = Span::from_millis(2_500);

#[derive(Template)]
#[template(path = "pages/receive.html")]
struct ReceivePage {
    shell: Shell,
    t: &'static Texts,
    key: String,
    wrong: Option<String>,
    amount: Field,
    description: Field,
    /// Seconds, label, whether it is chosen.
    lives: Vec<(u32, &'static str, bool)>,
}

fn page(shell: Shell, key: String, typed: &Pairs, wrong: Wrong) -> ReceivePage {
    let t = shell.t;
    let chosen = life(typed);
    let fields = Fields {
        t,
        typed,
        wrong: &wrong,
    };
    ReceivePage {
        key,
        amount: fields.amount().first(),
        description: fields.description().hint(t.receive.description_hint),
        wrong: wrong.form.or(wrong.target),
        lives: [
            (AN_HOUR, t.receive.an_hour),
            (A_DAY, t.receive.a_day),
            (A_WEEK, t.receive.a_week),
        ]
        .into_iter()
        .map(|(seconds, label)| (seconds, label, seconds == chosen))
        .collect(),
        t,
        shell,
    }
}

/// How long the charge lives, in seconds.
fn life(typed: &Pairs) -> u32 {
    let seconds = typed.get("expires").parse().unwrap_or(A_DAY);
    match seconds {
        AN_HOUR | A_DAY | A_WEEK => seconds,
        _ => A_DAY,
    }
}

pub async fn show(State(web): State<Web>, holder: Holder) -> Result<Response, Stop> {
    let shell = Shell::signed(&web, &holder.signed, Place::Receive);
    let key = form::new_key(web.app.runtime.as_ref());
    Ok(shell::ok(&page(
        shell,
        key,
        &Pairs::default(),
        Wrong::default(),
    )))
}

pub async fn create(
    State(web): State<Web>,
    holder: Holder,
    Form(form): Form,
) -> Result<Response, Stop> {
    let signed = &holder.signed;
    let t = signed.visitor.language.texts();
    let key = form::key(form.get("key")).ok_or(Stop::ForeignForm)?;
    let again = |wrong| {
        let shell = Shell::signed(&web, signed, Place::Receive);
        Ok(shell::again(&page(shell, key.clone(), &form, wrong)))
    };
    let amount = form::amount(form.get("amount"), t);
    let (amount, description) = match order::read(Ok(()), amount, &form, t) {
        Ok(((), amount, description)) => (amount, description),
        Err(wrong) => return again(wrong),
    };
    let request = RequestCharge {
        common: refusal::common(key.clone(), description),
        amount,
        expires_in_seconds: life(&form),
        payer: None,
    };
    let accepted = match web.app.request_charge(&signed.caller, request).await {
        Ok(accepted) => accepted,
        Err(refused) => return again(Wrong::of(refused, t)?),
    };
    let id = accepted.view.id;
    // A wait that breaks off changes nothing: the page waits on.
    let _ = web.app.wait_for(&signed.caller, id, WAIT, has_code).await;
    Ok(Redirect::to(&format!("/app/transacoes/{id}")).into_response())
}

fn has_code(view: &TransactionView) -> bool {
    let code = match &view.details {
        DetailsView::Charge { br_code, .. } => br_code.is_some(),
        DetailsView::Payout { .. }
        | DetailsView::Transfer { .. }
        | DetailsView::Received { .. }
        | DetailsView::Refund { .. } => false,
    };
    code || view.stage != "creating"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;

    #[test]
    fn what_was_typed_is_kept_beside_what_is_wrong_with_it() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let typed = Pairs::of(&[
                ("amount", "dez"),
                ("description", "<i>bolo</i>"),
                ("expires", "3600"),
            ]);
            let wrong = Wrong {
                amount: Some(t.errors.amount_unreadable.to_owned()),
                ..Wrong::default()
            };
            let page = page(Shell::sample(language), "web-1".into(), &typed, wrong);
            assert!(page.lives[0].2 && !page.lives[1].2);
            let text = page.render().unwrap();
            assert!(text.contains(t.errors.amount_unreadable) && text.contains("value=\"dez\""));
            assert!(!text.contains("<i>bolo"), "{text}");
        }
    }

    #[test]
    fn only_offered_lives_are_taken() {
        assert_eq!(life(&Pairs::of(&[("expires", "604800")])), A_WEEK);
        for odd in ["", "1", "99999999", "x"] {
            assert_eq!(life(&Pairs::of(&[("expires", odd)])), A_DAY);
        }
    }
}
