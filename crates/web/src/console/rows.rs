//! Rows of the console's tables.

use app::views::TransactionView;
use domain::time::Moment;

use super::words;
use crate::format;
use crate::pages::detail::gateway_name;
use crate::parts::words::{self as stages, Stage};
use crate::shell::Shell;

/// A transaction in one line.
pub struct Row {
    pub id: String,
    /// Its last digits: enough to tell rows apart.
    pub short: String,
    pub when: String,
    pub machine_time: String,
    /// How long ago it changed last.
    pub age: String,
    pub kind: &'static str,
    pub amount: String,
    pub stage: Stage,
    /// The stage as programs name it.
    pub code: String,
    pub gateway: &'static str,
}

pub fn row(view: &TransactionView, shell: &Shell, now: Moment) -> Row {
    let id = view.id.to_string();
    Row {
        short: short(&id),
        when: format::exact(view.created_at, shell.language),
        machine_time: format::machine(view.created_at),
        age: words::age(now.since(view.updated_at)),
        kind: stages::kind(view.kind, shell.t),
        amount: format::reais(view.amount),
        stage: stages::stage(view, shell.t),
        code: view.stage.clone(),
        gateway: view.gateway.map_or("—", gateway_name),
        id,
    }
}

/// The end of an id.
pub fn short(id: &str) -> String {
    let start = id.len().saturating_sub(8);
    format!("…{}", id.get(start..).unwrap_or(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_told_by_its_end() {
        assert_eq!(short("txn_018f2f6e3b7a7c4c9d2e5f60718293a4"), "…718293a4");
        assert_eq!(short("x"), "…x");
    }
}
