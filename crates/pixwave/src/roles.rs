//! The roles that a process may take, alone, several at once, or all.
//!
//! Roles meet only in the database (and in Redis, where hints are): none calls another, so each may
//! run in any number of processes. The one exception is the sandbox, which stands for the outside
//! world and is one process.

use std::collections::BTreeSet;

use api::Area;

use crate::config::{Config, Gateways, Problem, Problems};

/// One service of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Wallets, money, the gateways' notifications, the API's description.
    Payments,
    /// Users, sessions, API keys.
    Accounts,
    /// Jobs, the poller, the sweeper, the sequencer.
    Worker,
    /// Operators' views, the event stream, the checks.
    Monitor,
    /// The web pages.
    Web,
    /// Both gateways, played.
    Sandbox,
}

impl Role {
    pub const ALL: [Role; 6] = [
        Role::Payments,
        Role::Accounts,
        Role::Worker,
        Role::Monitor,
        Role::Web,
        Role::Sandbox,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Role::Payments => "payments",
            Role::Accounts => "accounts",
            Role::Worker => "worker",
            Role::Monitor => "monitor",
            Role::Web => "web",
            Role::Sandbox => "sandbox",
        }
    }

    pub fn parse(text: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// The part of the API that it serves.
    fn area(self) -> Option<Area> {
        match self {
            Role::Payments => Some(Area::Payments),
            Role::Accounts => Some(Area::Accounts),
            Role::Monitor => Some(Area::Monitor),
            Role::Worker | Role::Web | Role::Sandbox => None,
        }
    }

    /// Whether it talks to the gateways.
    fn calls_gateways(self) -> bool {
        match self {
            Role::Payments | Role::Worker | Role::Monitor => true,
            Role::Accounts | Role::Web | Role::Sandbox => false,
        }
    }
}

/// The roles of one process: at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles(BTreeSet<Role>);

impl Roles {
    pub fn all() -> Roles {
        Roles(Role::ALL.into())
    }

    pub fn one(role: Role) -> Roles {
        Roles([role].into())
    }

    /// `None` when there is none.
    pub fn of(roles: &[Role]) -> Option<Roles> {
        let roles: BTreeSet<Role> = roles.iter().copied().collect();
        (!roles.is_empty()).then_some(Roles(roles))
    }

    pub fn is_all(&self) -> bool {
        self.0.len() == Role::ALL.len()
    }

    pub fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// Whether nothing but the sandbox runs here, which knows of no database.
    pub fn is_sandbox_alone(&self) -> bool {
        self.0.iter().all(|role| *role == Role::Sandbox)
    }

    pub fn areas(&self) -> Vec<Area> {
        self.0.iter().filter_map(|role| role.area()).collect()
    }

    pub fn call_gateways(&self) -> bool {
        self.0.iter().any(|role| role.calls_gateways())
    }

    /// `payments, worker`
    pub fn shown(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|role| role.as_str()).collect();
        names.join(", ")
    }

    /// Whether these roles can run with this configuration.
    ///
    /// # Errors
    /// Every variable that these roles need otherwise.
    pub fn fit(&self, config: &Config) -> Result<(), Problems> {
        let mut problems = Vec::new();
        let mut complain = |variable: &str, found: &str, expected: &str| {
            problems.push(Problem {
                variable: variable.to_owned(),
                found: found.to_owned(),
                expected: expected.to_owned(),
            });
        };
        if self.is_all() {
            return Ok(());
        }
        if !self.is_sandbox_alone() && !config.database.is_shared() {
            complain(
                "DB_CONNECTION",
                "sqlite",
                "mysql: a SQLite file belongs to one process, and `pixwave all` is the one that does everything",
            );
        }
        match &config.gateways {
            Gateways::Real(_) if self.has(Role::Sandbox) => complain(
                "MERCADOPAGO_ACCESS_TOKEN",
                "set",
                "nothing: the sandbox has no place beside real gateways",
            ),
            Gateways::Sandbox(_) if config.sandbox.folder.is_none() => {
                if self.has(Role::Sandbox) || self.call_gateways() {
                    complain(
                        "SANDBOX_FOLDER",
                        "not set",
                        "the folder that `pixwave sandbox` shares with the other roles, or the credentials of the real gateways",
                    );
                }
            }
            Gateways::Real(_) | Gateways::Sandbox(_) => {}
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Problems(problems))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Folder, config};

    const MYSQL: (&str, &str) = ("DATABASE_URL", "mysql://u@127.0.0.1:1/db");
    const KEY: (&str, &str) = ("APP_KEY", "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");

    fn blamed(roles: &[Role], variables: &[(&str, &str)]) -> Vec<String> {
        let folder = Folder::new();
        let roles = Roles::of(roles).unwrap();
        match roles.fit(&config(&folder, variables)) {
            Ok(()) => Vec::new(),
            Err(Problems(problems)) => problems
                .into_iter()
                .map(|problem| problem.variable)
                .collect(),
        }
    }

    #[test]
    fn every_part_of_the_api_is_someones() {
        let served: Vec<Area> = Roles::all().areas();
        for area in Area::ALL {
            assert!(area == Area::Ops || served.contains(&area), "{area:?}");
        }
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("all"), None);
        assert_eq!(Roles::of(&[]), None);
    }

    #[test]
    fn a_file_is_for_all_and_what_a_role_needs_is_named() {
        assert!(blamed(&Role::ALL, &[]).is_empty());
        assert_eq!(
            blamed(&[Role::Worker], &[]),
            ["DB_CONNECTION", "SANDBOX_FOLDER"]
        );
        assert_eq!(blamed(&[Role::Accounts, Role::Web], &[]), ["DB_CONNECTION"]);
        assert_eq!(blamed(&[Role::Sandbox], &[]), ["SANDBOX_FOLDER"]);
        let folder = ("SANDBOX_FOLDER", "shared");
        assert!(blamed(&[Role::Sandbox], &[folder]).is_empty());
        assert!(blamed(&[Role::Worker, Role::Payments], &[MYSQL, KEY, folder]).is_empty());
        assert_eq!(blamed(&[Role::Monitor], &[MYSQL, KEY]), ["SANDBOX_FOLDER"]);
        assert!(blamed(&[Role::Accounts], &[MYSQL, KEY]).is_empty());
    }
}
