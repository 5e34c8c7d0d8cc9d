//! `deny.toml`, enforced without cargo-deny: bans, sources and licences of everything that is built.
//!
//! `cargo metadata` lists crates behind switched-off features; `cargo tree` resolves features for one
//! platform and so tells what is really compiled, tests and build scripts included.

use toml_edit::{DocumentMut, Item, Value};

use crate::workspace::{cargo, output_of, root};

const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// A crate that is built.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Built {
    name: String,
    version: String,
    /// The SPDX expression, or empty.
    license: String,
    /// Where it comes from when not from the default registry, as cargo prints it in parentheses.
    source: String,
}

/// One entry of `bans.deny`: every version, or those below a bound.
struct Ban {
    name: String,
    below: Option<Vec<u64>>,
    reason: String,
}

fn policy() -> DocumentMut {
    let text = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml is at the root");
    text.parse().expect("deny.toml is TOML")
}

fn bans(policy: &DocumentMut) -> Vec<Ban> {
    let entries = policy["bans"]["deny"]
        .as_array()
        .expect("bans.deny is a list");
    entries
        .iter()
        .map(|entry| {
            ban(entry).expect("an entry is { crate = \"name\" or \"name@<bound\", reason }")
        })
        .collect()
}

fn ban(entry: &Value) -> Option<Ban> {
    let table = entry.as_inline_table()?;
    let specification = table.get("crate")?.as_str()?;
    let reason = table.get("reason")?.as_str()?.to_owned();
    let (name, below) = match specification.split_once('@') {
        None => (specification, None),
        Some((name, bound)) => (name, Some(numbers(bound.strip_prefix('<')?)?)),
    };
    Some(Ban {
        name: name.to_owned(),
        below,
        reason,
    })
}

/// `0.103.13` as numbers; a pre-release or build suffix is left off.
fn numbers(version: &str) -> Option<Vec<u64>> {
    let end = version.find(['-', '+']).unwrap_or(version.len());
    let mut numbers = version[..end]
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<Vec<u64>>>()?;
    numbers.resize(3, 0);
    Some(numbers)
}

fn allowed_licenses(policy: &DocumentMut) -> Vec<String> {
    let list = policy["licenses"]["allow"]
        .as_array()
        .expect("licenses.allow is a list");
    list.iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn built() -> Vec<Built> {
    let arguments = [
        "tree",
        "--workspace",
        "--offline",
        "--locked",
        "--target",
        PLATFORM,
        "--edges",
        "normal,build,dev",
        "--prefix",
        "none",
        "--no-dedupe",
        "--format",
        "{p}|{l}",
    ];
    let mut built: Vec<Built> = output_of(&cargo(), &arguments)
        .lines()
        .filter_map(parse)
        .collect();
    built.sort();
    built.dedup();
    built
}

/// `name v1.2.3 (source)|license`; the note `(proc-macro)` is not a source.
fn parse(line: &str) -> Option<Built> {
    let (package, license) = line.trim_end_matches(" (*)").split_once('|')?;
    let mut words = package.splitn(3, ' ');
    let name = words.next()?.to_owned();
    let version = words.next()?.strip_prefix('v')?.to_owned();
    let source = words.next().unwrap_or_default().replace("(proc-macro)", "");
    Some(Built {
        name,
        version,
        license: license.trim().to_owned(),
        source: source.trim().to_owned(),
    })
}

fn is_ours(built: &Built) -> bool {
    built.source.starts_with('(') && !built.source.contains("://")
}

fn offence(built: &Built, bans: &[Ban], licenses: &[String]) -> Option<String> {
    let name = format!("{} {}", built.name, built.version);
    if let Some(ban) = bans.iter().find(|ban| is_banned(built, ban)) {
        return Some(format!("{name}: {}", ban.reason));
    }
    if is_ours(built) {
        return None;
    }
    if !built.source.is_empty() {
        return Some(format!("{name}: comes from {}", built.source));
    }
    let permitted = Expression::permits(&built.license, licenses);
    (!permitted).then(|| format!("{name}: licence {:?}", built.license))
}

fn is_banned(built: &Built, ban: &Ban) -> bool {
    built.name == ban.name
        && ban
            .below
            .as_ref()
            .is_none_or(|bound| numbers(&built.version).is_none_or(|version| version < *bound))
}

/// An SPDX expression, judged while it is read: `OR` needs one side, `AND` both.
struct Expression<'a> {
    tokens: Vec<String>,
    position: usize,
    allowed: &'a [String],
}

impl<'a> Expression<'a> {
    fn permits(text: &str, allowed: &'a [String]) -> bool {
        let spaced = text
            .replace('(', " ( ")
            .replace(')', " ) ")
            .replace('/', " OR ");
        let tokens = spaced.split_whitespace().map(str::to_owned).collect();
        let mut expression = Self {
            tokens,
            position: 0,
            allowed,
        };
        let verdict = expression.alternatives();
        verdict && expression.position == expression.tokens.len()
    }

    fn accept(&mut self, token: &str) -> bool {
        let found = self
            .tokens
            .get(self.position)
            .is_some_and(|next| next == token);
        self.position += usize::from(found);
        found
    }

    fn alternatives(&mut self) -> bool {
        let mut verdict = self.conjunction();
        while self.accept("OR") {
            verdict |= self.conjunction();
        }
        verdict
    }

    fn conjunction(&mut self) -> bool {
        let mut verdict = self.term();
        while self.accept("AND") {
            verdict &= self.term();
        }
        verdict
    }

    fn term(&mut self) -> bool {
        if self.accept("(") {
            let verdict = self.alternatives();
            return self.accept(")") && verdict;
        }
        let Some(mut license) = self.tokens.get(self.position).cloned() else {
            // Something is missing: no position past the end equals the length, so all is refused.
            self.position = self.tokens.len() + 1;
            return false;
        };
        self.position += 1;
        if self.accept("WITH") {
            let exception = self.tokens.get(self.position).cloned().unwrap_or_default();
            self.position += 1;
            license = format!("{license} WITH {exception}");
        }
        self.allowed.contains(&license)
    }
}

#[test]
fn everything_built_is_permitted() {
    let policy = policy();
    let (bans, licenses) = (bans(&policy), allowed_licenses(&policy));
    let built = built();
    assert!(
        built.len() > 100,
        "cargo tree told of {} crates only",
        built.len()
    );
    let offences: Vec<String> = built
        .iter()
        .filter_map(|built| offence(built, &bans, &licenses))
        .collect();
    assert!(offences.is_empty(), "deny.toml refuses: {offences:#?}");
}

#[test]
fn no_manifest_asks_for_any_version_or_a_git_source() {
    let manifest =
        std::fs::read_to_string(root().join("Cargo.toml")).expect("the root manifest is there");
    let manifest: DocumentMut = manifest.parse().expect("the root manifest is TOML");
    let dependencies = manifest["workspace"]["dependencies"]
        .as_table()
        .expect("dependencies are listed");
    for (name, item) in dependencies {
        let field = |key: &str| item.get(key).and_then(Item::as_str);
        let version = item.as_str().or_else(|| field("version"));
        assert!(field("git").is_none(), "{name} comes from git");
        assert!(version != Some("*"), "{name} takes any version");
        assert!(
            version.is_some() || field("path").is_some(),
            "{name} has no version"
        );
    }
}

#[test]
fn licence_expressions_are_read() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
    for good in [
        "MIT",
        "GPL-3.0 OR MIT",
        "MIT/GPL-3.0",
        "ISC AND (GPL-3.0 OR MIT)",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(Expression::permits(good, &allowed), "{good}");
    }
    for bad in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "Apache-2.0",
        "(MIT",
        "MIT MIT",
        "MIT OR",
        "ISC AND (GPL-3.0 OR BSD)",
    ] {
        assert!(!Expression::permits(bad, &allowed), "{bad}");
    }
}

#[test]
fn bans_bounds_and_sources_are_noticed() {
    let policy = policy();
    let (bans, licenses) = (bans(&policy), allowed_licenses(&policy));
    let crate_ = |line: &str| parse(line).expect("a line of cargo tree");
    for bad in [
        "openssl v0.10.0|MIT",
        "rustls v0.22.4|MIT",
        "lru v0.18.1|MIT",
        "fine v1.0.0|GPL-3.0",
        "fine v1.0.0|",
        "fine v1.0.0 (https://example.com/fine?rev=1#1)|MIT",
    ] {
        assert!(offence(&crate_(bad), &bans, &licenses).is_some(), "{bad}");
    }
    for good in [
        "rustls v0.23.0|MIT",
        "lru v0.18.2|MIT",
        "derive v1.0.0 (proc-macro)|MIT",
        "store v0.1.0 (/x/crates/store)|Apache-2.0",
    ] {
        assert_eq!(offence(&crate_(good), &bans, &licenses), None, "{good}");
    }
}
