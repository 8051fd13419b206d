//! What to look for among what arrived.

use crate::received::{Kind, pairs};

use super::systems;

/// The most records of one answer.
pub(super) const MAX_LIMIT: usize = 10_000;

/// The records of one answer when nothing is said.
const DEFAULT_LIMIT: usize = 100;

/// Which of the two lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Good,
    Bad,
    /// Both, in the order of their ids.
    Both,
}

/// The longest text of one answer, in bytes; the rest is for the next one.
const MAX_BYTES: usize = 8 << 20;

#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) table: Table,
    pub(super) system: Option<&'static str>,
    pub(super) kind: Option<Kind>,
    pub(super) name: Option<String>,
    pub(super) user: Option<String>,
    /// Only what comes after this id: higher ones, or lower ones when `newest_first`.
    pub(super) after: Option<u64>,
    pub(super) newest_first: bool,
    /// Whether records carry the frame that brought them.
    pub(super) with_frames: bool,
    pub(super) limit: usize,
    /// The reading ends with the row that reaches this many bytes.
    pub(super) max_bytes: usize,
}

impl Query {
    /// Everything of a list, in the order of ids.
    pub(super) fn all(table: Table) -> Self {
        Self {
            table,
            system: None,
            kind: None,
            name: None,
            user: None,
            after: None,
            newest_first: false,
            with_frames: false,
            limit: DEFAULT_LIMIT,
            max_bytes: MAX_BYTES,
        }
    }

    /// Reads the parameters of a query string. The error names the parameter.
    pub(super) fn parse(table: Table, query: &str) -> Result<Self, String> {
        let mut found = Self::all(table);
        for (name, value) in pairs(query) {
            if value.is_empty() {
                continue;
            }
            let number =
                || value.parse::<u64>().map_err(|_| format!("{name}: `{value}` is not a whole number"));
            match name.as_str() {
                "system" => {
                    let system = systems::named(&value);
                    found.system =
                        Some(system.ok_or_else(|| format!("system: there is no system `{value}`"))?);
                }
                "after" => found.after = Some(number()?),
                "limit" => found.limit = (number()?.min(MAX_LIMIT as u64) as usize).max(1),
                "order" => match value.as_str() {
                    "asc" => found.newest_first = false,
                    "desc" => found.newest_first = true,
                    _ => return Err(format!("order: `{value}` is neither asc nor desc")),
                },
                "raw" if table == Table::Good => match value.as_str() {
                    "0" => found.with_frames = false,
                    "1" => found.with_frames = true,
                    _ => return Err(format!("raw: `{value}` is neither 0 nor 1")),
                },
                "kind" if table == Table::Good => {
                    let kind = Kind::from_name(&value);
                    found.kind = Some(kind.ok_or_else(|| {
                        format!("kind: `{value}` is none of track, user, item, mapping, message")
                    })?);
                }
                "name" if table == Table::Good => found.name = Some(value),
                "user" if table == Table::Good => found.user = Some(value),
                _ => return Err(format!("{name}: there is no such parameter")),
            }
        }
        Ok(found)
    }
}
