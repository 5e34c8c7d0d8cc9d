//! Scenarios: a gateway is broken on purpose, the demo customer pays, and every step is told until
//! the end, which is compared with what the central bank settled.
//!
//! A scenario runs in the background, one at a time; its page follows it. It heals both gateways
//! before and after.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use app::commands::{Caller, PayoutDestination, RequestPayout, Scope};
use app::context::App;
use app::views::{AttemptView, TransactionView};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::gateway::{Gateway, Operation};
use domain::ids::TransactionId;
use domain::money::Money;
use domain::pix::key::{PixKey, PixKeyKind};
use domain::status::Status;
use domain::time::{Moment, Span};

use super::{ArmedFault, Panel, PlayedGateways, heal};
use crate::Web;
use crate::console::words;
use crate::form::{self, Form};
use crate::format;
use crate::notice::Notice;
use crate::pages::detail::gateway_name;
use crate::parts::refusal;
use crate::parts::words as stages;
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::{Texts, fill};
use crate::visitor::Visitor;

/// What is paid, in centavos, and to whom.
const CENTS: i64 = 123;
const PAYEE: &str = "padaria@example.com";
/// How long a scenario is followed, and how often it is looked at.
const LONGEST: Span = Span::from_seconds(120);
const LOOK: Span = Span::from_millis(120);
/// Runs that are remembered.
const KEPT: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// The preferred gateway is down: the other one pays.
    Failover,
    /// The payment is executed and the answer lost: it is not paid twice.
    LostReply,
    /// No gateway works: nothing is paid and the money is back.
    BothIll,
}

impl Scenario {
    fn parse(text: &str) -> Option<Scenario> {
        match text {
            "failover" => Some(Scenario::Failover),
            "lost_reply" => Some(Scenario::LostReply),
            "both_ill" => Some(Scenario::BothIll),
            _ => None,
        }
    }

    fn title(self, t: &Texts) -> &'static str {
        match self {
            Scenario::Failover => t.panel.failover,
            Scenario::LostReply => t.panel.lost,
            Scenario::BothIll => t.panel.both_ill,
        }
    }

    fn means(self, t: &Texts) -> &'static str {
        match self {
            Scenario::Failover => t.panel.failover_means,
            Scenario::LostReply => t.panel.lost_means,
            Scenario::BothIll => t.panel.both_ill_means,
        }
    }

    /// What is broken, where.
    fn faults(self, primary: Gateway) -> Vec<(Gateway, ArmedFault)> {
        let down = ArmedFault::always("down");
        let lost = ArmedFault {
            operation: Some("payout".to_owned()),
            times: Some(1),
            ..ArmedFault::always("drop_reply")
        };
        match self {
            Scenario::Failover => vec![(primary, down)],
            // Whichever gateway gets it: the preferred one may still recover from another scenario.
            Scenario::LostReply => vec![(primary, lost.clone()), (primary.other(), lost)],
            Scenario::BothIll => vec![(primary, down.clone()), (primary.other(), down)],
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Healed,
    Armed(Gateway, String),
    Asked,
    NotAccepted,
    Stage(Box<TransactionView>),
    Attempt(u32, Gateway, String),
    Executed(usize),
    Balance { before: i64, after: i64 },
    StillWaits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Kept,
    Broken,
}

#[derive(Clone, Debug)]
struct Run {
    number: u64,
    scenario: Scenario,
    steps: Vec<(Moment, Said)>,
    transaction: Option<TransactionId>,
    ending: Option<Ending>,
}

/// The runs so far.
#[derive(Default)]
pub struct Scenarios(Mutex<VecDeque<Run>>);

impl Scenarios {
    fn runs(&self) -> MutexGuard<'_, VecDeque<Run>> {
        // A panic while holding the lock leaves a usable value behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the run under way.
    pub fn running(&self) -> Option<u64> {
        let runs = self.runs();
        runs.back()
            .filter(|run| run.ending.is_none())
            .map(|run| run.number)
    }

    /// A new run, unless one is under way.
    fn begin(&self, scenario: Scenario) -> Option<u64> {
        let mut runs = self.runs();
        if runs.back().is_some_and(|run| run.ending.is_none()) {
            return None;
        }
        let number = runs.back().map_or(1, |run| run.number + 1);
        if runs.len() == KEPT {
            runs.pop_front();
        }
        runs.push_back(Run {
            number,
            scenario,
            steps: Vec::new(),
            transaction: None,
            ending: None,
        });
        Some(number)
    }

    fn find(&self, number: u64) -> Option<Run> {
        self.runs().iter().find(|run| run.number == number).cloned()
    }

    fn change(&self, number: u64, change: impl FnOnce(&mut Run)) {
        let mut runs = self.runs();
        if let Some(run) = runs.iter_mut().find(|run| run.number == number) {
            change(run);
        }
    }
}

/// One run at work.
struct Play {
    app: App,
    played: Arc<dyn PlayedGateways>,
    scenarios: Arc<Scenarios>,
    number: u64,
    scenario: Scenario,
    caller: Caller,
    key: String,
}

/// Ends the run as broken when its task ends without a word.
impl Drop for Play {
    fn drop(&mut self) {
        self.scenarios.change(self.number, |run| {
            run.ending.get_or_insert(Ending::Broken);
        });
    }
}

impl Play {
    fn say(&self, said: Said) {
        let at = self.app.now();
        self.scenarios
            .change(self.number, |run| run.steps.push((at, said)));
    }

    async fn run(self) {
        heal(self.played.as_ref()).await;
        self.say(Said::Healed);
        let primary = self.app.settings.primary(Operation::Payout);
        for (gateway, fault) in self.scenario.faults(primary) {
            let mode = fault.mode.clone();
            if self.played.arm(gateway, fault).await {
                self.say(Said::Armed(gateway, mode));
            }
        }
        let kept = self.pay().await;
        heal(self.played.as_ref()).await;
        self.say(Said::Healed);
        let ending = match kept {
            Some(true) => Ending::Kept,
            Some(false) | None => Ending::Broken,
        };
        self.scenarios
            .change(self.number, |run| run.ending = Some(ending));
    }

    /// Whether the promise was kept; `None` when it could not be put to the test.
    async fn pay(&self) -> Option<bool> {
        let before = self.owned().await?;
        let key = PixKey::parse_as(PixKeyKind::Email, PAYEE).ok()?;
        let request = RequestPayout {
            common: refusal::common(self.key.clone(), None),
            amount: Money::from_cents(CENTS).ok(),
            destination: PayoutDestination::Key {
                key,
                payee_tax_id: None,
            },
        };
        let Ok(accepted) = self.app.request_payout(&self.caller, request).await else {
            self.say(Said::NotAccepted);
            return None;
        };
        let id = accepted.view.id;
        self.scenarios
            .change(self.number, |run| run.transaction = Some(id));
        self.say(Said::Asked);
        let (view, attempts) = self.follow(id).await?;
        let keys: Vec<&str> = attempts.iter().map(|it| it.attempt_key.as_str()).collect();
        let ledger = self.played.ledger().await?;
        let executed = ledger
            .iter()
            .filter(|it| it.kind == "sent" && keys.contains(&it.reference.as_str()))
            .count();
        self.say(Said::Executed(executed));
        let after = self.owned().await?;
        self.say(Said::Balance { before, after });
        Some(match (self.scenario, view.status) {
            (Scenario::Failover | Scenario::LostReply, Status::Success) => {
                executed == 1 && after == before - CENTS
            }
            (Scenario::Failover | Scenario::LostReply, _) => false,
            (Scenario::BothIll, Status::Failed) => executed == 0 && after == before,
            // It waits with its money held: nothing is lost, nothing paid.
            (Scenario::BothIll, Status::Pending) => executed == 0,
            (Scenario::BothIll, Status::Success) => false,
        })
    }

    /// What the customer can spend, in centavos.
    async fn owned(&self) -> Option<i64> {
        let wallets = self.app.wallets(&self.caller).await.ok()?;
        wallets.first().map(|wallet| wallet.available.cents())
    }

    /// Tells what changes until the payment has ended.
    async fn follow(&self, id: TransactionId) -> Option<(TransactionView, Vec<AttemptView>)> {
        let limit = self.app.now().plus(LONGEST);
        let mut told = String::new();
        let mut outcomes: Vec<String> = Vec::new();
        loop {
            let view = self.app.transaction(&self.caller, id).await.ok()?;
            let attempts = self.app.attempts(&self.caller, id).await.ok()?;
            for (index, attempt) in attempts.iter().enumerate() {
                let outcome = words::standing(attempt).to_owned();
                if outcomes.get(index) != Some(&outcome) {
                    outcomes.truncate(index);
                    outcomes.push(outcome.clone());
                    self.say(Said::Attempt(attempt.number, attempt.gateway, outcome));
                }
            }
            if view.stage != told {
                told.clone_from(&view.stage);
                self.say(Said::Stage(Box::new(view.clone())));
            }
            if view.status != Status::Pending {
                return Some((view, attempts));
            }
            if self.app.now() >= limit {
                self.say(Said::StillWaits);
                return Some((view, attempts));
            }
            self.app.runtime.sleep(LOOK).await;
        }
    }
}

pub async fn start(
    State(web): State<Web>,
    Panel(played): Panel,
    Form(form): Form,
) -> Result<Response, Stop> {
    let scenario = Scenario::parse(form.get("qual")).ok_or(Stop::NotFound)?;
    let demo = web.demo.as_deref().ok_or(Stop::NotFound)?;
    let customer = demo.customers.first().ok_or(Stop::NotFound)?;
    let user = web
        .app
        .find_user(&customer.email)
        .await?
        .ok_or(Stop::NotFound)?;
    let Some(number) = web.scenarios.begin(scenario) else {
        let there = Redirect::to("/sandbox").into_response();
        return Ok(Notice::ScenarioBusy.on(there, web.secure));
    };
    let play = Play {
        app: web.app.clone(),
        played,
        scenarios: web.scenarios.clone(),
        number,
        scenario,
        caller: Caller {
            user_id: user.id,
            role: user.role,
            scopes: vec![Scope::Read, Scope::Payouts],
            session_id: None,
        },
        key: form::new_key(web.app.runtime.as_ref()),
    };
    web.app.runtime.spawn("scenario", Box::pin(play.run()));
    let target = format!("/sandbox/painel/roteiros/{number}");
    Ok(Redirect::to(&target).into_response())
}

#[derive(Template)]
#[template(path = "panel/scenario.html")]
struct ScenarioPage {
    shell: Shell,
    t: &'static Texts,
    title: &'static str,
    means: &'static str,
    steps: Vec<StepLine>,
    /// The end in words and how it is to be seen.
    ending: Option<words::Tag>,
    transaction: Option<String>,
}

struct StepLine {
    text: String,
    at: String,
    machine_time: String,
}

pub async fn show(
    State(web): State<Web>,
    visitor: Visitor,
    _: Panel,
    Path(number): Path<String>,
) -> Result<Response, Stop> {
    let number = number.parse().map_err(|_| Stop::NotFound)?;
    let run = web.scenarios.find(number).ok_or(Stop::NotFound)?;
    let mut shell = Shell {
        place: Place::Panel,
        ..Shell::of(&web, &visitor)
    };
    if run.ending.is_none() {
        shell.reload_seconds = Some(2);
    }
    Ok(shell::ok(&page(shell, &run)))
}

fn page(shell: Shell, run: &Run) -> ScenarioPage {
    let t = shell.t;
    let steps = run.steps.iter().map(|(at, said)| StepLine {
        text: in_words(said, t),
        at: format::exact(*at, shell.language),
        machine_time: format::machine(*at),
    });
    let ending = run.ending.map(|ending| match ending {
        Ending::Kept => words::Tag {
            text: kept(run.scenario, t),
            tone: stages::Tone::Good,
        },
        Ending::Broken => words::Tag {
            text: t.panel.not_kept,
            tone: stages::Tone::Bad,
        },
    });
    ScenarioPage {
        title: run.scenario.title(t),
        means: run.scenario.means(t),
        steps: steps.collect(),
        ending,
        transaction: run.transaction.map(|id| id.to_string()),
        t,
        shell,
    }
}

fn kept(scenario: Scenario, t: &Texts) -> &'static str {
    match scenario {
        Scenario::Failover => t.panel.failover_kept,
        Scenario::LostReply => t.panel.lost_kept,
        Scenario::BothIll => t.panel.both_ill_kept,
    }
}

fn in_words(said: &Said, t: &Texts) -> String {
    let p = &t.panel;
    match said {
        Said::Healed => p.said_healed.to_owned(),
        Said::Armed(gateway, mode) => fill(p.said_armed, &[gateway_name(*gateway), mode]),
        Said::Asked => fill(p.said_asked, &[&format::signed(CENTS), PAYEE]),
        Said::NotAccepted => p.said_not_accepted.to_owned(),
        Said::Stage(view) => {
            let stage = stages::stage(view, t);
            fill(p.said_stage, &[stage.label, &view.stage])
        }
        Said::Attempt(number, gateway, outcome) => fill(
            p.said_attempt,
            &[
                &number.to_string(),
                gateway_name(*gateway),
                words::outcome(outcome, t).text,
            ],
        ),
        Said::Executed(count) => fill(p.said_executed, &[&count.to_string()]),
        Said::Balance { before, after } => fill(
            p.said_balance,
            &[&format::signed(*before), &format::signed(*after)],
        ),
        Said::StillWaits => p.said_waits.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::detail::tests::payout;
    use crate::texts::Language;

    #[test]
    fn one_scenario_runs_at_a_time_and_is_told_to_its_end() {
        let scenarios = Scenarios::default();
        assert_eq!(scenarios.begin(Scenario::Failover), Some(1));
        assert_eq!(scenarios.begin(Scenario::BothIll), None);
        assert_eq!(scenarios.running(), Some(1));
        let view = payout(Status::Success, "settled");
        for said in [
            Said::Healed,
            Said::Armed(Gateway::Efi, "<b>down".into()),
            Said::Asked,
            Said::NotAccepted,
            Said::Attempt(1, Gateway::Efi, "not_done".into()),
            Said::Stage(Box::new(view)),
            Said::Executed(1),
            Said::Balance {
                before: 1_000,
                after: 877,
            },
            Said::StillWaits,
        ] {
            scenarios.change(1, |run| run.steps.push((Moment::default(), said)));
        }
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let run = scenarios.find(1).unwrap();
            let text = page(Shell::sample(language), &run).render().unwrap();
            assert!(!text.contains("<b>down") && text.contains("8,77"), "{text}");
            assert!(text.contains("data-every"), "it is followed");
            let ended = Run {
                ending: Some(Ending::Kept),
                transaction: Some(TransactionId::from_bytes([7; 16])),
                ..run
            };
            let text = page(Shell::sample(language), &ended).render().unwrap();
            assert!(text.contains(t.panel.failover_kept));
            assert!(text.contains("/console/transacoes/txn_07"));
            assert!(!text.contains("data-every"), "it has ended");
        }
        scenarios.change(1, |run| run.ending = Some(Ending::Kept));
        assert_eq!(scenarios.begin(Scenario::BothIll), Some(2));
        assert_eq!(scenarios.find(3).map(|run| run.number), None);
    }

    #[test]
    fn each_scenario_breaks_what_it_says() {
        let modes = |scenario: Scenario| -> Vec<(Gateway, String)> {
            let faults = scenario.faults(Gateway::Efi).into_iter();
            faults
                .map(|(gateway, fault)| (gateway, fault.mode))
                .collect()
        };
        assert_eq!(
            modes(Scenario::Failover),
            [(Gateway::Efi, "down".to_owned())]
        );
        assert_eq!(modes(Scenario::BothIll).len(), 2);
        assert!(
            modes(Scenario::LostReply)
                .iter()
                .all(|(_, mode)| mode == "drop_reply")
        );
        assert_eq!(Scenario::parse("x"), None);
    }
}
