//! Each bad value names its variable, secrets stay unseen, and `.env.example` tells the truth.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use domain::gateway::Gateway;
use domain::time::Span;

use super::*;
use crate::testing::Folder;

const EXAMPLE: &str = include_str!("../../../../.env.example");

fn read(variables: &[(&str, &str)]) -> Result<Config, Problems> {
    let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
    Config::read(&|name| variables.get(name).map(|value| (*value).to_owned()))
}

/// The variables that are wrong, sorted.
fn blamed(variables: &[(&str, &str)]) -> Vec<String> {
    let Err(Problems(problems)) = read(variables) else {
        return Vec::new();
    };
    let mut names: Vec<String> = problems
        .into_iter()
        .map(|problem| problem.variable)
        .collect();
    names.sort();
    names
}

#[test]
fn nothing_set_is_the_embedded_mode() {
    let config = read(&[]).unwrap();
    assert!(config.is_embedded() && config.keeps_own_key());
    assert_eq!(config.http.address().to_string(), "127.0.0.1:8080");
    assert_eq!(config.database.shown(), "sqlite:pixwave.db");
    assert!(config.database.durability_required);
    assert_eq!(config.settings.primary_payout, Gateway::Efi);
    assert_eq!(config.settings.in_doubt_deadline, Span::from_seconds(900));
}

#[test]
fn each_bad_value_names_its_variable() {
    for (name, value) in [
        ("HTTP_HOST", "example.com"),
        ("HTTP_PORT", "65536"),
        ("PUBLIC_URL", "http://example.com"),
        ("DB_CONNECTION", "oracle"),
        ("DB_PORT", "-1"),
        ("DB_DURABILITY", "maybe"),
        ("DB_POOL_SIZE", "0"),
        ("DB_POOL_SIZE", "1001"),
        ("DB_ACQUIRE_TIMEOUT", "0s"),
        ("DB_TLS", "preferred"),
        ("DB_TLS_CA", "/nonexistent/ca.pem"),
        ("DATABASE_URL", "mysql://u@h/db?require_ssl=true"),
        ("DRAIN_DELAY", "21s"),
        ("CHECK_INTERVAL", "0s"),
        ("SANDBOX_HOST", "a host"),
        ("SANDBOX_WEBHOOK_URL", "payments:8080"),
        ("DATABASE_URL", "postgres://u:p@h/db"),
        ("REDIS_URL", "memcached://cache"),
        ("APP_KEY", "not a key"),
        ("APP_KEY_FILE", "/nonexistent/key"),
        ("PRIMARY_GATEWAY", "stripe"),
        ("PRIMARY_GATEWAY_PAYOUT", "Efi"),
        ("PRIMARY_GATEWAY_CHARGE", "mp"),
        ("GERENCIANET_BASE_URL", "http://127.0.0.1:1"),
        ("GERENCIANET_WEBHOOK_SECRET", "short"),
        ("MERCADOPAGO_BASE_URL", "ftp://example.com"),
        ("MERCADOPAGO_PAYOUT_API", "carrier_pigeon"),
        ("MERCADOPAGO_SIGNING_KEY", "AAAA"),
        ("MERCADOPAGO_PIX_KEY", "not a key"),
        ("ACCOUNT_HOLDER_TAX_ID", "11222333000180"),
        ("GATEWAY_CONNECT_TIMEOUT", "0s"),
        ("GATEWAY_TIMEOUT", "long"),
        ("SEND_TRIES", "0"),
        ("SEND_RETRY_DELAY", "soon"),
        ("SANDBOX_EFI_PORT", "x"),
        ("SANDBOX_MERCADO_PAGO_PORT", "70000"),
        ("DISPATCH_EPOCH", "after the restore"),
        ("QUEUED_DEADLINE", "1w"),
        ("SENDING_DEADLINE", "-1s"),
        ("ACCEPTED_DEADLINE", "h"),
        ("IN_DOUBT_DEADLINE", "15 minutes"),
        ("CREATING_DEADLINE", "1.5h"),
        ("CHARGE_LOOK_INTERVAL", "0s"),
        ("FLOAT_WAIT", "never"),
        ("FLOAT_ARRIVAL_WAIT", "0s"),
        ("MAX_IN_DOUBT_CENTS", "10.00"),
        ("LIMIT_PER_TRANSACTION_CENTS", "0"),
        ("LIMIT_PER_DAY_CENTS", "-5"),
        ("LIMIT_PER_NIGHT_CENTS", "R$ 1"),
        ("JOBS_AT_ONCE", "many"),
        ("LOG_FORMAT", "xml"),
        ("RUST_LOG", "a=b=c"),
    ] {
        assert_eq!(blamed(&[(name, value)]), [name], "{name}={value}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let wrong = [("HTTP_PORT", "x"), ("LOG_FORMAT", "x"), ("FLOAT_WAIT", "x")];
    assert_eq!(blamed(&wrong), ["FLOAT_WAIT", "HTTP_PORT", "LOG_FORMAT"]);
}

#[test]
fn secrets_are_not_shown() {
    let secret = "hunter2hunter2";
    for name in [
        "APP_KEY",
        "DATABASE_URL",
        "MERCADOPAGO_SIGNING_KEY",
        "REDIS_URL",
    ] {
        let problems = read(&[(name, secret)]).unwrap_err().to_string();
        assert!(
            problems.starts_with(name) && !problems.contains("hunter2"),
            "{problems}"
        );
    }
    let config = read(&[
        ("DATABASE_URL", "mysql://u:hunter2@h:1/db"),
        ("APP_KEY", &key()),
        ("GERENCIANET_WEBHOOK_SECRET", "hunter2hunter2hunter2"),
        ("REDIS_URL", "rediss://u:hunter2@cache/1"),
    ])
    .unwrap();
    let shown = format!("{config:?} {}", config.database.shown());
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_eq!(config.database.shown(), "mysql://h:1/db");
    assert_eq!(config.redis.unwrap().shown(), "rediss://cache:6379/1");
}

#[test]
fn the_address_of_hints_stands_in_a_variable_or_a_file_and_is_not_needed() {
    assert!(read(&[]).unwrap().redis.is_none());
    let folder = Folder::new();
    let path = folder.path().join("redis").display().to_string();
    std::fs::write(&path, "redis+cluster://a:1,b:2\n").unwrap();
    let config = read(&[("REDIS_URL_FILE", &path)]).unwrap();
    assert_eq!(config.redis.unwrap().shown(), "redis+cluster://a:1,b:2");
    let problems = read(&[("REDIS_URL", "redis+sentinel://:hunter2@a")]).unwrap_err();
    let problems = problems.to_string();
    assert!(
        problems.starts_with("REDIS_URL") && problems.contains("/service"),
        "{problems}"
    );
    assert!(!problems.contains("hunter2"), "{problems}");
}

fn key() -> String {
    Keyring::generate(&mut |buffer| buffer.fill(7))
}

#[test]
fn a_secret_may_stand_in_a_file() {
    let folder = Folder::new();
    let path = folder.path().join("key");
    std::fs::write(&path, format!("{}\n", key())).unwrap();
    let path = path.display().to_string();
    let config = read(&[("APP_KEY_FILE", &path)]).unwrap();
    assert_eq!(config.app_key.unwrap().expose_secret(), key());
    assert_eq!(
        blamed(&[("APP_KEY_FILE", &path), ("APP_KEY", &key())]),
        ["APP_KEY_FILE"]
    );
    std::fs::write(&path, "\n").unwrap();
    assert_eq!(blamed(&[("APP_KEY_FILE", &path)]), ["APP_KEY_FILE"]);
}

#[test]
fn mysql_comes_from_its_parts_or_from_one_address() {
    let parts = [
        ("DB_CONNECTION", "mysql"),
        ("DB_HOST", "db"),
        ("DB_DATABASE", "wallet"),
        ("DB_USERNAME", "app"),
        ("DB_PASSWORD", "p@ss:w/rd"),
        ("APP_KEY", &key()),
    ];
    let config = read(&parts).unwrap();
    let url = config.database.url.expose_secret();
    assert_eq!(url, "mysql://app:p%40ss%3Aw%2Frd@db:3306/wallet");
    let with_address = [&parts[..], &[("DATABASE_URL", "sqlite:a.db")]].concat();
    assert_eq!(read(&with_address).unwrap().database.shown(), "sqlite:a.db");
    assert_eq!(
        blamed(&[("DB_CONNECTION", "mysql")]),
        ["APP_KEY", "DB_DATABASE", "DB_USERNAME"]
    );
}

#[test]
fn the_way_to_another_machine_is_verified_unless_told_otherwise() {
    use store::MysqlTls;
    let folder = Folder::new();
    let authority = folder.path().join("ca.pem").display().to_string();
    let pem = "-----BEGIN CERTIFICATE-----\n";
    std::fs::write(&authority, pem).unwrap();
    let key = key();
    let read = |host: &str, more: &[(&str, &str)]| {
        let url = format!("mysql://u:p@{host}/db");
        let base = [("DATABASE_URL", url.as_str()), ("APP_KEY", &key)];
        let config = read(&[&base[..], more].concat());
        config.map(|config| config.database.mysql.tls)
    };
    let verified = |pem: Option<&str>| {
        Ok(MysqlTls::Verified {
            authorities: pem.map(|pem| pem.as_bytes().to_vec()),
        })
    };
    for here in ["127.0.0.1:3306", "localhost", "[::1]:3306", "127.9.9.9"] {
        assert_eq!(read(here, &[]), Ok(MysqlTls::Off), "{here}");
    }
    for away in ["db", "10.0.0.7:3306", "db.example.com:3306"] {
        assert_eq!(read(away, &[]), verified(None), "{away}");
    }
    let ca = ("DB_TLS_CA", authority.as_str());
    assert_eq!(read("db", &[ca]), verified(Some(pem)));
    assert_eq!(read("localhost", &[ca]), verified(Some(pem)));
    assert_eq!(read("db", &[("DB_TLS", "off")]), Ok(MysqlTls::Off));
    let required = ("DB_TLS", "required");
    assert_eq!(read("db", &[required]), Ok(MysqlTls::Encrypted));
    let Problems(problems) = read("db", &[required, ca]).unwrap_err();
    assert_eq!(problems[0].variable, "DB_TLS_CA");
    std::fs::write(&authority, "nothing").unwrap();
    let Problems(problems) = read("db", &[ca]).unwrap_err();
    assert!(problems[0].found.contains("holds no certificate"));
}

#[test]
fn only_a_file_with_the_sandbox_makes_its_own_key() {
    assert_eq!(blamed(&[("DATABASE_URL", "mysql://u@h:1/db")]), ["APP_KEY"]);
    assert!(
        read(&[("DATABASE_URL", "sqlite::memory:")])
            .unwrap()
            .keeps_own_key()
    );
}

#[test]
fn credentials_of_one_gateway_ask_for_all_of_both() {
    let of_efi = [
        "GERENCIANET_CERTIFICATE",
        "GERENCIANET_CLIENT_ID",
        "GERENCIANET_CLIENT_SECRET",
        "GERENCIANET_PIX_KEY",
        "GERENCIANET_WEBHOOK_SECRET",
    ];
    let missing = blamed(&[("MERCADOPAGO_ACCESS_TOKEN", "t"), ("APP_KEY", &key())]);
    assert_eq!(
        missing,
        [&of_efi[..], &["MERCADOPAGO_WEBHOOK_SECRET"]].concat()
    );
    let missing = blamed(&[("GERENCIANET_CLIENT_ID", "c"), ("APP_KEY", &key())]);
    assert!(
        missing.contains(&"MERCADOPAGO_ACCESS_TOKEN".to_owned()),
        "{missing:?}"
    );
    assert!(
        !missing.contains(&"GERENCIANET_CLIENT_ID".to_owned()),
        "{missing:?}"
    );
}

#[test]
fn a_certificate_is_read_at_the_start() {
    let folder = Folder::new();
    let path = folder.path().join("certificate.pem").display().to_string();
    let complain = |path: &str| {
        let key = key();
        let variables = [
            ("GERENCIANET_CLIENT_ID", "c"),
            ("GERENCIANET_CERTIFICATE", path),
            ("APP_KEY", &key),
        ];
        let Problems(problems) = read(&variables).unwrap_err();
        let of = |problem: &&Problem| problem.variable == "GERENCIANET_CERTIFICATE";
        problems.iter().find(of).unwrap().to_string()
    };
    assert!(complain(&path).contains("cannot be read"));
    std::fs::write(&path, "-----BEGIN NOTHING-----").unwrap();
    assert!(complain(&path).contains("holds no certificate"));
}

#[test]
fn one_preference_sets_both_operations_and_the_finer_one_wins() {
    let config = read(&[
        ("PRIMARY_GATEWAY", "mercado_pago"),
        ("PRIMARY_GATEWAY_CHARGE", "gerencianet"),
    ])
    .unwrap();
    assert_eq!(config.settings.primary_payout, Gateway::MercadoPago);
    assert_eq!(config.settings.primary_charge, Gateway::Efi);
}

#[test]
fn webhooks_reach_private_targets_only_in_development_or_when_told() {
    let allowed = |pairs: &[(&str, &str)]| read(pairs).unwrap().settings.webhooks.allow_private;
    assert!(allowed(&[]), "the sandbox on this machine alone");
    assert!(!allowed(&[("HTTP_HOST", "0.0.0.0")]));
    assert!(!allowed(&[("WEBHOOK_ALLOW_PRIVATE", "false")]));
    assert!(allowed(&[
        ("HTTP_HOST", "0.0.0.0"),
        ("WEBHOOK_ALLOW_PRIVATE", "true")
    ]));
    for (name, value) in [
        ("WEBHOOK_ALLOW_PRIVATE", "yes"),
        ("WEBHOOK_RETENTION", "2d"),
        ("WEBHOOKS_AT_ONCE", "0"),
    ] {
        assert_eq!(blamed(&[(name, value)]), [name]);
    }
}

#[test]
fn a_lease_outlives_a_call_of_any_configured_length() {
    let config = read(&[("GATEWAY_TIMEOUT", "2m"), ("GATEWAY_CONNECT_TIMEOUT", "5s")]).unwrap();
    assert!(config.settings.call_limit >= Span::from_seconds(250));
    assert!(config.settings.circuit.place_lease > config.settings.call_limit);
}

/// The variables that reading asks for, without the `NAME_FILE` twins.
fn asked_for() -> BTreeSet<String> {
    let asked = RefCell::new(BTreeSet::new());
    // Any result will do: every variable is read whatever the others say.
    let _any = Config::read(&|name| {
        asked.borrow_mut().insert(name.to_owned());
        None
    });
    let all = asked.into_inner();
    let is_twin = |name: &String| {
        name.strip_suffix("_FILE")
            .is_some_and(|name| all.contains(name))
    };
    all.iter().filter(|name| !is_twin(name)).cloned().collect()
}

#[test]
fn the_example_documents_exactly_what_is_read() {
    let assigned = |line: &str| {
        let (name, _) = line.trim_start_matches(['#', ' ']).split_once('=')?;
        let plain = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
        (!name.is_empty() && name.bytes().all(plain)).then(|| name.to_owned())
    };
    let documented: Vec<String> = EXAMPLE.lines().filter_map(assigned).collect();
    let once: BTreeSet<String> = documented.iter().cloned().collect();
    assert_eq!(documented.len(), once.len(), "a variable stands twice");
    assert_eq!(once, asked_for());
    let reference = include_str!("../../../../docs/CONFIGURATION.md");
    for name in &once {
        assert!(
            reference.contains(&format!("`{name}`")),
            "{name} is not in CONFIGURATION.md"
        );
    }
}

#[test]
fn the_values_of_the_example_can_be_used() {
    let lines = EXAMPLE.lines().filter_map(|line| {
        let (name, value) = line.strip_prefix("# ")?.split_once('=')?;
        (!name.contains(' ') && !name.contains("CERTIFICATE")).then_some((name, value))
    });
    let lines: Vec<(&str, &str)> = lines.collect();
    assert!(lines.len() > 30);
    assert_eq!(blamed(&lines), Vec::<String>::new());
}

#[test]
fn a_dot_env_file_is_optional_and_never_quoted() {
    let folder = Folder::new();
    let path = folder.path().join(".env");
    assert!(dot_env(&path).unwrap().is_empty());
    std::fs::write(&path, "HTTP_PORT=81\n# comment\nLOG_FORMAT=json\n").unwrap();
    assert_eq!(dot_env(&path).unwrap()["HTTP_PORT"], "81");
    std::fs::write(&path, "HTTP_PORT=81\nAPP_KEY 'hunter2\n").unwrap();
    let problem = dot_env(&path).unwrap_err().to_string();
    assert!(
        problem.contains(".env") && !problem.contains("hunter2"),
        "{problem}"
    );
}
