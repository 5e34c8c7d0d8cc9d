//! `pixwave check`: every invariant with its figures; fails when one is broken.
//!
//! Beside what the database alone can tell, our books of the money at each gateway are compared
//! with what the gateway says, where it tells its balance and can be reached.

use std::process::ExitCode;

use anyhow::Result;
use app::checks::Check;

use crate::config::Config;
use crate::{floats, output, table, wire};

pub async fn run(config: &Config) -> Result<ExitCode> {
    let (app, store) = wire::app_for_reading(config).await?;
    let outcome = async {
        let mut checks = app::checks::check(&app).await?;
        checks.extend(floats::compare(config, &app).await?);
        anyhow::Ok(checks)
    }
    .await;
    store.close().await;
    let checks = outcome?;
    let broken = checks
        .iter()
        .filter(|check| !check.broken.is_empty())
        .count();
    output::line(report(&checks).join("\n"))?;
    if broken == 0 {
        output::line(format!("{} rules hold", checks.len()))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(format!("{broken} of {} rules are broken", checks.len()))?;
    Ok(ExitCode::FAILURE)
}

fn report(checks: &[Check]) -> Vec<String> {
    let head = ["", "rule", "figures"].map(str::to_owned).to_vec();
    let rows = checks.iter().map(|check| {
        let verdict = if check.broken.is_empty() {
            "ok"
        } else {
            "BROKEN"
        };
        vec![
            verdict.to_owned(),
            check.rule.to_owned(),
            check.figures.clone(),
        ]
    });
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let mut lines = table::lines(&rows).into_iter();
    let mut report: Vec<String> = lines.by_ref().take(1).collect();
    for (check, line) in checks.iter().zip(lines) {
        report.push(line);
        report.extend(check.broken.iter().map(|row| format!("        {row}")));
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_rule_is_followed_by_the_rows_that_break_it() {
        let check = |rule, broken: &[&str]| Check {
            rule,
            figures: "2 rows".to_owned(),
            broken: broken.iter().map(|row| (*row).to_owned()).collect(),
        };
        let lines = report(&[
            check("one holds", &[]),
            check("one does not", &["wallet wal_1"]),
        ]);
        assert_eq!(lines.len(), 4);
        assert!(
            lines[1].starts_with("ok") && lines[1].ends_with("2 rows"),
            "{}",
            lines[1]
        );
        assert!(lines[2].starts_with("BROKEN"), "{}", lines[2]);
        assert_eq!(lines[3].trim(), "wallet wal_1");
    }
}
