//! What every file must have, and what none may contain.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::workspace::{TextFile, root, text_files, tracked_paths};

/// Product lines a source file may have; tests below `mod tests` are not counted.
const LONGEST_FILE: usize = 900;
/// Files that are longer for now, with the length they may not pass. The list only shrinks: a file
/// that has become short enough must leave it.
const LONG_FILES: &[(&str, usize)] = &[];

/// Files that are written by tools.
const GENERATED: &[&str] = &["Cargo.lock"];

/// What no tracked file may contain, and why. Built from halves so that this file is clean itself.
fn forbidden() -> Vec<(String, &'static str)> {
    let registries =
        "a package registry's host: name the package, the reader's client knows where to ask";
    let machine = "a path of somebody's machine";
    let unfinished = "an unfinished piece: finish it or put it in ROADMAP.md";
    let join = |halves: [&str; 2]| halves.concat();
    vec![
        (join(["registry.npm", "js.org"]), registries),
        (join(["pypi", ".org"]), registries),
        (join(["pythonhosted", ".org"]), registries),
        (join(["static.crates", ".io"]), registries),
        (join(["index.crates", ".io"]), registries),
        (join(["deb.debian", ".org"]), registries),
        (join(["/ro", "ot/"]), machine),
        (join(["/wo", "rk/"]), machine),
        (join(["/ho", "me/"]), machine),
        (
            join(["../sha", "red"]),
            "a document that is not part of the repository",
        ),
        (join(["FIX", "ME"]), unfinished),
        (join(["TO", "DO"]), unfinished),
        (join(["XX", "X"]), unfinished),
    ]
}

/// Whether the needle stands in the line; a needle that is a word must stand alone.
fn contains(line: &str, needle: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let is_word = needle.chars().all(char::is_alphanumeric);
    line.match_indices(needle).any(|(index, _)| {
        let before = line[..index].chars().next_back();
        let after = line[index + needle.len()..].chars().next();
        // A path on a machine starts where it is named; inside a longer path it is a folder like any other.
        let free_before = !before.is_some_and(in_word);
        if is_word {
            free_before && !after.is_some_and(in_word)
        } else {
            !needle.starts_with('/') || free_before
        }
    })
}

/// Lines of product code: up to the test module at the end of the file.
fn product_lines(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| {
        pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
    });
    tests.unwrap_or(lines.len())
}

/// Whether the file opens with its `//!` page; inner attributes may stand before it.
fn has_module_page(text: &str) -> bool {
    let mut lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("#!["));
    lines.next().is_some_and(|line| {
        line.strip_prefix("//!")
            .is_some_and(|page| !page.trim().is_empty())
    })
}

/// The migrations of each engine, by file name.
fn migrations(paths: &[String]) -> BTreeMap<String, BTreeSet<String>> {
    let mut engines = BTreeMap::<String, BTreeSet<String>>::new();
    for path in paths {
        let Some(rest) = path.strip_prefix("crates/store/migrations/") else {
            continue;
        };
        if let Some((engine, name)) = rest.split_once('/') {
            engines
                .entry(engine.to_owned())
                .or_default()
                .insert(name.to_owned());
        }
    }
    engines
}

/// `0001_name.sql`.
fn is_migration_name(name: &str) -> bool {
    let Some((number, rest)) = name.split_once('_') else {
        return false;
    };
    number.len() == 4
        && number.bytes().all(|b| b.is_ascii_digit())
        && rest.ends_with(".sql")
        && rest.len() > 4
}

fn rust_files() -> impl Iterator<Item = TextFile> {
    text_files().into_iter().filter(TextFile::is_rust)
}

#[test]
fn no_file_names_a_registry_a_machine_or_unfinished_work() {
    let forbidden = forbidden();
    let mut found = Vec::new();
    for file in text_files() {
        if GENERATED.contains(&file.path.as_str()) {
            continue;
        }
        for (index, line) in file.text.lines().enumerate() {
            let reasons = forbidden
                .iter()
                .filter(|(needle, _)| contains(line, needle));
            found.extend(reasons.map(|(needle, reason)| {
                format!("{}:{}: {needle}: {reason}", file.path, index + 1)
            }));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_module_opens_with_its_page() {
    let bare: Vec<String> = rust_files()
        .filter(|file| file.is_crate_source() || file.path.starts_with("xtask/src/"))
        .filter(|file| !has_module_page(&file.text))
        .map(|file| file.path)
        .collect();
    assert!(
        bare.is_empty(),
        "these modules do not say how they flow (`//!`): {bare:#?}"
    );
}

#[test]
fn files_stay_short_enough_to_read() {
    let exceptions: BTreeMap<_, _> = LONG_FILES.iter().copied().collect();
    for file in
        rust_files().filter(|file| file.is_crate_source() || file.path.starts_with("xtask/src/"))
    {
        let lines = product_lines(&file.text);
        match exceptions.get(file.path.as_str()) {
            None => assert!(
                lines <= LONGEST_FILE,
                "{} has {lines} lines of product code: cut it",
                file.path
            ),
            Some(most) => {
                assert!(
                    lines <= *most,
                    "{} grew to {lines} lines; it may only shrink from {most}",
                    file.path
                );
                assert!(
                    lines > LONGEST_FILE,
                    "{} is short enough now: take it off the list",
                    file.path
                );
            }
        }
    }
    let paths = tracked_paths();
    for (path, _) in LONG_FILES {
        assert!(
            paths.iter().any(|tracked| tracked == path),
            "{path} is gone: take it off the list"
        );
    }
}

#[test]
fn every_migration_exists_for_both_engines() {
    let engines = migrations(&tracked_paths());
    if engines.is_empty() {
        return;
    }
    let names: Vec<&str> = engines.keys().map(String::as_str).collect();
    assert_eq!(names, ["mysql", "sqlite"], "migrations are kept per engine");
    assert_eq!(
        engines["mysql"], engines["sqlite"],
        "each migration is written for both engines"
    );
    for name in &engines["mysql"] {
        assert!(
            is_migration_name(name),
            "{name} is not called NNNN_name.sql"
        );
    }
}

/// Targets of the relative links `[text](target)` of a page, without their fragment.
fn relative_links(text: &str) -> Vec<String> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'));
    let paths = targets.map(|(target, _)| target.split('#').next().unwrap_or_default());
    let relative = paths.filter(|path| !path.is_empty() && !path.contains(':'));
    relative.map(str::to_owned).collect()
}

#[test]
fn pages_link_to_pages_that_exist() {
    let mut broken = Vec::new();
    for file in text_files()
        .into_iter()
        .filter(|file| file.path.ends_with(".md"))
    {
        let folder = root()
            .join(&file.path)
            .parent()
            .map(Path::to_path_buf)
            .unwrap_or_default();
        let links = relative_links(&file.text).into_iter();
        let missing = links.filter(|link| !folder.join(link).exists());
        broken.extend(missing.map(|link| format!("{}: {link}", file.path)));
    }
    assert!(broken.is_empty(), "links to nowhere: {broken:#?}");
}

#[test]
fn no_test_is_switched_off() {
    let attribute = ["#[ign", "ore"].concat();
    let off: Vec<String> = rust_files()
        .filter(|file| file.text.contains(&attribute))
        .map(|file| file.path)
        .collect();
    assert!(
        off.is_empty(),
        "a test that never runs proves nothing: {off:#?}"
    );
}

#[test]
fn words_are_found_alone_and_paths_where_they_start() {
    let word = ["TO", "DO"].concat();
    assert!(contains(&format!("// {word}: later"), &word));
    assert!(!contains("MASTODON", &word));
    let path = ["/wo", "rk/"].concat();
    assert!(contains(&format!("open(\"{path}x\")"), &path));
    assert!(!contains(&format!("crates{path}src"), &path));
}

#[test]
fn a_missing_page_is_noticed() {
    assert!(has_module_page("//! The rules.\n"));
    assert!(has_module_page("#![allow(dead_code)]\n\n//! The rules.\n"));
    assert!(!has_module_page("//!\nuse x;\n"));
    assert!(!has_module_page("use x;\n//! Late.\n"));
    assert!(!has_module_page(""));
}

#[test]
fn tests_at_the_end_are_not_counted_as_product() {
    assert_eq!(product_lines("a\nb\n#[cfg(test)]\nmod tests {\nc\n}\n"), 2);
    assert_eq!(product_lines("a\n#[cfg(test)]\nmod tests;\nb\n"), 4);
}

#[test]
fn relative_links_are_found() {
    let text = "[a](A.md#part) and [b](https://example.com/x) [c](#here) [d](docs/d.md)";
    assert_eq!(relative_links(text), ["A.md", "docs/d.md"]);
}

#[test]
fn migration_names_are_numbered() {
    assert!(is_migration_name("0001_ledger.sql"));
    for bad in [
        "1_ledger.sql",
        "0001_.sql",
        "0001-ledger.sql",
        "0001_ledger.txt",
        "ledger.sql",
    ] {
        assert!(!is_migration_name(bad), "{bad}");
    }
    let engines = migrations(&[
        "crates/store/migrations/mysql/0001_a.sql".to_owned(),
        "crates/store/src/lib.rs".to_owned(),
    ]);
    assert_eq!(engines.len(), 1);
    assert!(engines["mysql"].contains("0001_a.sql"));
}
