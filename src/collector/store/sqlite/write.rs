//! The writer's thread.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot, watch};

use super::super::{Arrival, Counts, Outcome, Tip};

/// The most requests of one transaction.
const GROUP: usize = 256;

pub(super) type Done = oneshot::Sender<Result<(), String>>;

pub(super) enum Command {
    Append(Box<Arrival>, Done),
    Count(&'static str, u64, Done),
    Reset(Done),
}

/// Writes until every sender is gone and the queue is empty.
pub(super) fn run(mut connection: Connection, mut queue: mpsc::Receiver<Command>, tip: &watch::Sender<Tip>) {
    let mut group = Vec::with_capacity(GROUP);
    while queue.blocking_recv_many(&mut group, GROUP) > 0 {
        let resets = group.iter().filter(|command| matches!(command, Command::Reset(_))).count() as u64;
        let written = write(&mut connection, &group);
        if let Ok(last_id) = written {
            tip.send_modify(|tip| {
                tip.last_id = last_id;
                tip.resets += resets;
                tip.changes += 1;
            });
        }
        let written = written.map(drop).map_err(|error| format!("the store cannot be written: {error}"));
        for command in group.drain(..) {
            let (Command::Append(_, done) | Command::Count(_, _, done) | Command::Reset(done)) = command;
            let _ = done.send(written.clone());
        }
    }
}

/// One transaction for all; the highest id afterwards.
fn write(connection: &mut Connection, group: &[Command]) -> Result<u64, rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // From the file, not from memory: another collector may write to the same one.
    let mut ids = transaction.query_row("SELECT last_id, last_request_id FROM sequence", (), |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    for command in group {
        match command {
            Command::Append(arrival, _) => append(&transaction, arrival, &mut ids)?,
            Command::Count(system, bytes, _) => {
                count(&transaction, system, Counts { requests: 1, bytes: *bytes, ..Counts::default() })?;
            }
            Command::Reset(_) => transaction.execute_batch(
                "DELETE FROM records; DELETE FROM bad; DELETE FROM requests; DELETE FROM stats;",
            )?,
        }
    }
    transaction
        .prepare_cached("UPDATE sequence SET last_id = ?1, last_request_id = ?2")?
        .execute(params![ids.0, ids.1])?;
    transaction.commit()?;
    Ok(ids.0 as u64)
}

/// `ids` are the highest that were given out: of records and bad requests, and of requests.
fn append(
    transaction: &Transaction<'_>,
    arrival: &Arrival,
    ids: &mut (i64, i64),
) -> Result<(), rusqlite::Error> {
    let Arrival { system, received_at, request, outcome } = arrival;
    let mut counts = Counts { requests: 1, bytes: request.bytes, ..Counts::default() };
    let request_id = ids.1 + 1;
    let is_kept = !matches!(outcome, Outcome::Good(records) if records.is_empty());
    if is_kept {
        ids.1 = request_id;
        transaction
            .prepare_cached(
                "INSERT INTO requests VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?
            .execute(params![
                request_id,
                system,
                request.method,
                request.path,
                request.query,
                request.headers,
                request.bytes as i64,
                request.plain_bytes.map(|bytes| bytes as i64),
                request.format,
                request.layers,
                received_at,
                request.frame
            ])?;
    }
    match outcome {
        Outcome::Good(records) => {
            let mut insert = transaction
                .prepare_cached("INSERT INTO records VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
            for record in records.iter() {
                ids.0 += 1;
                insert.execute(params![
                    ids.0,
                    request_id,
                    record.kind.as_str(),
                    record.name,
                    record.user,
                    record.anonymous,
                    record.time,
                    record.attributes,
                    record.raw
                ])?;
            }
            counts.good = records.len() as u64;
        }
        Outcome::Bad { reason, status, body } => {
            ids.0 += 1;
            transaction
                .prepare_cached("INSERT INTO bad VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![ids.0, request_id, status, reason, body])?;
            counts.bad = 1;
        }
    }
    count(transaction, system.unwrap_or(""), counts)
}

fn count(transaction: &Transaction<'_>, system: &str, counts: Counts) -> Result<(), rusqlite::Error> {
    transaction
        .prepare_cached(
            "INSERT INTO stats VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (system) DO UPDATE SET good = good + ?2, \
             bad = bad + ?3, requests = requests + ?4, bytes = bytes + ?5",
        )?
        .execute(params![
            system,
            counts.good as i64,
            counts.bad as i64,
            counts.requests as i64,
            counts.bytes as i64
        ])
        .map(drop)
}
