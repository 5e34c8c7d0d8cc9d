//! What a suite needs from the system: looked for, and on Debian as root installed.

use std::os::unix::fs::MetadataExt;
use std::sync::Once;

use crate::process::{command, run};

/// Something a suite needs: a shell test that tells whether it is there, and the Debian packages
/// that bring it.
pub struct Need {
    pub test: &'static str,
    pub packages: &'static [&'static str],
}

pub const MARIADB: Need = Need {
    test: "command -v mariadbd && command -v mariadb-install-db",
    packages: &["mariadb-server-core", "mariadb-client-core"],
};
pub const REDIS: Need = Need {
    test: "command -v redis-server && command -v redis-cli",
    packages: &["redis-server", "redis-tools"],
};
pub const CURL: Need = Need {
    test: "command -v curl",
    packages: &["curl", "ca-certificates"],
};
pub const JQ: Need = Need {
    test: "command -v jq",
    packages: &["jq"],
};
pub const NODE: Need = Need {
    test: "command -v node && command -v npm",
    packages: &["nodejs", "npm"],
};
pub const CHROMIUM: Need = Need {
    test: "test -x /usr/bin/chromium",
    packages: &["chromium"],
};
pub const PYTHON: Need = Need {
    test: "python3 -c 'import venv, ensurepip'",
    packages: &["python3", "python3-venv"],
};
pub const FAKETIME: Need = Need {
    test: "test -e /usr/lib/*/faketime/libfaketimeMT.so.1",
    packages: &["libfaketime"],
};

/// Makes sure that all needs are met; otherwise says what is missing and how to get it.
pub fn ensure(needs: &[Need]) -> Result<(), String> {
    let packages = missing(needs);
    if packages.is_empty() {
        return Ok(());
    }
    let list = packages.join(" ");
    let by_hand = format!("missing; as root: apt-get install --no-install-recommends {list}");
    if !is_root() || !holds("command -v apt-get") {
        return Err(by_hand);
    }
    apt_install(&packages);
    let missing = missing(needs);
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "apt-get did not bring {}; {by_hand}",
            missing.join(" ")
        ))
    }
}

/// Makes sure that a component of the Rust toolchain is there.
pub fn ensure_component(subcommand: &str, component: &str) -> Result<(), String> {
    let test = format!("cargo {subcommand} --version");
    if !holds(&test) {
        let added = run(command("rustup").args(["component", "add", component]));
        if !added.is_ok_and(|output| output.success) || !holds(&test) {
            return Err(format!("missing; run: rustup component add {component}"));
        }
    }
    Ok(())
}

/// Whether a shell test succeeds.
pub fn holds(test: &str) -> bool {
    let status = command("sh")
        .args(["-c", &format!("{{ {test}; }} >/dev/null 2>&1")])
        .status();
    status.is_ok_and(|status| status.success())
}

/// Whether we are the super-user.
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn missing(needs: &[Need]) -> Vec<&'static str> {
    let unmet = needs.iter().filter(|need| !holds(need.test));
    unmet
        .flat_map(|need| need.packages.iter().copied())
        .collect()
}

/// Failures show in apt's own output and in the second look that follows.
fn apt_install(packages: &[&str]) {
    static UPDATE: Once = Once::new();
    let apt = |arguments: &[&str]| {
        let mut apt = command("apt-get");
        apt.args(["-q", "-o", "DPkg::Lock::Timeout=300"])
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        if let Err(error) = run(&mut apt) {
            eprintln!("{error:#}");
        }
    };
    UPDATE.call_once(|| apt(&["update"]));
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(packages);
    apt(&arguments);
}

#[cfg(test)]
mod tests {
    use super::{Need, ensure, holds, missing};

    const SHELL: Need = Need {
        test: "command -v sh",
        packages: &["dash"],
    };
    const NOTHING: Need = Need {
        test: "command -v no-such-program-here",
        packages: &["one", "two"],
    };

    #[test]
    fn what_is_missing_is_named_by_package() {
        assert!(holds("true") && !holds("exit 1"));
        assert_eq!(missing(&[SHELL, NOTHING]), ["one", "two"]);
        assert_eq!(ensure(&[SHELL]), Ok(()));
    }
}
