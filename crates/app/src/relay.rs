//! A reader of the event stream that hands events on, whatever it hands them to.
//!
//! Its place is a row of its own (`ports::outbound`), held by one process at a time and moved by
//! compare-and-set in the commit that stores what was handed on, so that a crash repeats and never
//! skips. Events that concern nobody are passed over in memory: the row follows when there is
//! something to write, or when it has fallen far behind.

use domain::time::Span;

use crate::context::App;
use crate::ports::outbound::{OutboundWrite, RelayLease, RelayRow};
use crate::ports::store::{StoreError, Write};

/// How long a process that has stopped keeps the relay from the others.
pub const LEASE: Span = Span::from_seconds(15);
/// How many events the stored place may lag behind the one in memory.
const LONGEST_LAG: u64 = 1_000;

/// A relay's place, as this process knows it.
#[derive(Debug)]
pub struct Place {
    name: &'static str,
    held: Option<RelayLease>,
    /// Of the last claim: while the row has it, nobody else has taken the relay since.
    token: Option<u64>,
    stored: u64,
    read: u64,
}

/// The lease under which a step may be committed, and the position it must start from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub lease: RelayLease,
    pub stored: u64,
}

impl Place {
    pub fn new(name: &'static str) -> Place {
        Place {
            name,
            held: None,
            token: None,
            stored: 0,
            read: 0,
        }
    }

    /// After which position to read on; `None` while another process has the relay.
    pub async fn begin(&mut self, app: &App) -> Result<Option<u64>, StoreError> {
        if self.held.is_none() {
            let row = app.outbound.relay(self.name).await?;
            let row = row.ok_or_else(|| StoreError::Corrupt(format!("no relay {}", self.name)))?;
            let now = app.now();
            if row.leased_until.is_some_and(|until| until > now) {
                if self.token != Some(row.token) {
                    return Ok(None);
                }
                // It is not known what became of the last step, but the relay is still ours.
                self.held = Some(lease_of(&row));
            }
            self.meet(&row);
        }
        Ok(Some(self.read))
    }

    /// Takes the relay, to commit a step; `None` when another process was faster.
    pub async fn hold(&mut self, app: &App) -> Result<Option<Hold>, StoreError> {
        if self.held.is_none() {
            let claimed = app
                .outbound
                .claim_relay(self.name, app.now(), LEASE)
                .await?;
            let Some(row) = claimed else {
                return Ok(None);
            };
            let read_before = self.read;
            self.meet(&row);
            self.held = Some(lease_of(&row));
            self.token = Some(row.token);
            if self.read != read_before {
                // Another process has handed on what this one has just read: read anew.
                return Ok(None);
            }
        }
        Ok(self.held.clone().map(|lease| Hold {
            lease,
            stored: self.stored,
        }))
    }

    fn meet(&mut self, row: &RelayRow) {
        self.stored = row.position;
        // What was passed over before concerned nobody then, and concerns nobody now.
        self.read = self.read.max(row.position);
    }

    /// Whether the stored place should follow although there is nothing to hand on.
    pub fn is_behind(&self, to: u64) -> bool {
        to.saturating_sub(self.stored) >= LONGEST_LAG
    }

    /// Nothing up to there concerns anybody.
    pub fn pass(&mut self, to: u64) {
        self.read = to;
    }

    /// A step up to there was committed.
    pub fn moved(&mut self, to: u64) {
        (self.stored, self.read) = (to, to);
    }

    /// Lets others have the relay at once.
    pub async fn give_back(&mut self, app: &App) -> Result<(), StoreError> {
        let Some(lease) = self.held.take() else {
            return Ok(());
        };
        let write = OutboundWrite::AdvanceRelay {
            lease,
            from: self.stored,
            to: self.stored,
            until: app.now(),
        };
        match app
            .write_all("give_back_relay", vec![Write::Outbound(write)])
            .await
        {
            // Another process has it already.
            Ok(()) | Err(StoreError::Stale(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The lease was lost, or it is not known what became of a step: the row will tell.
    pub fn lose(&mut self) {
        self.held = None;
        self.read = self.stored;
    }
}

fn lease_of(row: &RelayRow) -> RelayLease {
    RelayLease {
        name: row.name.clone(),
        token: row.token,
    }
}
