//! Every registered statement is accepted by both engines, and the hot ones use their indexes.

use mysql_async::prelude::Queryable;
use store::sql;

use crate::environment::{Folder, config, keyring, with_mysql};

async fn migrated() -> (Folder, rusqlite::Connection) {
    let folder = Folder::new();
    let config = config(folder.url());
    store::migrate(&config, Some(keyring())).await.unwrap();
    let connection = rusqlite::Connection::open(folder.0.join("pixwave.db")).unwrap();
    (folder, connection)
}

fn placeholders(text: &str) -> usize {
    text.matches('?').count()
}

#[tokio::test]
async fn every_statement_prepares_on_sqlite() {
    let (_folder, connection) = migrated().await;
    let mut count = 0;
    for statement in sql::all() {
        let prepared = connection
            .prepare(statement.lite)
            .unwrap_or_else(|error| panic!("{}: {error}", statement.name));
        assert_eq!(
            prepared.parameter_count(),
            placeholders(statement.my),
            "{}",
            statement.name
        );
        count += 1;
    }
    assert!(count > 100, "{count}");
}

#[tokio::test]
async fn every_statement_prepares_on_mysql_with_the_same_columns() {
    with_mysql(|environment| async move {
        let (_folder, sqlite) = migrated().await;
        let opts = mysql_async::Opts::from_url(&environment.url).unwrap();
        let mut connection = mysql_async::Conn::new(opts).await.unwrap();
        for statement in sql::all() {
            let prepared = connection
                .prep(statement.my)
                .await
                .unwrap_or_else(|error| panic!("{}: {error}", statement.name));
            let lite = sqlite.prepare(statement.lite).unwrap();
            assert_eq!(
                (
                    usize::from(prepared.num_params()),
                    usize::from(prepared.num_columns())
                ),
                (lite.parameter_count(), lite.column_count()),
                "{}",
                statement.name
            );
            connection.close(prepared).await.unwrap();
        }
        connection.disconnect().await.unwrap();
    })
    .await;
}
