//! `/app/pagar`: a key or a code, a look at what it says, and the payment.
//!
//! The key under which the money moves is made with the first page and travels with everything that
//! was typed, so that a double click, a reload and the back button meet the first request again.

use app::commands::{PayoutDestination, RequestPayout};
use app::payouts::preview::{PayoutPreview, PreviewPayout};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::money::Money;
use domain::pix::br_code::BrCode;
use domain::pix::key::{PixKey, PixKeyError};

use crate::Web;
use crate::form::{self, Form, Pairs, Read};
use crate::format::{self, reais};
use crate::pages::detail::Fact;
use crate::parts::field::{Field, Input};
use crate::parts::order::{self, Fields, Wrong};
use crate::parts::refusal;
use crate::parts::review::{self, ReviewPage, fact};
use crate::session::Holder;
use crate::shell::{self, Shell};
use crate::stop::Stop;
use crate::texts::{Texts, fill};

#[derive(Template)]
#[template(path = "pages/pay.html")]
struct PayPage {
    shell: Shell,
    t: &'static Texts,
    key: String,
    wrong: Option<String>,
    /// What the code says, when only the amount is missing.
    seen: Option<String>,
    target: Field,
    amount: Field,
    description: Field,
}

fn page(shell: Shell, key: String, typed: &Pairs, wrong: Wrong) -> PayPage {
    let t = shell.t;
    let fields = Fields {
        t,
        typed,
        wrong: &wrong,
    };
    PayPage {
        key,
        seen: None,
        target: fields
            .target(t.pay.target, Input::Lines)
            .hint(t.pay.target_hint)
            .longest(2_000)
            .check("target")
            .first(),
        amount: fields.amount().hint(t.pay.amount_hint).optional(),
        description: fields.description(),
        wrong: wrong.form,
        t,
        shell,
    }
}

pub async fn show(State(web): State<Web>, holder: Holder) -> Result<Response, Stop> {
    let shell = Shell::signed(&web, &holder.signed, review::PLACE);
    let key = form::new_key(web.app.runtime.as_ref());
    Ok(shell::ok(&page(
        shell,
        key,
        &Pairs::default(),
        Wrong::default(),
    )))
}

/// What was typed, read.
struct Asked {
    destination: PayoutDestination,
    amount: Option<Money>,
    description: Option<String>,
}

fn read(typed: &Pairs, t: &Texts) -> Result<Asked, Wrong> {
    let destination = destination(typed.get("target"), t);
    let amount = match typed.get("amount") {
        "" => Ok(None),
        text => form::amount(text, t).map(Some),
    };
    let (destination, amount, description) = order::read(destination, amount, typed, t)?;
    Ok(Asked {
        destination,
        amount,
        description,
    })
}

/// A BR Code begins with its format indicator; anything else is a key.
fn destination(text: &str, t: &Texts) -> Read<PayoutDestination> {
    if text.is_empty() {
        return Err(t.errors.needed);
    }
    if text.starts_with("000201") {
        let decoded = BrCode::decode(text);
        return decoded
            .map(|_| PayoutDestination::BrCode(text.to_owned()))
            .map_err(|_| t.pay.unreadable_code);
    }
    if text.len() > 400 {
        return Err(t.pay.unreadable);
    }
    let key = PixKey::recognize(text).map_err(|error| match error {
        error if error.hint().is_some() => t.pay.phone_hint,
        PixKeyError::BadPhone { .. } => t.pay.phone_hint,
        PixKeyError::BadCheckDigits { .. } => t.pay.bad_digits,
        _ => t.pay.unreadable,
    })?;
    Ok(PayoutDestination::Key {
        key,
        payee_tax_id: None,
    })
}

/// What to say of a key or code while it is typed; whether it is good.
pub fn seen(text: &str, t: &Texts) -> (bool, String) {
    match destination(text, t) {
        Err(wrong) => (false, wrong.to_owned()),
        Ok(PayoutDestination::Key { key, .. }) => {
            let kind = key_kind(key.kind().as_str(), t);
            (true, fill(t.pay.seen_key, &[kind]))
        }
        Ok(PayoutDestination::BrCode(text)) => match BrCode::decode(&text) {
            Err(_) => (false, t.pay.unreadable_code.to_owned()),
            Ok(code) => {
                let amount = code.amount_centavos().filter(|cents| *cents > 0);
                let amount = amount.and_then(|cents| i64::try_from(cents).ok());
                let amount = amount.and_then(|cents| Money::from_cents(cents).ok());
                let name = code.merchant_name.as_str();
                let said = match amount {
                    Some(amount) => fill(t.pay.seen_code_amount, &[name, &reais(amount)]),
                    None => fill(t.pay.seen_code, &[name]),
                };
                (true, said)
            }
        },
    }
}

fn key_kind(kind: &str, t: &Texts) -> &'static str {
    match kind {
        "cpf" => t.pay.kind_cpf,
        "cnpj" => t.pay.kind_cnpj,
        "phone" => t.pay.kind_phone,
        "email" => t.pay.kind_email,
        _ => t.pay.kind_evp,
    }
}

/// `POST /app/pagar`: what would be paid, to be checked.
pub async fn look(
    State(web): State<Web>,
    holder: Holder,
    Form(form): Form,
) -> Result<Response, Stop> {
    let t = holder.signed.visitor.language.texts();
    let key = form::key(form.get("key")).ok_or(Stop::ForeignForm)?;
    let shell = || Shell::signed(&web, &holder.signed, review::PLACE);
    let again = |wrong| {
        let page = page(shell(), key.clone(), &form, wrong);
        Ok(shell::to_come_back_to(shell::again(&page)))
    };
    if !form.get("change").is_empty() {
        let page = page(shell(), key.clone(), &form, Wrong::default());
        return Ok(shell::to_come_back_to(shell::ok(&page)));
    }
    let asked = match read(&form, t) {
        Ok(asked) => asked,
        Err(wrong) => return again(wrong),
    };
    let request = PreviewPayout {
        wallet_id: None,
        amount: asked.amount,
        destination: asked.destination,
    };
    let preview = match web.app.preview_payout(&holder.signed.caller, request).await {
        Ok(preview) => preview,
        Err(refused) => return again(Wrong::of(refused, t)?),
    };
    let Some(amount) = preview.amount else {
        let (_, said) = seen(form.get("target"), t);
        let wrong = Wrong::amount(t.pay.amount_now.to_owned());
        let page = PayPage {
            seen: Some(said),
            ..page(shell(), key.clone(), &form, wrong)
        };
        return Ok(shell::to_come_back_to(shell::again(&page)));
    };
    if let Some(wrong) = beyond(&preview, amount, t) {
        return again(Wrong::amount(wrong));
    }
    let hidden = review::hidden(&form, &key, format::typed(amount));
    let page = to_review(shell(), &preview, amount, hidden);
    Ok(shell::to_come_back_to(shell::ok(&page)))
}

/// Amount and fee together.
fn total(preview: &PayoutPreview, amount: Money) -> Money {
    let fee = preview.fee.unwrap_or(Money::ZERO);
    amount.checked_add(fee).unwrap_or(Money::MAX)
}

/// Why the wallet cannot pay that much now.
fn beyond(preview: &PayoutPreview, amount: Money, t: &Texts) -> Option<String> {
    let left = &preview.left;
    let (text, limit) = if total(preview, amount) > preview.available {
        (t.pay.not_enough, preview.available)
    } else if amount > left.per_transaction {
        (t.pay.over_transaction, left.per_transaction)
    } else if amount > left.day {
        (t.pay.over_day, left.day)
    } else {
        let night = left.night.filter(|night| amount > *night)?;
        (t.pay.over_night, night)
    };
    Some(fill(text, &[&reais(limit)]))
}

fn to_review(
    shell: Shell,
    preview: &PayoutPreview,
    amount: Money,
    hidden: Vec<(&'static str, String)>,
) -> ReviewPage {
    let t = shell.t;
    let payee = preview.payee.clone().unwrap_or_default();
    let notes = [
        preview.is_inside.then_some(t.pay.inside),
        (payee.name.is_none() && !preview.is_inside).then_some(t.pay.unnamed),
        (preview.gateways.is_empty() && !preview.is_inside).then_some(t.pay.no_gateway),
    ];
    ReviewPage {
        facts: review_facts(&shell, preview, amount),
        title: t.pay.review,
        amount: reais(amount),
        name: payee.name.or_else(|| preview.pix_key.clone()),
        notes: notes.into_iter().flatten().collect(),
        confirm: fill(t.pay.confirm, &[&reais(amount)]),
        action: "/app/pagar/confirmar",
        back: "/app/pagar",
        hidden,
        t,
        shell,
    }
}

fn review_facts(shell: &Shell, preview: &PayoutPreview, amount: Money) -> Vec<Fact> {
    let t = shell.t;
    let payee = preview.payee.clone().unwrap_or_default();
    let total = total(preview, amount);
    let mut facts = Vec::new();
    // Without a name the key itself stands above, where a name would.
    let key = preview.pix_key.clone().filter(|_| payee.name.is_some());
    facts.extend(key.map(|key| fact(t.detail.key, key)));
    let kind = preview
        .pix_key_type
        .map(|kind| key_kind(kind, t).to_owned());
    facts.extend(kind.map(|kind| fact(t.pay.key_kind, kind)));
    facts.extend(payee.tax_id_masked.map(|it| fact(t.detail.document, it)));
    facts.extend(
        preview
            .description
            .clone()
            .map(|it| fact(t.pay.message, it)),
    );
    let until = preview
        .expires_at
        .map(|at| format::moment(at, shell.language));
    facts.extend(until.map(|until| fact(t.pay.expires, until)));
    let fee = preview.fee.filter(|fee| !fee.is_zero());
    let fee = fee.map_or(t.pay.free.to_owned(), reais);
    facts.push(fact(t.pay.fee, fee));
    facts.push(fact(t.pay.total, reais(total)));
    let after = preview.available.checked_sub(total);
    facts.extend(after.map(|after| fact(t.pay.after, reais(after))));
    facts
}

/// `POST /app/pagar/confirmar`: the payment, once.
pub async fn confirm(
    State(web): State<Web>,
    holder: Holder,
    Form(form): Form,
) -> Result<Response, Stop> {
    let t = holder.signed.visitor.language.texts();
    let key = form::key(form.get("key")).ok_or(Stop::ForeignForm)?;
    let again = |wrong| {
        let shell = Shell::signed(&web, &holder.signed, review::PLACE);
        Ok(shell::again(&page(shell, key.clone(), &form, wrong)))
    };
    let asked = match read(&form, t) {
        Ok(asked) => asked,
        Err(wrong) => return again(wrong),
    };
    let request = RequestPayout {
        common: refusal::common(key.clone(), asked.description),
        amount: asked.amount,
        destination: asked.destination,
    };
    let accepted = web.app.request_payout(&holder.signed.caller, request).await;
    match accepted {
        Ok(accepted) => Ok(order::to_page(&accepted, &web)),
        Err(refused) => again(Wrong::of(refused, t)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::{Language, PT};
    use domain::limits::Left;

    fn cents(cents: i64) -> Money {
        Money::from_cents(cents).unwrap()
    }

    fn preview() -> PayoutPreview {
        PayoutPreview {
            amount: Some(cents(1_050)),
            is_amount_fixed: false,
            fee: Some(cents(10)),
            pix_key: Some("ana@example.com".into()),
            pix_key_type: Some("email"),
            payee: None,
            description: Some("<i>bolo</i>".into()),
            expires_at: None,
            is_inside: false,
            available: cents(2_000),
            left: Left {
                per_transaction: cents(5_000),
                day: cents(5_000),
                night: Some(cents(1_500)),
            },
            gateways: Vec::new(),
        }
    }

    #[test]
    fn the_review_says_what_leaves_and_what_stays() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let page = to_review(
                Shell::sample(language),
                &preview(),
                cents(1_050),
                Vec::new(),
            );
            let text = page.render().unwrap();
            for said in [
                "10,60",
                "9,40",
                "ana@example.com",
                t.pay.no_gateway,
                t.pay.unnamed,
            ] {
                let said = said.replace('\'', "&#39;");
                assert!(text.contains(&said), "{said}: {text}");
            }
            assert!(!text.contains("<i>bolo"), "{text}");
        }
    }

    #[test]
    fn what_the_wallet_cannot_pay_is_said_before() {
        let said = |amount| beyond(&preview(), cents(amount), &PT);
        assert_eq!(said(1_500), None);
        assert!(said(1_501).unwrap().contains("noturno"));
        assert!(said(1_991).unwrap().contains("Saldo"));
    }

    #[test]
    fn a_key_and_a_code_are_told_apart() {
        assert_eq!(
            seen("ana@example.com", &PT),
            (true, "Chave Pix: e-mail.".into())
        );
        assert_eq!(seen("11987654321", &PT), (false, PT.pay.phone_hint.into()));
        assert_eq!(seen("111.444.777-36", &PT).1, PT.pay.bad_digits);
        assert_eq!(seen("000201", &PT), (false, PT.pay.unreadable_code.into()));
        assert_eq!(seen("?", &PT), (false, PT.pay.unreadable.into()));
        assert!(destination(&"9".repeat(401), &PT).is_err());
    }

    #[test]
    fn mistakes_are_told_together_and_the_input_stays() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let typed = Pairs::of(&[("target", "</textarea><b>"), ("amount", "x")]);
            let wrong = read(&typed, t).err().unwrap();
            let text = page(Shell::sample(language), "web-1".into(), &typed, wrong)
                .render()
                .unwrap();
            assert!(text.contains(t.pay.unreadable) && text.contains(t.errors.amount_unreadable));
            assert!(!text.contains("</textarea><b>"), "{text}");
        }
    }
}
