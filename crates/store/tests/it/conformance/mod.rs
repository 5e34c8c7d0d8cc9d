//! What every engine must do, written once over the port and run on each.

mod rows;

macro_rules! suite {
    ($engine:ident, $with:ident, [$($area:ident::$name:ident),* $(,)?]) => {
        mod $engine {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    crate::environment::$with(super::$area::$name).await;
                }
            )*
        }
    };
}

macro_rules! suites {
    ($($tests:tt)*) => {
        suite!(sqlite_file, with_file, [$($tests)*]);
        suite!(sqlite_inline, with_memory, [$($tests)*]);
        suite!(mysql, with_mysql, [$($tests)*]);
    };
}

suites! {
    rows::users_sessions_and_keys,
    rows::wallets,
    rows::a_whole_transaction,
    rows::records_of_operators,
}
