//! `/console/despacho`: whether payments leave, and letting them leave again after a restore: the
//! books are compared with the gateways, and what bars the way is shown to be accepted by its name.

use app::commands::{ResumeDispatch, SignInRefusal};
use app::dispatch_epoch::Dispatch;
use app::reconcile::resume::{Obstacle, ResumeRefusal};
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use domain::time::Moment;

use super::{Operator, reconciliations};
use crate::Web;
use crate::form::{Form, Pairs};
use crate::format;
use crate::notice::Notice;
use crate::parts::field::{Field, Input};
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::Texts;

const LONGEST_PASSWORD: usize = 200;
const MOST_ACCEPTED: usize = 1_000;

#[derive(Template)]
#[template(path = "console/dispatch.html")]
struct DispatchPage {
    shell: Shell,
    t: &'static Texts,
    is_stopped: bool,
    stored: Option<String>,
    configured: Option<String>,
    wrong: Option<&'static str>,
    obstacles: Vec<ObstacleLine>,
    since: Field,
    password: Field,
    command: String,
}

struct ObstacleLine {
    name: String,
    what: &'static str,
    detail: String,
    is_accepted: bool,
}

/// Both epochs and what follows.
struct Standing {
    stored: Option<String>,
    configured: Option<String>,
    dispatch: Dispatch,
}

impl Standing {
    async fn read(web: &Web) -> Result<Standing, Stop> {
        let stored = web.app.stored_epoch().await?;
        let configured = web.app.settings.dispatch_epoch.clone();
        Ok(Standing {
            dispatch: Dispatch::of(stored.clone(), configured.as_deref()),
            stored,
            configured,
        })
    }
}

/// What stands in the way.
#[derive(Default)]
struct Wrong {
    form: Option<&'static str>,
    since: Option<&'static str>,
    password: Option<&'static str>,
    obstacles: Vec<Obstacle>,
}

pub async fn show(State(web): State<Web>, operator: Operator) -> Result<Response, Stop> {
    let standing = Standing::read(&web).await?;
    let page = page(
        &web,
        &operator,
        standing,
        (&Pairs::default(), Wrong::default()),
    );
    Ok(shell::ok(&page))
}

fn page(
    web: &Web,
    operator: &Operator,
    standing: Standing,
    (typed, wrong): (&Pairs, Wrong),
) -> DispatchPage {
    let shell = operator.shell(web, Place::Gateways);
    let email = &operator.0.me.user.email;
    drawn(shell, email, standing, (typed, wrong))
}

fn drawn(
    shell: Shell,
    email: &str,
    standing: Standing,
    (typed, wrong): (&Pairs, Wrong),
) -> DispatchPage {
    let (t, s) = (shell.t, &shell.t.steering);
    let obstacles = wrong.obstacles.iter().map(|obstacle| ObstacleLine {
        name: obstacle.name.clone(),
        what: match obstacle.kind {
            "not_listed" => s.not_listed,
            kind => reconciliations::kind_by_name(kind, t),
        },
        detail: obstacle.in_words.clone(),
        is_accepted: typed.all("aceito").any(|name| name == obstacle.name),
    });
    DispatchPage {
        is_stopped: standing.dispatch != Dispatch::Running,
        command: command(format::from_field(typed.get("desde")), email),
        stored: standing.stored,
        configured: standing.configured,
        wrong: wrong.form,
        obstacles: obstacles.collect(),
        since: Field::new("desde", s.since, Input::Moment)
            .value(typed.get("desde"))
            .hint(s.since_hint)
            .error(wrong.since),
        password: Field::new("password", s.password, Input::Password)
            .autocomplete("current-password")
            .error(wrong.password),
        t,
        shell,
    }
}

/// The same in a terminal.
fn command(since: Option<Moment>, email: &str) -> String {
    let since = since.map_or_else(|| "2026-01-31T04:00:00Z".to_owned(), format::machine);
    format!("pixwave dispatch resume --since {since} --as {email}")
}

pub async fn resume(
    State(web): State<Web>,
    operator: Operator,
    Form(form): Form,
) -> Result<Response, Stop> {
    let t = operator.0.visitor.language.texts();
    let wrong = match try_resume(&web, &operator, &form, t).await? {
        Ok(notice) => {
            let there = Redirect::to("/console/despacho").into_response();
            return Ok(notice.on(there, web.secure));
        }
        Err(wrong) => wrong,
    };
    let standing = Standing::read(&web).await?;
    Ok(shell::again(&page(
        &web,
        &operator,
        standing,
        (&form, wrong),
    )))
}

/// What to say after it, or what stands in the way.
async fn try_resume(
    web: &Web,
    operator: &Operator,
    form: &Pairs,
    t: &'static Texts,
) -> Result<Result<Notice, Wrong>, Stop> {
    let s = &t.steering;
    let Some(since) = format::from_field(form.get("desde")) else {
        return Ok(Err(Wrong {
            since: Some(s.wrong_since),
            ..Wrong::default()
        }));
    };
    if let Some(password) = wrong_password(web, operator, form.raw("password"), t).await? {
        return Ok(Err(Wrong {
            password: Some(password),
            ..Wrong::default()
        }));
    }
    let accept = form.all("aceito").take(MOST_ACCEPTED).map(str::to_owned);
    let request = ResumeDispatch {
        since,
        accept: accept.collect(),
    };
    let of_form = |text| Wrong {
        form: Some(text),
        ..Wrong::default()
    };
    let wrong = match web.app.resume_dispatch(&operator.0.caller, request).await {
        Ok(_) => return Ok(Ok(Notice::DispatchResumed)),
        Err(ResumeRefusal::NotStopped) => return Ok(Ok(Notice::DispatchRunning)),
        Err(ResumeRefusal::TooLongAgo) => Wrong {
            since: Some(s.wrong_since),
            ..Wrong::default()
        },
        Err(ResumeRefusal::Gateway(trouble)) => {
            tracing::warn!(%trouble, "a gateway could not be asked before dispatching again");
            of_form(s.gateway_silent)
        }
        Err(ResumeRefusal::Differs(obstacles)) => Wrong {
            obstacles,
            ..of_form(s.differences_mean)
        },
        Err(ResumeRefusal::Moved) => of_form(s.epoch_moved),
        Err(ResumeRefusal::Store(error)) => return Err(error.into()),
    };
    Ok(Err(wrong))
}

/// A session alone does not let payments leave.
async fn wrong_password(
    web: &Web,
    operator: &Operator,
    password: &str,
    t: &'static Texts,
) -> Result<Option<&'static str>, Stop> {
    let s = &t.steering;
    if password.is_empty() {
        return Ok(Some(t.errors.needed));
    }
    let counted = web
        .throttle
        .email(&operator.0.me.user.email, web.app.now())
        .await;
    counted.map_err(|seconds| Stop::Wait { seconds })?;
    if password.chars().count() > LONGEST_PASSWORD {
        return Ok(Some(s.wrong_password));
    }
    let confirmed = web.app.confirm_password(&operator.0.caller, password).await;
    match confirmed {
        Ok(()) => Ok(None),
        Err(SignInRefusal::WrongCredentials) => Ok(Some(s.wrong_password)),
        Err(SignInRefusal::TooManyTries) => Ok(Some(s.too_many_tries)),
        Err(SignInRefusal::Store(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;

    fn standing(stored: &str, configured: Option<&str>) -> Standing {
        Standing {
            dispatch: Dispatch::of(Some(stored.to_owned()), configured),
            stored: Some(stored.to_owned()),
            configured: configured.map(str::to_owned),
        }
    }

    #[test]
    fn what_bars_the_way_is_named_and_can_be_ticked() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let obstacle = |name: &str, kind| Obstacle {
                name: name.to_owned(),
                kind,
                in_words: "<b>1000 centavos".to_owned(),
            };
            let wrong = Wrong {
                form: Some(t.steering.differences_mean),
                obstacles: vec![
                    obstacle("efi:sent:k1", "sent_unknown"),
                    obstacle("mercado_pago:sent", "not_listed"),
                ],
                ..Wrong::default()
            };
            let typed = Pairs::of(&[
                ("desde", "2026-11-25T23:30:05"),
                ("password", "hunter2"),
                ("aceito", "efi:sent:k1"),
            ]);
            let stopped = standing("old<i>", Some("new"));
            let shell = Shell::sample(language);
            let text = drawn(shell, "ana@example.com", stopped, (&typed, wrong))
                .render()
                .unwrap();
            for told in [
                "value=\"efi:sent:k1\" checked",
                "value=\"mercado_pago:sent\"",
                "value=\"2026-11-25T23:30:05\"",
                "--since 2026-11-26T02:30:05Z --as ana@example.com",
                t.comparing.sent_unknown,
                t.steering.not_listed,
                t.steering.stopped_means,
            ] {
                assert!(text.contains(told), "{told}: {text}");
            }
            for absent in ["hunter2", "<b>1000", "old<i>"] {
                assert!(!text.contains(absent), "{absent}");
            }
        }
    }

    #[test]
    fn while_payments_leave_there_is_nothing_to_resume() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let typed = Pairs::default();
            let shell = Shell::sample(language);
            let running = standing("one", None);
            let text = drawn(shell, "a@b.example", running, (&typed, Wrong::default()))
                .render()
                .unwrap();
            assert!(text.contains(t.steering.running_means) && text.contains(t.steering.any_epoch));
            assert!(!text.contains("name=\"desde\""));
        }
    }
}
