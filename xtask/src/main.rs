//! The developer's command: `cargo xtask test` and its few companions.
//!
//! `test` is the whole gate, word for word what `.ci/run` calls. It walks a list of suites
//! (`suites`), each of which sets up what it needs (`install`, `mariadb`), runs programs (`process`),
//! reads their counts (`report`) and leaves nothing running behind, however it ends.

mod bench;
mod database;
mod install;
mod moto;
mod openapi;
mod process;
mod readme;
mod report;
mod suites;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask test [SUITE...] [--full]   run everything, or the named suites, and say what passed
    --full    many more cases of every property test
cargo xtask bench NAME [WORD...]       measure in release: no part of the gate
cargo xtask openapi                    write docs/openapi.json from the program";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.split_first() {
        Some((&"test", rest)) => suites::Plan::parse(rest).and_then(|plan| suites::run(&plan)),
        Some((&"openapi", [])) => openapi::write().map(|()| ExitCode::SUCCESS),
        Some((&"bench", [name, words @ ..])) => bench::measure(name, words),
        _ => Err(anyhow::anyhow!(
            "{USAGE}\nsuites: {}\nmeasurements: {}",
            suites::names(),
            bench::names()
        )),
    };
    result.unwrap_or_else(|error| {
        eprintln!("{error:#}");
        ExitCode::from(2)
    })
}
