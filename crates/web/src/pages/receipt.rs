//! `/app/transacoes/{id}/comprovante`: the receipt of what succeeded, to show, print or keep.

use app::views::TransactionView;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use domain::status::{Kind, Status};

use super::detail::{self, Fact, own};
use crate::Web;
use crate::format;
use crate::parts::review::fact;
use crate::parts::words;
use crate::session::Holder;
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::Texts;

#[derive(Template)]
#[template(path = "pages/receipt.html")]
struct ReceiptPage {
    shell: Shell,
    t: &'static Texts,
    id: String,
    what: &'static str,
    amount: String,
    facts: Vec<Fact>,
}

pub async fn show(
    State(web): State<Web>,
    holder: Holder,
    Path(text): Path<String>,
) -> Result<Response, Stop> {
    let view = own(&web, &holder.signed, &text).await?;
    if view.status != Status::Success {
        return Err(Stop::NotFound);
    }
    let shell = Shell::signed(&web, &holder.signed, Place::History);
    Ok(shell::ok(&page(shell, &view, &holder.signed.me.user.name)))
}

fn page(shell: Shell, view: &TransactionView, own_name: &str) -> ReceiptPage {
    let (t, language) = (shell.t, shell.language);
    let when = format::exact(view.settled_at.unwrap_or(view.updated_at), language);
    let own_side = match view.kind {
        Kind::Charge => t.detail.payee,
        Kind::Payout | Kind::Transfer | Kind::Refund => t.detail.payer,
    };
    let mut facts = vec![
        fact(t.detail.when, when),
        fact(own_side, own_name.to_owned()),
    ];
    facts.extend(detail::facts(view, t));
    ReceiptPage {
        id: view.id.to_string(),
        what: match view.kind {
            Kind::Charge => t.activity.received,
            kind => words::kind(kind, t),
        },
        amount: format::reais(view.amount),
        facts,
        t,
        shell,
    }
}

#[cfg(test)]
mod tests {
    use super::super::detail::tests::payout;
    use super::*;
    use crate::texts::Language;

    #[test]
    fn a_receipt_names_both_sides_and_the_ids() {
        for language in [Language::Portuguese, Language::English] {
            let view = payout(Status::Success, "settled");
            let text = page(Shell::sample(language), &view, "<b>Ana</b>")
                .render()
                .unwrap();
            assert!(text.contains("10,50") && text.contains(&view.id.to_string()));
            assert!(text.contains("E1") && !text.contains("<b>Ana"));
        }
    }
}
