//! One connection in use: statements in, rows out, on either engine.
//!
//! Store logic is written once, as async functions over [`Tx`]. On MySQL they wait for the server;
//! on SQLite every statement is done when it returns, so the future is finished by one poll
//! ([`finished`]) and may run on the writer thread or on the caller.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use app::ports::store::StoreError;
use mysql_async::prelude::Queryable;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::fault::{self, Fault};
use crate::keyring::Sealer;
use crate::sql::Sql;
use crate::value::Val;

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
pub(crate) type Done<T> = Result<T, Fault>;

pub(crate) enum Engine {
    My(mysql_async::Conn),
    Lite(rusqlite::Connection),
}

/// A connection with the keys that open its sealed columns.
pub(crate) struct Tx {
    pub(crate) engine: Engine,
    pub(crate) sealer: Arc<Sealer>,
}

impl std::ops::Deref for Tx {
    type Target = Engine;
    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl std::ops::DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }
}

/// The columns of one row, in the order of the statement.
pub(crate) type Columns = Vec<Val>;

impl Engine {
    pub(crate) fn is_mysql(&self) -> bool {
        matches!(self, Engine::My(_))
    }

    /// Runs the statements of one migration's text; on MySQL it holds one.
    pub(crate) async fn script(&mut self, text: &'static str) -> Done<()> {
        match self {
            Engine::Lite(connection) => connection.execute_batch(text).map_err(fault::from_sqlite),
            Engine::My(_) => self.control(text).await,
        }
    }

    /// Runs one statement without arguments or rows (transactions, settings of a session).
    pub(crate) async fn control(&mut self, text: &'static str) -> Done<()> {
        debug_assert!(
            !text.contains(';'),
            "of several statements the first alone would run"
        );
        match self {
            Engine::Lite(connection) => connection
                .prepare_cached(text)
                .and_then(|mut statement| statement.execute([]))
                .map(|_none| ())
                .map_err(fault::from_sqlite),
            Engine::My(connection) => connection
                .query_drop(text)
                .await
                .map_err(|error| fault::from_mysql(error, "connection")),
        }
    }

    /// Runs a write; answers how many rows it met.
    pub(crate) async fn exec(&mut self, sql: &'static Sql, args: Vec<Val>) -> Done<u64> {
        match self {
            Engine::Lite(connection) => lite_exec(connection, sql, &args),
            Engine::My(connection) => {
                connection
                    .exec_drop(sql.my, my_params(args))
                    .await
                    .map_err(|error| fault::from_mysql(error, sql.table))?;
                Ok(connection.affected_rows())
            }
        }
    }

    /// Runs a write that must meet exactly one row; otherwise `what` changed meanwhile.
    pub(crate) async fn exec_one(
        &mut self,
        sql: &'static Sql,
        args: Vec<Val>,
        what: &'static str,
    ) -> Done<()> {
        match self.exec(sql, args).await? {
            1 => Ok(()),
            _ => Err(fault::stale(what)),
        }
    }

    pub(crate) async fn rows(&mut self, sql: &'static Sql, args: Vec<Val>) -> Done<Vec<Columns>> {
        match self {
            Engine::Lite(connection) => lite_rows(connection, sql, &args),
            Engine::My(connection) => {
                let rows: Vec<mysql_async::Row> = connection
                    .exec(sql.my, my_params(args))
                    .await
                    .map_err(|error| fault::from_mysql(error, sql.table))?;
                rows.into_iter().map(|row| my_columns(row, sql)).collect()
            }
        }
    }

    pub(crate) async fn row(&mut self, sql: &'static Sql, args: Vec<Val>) -> Done<Option<Columns>> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    /// The one integer of a statement that answers one; `None` for no row and for NULL.
    pub(crate) async fn int(&mut self, sql: &'static Sql, args: Vec<Val>) -> Done<Option<i64>> {
        match self.row(sql, args).await? {
            None => Ok(None),
            Some(row) => match row.as_slice() {
                [Val::Null] => Ok(None),
                [Val::Int(number)] => Ok(Some(*number)),
                other => Err(Fault::Store(StoreError::Corrupt(format!(
                    "{} answered {} columns or not an integer",
                    sql.name,
                    other.len()
                )))),
            },
        }
    }
}

/// The result of a future that never waits.
pub(crate) fn finished<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("a statement on SQLite is done when it returns"),
    }
}

impl rusqlite::ToSql for Val {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Val::Null => ValueRef::Null,
            Val::Int(number) => ValueRef::Integer(*number),
            Val::Text(text) => ValueRef::Text(text.as_bytes()),
            Val::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn lite_exec(connection: &rusqlite::Connection, sql: &Sql, args: &[Val]) -> Done<u64> {
    let run = || {
        connection
            .prepare_cached(sql.lite)?
            .execute(rusqlite::params_from_iter(args))
    };
    run().map(|count| count as u64).map_err(fault::from_sqlite)
}

fn lite_rows(connection: &rusqlite::Connection, sql: &Sql, args: &[Val]) -> Done<Vec<Columns>> {
    let run = || {
        let mut statement = connection.prepare_cached(sql.lite)?;
        let width = statement.column_count();
        let mut rows = statement.query(rusqlite::params_from_iter(args))?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let columns: rusqlite::Result<Columns> = (0..width)
                .map(|index| row.get_ref(index).map(lite_value))
                .collect();
            all.push(columns?);
        }
        Ok(all)
    };
    run().map_err(fault::from_sqlite)
}

fn lite_value(value: ValueRef<'_>) -> Val {
    match value {
        ValueRef::Null => Val::Null,
        ValueRef::Integer(number) => Val::Int(number),
        // STRICT tables have no REAL column; as text it is refused by name where it is read.
        ValueRef::Real(number) => Val::Text(number.to_string()),
        ValueRef::Text(bytes) => Val::Bytes(bytes.to_vec()),
        ValueRef::Blob(bytes) => Val::Bytes(bytes.to_vec()),
    }
}

fn my_params(args: Vec<Val>) -> mysql_async::Params {
    use mysql_async::Value;
    if args.is_empty() {
        return mysql_async::Params::Empty;
    }
    let values = args.into_iter().map(|arg| match arg {
        Val::Null => Value::NULL,
        Val::Int(number) => Value::Int(number),
        Val::Text(text) => Value::Bytes(text.into_bytes()),
        Val::Bytes(bytes) => Value::Bytes(bytes),
    });
    mysql_async::Params::Positional(values.collect())
}

fn my_columns(row: mysql_async::Row, sql: &Sql) -> Done<Columns> {
    use mysql_async::Value;
    let column = |value| match value {
        Value::NULL => Ok(Val::Null),
        Value::Bytes(bytes) => Ok(Val::Bytes(bytes)),
        Value::Int(number) => Ok(Val::Int(number)),
        Value::UInt(number) => i64::try_from(number).map(Val::Int).map_err(|_| ()),
        Value::Float(_) | Value::Double(_) | Value::Date(..) | Value::Time(..) => Err(()),
    };
    let columns: Result<Columns, ()> = row.unwrap().into_iter().map(column).collect();
    columns.map_err(|()| {
        Fault::Store(StoreError::Corrupt(format!(
            "{}: a column of an unexpected type",
            sql.table
        )))
    })
}
