//! The receipt as a page for the people who pay and are paid: in Portuguese, times of Brasília,
//! without scripts or anything from elsewhere.

use app::views::{DetailsView, TransactionView};
use domain::money::Money;
use domain::status::Kind;
use domain::time::Moment;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::show_receipt::parties;
use crate::html::escape;
use crate::wire::transaction::PartyBody;

pub(super) const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:2rem auto;\
padding:0 1rem}h1{font-size:1.25rem}.amount{font-size:2rem;margin:.5rem 0}dt{color:#555;\
margin-top:.75rem}dd{margin:0;overflow-wrap:anywhere}";

pub(super) fn page(view: &TransactionView) -> String {
    let title = match view.kind {
        Kind::Charge => "Comprovante de recebimento Pix",
        Kind::Payout => "Comprovante de pagamento Pix",
        Kind::Transfer => "Comprovante de transferência",
        Kind::Refund => "Comprovante de devolução Pix",
    };
    let mut rows = String::new();
    let mut row = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            rows.push_str(&format!("<dt>{name}</dt><dd>{}</dd>", escape(value)));
        }
    };
    row(
        "Data e hora",
        Some(&local(view.settled_at.unwrap_or(view.updated_at))),
    );
    let (payer, payee) = parties(&view.details);
    row("De", payer.as_ref().map(party).as_deref());
    row("Para", payee.as_ref().map(party).as_deref());
    if let DetailsView::Payout { pix_key, .. } = &view.details {
        row("Chave Pix", pix_key.as_deref());
    }
    if !view.fee.is_zero() {
        row("Tarifa", Some(&reais(view.fee)));
    }
    row("Descrição", view.description.as_deref());
    row("ID da transação Pix", view.end_to_end_id.as_deref());
    row("Identificador", Some(&view.id.to_string()));
    format!(
        "<!doctype html><html lang=\"pt-BR\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
<style>{STYLE}</style></head><body><h1>{title}</h1><p class=\"amount\">{}</p><dl>{rows}</dl>\
</body></html>",
        reais(view.amount)
    )
}

fn party(party: &PartyBody) -> String {
    [&party.name, &party.tax_id_masked, &party.bank]
        .into_iter()
        .flatten()
        .cloned()
        .collect::<Vec<_>>()
        .join(" · ")
}

/// `R$ 1.234,56`.
fn reais(money: Money) -> String {
    let (whole, cents) = (money.cents() / 100, money.cents() % 100);
    let digits = whole.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push('.');
        }
        grouped.push(digit);
    }
    format!("R$ {grouped},{cents:02}")
}

/// `31/01/2026 09:00:00 (horário de Brasília)`.
fn local(moment: Moment) -> String {
    let timestamp = Timestamp::from_microsecond(moment.micros()).unwrap_or(Timestamp::MAX);
    let zone = TimeZone::get("America/Sao_Paulo").unwrap_or(TimeZone::UTC);
    let zoned = timestamp.to_zoned(zone);
    format!(
        "{} (horário de Brasília)",
        zoned.strftime("%d/%m/%Y %H:%M:%S")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_times_are_written_as_in_brazil() {
        let money = |cents| Money::from_cents(cents).unwrap();
        assert_eq!(reais(money(5)), "R$ 0,05");
        assert_eq!(reais(money(99_999)), "R$ 999,99");
        assert_eq!(reais(money(123_456_789)), "R$ 1.234.567,89");
        assert_eq!(
            local(Moment::from_micros(1_769_860_800_000_000)),
            "31/01/2026 09:00:00 (horário de Brasília)"
        );
    }

    #[test]
    fn what_people_wrote_is_text_and_never_markup() {
        let html = page(&crate::wire::transaction::tests::payout());
        assert!(html.contains("Ana &lt;b&gt; · ***.982.247-**"), "{html}");
        assert!(!html.contains("<b>"));
        assert!(html.contains("R$ 10,50"));
    }
}
