//! `/app/transferir`: to another user here, found by sign-up e-mail, CPF or CNPJ.
//!
//! Before anything moves the payee's name is shown; it is looked up within the same bounds as a
//! transfer's, so that the register of users cannot be read out.

use app::commands::{RequestTransfer, TransferDestination};
use app::views::PartyView;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::money::Money;
use domain::pix::key::{PixKey, PixKeyKind};

use crate::Web;
use crate::form::{self, Form, Pairs, Read};
use crate::format::{self, reais};
use crate::parts::field::{Field, Input};
use crate::parts::order::{self, Fields, Wrong};
use crate::parts::refusal;
use crate::parts::review::{self, ReviewPage, fact};
use crate::session::Holder;
use crate::shell::{self, Shell};
use crate::stop::Stop;
use crate::texts::{Texts, fill};

#[derive(Template)]
#[template(path = "pages/transfer.html")]
struct TransferPage {
    shell: Shell,
    t: &'static Texts,
    key: String,
    wrong: Option<String>,
    fields: [Field; 3],
}

fn page(shell: Shell, key: String, typed: &Pairs, wrong: Wrong) -> TransferPage {
    let t = shell.t;
    let fields = Fields {
        t,
        typed,
        wrong: &wrong,
    };
    TransferPage {
        key,
        fields: [
            fields.target(t.transfer.to, Input::Text).first(),
            fields.amount(),
            fields.description(),
        ],
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

struct Asked {
    to: TransferDestination,
    amount: Money,
    description: Option<String>,
}

fn read(typed: &Pairs, t: &Texts) -> Result<Asked, Wrong> {
    let to = payee(typed.get("target"), t);
    let amount = form::amount(typed.get("amount"), t);
    let (to, amount, description) = order::read(to, amount, typed, t)?;
    Ok(Asked {
        to,
        amount,
        description,
    })
}

/// Users are known by the e-mail and the tax id of their sign-up, and by nothing else.
fn payee(text: &str, t: &Texts) -> Read<TransferDestination> {
    if text.is_empty() {
        return Err(t.errors.needed);
    }
    let key = Some(text).filter(|text| text.len() <= 400);
    let key = key.and_then(|text| PixKey::recognize(text).ok());
    let key = key.ok_or(t.transfer.kinds)?;
    match key.kind() {
        PixKeyKind::Email | PixKeyKind::Cpf | PixKeyKind::Cnpj => Ok(TransferDestination::Key(key)),
        PixKeyKind::Phone | PixKeyKind::Evp => Err(t.transfer.kinds),
    }
}

/// `POST /app/transferir`: whom it would go to, to be checked.
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
    let found = web
        .app
        .preview_transfer(&holder.signed.caller, &asked.to)
        .await;
    let party = match found {
        Ok(party) => party,
        Err(refused) => return again(Wrong::of(refused, t)?),
    };
    let available = holder.wallet.available;
    let Some(after) = available.checked_sub(asked.amount) else {
        let wrong = fill(t.pay.not_enough, &[&reais(available)]);
        return again(Wrong::amount(wrong));
    };
    let hidden = review::hidden(&form, &key, format::typed(asked.amount));
    let page = to_review(shell(), party, (asked.amount, after), hidden);
    Ok(shell::to_come_back_to(shell::ok(&page)))
}

fn to_review(
    shell: Shell,
    party: PartyView,
    (amount, after): (Money, Money),
    hidden: Vec<(&'static str, String)>,
) -> ReviewPage {
    let t = shell.t;
    let mut facts = Vec::new();
    facts.extend(party.tax_id_masked.map(|it| fact(t.detail.document, it)));
    facts.push(fact(t.pay.fee, t.pay.free.to_owned()));
    facts.push(fact(t.pay.after, reais(after)));
    ReviewPage {
        title: t.transfer.review,
        amount: reais(amount),
        name: party.name,
        facts,
        notes: vec![t.pay.inside],
        confirm: fill(t.transfer.confirm, &[&reais(amount)]),
        action: "/app/transferir/confirmar",
        back: "/app/transferir",
        hidden,
        t,
        shell,
    }
}

/// `POST /app/transferir/confirmar`: the transfer, once.
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
    let request = RequestTransfer {
        common: refusal::common(key.clone(), asked.description),
        amount: asked.amount,
        to: asked.to,
    };
    match web
        .app
        .request_transfer(&holder.signed.caller, request)
        .await
    {
        Ok(accepted) => Ok(order::to_page(&accepted, &web)),
        Err(refused) => again(Wrong::of(refused, t)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;

    #[test]
    fn the_payee_is_named_before_anything_moves() {
        for language in [Language::Portuguese, Language::English] {
            let party = PartyView {
                name: Some("<b>Bia</b>".into()),
                tax_id_masked: Some("***.444.777-**".into()),
                bank: None,
            };
            let one = Money::from_cents(100).unwrap();
            let page = to_review(Shell::sample(language), party, (one, one), Vec::new());
            let text = page.render().unwrap();
            assert!(text.contains("***.444.777-**") && !text.contains("<b>Bia"));
        }
    }

    #[test]
    fn only_what_people_sign_up_with_finds_them() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            assert!(payee("Bia@example.com", t).is_ok());
            assert!(payee("529.982.247-25", t).is_ok());
            for bad in ["+5511987654321", "x", &"9".repeat(401)] {
                assert_eq!(payee(bad, t).err(), Some(t.transfer.kinds), "{bad}");
            }
            let typed = Pairs::of(&[("target", "\"><b>")]);
            let wrong = read(&typed, t).err().unwrap();
            let shell = Shell::sample(language);
            let text = page(shell, "web-1".into(), &typed, wrong).render().unwrap();
            assert!(text.contains(t.errors.amount_needed) && !text.contains("\"><b>"));
        }
    }
}
