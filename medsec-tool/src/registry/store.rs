//! The database under a registry: how its file is opened, and the only way to it.
//!
//! A statement is a `&'static str`: text that came from outside cannot become one, whoever calls. Values are bound.

use core::time::Duration;
use std::fs::OpenOptions;
use std::path::Path;

use rusqlite::backup::Backup;
use rusqlite::config::DbConfig;
use rusqlite::{
    Connection, OpenFlags, OptionalExtension as _, Params, Row, Transaction, TransactionBehavior,
};

use super::error::RegistryError;
use super::schema::SCHEMA;

/// How long a writer waits for another.
const BUSY: Duration = Duration::from_secs(20);
/// Pages that one step of a backup copies.
const STEP_PAGES: i32 = 256;

/// What is set on every connection before anything is read through it. The cache has 64 MiB, so that a large batch is not written page by page.
const PRAGMAS: &str = "
PRAGMA trusted_schema = OFF;
PRAGMA cell_size_check = ON;
PRAGMA foreign_keys = ON;
PRAGMA secure_delete = ON;
PRAGMA synchronous = FULL;
PRAGMA cache_size = -65536;
";
const WRITE_AHEAD: &str = "PRAGMA journal_mode = WAL";

/// The database of a registry.
pub(super) struct Store(Connection);

impl Store {
    /// Makes the file, for its owner alone, with empty tables.
    pub(super) fn create(path: &Path) -> Result<Self, RegistryError> {
        create_private(path)?;
        let mut store = Self(connect(path)?);
        let tx = store.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch(SCHEMA)?;
        tx.commit()?;
        Ok(store)
    }

    /// The database in a file there is.
    pub(super) fn open(path: &Path) -> Result<Self, RegistryError> {
        connect(path).map(Self)
    }

    /// A transaction that writes; nobody else writes while it is open.
    pub(super) fn write(&mut self) -> Result<Tx<'_>, RegistryError> {
        Ok(Tx(self.0.transaction_with_behavior(TransactionBehavior::Immediate)?))
    }

    /// A transaction that sees one state of all tables.
    pub(super) fn read(&mut self) -> Result<Tx<'_>, RegistryError> {
        Tx::read(&mut self.0)
    }

    /// Copies the database, as it is at one moment, to a new file.
    pub(super) fn copy_to(&self, path: &Path) -> Result<(), RegistryError> {
        create_private(path)?;
        let mut copy = Connection::open_with_flags(path, flags())?;
        Backup::new(&self.0, &mut copy)?.run_to_completion(STEP_PAGES, Duration::ZERO, None)?;
        // One file, without a log beside it.
        let _: String = copy.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
        Ok(())
    }
}

const fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE
        .union(OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .union(OpenFlags::SQLITE_OPEN_NOFOLLOW)
}

fn connect(path: &Path) -> Result<Connection, RegistryError> {
    let connection = Connection::open_with_flags(path, flags())?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    connection.busy_timeout(BUSY)?;
    connection.execute_batch(PRAGMAS)?;
    let journal: String = connection.query_row(WRITE_AHEAD, [], |row| row.get(0))?;
    if journal != "wal" {
        return Err(RegistryError::NotARegistry {
            what: "a file system that has write-ahead logs",
        });
    }
    Ok(connection)
}

/// An empty file that did not exist. What SQLite puts beside it has the same mode.
fn create_private(path: &Path) -> Result<(), RegistryError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.sync_all()?;
    Ok(())
}

/// A transaction; what is not committed has not happened.
pub(super) struct Tx<'a>(Transaction<'a>);

impl<'a> Tx<'a> {
    /// A transaction that only reads.
    pub(super) fn read(connection: &'a mut Connection) -> Result<Self, RegistryError> {
        Ok(Self(connection.transaction()?))
    }

    /// Runs a statement; returns how many rows it changed.
    pub(super) fn run(
        &self,
        sql: &'static str,
        values: impl Params,
    ) -> Result<usize, RegistryError> {
        Ok(self.0.execute(sql, values)?)
    }

    /// The one row of a query.
    pub(super) fn one<T>(
        &self,
        sql: &'static str,
        values: impl Params,
        row: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, RegistryError> {
        Ok(self.0.query_row(sql, values, row)?)
    }

    /// The first row of a query, if there is one.
    pub(super) fn first<T>(
        &self,
        sql: &'static str,
        values: impl Params,
        row: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, RegistryError> {
        Ok(self.0.query_row(sql, values, row).optional()?)
    }

    /// All rows of a query.
    pub(super) fn all<T>(
        &self,
        sql: &'static str,
        values: impl Params,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, RegistryError> {
        let mut statement = self.0.prepare(sql)?;
        let rows = statement.query_map(values, row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The id of the row that was inserted last.
    pub(super) fn last_id(&self) -> i64 {
        self.0.last_insert_rowid()
    }

    /// Makes all of it so, on the medium.
    pub(super) fn commit(self) -> Result<(), RegistryError> {
        Ok(self.0.commit()?)
    }
}
