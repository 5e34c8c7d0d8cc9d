//! `/app/conta`: who the account is, what may still be sent, where it is open, and API keys.

use app::commands::{ApiKeyRefusal, NewApiKey, Scope};
use app::ports::store::{ApiKeyRow, SessionRow};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::ids::ApiKeyId;
use domain::tax_id::TaxId;

use super::detail::Fact;
use crate::Web;
use crate::form::{self, Form, Pairs};
use crate::format;
use crate::notice::Notice;
use crate::parts::field::{Field, Input};
use crate::parts::review::fact;
use crate::session::{Holder, Signed};
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::{Texts, fill};

#[derive(Template)]
#[template(path = "pages/account.html")]
struct AccountPage {
    shell: Shell,
    t: &'static Texts,
    facts: Vec<Fact>,
    sessions: Vec<Session>,
    keys: Vec<Key>,
    /// The secret of the key that was just made.
    secret: Option<String>,
    name: Field,
    /// Value, label, whether it is chosen.
    scopes: Vec<(&'static str, &'static str, bool)>,
    wrong_scopes: Option<&'static str>,
}

struct Session {
    since: String,
    until: String,
    /// The one that looks.
    is_this: bool,
}

struct Key {
    id: String,
    name: String,
    scopes: String,
    made: String,
    is_revoked: bool,
    revoke: String,
}

/// What a key may be given here.
const SCOPES: [Scope; 5] = [
    Scope::Read,
    Scope::Charges,
    Scope::Payouts,
    Scope::Transfers,
    Scope::Refunds,
];

fn scope_label(scope: Scope, t: &Texts) -> &'static str {
    match scope {
        Scope::Read | Scope::Operator => t.account.scope_read,
        Scope::Charges => t.account.scope_charges,
        Scope::Payouts => t.account.scope_payouts,
        Scope::Transfers => t.account.scope_transfers,
        Scope::Refunds => t.account.scope_refunds,
    }
}

#[derive(Default)]
struct Wrong {
    name: Option<&'static str>,
    scopes: Option<&'static str>,
}

fn page(
    shell: Shell,
    facts: Vec<Fact>,
    keys: &[ApiKeyRow],
    typed: &Pairs,
    wrong: Wrong,
) -> AccountPage {
    let (t, language) = (shell.t, shell.language);
    let key = |row: &ApiKeyRow| {
        let scopes: Vec<&str> = row
            .scopes
            .iter()
            .filter_map(|name| Scope::parse(name))
            .map(|scope| scope_label(scope, t))
            .collect();
        Key {
            id: row.id.to_string(),
            revoke: fill(t.account.revoke, &[&row.name]),
            name: row.name.clone(),
            scopes: scopes.join(", "),
            made: format::moment(row.created_at, language),
            is_revoked: row.revoked_at.is_some(),
        }
    };
    AccountPage {
        facts,
        sessions: Vec::new(),
        keys: keys.iter().rev().map(key).collect(),
        secret: None,
        name: Field::new("name", t.account.key_name, Input::Text)
            .value(typed.get("name"))
            .error(wrong.name)
            .longest(100),
        scopes: SCOPES
            .into_iter()
            .map(|scope| {
                let value = scope.as_str();
                (
                    value,
                    scope_label(scope, t),
                    typed.all("scope").any(|it| it == value),
                )
            })
            .collect(),
        wrong_scopes: wrong.scopes,
        t,
        shell,
    }
}

fn facts(web: &Web, holder: &Holder) -> Vec<Fact> {
    let Holder { signed, wallet } = holder;
    let language = signed.visitor.language;
    let t = language.texts();
    let user = &signed.me.user;
    let document = user.tax_id.as_deref();
    let document = document.and_then(|text| TaxId::parse(text).ok());
    let left = web.app.limits_left(wallet);
    let mut facts = vec![
        fact(t.account.name, user.name.clone()),
        fact(t.account.email, user.email.clone()),
    ];
    facts.extend(document.map(|it| fact(t.account.document, it.masked())));
    let since = format::moment(user.created_at, language);
    facts.push(fact(t.account.since, since));
    facts.push(fact(
        t.account.per_transaction,
        format::reais(left.per_transaction),
    ));
    facts.push(fact(t.account.day_left, format::reais(left.day)));
    let night = left.night.map(format::reais);
    facts.extend(night.map(|night| fact(t.account.night_left, night)));
    facts
}

async fn draw(
    web: &Web,
    holder: &Holder,
    typed: &Pairs,
    wrong: Wrong,
) -> Result<AccountPage, Stop> {
    let caller = &holder.signed.caller;
    let keys = web.app.api_keys(caller).await?;
    let open = web.app.sessions(caller).await?;
    let shell = Shell::signed(web, &holder.signed, Place::Account);
    let (t, language) = (shell.t, shell.language);
    let session = |row: &SessionRow| Session {
        since: fill(
            t.account.session_since,
            &[&format::moment(row.created_at, language)],
        ),
        until: fill(
            t.account.session_until,
            &[&format::moment(row.expires_at, language)],
        ),
        is_this: Some(row.id) == caller.session_id,
    };
    Ok(AccountPage {
        sessions: open.iter().map(session).collect(),
        ..page(shell, facts(web, holder), &keys, typed, wrong)
    })
}

pub async fn show(State(web): State<Web>, holder: Holder) -> Result<Response, Stop> {
    let page = draw(&web, &holder, &Pairs::default(), Wrong::default()).await?;
    Ok(shell::ok(&page))
}

/// `POST /app/conta/sessoes`: all sessions but this one end.
pub async fn end_others(State(web): State<Web>, signed: Signed, _: Form) -> Result<Response, Stop> {
    web.app.end_other_sessions(&signed.caller).await?;
    let back = Redirect::to("/app/conta").into_response();
    Ok(Notice::SessionsEnded.on(back, web.secure))
}

/// `POST /app/conta/chaves`: a key, whose secret is shown this once.
pub async fn create_key(
    State(web): State<Web>,
    holder: Holder,
    Form(form): Form,
) -> Result<Response, Stop> {
    let t = holder.signed.visitor.language.texts();
    let name = form::text(form.get("name"), 100, t);
    let scopes: Vec<Scope> = SCOPES
        .into_iter()
        .filter(|scope| form.all("scope").any(|it| it == scope.as_str()))
        .collect();
    let lacking = scopes.is_empty().then_some(t.account.scopes_needed);
    let name = match (name, lacking) {
        (Ok(name), None) => name,
        (name, scopes) => {
            let wrong = Wrong {
                name: name.err(),
                scopes,
            };
            return Ok(shell::again(&draw(&web, &holder, &form, wrong).await?));
        }
    };
    let request = NewApiKey { name, scopes };
    let made = web.app.create_api_key(&holder.signed.caller, request).await;
    let (_, secret) = made.map_err(stop)?;
    let page = draw(&web, &holder, &Pairs::default(), Wrong::default()).await?;
    Ok(shell::ok(&AccountPage {
        secret: Some(secret),
        ..page
    }))
}

/// `POST /app/conta/chaves/{id}/revogar`.
pub async fn revoke_key(
    State(web): State<Web>,
    signed: Signed,
    Path(id): Path<String>,
    _: Form,
) -> Result<Response, Stop> {
    let id = ApiKeyId::parse(&id).map_err(|_| Stop::NotFound)?;
    let revoked = web.app.revoke_api_key(&signed.caller, id).await;
    revoked.map_err(stop)?;
    let back = Redirect::to("/app/conta").into_response();
    Ok(Notice::KeyRevoked.on(back, web.secure))
}

fn stop(refusal: ApiKeyRefusal) -> Stop {
    match refusal {
        ApiKeyRefusal::ScopeNotHeld(_) => Stop::Forbidden,
        ApiKeyRefusal::NotFound => Stop::NotFound,
        ApiKeyRefusal::Store(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;
    use domain::ids::UserId;
    use domain::time::Moment;

    #[test]
    fn a_secret_is_on_the_page_that_made_it_only() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let row = ApiKeyRow {
                id: ApiKeyId::from_bytes([1; 16]),
                user_id: UserId::from_bytes([2; 16]),
                name: "<b>shop</b>".into(),
                scopes: vec!["read".into()],
                secret_hash: [0; 32],
                created_at: Moment::default(),
                revoked_at: None,
            };
            let typed = Pairs::of(&[("scope", "payouts")]);
            let wrong = Wrong {
                name: Some(t.errors.needed),
                scopes: None,
            };
            let shell = Shell::sample(language);
            let mut page = page(shell, Vec::new(), &[row], &typed, wrong);
            let text = page.render().unwrap();
            assert!(text.contains("/revogar") && !text.contains("<b>shop"));
            assert!(text.contains("value=\"payouts\" checked") && !text.contains("pwk_"));
            page.secret = Some("pwk_secret".into());
            assert!(page.render().unwrap().contains("pwk_secret"));
        }
    }
}
