//! Where what arrived is kept: a window in memory, or an SQLite file.

mod sqlite;
mod window;

use std::fmt;

use tokio::sync::watch;

use super::query::Query;
use super::systems::NAMES;
use super::{CollectorError, Options};
use crate::received::{Records, json};

pub(super) enum Store {
    Window(window::Window),
    Sqlite(sqlite::Sqlite),
}

/// A request and what became of it.
#[derive(Debug)]
pub(super) struct Arrival {
    /// `None` when the path belongs to no system.
    pub(super) system: Option<&'static str>,
    /// Milliseconds since the Unix epoch.
    pub(super) received_at: i64,
    pub(super) request: RequestInfo,
    pub(super) outcome: Outcome,
}

/// What is kept of a request itself.
#[derive(Debug)]
pub(super) struct RequestInfo {
    pub(super) method: String,
    pub(super) path: String,
    /// The parameters, a JSON object.
    pub(super) query: String,
    /// The headers, a JSON object.
    pub(super) headers: String,
    /// The length of the body as it was sent.
    pub(super) bytes: u64,
    /// Its length with all layers undone.
    pub(super) plain_bytes: Option<u64>,
    pub(super) format: Option<&'static str>,
    /// The layers, a JSON array.
    pub(super) layers: String,
    /// All of it as it was sent, where the system works with frames.
    pub(super) frame: Option<Vec<u8>>,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Good(Records),
    Bad {
        reason: String,
        status: u16,
        /// The body's beginning as it was sent.
        body: Vec<u8>,
    },
}

/// One record or one bad request as JSON.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: u64,
    pub(super) is_bad: bool,
    pub(super) json: String,
}

/// The result of a reading.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    /// Whether there are more behind the last one.
    pub(super) more: bool,
}

/// The counters of one system, or of those requests that belong to none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) good: u64,
    pub(super) bad: u64,
    pub(super) requests: u64,
    pub(super) bytes: u64,
}

/// The counters by system; those of no system under `None`.
pub(super) type Stats = Vec<(Option<String>, Counts)>;

/// How far the store is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tip {
    /// The highest id given out. Records and bad requests share one sequence without gaps.
    pub(super) last_id: u64,
    /// How often everything was thrown away.
    pub(super) resets: u64,
    /// Grows with every change, also of the counters alone.
    pub(super) changes: u64,
}

/// The store failed; the request can be tried again.
#[derive(Debug)]
pub(super) struct StoreError(String);

impl Store {
    pub(super) fn open(options: &Options) -> Result<Self, CollectorError> {
        match &options.store {
            None => Ok(Self::Window(window::Window::new(options.window_records, options.window_bytes))),
            Some(path) => sqlite::Sqlite::open(path)
                .map(Self::Sqlite)
                .map_err(|error| CollectorError::Store { path: path.clone(), problem: error.0 }),
        }
    }

    /// Keeps an arrival and counts its request; when this returns it is readable, and committed.
    pub(super) async fn append(&self, arrival: Arrival) -> Result<(), StoreError> {
        match self {
            Self::Window(window) => {
                window.append(arrival);
                Ok(())
            }
            Self::Sqlite(sqlite) => sqlite.append(arrival).await,
        }
    }

    /// The same for several, in their order, at the price of one.
    pub(super) async fn append_all(&self, arrivals: Vec<Arrival>) -> Vec<Result<(), StoreError>> {
        match self {
            Self::Window(window) => {
                let mut results = Vec::with_capacity(arrivals.len());
                for arrival in arrivals {
                    window.append(arrival);
                    results.push(Ok(()));
                }
                results
            }
            Self::Sqlite(sqlite) => sqlite.append_all(arrivals).await,
        }
    }

    /// Counts a request of which nothing is kept.
    pub(super) async fn count(&self, system: &'static str, bytes: u64) -> Result<(), StoreError> {
        match self {
            Self::Window(window) => {
                window.count(system, bytes);
                Ok(())
            }
            Self::Sqlite(sqlite) => sqlite.count(system, bytes).await,
        }
    }

    pub(super) async fn read(&self, query: &Query) -> Result<Rows, StoreError> {
        match self {
            Self::Window(window) => Ok(window.read(query)),
            Self::Sqlite(sqlite) => sqlite.read(query.clone()).await,
        }
    }

    pub(super) async fn stats(&self) -> Result<Stats, StoreError> {
        match self {
            Self::Window(window) => Ok(window.stats()),
            Self::Sqlite(sqlite) => sqlite.stats().await,
        }
    }

    /// Throws everything away and sets the counters to zero. Ids go on, so that no reader mistakes a new
    /// record for one it has seen.
    pub(super) async fn reset(&self) -> Result<(), StoreError> {
        match self {
            Self::Window(window) => {
                window.reset();
                Ok(())
            }
            Self::Sqlite(sqlite) => sqlite.reset().await,
        }
    }

    pub(super) fn tip(&self) -> watch::Receiver<Tip> {
        match self {
            Self::Window(window) => window.tip(),
            Self::Sqlite(sqlite) => sqlite.tip(),
        }
    }
}

impl RequestInfo {
    /// As a JSON object.
    fn write(&self, id: u64, out: &mut String) {
        out.push_str("{\"id\":");
        out.push_str(itoa::Buffer::new().format(id));
        out.push_str(",\"method\":");
        json::string(&self.method, out);
        out.push_str(",\"path\":");
        json::string(&self.path, out);
        out.push_str(",\"query\":");
        out.push_str(&self.query);
        out.push_str(",\"headers\":");
        out.push_str(&self.headers);
        out.push_str(",\"bytes\":");
        out.push_str(itoa::Buffer::new().format(self.bytes));
        out.push_str(",\"plain_bytes\":");
        json::number(self.plain_bytes.map(|bytes| bytes as i64), out);
        out.push_str(",\"format\":");
        json::optional(self.format, out);
        out.push_str(",\"layers\":");
        out.push_str(&self.layers);
        out.push('}');
    }
}

/// The counters as the interface shows them.
pub(super) fn stats_json(stats: &Stats) -> String {
    let total = |field: fn(&Counts) -> u64| stats.iter().map(|(_, counts)| field(counts)).sum::<u64>();
    let mut out = format!(
        "{{\"good\":{},\"bad\":{},\"requests\":{},\"by_system\":{{",
        total(|counts| counts.good),
        total(|counts| counts.bad),
        total(|counts| counts.requests)
    );
    for (at, system) in NAMES.into_iter().enumerate() {
        let found = stats.iter().find(|(name, _)| name.as_deref() == Some(system));
        let counts = found.map(|(_, counts)| *counts).unwrap_or_default();
        let _ = fmt::Write::write_fmt(
            &mut out,
            format_args!(
                "{}\"{}\":{{\"good\":{},\"bad\":{},\"requests\":{},\"bytes\":{}}}",
                if at > 0 { "," } else { "" },
                system,
                counts.good,
                counts.bad,
                counts.requests,
                counts.bytes
            ),
        );
    }
    out.push_str("}}");
    out
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The parts of a row as both stores have them.
struct RecordParts<'a> {
    id: u64,
    system: Option<&'a str>,
    kind: &'a str,
    name: Option<&'a str>,
    user: Option<&'a str>,
    anonymous: Option<&'a str>,
    time: Option<i64>,
    attributes: &'a str,
    received_at: i64,
    raw: &'a str,
    request: &'a str,
    frame: Option<&'a [u8]>,
}

impl RecordParts<'_> {
    fn row(&self) -> Row {
        let mut out =
            String::with_capacity(self.attributes.len() + self.raw.len() + self.request.len() + 256);
        out.push_str("{\"id\":");
        out.push_str(itoa::Buffer::new().format(self.id));
        out.push_str(",\"system\":");
        json::optional(self.system, &mut out);
        out.push_str(",\"kind\":");
        json::string(self.kind, &mut out);
        out.push_str(",\"name\":");
        json::optional(self.name, &mut out);
        out.push_str(",\"user\":");
        json::optional(self.user, &mut out);
        out.push_str(",\"anonymous\":");
        json::optional(self.anonymous, &mut out);
        out.push_str(",\"time\":");
        json::number(self.time, &mut out);
        out.push_str(",\"attributes\":");
        out.push_str(self.attributes);
        out.push_str(",\"received_at\":");
        out.push_str(itoa::Buffer::new().format(self.received_at));
        out.push_str(",\"raw\":");
        out.push_str(self.raw);
        out.push_str(",\"request\":");
        out.push_str(self.request);
        if let Some(frame) = self.frame {
            use base64::Engine;
            out.push_str(",\"frame\":\"");
            base64::engine::general_purpose::STANDARD.encode_string(frame, &mut out);
            out.push('"');
        }
        out.push('}');
        Row { id: self.id, is_bad: false, json: out }
    }
}

struct BadParts<'a> {
    id: u64,
    system: Option<&'a str>,
    reason: &'a str,
    status: u16,
    received_at: i64,
    request: &'a str,
    body: &'a [u8],
}

impl BadParts<'_> {
    fn row(&self) -> Row {
        use base64::Engine;
        let mut out = String::with_capacity(self.request.len() + self.body.len() * 4 / 3 + 256);
        out.push_str("{\"id\":");
        out.push_str(itoa::Buffer::new().format(self.id));
        out.push_str(",\"system\":");
        json::optional(self.system, &mut out);
        out.push_str(",\"reason\":");
        json::string(self.reason, &mut out);
        out.push_str(",\"status\":");
        out.push_str(itoa::Buffer::new().format(self.status));
        out.push_str(",\"received_at\":");
        out.push_str(itoa::Buffer::new().format(self.received_at));
        out.push_str(",\"request\":");
        out.push_str(self.request);
        out.push_str(",\"body\":\"");
        base64::engine::general_purpose::STANDARD.encode_string(self.body, &mut out);
        out.push_str("\"}");
        Row { id: self.id, is_bad: true, json: out }
    }
}
