//! Server-sent events: what arrives, as it arrives.
//!
//! Nothing is queued per client. Each has a place in the sequence of ids and reads on from there when it can
//! take more; one that falls too far behind is moved forward and told how many it missed.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Bytes, Incoming};
use hyper::{Request, header};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::sleep;

use super::answer::{self, Answer, Body};
use super::query::{Query, Table};
use super::service::State;
use super::store::{Row, Tip, stats_json};
use crate::received::pairs;

/// How far a client may be behind, in records.
const MAX_BEHIND: u64 = 10_000;

/// How many records are read at a time.
const CHUNK: usize = 200;

/// How many bytes of them at most, but for the last one. A few such pieces are held for a client that does not read.
const MAX_PIECE: usize = 128 << 10;

/// How long changes are gathered before they are told.
const PAUSE: Duration = Duration::from_millis(50);

/// How often a quiet stream says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) fn answer(state: &Arc<State>, request: &Request<Incoming>) -> Answer {
    let Ok(permit) = state.streams.clone().try_acquire_owned() else {
        return answer::error(503, "too many clients follow the stream");
    };
    let after = match start(request) {
        Ok(after) => after,
        Err(problem) => return answer::error(400, &problem),
    };
    let (pieces, body) = mpsc::channel(2);
    tokio::spawn(follow(state.clone(), after, pieces, permit));
    let answer = answer::typed(200, "text/event-stream", Body::Pieces(body));
    answer::set(answer, header::CACHE_CONTROL, "no-store")
}

/// Where the client left off: what its browser says when it comes again, else `after`.
fn start(request: &Request<Incoming>) -> Result<Option<u64>, String> {
    let header = request.headers().get("last-event-id").and_then(|value| value.to_str().ok());
    if let Some(id) = header.and_then(|id| id.trim().parse().ok()) {
        return Ok(Some(id));
    }
    let after =
        pairs(request.uri().query().unwrap_or_default()).into_iter().find(|(name, _)| name == "after");
    match after {
        None => Ok(None),
        Some((_, id)) => id.parse().map(Some).map_err(|_| format!("after: `{id}` is not a whole number")),
    }
}

async fn follow(
    state: Arc<State>,
    after: Option<u64>,
    pieces: mpsc::Sender<Bytes>,
    _permit: OwnedSemaphorePermit,
) {
    tokio::select! {
        () = pieces.closed() => {}
        () = state.until_stopped() => {}
        () = tell(&state, after, &pieces) => {}
    }
}

/// Ends when the client is gone.
async fn tell(state: &State, after: Option<u64>, pieces: &mpsc::Sender<Bytes>) {
    let mut tip = state.store.tip();
    let mut faults = state.faults.changes();
    let mut seen: Tip = *tip.borrow_and_update();
    let mut last = after.unwrap_or(seen.last_id).min(seen.last_id);
    let mut piece = event("hello", Some(last), &format!("{{\"last_id\":{}}}", seen.last_id));
    piece.push_str(&event("faults", None, &state.faults.left()));
    let mut tell_stats = true;
    loop {
        // Everything that is there.
        loop {
            let Ok(found) = read(state, &mut last, seen.last_id, &mut piece).await else { return };
            if !found {
                break;
            }
            if pieces.send(std::mem::take(&mut piece).into()).await.is_err() {
                return;
            }
            let now = *tip.borrow_and_update();
            if now.resets != seen.resets {
                piece.push_str(&event("reset", None, "{}"));
            }
            seen = now;
        }
        if tell_stats && let Ok(stats) = state.store.stats().await {
            piece.push_str(&event("stats", None, &stats_json(&stats)));
        }
        if !piece.is_empty() && pieces.send(std::mem::take(&mut piece).into()).await.is_err() {
            return;
        }
        // Then wait for more.
        sleep(PAUSE).await;
        tell_stats = false;
        tokio::select! {
            changed = tip.changed() => {
                if changed.is_err() {
                    return;
                }
                let now = *tip.borrow_and_update();
                if now.resets != seen.resets {
                    piece.push_str(&event("reset", None, "{}"));
                }
                seen = now;
                tell_stats = true;
            }
            changed = faults.changed() => {
                if changed.is_err() {
                    return;
                }
                faults.borrow_and_update();
                piece.push_str(&event("faults", None, &state.faults.left()));
            }
            () = sleep(KEEP_ALIVE) => piece.push_str(": alive\n\n"),
        }
    }
}

/// Appends the next records as events and moves `last` forward; false when there are none.
async fn read(state: &State, last: &mut u64, tip: u64, out: &mut String) -> Result<bool, ()> {
    if *last >= tip {
        return Ok(false);
    }
    let from = (*last).max(tip.saturating_sub(MAX_BEHIND));
    let query = Query { after: Some(from), limit: CHUNK, max_bytes: MAX_PIECE, ..Query::all(Table::Both) };
    let found = state.store.read(&query).await.map_err(|error| log::error!("{error}"))?;
    let next = found.rows.first().map_or(tip + 1, |row| row.id);
    let missed = next.saturating_sub(*last + 1);
    if missed > 0 {
        out.push_str(&event("skipped", Some(next - 1), &format!("{{\"after\":{last},\"count\":{missed}}}")));
    }
    *last = found.rows.last().map_or(tip, |row| row.id);
    for Row { id, is_bad, json } in &found.rows {
        out.push_str(&event(if *is_bad { "bad" } else { "good" }, Some(*id), json));
    }
    Ok(true)
}

fn event(name: &str, id: Option<u64>, data: &str) -> String {
    let mut out = String::with_capacity(data.len() + 64);
    if let Some(id) = id {
        out.push_str("id: ");
        out.push_str(itoa::Buffer::new().format(id));
        out.push('\n');
    }
    out.push_str("event: ");
    out.push_str(name);
    out.push_str("\ndata: ");
    // A line break would end the event; in JSON one can only stand between tokens.
    out.extend(data.chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }));
    out.push_str("\n\n");
    out
}
