//! `pixwave operator add <email>`: a person who operates the service.

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use domain::pix::key::{PixKey, PixKeyKind};

use crate::config::Config;
use crate::{output, wire};

const PASSWORD: std::ops::RangeInclusive<usize> = 8..=200;
const NAME: std::ops::RangeInclusive<usize> = 1..=200;

pub async fn add(config: &Config, email: String, name: String) -> Result<ExitCode> {
    ensure!(is_email(&email), "{email:?} is not an e-mail address");
    ensure!(
        NAME.contains(&name.trim().chars().count()),
        "the name has 1 to 200 characters"
    );
    let password = password(&mut std::io::stdin().lock())?;
    let (app, store) = wire::app_without_gateways(config).await?;
    let added = app
        .add_operator(name.trim().to_owned(), email, password)
        .await;
    store.close().await;
    let added = added?;
    let (email, id) = (&added.user.email, added.user.id);
    output::line(format!("{email} may operate the service ({id})"))?;
    Ok(ExitCode::SUCCESS)
}

fn is_email(text: &str) -> bool {
    PixKey::parse_as(PixKeyKind::Email, text).is_ok()
}

/// The first line of the input.
pub(super) fn password(input: &mut dyn std::io::BufRead) -> Result<String> {
    let mut line = String::new();
    input
        .read_line(&mut line)
        .context("no password can be read from standard input")?;
    let password = line.trim_end_matches(['\r', '\n']).to_owned();
    ensure!(
        PASSWORD.contains(&password.chars().count()),
        "give a password of 8 to 200 characters on standard input"
    );
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_the_first_line_and_long_enough() {
        assert_eq!(
            password(&mut "correct horse\r\nmore".as_bytes()).unwrap(),
            "correct horse"
        );
        for bad in ["", "\n", "short\n", &"x".repeat(201)] {
            assert!(password(&mut bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_an_address_is_an_address() {
        assert!(is_email("ana@example.com"));
        for bad in ["", "ana", "ana@", "52998224725"] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
