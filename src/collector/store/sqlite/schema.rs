//! The tables.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::StoreError;

/// Marks the file as the collector's.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"twir");

const VERSION: i32 = 2;

/// What brings a file of version 1 up to it.
const FROM_1: &str = "ALTER TABLE requests ADD COLUMN frame BLOB;";

const TABLES: &str = "
CREATE TABLE requests (
    id          INTEGER PRIMARY KEY,
    system      TEXT,               -- null when the path belongs to no system
    method      TEXT NOT NULL,
    path        TEXT NOT NULL,
    query       TEXT NOT NULL,      -- JSON object
    headers     TEXT NOT NULL,      -- JSON object
    bytes       INTEGER NOT NULL,   -- of the body as sent
    plain_bytes INTEGER,            -- with all layers undone
    format      TEXT,               -- json, protobuf, text, binary, form
    layers      TEXT NOT NULL,      -- JSON array, in the sender's order
    received_at INTEGER NOT NULL,   -- ms since the Unix epoch
    frame       BLOB                -- all of it as sent, where the system works with frames
);
CREATE TABLE records (
    id          INTEGER PRIMARY KEY,    -- one sequence with bad.id
    request_id  INTEGER NOT NULL REFERENCES requests (id),
    kind        TEXT NOT NULL,          -- track, user, item, mapping, message
    name        TEXT,
    user        TEXT,
    anonymous   TEXT,
    time        INTEGER,                -- ms since the Unix epoch, as the record says
    attributes  TEXT NOT NULL,          -- JSON object
    raw         TEXT NOT NULL           -- JSON, the record as received, decoded
);
CREATE TABLE bad (
    id          INTEGER PRIMARY KEY,
    request_id  INTEGER NOT NULL REFERENCES requests (id),
    status      INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    body        BLOB NOT NULL           -- as sent, the first 64 KiB
);
CREATE TABLE stats (
    system      TEXT PRIMARY KEY,       -- empty for requests that belong to no system
    good        INTEGER NOT NULL,
    bad         INTEGER NOT NULL,
    requests    INTEGER NOT NULL,
    bytes       INTEGER NOT NULL
);
CREATE TABLE sequence (                 -- one row: the highest ids given out; a reset keeps them
    last_id         INTEGER NOT NULL,
    last_request_id INTEGER NOT NULL
);
INSERT INTO sequence VALUES (0, 0);
";

/// Opens the file, creating the tables in a new one. A file that something else made is left alone.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = connect(path)?;
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let number = |name: &str| transaction.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    match (number("application_id")?, number("user_version")?) {
        (APPLICATION_ID, VERSION) => {}
        (APPLICATION_ID, 1) => {
            transaction.execute_batch(FROM_1)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        (APPLICATION_ID, version) => {
            return Err(StoreError(format!(
                "it has version {version} of the tables, this program knows {VERSION}; use the program that made it, or another file"
            )));
        }
        _ => {
            let tables: i64 =
                transaction.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
            if tables > 0 {
                return Err(StoreError("it is a database of another program; choose another file".into()));
            }
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
    }
    transaction.commit()?;
    // What is committed survives the end of the process; the last moments may be lost with the power.
    connection.pragma_update(None, "synchronous", "normal")?;
    Ok(connection)
}

/// A connection with a log beside the file, so that reading and writing do not wait for one another.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

pub(super) fn last_id(connection: &Connection) -> Result<u64, StoreError> {
    Ok(connection.query_row("SELECT last_id FROM sequence", (), |row| row.get::<_, i64>(0))? as u64)
}
