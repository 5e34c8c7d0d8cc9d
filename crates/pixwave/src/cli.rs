//! The commands and their arguments.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

use crate::config::Config;
use crate::roles::{Role, Roles};
use crate::wire::Start;
use crate::{announce, commands, demo, lifecycle, logs, sandbox_alone, wire};

/// A self-hosted digital wallet for PIX payments.
///
/// Without a command everything runs in one process. Settings come from environment variables and
/// a `.env` file in the current folder; `.env.example` documents them.
#[derive(Parser)]
#[command(name = "pixwave", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything in one process (the default)
    All(Waiting),
    /// Serve wallets, money and the gateways' notifications
    Payments(Waiting),
    /// Serve users, sessions and API keys
    Accounts(Waiting),
    /// Work: jobs, looks at the gateways, the order of events
    Worker(Waiting),
    /// Serve operators and the event stream, and run the checks
    Monitor(Waiting),
    /// Serve the web pages
    Web(Waiting),
    /// Play both gateways for the other roles, without a database
    Sandbox(Waiting),
    /// Run several of these roles in one process
    Serve {
        /// payments, accounts, worker, monitor, web, sandbox
        #[arg(long, required = true, value_delimiter = ',', value_parser = role)]
        roles: Vec<Role>,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Bring the database's schema to this program's version
    Migrate(Waiting),
    /// Write the demo customer, the operators and the opening balances (sandbox only)
    Seed,
    /// Keys of the application
    #[command(subcommand)]
    Key(KeyCommand),
    /// The people who operate the service
    #[command(subcommand)]
    Operator(OperatorCommand),
    /// Check every invariant of the database; fails when one is broken
    Check,
    /// Check the configuration and whether every outside system can be reached
    Doctor,
    /// Ask the server on HTTP_HOST:HTTP_PORT whether it is ready
    Health,
    /// Say why a transaction went where it went
    Explain {
        /// Such as txn_0192…
        transaction: String,
    },
    /// Payments whose outcome is not known, decided by two operators
    #[command(subcommand)]
    Review(ReviewCommand),
    /// Our own money moved from one gateway to the other, by two operators
    #[command(subcommand)]
    Float(FloatCommand),
    /// What operators set over the gateways: pauses and preferences
    #[command(subcommand)]
    Gateway(GatewayCommand),
    /// Whether payments leave, as after a restore of the database they do not
    #[command(subcommand)]
    Dispatch(DispatchCommand),
    /// Compare a period with what the gateways list; your password is read from standard input
    Reconcile {
        /// efi or mercado_pago; both when left out
        #[arg(long)]
        gateway: Option<String>,
        /// Such as 2026-03-09T00:00:00Z
        #[arg(long)]
        from: String,
        /// At most 31 days later
        #[arg(long)]
        to: String,
        /// Your e-mail
        #[arg(long = "as", value_name = "EMAIL")]
        operator: String,
    },
    /// Print the OpenAPI description of the API
    Openapi,
    /// A guided tour against a server of its own: every promise shown and checked
    Demo,
    /// Attack the boundary to the gateways in simulated runs, and say what broke
    Sim(commands::sim::Arguments),
}

/// A role name.
fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| {
        let names: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        format!("the roles are {}", names.join(", "))
    })
}

/// How patient a start is.
#[derive(Args, Clone, Copy)]
struct Waiting {
    /// Wait so many seconds for the database, its migrations and the sandbox, instead of ending at
    /// once
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "60")]
    wait: Option<u16>,
}

impl Waiting {
    fn time(self) -> Duration {
        Duration::from_secs(self.wait.unwrap_or(0).into())
    }
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Print a new APP_KEY
    Generate,
}

#[derive(Subcommand)]
enum ReviewCommand {
    /// List the payments in review
    List,
    /// Show what is known of a payment and what is proposed for it
    Show {
        /// Such as txn_0192…
        transaction: String,
    },
    /// Propose an outcome to the running server; your password is read from standard input
    Propose {
        transaction: String,
        /// settled: it left; release: it did not, give it back; retry: it did not, pay it again
        #[arg(long, value_parser = ["settled", "release", "retry"])]
        outcome: String,
        /// What was seen, and where
        #[arg(long)]
        evidence: String,
        #[arg(long)]
        reason: String,
        /// The evidence version that `show` told you: refused when more is known by now
        #[arg(long)]
        evidence_version: Option<u64>,
        /// Your e-mail
        #[arg(long = "as", value_name = "EMAIL")]
        operator: String,
    },
    /// Approve what another operator proposed; your password is read from standard input
    Approve {
        transaction: String,
        /// Such as prp_0192…
        proposal: String,
        /// Your e-mail
        #[arg(long = "as", value_name = "EMAIL")]
        operator: String,
    },
}

#[derive(Subcommand)]
enum FloatCommand {
    /// List the moves, the newest first
    List,
    /// Propose a move to the running server; your password is read from standard input
    Move {
        /// efi or mercado_pago
        #[arg(long)]
        from: String,
        /// efi or mercado_pago
        #[arg(long)]
        to: String,
        /// In centavos
        #[arg(long, value_name = "CENTAVOS")]
        amount: i64,
        #[arg(long)]
        reason: String,
        /// Your e-mail
        #[arg(long = "as", value_name = "EMAIL")]
        operator: String,
    },
    /// Approve what another operator proposed; your password is read from standard input
    Approve(FloatDecision),
    /// Decline a proposal, or withdraw your own; your password is read from standard input
    Decline(FloatDecision),
}

#[derive(clap::Args)]
struct FloatDecision {
    /// Such as fmv_0192…
    id: String,
    /// Your e-mail
    #[arg(long = "as", value_name = "EMAIL")]
    operator: String,
}

#[derive(Subcommand)]
enum GatewayCommand {
    /// List what is set, with the last reasons
    List,
    /// Send nothing new there; your password is read from standard input
    Pause(Setting),
    /// Send there again; your password is read from standard input
    Resume(Setting),
    /// Prefer it for payouts or charges; your password is read from standard input
    Primary(Setting),
}

#[derive(clap::Args)]
struct Setting {
    /// efi or mercado_pago
    gateway: String,
    /// What is asked of it
    #[arg(value_parser = ["charge", "payout", "refund"])]
    operation: String,
    #[arg(long)]
    reason: Option<String>,
    /// Your e-mail
    #[arg(long = "as", value_name = "EMAIL")]
    operator: String,
}

#[derive(Subcommand)]
enum DispatchCommand {
    /// Print both epochs; fails while payments wait
    Status,
    /// Compare the books with the gateways and let payments leave; your password is read from
    /// standard input
    Resume {
        /// The moment that the restored database shows, such as 2026-03-10T04:00:00Z
        #[arg(long)]
        since: String,
        /// The name of a difference that you have looked at and go past; may be repeated
        #[arg(long)]
        accept: Vec<String>,
        /// Your e-mail
        #[arg(long = "as", value_name = "EMAIL")]
        operator: String,
    },
}

#[derive(Subcommand)]
enum OperatorCommand {
    /// Add an operator; the password is read from standard input
    Add {
        email: String,
        #[arg(long, default_value = "Operator")]
        name: String,
    },
}

/// Does what the arguments ask.
///
/// # Errors
/// `config::Problems` when the configuration is wrong, else what failed, as one line.
pub async fn run(cli: Cli) -> Result<ExitCode> {
    wire::install_tls();
    match cli.command.unwrap_or(Command::All(Waiting { wait: None })) {
        // These need no configuration.
        Command::Key(KeyCommand::Generate) => commands::key::generate(),
        Command::Openapi => commands::openapi::print(),
        Command::Demo => demo::run().await,
        // Its runs never yield to the scheduler that this task belongs to.
        Command::Sim(arguments) => {
            tokio::task::spawn_blocking(move || commands::sim::run(&arguments)).await?
        }
        command => configured(command, Config::from_environment()?).await,
    }
}

async fn configured(command: Command, config: Config) -> Result<ExitCode> {
    logs::install(&config.log)?;
    match command {
        Command::All(waiting) => serve(config, Roles::all(), waiting).await,
        Command::Payments(waiting) => serve(config, Roles::one(Role::Payments), waiting).await,
        Command::Accounts(waiting) => serve(config, Roles::one(Role::Accounts), waiting).await,
        Command::Worker(waiting) => serve(config, Roles::one(Role::Worker), waiting).await,
        Command::Monitor(waiting) => serve(config, Roles::one(Role::Monitor), waiting).await,
        Command::Web(waiting) => serve(config, Roles::one(Role::Web), waiting).await,
        Command::Sandbox(waiting) => serve(config, Roles::one(Role::Sandbox), waiting).await,
        Command::Serve { roles, waiting } => {
            let roles = Roles::of(&roles).context("--roles names no role")?;
            serve(config, roles, waiting).await
        }
        Command::Migrate(waiting) => commands::migrate::run(&config, waiting.time()).await,
        Command::Seed => commands::seed::run(&config).await,
        Command::Operator(OperatorCommand::Add { email, name }) => {
            commands::operator::add(&config, email, name).await
        }
        Command::Check => commands::check::run(&config).await,
        Command::Doctor => commands::doctor::run(&config).await,
        Command::Health => commands::health::run(&config).await,
        Command::Explain { transaction } => commands::explain::run(&config, &transaction).await,
        Command::Review(command) => review(&config, command).await,
        Command::Float(command) => float(&config, command).await,
        Command::Gateway(command) => gateway(&config, command).await,
        Command::Dispatch(DispatchCommand::Status) => commands::dispatch::status(&config).await,
        Command::Dispatch(DispatchCommand::Resume {
            since,
            accept,
            operator,
        }) => commands::dispatch::resume(&config, &operator, &since, accept).await,
        Command::Reconcile {
            gateway,
            from,
            to,
            operator,
        } => commands::reconcile::run(&config, &operator, gateway, (&from, &to)).await,
        Command::Key(_) | Command::Openapi | Command::Demo | Command::Sim(_) => {
            unreachable!("these were run without a configuration")
        }
    }
}

async fn review(config: &Config, command: ReviewCommand) -> Result<ExitCode> {
    use commands::review::{approve, list, propose, show};
    match command {
        ReviewCommand::List => list(config).await,
        ReviewCommand::Show { transaction } => show(config, &transaction).await,
        ReviewCommand::Propose {
            transaction,
            outcome,
            evidence,
            reason,
            evidence_version,
            operator,
        } => {
            let mut body = serde_json::json!({
                "outcome": outcome, "evidence": evidence, "reason": reason,
            });
            if let Some(version) = evidence_version {
                body["evidence_version"] = version.into();
            }
            propose(config, &operator, &transaction, &body).await
        }
        ReviewCommand::Approve {
            transaction,
            proposal,
            operator,
        } => approve(config, &operator, &transaction, &proposal).await,
    }
}

async fn float(config: &Config, command: FloatCommand) -> Result<ExitCode> {
    use commands::float::{decide, list, propose};
    match command {
        FloatCommand::List => list(config).await,
        FloatCommand::Move {
            from,
            to,
            amount,
            reason,
            operator,
        } => {
            let body = serde_json::json!({
                "from": from, "to": to, "amount_cents": amount, "reason": reason,
            });
            propose(config, &operator, body).await
        }
        FloatCommand::Approve(decision) => {
            decide(config, &decision.operator, &decision.id, "approve").await
        }
        FloatCommand::Decline(decision) => {
            decide(config, &decision.operator, &decision.id, "decline").await
        }
    }
}

async fn serve(config: Config, roles: Roles, waiting: Waiting) -> Result<ExitCode> {
    use lifecycle::{run_until_stopped, start_unless_stopped};
    let mut signals = lifecycle::StopSignals::listen()?;
    if roles.is_sandbox_alone() {
        let start = sandbox_alone::start(config);
        if let Some(alone) = start_unless_stopped(&mut signals, start).await? {
            announce::print_sandbox(&alone)?;
            run_until_stopped(alone, signals).await?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let wait = waiting.time();
    let start = wire::start_roles(config, Start { roles, wait });
    if let Some(running) = start_unless_stopped(&mut signals, start).await? {
        announce::print(&running)?;
        run_until_stopped(running, signals).await?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn gateway(config: &Config, command: GatewayCommand) -> Result<ExitCode> {
    use commands::gateway::{change, list, set};
    let (word, setting) = match command {
        GatewayCommand::List => return list(config).await,
        GatewayCommand::Pause(setting) => ("pause", setting),
        GatewayCommand::Resume(setting) => ("resume", setting),
        GatewayCommand::Primary(setting) => ("primary", setting),
    };
    let place = (setting.gateway.as_str(), setting.operation.as_str());
    set(
        config,
        &setting.operator,
        place,
        change(word),
        setting.reason,
    )
    .await
}
