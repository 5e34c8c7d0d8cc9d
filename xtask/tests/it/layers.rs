//! Who may depend on whom, and on what from outside.
//!
//! ```text
//!               pixwave  (knows everybody, is known by nobody)
//! api  web  store  gateways  platform     sandbox (meets gateways only on the wire)
//!   └───┴─────┴───────┴─────────┘            │
//!              app                           │
//!               └──────── domain ────────────┘   testkit: development only
//! ```

use std::collections::BTreeSet;

use serde_json::Value;

use crate::workspace::{cargo, output_of};

/// A crate of ours and the crates of ours it may use: in its product code, and in its tests besides.
struct Layer {
    name: &'static str,
    uses: &'static [&'static str],
    tests_use: &'static [&'static str],
}

const LAYERS: &[Layer] = &[
    Layer {
        name: "domain",
        uses: &[],
        tests_use: &[],
    },
    Layer {
        name: "app",
        uses: &["domain"],
        tests_use: &["testkit"],
    },
    Layer {
        name: "store",
        uses: &["app", "domain"],
        tests_use: &["testkit"],
    },
    Layer {
        name: "gateways",
        uses: &["app", "domain"],
        tests_use: &["sandbox", "testkit"],
    },
    Layer {
        name: "platform",
        uses: &["app", "domain"],
        tests_use: &["testkit"],
    },
    Layer {
        name: "sim",
        uses: &["app", "domain"],
        tests_use: &["store"],
    },
    Layer {
        name: "sandbox",
        uses: &["domain"],
        tests_use: &["testkit"],
    },
    Layer {
        name: "api",
        uses: &["app", "domain"],
        tests_use: &["testkit"],
    },
    Layer {
        name: "web",
        uses: &["app", "domain"],
        tests_use: &["testkit"],
    },
    Layer {
        name: "pixwave",
        uses: &[
            "domain", "app", "store", "gateways", "platform", "sandbox", "api", "web", "sim",
        ],
        tests_use: &["testkit"],
    },
    Layer {
        name: "testkit",
        uses: &["domain", "app"],
        tests_use: &[],
    },
    Layer {
        name: "xtask",
        uses: &[],
        tests_use: &[],
    },
];

/// The only outside crates the rules may use: nothing that does I/O, waits, serializes, logs, draws
/// randomness or reads a clock.
const DOMAIN_MAY_USE: &[&str] = &["thiserror", "unicode-normalization"];
const DOMAIN_TESTS_MAY_USE: &[&str] = &["proptest"];

/// Databases: `store` alone links them.
const DATABASES: &[&str] = &["rusqlite", "mysql_async", "sqlx", "diesel", "sea-orm"];
/// HTTP, client side and server side.
const HTTP: &[&str] = &[
    "axum",
    "hyper",
    "hyper-util",
    "reqwest",
    "http",
    "http-body-util",
    "tower",
    "tower-http",
    "utoipa",
    "utoipa-axum",
];
/// Of these the server side, and what lies below the client.
const HTTP_BUT_A_CLIENT: &[&str] = &[
    "axum",
    "hyper",
    "hyper-util",
    "http",
    "http-body-util",
    "tower",
    "tower-http",
    "utoipa",
    "utoipa-axum",
];
/// Sockets and TLS below HTTP.
const TRANSPORT: &[&str] = &["rustls", "tokio-rustls", "rcgen", "p12-keystore"];
/// Rented services.
const PLATFORM: &[&str] = &["redis", "aws-sdk-sns", "aws-sdk-sqs", "aws-config"];
/// Where settings are parsed and logs are written out: the program.
const PROGRAM: &[&str] = &["clap", "dotenvy", "tracing-subscriber"];

const BANNED: &[(&str, &[&[&str]])] = &[
    (
        "app",
        &[
            DATABASES,
            HTTP,
            TRANSPORT,
            PLATFORM,
            PROGRAM,
            &["tokio-util", "rand", "rand_chacha"],
        ],
    ),
    ("store", &[HTTP, PLATFORM, PROGRAM]),
    (
        "gateways",
        &[DATABASES, PLATFORM, PROGRAM, &["axum", "rcgen"]],
    ),
    ("platform", &[DATABASES, HTTP_BUT_A_CLIENT, PROGRAM]),
    ("sandbox", &[DATABASES, PLATFORM, PROGRAM]),
    (
        "api",
        &[DATABASES, PLATFORM, PROGRAM, TRANSPORT, &["reqwest"]],
    ),
    (
        "web",
        &[DATABASES, PLATFORM, PROGRAM, TRANSPORT, &["reqwest"]],
    ),
    ("pixwave", &[DATABASES, PLATFORM]),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Product,
    Test,
}

struct Dependency {
    of: String,
    on: String,
    kind: Kind,
    features: Vec<String>,
    ours: bool,
}

fn metadata() -> Value {
    let arguments = [
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ];
    serde_json::from_str(&output_of(&cargo(), &arguments)).expect("cargo metadata prints JSON")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn crate_names() -> Vec<String> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages is a list");
    packages
        .iter()
        .map(|package| text(&package["name"]))
        .collect()
}

fn dependencies() -> Vec<Dependency> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages is a list");
    let edges = packages.iter().flat_map(|package| {
        let entries = package["dependencies"]
            .as_array()
            .expect("dependencies is a list");
        entries.iter().map(move |entry| Dependency {
            of: text(&package["name"]),
            on: text(&entry["name"]),
            kind: if entry["kind"] == "dev" {
                Kind::Test
            } else {
                Kind::Product
            },
            features: entry["features"]
                .as_array()
                .into_iter()
                .flatten()
                .map(text)
                .collect(),
            ours: !entry["path"].is_null(),
        })
    });
    edges.collect()
}

/// One line per edge that the tables refuse.
fn refused(dependencies: &[Dependency]) -> Vec<String> {
    dependencies
        .iter()
        .filter(|edge| !allowed(edge))
        .map(|edge| format!("{} -> {}", edge.of, edge.on))
        .collect()
}

fn allowed(edge: &Dependency) -> bool {
    let on = edge.on.as_str();
    if edge.ours {
        return LAYERS
            .iter()
            .filter(|layer| layer.name == edge.of)
            .any(|layer| {
                layer.uses.contains(&on)
                    || (edge.kind == Kind::Test && layer.tests_use.contains(&on))
            });
    }
    if edge.of == "domain" {
        return DOMAIN_MAY_USE.contains(&on)
            || (edge.kind == Kind::Test && DOMAIN_TESTS_MAY_USE.contains(&on));
    }
    edge.kind == Kind::Test
        || !BANNED
            .iter()
            .filter(|(name, _)| *name == edge.of)
            .any(|(_, lists)| lists.iter().any(|list| list.contains(&on)))
}

#[test]
fn every_crate_has_a_layer() {
    let known: BTreeSet<&str> = LAYERS.iter().map(|layer| layer.name).collect();
    let names = crate_names();
    let unknown: Vec<_> = names
        .iter()
        .filter(|name| !known.contains(name.as_str()))
        .collect();
    assert!(
        unknown.is_empty(),
        "give {unknown:?} a row in LAYERS: who may they know?"
    );
}

#[test]
fn dependencies_point_inwards_only() {
    let dependencies = dependencies();
    assert!(
        dependencies.len() > 20,
        "cargo metadata told of almost no dependency"
    );
    assert_eq!(
        refused(&dependencies),
        Vec::<String>::new(),
        "these dependencies cross a wall"
    );
}

#[test]
fn the_use_cases_take_only_channels_from_tokio() {
    let features: BTreeSet<String> = dependencies()
        .into_iter()
        .filter(|edge| edge.of == "app" && edge.on == "tokio" && edge.kind == Kind::Product)
        .flat_map(|edge| edge.features)
        .filter(|feature| feature != "sync" && feature != "macros")
        .collect();
    assert!(
        features.is_empty(),
        "app takes {features:?} of tokio: tasks, time and sockets are ports"
    );
}

#[test]
fn a_crossed_wall_is_noticed() {
    let edge = |of: &str, on: &str, kind, ours| Dependency {
        of: of.to_owned(),
        on: on.to_owned(),
        kind,
        features: Vec::new(),
        ours,
    };
    let bad = [
        edge("domain", "app", Kind::Product, true),
        edge("domain", "serde", Kind::Product, false),
        edge("domain", "tokio", Kind::Test, false),
        edge("app", "store", Kind::Product, true),
        edge("app", "rusqlite", Kind::Product, false),
        edge("api", "store", Kind::Test, true),
        edge("api", "gateways", Kind::Product, true),
        edge("web", "store", Kind::Product, true),
        edge("web", "api", Kind::Product, true),
        edge("web", "rusqlite", Kind::Product, false),
        edge("store", "gateways", Kind::Product, true),
        edge("platform", "store", Kind::Product, true),
        edge("api", "platform", Kind::Test, true),
        edge("pixwave", "redis", Kind::Product, false),
        edge("gateways", "sandbox", Kind::Product, true),
        edge("sandbox", "gateways", Kind::Test, true),
        edge("pixwave", "testkit", Kind::Product, true),
        edge("newcomer", "domain", Kind::Product, true),
    ];
    assert_eq!(refused(&bad).len(), bad.len());
    let good = [
        edge("domain", "proptest", Kind::Test, false),
        edge("gateways", "sandbox", Kind::Test, true),
        edge("pixwave", "testkit", Kind::Test, true),
        edge("store", "rusqlite", Kind::Product, false),
        edge("sandbox", "domain", Kind::Product, true),
    ];
    assert_eq!(refused(&good), Vec::<String>::new());
}
