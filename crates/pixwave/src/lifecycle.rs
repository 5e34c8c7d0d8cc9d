//! Runs the service until it is told to stop, or until a part of it ends by itself.
//!
//! SIGTERM or Ctrl-C stops it in good order; a second one ends the process at once.

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a process that was told twice to stop ends with.
const IMPATIENT: i32 = 130;

/// What runs until it is told to stop.
pub trait Service: Send {
    /// Waits until a part ends by itself, which none should: its name.
    fn part_ended(&mut self) -> impl Future<Output = &'static str> + Send;
    /// Stops in good order.
    fn shutdown(self) -> impl Future<Output = ()> + Send;
}

/// The two signals that mean "stop".
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// From now on the signals are heard here and no longer end the process.
    pub fn listen() -> Result<StopSignals> {
        let listen = |kind| signal(kind).context("signals cannot be heard");
        Ok(StopSignals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Starts a service, unless a signal comes first: `None`.
///
/// # Errors
/// Those of the start.
pub async fn start_unless_stopped<S>(
    signals: &mut StopSignals,
    start: impl Future<Output = Result<S>>,
) -> Result<Option<S>> {
    tokio::select! {
        started = start => started.map(Some),
        () = signals.next() => {
            tracing::info!("stopped before it served");
            Ok(None)
        }
    }
}

/// Waits for a signal and stops the service.
///
/// # Errors
/// When a part ended by itself; the rest is stopped all the same.
pub async fn run_until_stopped(mut running: impl Service, mut signals: StopSignals) -> Result<()> {
    let ended = tokio::select! {
        () = signals.next() => None,
        name = running.part_ended() => Some(name),
    };
    match ended {
        None => tracing::info!("stopping; a second signal ends at once"),
        Some(name) => tracing::error!(part = name, "it ended by itself: it likely crashed"),
    }
    tokio::spawn(async move {
        signals.next().await;
        std::process::exit(IMPATIENT);
    });
    running.shutdown().await;
    match ended {
        None => Ok(()),
        Some(name) => bail!("{name} ended by itself: it likely crashed"),
    }
}
