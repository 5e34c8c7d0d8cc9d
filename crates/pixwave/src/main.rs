//! The program: reads its arguments and its environment, and does what they ask.
//!
//! What goes wrong is one clear line on standard error (one per variable when the configuration is
//! wrong) and an exit code: 1 when a command failed or found something broken, 2 when it was asked
//! wrongly or configured wrongly, 3 when the service refused what an operator wanted.

use std::process::ExitCode;

use clap::Parser as _;
use pixwave::cli::Cli;
use pixwave::config::Problems;

/// Threads that serve; payments wait for gateways and the disk, not for processors.
const MOST_THREADS: usize = 4;
/// Threads for reading the database and hashing passwords.
const MOST_BLOCKING_THREADS: usize = 16;
const MISCONFIGURED: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads.min(MOST_THREADS))
        .max_blocking_threads(MOST_BLOCKING_THREADS)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return failed(&anyhow::Error::new(error)),
    };
    match runtime.block_on(pixwave::cli::run(cli)) {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<Problems>() {
        Some(Problems(problems)) => {
            for problem in problems {
                eprintln!("pixwave: {problem}");
            }
            ExitCode::from(MISCONFIGURED)
        }
        None => {
            // One line, whatever the cause had to say.
            let line = format!("{error:#}").replace(['\n', '\r'], " ");
            eprintln!("pixwave: {line}");
            ExitCode::FAILURE
        }
    }
}
