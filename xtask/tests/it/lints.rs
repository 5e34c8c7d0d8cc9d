//! That the lints hold everywhere: every crate takes the workspace's, and the crates that must be
//! pure keep their bans. clippy itself enforces them; nobody else would notice their absence.

use toml_edit::{DocumentMut, Value};

use crate::workspace::{root, tracked_paths};

/// What the rules and the use cases must never call by themselves.
const PURE: &[&str] = &[
    "std::env::var",
    "std::time::SystemTime::now",
    "std::time::Instant::now",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "uuid::Uuid::now_v7",
    "uuid::Uuid::new_v4",
    "rand::rng",
    "aws_lc_rs::rand::SystemRandom::new",
    "aws_lc_rs::rand::fill",
    "std::thread::spawn",
    "tokio::spawn",
    "tokio::task::spawn_blocking",
    "std::thread::sleep",
    "tokio::time::sleep",
];

/// What nobody but the program calls.
const EVERYWHERE_ELSE: &[&str] = &["std::env::var", "std::env::var_os"];

/// Which `clippy.toml` must ban what.
const BANS: &[(&str, &[&str])] = &[
    ("crates/domain/clippy.toml", PURE),
    ("crates/app/clippy.toml", PURE),
    ("crates/sandbox/clippy.toml", EVERYWHERE_ELSE),
    ("clippy.toml", EVERYWHERE_ELSE),
];

fn read(path: &str) -> DocumentMut {
    let text = std::fs::read_to_string(root().join(path));
    let text = text.unwrap_or_else(|error| panic!("{path}: {error}"));
    text.parse()
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The paths under `disallowed-methods`.
fn banned(configuration: &DocumentMut) -> Vec<String> {
    let entries = configuration["disallowed-methods"].as_array();
    let entries = entries.expect("disallowed-methods is a list");
    let path = |entry: &Value| Some(entry.as_inline_table()?.get("path")?.as_str()?.to_owned());
    entries.iter().filter_map(path).collect()
}

#[test]
fn pure_crates_keep_their_bans() {
    for (path, required) in BANS {
        let banned = banned(&read(path));
        let lost: Vec<_> = required
            .iter()
            .filter(|path| !banned.iter().any(|b| b == *path))
            .collect();
        assert!(lost.is_empty(), "{path} no longer bans {lost:?}");
    }
}

#[test]
fn the_bans_are_denied_and_every_crate_takes_them() {
    let workspace = read("Cargo.toml");
    let level = workspace["workspace"]["lints"]["clippy"]["disallowed_methods"].as_str();
    assert_eq!(level, Some("deny"));
    let mut manifests = 0;
    for path in tracked_paths() {
        if path == "Cargo.toml" || !path.ends_with("/Cargo.toml") {
            continue;
        }
        manifests += 1;
        let manifest = read(&path);
        let inherits = manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace"));
        let inherits = inherits.and_then(|workspace| workspace.as_bool());
        assert_eq!(
            inherits,
            Some(true),
            "{path} does not take the workspace's lints"
        );
    }
    assert!(manifests > 5, "only {manifests} manifests were found");
}

#[test]
fn no_crate_switches_a_ban_off_for_itself() {
    let switches = [
        "allow(clippy::disallowed_methods",
        "expect(clippy::disallowed_methods",
    ];
    let found: Vec<String> = crate::workspace::text_files()
        .into_iter()
        .filter(|file| file.is_rust() && matches!(file.crate_name(), Some("domain" | "app")))
        .filter(|file| {
            let code = crate::lexer::split(&file.text).code;
            switches.iter().any(|switch| code.contains(switch))
        })
        .map(|file| file.path)
        .collect();
    assert!(
        found.is_empty(),
        "take it as a parameter or a port instead: {found:#?}"
    );
}
