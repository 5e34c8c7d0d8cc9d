//! A comparison of a period as durable work.
//!
//! It goes window by window, one gateway after the other, and keeps what it found after each, so that
//! whoever takes it over goes on from there. A gateway that does not answer makes the run fail and be
//! tried again; after the last try the comparison is `failed`, with what was found so far.

use domain::gateway::Gateway;
use domain::ids::{AlertId, JobId, ReconciliationId};
use domain::money::Money;
use domain::time::{Moment, Span};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::compare::{Compared, Trouble};
use super::float::FloatBooks;
use super::resume::WINDOW;
use super::{Finding, FindingKind, LONGEST};
use crate::audit::{Audited, SYSTEM, audit};
use crate::commands::{Caller, ReadRefusal, RequestReconciliation};
use crate::context::{App, CommitError, Decision};
use crate::events;
use crate::jobs::{JobError, RECONCILIATION};
use crate::ports::store::*;
use crate::routing::float_tracked_setting;

/// Findings that one comparison keeps; further ones are counted.
const KEPT: usize = 1_000;
/// Windows of one run; the next run goes on.
const WINDOWS: u32 = 16;
/// Money that moves while both figures are read is looked at again.
const BETWEEN_LOOKS: Span = Span::from_seconds(2);
const LOOKS: u32 = 3;

/// Where a comparison stands and what it found, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Report {
    pub gateways: Vec<GatewayReport>,
    pub findings: Vec<Finding>,
    /// Findings beyond those kept.
    pub further: u64,
    /// Why it failed.
    pub trouble: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GatewayReport {
    pub gateway: String,
    /// Up to when it was compared, in microseconds.
    pub until: i64,
    pub is_done: bool,
    pub received: u64,
    /// `None`: it has no list of what it sent (or has not been asked yet).
    pub sent: Option<u64>,
    /// Our books of the money there and its balance, where it tells one, in centavos.
    pub books_cents: Option<i64>,
    pub balance_cents: Option<i64>,
}

impl Report {
    fn new(row: &ReconciliationRow) -> Report {
        let asked = Gateway::ALL.into_iter();
        let asked = asked.filter(|gateway| row.gateway.is_none_or(|only| only == *gateway));
        Report {
            gateways: asked
                .map(|gateway| GatewayReport {
                    gateway: gateway.as_str().to_owned(),
                    until: row.from.micros(),
                    ..GatewayReport::default()
                })
                .collect(),
            ..Report::default()
        }
    }

    /// # Errors
    /// A stored text that is none.
    pub fn read(row: &ReconciliationRow) -> Result<Report, StoreError> {
        serde_json::from_str(&row.result).map_err(|error| {
            StoreError::Corrupt(format!("reconciliations.result of {}: {error}", row.id))
        })
    }

    fn write(&self) -> String {
        serde_json::to_string(self).expect("a plain record serializes")
    }

    fn add(&mut self, findings: Vec<Finding>) {
        let room = KEPT.saturating_sub(self.findings.len());
        self.further += findings.len().saturating_sub(room) as u64;
        self.findings.extend(findings.into_iter().take(room));
    }

    /// All findings, kept or counted.
    pub fn differences(&self) -> u64 {
        self.findings.len() as u64 + self.further
    }
}

/// What is wrong with a period, which is told of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeriodFault {
    #[error("must be after from")]
    Backwards,
    #[error("must not be in the future")]
    Future,
    #[error("at most 31 days after from")]
    TooLong,
}

/// Why nothing was begun.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileRefusal {
    #[error(transparent)]
    Period(#[from] PeriodFault),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    /// Begins a comparison; its job does the work.
    pub async fn request_reconciliation(
        &self,
        caller: &Caller,
        request: RequestReconciliation,
    ) -> Result<ReconciliationRow, ReconcileRefusal> {
        let RequestReconciliation {
            gateway,
            from,
            to,
            id,
        } = request;
        let seed = self.ids();
        check_period(from, to, seed.now)?;
        let mut ids = seed.start();
        let fresh = ReconciliationId::from_bytes(ids.make());
        let mut row = ReconciliationRow {
            id: id.unwrap_or(fresh),
            gateway,
            from,
            to,
            state: ReconciliationState::Queued,
            requested_by: caller.user_id.to_string(),
            requested_at: seed.now,
            finished_at: None,
            result: String::new(),
        };
        row.result = Report::new(&row).write();
        let job = JobRow {
            id: JobId::from_bytes(ids.make()),
            kind: RECONCILIATION.to_owned(),
            transaction_id: None,
            payload: json!({"id": row.id.to_string()}).to_string(),
            visible_at: Some(seed.now),
            state: JobState::Ready,
            tries: 0,
            token: 0,
            last_error: None,
            created_at: seed.now,
        };
        let audited = Audited {
            actor: row.requested_by.clone(),
            action: "reconciliation.requested",
            subject: row.id.to_string(),
            detail: json!({
                "gateway": gateway.map(Gateway::as_str),
                "from": from.micros(),
                "to": to.micros(),
            }),
        };
        let writes = vec![
            Write::InsertReconciliation(row.clone()),
            Write::InsertJob(job),
            audit(&mut ids, seed.now, audited),
        ];
        match self.write_all("request_reconciliation", writes).await {
            Ok(()) => Ok(row),
            // Asked for already.
            Err(StoreError::Conflict("reconciliations.id")) => {
                let begun = self.store.reconciliation(row.id).await?;
                Ok(begun.unwrap_or(row))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Comparisons older than this one, newest first, each with what it found so far.
    pub async fn reconciliations(
        &self,
        before: Option<ReconciliationId>,
        limit: u32,
    ) -> Result<Vec<(ReconciliationRow, Report)>, StoreError> {
        let rows = self.store.reconciliations_before(before, limit).await?;
        let read = |row: ReconciliationRow| Report::read(&row).map(|report| (row, report));
        rows.into_iter().map(read).collect()
    }

    /// One comparison with what it found so far.
    pub async fn reconciliation(
        &self,
        id: ReconciliationId,
    ) -> Result<(ReconciliationRow, Report), ReadRefusal> {
        let row = self.store.reconciliation(id).await?;
        let row = row.ok_or(ReadRefusal::NotFound)?;
        let report = Report::read(&row)?;
        Ok((row, report))
    }
}

fn check_period(from: Moment, to: Moment, now: Moment) -> Result<(), PeriodFault> {
    if to <= from {
        return Err(PeriodFault::Backwards);
    }
    if to > now {
        return Err(PeriodFault::Future);
    }
    if to.since(from) > LONGEST {
        return Err(PeriodFault::TooLong);
    }
    Ok(())
}

#[derive(Deserialize)]
struct Payload {
    id: String,
}

/// Runs the job of a comparison.
pub async fn run(app: &App, job: &JobRow, lease: Lease) -> Result<(), JobError> {
    let payload: Payload = serde_json::from_str(&job.payload)
        .map_err(|_| JobError::Fail("the payload is unreadable".to_owned()))?;
    let id = ReconciliationId::parse(&payload.id)
        .map_err(|_| JobError::Fail("the payload names no reconciliation".to_owned()))?;
    let row = app.store.reconciliation(id).await?;
    let row = row.ok_or_else(|| JobError::Fail(format!("{id} does not exist")))?;
    let report = Report::read(&row)?;
    let mut run = Run {
        app,
        lease,
        row,
        report,
    };
    match run.go().await {
        Ok(()) => Ok(()),
        Err(Stop::LeaseLost) => Ok(()),
        Err(Stop::Trouble(trouble)) if job.tries + 1 >= app.settings.job_tries => {
            run.report.trouble = Some(trouble);
            run.end(ReconciliationState::Failed)
                .await
                .or_else(Stop::into_result)
        }
        Err(stop) => stop.into_result(),
    }
}

/// Why a run went no further.
enum Stop {
    LeaseLost,
    /// A gateway did not answer.
    Trouble(String),
    Store(StoreError),
}

impl Stop {
    fn into_result(self) -> Result<(), JobError> {
        match self {
            Stop::LeaseLost => Ok(()),
            Stop::Trouble(trouble) => Err(JobError::Retry(trouble)),
            Stop::Store(error) => Err(error.into()),
        }
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        Stop::Store(error)
    }
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Stop {
        match trouble {
            Trouble::Gateway(trouble) => Stop::Trouble(trouble.to_string()),
            Trouble::Store(error) => Stop::Store(error),
        }
    }
}

struct Run<'a> {
    app: &'a App,
    lease: Lease,
    row: ReconciliationRow,
    report: Report,
}

impl Run<'_> {
    async fn go(&mut self) -> Result<(), Stop> {
        if matches!(
            self.row.state,
            ReconciliationState::Done | ReconciliationState::Failed
        ) {
            return self.commit(vec![Write::FinishJob(self.lease)]).await;
        }
        for _ in 0..WINDOWS {
            let waiting = self.report.gateways.iter().position(|one| !one.is_done);
            let Some(index) = waiting else {
                return self.end(ReconciliationState::Done).await;
            };
            self.step(index).await?;
            let until = self.app.now();
            let until = until.plus(self.app.settings.call_limit);
            let keep = Write::ExtendLease {
                lease: self.lease,
                until: until.plus(self.app.settings.job_lease),
            };
            let saved = self.saved(ReconciliationState::Running, None);
            self.commit(vec![saved, keep]).await?;
        }
        let again = Write::RescheduleJob {
            lease: self.lease,
            visible_at: self.app.now(),
            tries: 0,
            last_error: None,
        };
        self.commit(vec![again]).await
    }

    /// The next window of a gateway; after the last one, its balance.
    async fn step(&mut self, index: usize) -> Result<(), Stop> {
        let one = &self.report.gateways[index];
        let gateway = Gateway::parse(&one.gateway).ok_or_else(|| {
            StoreError::Corrupt(format!("reconciliations.result of {}", self.row.id))
        })?;
        let from = Moment::from_micros(one.until);
        if from < self.row.to {
            let to = from.plus(WINDOW).min(self.row.to);
            let (end, compared) = self.app.compare_window(gateway, from, to).await?;
            self.note(index, end, compared);
            return Ok(());
        }
        self.balance(index, gateway).await?;
        self.report.gateways[index].is_done = true;
        Ok(())
    }

    fn note(&mut self, index: usize, end: Moment, compared: Compared) {
        let one = &mut self.report.gateways[index];
        one.until = end.micros();
        one.received += compared.received;
        if let Some(sent) = compared.sent {
            one.sent = Some(one.sent.unwrap_or(0) + sent);
        }
        self.report.add(compared.findings);
    }

    async fn balance(&mut self, index: usize, gateway: Gateway) -> Result<(), Stop> {
        let tracked = float_tracked_setting(gateway);
        if self.app.store.setting(&tracked).await?.is_none() {
            return Ok(());
        }
        for look in 1..=LOOKS {
            let theirs = self.app.gateway(gateway).balance().await;
            let theirs = theirs.map_err(|trouble| Stop::Trouble(trouble.to_string()))?;
            let Some(theirs) = theirs.map(Money::cents) else {
                return Ok(());
            };
            let books = FloatBooks::read(self.app, gateway).await?;
            let one = &mut self.report.gateways[index];
            (one.books_cents, one.balance_cents) = (Some(books.ours), Some(theirs));
            if books.explain(theirs) {
                return Ok(());
            }
            if look < LOOKS {
                self.app.runtime.sleep(BETWEEN_LOOKS).await;
                continue;
            }
            let finding = Finding {
                gateway_cents: Some(theirs),
                books_cents: Some(books.ours),
                ..Finding::new(FindingKind::FloatDiffers, gateway, "balance")
            };
            self.report.add(vec![finding]);
        }
        Ok(())
    }

    fn saved(&self, state: ReconciliationState, finished_at: Option<Moment>) -> Write {
        Write::SaveReconciliation(ReconciliationRow {
            state,
            finished_at,
            result: self.report.write(),
            ..self.row.clone()
        })
    }

    /// The last commit: the end, its line of the trail, and an alert when something differs.
    async fn end(&self, state: ReconciliationState) -> Result<(), Stop> {
        let (now, mut ids) = (self.app.now(), self.app.ids().start());
        let differences = self.report.differences();
        let audited = Audited {
            actor: SYSTEM.to_owned(),
            action: "reconciliation.ended",
            subject: self.row.id.to_string(),
            detail: json!({"state": state.as_str(), "differences": differences}),
        };
        let mut writes = vec![
            self.saved(state, Some(now)),
            Write::FinishJob(self.lease),
            audit(&mut ids, now, audited),
        ];
        let told = match state {
            ReconciliationState::Failed => Some((
                "reconciliation_failed",
                format!(
                    "{} could not be finished: a gateway does not answer",
                    self.row.id
                ),
            )),
            _ if differences > 0 => Some((
                "reconciliation_differs",
                format!("{} found {differences} differences", self.row.id),
            )),
            _ => None,
        };
        if let Some((kind, message)) = told {
            let alert = AlertRow {
                id: AlertId::from_bytes(ids.make()),
                kind: kind.to_owned(),
                transaction_id: None,
                gateway: self.row.gateway,
                message,
                raised_at: now,
            };
            writes.extend(events::alert(&mut ids, alert));
        }
        self.commit(writes).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), Stop> {
        let locks = Locks {
            lease: Some(self.lease),
            ..Locks::default()
        };
        let done = self
            .app
            .commit("reconcile", locks, move |locked| match &locked.job {
                Some(_) => Decision::Commit(writes.clone(), ()),
                None => Decision::Refuse(()),
            })
            .await;
        match done {
            Ok(()) => Ok(()),
            Err(CommitError::Refused(())) => Err(Stop::LeaseLost),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(gateway: Option<Gateway>) -> ReconciliationRow {
        ReconciliationRow {
            id: ReconciliationId::from_bytes([1; 16]),
            gateway,
            from: Moment::from_micros(5),
            to: Moment::from_micros(9),
            state: ReconciliationState::Queued,
            requested_by: "usr_1".into(),
            requested_at: Moment::from_micros(10),
            finished_at: None,
            result: String::new(),
        }
    }

    #[test]
    fn a_report_begins_at_the_beginning_and_survives_being_stored() {
        let mut stored = row(None);
        let report = Report::new(&stored);
        let until: Vec<i64> = report.gateways.iter().map(|one| one.until).collect();
        assert_eq!(until, [5, 5]);
        stored.result = report.write();
        assert_eq!(Report::read(&stored).unwrap(), report);
        assert_eq!(Report::new(&row(Some(Gateway::Efi))).gateways.len(), 1);
        stored.result = "{\"surprise\":1}".into();
        assert!(matches!(Report::read(&stored), Err(StoreError::Corrupt(_))));
    }

    #[test]
    fn a_period_is_past_and_a_month_at_most() {
        let day = |n| Moment::default().plus(Span::from_days(n));
        assert_eq!(check_period(day(1), day(32), day(40)), Ok(()));
        for (from, to, fault) in [
            (day(2), day(2), PeriodFault::Backwards),
            (day(2), day(41), PeriodFault::Future),
            (day(1), day(33), PeriodFault::TooLong),
        ] {
            assert_eq!(check_period(from, to, day(40)), Err(fault));
        }
    }

    #[test]
    fn what_is_beyond_the_bound_is_counted() {
        let mut report = Report::default();
        let finding = Finding::new(FindingKind::SentUnknown, Gateway::Efi, "k");
        report.add(vec![finding.clone(); KEPT - 1]);
        report.add(vec![finding; 3]);
        assert_eq!((report.findings.len(), report.further), (KEPT, 2));
        assert_eq!(report.differences(), KEPT as u64 + 2);
    }
}
