//! `/console/trabalhos`: durable work, newest first; dead work can be taken up again.

use app::commands::RetryJobRefusal;
use app::ports::store::{JobRow, JobState};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::ids::JobId;
use domain::time::Moment;

use super::words::{self, Tag};
use super::{Choice, Operator, ROWS, choices, next};
use crate::Web;
use crate::form::{Form, Pairs, Query};
use crate::format;
use crate::notice::Notice;
use crate::parts::words::Tone;
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::{Texts, fill};

#[derive(Template)]
#[template(path = "console/jobs.html")]
struct JobsPage {
    shell: Shell,
    t: &'static Texts,
    states: Vec<Choice>,
    jobs: Vec<JobLine>,
    more: Option<String>,
}

pub struct JobLine {
    pub id: String,
    pub kind: String,
    pub state: Tag,
    /// When it runs, while it waits.
    pub runs: String,
    pub tries: u32,
    pub error: Option<String>,
    pub transaction: Option<String>,
    pub when: String,
    pub machine_time: String,
    pub is_dead: bool,
}

pub fn line(row: &JobRow, shell: &Shell, now: Moment) -> JobLine {
    let c = &shell.t.console;
    let (text, tone) = match row.state {
        JobState::Ready => (c.job_ready, Tone::Busy),
        JobState::Done => (c.job_done, Tone::Good),
        JobState::Dead => (c.job_dead, Tone::Bad),
    };
    let runs = match row.visible_at {
        Some(at) if at > now => fill(c.runs_in, &[&words::age(at.since(now))]),
        Some(_) => c.runs_now.to_owned(),
        None => String::new(),
    };
    JobLine {
        id: row.id.to_string(),
        kind: row.kind.clone(),
        state: Tag { text, tone },
        runs,
        tries: row.tries,
        error: row.last_error.clone(),
        transaction: row.transaction_id.map(|id| id.to_string()),
        when: format::exact(row.created_at, shell.language),
        machine_time: format::machine(row.created_at),
        is_dead: row.state == JobState::Dead,
    }
}

fn state(text: &str) -> Option<JobState> {
    match text {
        "ready" => Some(JobState::Ready),
        "done" => Some(JobState::Done),
        "dead" => Some(JobState::Dead),
        _ => None,
    }
}

pub async fn show(
    State(web): State<Web>,
    operator: Operator,
    Query(query): Query,
) -> Result<Response, Stop> {
    let position = web.app.last_position().await?;
    let before = JobId::parse(query.get("depois")).ok();
    let wanted = state(query.get("estado"));
    let found = web.app.jobs_before(wanted, before, ROWS).await?;
    let mut shell = operator.shell(&web, Place::Jobs);
    if before.is_none() {
        shell = shell.live(position);
    }
    Ok(shell::ok(&page(shell, &query, &found, web.app.now())))
}

fn page(shell: Shell, query: &Pairs, found: &[JobRow], now: Moment) -> JobsPage {
    let c = &shell.t.console;
    let states = [
        ("ready", c.job_ready.to_owned()),
        ("dead", c.job_dead.to_owned()),
        ("done", c.job_done.to_owned()),
    ];
    let last = found.last().map(|row| row.id.to_string());
    JobsPage {
        states: choices(query, "estado", c.any, &states),
        jobs: found.iter().map(|row| line(row, &shell, now)).collect(),
        more: next("/console/trabalhos", query, &["estado"], found.len(), last),
        t: shell.t,
        shell,
    }
}

pub async fn retry(
    State(web): State<Web>,
    operator: Operator,
    Path(text): Path<String>,
    _: Form,
) -> Result<Response, Stop> {
    let id = JobId::parse(&text).map_err(|_| Stop::NotFound)?;
    let back = Redirect::to("/console/trabalhos?estado=dead").into_response();
    let notice = match web.app.retry_job(&operator.0.caller, id).await {
        Ok(()) => Notice::JobRetried,
        Err(RetryJobRefusal::NotDead) => Notice::JobNotDead,
        Err(RetryJobRefusal::Store(error)) => return Err(error.into()),
    };
    Ok(notice.on(back, web.secure))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;

    #[test]
    fn dead_work_can_be_taken_up_again() {
        let row = |state| JobRow {
            id: JobId::from_bytes([1; 16]),
            kind: "inbound.v1".into(),
            transaction_id: None,
            payload: "{\"secret\":1}".into(),
            visible_at: None,
            state,
            tries: 5,
            token: 1,
            last_error: Some("<b>no</b>".into()),
            created_at: Moment::default(),
        };
        for language in [Language::Portuguese, Language::English] {
            let shown = |state| {
                let query = Pairs::of(&[("estado", "dead")]);
                page(
                    Shell::sample(language),
                    &query,
                    &[row(state)],
                    Moment::default(),
                )
                .render()
                .unwrap()
            };
            let text = shown(JobState::Dead);
            assert!(text.contains("/retomar\"") && !text.contains("<b>no"));
            assert!(!text.contains("secret"), "payloads are not shown");
            assert!(!shown(JobState::Done).contains("/retomar\""));
        }
    }
}
