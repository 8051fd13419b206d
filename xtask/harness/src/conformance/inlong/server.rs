//! The server's side: what was captured is played to the collector, which must answer as the vendor's server did.

mod http;
mod records;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::super::Verdict;
use super::vector::{Exchange, Kind, Vector};
use crate::collector::Collector;
use crate::inlong::answer::Answer;
use crate::inlong::frame::Frame;
use crate::inlong::{attribute, read};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long nothing must come where no answer must come and nothing can be asked to find out.
const SILENCE: Duration = Duration::from_millis(300);

/// The text heartbeat, whose answer shows that a connection is open and that nothing is left to be answered.
const HEARTBEAT: [u8; 13] = [0, 0, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0];
const HEARTBEAT_ANSWER: [u8; 5] = [0, 0, 0, 1, 1];

/// Error codes that tell of the server's state, not of what it was sent: the collector has to be told of them.
const STATES: [u32; 15] = [1, 2, 3, 108, 110, 113, 114, 116, 117, 118, 119, 120, 121, 122, 2_147_483_647];

/// Attributes of answers that are the server's own: its address and clock.
const OWN: [&str; 5] = ["dpIp", "rt", "rtms", "node2ip", "rtime2"];

/// Plays a case; `None` where it says nothing of the server.
pub(super) fn play(vector: &Vector, collector: &Collector) -> Option<Verdict> {
    let played = || -> Result<(), String> {
        collector.reset()?;
        match &vector.kind {
            Kind::Frames(exchanges) => in_turn(collector, exchanges),
            Kind::RawFrames { requests, answers, closed } => at_once(collector, requests, answers, *closed),
            Kind::Forms(exchanges) => exchanges
                .iter()
                .try_for_each(|exchange| http::play(collector, &exchange.request, &exchange.answer, None)),
            Kind::RawHttp { request, answer, closed } => {
                http::play(collector, request, answer, Some(*closed))
            }
            Kind::Manager { .. } => Ok(()),
        }?;
        if was_full(vector) { Ok(()) } else { records::compare(vector, collector) }
    };
    if let Kind::Manager { .. } = vector.kind { None } else { Some(played().into()) }
}

/// Whether the server's queue was full: then it handed nothing on, though it had said yes before.
fn was_full(vector: &Vector) -> bool {
    const QUEUE_FULL: u32 = 114;
    let Kind::Frames(exchanges) = &vector.kind else { return false };
    let mut answers = exchanges.iter().filter_map(|exchange| exchange.answer.as_deref());
    answers.any(|answer| state(answer) == Some(QUEUE_FULL))
}

/// What the vendor's server had no topic for, as `group/stream`.
pub(super) fn unknown<'v>(vectors: impl Iterator<Item = &'v Vector>) -> Vec<String> {
    const NO_TOPIC: u32 = 115;
    let mut targets = Vec::new();
    for vector in vectors {
        match &vector.kind {
            Kind::Frames(exchanges) => {
                let answers = exchanges.iter().filter_map(|exchange| exchange.answer.as_deref());
                targets.extend(answers.filter_map(|answer| target_of(answer, NO_TOPIC)));
            }
            Kind::RawFrames { answers, .. } => {
                targets.extend(answers.iter().filter_map(|answer| target_of(answer, NO_TOPIC)));
            }
            Kind::RawHttp { answer, .. } => targets.extend(http::target_of(answer, NO_TOPIC)),
            Kind::Forms(exchanges) => {
                targets.extend(
                    exchanges.iter().filter_map(|exchange| http::target_of(&exchange.answer, NO_TOPIC)),
                );
            }
            Kind::Manager { .. } => {}
        }
    }
    targets.sort();
    targets.dedup();
    targets
}

/// What an answer with this code names.
fn target_of(answer: &[u8], code: u32) -> Option<String> {
    let answer = Answer::decode(answer).ok().filter(|answer| answer.code() == code)?;
    let group = attribute(&answer.attributes, "groupId")?;
    let stream = attribute(&answer.attributes, "streamId");
    Some(stream.map_or_else(|| group.to_owned(), |stream| format!("{group}/{stream}")))
}

/// Frames one after the other, each with its answer.
fn in_turn(collector: &Collector, exchanges: &[Exchange]) -> Result<(), String> {
    let mut connection = connect(collector)?;
    for (at, exchange) in exchanges.iter().enumerate() {
        let mut exchanged = || -> Result<(), String> {
            let state = exchange.answer.as_deref().and_then(state);
            collector.set_state(state)?;
            let Some(expected) = &exchange.answer else {
                return unanswered(collector, &mut connection, &exchange.request);
            };
            send(&mut connection, &exchange.request)?;
            let got = receive(&mut connection)?.ok_or("the connection was closed instead of an answer")?;
            same(expected, &got)
        };
        exchanged().map_err(|why| format!("exchange {at}: {why}"))?;
    }
    collector.set_state(None)?;
    // Nothing may come beside.
    send(&mut connection, &HEARTBEAT)?;
    match receive(&mut connection)? {
        Some(answer) if answer == HEARTBEAT_ANSWER => Ok(()),
        Some(other) => Err(format!("an answer too many: {}", shown(&other))),
        None => Err("the connection was closed".to_owned()),
    }
}

/// A frame whose answer the vendor's client did not get: where it asked for none, none may come. Else it was lost on the
/// way, or its server had no queue behind it to wait for, so it may.
fn unanswered(collector: &Collector, connection: &mut TcpStream, frame: &[u8]) -> Result<(), String> {
    if Frame::decode(frame)?.attribute("isAck") == Some("false") {
        return send(connection, frame);
    }
    let mut own = connect(collector)?;
    send(&mut own, &[frame, &HEARTBEAT].concat())?;
    while receive(&mut own)?.is_some_and(|answer| answer != HEARTBEAT_ANSWER) {}
    Ok(())
}

/// All frames back to back, then all answers.
fn at_once(
    collector: &Collector,
    requests: &[Vec<u8>],
    answers: &[Vec<u8>],
    closed: bool,
) -> Result<(), String> {
    let states: Vec<_> = answers.iter().map(|answer| state(answer)).collect();
    if states.windows(2).any(|pair| pair[0] != pair[1]) && requests.len() == answers.len() {
        let exchange = |(request, answer): (&Vec<u8>, &Vec<u8>)| Exchange {
            request: request.clone(),
            answer: Some(answer.clone()),
        };
        return in_turn(collector, &requests.iter().zip(answers).map(exchange).collect::<Vec<_>>());
    }
    collector.set_state(states.first().copied().flatten())?;
    let mut connection = connect(collector)?;
    let sent = send(&mut connection, &requests.concat());
    if !closed {
        sent?;
    }
    for (at, expected) in answers.iter().enumerate() {
        let got = receive(&mut connection)?.ok_or_else(|| format!("closed instead of answer {at}"))?;
        same(expected, &got).map_err(|why| format!("answer {at}: {why}"))?;
    }
    collector.set_state(None)?;
    let whole = requests.iter().all(|request| is_whole(request));
    if whole && !closed {
        send(&mut connection, &HEARTBEAT)?;
    }
    if !whole && !closed {
        return silent(&mut connection);
    }
    match (receive(&mut connection)?, closed) {
        (None, true) => Ok(()),
        (None, false) => Err("the connection was closed".to_owned()),
        (Some(answer), false) if answer == HEARTBEAT_ANSWER => Ok(()),
        (Some(other), _) => Err(format!("an answer too many: {}", shown(&other))),
    }
}

/// Neither bytes nor an end come.
fn silent(connection: &mut TcpStream) -> Result<(), String> {
    connection.set_read_timeout(Some(SILENCE)).map_err(text)?;
    match connection.read(&mut [0]) {
        Ok(0) => Err("the connection was closed".to_owned()),
        Ok(_) => Err("an answer came where none must come".to_owned()),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn connect(collector: &Collector) -> Result<TcpStream, String> {
    let connection = TcpStream::connect(collector.node()?).map_err(text)?;
    connection.set_read_timeout(Some(PATIENCE)).map_err(text)?;
    connection.set_nodelay(true).map_err(text)?;
    Ok(connection)
}

fn send(connection: &mut TcpStream, bytes: &[u8]) -> Result<(), String> {
    connection.write_all(bytes).map_err(text)
}

/// The next frame; `None` at the connection's end, which may come as a reset where bytes were left unread.
fn receive(connection: &mut TcpStream) -> Result<Option<Vec<u8>>, String> {
    match read(connection) {
        Ok(frame) => Ok(frame),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(None),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            let _ = connection.shutdown(Shutdown::Both);
            Err(format!("no answer within {} s", PATIENCE.as_secs()))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// The state that an answer tells of.
fn state(answer: &[u8]) -> Option<u32> {
    let code = Answer::decode(answer).ok()?.code();
    STATES.contains(&code).then_some(code)
}

fn same(expected: &[u8], got: &[u8]) -> Result<(), String> {
    let told = state(expected).is_some();
    let decode = |bytes: &[u8]| Answer::decode(bytes).map(|answer| comparable(answer, told));
    let (expected, got) = (decode(expected)?, decode(got)?);
    if expected == got { Ok(()) } else { Err(format!("expected {expected:?}, got {got:?}")) }
}

/// Without what differs from server to server and, where the collector was told the code, without the words for it.
fn comparable(mut answer: Answer, told: bool) -> Answer {
    answer.attribute_text.clear();
    let is_own = |key: &str| OWN.contains(&key) || told && key == "errMsg";
    answer.attributes.retain(|(key, _)| !is_own(key));
    answer.dt = 0;
    answer
}

fn shown(answer: &[u8]) -> String {
    Answer::decode(answer).map_or_else(|_| format!("{answer:02x?}"), |answer| format!("{answer:?}"))
}

fn is_whole(frame: &[u8]) -> bool {
    let length =
        frame.get(..4).map(|field| field.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)));
    length.is_some_and(|length| frame.len() == 4 + length)
}

fn text(error: std::io::Error) -> String {
    error.to_string()
}
