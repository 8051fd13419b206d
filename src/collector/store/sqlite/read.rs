//! Readings in the order of ids.

use rusqlite::types::Value;
use rusqlite::{Connection, Row as SqlRow, params_from_iter};

use super::super::{BadParts, Counts, RecordParts, RequestInfo, Row, Rows, Stats};
use super::StoreError;
use crate::collector::query::{Query, Table};

pub(super) fn rows(connection: &Connection, query: &Query) -> Result<Rows, StoreError> {
    // One snapshot for both lists.
    let transaction = connection.unchecked_transaction()?;
    let mut rows = Vec::new();
    let mut more = false;
    // Of each list only what is before the place where its reading stopped is known to be complete.
    let mut complete_to: Option<u64> = None;
    for table in [Table::Good, Table::Bad] {
        if query.table != table && query.table != Table::Both {
            continue;
        }
        let part = self::list(&transaction, query, table)?;
        if part.more {
            more = true;
            let last = part.rows.last().map_or(0, |row| row.id);
            complete_to = Some(
                complete_to.map_or(last, |to| if query.newest_first { to.max(last) } else { to.min(last) }),
            );
        }
        rows.extend(part.rows);
    }
    if query.table == Table::Both {
        rows.sort_by_key(|row: &Row| if query.newest_first { u64::MAX - row.id } else { row.id });
        if let Some(to) = complete_to {
            rows.retain(|row| if query.newest_first { row.id >= to } else { row.id <= to });
        }
        more |= rows.len() > query.limit;
        rows.truncate(query.limit);
    }
    Ok(Rows { rows, more })
}

pub(super) fn stats(connection: &Connection) -> Result<Stats, StoreError> {
    let mut statement = connection.prepare_cached("SELECT system, good, bad, requests, bytes FROM stats")?;
    let rows = statement.query_map((), |row| {
        let number = |at| row.get::<_, i64>(at).map(|number| number as u64);
        let system: String = row.get(0)?;
        let counts = Counts { good: number(1)?, bad: number(2)?, requests: number(3)?, bytes: number(4)? };
        Ok(((!system.is_empty()).then_some(system), counts))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn list(connection: &Connection, query: &Query, table: Table) -> Result<Rows, StoreError> {
    let (columns, name) = match table {
        Table::Bad => ("status, reason, body", "bad"),
        _ => ("kind, name, user, anonymous, time, attributes, raw", "records"),
    };
    let frame = if query.with_frames { "r.frame" } else { "NULL" };
    let mut sql = format!(
        "SELECT t.id, r.id, r.system, r.received_at, r.method, r.path, r.query, r.headers, r.bytes, r.plain_bytes, \
         r.format, r.layers, {frame}, {columns} FROM {name} t CROSS JOIN requests r ON r.id = t.request_id"
    );
    let mut values: Vec<Value> = Vec::new();
    let mut condition = |text: &str, value: Value| {
        sql.push_str(if values.is_empty() { " WHERE " } else { " AND " });
        sql.push_str(text);
        values.push(value);
    };
    if let Some(after) = query.after {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        condition(if query.newest_first { "t.id < ?" } else { "t.id > ?" }, after.into());
    }
    if let Some(system) = query.system {
        condition("r.system = ?", system.to_owned().into());
    }
    if table == Table::Good {
        if let Some(kind) = query.kind {
            condition("t.kind = ?", kind.as_str().to_owned().into());
        }
        if let Some(name) = &query.name {
            condition("t.name = ?", name.clone().into());
        }
        if let Some(user) = &query.user {
            condition("t.user = ?", user.clone().into());
        }
    }
    sql.push_str(if query.newest_first { " ORDER BY t.id DESC LIMIT ?" } else { " ORDER BY t.id LIMIT ?" });
    values.push((query.limit as i64 + 1).into());

    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(params_from_iter(values))?;
    let mut rows = Vec::new();
    let mut bytes = 0;
    let mut request = (0, String::new());
    while let Some(row) = found.next()? {
        if rows.len() >= query.limit || bytes >= query.max_bytes {
            return Ok(Rows { rows, more: true });
        }
        let request_id = row.get::<_, i64>(1)?;
        if request.0 != request_id {
            request = (request_id, self::request(row, request_id)?);
        }
        let row = if table == Table::Bad { bad(row, &request.1)? } else { record(row, &request.1)? };
        bytes += row.json.len();
        rows.push(row);
    }
    Ok(Rows { rows, more: false })
}

fn request(row: &SqlRow<'_>, id: i64) -> Result<String, rusqlite::Error> {
    let mut out = String::new();
    let format: Option<String> = row.get(10)?;
    RequestInfo {
        method: row.get(4)?,
        path: row.get(5)?,
        query: row.get(6)?,
        headers: row.get(7)?,
        bytes: row.get::<_, i64>(8)? as u64,
        plain_bytes: row.get::<_, Option<i64>>(9)?.map(|bytes| bytes as u64),
        format: format.as_deref().and_then(|name| {
            ["json", "protobuf", "text", "binary", "form"].into_iter().find(|known| *known == name)
        }),
        layers: row.get(11)?,
        frame: None,
    }
    .write(id as u64, &mut out);
    Ok(out)
}

fn record(row: &SqlRow<'_>, request: &str) -> Result<Row, rusqlite::Error> {
    let text = |at| row.get_ref(at).map(|value| value.as_str_or_null().ok().flatten());
    Ok(RecordParts {
        id: row.get::<_, i64>(0)? as u64,
        system: text(2)?,
        received_at: row.get(3)?,
        kind: text(13)?.unwrap_or_default(),
        name: text(14)?,
        user: text(15)?,
        anonymous: text(16)?,
        time: row.get(17)?,
        attributes: text(18)?.unwrap_or("{}"),
        raw: text(19)?.unwrap_or("null"),
        request,
        frame: row.get_ref(12)?.as_blob_or_null()?,
    }
    .row())
}

fn bad(row: &SqlRow<'_>, request: &str) -> Result<Row, rusqlite::Error> {
    Ok(BadParts {
        id: row.get::<_, i64>(0)? as u64,
        system: row.get_ref(2)?.as_str_or_null().ok().flatten(),
        received_at: row.get(3)?,
        status: row.get(13)?,
        reason: row.get_ref(14)?.as_str().unwrap_or_default(),
        body: row.get_ref(15)?.as_blob().unwrap_or_default(),
        request,
    }
    .row())
}
