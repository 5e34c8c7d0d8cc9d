//! Every statement of the store, as registered constants.
//!
//! One text serves both engines wherever it can; where it cannot, both texts stand side by side and
//! nothing is edited at run time. [`all`] lists them, so that one test can prepare each on both
//! engines.
//!
//! What keeps one text possible: `?` placeholders, integers for times, amounts and flags, ids made
//! outside, no upsert and no INSERT IGNORE (insert, meet the uniqueness rule, read), a CAST on every
//! SUM (MySQL would answer DECIMAL), and column lists that are read in their order by `rows`.

pub(crate) mod check;
pub(crate) mod float_moves;
pub(crate) mod ledger;
pub(crate) mod outbound;
pub(crate) mod people;
pub(crate) mod queue;
pub(crate) mod schema;
pub(crate) mod transactions;

/// One statement and its table, by which MySQL's `PRIMARY` key gets a name.
#[derive(Clone, Copy, Debug)]
pub struct Sql {
    pub name: &'static str,
    pub table: &'static str,
    pub my: &'static str,
    pub lite: &'static str,
}

impl Sql {
    pub(crate) const fn both(name: &'static str, table: &'static str, text: &'static str) -> Sql {
        Sql {
            name,
            table,
            my: text,
            lite: text,
        }
    }

    /// SQLite's text, where it differs.
    pub(crate) const fn sqlite(mut self, text: &'static str) -> Sql {
        self.lite = text;
        self
    }
}

/// `NAME: table, "text";` or `NAME: table, "MySQL's text", sqlite "SQLite's text";`
macro_rules! statements {
    ($($name:ident: $table:ident, $text:expr $(, sqlite $lite:expr)?;)*) => {
        $(pub(crate) const $name: &$crate::sql::Sql =
            &$crate::sql::Sql::both(stringify!($name), stringify!($table), $text)$(.sqlite($lite))?;)*
        pub(crate) const ALL: &[&$crate::sql::Sql] = &[$($name),*];
    };
}
pub(crate) use statements;

/// All registered statements.
pub fn all() -> impl Iterator<Item = &'static Sql> {
    [
        people::ALL,
        ledger::ALL,
        transactions::ALL,
        queue::ALL,
        outbound::ALL,
        float_moves::ALL,
        check::ALL,
        schema::ALL,
    ]
    .into_iter()
    .flatten()
    .copied()
}
