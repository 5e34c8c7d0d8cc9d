//! The suites of the gate, in the order in which they run.
//!
//! Everything is built for the whole workspace at once, whichever suite asks: cargo then settles on
//! one set of features, and the suites after the first find their programs ready. Suites that need
//! the server use the very binary that the tests use.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::database::{Database, Kind, find_mysql};
use crate::install::{self, CHROMIUM, CURL, FAKETIME, JQ, MARIADB, NODE, Need, PYTHON, REDIS};
use crate::moto;
use crate::process::{Output, capture, cargo, command, new_folder, root, run as run_program};
use crate::readme;
use crate::report::{Counts, Finished, counts_in, is_good, render};

/// Cases per property test with `--full`; the crates' own defaults are far smaller.
const FULL_CASES: &str = "20000";
/// How long the demonstration may take, in seconds.
const DEMO_LIMIT: &str = "300";

/// What a suite comes to: counts, and notes on what was skipped or failed.
type Verdict = Result<(Counts, Vec<String>)>;

struct Suite {
    name: &'static str,
    run: fn(&Plan) -> Verdict,
}

const SUITES: &[Suite] = &[
    Suite {
        name: "fmt",
        run: fmt,
    },
    Suite {
        name: "clippy",
        run: clippy,
    },
    Suite {
        name: "unit",
        run: unit,
    },
    Suite {
        name: "mysql",
        run: mysql,
    },
    Suite {
        name: "redis",
        run: redis,
    },
    Suite {
        name: "aws",
        run: aws,
    },
    Suite {
        name: "soak",
        run: soak,
    },
    Suite {
        name: "sdk",
        run: sdk,
    },
    Suite {
        name: "sim",
        run: sim,
    },
    Suite {
        name: "e2e",
        run: e2e,
    },
    Suite {
        name: "demo",
        run: demo,
    },
    Suite {
        name: "readme",
        run: readme_suite,
    },
];

/// Suites that take too long for the gate: they run with `--full` or by their name.
const ONLY_FULL: &[&str] = &["soak"];

/// The names of all suites, for the usage text.
pub fn names() -> String {
    SUITES
        .iter()
        .map(|suite| suite.name)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Which suites to run, and how much of them.
pub struct Plan {
    suites: Vec<&'static Suite>,
    full: bool,
}

impl Plan {
    /// Reads the words after `test`; no name means every suite.
    pub fn parse(words: &[&str]) -> Result<Self> {
        let mut plan = Self {
            suites: Vec::new(),
            full: false,
        };
        for word in words {
            if *word == "--full" {
                plan.full = true;
            } else {
                let suite = SUITES.iter().find(|suite| suite.name == *word);
                plan.suites.push(suite.with_context(|| {
                    format!("no suite is called {word}; there are: {}", names())
                })?);
            }
        }
        if plan.suites.is_empty() {
            let wanted = |suite: &&Suite| plan.full || !ONLY_FULL.contains(&suite.name);
            plan.suites = SUITES.iter().filter(wanted).collect();
        }
        Ok(plan)
    }
}

/// Runs the planned suites one after the other, all of them whatever fails, and prints the sums.
pub fn run(plan: &Plan) -> Result<ExitCode> {
    let mut finished = Vec::new();
    for suite in &plan.suites {
        println!("== {}", suite.name);
        let start = Instant::now();
        let (counts, notes) = (suite.run)(plan)
            .unwrap_or_else(|error| (Counts::FAILED, vec![format!("FAILED: {error:#}")]));
        for note in &notes {
            println!("{}: {note}", suite.name);
        }
        finished.push(Finished {
            suite: suite.name,
            counts,
            time: start.elapsed(),
            notes,
        });
    }
    println!("{}", render(&finished));
    Ok(if is_good(&finished) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn skipped(reason: impl std::fmt::Display) -> (Counts, Vec<String>) {
    (Counts::SKIPPED, vec![format!("SKIPPED: {reason}")])
}

/// One check for a program that says by its exit code alone whether it is content.
fn one_check(command: &mut Command) -> Verdict {
    let output = run_program(command)?;
    ensure!(
        output.success,
        "{} did not exit with 0",
        command.get_program().display()
    );
    Ok((Counts::PASSED, Vec::new()))
}

/// The counts that a test tool printed. A tool that failed without a failed test (it did not
/// compile, it crashed) is itself one failure; a tool that found no test has skipped its suite.
fn judge(outputs: &[Output]) -> (Counts, Vec<String>) {
    let (mut counts, mut notes) = (Counts::default(), Vec::new());
    for output in outputs {
        let told = counts_in(&output.text).unwrap_or_default();
        counts += told;
        if !output.success && told.failed == 0 {
            counts += Counts::FAILED;
            notes.push("FAILED: the test tool stopped before its tests were done".to_owned());
        }
    }
    if counts == Counts::default() {
        skipped("no test was found")
    } else {
        (counts, notes)
    }
}

fn fmt(_: &Plan) -> Verdict {
    if let Err(reason) = install::ensure_component("fmt", "rustfmt") {
        return Ok(skipped(reason));
    }
    one_check(&mut cargo(&["fmt", "--all", "--check"]))
}

fn clippy(_: &Plan) -> Verdict {
    if let Err(reason) = install::ensure_component("clippy", "clippy") {
        return Ok(skipped(reason));
    }
    one_check(&mut cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--quiet",
        "--",
        "--deny",
        "warnings",
    ]))
}

/// The tests whose name holds `mysql` need a server and are the `mysql` suite, those with `redis` the
/// `redis` suite, those with `moto` the `aws` suite, those with `soak` the `soak` suite; all others are
/// `unit`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leg {
    Unit,
    Mysql,
    Redis,
    Moto,
    Soak,
}

impl Leg {
    const fn filter(self) -> &'static str {
        match self {
            Leg::Unit => {
                "not test(mysql) and not test(redis) and not test(moto) and not test(soak)"
            }
            Leg::Mysql => "test(mysql)",
            Leg::Redis => "test(redis) and not test(mysql)",
            Leg::Moto => "test(moto) and not test(mysql) and not test(redis)",
            Leg::Soak => "test(soak)",
        }
    }

    const fn words(self) -> &'static [&'static str] {
        match self {
            Leg::Unit => &[
                "--skip", "mysql", "--skip", "redis", "--skip", "moto", "--skip", "soak",
            ],
            Leg::Mysql => &["mysql"],
            Leg::Redis => &["redis", "--skip", "mysql"],
            Leg::Moto => &["moto", "--skip", "mysql", "--skip", "redis"],
            Leg::Soak => &["soak", "--nocapture"],
        }
    }
}

fn test_commands(plan: &Plan, leg: Leg) -> Vec<Command> {
    let mut commands = if install::holds("cargo nextest --version") {
        let mut nextest = cargo(&[
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--no-fail-fast",
            "--no-tests",
            "pass",
        ]);
        nextest.args([
            "--status-level",
            "slow",
            "--final-status-level",
            "slow",
            "--filterset",
            leg.filter(),
        ]);
        let mut commands = vec![nextest];
        if leg == Leg::Soak {
            // Its figures are what it is run for.
            commands[0].arg("--no-capture");
        }
        if leg == Leg::Unit {
            commands.push(cargo(&[
                "test",
                "--workspace",
                "--locked",
                "--doc",
                "--no-fail-fast",
            ]));
        }
        commands
    } else {
        let mut test = cargo(&["test", "--workspace", "--locked", "--no-fail-fast", "--"]);
        test.args(leg.words());
        vec![test]
    };
    if plan.full {
        commands.iter_mut().for_each(|command| {
            command.env("PROPTEST_CASES", FULL_CASES);
        });
    }
    commands
}

fn unit(plan: &Plan) -> Verdict {
    let outputs = test_commands(plan, Leg::Unit)
        .iter_mut()
        .map(run_program)
        .collect::<Result<Vec<_>>>()?;
    Ok(judge(&outputs))
}

fn mysql(plan: &Plan) -> Verdict {
    if let Err(reason) = install::ensure(&[MARIADB]) {
        return Ok(skipped(reason));
    }
    let (mut counts, mut notes) = mysql_on(plan, Kind::Mariadb)?;
    // The same tests on a genuine MySQL, where there is one.
    let (more, told) = match find_mysql() {
        Ok(_) => mysql_on(plan, Kind::Mysql)?,
        Err(reason) => skipped(format!(
            "genuine MySQL: {reason} (PIXWAVE_TEST_MYSQLD names another program)"
        )),
    };
    counts += more;
    notes.extend(told);
    Ok((counts, notes))
}

fn mysql_on(plan: &Plan, kind: Kind) -> Verdict {
    let server = Database::start(kind)?;
    println!("{kind:?} at {}", server.url());
    let mut commands = test_commands(plan, Leg::Mysql);
    commands.iter_mut().for_each(|command| {
        command
            .env("PIXWAVE_TEST_MYSQL_URL", server.url())
            .env("PIXWAVE_TEST_MYSQL_CA", server.authority());
    });
    let outputs = commands
        .iter_mut()
        .map(run_program)
        .collect::<Result<Vec<_>>>()?;
    Ok(judge(&outputs))
}

/// Each test starts servers of its own, which it may kill: the suite only says which program.
fn redis(plan: &Plan) -> Verdict {
    if let Err(reason) = install::ensure(&[REDIS]) {
        return Ok(skipped(reason));
    }
    let mut commands = test_commands(plan, Leg::Redis);
    commands.iter_mut().for_each(|command| {
        command.env("PIXWAVE_TEST_REDIS_SERVER", "redis-server");
    });
    let outputs = commands
        .iter_mut()
        .map(run_program)
        .collect::<Result<Vec<_>>>()?;
    Ok(judge(&outputs))
}

/// Each test starts an emulator of its own, which it may kill: the suite only says which program. No
/// test knows of any host but this one.
fn aws(plan: &Plan) -> Verdict {
    if let Err(reason) = install::ensure(&[PYTHON]) {
        return Ok(skipped(reason));
    }
    let program = moto::ensure(&target_folder()?)?;
    let mut commands = test_commands(plan, Leg::Moto);
    commands.iter_mut().for_each(|command| {
        command.env("PIXWAVE_TEST_MOTO_SERVER", &program);
    });
    let outputs = commands
        .iter_mut()
        .map(run_program)
        .collect::<Result<Vec<_>>>()?;
    Ok(judge(&outputs))
}

/// Everything apart and one after the other taken away. It starts its own servers, to kill them.
fn soak(plan: &Plan) -> Verdict {
    if let Err(reason) = install::ensure(&[MARIADB, REDIS, PYTHON, FAKETIME]) {
        return Ok(skipped(reason));
    }
    let moto = moto::ensure(&target_folder()?)?;
    let clock = capture(command("sh").args(["-c", "ls /usr/lib/*/faketime/libfaketimeMT.so.1"]))?;
    let clock = clock
        .lines()
        .next()
        .context("libfaketime is there")?
        .to_owned();
    let mut commands = test_commands(plan, Leg::Soak);
    commands.iter_mut().for_each(|command| {
        command
            .env("PIXWAVE_TEST_REDIS_SERVER", "redis-server")
            .env("PIXWAVE_TEST_MOTO_SERVER", &moto)
            .env("PIXWAVE_TEST_FAKETIME", &clock);
    });
    let outputs = commands
        .iter_mut()
        .map(run_program)
        .collect::<Result<Vec<_>>>()?;
    Ok(judge(&outputs))
}

/// Builds the programs with the features that the tests use, so that nothing is built twice.
fn build_programs() -> Result<PathBuf> {
    let build = run_program(&mut cargo(&[
        "build",
        "--workspace",
        "--bins",
        "--examples",
        "--locked",
        "--quiet",
    ]))?;
    ensure!(build.success, "the programs do not build");
    Ok(target_folder()?.join("debug"))
}

/// Where cargo builds.
fn target_folder() -> Result<PathBuf> {
    let metadata = capture(&mut cargo(&[
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
    ]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let target = metadata["target_directory"]
        .as_str()
        .context("cargo metadata names the target folder")?;
    Ok(PathBuf::from(target))
}

fn sdk(_: &Plan) -> Verdict {
    let script = root().join("tests/sdk/run.sh");
    if !script.is_file() {
        return Ok(skipped("tests/sdk/run.sh is not there yet"));
    }
    const NEEDS: &[Need] = &[CURL, NODE, PYTHON];
    if let Err(reason) = install::ensure(NEEDS) {
        return Ok(skipped(reason));
    }
    let programs = build_programs()?;
    // Kept from run to run: it holds the unpacked SDKs.
    let work = programs.join("../sdk");
    std::fs::create_dir_all(&work)?;
    let output = run_program(
        command("bash")
            .arg(script)
            .arg(programs.join("examples/serve"))
            .arg(work),
    )?;
    Ok(judge(&[output]))
}

/// Simulated runs of the gate: the same seeds always, and as many that no earlier tree has met.
const SIMULATED_RUNS: u64 = 400;
const SIMULATED_RUNS_FULL: u64 = 10_000;
/// The first of the seeds that are always played.
const FIXED_SEED: u64 = 1;

/// The boundary to the gateways under attack, and guards taken away to see whether that is noticed.
fn sim(plan: &Plan) -> Verdict {
    let program = build_programs()?.join("pixwave");
    let fresh = fresh_seed()?;
    println!("the fresh seeds start at {fresh}");
    let runs = if plan.full {
        SIMULATED_RUNS_FULL
    } else {
        SIMULATED_RUNS
    };
    let (mut counts, mut notes) = (Counts::default(), Vec::new());
    for seed in [FIXED_SEED, fresh] {
        let mut simulator = command(&program);
        simulator.args([
            "sim",
            "--seed",
            &seed.to_string(),
            "--runs",
            &runs.to_string(),
        ]);
        if run_program(&mut simulator)?.success {
            counts += Counts::PASSED;
        } else {
            counts += Counts::FAILED;
            notes.push(format!(
                "FAILED: a promise broke in the runs from seed {seed} on"
            ));
        }
    }
    let sabotaged = ["--package", "sim", "--features", "sabotage", "--locked"];
    let mut replay = cargo(&["test"]);
    replay.args(sabotaged).args(["--test", "it", "sabotage"]);
    let (told, more) = judge(&[run_program(&mut replay)?]);
    if plan.full {
        let mut hunt = cargo(&["run"]);
        hunt.args(sabotaged).args(["--example", "hunt"]);
        counts += one_check(&mut hunt)?.0;
    }
    counts += told;
    notes.extend(more);
    Ok((counts, notes))
}

/// A seed that only this tree has.
fn fresh_seed() -> Result<u64> {
    let tree = capture(
        command("git")
            .current_dir(root())
            .args(["rev-parse", "HEAD^{tree}"]),
    )?;
    let digits = tree.trim().get(..12).context("git names the tree")?;
    u64::from_str_radix(digits, 16).context("a tree's name is hexadecimal")
}

/// How long the browser may take, in seconds.
const E2E_LIMIT: &str = "300";

/// The wallet and the console in a real browser. With `--full` the pictures of the README are drawn anew.
fn e2e(plan: &Plan) -> Verdict {
    if let Err(reason) = install::ensure(&[NODE, CHROMIUM]) {
        return Ok(skipped(reason));
    }
    let programs = build_programs()?;
    let tests = root().join("tests/e2e");
    // Kept from run to run: it holds the unpacked packages.
    let work = programs.join("../e2e");
    std::fs::create_dir_all(&work)?;
    for name in ["package.json", "package-lock.json"] {
        std::fs::copy(tests.join(name), work.join(name))?;
    }
    let install = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
    let installed = run_program(command("npm").args(install).current_dir(&work))?;
    if !installed.success {
        return Ok(skipped("its packages cannot be installed"));
    }
    let mut outputs = Vec::new();
    for script in ["wallet.cjs", "console.cjs", "controls.cjs"] {
        let mut browse = command("timeout");
        browse
            .args([E2E_LIMIT, "node"])
            .arg(tests.join(script))
            .arg(programs.join("pixwave"))
            .env("NODE_PATH", work.join("node_modules"));
        if plan.full {
            browse.arg(root().join("docs/images"));
        }
        outputs.push(run_program(&mut browse)?);
    }
    Ok(judge(&outputs))
}

/// The tour judges itself by its exit code; one that tells nothing has shown nothing.
fn demo(_: &Plan) -> Verdict {
    let programs = build_programs()?;
    let folder = new_folder(&std::env::temp_dir(), "demo")?;
    let mut tour = command("timeout");
    tour.arg(DEMO_LIMIT)
        .arg(programs.join("pixwave"))
        .arg("demo")
        .current_dir(&folder);
    let output = run_program(&mut tour);
    std::fs::remove_dir_all(&folder)?;
    let output = output?;
    ensure!(output.success, "pixwave demo did not exit with 0");
    ensure!(
        !output.text.trim().is_empty(),
        "pixwave demo printed nothing"
    );
    Ok((Counts::PASSED, Vec::new()))
}

fn readme_suite(_: &Plan) -> Verdict {
    if let Err(reason) = install::ensure(&[CURL, JQ]) {
        return Ok(skipped(reason));
    }
    let programs = build_programs()?;
    let text =
        std::fs::read_to_string(root().join("README.md")).context("README.md cannot be read")?;
    let program = programs.join("pixwave");
    if !program.is_file() {
        bail!("{} was not built", program.display());
    }
    readme::run_blocks(&text, &program)
}

#[cfg(test)]
mod tests {
    use super::{Counts, Leg, ONLY_FULL, Output, Plan, SUITES, judge, test_commands};

    fn output(text: &str, success: bool) -> Output {
        Output {
            text: text.to_owned(),
            success,
        }
    }

    #[test]
    fn no_name_means_every_suite() {
        let plan = Plan::parse(&["--full"]).expect("it is understood");
        assert!(plan.full);
        assert_eq!(plan.suites.len(), SUITES.len());
        let plan = Plan::parse(&[]).expect("it is understood");
        assert_eq!(plan.suites.len(), SUITES.len() - ONLY_FULL.len());
        let plan = Plan::parse(&["mysql", "unit"]).expect("they exist");
        assert_eq!(
            plan.suites
                .iter()
                .map(|suite| suite.name)
                .collect::<Vec<_>>(),
            ["mysql", "unit"]
        );
        assert!(Plan::parse(&["mysq"]).is_err());
    }

    #[test]
    fn a_tool_that_failed_without_a_failed_test_is_a_failure() {
        let good = output("Summary [ 1s] 3 tests run: 3 passed, 0 skipped", true);
        let broken = output("error: could not compile", false);
        assert_eq!(
            judge(&[good, broken]).0,
            Counts {
                passed: 3,
                failed: 1,
                skipped: 0
            }
        );
        let failed = output(
            "Summary [ 1s] 3 tests run: 2 passed, 1 failed, 0 skipped",
            false,
        );
        assert_eq!(
            judge(&[failed]).0,
            Counts {
                passed: 2,
                failed: 1,
                skipped: 0
            }
        );
    }

    #[test]
    fn a_tool_that_found_no_test_has_skipped() {
        let none = output("Summary [ 0s] 0 tests run: 0 passed, 9 skipped", true);
        assert_eq!(judge(&[none]).0, Counts::SKIPPED);
    }

    fn plain(leg: Leg) -> Vec<String> {
        let skip = |name: &str| ["--skip".to_owned(), name.to_owned()];
        match leg {
            Leg::Unit => [skip("mysql"), skip("redis"), skip("moto"), skip("soak")].concat(),
            Leg::Mysql => vec!["mysql".to_owned()],
            Leg::Redis => [&["redis".to_owned()][..], &skip("mysql")].concat(),
            Leg::Moto => [&["moto".to_owned()][..], &skip("mysql"), &skip("redis")].concat(),
            Leg::Soak => vec!["soak".to_owned(), "--nocapture".to_owned()],
        }
    }

    #[test]
    fn every_test_is_in_exactly_one_leg() {
        let plan = Plan {
            suites: Vec::new(),
            full: true,
        };
        for (leg, filter) in [
            (
                Leg::Unit,
                "not test(mysql) and not test(redis) and not test(moto) and not test(soak)",
            ),
            (Leg::Mysql, "test(mysql)"),
            (Leg::Redis, "test(redis) and not test(mysql)"),
            (
                Leg::Moto,
                "test(moto) and not test(mysql) and not test(redis)",
            ),
            (Leg::Soak, "test(soak)"),
        ] {
            let commands = test_commands(&plan, leg);
            let words: Vec<String> = commands[0]
                .get_args()
                .map(|word| word.to_string_lossy().into_owned())
                .collect();
            assert!(
                words.contains(&"--workspace".to_owned()) && words.contains(&"--locked".to_owned())
            );
            // Without nextest the words after `--` say the same.
            assert!(
                words.iter().any(|word| word == filter) || words.ends_with(&plain(leg)),
                "{words:?}"
            );
        }
    }
}
