//! What comes by HTTP: forms with messages, and what is asked of the Manager.

use std::net::SocketAddr;

use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use hyper::{Request, header};

use super::{SYSTEM, max_frame};
use crate::collector::answer::{self, Answer};
use crate::collector::body::Failure;
use crate::collector::faults::{Action, Asked, Cut, On};
use crate::collector::ingest::{Head, KEPT, counted, now, object};
use crate::collector::server::{Entrance, Peer};
use crate::collector::service::{CutOff, State};
use crate::collector::store::{Arrival, Outcome, RequestInfo};
use crate::inlong::collect::http::{self, CONTENT_TYPE, Post};
use crate::inlong::collect::manager::{self, Nodes};
use crate::inlong::collect::{Refused, codes};

/// A path that the real server takes and never answers.
const NEVER: &str = "/favicon.ico";

/// The longest first line of a request, in bytes; a longer one cannot be decoded.
const MAX_LINE: usize = 4096;

/// The longest headers together, in bytes; longer ones cannot be decoded either.
const MAX_HEADERS: usize = 8192;

/// What of that line is neither method nor target: two blanks and the version.
const AROUND_TARGET: usize = " ".len() + " HTTP/1.1".len();

/// The longest form for the Manager, in bytes.
const MAX_ASKED: usize = 64 << 10;

/// Whether a path is the Manager's or a DataProxy's.
pub(in super::super) fn owns(state: &State, path: &str) -> bool {
    // Without nodes this is the live page's address and nothing else.
    (path == NEVER && !state.nodes.tcp.is_empty())
        || path.starts_with(http::PREFIX)
        || path.starts_with(manager::PREFIX)
}

/// Answers a request to one of them.
pub(in super::super) async fn answer(
    state: &State,
    request: Request<Incoming>,
    peer: Peer,
) -> Result<Answer, CutOff> {
    let path = request.uri().path();
    if path == NEVER && matches!(request.method().as_str(), "GET" | "POST") {
        // Until the client has enough of it; not for ever, as a connection takes a place.
        tokio::select! {
            () = state.until_stopped() => {}
            () = tokio::time::sleep(state.options.inlong_read_idle) => {}
        }
        return Err(CutOff);
    }
    let is_managers = peer.entrance == Entrance::All && path.starts_with(manager::PREFIX);
    if let Some(asked) = manager::asked(path).filter(|_| is_managers) {
        return nodes(state, request, peer, &asked).await;
    }
    let simply = |code| Ok(coded(code, codes::meaning(code), None));
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    match path {
        _ if is_managers => Ok(answer::error(
            404,
            "no such path; there are getIpList/{group} and getIpListByClusterName/{cluster}",
        )),
        _ if request.method().as_str().len() + target + AROUND_TARGET > MAX_LINE
            || headers_len(&request) > MAX_HEADERS =>
        {
            simply(codes::HTTP_DECODE)
        }
        http::MESSAGE => message(state, request, peer).await,
        _ if !matches!(request.method().as_str(), "GET" | "POST") => {
            simply(unless_planned(state, codes::HTTP_METHOD))
        }
        http::HEARTBEAT => heartbeat(state).await,
        _ => simply(unless_planned(state, codes::HTTP_PATH)),
    }
}

async fn message(state: &State, request: Request<Incoming>, peer: Peer) -> Result<Answer, CutOff> {
    let (parts, body) = request.into_parts();
    let action = state.faults.decide(&Asked::posted(SYSTEM));
    if action.drop == Some(Cut::Before) {
        counted(state.store.count(SYSTEM, 0).await);
        tokio::time::sleep(action.delay).await;
        return Err(CutOff);
    }
    let head = Head::new(&parts);
    let body = state.bodies.read(body, max_frame(&state.options), state.options.body_timeout).await;
    // What fails only at the queue fails after everything else.
    let is_late = action.number().is_some_and(codes::is_late);
    if action.refuses() || action.number().is_some() && !is_late {
        let bytes = body.as_ref().map_or(0, |body| body.bytes.len() as u64);
        counted(state.store.count(SYSTEM, bytes).await);
        tokio::time::sleep(action.delay).await;
        if action.drop == Some(Cut::After) {
            return Err(CutOff);
        }
        return Ok(planned(&action));
    }
    let received_at = now();
    let (outcome, answer) = match body {
        Ok(body) => {
            let taken = http::receive(&Post {
                method: &head.method,
                query: parts.uri.query().unwrap_or_default(),
                content_type: head.header("content-type"),
                body: &body.bytes,
                client: peer.client.ip(),
                now: received_at,
                unknown: &state.options.inlong_unknown,
            });
            let callback = taken.callback.as_deref();
            let bytes = body.bytes.len() as u64;
            match taken.result {
                Ok(_) if is_late => {
                    counted(state.store.count(SYSTEM, bytes).await);
                    tokio::time::sleep(action.delay).await;
                    let code = action.number().unwrap_or_default();
                    let text = (code == codes::QUEUE_FULL).then_some(codes::PUT_HTTP_FAILURE);
                    let text = text.unwrap_or(codes::meaning(code));
                    return if action.drop.is_some() { Err(CutOff) } else { Ok(coded(code, text, callback)) };
                }
                Ok(records) => ((Outcome::Good(records), bytes), coded(0, codes::meaning(0), callback)),
                Err(refused) => {
                    let text = refused.message.as_deref().unwrap_or(codes::meaning(refused.code));
                    let answer = coded(refused.code, text, callback);
                    ((bad(&refused, &body.bytes), bytes), answer)
                }
            }
        }
        Err(Failure::Broken) => return Err(CutOff),
        Err(Failure::TooLong(len, beginning)) => {
            let refused = Refused::new(413, format!("the body has {len} bytes or more"));
            let mut answer = answer::bare(413, "", "");
            answer.extensions_mut().insert(ReasonPhrase::from_static(b"Request Entity Too Large"));
            ((bad(&refused, &beginning), len), answer)
        }
        Err(Failure::TooSlow(beginning)) => {
            let refused = Refused::new(408, "the body did not arrive in time");
            let answer = answer::set(answer::bare(408, "", ""), header::CONNECTION, "close");
            ((bad(&refused, &beginning), beginning.len() as u64), answer)
        }
    };
    let (outcome, bytes) = outcome;
    let arrival = Arrival {
        system: Some(SYSTEM),
        received_at,
        request: RequestInfo {
            method: head.method,
            path: head.path,
            query: object(&head.query),
            headers: object(&head.headers),
            bytes,
            plain_bytes: None,
            format: Some("form"),
            layers: "[]".to_owned(),
            frame: None,
        },
        outcome,
    };
    if let Err(error) = state.store.append(arrival).await {
        log::error!("{error}");
        return Ok(coded(codes::QUEUE_FULL, "the store failed", None));
    }
    // What was accepted stays so, however long the answer takes and whether it comes at all.
    tokio::time::sleep(action.delay).await;
    if action.drop.is_some() { Err(CutOff) } else { Ok(answer) }
}

async fn heartbeat(state: &State) -> Result<Answer, CutOff> {
    let action = state.faults.decide(&Asked { on: On::Heartbeats, ..Asked::posted(SYSTEM) });
    tokio::time::sleep(action.delay).await;
    if action.drop.is_some() {
        return Err(CutOff);
    }
    if action.refuses() || action.number().is_some() {
        return Ok(planned(&action));
    }
    Ok(coded(0, codes::meaning(0), None))
}

/// The Manager's answer: the nodes, whatever the group or cluster is called.
async fn nodes(
    state: &State,
    request: Request<Incoming>,
    peer: Peer,
    _asked: &str,
) -> Result<Answer, CutOff> {
    let (parts, body) = request.into_parts();
    let action = state.faults.decide(&Asked { on: On::Manager, ..Asked::posted(SYSTEM) });
    if action.drop == Some(Cut::Before) {
        tokio::time::sleep(action.delay).await;
        return Err(CutOff);
    }
    let head = Head::new(&parts);
    let body = match state.bodies.read(body, MAX_ASKED, state.options.body_timeout).await {
        Ok(body) => body.bytes,
        Err(Failure::Broken) => return Err(CutOff),
        Err(_) => return Ok(answer::set(answer::bare(413, "", ""), header::CONNECTION, "close")),
    };
    tokio::time::sleep(action.delay).await;
    if action.drop.is_some() {
        return Err(CutOff);
    }
    if action.refuses() {
        return Ok(planned(&action));
    }
    if head.method != "POST" {
        return Ok(answer::set(answer::bare(405, "", ""), header::ALLOW, "POST"));
    }
    if let Some(auth) = &state.options.inlong_auth
        && !manager::is_authorized(head.header("authorization"), &auth.id, &auth.key)
    {
        return Ok(answer::bare(403, "text/html;charset=utf-8", "<h1>HTTP Status 403 - Forbidden</h1>"));
    }
    if let Some(code) = &action.code {
        return Ok(answer::bare(200, "application/json", manager::refused(code.trim_matches('"'))));
    }
    let protocol = manager::protocol(parts.uri.query().unwrap_or_default(), &body);
    let nodes = Nodes {
        tcp: state.nodes.tcp.iter().map(|node| reachable(*node, peer)).collect(),
        http: state.nodes.http.iter().map(|node| reachable(*node, peer)).collect(),
        max_packet: state.nodes.max_packet,
    };
    Ok(answer::bare(200, "application/json", manager::answer(&nodes, protocol.as_deref())))
}

fn headers_len(request: &Request<Incoming>) -> usize {
    request.headers().iter().map(|(name, value)| name.as_str().len() + ": ".len() + value.len()).sum()
}

/// A code, but of a server that takes nothing its own.
fn unless_planned(state: &State, code: u32) -> u32 {
    let planned = state.faults.decide(&Asked::posted(SYSTEM)).number();
    planned.filter(|code| !codes::is_late(*code)).unwrap_or(code)
}

/// What listens everywhere is named by the address that this client found.
fn reachable(node: SocketAddr, peer: Peer) -> SocketAddr {
    if node.ip().is_unspecified() { (peer.local.ip(), node.port()).into() } else { node }
}

fn bad(refused: &Refused, body: &[u8]) -> Outcome {
    Outcome::Bad {
        reason: refused.reason(),
        status: u16::try_from(refused.code).unwrap_or(u16::MAX),
        body: body[..body.len().min(KEPT)].to_vec(),
    }
}

/// The answer that the plan of faults wants.
fn planned(action: &Action) -> Answer {
    let code = action.number();
    let answer = match (action.status, code) {
        (Some(status), Some(code)) => {
            answer::bare(status, CONTENT_TYPE, http::answer(code, codes::meaning(code), None))
        }
        (Some(status), None) => answer::bare(status, "", ""),
        (None, code) => {
            let code = code.unwrap_or_default();
            return coded(code, codes::meaning(code), None);
        }
    };
    match action.retry_after.as_ref().and_then(|after| after.header().try_into().ok()) {
        Some(value) => {
            let mut answer = answer;
            answer.headers_mut().insert(header::RETRY_AFTER, value);
            answer
        }
        None => answer,
    }
}

/// 200, and a code.
fn coded(code: u32, message: &str, callback: Option<&str>) -> Answer {
    let answer = answer::bare(200, CONTENT_TYPE, http::answer(code, message, callback));
    if codes::closes(code) { answer::set(answer, header::CONNECTION, "close") } else { answer }
}
