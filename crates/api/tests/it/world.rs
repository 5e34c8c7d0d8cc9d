//! A router over doubles: one user, one wallet, some events; every commit is counted and fails.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use api::{ApiOptions, router};
use app::availability::InProcess;
use app::commands::Scope;
use app::context::{App, Settings};
use app::guards::Guards;
use app::ports::gateway::*;
use app::ports::outbound::NoOutbound;
use app::ports::store::*;
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use domain::circuit::CircuitPolicy;
use domain::gateway::{Capabilities, Gateway, Resolution};
use domain::ids::*;
use domain::ledger::Account;
use domain::limits::{Limits, Spent};
use domain::money::Money;
use domain::outcome::{Evidence, SendVerdict};
use domain::time::{Moment, Span};
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use testkit::ManualRuntime;
use tower::ServiceExt;

/// A session token by its shape; the store's double knows the session of any.
pub const SESSION: &str = "pws_0123456789012345678901234567890123456789012";
/// An API key's secret by its shape.
pub const API_KEY: &str = "pwk_0123456789012345678901234567890123456789012";
/// What the gateway's double accepts in a webhook's path.
pub const SECRET: &str = "s3cret";

pub const USER: UserId = UserId::from_bytes([1; 16]);
pub const WALLET: WalletId = WalletId::from_bytes([2; 16]);

/// What the doubles know and count.
pub struct World {
    pub role: UserRole,
    pub session_expires_at: Moment,
    /// The scopes of the API key; `None`: it is revoked.
    pub key_scopes: Option<Vec<Scope>>,
    pub events: Mutex<Vec<EventRow>>,
    pub lines: Vec<StatementLine>,
    pub ready: Result<(), StoreError>,
    pub commits: AtomicU32,
    /// How often events were asked for.
    pub looks: AtomicU32,
    pub notifications: Mutex<Vec<InboundRequest>>,
}

impl Default for World {
    fn default() -> World {
        World {
            role: UserRole::Customer,
            session_expires_at: testkit::runtime::START.plus(Span::from_days(1)),
            key_scopes: Some(Vec::new()),
            events: Mutex::default(),
            lines: Vec::new(),
            ready: Ok(()),
            commits: AtomicU32::new(0),
            looks: AtomicU32::new(0),
            notifications: Mutex::default(),
        }
    }
}

/// A running router and everything a test holds in its hand.
pub struct Api {
    pub world: Arc<World>,
    pub runtime: ManualRuntime,
    pub app: App,
    pub router: Router,
}

impl Api {
    pub fn new(world: World) -> Api {
        Api::with(world, ApiOptions::all())
    }

    pub fn with(world: World, options: ApiOptions) -> Api {
        let world = Arc::new(world);
        let runtime = ManualRuntime::new(1);
        let gateways = Gateway::ALL
            .into_iter()
            .map(|gateway| {
                let world = Arc::clone(&world);
                let client: Arc<dyn GatewayClient> = Arc::new(Client { gateway, world });
                (gateway, client)
            })
            .collect();
        let app = App {
            store: Arc::new(Shelf(Arc::clone(&world))),
            outbound: Arc::new(NoOutbound),
            gateways: Arc::new(gateways),
            runtime: Arc::new(runtime.clone()),
            settings: Arc::new(Settings::standard()),
            availability: Arc::new(InProcess::new(CircuitPolicy::STANDARD)),
            bell: Arc::default(),
            guards: Arc::new(Guards::default()),
            controls: Arc::default(),
        };
        let router = router(app.clone(), options);
        Api {
            world,
            runtime,
            app,
            router,
        }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("a router always answers");
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX)
            .await
            .expect("the body ends");
        Answer {
            status: parts.status,
            headers: parts.headers,
            json: serde_json::from_slice(&bytes).unwrap_or_default(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// A `GET` with the session.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path, Some(SESSION), Body::empty()))
            .await
    }

    /// A `POST` with the session and an idempotency key.
    pub async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.send(request("POST", path, Some(SESSION), body.into()))
            .await
    }

    pub fn commits(&self) -> u32 {
        self.world.commits.load(Ordering::SeqCst)
    }
}

pub fn request(method: &str, path: &str, bearer: Option<&str>, body: Body) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path);
    if let Some(bearer) = bearer {
        builder = builder.header("authorization", format!("Bearer {bearer}"));
    }
    builder
        .header("idempotency-key", "key-1")
        .body(body)
        .expect("a request")
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub json: Value,
    pub text: String,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    /// The refused fields with their codes.
    pub fn errors(&self) -> Vec<(&str, &str)> {
        let errors = self.json["errors"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        errors
            .iter()
            .map(|error| {
                let text = |name| error[name].as_str().unwrap_or_default();
                (text("field"), text("code"))
            })
            .collect()
    }
}

fn absent() -> StoreError {
    StoreError::Unavailable("not on this shelf: mysql://10.0.0.7".into())
}

/// The store's double.
struct Shelf(Arc<World>);

impl Shelf {
    fn wallet_row(&self) -> WalletRow {
        let money = |cents| Money::from_cents(cents).expect("an amount");
        WalletRow {
            id: WALLET,
            user_id: USER,
            available: money(1_050),
            held: Money::ZERO,
            blocked: Money::ZERO,
            receivable: Money::ZERO,
            seq: 1,
            limits: Limits {
                per_transaction: money(100_000),
                per_day: money(100_000),
                per_night: money(100_000),
            },
            spent: Spent::default(),
            created_at: Moment::default(),
        }
    }
}

#[async_trait]
impl Store for Shelf {
    async fn commit(&self, units: Vec<Unit>) -> Vec<UnitResult> {
        self.0.commits.fetch_add(1, Ordering::SeqCst);
        units.iter().map(|_| UnitResult::Failed(absent())).collect()
    }

    async fn session_by_token_hash(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<SessionRow>, StoreError> {
        Ok(Some(SessionRow {
            id: SessionId::from_bytes([3; 16]),
            user_id: USER,
            token_hash: *hash,
            created_at: Moment::default(),
            expires_at: self.0.session_expires_at,
        }))
    }
    async fn api_key_by_secret_hash(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<ApiKeyRow>, StoreError> {
        let scopes = self.0.key_scopes.as_deref().unwrap_or_default();
        Ok(Some(ApiKeyRow {
            id: ApiKeyId::from_bytes([4; 16]),
            user_id: USER,
            name: "key".into(),
            scopes: scopes.iter().map(|scope| scope.as_str().into()).collect(),
            secret_hash: *hash,
            created_at: Moment::default(),
            revoked_at: self.0.key_scopes.is_none().then_some(Moment::default()),
        }))
    }
    async fn user(&self, id: UserId) -> Result<Option<UserRow>, StoreError> {
        Ok((id == USER).then(|| UserRow {
            id,
            name: "Ana".into(),
            email: "ana@example.com".into(),
            tax_id: Some("52998224725".into()),
            password_hash: String::new(),
            role: self.0.role,
            created_at: Moment::default(),
            blocked_at: None,
        }))
    }
    async fn wallet(&self, id: WalletId) -> Result<Option<WalletRow>, StoreError> {
        Ok((id == WALLET).then(|| self.wallet_row()))
    }
    async fn wallets_of(&self, user: UserId) -> Result<Vec<WalletRow>, StoreError> {
        Ok(if user == USER {
            vec![self.wallet_row()]
        } else {
            Vec::new()
        })
    }
    async fn statement(&self, filter: &StatementFilter) -> Result<Vec<StatementLine>, StoreError> {
        let limit = usize::try_from(filter.limit).expect("a limit");
        let before = filter.before_seq.unwrap_or(u64::MAX);
        let older = self.0.lines.iter().filter(|line| line.seq < before);
        Ok(older.take(limit).cloned().collect())
    }
    async fn transaction(&self, _: TransactionId) -> Result<Option<TransactionRecord>, StoreError> {
        Ok(None)
    }
    async fn transaction_row(
        &self,
        _: TransactionId,
    ) -> Result<Option<TransactionRow>, StoreError> {
        Ok(None)
    }
    async fn events_after(
        &self,
        position: u64,
        _: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        self.0.looks.fetch_add(1, Ordering::SeqCst);
        let events = self.0.events.lock().expect("no holder panics");
        let after = events
            .iter()
            .filter(|event| event.position > Some(position));
        Ok(after.take(limit as usize).cloned().collect())
    }
    async fn last_position(&self) -> Result<u64, StoreError> {
        let events = self.0.events.lock().expect("no holder panics");
        Ok(events.last().and_then(|event| event.position).unwrap_or(0))
    }
    async fn ready(&self) -> Result<(), StoreError> {
        self.0.ready.clone()
    }
    async fn jobs(&self, _: Option<JobState>, _: u32) -> Result<Vec<JobRow>, StoreError> {
        panic!("a secret of the inside")
    }

    async fn claim_jobs(
        &self,
        _: &[&str],
        _: Moment,
        _: Span,
        _: u32,
    ) -> Result<Vec<JobRow>, StoreError> {
        Err(absent())
    }
    async fn clock(&self) -> Result<Option<Moment>, StoreError> {
        Err(absent())
    }
    async fn next_job_at(&self) -> Result<Option<Moment>, StoreError> {
        Err(absent())
    }
    async fn sequence(&self, _: u32) -> Result<u64, StoreError> {
        Err(absent())
    }
    async fn user_by_email(&self, _: &str) -> Result<Option<UserRow>, StoreError> {
        Ok(None)
    }
    async fn user_by_tax_id(&self, _: &str) -> Result<Option<UserRow>, StoreError> {
        Err(absent())
    }
    async fn sessions_of(&self, _: UserId) -> Result<Vec<SessionRow>, StoreError> {
        Err(absent())
    }
    async fn api_keys_of(&self, _: UserId) -> Result<Vec<ApiKeyRow>, StoreError> {
        Err(absent())
    }
    async fn balance_at(&self, _: WalletId, _: Moment) -> Result<(i64, i64, i64), StoreError> {
        Ok((5, 6, 7))
    }
    async fn transaction_by_idempotency(
        &self,
        _: &str,
        _: &str,
    ) -> Result<Option<TransactionRecord>, StoreError> {
        Err(absent())
    }
    async fn spendable_lines(&self, _: &StatementFilter) -> Result<Vec<ToldLine>, StoreError> {
        Err(absent())
    }
    async fn listed_transactions(
        &self,
        _: &TransactionFilter,
    ) -> Result<Vec<ListedTransaction>, StoreError> {
        Err(absent())
    }
    async fn transactions(&self, _: &TransactionFilter) -> Result<Vec<TransactionRow>, StoreError> {
        Err(absent())
    }
    async fn refunds_of(&self, _: TransactionId) -> Result<Vec<TransactionRow>, StoreError> {
        Err(absent())
    }
    async fn attempt_by_reference(
        &self,
        _: Gateway,
        _: &str,
    ) -> Result<Option<AttemptRow>, StoreError> {
        Err(absent())
    }
    async fn charge_by_br_code(&self, _: &[u8; 32]) -> Result<Option<TransactionId>, StoreError> {
        Err(absent())
    }
    async fn pay_in(&self, _: Gateway, _: &str) -> Result<Option<PayInRow>, StoreError> {
        Err(absent())
    }
    async fn suspense(
        &self,
        _: Moment,
        _: Option<PayInId>,
        _: u32,
    ) -> Result<Vec<PayInRow>, StoreError> {
        Err(absent())
    }
    async fn in_review(
        &self,
        _: Option<TransactionId>,
        _: u32,
    ) -> Result<Vec<TransactionRecord>, StoreError> {
        Ok(Vec::new())
    }
    async fn float_move(&self, _: FloatMoveId) -> Result<Option<FloatMoveRow>, StoreError> {
        Ok(None)
    }
    async fn float_moves(
        &self,
        _: Option<FloatMoveId>,
        _: u32,
    ) -> Result<Vec<FloatMoveRow>, StoreError> {
        Ok(Vec::new())
    }
    async fn float_moves_expected(
        &self,
        _: Gateway,
        _: Money,
        _: Moment,
        _: u32,
    ) -> Result<Vec<FloatMoveRow>, StoreError> {
        Err(absent())
    }
    async fn float_moves_in_transit(&self, _: u32) -> Result<Vec<FloatMoveRow>, StoreError> {
        Err(absent())
    }
    async fn float_moves_lapsed(&self, _: Moment, _: u32) -> Result<Vec<FloatMoveRow>, StoreError> {
        Err(absent())
    }
    async fn proposals_of(&self, _: TransactionId) -> Result<Vec<ProposalRow>, StoreError> {
        Err(absent())
    }
    async fn attempts_to_watch(
        &self,
        _: Moment,
        _: Option<AttemptId>,
        _: u32,
    ) -> Result<Vec<AttemptRow>, StoreError> {
        Err(absent())
    }
    async fn nameless_attempts(&self, _: Gateway, _: u32) -> Result<Vec<AttemptRow>, StoreError> {
        Err(absent())
    }
    async fn decisions(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        Err(absent())
    }
    async fn journals_of(&self, _: TransactionId) -> Result<Vec<JournalRow>, StoreError> {
        Err(absent())
    }
    async fn overdue(&self, _: Moment, _: u32) -> Result<Vec<TransactionRow>, StoreError> {
        Err(absent())
    }
    async fn jobless(&self, _: Moment, _: u32) -> Result<Vec<TransactionRow>, StoreError> {
        Err(absent())
    }
    async fn in_doubt_cents(&self) -> Result<BTreeMap<Gateway, i64>, StoreError> {
        Err(absent())
    }
    async fn queue_depth(&self) -> Result<QueueDepth, StoreError> {
        Err(absent())
    }
    async fn inbound(&self, _: InboundId) -> Result<Option<InboundRow>, StoreError> {
        Err(absent())
    }
    async fn alerts(&self, _: u32) -> Result<Vec<AlertRow>, StoreError> {
        Err(absent())
    }
    async fn audit(&self, _: u32) -> Result<Vec<AuditRow>, StoreError> {
        Ok(Vec::new())
    }
    async fn alerts_before(&self, _: Option<AlertId>, _: u32) -> Result<Vec<AlertRow>, StoreError> {
        Err(absent())
    }
    async fn audit_trail(&self, _: &AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
        Err(absent())
    }
    async fn users(&self, _: Option<UserId>, _: u32) -> Result<Vec<UserRow>, StoreError> {
        Err(absent())
    }
    async fn jobs_before(
        &self,
        _: Option<JobState>,
        _: Option<JobId>,
        _: u32,
    ) -> Result<Vec<JobRow>, StoreError> {
        Err(absent())
    }
    async fn jobs_of(&self, _: TransactionId) -> Result<Vec<JobRow>, StoreError> {
        Err(absent())
    }
    async fn events_of(&self, _: TransactionId) -> Result<Vec<EventRow>, StoreError> {
        Err(absent())
    }
    async fn setting(&self, _: &str) -> Result<Option<String>, StoreError> {
        Err(absent())
    }
    async fn controls(&self) -> Result<Vec<ControlRow>, StoreError> {
        Err(absent())
    }
    async fn reconciliation(
        &self,
        _: ReconciliationId,
    ) -> Result<Option<ReconciliationRow>, StoreError> {
        Err(absent())
    }
    async fn reconciliations_before(
        &self,
        _: Option<ReconciliationId>,
        _: u32,
    ) -> Result<Vec<ReconciliationRow>, StoreError> {
        Err(absent())
    }
    async fn account_balance(&self, _: Account) -> Result<i64, StoreError> {
        Err(absent())
    }
    async fn unbalanced_journals(&self, _: u32) -> Result<Vec<(JournalId, i64)>, StoreError> {
        Err(absent())
    }
    async fn wallet_folds(
        &self,
        _: Option<WalletId>,
        _: u32,
    ) -> Result<Vec<WalletFold>, StoreError> {
        Err(absent())
    }
    async fn system_balances(&self) -> Result<BTreeMap<String, i64>, StoreError> {
        Err(absent())
    }
    async fn open_totals(&self) -> Result<BTreeMap<String, i64>, StoreError> {
        Err(absent())
    }
    async fn totals(&self) -> Result<Totals, StoreError> {
        Err(absent())
    }
    async fn broken_rows(&self, _: u32) -> Result<Vec<BrokenRow>, StoreError> {
        Err(absent())
    }
    async fn done_attempts(
        &self,
        _: Option<AttemptId>,
        _: u32,
    ) -> Result<Vec<AttemptRow>, StoreError> {
        Err(absent())
    }
}

/// The gateways' double: reads notifications, and is asked nothing else.
struct Client {
    gateway: Gateway,
    world: Arc<World>,
}

fn trouble(gateway: Gateway) -> GatewayTrouble {
    GatewayTrouble {
        gateway,
        message: "not there".into(),
    }
}

#[async_trait]
impl GatewayClient for Client {
    fn gateway(&self) -> Gateway {
        self.gateway
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            dynamic_br_code: true,
            smallest_payout_cents: 1,
            shortest_charge_expiry: Span::from_seconds(60),
            longest_charge_expiry: Span::from_days(30),
            resolution: Resolution::LookUpByKey,
            dedup_window: Span::from_days(30),
            refund_window: Span::from_days(90),
        }
    }
    fn read_inbound(
        &self,
        request: &InboundRequest,
        _: Moment,
    ) -> Result<ParsedInbound, InboundRefusal> {
        let mut seen = self.world.notifications.lock().expect("no holder panics");
        seen.push(request.clone());
        if request.body == b"nonsense" {
            return Err(InboundRefusal::Malformed("inner words".into()));
        }
        Err(InboundRefusal::BadSignature)
    }

    fn prepare_payout(&self, _: &PayoutOrder) -> Result<PreparedRequest, CannotCarry> {
        panic!("not asked")
    }
    async fn send_payout(&self, _: &PreparedRequest) -> SendVerdict {
        panic!("not asked")
    }
    async fn look_up_payout(&self, _: &AttemptReference) -> PayoutLookup {
        panic!("not asked")
    }
    fn prepare_charge(&self, _: &ChargeOrder) -> Result<PreparedRequest, CannotCarry> {
        panic!("not asked")
    }
    async fn create_charge(&self, _: &PreparedRequest) -> ChargeAnswer {
        panic!("not asked")
    }
    async fn look_up_charge(&self, _: &AttemptReference) -> ChargeLookup {
        panic!("not asked")
    }
    async fn cancel_charge(&self, _: &AttemptReference) -> CancelAnswer {
        panic!("not asked")
    }
    async fn look_up_pay_in(&self, _: &str) -> Result<Option<ObservedPayIn>, GatewayTrouble> {
        Err(trouble(self.gateway))
    }
    async fn received(&self, _: Moment, _: Moment) -> Result<Vec<ObservedPayIn>, GatewayTrouble> {
        Err(trouble(self.gateway))
    }
    fn prepare_refund(
        &self,
        _: &RefundOrder,
        _: &[ObservedReturn],
    ) -> Result<PreparedRequest, CannotCarry> {
        panic!("not asked")
    }
    async fn send_refund(&self, _: &PreparedRequest) -> SendVerdict {
        panic!("not asked")
    }
    async fn look_up_refund(&self, _: &AttemptReference) -> Evidence {
        panic!("not asked")
    }
    async fn balance(&self) -> Result<Option<Money>, GatewayTrouble> {
        Err(trouble(self.gateway))
    }
    async fn probe(&self) -> Result<(), GatewayTrouble> {
        Err(trouble(self.gateway))
    }
    async fn ensure_webhook(&self, _: &str) -> Result<(), GatewayTrouble> {
        Err(trouble(self.gateway))
    }
}
