//! `/app/transacoes/{id}/comprovante`: the receipt of what succeeded, to show, print or keep, and as a
//! picture to be sent on.

use std::sync::{Arc, OnceLock};

use app::views::{DetailsView, PartyView, TransactionView};
use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::allowance::Allowance;
use domain::status::Status;
use domain::tax_id::TaxId;
use domain::time::Span;
use http::header;

use super::detail::{self, Fact, own};
use crate::Web;
use crate::format;
use crate::parts::picture::{self, Party, Receipt};
use crate::parts::review::fact;
use crate::parts::{activity, words};
use crate::session::{Holder, Signed};
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::{Language, Texts};

/// Pictures that one person may have drawn.
const PICTURES: Allowance = Allowance {
    tries: 30,
    per: Span::from_seconds(60),
};

#[derive(Template)]
#[template(path = "pages/receipt.html")]
struct ReceiptPage {
    shell: Shell,
    t: &'static Texts,
    id: String,
    what: &'static str,
    amount: String,
    facts: Vec<Fact>,
    file: String,
}

pub async fn show(
    State(web): State<Web>,
    holder: Holder,
    Path(text): Path<String>,
) -> Result<Response, Stop> {
    let view = succeeded(&web, &holder.signed, &text).await?;
    let sides = sides(&web, &holder.signed, &view).await?;
    let shell = Shell::signed(&web, &holder.signed, Place::History);
    Ok(shell::ok(&page(shell, &view, sides)))
}

/// `…/comprovante.png`: the same as a picture, drawn anew each time.
pub async fn picture(
    State(web): State<Web>,
    holder: Holder,
    Path(text): Path<String>,
) -> Result<Response, Stop> {
    let signed = &holder.signed;
    let view = succeeded(&web, signed, &text).await?;
    let bucket = format!("picture {}", signed.caller.user_id);
    let taken = web.throttle.other(&bucket, PICTURES, web.app.now()).await;
    taken.map_err(|seconds| Stop::Wait { seconds })?;
    let is_demo = web.demo.is_some();
    let sides = sides(&web, signed, &view).await?;
    let receipt = drawn(&view, sides, signed.visitor.language, is_demo);
    let png = draw(&web, receipt).await?;
    let file = file_name(&view, signed.visitor.language);
    let headers = [
        (header::CONTENT_TYPE, "image/png".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{file}\""),
        ),
    ];
    Ok((headers, png).into_response())
}

/// Away from the threads that serve, and only a few at a time; a picture that nobody waits for any more
/// gives its place back when it is drawn.
async fn draw(web: &Web, receipt: Receipt) -> Result<Vec<u8>, Stop> {
    let closed = || Stop::Internal("the places of pictures are closed".into());
    let place = Arc::clone(&web.pictures).acquire_owned().await;
    let place = place.map_err(|_| closed())?;
    let drawn = Arc::new(OnceLock::new());
    let slot = Arc::clone(&drawn);
    let work = move || {
        // Nobody else fills it.
        let _ = slot.set(picture::draw(&receipt));
        drop(place);
    };
    web.app.runtime.blocking(Box::new(work)).await;
    let lost = || Stop::Internal("a picture was not drawn".into());
    let drawn = drawn.get().ok_or_else(lost)?;
    drawn.clone().map_err(Stop::Internal)
}

async fn succeeded(web: &Web, signed: &Signed, text: &str) -> Result<TransactionView, Stop> {
    let view = own(web, signed, text).await?;
    match view.status {
        Status::Success => Ok(view),
        Status::Pending | Status::Failed => Err(Stop::NotFound),
    }
}

/// The reader, as the other side sees it.
fn own_side(signed: &Signed) -> PartyView {
    let user = &signed.me.user;
    let document = user.tax_id.as_deref();
    let document = document.and_then(|text| TaxId::parse(text).ok());
    PartyView {
        name: Some(user.name.clone()),
        tax_id_masked: document.map(|it| it.masked()),
        bank: None,
    }
}

/// Who paid and who was paid.
async fn sides(web: &Web, signed: &Signed, view: &TransactionView) -> Result<[PartyView; 2], Stop> {
    // A refund goes to whoever paid the charge.
    let refunded = match &view.details {
        DetailsView::Refund { charge_id, .. } => {
            Some(web.app.transaction(&signed.caller, *charge_id).await?)
        }
        DetailsView::Charge { .. }
        | DetailsView::Payout { .. }
        | DetailsView::Transfer { .. }
        | DetailsView::Received { .. } => None,
    };
    let (other, own) = (other_side(view, refunded.as_ref()), own_side(signed));
    Ok(match &view.details {
        DetailsView::Charge { .. } | DetailsView::Received { .. } => [other, own],
        DetailsView::Payout { .. } | DetailsView::Transfer { .. } | DetailsView::Refund { .. } => {
            [own, other]
        }
    })
}

fn other_side(view: &TransactionView, refunded: Option<&TransactionView>) -> PartyView {
    match &view.details {
        DetailsView::Charge { payer, .. } => payer.clone().unwrap_or_default(),
        DetailsView::Received { payer } => payer.clone(),
        DetailsView::Payout { payee, pix_key, .. } => {
            let mut payee = payee.clone().unwrap_or_default();
            payee.name = payee.name.or_else(|| pix_key.as_deref().map(shown_key));
            payee
        }
        DetailsView::Transfer { payee, .. } => payee.clone().unwrap_or_default(),
        DetailsView::Refund { .. } => {
            refunded.map_or_else(PartyView::default, |charge| other_side(charge, None))
        }
    }
}

/// A key as it may be sent on: a tax id is masked.
fn shown_key(key: &str) -> String {
    match TaxId::parse(key) {
        Ok(tax_id) => tax_id.masked(),
        Err(_) => key.to_owned(),
    }
}

/// When it was done.
fn when(view: &TransactionView, language: Language) -> String {
    format::exact(view.settled_at.unwrap_or(view.updated_at), language)
}

/// `comprovante-2026-11-26-0f3a9c21.png`
fn file_name(view: &TransactionView, language: Language) -> String {
    let day = format::local(view.settled_at.unwrap_or(view.updated_at)).date();
    let number = view.id.to_string();
    let end = number.get(number.len().saturating_sub(8)..).unwrap_or("");
    format!("{}-{day}-{end}.png", language.texts().detail.receipt_file)
}

/// A fingerprint of what the receipt says and of what only we and the reader know of it, so that an
/// altered picture can be told from the page by comparing the two.
fn authentication(view: &TransactionView) -> String {
    let told = format!(
        "{}|{}|{}|{}|{}|{}",
        view.id,
        view.wallet_id,
        view.amount.cents(),
        view.created_at.micros(),
        view.settled_at.unwrap_or(view.updated_at).micros(),
        view.end_to_end_id.as_deref().unwrap_or(""),
    );
    let code = hex::encode_upper(&digest(&SHA256, told.as_bytes()).as_ref()[..10]);
    let groups: Vec<&str> = (0..code.len())
        .step_by(5)
        .map(|start| &code[start..start + 5])
        .collect();
    groups.join("-")
}

fn page(shell: Shell, view: &TransactionView, sides: [PartyView; 2]) -> ReceiptPage {
    let (t, language) = (shell.t, shell.language);
    let [payer, payee] = sides;
    let mut facts = vec![fact(t.detail.when, when(view, language))];
    for (label, party) in [(t.detail.payer, payer), (t.detail.payee, payee)] {
        facts.extend(party.name.map(|name| fact(label, name)));
        facts.extend(party.tax_id_masked.map(|it| fact(t.detail.document, it)));
    }
    facts.push(fact(
        t.detail.status,
        words::stage(view, t).label.to_owned(),
    ));
    facts.extend(beside(view, t));
    facts.push(Fact {
        is_code: true,
        ..fact(t.detail.authentication, authentication(view))
    });
    ReceiptPage {
        id: view.id.to_string(),
        what: words::title(view, t),
        amount: format::reais(activity::shown_amount(view)),
        file: file_name(view, language),
        facts,
        t,
        shell,
    }
}

/// What stands beside the two sides. A key that had to serve as a name is told once.
fn beside(view: &TransactionView, t: &'static Texts) -> impl Iterator<Item = Fact> {
    let is_named = match &view.details {
        DetailsView::Payout { payee, .. } => {
            payee.as_ref().is_some_and(|payee| payee.name.is_some())
        }
        DetailsView::Charge { .. }
        | DetailsView::Transfer { .. }
        | DetailsView::Received { .. }
        | DetailsView::Refund { .. } => true,
    };
    let facts = detail::facts_beside(view, t).into_iter();
    facts.filter(move |fact| is_named || fact.name != t.detail.key)
}

/// The same for the picture.
fn drawn(
    view: &TransactionView,
    sides: [PartyView; 2],
    language: Language,
    is_demo: bool,
) -> Receipt {
    let t = language.texts();
    let [payer, payee] = sides;
    let party = |label: &str, party: PartyView| Party {
        label: label.to_owned(),
        name: party.name.unwrap_or_default(),
        document: party.tax_id_masked,
    };
    let status = words::stage(view, t).label.to_owned();
    let mut told = vec![(t.detail.status.to_owned(), status)];
    let mut ids = Vec::new();
    for fact in beside(view, t) {
        let pair = (fact.name.to_owned(), shown_key(&fact.value));
        match (fact.is_code, fact.href) {
            (true, _) => ids.push((pair.0, fact.value)),
            (false, None) => told.push(pair),
            // The way to another page is nothing to look at.
            (false, Some(_)) => {}
        }
    }
    ids.push((t.detail.authentication.to_owned(), authentication(view)));
    Receipt {
        heading: t.detail.receipt_title.to_owned(),
        what: words::title(view, t).to_owned(),
        amount: format::reais(activity::shown_amount(view)),
        when: format!("{} · {}", when(view, language), t.detail.brasilia),
        parties: [party(t.detail.payer, payer), party(t.detail.payee, payee)],
        facts: told,
        ids,
        foot: t.detail.receipt_foot.to_owned(),
        note: is_demo.then(|| t.common.demo.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::detail::tests::{charge, payout};
    use super::*;
    use domain::ids::{PayInId, TransactionId};
    use domain::status::Kind;

    fn own() -> PartyView {
        PartyView {
            name: Some("<b>Ana</b>".into()),
            tax_id_masked: Some("***.444.777-**".into()),
            bank: None,
        }
    }

    #[test]
    fn a_receipt_names_both_sides_and_the_ids() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let view = payout(Status::Success, "settled");
            let sides = [own(), other_side(&view, None)];
            let text = page(Shell::sample(language), &view, sides)
                .render()
                .unwrap();
            let code = authentication(&view);
            let id = view.id.to_string();
            for said in ["10,50", &id, "E1", "***.444.777-**", &code, t.stages.sent] {
                assert!(text.contains(said), "{said}: {text}");
            }
            assert!(!text.contains("<b>Ana") && text.contains("/comprovante.png"));
        }
    }

    #[test]
    fn the_picture_tells_what_the_page_tells() {
        let view = payout(Status::Success, "settled");
        let sides = [own(), other_side(&view, None)];
        let receipt = drawn(&view, sides, Language::Portuguese, true);
        assert_eq!(receipt.parties[1].name, "ana@example.com");
        assert!(receipt.note.is_some() && receipt.ids.len() == 3);
        let paid = charge(Status::Success, "paid");
        let sides = [other_side(&paid, None), own()];
        let receipt = drawn(&paid, sides, Language::Portuguese, false);
        assert_eq!(receipt.parties[0].name, "<b>Bia</b>");
        assert!(receipt.note.is_none() && picture::draw(&receipt).is_ok());
    }

    #[test]
    fn a_refund_went_to_whoever_had_paid() {
        let details = DetailsView::Refund {
            charge_id: TransactionId::from_bytes([1; 16]),
            pay_in_id: PayInId::from_bytes([4; 16]),
        };
        let refund = detail::tests::view(Kind::Refund, Status::Success, "settled", details);
        let charge = charge(Status::Success, "paid");
        let payee = other_side(&refund, Some(&charge));
        assert_eq!(payee.name.as_deref(), Some("<b>Bia</b>"));
        assert_eq!(other_side(&refund, None), PartyView::default());
    }

    #[test]
    fn a_tax_id_is_never_sent_on_in_full() {
        assert_eq!(shown_key("52998224725"), "***.982.247-**");
        assert_eq!(shown_key("ana@example.com"), "ana@example.com");
        let mut view = payout(Status::Success, "settled");
        if let DetailsView::Payout { pix_key, .. } = &mut view.details {
            *pix_key = Some("52998224725".into());
        }
        let sides = [own(), other_side(&view, None)];
        let receipt = drawn(&view, sides, Language::English, false);
        assert!(
            !format!("{receipt:?}").contains("52998224725"),
            "{receipt:?}"
        );
    }

    #[test]
    fn the_authentication_changes_with_what_is_told() {
        let view = payout(Status::Success, "settled");
        let code = authentication(&view);
        assert_eq!(code.len(), 23, "{code}");
        let mut other = view.clone();
        other.amount = super::super::detail::tests::cents(1_051);
        assert_ne!(authentication(&other), code);
        assert_eq!(
            file_name(&view, Language::Portuguese),
            "comprovante-1969-12-31-01010101.png"
        );
    }
}
