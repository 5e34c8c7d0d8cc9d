//! `POST /app/conferir`: what is to be said of a field while it is typed. Nothing is looked up and
//! nothing is stored; the same readers judge the form when it is sent.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::tax_id::TaxId;
use http::header;

use crate::Web;
use crate::form::{self, Form};
use crate::pages::pay;
use crate::stop::Stop;
use crate::texts::Texts;
use crate::visitor::Visitor;

/// What to say, and whether the value is good.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    good: bool,
    text: String,
}

pub async fn check(
    State(_): State<Web>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<Response, Stop> {
    let t = visitor.language.texts();
    let value = form.get("valor");
    let said = match form.get("campo") {
        "tax_id" => tax_id(value, t),
        "target" => {
            let (good, text) = pay::seen(value, t);
            Said { good, text }
        }
        _ => return Err(Stop::NotFound),
    };
    let mark = if said.good { "+" } else { "-" };
    let text = format!("{mark}{}", said.text);
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

fn tax_id(value: &str, t: &Texts) -> Said {
    let (good, text) = match form::tax_id(value, t) {
        Ok(TaxId::Cpf(_)) => (true, t.sign_up.cpf_good),
        Ok(TaxId::Cnpj(_)) => (true, t.sign_up.cnpj_good),
        Err(wrong) => (false, wrong),
    };
    let text = text.to_owned();
    Said { good, text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::PT;

    #[test]
    fn a_document_is_named_when_it_is_good() {
        assert_eq!(tax_id("52998224725", &PT).text, PT.sign_up.cpf_good);
        assert!(!tax_id("52998224726", &PT).good);
    }
}
