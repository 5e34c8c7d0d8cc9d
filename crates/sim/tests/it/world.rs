//! One wallet with money, two simulated gateways, a store in memory, and virtual time.

use std::collections::BTreeMap;
use std::sync::Arc;

use app::availability::InProcess;
use app::commands::{Caller, MoneyRequest, PayoutDestination, RequestPayout, Scope};
use app::context::{App, Decision, Settings};
use app::guards::Guards;
use app::ledger::{Books, Heading};
use app::ports::gateway::GatewayClient;
use app::ports::runtime::Runtime;
use app::ports::store::{JobRow, Locks, Store, TransactionRecord, UserRole, WalletRow, Write};
use app::worker::run_claimed;
use domain::gateway::Gateway;
use domain::ids::{JournalId, TransactionId, UserId, WalletId};
use domain::limits::{Limits, Spent};
use domain::money::Money;
use domain::pix::key::PixKey;
use domain::time::Span;
use sim::bank::{Bank, Executed};
use sim::faults::Script;
use sim::gateway::SimulatedGateway;
use sim::runtime::VirtualRuntime;
use store::SqlStore;

pub const OPENING: i64 = 100_000;

pub struct World {
    pub app: App,
    pub runtime: VirtualRuntime,
    pub bank: Arc<Bank>,
    pub gateways: [Arc<SimulatedGateway>; 2],
    pub wallet: WalletId,
    pub caller: Caller,
}

impl World {
    pub fn new(seed: u64, script: Script) -> World {
        World::with_settings(seed, script, Settings::standard())
    }

    pub fn with_settings(seed: u64, script: Script, settings: Settings) -> World {
        let runtime = VirtualRuntime::new(seed);
        let store: Arc<dyn Store> =
            SqlStore::in_memory(&mut |bytes| runtime.random(bytes)).unwrap();
        let (bank, faults) = (Arc::new(Bank::default()), Arc::new(script));
        let gateways = [Gateway::Efi, Gateway::MercadoPago].map(|gateway| {
            Arc::new(SimulatedGateway::new(
                gateway,
                bank.clone(),
                faults.clone(),
                Arc::new(runtime.clone()),
            ))
        });
        let clients: BTreeMap<Gateway, Arc<dyn GatewayClient>> = gateways
            .iter()
            .map(|client| (client.gateway(), client.clone() as Arc<dyn GatewayClient>))
            .collect();
        let app = App {
            outbound: Arc::new(app::ports::outbound::NoOutbound),
            store,
            gateways: Arc::new(clients),
            runtime: Arc::new(runtime.clone()),
            availability: Arc::new(InProcess::new(settings.circuit)),
            settings: Arc::new(settings),
            bell: Arc::default(),
            guards: Arc::new(Guards::default()),
        };
        let user_id = UserId::from_bytes([1; 16]);
        let caller = Caller {
            user_id,
            role: UserRole::Customer,
            scopes: vec![Scope::Read, Scope::Payouts],
            session_id: None,
        };
        let world = World {
            app,
            runtime,
            bank,
            gateways,
            wallet: WalletId::from_bytes([2; 16]),
            caller,
        };
        world.runtime.block_on(world.open_wallet(user_id));
        world
    }

    async fn open_wallet(&self, user_id: UserId) {
        let row = WalletRow {
            id: self.wallet,
            user_id,
            available: Money::ZERO,
            held: Money::ZERO,
            blocked: Money::ZERO,
            receivable: Money::ZERO,
            seq: 0,
            limits: Limits {
                per_transaction: Money::MAX,
                per_day: Money::MAX,
                per_night: Money::MAX,
            },
            spent: Spent::default(),
            created_at: self.app.now(),
        };
        let (id, at) = (self.wallet, self.app.now());
        let insert = move |_: &_| Decision::Commit(vec![Write::InsertWallet(row.clone())], ());
        self.app
            .commit::<(), ()>("open_wallet", Locks::default(), insert)
            .await
            .unwrap();
        let locks = Locks {
            wallets: vec![id],
            ..Locks::default()
        };
        self.app
            .commit::<(), ()>("grant", locks, move |locked| {
                let mut books = Books::new(&locked.wallets);
                let heading = Heading {
                    id: JournalId::from_bytes([3; 16]),
                    kind: "grant",
                    transaction_id: None,
                    at,
                };
                books
                    .grant(heading, id, Money::from_cents(OPENING).unwrap())
                    .unwrap();
                Decision::Commit(books.into_writes(), ())
            })
            .await
            .unwrap();
    }

    pub async fn request(&self, key: &str, cents: i64) -> TransactionId {
        let request = RequestPayout {
            common: MoneyRequest {
                idempotency_key: key.to_owned(),
                wallet_id: None,
                reference: None,
                metadata: None,
                description: None,
            },
            amount: Some(Money::from_cents(cents).unwrap()),
            destination: PayoutDestination::Key {
                key: PixKey::recognize("payee@example.com").unwrap(),
                payee_tax_id: None,
            },
        };
        self.app
            .request_payout(&self.caller, request)
            .await
            .unwrap()
            .view
            .id
    }

    pub async fn claim(&self) -> Vec<JobRow> {
        let lease = self.app.settings.job_lease;
        self.app
            .store
            .claim_jobs(&app::jobs::KINDS, self.app.now(), lease, 16)
            .await
            .unwrap()
    }

    /// Lets one worker run whatever becomes visible, for at most this long.
    pub async fn work_for(&self, span: Span) {
        let end = self.app.now().plus(span);
        while self.app.now() < end {
            for job in self.claim().await {
                run_claimed(&self.app, &job).await;
            }
            // Nothing is left to do: nothing more will happen in the time that remains.
            let Some(next) = self.app.store.next_job_at().await.unwrap() else {
                return;
            };
            let pause = next.since(self.app.now());
            self.app
                .runtime
                .sleep(pause.max(Span::from_millis(1)).min(Span::from_seconds(30)))
                .await;
        }
    }

    pub async fn record(&self, id: TransactionId) -> TransactionRecord {
        self.app.store.transaction(id).await.unwrap().unwrap()
    }

    pub fn executed(&self) -> Vec<Executed> {
        self.bank.executed(self.app.now())
    }

    pub fn sends(&self) -> u64 {
        self.gateways.iter().map(|gateway| gateway.sends()).sum()
    }

    /// Every transmission has its row, and every row was at most one transmission.
    pub async fn audit_sends(&self, ids: &[TransactionId]) {
        let mut rows = 0;
        for id in ids {
            let record = self.record(*id).await;
            rows += record
                .attempts
                .iter()
                .map(|attempt| attempt.sends.len() as u64)
                .sum::<u64>();
        }
        assert!(
            rows >= self.sends(),
            "{} transmissions have {rows} rows",
            self.sends()
        );
    }

    /// What must hold at every moment.
    pub async fn audit(&self, id: TransactionId) {
        self.bank.deliver_delayed(self.app.now());
        let record = self.record(id).await;
        let keys: Vec<&str> = record
            .attempts
            .iter()
            .map(|attempt| attempt.row.attempt_key.as_str())
            .collect();
        let executed = self.executed();
        let mine = executed
            .iter()
            .filter(|done| keys.contains(&done.key.as_str()))
            .count();
        assert!(mine <= 1, "paid {mine} times: {:?}", record.attempts);
        let stage = record.row.stage.as_str();
        if stage == "settled" {
            assert_eq!(mine, 1, "settled without having been paid");
        }
        if stage == "rejected" || stage == "cancelled" {
            assert_eq!(mine, 0, "{stage} although it was paid");
        }
        for attempt in record.attempts.iter().skip(1) {
            assert!(
                attempt.row.licence.is_some(),
                "attempt {} has no licence",
                attempt.row.number
            );
        }
        self.audit_books().await;
    }

    /// The invariants that run in production.
    pub async fn audit_books(&self) {
        for check in app::checks::check(&self.app).await.unwrap() {
            assert!(
                check.broken.is_empty(),
                "{}: {:?}",
                check.rule,
                check.broken
            );
        }
    }
}
