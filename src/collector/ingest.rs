//! Requests to the systems: the plan of faults, the body, its decoding, the store, the answer.

use std::time::{SystemTime, UNIX_EPOCH};

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;

use super::answer::{self, Answer};
use super::body::Failure;
use super::faults::{Action, Asked, Cut};
use super::service::{CutOff, State};
use super::store::{Arrival, Outcome, RequestInfo};
use super::systems::System;
use crate::received::{self, Receipt, Refusal, json};

/// How much of a bad body is kept.
pub(super) const KEPT: usize = 64 << 10;

/// The longest body that is looked at where no system is.
const MAX_UNKNOWN: usize = 64 << 10;

/// The methods of a system's path.
const ALLOWED: &str = "POST, OPTIONS";

/// Answers a request to a system's path.
pub(super) async fn answer(
    state: &State,
    system: &'static System,
    request: Request<Incoming>,
) -> Result<Answer, CutOff> {
    if request.method() == "HEAD" {
        // A page that may not read answers asks so whether anyone is there. It brings nothing that could be bad.
        return Ok(answer::set(answer::empty(405), header::ALLOW, ALLOWED));
    }
    let (head, body) = request.into_parts();
    let is_post = head.method == "POST";
    let action = if is_post { state.faults.decide(&Asked::posted(system.name)) } else { Action::default() };
    if action.drop == Some(Cut::Before) {
        counted(state.store.count(system.name, 0).await);
        tokio::time::sleep(action.delay).await;
        return Err(CutOff);
    }
    let head = Head::new(&head);
    let body = state.bodies.read(body, system.max_body, state.options.body_timeout).await;
    if action.refuses() {
        let bytes = body.as_ref().map_or(0, |body| body.bytes.len() as u64);
        counted(state.store.count(system.name, bytes).await);
        tokio::time::sleep(action.delay).await;
        return Ok(dress(answer::empty(204), &action));
    }

    let (result, close) = match body {
        Ok(body) => {
            let receipt = system.receive(&head.incoming(&body.bytes));
            (keep(state, Some(system), &head, body.bytes.len() as u64, &body.bytes, receipt).await, false)
        }
        Err(Failure::Broken) => return Err(CutOff),
        Err(Failure::TooLong(len, beginning)) => {
            let reason =
                format!("the body has {len} bytes or more, at most {} are accepted", system.max_body);
            let receipt = Receipt::refused(Refusal::new(413, reason));
            (keep(state, Some(system), &head, len, &beginning, receipt).await, true)
        }
        Err(Failure::TooSlow(beginning)) => {
            let reason =
                format!("the body did not arrive within {} s", state.options.body_timeout.as_secs_f64());
            let receipt = Receipt::refused(Refusal::new(408, reason));
            (keep(state, Some(system), &head, beginning.len() as u64, &beginning, receipt).await, true)
        }
    };
    // What was accepted stays so, however long the answer takes and whether it comes at all.
    tokio::time::sleep(action.delay).await;
    if action.drop == Some(Cut::After) {
        return Err(CutOff);
    }
    Ok(match result {
        Ok(()) => dress(answer::empty(204), &action),
        Err(refusal) => refused(&refusal, ALLOWED, close),
    })
}

/// Answers a request that sends something to where no system is. It is kept as a bad one: most likely the
/// address that the SDK was given is wrong, and this is the place to see that.
pub(super) async fn unknown(state: &State, request: Request<Incoming>) -> Result<Answer, CutOff> {
    let (head, body) = request.into_parts();
    let head = Head::new(&head);
    let (len, body, close) = match state.bodies.read(body, MAX_UNKNOWN, state.options.body_timeout).await {
        Ok(body) => (body.bytes.len() as u64, body.bytes, false),
        Err(Failure::TooLong(len, beginning)) => (len, beginning, true),
        Err(Failure::TooSlow(beginning)) => (beginning.len() as u64, beginning, true),
        Err(Failure::Broken) => return Err(CutOff),
    };
    let refusal = Refusal::new(404, "no system has this path");
    let _ = keep(state, None, &head, len, &body, Receipt::refused(refusal.clone())).await;
    Ok(refused(&refusal, "GET, OPTIONS", close))
}

/// Puts the records, or the refusal, into the store.
async fn keep(
    state: &State,
    system: Option<&'static System>,
    head: &Head,
    bytes: u64,
    body: &[u8],
    receipt: Receipt,
) -> Result<(), Refusal> {
    let mut layers = String::new();
    json::array(&receipt.layers, &mut layers);
    let (outcome, result) = match receipt.result {
        Ok(records) => (Outcome::Good(records), Ok(())),
        Err(refusal) => {
            let body = body[..body.len().min(KEPT)].to_vec();
            (Outcome::Bad { reason: refusal.reason.clone(), status: refusal.status, body }, Err(refusal))
        }
    };
    let arrival = Arrival {
        system: system.map(|system| system.name),
        received_at: now(),
        request: RequestInfo {
            method: head.method.clone(),
            path: head.path.clone(),
            query: object(&head.query),
            headers: object(&head.headers),
            bytes,
            plain_bytes: receipt.plain_bytes.map(|bytes| bytes as u64),
            format: receipt.format,
            layers,
            frame: None,
        },
        outcome,
    };
    if let Err(error) = state.store.append(arrival).await {
        log::error!("{error}");
        // Nothing was kept, so nothing is accepted: the client is to try again.
        return Err(Refusal::new(503, error.to_string()));
    }
    result
}

pub(super) fn counted<E: std::fmt::Display>(result: Result<(), E>) {
    if let Err(error) = result {
        log::error!("{error}");
    }
}

/// Gives an answer the status, the code and the Retry-After of a fault.
fn dress(answer: Answer, action: &Action) -> Answer {
    let Some(status) = action.status else { return answer };
    let mut answer = match &action.code {
        Some(code) => {
            answer::json(status, format!("{{\"code\":{code},\"message\":\"by the plan of faults\"}}"))
        }
        None => answer::empty(status),
    };
    if let Some(after) = &action.retry_after
        && let Ok(value) = HeaderValue::try_from(after.header())
    {
        answer.headers_mut().insert(header::RETRY_AFTER, value);
    }
    answer
}

fn refused(refusal: &Refusal, allowed: &'static str, close: bool) -> Answer {
    let answer = answer::error(refusal.status, &refusal.reason);
    let answer = if refusal.status == 405 { answer::set(answer, header::ALLOW, allowed) } else { answer };
    if close { answer::set(answer, header::CONNECTION, "close") } else { answer }
}

/// The head of a request, as the receiving sides take it.
pub(super) struct Head {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
}

impl Head {
    pub(super) fn new(parts: &Parts) -> Self {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Self {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: received::pairs(parts.uri.query().unwrap_or_default()),
            headers: parts
                .headers
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), text(value)))
                .collect(),
        }
    }

    /// The first value of a header; `name` in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn incoming<'a>(&'a self, body: &'a [u8]) -> received::Incoming<'a> {
        received::Incoming {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body,
        }
    }
}

pub(super) fn object(pairs: &[(String, String)]) -> String {
    let mut out = String::new();
    json::object(pairs, &mut out);
    out
}

/// Milliseconds since the Unix epoch.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
