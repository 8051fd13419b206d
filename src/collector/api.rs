//! The collector's own interface under `/trackwire/`.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, header};

use super::answer::{self, Answer, Body};
use super::body::Failure;
use super::package;
use super::query::{Query, Table};
use super::service::State;
use super::store::{StoreError, stats_json};
use super::stream;

/// The longest plan of faults, in bytes.
const MAX_PLAN: usize = 256 << 10;

pub(super) async fn answer(state: &Arc<State>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let method = request.method().as_str().to_owned();
    let answer = match (path.as_str(), method.as_str()) {
        ("/trackwire/stats", "GET" | "HEAD") => stats(state).await,
        ("/trackwire/good", "GET" | "HEAD") => list(state, Table::Good, &request).await,
        ("/trackwire/bad", "GET" | "HEAD") => list(state, Table::Bad, &request).await,
        ("/trackwire/faults", "GET" | "HEAD") => Ok(answer::json(200, state.faults.left())),
        ("/trackwire/faults", "POST") => Ok(replace_faults(state, request).await),
        ("/trackwire/reset", "POST") => state.store.reset().await.map(|()| answer::empty(204)),
        ("/trackwire/package", "GET" | "HEAD") => Ok(package::about(state.options.package.clone()).await),
        ("/trackwire/package.js", "GET" | "HEAD") => Ok(package::script(state.options.package.clone()).await),
        ("/trackwire/stream", "GET") => Ok(stream::answer(state, &request)),
        ("/trackwire/stats" | "/trackwire/good" | "/trackwire/bad" | "/trackwire/stream", _)
        | ("/trackwire/package" | "/trackwire/package.js", _) => Ok(not_allowed(&method, "GET, OPTIONS")),
        ("/trackwire/faults", _) => Ok(not_allowed(&method, "GET, POST, OPTIONS")),
        ("/trackwire/reset", _) => Ok(not_allowed(&method, "POST, OPTIONS")),
        _ => Ok(answer::error(
            404,
            "no such path; there are stats, good, bad, reset, faults, stream and package",
        )),
    };
    let answer = answer.unwrap_or_else(|error| answer::error(503, &error.to_string()));
    if method == "HEAD" { answer.map(|_| Body::Whole(Default::default())) } else { answer }
}

async fn stats(state: &State) -> Result<Answer, StoreError> {
    Ok(answer::json(200, stats_json(&state.store.stats().await?)))
}

/// `{"records":[…],"next":id|null}`. What is on its way is bounded: the permit is held until it was sent.
async fn list(state: &State, table: Table, request: &Request<Incoming>) -> Result<Answer, StoreError> {
    let query = match Query::parse(table, request.uri().query().unwrap_or_default()) {
        Ok(query) => query,
        Err(problem) => return Ok(answer::error(400, &problem)),
    };
    let permit = state.readers.clone().acquire_owned().await.expect("the semaphore is never closed");
    let found = state.store.read(&query).await?;
    let mut out = String::with_capacity(found.rows.iter().map(|row| row.json.len() + 1).sum::<usize>() + 64);
    out.push_str("{\"records\":[");
    for (at, row) in found.rows.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(&row.json);
    }
    out.push_str("],\"next\":");
    match found.rows.last().filter(|_| found.more) {
        Some(last) => out.push_str(itoa::Buffer::new().format(last.id)),
        None => out.push_str("null"),
    }
    out.push('}');
    let answer = answer::typed(200, "application/json", answer::held(out, permit));
    Ok(answer::set(answer, header::CACHE_CONTROL, "no-store"))
}

async fn replace_faults(state: &State, request: Request<Incoming>) -> Answer {
    let body = match state.bodies.read(request.into_body(), MAX_PLAN, state.options.body_timeout).await {
        Ok(body) => body.bytes,
        Err(Failure::TooLong(..)) => {
            return answer::error(413, &format!("a plan has at most {MAX_PLAN} bytes"));
        }
        Err(Failure::TooSlow(_)) => return answer::error(408, "the plan did not arrive in time"),
        Err(Failure::Broken) => return answer::error(400, "the plan did not arrive whole"),
    };
    let Ok(plan) = std::str::from_utf8(&body) else { return answer::error(400, "the plan is not UTF-8") };
    match state.faults.replace(plan) {
        Ok(()) => answer::json(200, state.faults.left()),
        Err(error) => answer::field_error(&error.field, &error.to_string()),
    }
}

fn not_allowed(method: &str, allowed: &'static str) -> Answer {
    answer::set(answer::error(405, &format!("{method} is not allowed here")), header::ALLOW, allowed)
}
