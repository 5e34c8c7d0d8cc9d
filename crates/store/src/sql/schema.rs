//! The migrations' own table and lock.

use super::statements;

statements! {
    CREATE_MIGRATIONS: schema_migrations, "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT NOT NULL PRIMARY KEY, name VARCHAR(64) NOT NULL, checksum BINARY(32) NOT NULL, state VARCHAR(8) NOT NULL, applied_at BIGINT NOT NULL) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin",
        sqlite "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum BLOB NOT NULL, state TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT";
    MIGRATIONS_TABLE: schema_migrations, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'schema_migrations'",
        sqlite "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'";
    APPLIED: schema_migrations, "SELECT version, checksum, state FROM schema_migrations ORDER BY version";
    MARK_MIGRATION: schema_migrations, "INSERT INTO schema_migrations (version, name, checksum, state, applied_at) VALUES (?, ?, ?, ?, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)))",
        sqlite "INSERT INTO schema_migrations (version, name, checksum, state, applied_at) VALUES (?, ?, ?, ?, CAST(unixepoch('subsec') * 1000000 AS INTEGER))";
    MIGRATION_DONE: schema_migrations, "UPDATE schema_migrations SET state = 'done' WHERE version = ?";
    // Lock names are the whole server's, so the database's name is in it.
    TAKE_MIGRATION_LOCK: schema_migrations, "SELECT GET_LOCK(CONCAT('pixwave migrate ', LEFT(SHA2(DATABASE(), 256), 40)), 60)", sqlite "SELECT 1";
    GIVE_MIGRATION_LOCK: schema_migrations, "SELECT RELEASE_LOCK(CONCAT('pixwave migrate ', LEFT(SHA2(DATABASE(), 256), 40)))", sqlite "SELECT 1";
    VERSION: connection, "SELECT VERSION()", sqlite "SELECT sqlite_version()";
    TLS_CIPHER: connection, "SHOW SESSION STATUS LIKE 'Ssl_cipher'", sqlite "SELECT 'Ssl_cipher', ''";
    // They meet no row, but need the right to.
    MAY_INSERT: settings, "INSERT INTO settings (name, value) SELECT name, value FROM settings WHERE name = ''";
    MAY_UPDATE: settings, "UPDATE settings SET value = value WHERE name = ''";
    MAY_DELETE: sessions, "DELETE FROM sessions WHERE token_hash = ''";
    DURABILITY: connection, "SELECT @@innodb_flush_log_at_trx_commit, @@log_bin, @@sync_binlog", sqlite "SELECT 1, 0, 1";
}
