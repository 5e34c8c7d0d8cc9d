//! `/console/webhooks`: where accounts have their events sent, what became of each, and having one
//! delivered again.

use app::ports::outbound::DeliveryFilter;
use app::webhooks::{DeliveryView, EndpointView, Try, WebhookRefusal};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::ids::{DeliveryId, WebhookEndpointId};
use domain::time::Moment;
use domain::webhook::{DeliveryState, DisabledReason, EndpointState};

use super::rows::short;
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
#[template(path = "console/hooks.html")]
struct ListPage {
    shell: Shell,
    t: &'static Texts,
    states: Vec<Choice>,
    /// What an empty list means.
    empty: &'static str,
    endpoints: Vec<EndpointLine>,
    more: Option<String>,
}

#[derive(Template)]
#[template(path = "console/hook.html")]
struct EndpointPage {
    shell: Shell,
    t: &'static Texts,
    endpoint: EndpointLine,
    states: Vec<Choice>,
    /// The filter, to come back to it.
    chosen: String,
    deliveries: Vec<DeliveryLine>,
    more: Option<String>,
}

struct EndpointLine {
    id: String,
    address: String,
    user: String,
    user_short: String,
    /// In a few words, and by name.
    events: String,
    event_types: Vec<String>,
    state: Tag,
    is_enabled: bool,
    /// Why it is not.
    why: Option<&'static str>,
    disabled_at: Option<String>,
    failures: String,
    is_failing: bool,
    rests_until: Option<String>,
    created: String,
    last: Option<(Tag, String)>,
}

struct DeliveryLine {
    id: String,
    when: String,
    machine_time: String,
    event: String,
    kind: String,
    outcome: Tag,
    /// Oldest first: when, what was answered, how long it took.
    tries: Vec<[String; 3]>,
    answer: String,
    latency: String,
    next: String,
    replays: u32,
    /// `None` while the endpoint is switched off.
    replay: Option<&'static str>,
}

fn endpoint_line(view: &EndpointView, shell: &Shell, now: Moment) -> EndpointLine {
    let h = &shell.t.hooks;
    let (state, why) = state(view.state, shell.t);
    let user = view.user_id.to_string();
    let count = view.health.failures.to_string();
    let exact = |at: Moment| format::exact(at, shell.language);
    EndpointLine {
        id: view.id.to_string(),
        address: view.address.clone(),
        user_short: short(&user),
        user,
        events: match &view.event_types {
            None => h.all_events.to_owned(),
            Some(types) if types.len() == 1 => types[0].clone(),
            Some(types) => fill(h.some_events, &[&types.len().to_string()]),
        },
        event_types: view.event_types.clone().unwrap_or_default(),
        is_enabled: view.state.is_enabled(),
        state,
        why,
        disabled_at: view.disabled_at.map(exact),
        failures: match view.health.failing_since {
            Some(at) if view.health.failures > 0 => fill(h.failing_since, &[&count, &exact(at)]),
            _ => count,
        },
        is_failing: view.health.failures > 0,
        rests_until: view.health.rest_until.filter(|at| *at > now).map(exact),
        created: exact(view.created_at),
        last: view
            .last
            .as_ref()
            .map(|last| (outcome(last, shell.t), exact(last_moment(last)))),
    }
}

fn state(state: EndpointState, t: &'static Texts) -> (Tag, Option<&'static str>) {
    let h = &t.hooks;
    let tag = |text, tone| Tag { text, tone };
    match state {
        EndpointState::Enabled => (tag(h.enabled, Tone::Good), None),
        EndpointState::Disabled(DisabledReason::Owner) => {
            (tag(h.off, Tone::Quiet), Some(h.off_owner))
        }
        EndpointState::Disabled(DisabledReason::Failing) => {
            (tag(h.off, Tone::Bad), Some(h.off_failing))
        }
        EndpointState::Disabled(DisabledReason::Gone) => (tag(h.off, Tone::Bad), Some(h.off_gone)),
        EndpointState::Deleted => (tag(h.off, Tone::Quiet), None),
    }
}

/// When the latest thing happened to it.
fn last_moment(view: &DeliveryView) -> Moment {
    let tried = view.tries.last().map(Try::began_at);
    tried.unwrap_or(view.row.created_at)
}

fn outcome(view: &DeliveryView, t: &'static Texts) -> Tag {
    let h = &t.hooks;
    let (text, tone) = match view.row.state {
        DeliveryState::Pending if view.row.tries > 0 => (h.retrying, Tone::Doubt),
        DeliveryState::Pending => (h.pending, Tone::Busy),
        DeliveryState::Delivered => (h.delivered, Tone::Good),
        DeliveryState::Failed => (h.failed, Tone::Bad),
    };
    Tag { text, tone }
}

fn delivery_line(
    view: &DeliveryView,
    is_enabled: bool,
    shell: &Shell,
    now: Moment,
) -> DeliveryLine {
    let (row, h) = (&view.row, &shell.t.hooks);
    let latest = view.tries.last();
    let tries = view.tries.iter().map(|tried| {
        [
            format::exact(tried.began_at(), shell.language),
            answer(tried, shell.t),
            latency(tried),
        ]
    });
    DeliveryLine {
        id: row.id.to_string(),
        when: format::exact(row.created_at, shell.language),
        machine_time: format::machine(row.created_at),
        event: short(&row.event_id.to_string()),
        kind: row.kind.clone(),
        outcome: outcome(view, shell.t),
        tries: tries.collect(),
        answer: latest.map_or_else(|| "—".to_owned(), |tried| answer(tried, shell.t)),
        latency: latest.map_or_else(|| "—".to_owned(), latency),
        next: match view.next_try_at {
            None => "—".to_owned(),
            Some(at) if at > now => fill(shell.t.console.runs_in, &[&words::age(at.since(now))]),
            Some(_) => shell.t.console.runs_now.to_owned(),
        },
        replays: row.replays,
        replay: is_enabled.then_some(match row.state {
            DeliveryState::Pending => h.try_now,
            DeliveryState::Delivered | DeliveryState::Failed => h.replay,
        }),
    }
}

fn answer(tried: &Try, t: &Texts) -> String {
    match (tried.status, &tried.error) {
        (Some(status), _) => status.to_string(),
        (None, error) => fill(t.hooks.no_answer, &[error.as_deref().unwrap_or("?")]),
    }
}

fn latency(tried: &Try) -> String {
    format!("{} ms", tried.duration_ms)
}

pub async fn list(
    State(web): State<Web>,
    operator: Operator,
    Query(query): Query,
) -> Result<Response, Stop> {
    let before = WebhookEndpointId::parse(query.get("depois")).ok();
    let only_disabled = query.get("estado") == "off";
    let found = web.app.all_endpoints(before, only_disabled, ROWS).await?;
    let shell = operator.shell(&web, Place::Hooks);
    Ok(shell::ok(&list_page(shell, &query, &found, web.app.now())))
}

fn list_page(shell: Shell, query: &Pairs, found: &[EndpointView], now: Moment) -> ListPage {
    let (t, h) = (shell.t, &shell.t.hooks);
    let states = [("off", h.only_disabled.to_owned())];
    let last = found.last().map(|view| view.id.to_string());
    ListPage {
        states: choices(query, "estado", t.console.any, &states),
        empty: match query.get("estado") {
            "off" => h.none_disabled,
            _ => h.none,
        },
        endpoints: found
            .iter()
            .map(|view| endpoint_line(view, &shell, now))
            .collect(),
        more: next("/console/webhooks", query, &["estado"], found.len(), last),
        t,
        shell,
    }
}

fn endpoint_id(text: &str) -> Result<WebhookEndpointId, Stop> {
    WebhookEndpointId::parse(text).map_err(|_| Stop::NotFound)
}

impl From<WebhookRefusal> for Stop {
    fn from(refusal: WebhookRefusal) -> Stop {
        match refusal {
            WebhookRefusal::Store(error) => error.into(),
            WebhookRefusal::NotFound
            | WebhookRefusal::Url(_)
            | WebhookRefusal::TooMany { .. }
            | WebhookRefusal::Disabled => Stop::NotFound,
        }
    }
}

pub async fn show(
    State(web): State<Web>,
    operator: Operator,
    Path(text): Path<String>,
    Query(query): Query,
) -> Result<Response, Stop> {
    let id = endpoint_id(&text)?;
    let filter = DeliveryFilter {
        endpoint_id: id,
        state: DeliveryState::parse(query.get("estado")),
        before: DeliveryId::parse(query.get("depois")).ok(),
        limit: ROWS,
    };
    let endpoint = web.app.any_endpoint(id).await?;
    let found = web.app.any_deliveries(filter).await?;
    let shell = operator.shell(&web, Place::Hooks);
    let seen = (&endpoint, found.as_slice());
    Ok(shell::ok(&endpoint_page(
        shell,
        &query,
        seen,
        web.app.now(),
    )))
}

fn endpoint_page(
    shell: Shell,
    query: &Pairs,
    (endpoint, found): (&EndpointView, &[DeliveryView]),
    now: Moment,
) -> EndpointPage {
    let (t, h) = (shell.t, &shell.t.hooks);
    let states = [
        ("pending", h.pending.to_owned()),
        ("delivered", h.delivered.to_owned()),
        ("failed", h.failed.to_owned()),
    ];
    let is_enabled = endpoint.state.is_enabled();
    let last = found.last().map(|view| view.row.id.to_string());
    let path = format!("/console/webhooks/{}", endpoint.id);
    EndpointPage {
        states: choices(query, "estado", t.console.any, &states),
        chosen: query.get("estado").to_owned(),
        deliveries: found
            .iter()
            .map(|view| delivery_line(view, is_enabled, &shell, now))
            .collect(),
        more: next(&path, query, &["estado"], found.len(), last),
        endpoint: endpoint_line(endpoint, &shell, now),
        t,
        shell,
    }
}

pub async fn replay(
    State(web): State<Web>,
    operator: Operator,
    Path((endpoint, delivery)): Path<(String, String)>,
    Form(form): Form,
) -> Result<Response, Stop> {
    let id = endpoint_id(&endpoint)?;
    let delivery = DeliveryId::parse(&delivery).map_err(|_| Stop::NotFound)?;
    let seen = form.get("vezes").parse().map_err(|_| Stop::NotFound)?;
    let caller = &operator.0.caller;
    let asked = web.app.replay_any_delivery(caller, (id, delivery), seen);
    let notice = match asked.await {
        Ok(_) => Notice::Replayed,
        Err(WebhookRefusal::Disabled) => Notice::EndpointOff,
        Err(refusal) => return Err(refusal.into()),
    };
    let filter = DeliveryState::parse(form.get("estado"));
    let filter = filter.map_or_else(String::new, |state| format!("?estado={}", state.as_str()));
    let back = Redirect::to(&format!("/console/webhooks/{id}{filter}"));
    Ok(notice.on(back.into_response(), web.secure))
}

pub async fn switch_on(
    State(web): State<Web>,
    operator: Operator,
    Path(text): Path<String>,
    _: Form,
) -> Result<Response, Stop> {
    switch(&web, &operator, &text, true).await
}

pub async fn switch_off(
    State(web): State<Web>,
    operator: Operator,
    Path(text): Path<String>,
    _: Form,
) -> Result<Response, Stop> {
    switch(&web, &operator, &text, false).await
}

async fn switch(
    web: &Web,
    operator: &Operator,
    text: &str,
    enabled: bool,
) -> Result<Response, Stop> {
    let id = endpoint_id(text)?;
    let caller = &operator.0.caller;
    web.app.switch_endpoint(caller, id, enabled).await?;
    let back = Redirect::to(&format!("/console/webhooks/{id}")).into_response();
    Ok(Notice::EndpointSwitched.on(back, web.secure))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;
    use app::ports::outbound::DeliveryRow;
    use domain::ids::{EventId, UserId};
    use domain::time::Span;
    use domain::webhook::EndpointHealth;

    fn delivery(state: DeliveryState, tries: u32) -> DeliveryView {
        let is_pending = state == DeliveryState::Pending;
        DeliveryView {
            row: DeliveryRow {
                id: DeliveryId::from_bytes([4; 16]),
                endpoint_id: WebhookEndpointId::from_bytes([3; 16]),
                event_id: EventId::from_bytes([5; 16]),
                position: 9,
                kind: "charge.paid".into(),
                state,
                due_at: is_pending.then_some(Moment::default()),
                tries,
                replays: 2,
                log: "[]".into(),
                created_at: Moment::default(),
                ended_at: None,
            },
            tries: Vec::new(),
            next_try_at: is_pending.then(|| Moment::default().plus(Span::from_seconds(7_200))),
        }
    }

    fn endpoint(state: EndpointState) -> EndpointView {
        EndpointView {
            id: WebhookEndpointId::from_bytes([3; 16]),
            user_id: UserId::from_bytes([1; 16]),
            address: "https://shop.example/<b>?…".into(),
            event_types: Some(vec!["charge.paid".into(), "payout.settled".into()]),
            state,
            disabled_at: None,
            health: EndpointHealth {
                failures: 3,
                failing_since: Some(Moment::default()),
                rest_until: Some(Moment::default().plus(Span::from_seconds(60))),
            },
            created_at: Moment::default(),
            last: Some(delivery(DeliveryState::Failed, 11)),
        }
    }

    #[test]
    fn a_list_tells_how_each_endpoint_does() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let query = Pairs::of(&[("estado", "off")]);
            let off = endpoint(EndpointState::Disabled(DisabledReason::Failing));
            let shell = Shell::sample(language);
            let text = list_page(shell, &query, &vec![off; 50], Moment::default())
                .render()
                .unwrap();
            assert!(!text.contains("<b>?") && text.contains("depois=whe_03"));
            assert!(text.contains(t.hooks.failed) && text.contains(t.hooks.off));
            let empty = list_page(Shell::sample(language), &query, &[], Moment::default());
            assert!(empty.render().unwrap().contains(t.hooks.none_disabled));
        }
    }

    #[test]
    fn a_delivery_can_be_asked_for_again_while_its_endpoint_is_on() {
        let deliveries = [
            delivery(DeliveryState::Pending, 1),
            delivery(DeliveryState::Delivered, 0),
        ];
        let shown = |language, state| {
            let endpoint = endpoint(state);
            let seen = (&endpoint, deliveries.as_slice());
            let query = Pairs::of(&[("estado", "\"><b>")]);
            let shell = Shell::sample(language);
            endpoint_page(shell, &query, seen, Moment::default())
                .render()
                .unwrap()
        };
        for language in [Language::Portuguese, Language::English] {
            let h = &language.texts().hooks;
            let on = shown(language, EndpointState::Enabled);
            assert!(on.contains("/repetir\"") && on.contains("name=\"vezes\" value=\"2\""));
            assert!(on.contains("/desligar\"") && !on.contains("\"><b>"));
            for told in [h.retrying, h.try_now, h.replay, "2 h", "payout.settled"] {
                assert!(on.contains(told), "{told}");
            }
            let off = shown(language, EndpointState::Disabled(DisabledReason::Owner));
            assert!(!off.contains("/repetir\"") && off.contains("/ligar\""));
            assert!(off.contains(h.off_owner));
        }
    }
}
