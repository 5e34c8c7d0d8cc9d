//! Received PIX that no notification told us of.
//!
//! A periodic task without input reads what each gateway received since it last succeeded, with an
//! overlap for what the gateway shows late, and credits it through the one function that does. The
//! cursor is a setting and moves only after everything before it has been credited, so a gateway
//! that was away is caught up with, window by window.

use domain::gateway::Gateway;
use domain::time::{Moment, Span};

use crate::context::{App, CommitError, Decision};
use crate::pay_ins::Credited;
use crate::ports::store::{Locks, StoreError, Write};

/// What a gateway may show late.
const OVERLAP: Span = Span::from_seconds(10 * 60);
/// One call asks for no more than this.
const WINDOW: Span = Span::from_seconds(60 * 60);
/// Windows of one turn: the next turn goes on.
const WINDOWS: u32 = 24;

/// The setting that holds up to when (microseconds) a gateway's received PIX have been credited.
pub fn cursor_setting(gateway: Gateway) -> String {
    format!("poll.received.{gateway}")
}

/// One turn over all gateways; how many pay-ins were booked that nobody had told us of. A gateway
/// in trouble does not keep the other from its turn.
pub async fn poll_received(app: &App) -> Result<u64, StoreError> {
    let mut booked = 0;
    for gateway in Gateway::ALL {
        booked += poll_gateway(app, gateway).await?;
    }
    Ok(booked)
}

async fn poll_gateway(app: &App, gateway: Gateway) -> Result<u64, StoreError> {
    let setting = cursor_setting(gateway);
    let stored = app.store.setting(&setting).await?;
    let now = app.now();
    let mut cursor = read_cursor(stored.as_deref(), &setting)?.unwrap_or(now);
    let mut booked = 0;
    for _ in 0..WINDOWS {
        let (from, to) = window(cursor, now);
        let received = match app.gateway(gateway).received(from, to).await {
            Ok(received) => received,
            Err(trouble) => {
                tracing::warn!(%gateway, %trouble, "received PIX could not be listed");
                return Ok(booked);
            }
        };
        for observed in received {
            let credited = app.credit(gateway, observed, "poller").await?;
            booked += u64::from(matches!(credited, Credited::New | Credited::Suspense));
        }
        advance(app, setting.clone(), to).await?;
        cursor = to;
        if cursor >= now {
            break;
        }
    }
    Ok(booked)
}

fn read_cursor(stored: Option<&str>, setting: &str) -> Result<Option<Moment>, StoreError> {
    let parse = |text: &str| {
        text.parse::<i64>()
            .map(Moment::from_micros)
            .map_err(|_| StoreError::Corrupt(format!("settings.{setting} is no moment")))
    };
    stored.map(parse).transpose()
}

/// What to ask for next. A cursor from the future (a clock that was set back) counts as now.
fn window(cursor: Moment, now: Moment) -> (Moment, Moment) {
    let cursor = cursor.min(now);
    (cursor.minus(OVERLAP), cursor.plus(WINDOW).min(now))
}

/// The cursor never goes back, whoever else polls.
async fn advance(app: &App, setting: String, to: Moment) -> Result<(), StoreError> {
    let locks = Locks {
        settings: vec![setting.clone()],
        ..Locks::default()
    };
    let advanced = app.commit("poll_cursor", locks, move |locked| {
        let stored = locked.settings.get(&setting);
        let stored = stored.and_then(|text| text.parse::<i64>().ok());
        if stored.is_some_and(|stored| stored >= to.micros()) {
            return Decision::Refuse(());
        }
        let write = Write::PutSetting {
            name: setting.clone(),
            value: to.micros().to_string(),
        };
        Decision::Commit(vec![write], ())
    });
    match advanced.await {
        Ok(()) | Err(CommitError::Refused(())) => Ok(()),
        Err(CommitError::Store(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u32) -> Moment {
        Moment::default().plus(Span::from_seconds(seconds))
    }

    #[test]
    fn windows_overlap_and_catch_up_step_by_step() {
        assert_eq!(window(at(10_000), at(10_030)), (at(9_400), at(10_030)));
        assert_eq!(window(at(10_000), at(100_000)), (at(9_400), at(13_600)));
        assert_eq!(window(at(20_000), at(10_000)), (at(9_400), at(10_000)));
    }

    #[test]
    fn an_unreadable_cursor_is_corrupt_rather_than_now() {
        assert_eq!(read_cursor(None, "s"), Ok(None));
        assert_eq!(
            read_cursor(Some("7"), "s"),
            Ok(Some(Moment::from_micros(7)))
        );
        assert!(matches!(
            read_cursor(Some("soon"), "s"),
            Err(StoreError::Corrupt(_))
        ));
    }
}
