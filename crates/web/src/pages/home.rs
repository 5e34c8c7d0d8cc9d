//! `/app`: the balance, the shortcuts, what happened lately.

use app::commands::ListTransactions;
use app::ports::store::WalletRow;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::money::Money;

use crate::Web;
use crate::format;
use crate::parts::activity::{self, Day, Eyes, Row};
use crate::session::Holder;
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::{Texts, fill};

/// Movements shown.
const RECENT: u32 = 8;

#[derive(Template)]
#[template(path = "pages/home.html")]
struct HomePage {
    shell: Shell,
    t: &'static Texts,
    hello: String,
    balance: String,
    /// What belongs to the user but cannot be spent now, in words.
    beside: Vec<String>,
    days: Vec<Day>,
}

pub async fn show(State(web): State<Web>, holder: Holder) -> Result<Response, Stop> {
    let Holder { signed, wallet } = holder;
    let position = web.app.last_position().await?;
    let shell = Shell::signed(&web, &signed, Place::Home).live(position);
    let eyes = Eyes {
        language: shell.language,
        t: shell.t,
        now: web.app.now(),
    };
    let list = ListTransactions {
        limit: RECENT,
        ..ListTransactions::default()
    };
    let views = web.app.transactions(&signed.caller, list).await?;
    let rows = views.iter().map(|view| activity::row(view, eyes)).collect();
    Ok(shell::ok(&page(shell, &signed.me.user.name, &wallet, rows)))
}

fn page(shell: Shell, name: &str, wallet: &WalletRow, rows: Vec<Row>) -> HomePage {
    let t = shell.t;
    let beside = [
        (t.home.held, wallet.held),
        (t.home.blocked, wallet.blocked),
        (t.home.owed, wallet.receivable),
    ];
    let beside = beside
        .into_iter()
        .filter(|(_, money)| *money != Money::ZERO && !shell.hides_balance)
        .map(|(text, money)| fill(text, &[&format::reais(money)]));
    HomePage {
        hello: fill(
            t.home.hello,
            &[name.split_whitespace().next().unwrap_or(name)],
        ),
        balance: format::reais(wallet.available),
        beside: beside.collect(),
        days: activity::by_day(rows),
        t,
        shell,
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::texts::Language;
    use domain::ids::{UserId, WalletId};
    use domain::limits::{Limits, Spent};
    use domain::time::Moment;

    /// A wallet with R$ 12,34 and R$ 1,00 set aside.
    pub fn wallet() -> WalletRow {
        WalletRow {
            id: WalletId::from_bytes([1; 16]),
            user_id: UserId::from_bytes([2; 16]),
            available: Money::from_cents(1_234).unwrap(),
            held: Money::from_cents(100).unwrap(),
            blocked: Money::ZERO,
            receivable: Money::ZERO,
            seq: 1,
            limits: Limits {
                per_transaction: Money::MAX,
                per_day: Money::MAX,
                per_night: Money::MAX,
            },
            spent: Spent::default(),
            created_at: Moment::default(),
        }
    }

    #[test]
    fn a_hidden_balance_is_not_in_the_page() {
        for language in [Language::Portuguese, Language::English] {
            let shown = |hides_balance, rows| {
                let shell = Shell {
                    hides_balance,
                    ..Shell::sample(language)
                };
                page(shell, "Ana Souza", &wallet(), rows).render().unwrap()
            };
            let t = language.texts();
            let open = shown(false, vec![activity::sample(t)]);
            assert!(open.contains("12,34") && open.contains("1,00"));
            assert!(!open.contains("<script>alert"), "a stored text is escaped");
            let hidden = shown(true, Vec::new());
            assert!(!hidden.contains("12,34") && !hidden.contains("1,00"));
            assert!(hidden.contains(t.home.empty));
        }
    }
}
