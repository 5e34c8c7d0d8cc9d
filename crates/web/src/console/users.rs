//! `/console/contas`: the people: listed, found by id, e-mail, CPF or CNPJ, blocked and let in.

use app::commands::BlockRefusal;
use app::ports::store::{AuditFilter, UserRole, UserRow, WalletRow};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::ids::UserId;

use super::audit::{self, AuditLine};
use super::{Operator, ROWS, next};
use crate::Web;
use crate::form::{Form, Pairs, Query};
use crate::format;
use crate::notice::Notice;
use crate::parts::words::Tone;
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::Texts;

use super::words::Tag;

#[derive(Template)]
#[template(path = "console/users.html")]
struct UsersPage {
    shell: Shell,
    t: &'static Texts,
    search: String,
    is_missing: bool,
    users: Vec<UserLine>,
    more: Option<String>,
}

#[derive(Template)]
#[template(path = "console/user.html")]
struct UserPage {
    shell: Shell,
    t: &'static Texts,
    user: UserLine,
    wallets: Vec<WalletLine>,
    trail: Vec<AuditLine>,
    /// The operator's own account cannot be blocked.
    is_own: bool,
}

struct UserLine {
    id: String,
    name: String,
    email: String,
    role: &'static str,
    when: String,
    machine_time: String,
    state: Tag,
    is_blocked: bool,
}

struct WalletLine {
    id: String,
    available: String,
    held: String,
    blocked: String,
}

fn line(row: &UserRow, shell: &Shell) -> UserLine {
    let c = &shell.t.console;
    UserLine {
        id: row.id.to_string(),
        name: row.name.clone(),
        email: row.email.clone(),
        role: match row.role {
            UserRole::Customer => c.role_customer,
            UserRole::Operator => c.role_operator,
        },
        when: format::moment(row.created_at, shell.language),
        machine_time: format::machine(row.created_at),
        state: match row.blocked_at {
            None => Tag {
                text: c.account_open,
                tone: Tone::Good,
            },
            Some(_) => Tag {
                text: c.account_blocked,
                tone: Tone::Bad,
            },
        },
        is_blocked: row.blocked_at.is_some(),
    }
}

pub async fn list(
    State(web): State<Web>,
    operator: Operator,
    Query(query): Query,
) -> Result<Response, Stop> {
    let search = query.get("busca");
    let found = match search.is_empty() {
        true => {
            let before = UserId::parse(query.get("depois")).ok();
            web.app.users(before, ROWS).await?
        }
        false => web.app.find_user(search).await?.into_iter().collect(),
    };
    let shell = operator.shell(&web, Place::Users);
    Ok(shell::ok(&page(shell, &query, &found)))
}

fn page(shell: Shell, query: &Pairs, found: &[UserRow]) -> UsersPage {
    let last = found.last().map(|row| row.id.to_string());
    UsersPage {
        search: query.get("busca").to_owned(),
        is_missing: found.is_empty(),
        users: found.iter().map(|row| line(row, &shell)).collect(),
        more: next("/console/contas", query, &[], found.len(), last),
        t: shell.t,
        shell,
    }
}

pub async fn show(
    State(web): State<Web>,
    operator: Operator,
    Path(text): Path<String>,
) -> Result<Response, Stop> {
    let id = UserId::parse(&text).map_err(|_| Stop::NotFound)?;
    let user = web.app.find_user(&id.to_string()).await?;
    let user = user.ok_or(Stop::NotFound)?;
    let filter = AuditFilter {
        subject: Some(id.to_string()),
        limit: ROWS,
        ..AuditFilter::default()
    };
    let trail = web.app.audit_trail(&filter).await?;
    let wallets = web.app.wallets_of_user(id).await?;
    let shell = operator.shell(&web, Place::Users);
    let page = UserPage {
        user: line(&user, &shell),
        wallets: wallets.iter().map(wallet).collect(),
        trail: trail.iter().map(|row| audit::line(row, &shell)).collect(),
        is_own: id == operator.0.caller.user_id,
        t: shell.t,
        shell,
    };
    Ok(shell::ok(&page))
}

fn wallet(row: &WalletRow) -> WalletLine {
    WalletLine {
        id: row.id.to_string(),
        available: format::reais(row.available),
        held: format::reais(row.held),
        blocked: format::reais(row.blocked),
    }
}

pub async fn block(
    State(web): State<Web>,
    operator: Operator,
    Path(text): Path<String>,
    _: Form,
) -> Result<Response, Stop> {
    let id = UserId::parse(&text).map_err(|_| Stop::NotFound)?;
    let done = web.app.block_user(&operator.0.caller, id).await;
    told(&web, id, done, Notice::UserBlocked)
}

pub async fn unblock(
    State(web): State<Web>,
    operator: Operator,
    Path(text): Path<String>,
    _: Form,
) -> Result<Response, Stop> {
    let id = UserId::parse(&text).map_err(|_| Stop::NotFound)?;
    let done = web.app.unblock_user(&operator.0.caller, id).await;
    told(&web, id, done, Notice::UserUnblocked)
}

fn told(
    web: &Web,
    id: UserId,
    done: Result<UserRow, BlockRefusal>,
    notice: Notice,
) -> Result<Response, Stop> {
    let notice = match done {
        Ok(_) => notice,
        Err(BlockRefusal::OwnAccount) => Notice::OwnAccount,
        Err(BlockRefusal::NotFound) => return Err(Stop::NotFound),
        Err(BlockRefusal::Store(error)) => return Err(error.into()),
    };
    let back = Redirect::to(&format!("/console/contas/{id}")).into_response();
    Ok(notice.on(back, web.secure))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;
    use domain::time::Moment;

    fn user(blocked_at: Option<Moment>) -> UserRow {
        UserRow {
            id: UserId::from_bytes([1; 16]),
            name: "<b>Ana</b>".into(),
            email: "ana@example.com".into(),
            tax_id: Some("52998224725".into()),
            password_hash: "$argon2id$".into(),
            role: UserRole::Customer,
            created_at: Moment::default(),
            blocked_at,
        }
    }

    #[test]
    fn people_are_listed_without_documents_and_can_be_blocked() {
        for language in [Language::Portuguese, Language::English] {
            let query = Pairs::default();
            let text = page(Shell::sample(language), &query, &[user(None)])
                .render()
                .unwrap();
            assert!(!text.contains("<b>Ana") && !text.contains("52998224725"));
            assert!(!text.contains("argon2id") && text.contains("/console/contas/usr_01"));
            let shown = |blocked_at, is_own| {
                let shell = Shell::sample(language);
                let page = UserPage {
                    user: line(&user(blocked_at), &shell),
                    wallets: Vec::new(),
                    trail: Vec::new(),
                    is_own,
                    t: shell.t,
                    shell,
                };
                page.render().unwrap()
            };
            assert!(shown(None, false).contains("/bloquear\""));
            assert!(!shown(None, true).contains("/bloquear\""));
            assert!(shown(Some(Moment::default()), false).contains("/desbloquear\""));
        }
    }
}
