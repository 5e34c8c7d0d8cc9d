//! What only one place may do: write SQL, make postings, read the environment; and what the use
//! cases may not even name.

use crate::lexer::{Source, split};
use crate::workspace::text_files;

/// The crate that owns the SQL.
const SQL_OWNER: &str = "store";
/// Where entries are posted; the domain defines and tests them.
const POSTING_PLACES: &[&str] = &[
    "crates/app/src/ledger.rs",
    "crates/app/src/ledger/",
    "crates/domain/src/",
];
/// Where the write of a journal is declared and carried out.
const WRITING_PLACES: &[&str] = &["crates/app/src/ports/", "crates/store/src/"];
/// The program, and the test support that is told where the test database is.
const ENVIRONMENT_READERS: &[&str] = &["pixwave", "testkit"];

/// Databases and HTTP libraries. Comments may name them; the code and the texts of `app` do not.
const UNNAMED_IN_APP: &[&str] = &[
    "sqlite", "mysql", "mariadb", "axum", "hyper", "reqwest", "redis",
];

/// Statements by the words they begin with and a later word that tells them from prose.
const STATEMENTS: &[(&str, &str)] = &[
    ("INSERT INTO ", ""),
    ("DELETE FROM ", ""),
    ("SELECT ", " FROM "),
    ("UPDATE ", " SET "),
];

fn holds_sql(literal: &str) -> bool {
    let flat = literal.split_whitespace().collect::<Vec<_>>().join(" ");
    STATEMENTS.iter().any(|(opening, later)| {
        flat.match_indices(opening)
            .any(|(index, _)| flat[index + opening.len() - 1..].contains(later))
    })
}

fn lines_where(source: &Source, holds: impl Fn(&str) -> bool) -> Vec<usize> {
    source
        .code
        .lines()
        .enumerate()
        .filter(|(_, line)| holds(line))
        .map(|(index, _)| index + 1)
        .collect()
}

/// `Journal::something(`: a call of the type's constructor, as opposed to its name in a signature.
fn makes_a_journal(line: &str) -> bool {
    line.match_indices("Journal::").any(|(index, found)| {
        let before = line[..index].chars().next_back();
        let after = line[index + found.len()..].chars().next();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            && after.is_some_and(char::is_lowercase)
    })
}

/// Hands the store a journal to write, as opposed to a pattern that looks at one.
fn writes_a_journal(line: &str) -> bool {
    line.contains("InsertJournal") && !line.contains("=>") && !line.contains("matches!")
}

fn reads_environment(line: &str) -> bool {
    ["env::var", "option_env!"]
        .iter()
        .any(|call| line.contains(call))
}

#[test]
fn only_store_writes_sql() {
    let mut found = Vec::new();
    for file in text_files() {
        if file.is_crate_source() && file.crate_name() != Some(SQL_OWNER) {
            let literals = split(&file.text).literals.into_iter();
            found.extend(
                literals
                    .filter(|literal| holds_sql(&literal.text))
                    .map(|literal| format!("{}:{}", file.path, literal.line)),
            );
        }
    }
    assert!(found.is_empty(), "SQL outside {SQL_OWNER}: {found:#?}");
}

#[test]
fn only_the_ledger_module_makes_postings() {
    let mut found = Vec::new();
    for file in text_files() {
        let is_in = |places: &[&str]| places.iter().any(|place| file.path.starts_with(place));
        if file.is_crate_source() && !is_in(POSTING_PLACES) {
            let source = split(&file.text);
            // The sandbox's two companies keep books of their own kind.
            if file.crate_name() == Some("sandbox") && !source.code.contains("domain::ledger") {
                continue;
            }
            let may_write = is_in(WRITING_PLACES);
            let posts =
                |line: &str| makes_a_journal(line) || (!may_write && writes_a_journal(line));
            let lines = lines_where(&source, posts).into_iter();
            found.extend(lines.map(|line| format!("{}:{line}", file.path)));
        }
    }
    assert!(
        found.is_empty(),
        "journals are made outside app::ledger: {found:#?}"
    );
}

#[test]
fn only_the_program_reads_the_environment() {
    let mut found = Vec::new();
    for file in text_files() {
        let Some(name) = file.crate_name() else {
            continue;
        };
        if file.is_rust() && !ENVIRONMENT_READERS.contains(&name) {
            let lines = lines_where(&split(&file.text), reads_environment).into_iter();
            found.extend(lines.map(|line| format!("{}:{line}", file.path)));
        }
    }
    assert!(
        found.is_empty(),
        "the environment is read outside pixwave: {found:#?}"
    );
}

#[test]
fn the_use_cases_name_no_database_and_no_http_library() {
    let mut found = Vec::new();
    for file in text_files() {
        if !file.is_crate_source() || file.crate_name() != Some("app") {
            continue;
        }
        let Source { code, literals } = split(&file.text);
        let texts = literals.into_iter().map(|literal| literal.text);
        let words = format!("{code}{}", texts.collect::<String>()).to_lowercase();
        let named = UNNAMED_IN_APP.iter().filter(|name| words.contains(**name));
        found.extend(named.map(|name| format!("{}: {name}", file.path)));
    }
    assert!(
        found.is_empty(),
        "app names what it must not know: {found:#?}"
    );
}

#[test]
fn sql_is_told_from_prose() {
    for sql in [
        "INSERT INTO wallet (id) VALUES (?)",
        "SELECT id,\n  name\nFROM wallet",
        "WITH x AS (SELECT 1 FROM y) DELETE FROM z",
        "UPDATE wallet\nSET available = 0",
    ] {
        assert!(holds_sql(sql), "{sql}");
    }
    for prose in [
        "SELECT a gateway",
        "an UPDATE was refused",
        "select from the list",
        "SET UPDATE",
    ] {
        assert!(!holds_sql(prose), "{prose}");
    }
}

#[test]
fn constructors_are_told_from_names() {
    assert!(makes_a_journal("let journal = Journal::new(entries)?;"));
    assert!(makes_a_journal("ledger::Journal::balanced(entries)"));
    assert!(!makes_a_journal("fn post(journal: &Journal) -> Writes"));
    assert!(!makes_a_journal("SealedJournal::new()"));
    assert!(!makes_a_journal("Journal::SCALE"));
    assert!(writes_a_journal("writes.push(Write::InsertJournal(row));"));
    assert!(!writes_a_journal("Write::InsertJournal(row) => row.id,"));
}

#[test]
fn reading_the_environment_is_noticed() {
    assert!(reads_environment("let x = std::env::var_os(NAME);"));
    assert!(reads_environment("option_env!(NAME)"));
    assert!(!reads_environment("std::env::current_dir()"));
}
