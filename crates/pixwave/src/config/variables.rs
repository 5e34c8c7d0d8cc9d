//! Reads variables one by one and gathers everything that is wrong with them.
//!
//! A problem names its variable, what was found and what was expected. Secrets are never shown:
//! of them it is only said that they are set. An empty value counts as not set.

use std::cell::RefCell;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// What is wrong with one variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub variable: String,
    pub found: String,
    pub expected: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem {
            variable,
            found,
            expected,
        } = self;
        write!(f, "{variable} is {found}; expected {expected}")
    }
}

/// Everything that is wrong, one line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

pub const NOT_SET: &str = "not set";
const HIDDEN: &str = "set to something else (not shown)";

/// The source of the variables and the problems met so far.
pub struct Variables<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Variables<'a> {
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Variables<'a> {
        Variables {
            lookup,
            problems: RefCell::new(Vec::new()),
        }
    }

    pub fn complain(&self, variable: &str, found: impl Into<String>, expected: impl Into<String>) {
        self.problems.borrow_mut().push(Problem {
            variable: variable.to_owned(),
            found: found.into(),
            expected: expected.into(),
        });
    }

    /// A secret that is set, but not to what it should be.
    pub fn complain_of_secret(&self, variable: &str, expected: impl Into<String>) {
        self.complain(variable, HIDDEN, expected);
    }

    pub fn text(&self, name: &'static str) -> Option<String> {
        self.find(name)
    }

    /// Whether a twin such as `NAME_FILE` is set.
    pub fn is_set(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Whether something is wrong with the variable (or its `NAME_FILE`) already.
    pub fn is_blamed(&self, name: &str) -> bool {
        let problems = self.problems.borrow();
        problems.iter().any(|problem| {
            problem
                .variable
                .strip_suffix("_FILE")
                .unwrap_or(&problem.variable)
                == name
        })
    }

    fn find(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// The variable itself or the content of the file that `NAME_FILE` names.
    pub fn secret(&self, name: &'static str) -> Option<SecretString> {
        let direct = self.text(name);
        let file_variable = format!("{name}_FILE");
        let file = self.find(&file_variable);
        match (direct, file) {
            (Some(_), Some(_)) => {
                self.complain(
                    &file_variable,
                    format!("set beside {name}"),
                    "only one of the two",
                );
                None
            }
            (Some(value), None) => Some(value.into()),
            (None, Some(path)) => match std::fs::read_to_string(&path) {
                Ok(text) if text.trim().is_empty() => {
                    self.complain(
                        &file_variable,
                        format!("{path:?}, which is empty"),
                        "a file with the secret",
                    );
                    None
                }
                Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned().into()),
                Err(error) => {
                    self.complain(
                        &file_variable,
                        format!("{path:?}, which cannot be read ({})", error.kind()),
                        "a readable file with the secret",
                    );
                    None
                }
            },
            (None, None) => None,
        }
    }

    /// A secret read by `parse`; what is wrong is said without showing it.
    pub fn parsed_secret<T>(
        &self,
        name: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let secret = self.secret(name)?;
        let parsed = parse(secret.expose_secret());
        if parsed.is_none() {
            self.complain_of_secret(name, expected);
        }
        parsed
    }

    /// The variable read by `parse`, `None` when it is not set or wrong.
    pub fn parsed<T>(
        &self,
        name: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let parsed = parse(&text);
        if parsed.is_none() {
            self.complain(name, format!("{text:?}"), expected);
        }
        parsed
    }

    /// The result, unless something was wrong.
    pub fn finish<T>(self, value: T) -> Result<T, Problems> {
        let problems = self.problems.into_inner();
        if problems.is_empty() {
            Ok(value)
        } else {
            Err(Problems(problems))
        }
    }
}
