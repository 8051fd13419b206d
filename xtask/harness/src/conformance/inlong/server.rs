//! The server's side: what was captured is played to the collector, which must answer as the vendor's server did.

mod http;
mod records;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::super::Verdict;
use super::vector::{Event, Exchange, Kind, Vector};
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

/// Error codes that tell of what the server was sent. Any other tells of its state, which the collector has to be told of.
const OF_WHAT_CAME: [u32; 25] = [
    31, 32, 33, 34, 35, 36, 94, 95, 96, 100, 101, 102, 103, 104, 105, 106, 107, 109, 111, 112, 115, 123, 150,
    151, 0,
];

/// Of those, that of a server that takes nothing.
const SERVICE_CLOSED: u32 = 2;

/// Attributes of answers that are the server's own: its address and clock.
const OWN: [&str; 5] = ["dpIp", "rt", "rtms", "node2ip", "rtime2"];

/// Plays a case; `None` where it says nothing of the server.
pub(super) fn play(vector: &Vector, collector: &Collector) -> Option<Verdict> {
    let played = || -> Result<(), String> {
        collector.reset()?;
        match &vector.kind {
            Kind::Frames(exchanges) => in_turn(collector, exchanges),
            Kind::RawFrames { requests, answers, closed } => {
                let refusing = !closed && is_quietly_refused(requests, answers, vector.events.as_deref());
                at_once(collector, requests, answers, *closed, refusing.then_some(SERVICE_CLOSED))
            }
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
    match &vector.kind {
        Kind::Frames(exchanges) => {
            let mut answers = exchanges.iter().filter_map(|exchange| exchange.answer.as_deref());
            answers.any(|answer| state(answer) == Some(QUEUE_FULL))
        }
        Kind::RawFrames { answers, .. } => answers.iter().any(|answer| state(answer) == Some(QUEUE_FULL)),
        Kind::Forms(exchanges) => exchanges.iter().any(|exchange| http::tells(&exchange.answer, QUEUE_FULL)),
        Kind::RawHttp { answer, .. } => http::tells(answer, QUEUE_FULL),
        Kind::Manager { .. } => false,
    }
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
    // Of a group's streams none, where it names none.
    Some(format!("{group}/{}", attribute(&answer.attributes, "streamId").unwrap_or_default()))
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
            same(&exchange.request, expected, &got)
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

/// Whether frames that ask for no answer were refused without a word: the server was in a state that it did not tell.
fn is_quietly_refused(requests: &[Vec<u8>], answers: &[Vec<u8>], events: Option<&[Event]>) -> bool {
    let is_quiet = |request: &Vec<u8>| {
        Frame::decode(request).is_ok_and(|frame| {
            frame.attribute("isAck").is_some_and(|value| value.eq_ignore_ascii_case("false"))
        })
    };
    answers.is_empty() && events.is_some_and(<[Event]>::is_empty) && requests.iter().all(is_quiet)
}

/// All frames back to back, then all answers. `unsaid` is the state of a server that told none.
fn at_once(
    collector: &Collector,
    requests: &[Vec<u8>],
    answers: &[Vec<u8>],
    closed: bool,
    unsaid: Option<u32>,
) -> Result<(), String> {
    let states: Vec<_> = answers.iter().map(|answer| state(answer)).collect();
    if states.windows(2).any(|pair| pair[0] != pair[1]) && requests.len() == answers.len() {
        let exchange = |(request, answer): (&Vec<u8>, &Vec<u8>)| Exchange {
            request: request.clone(),
            answer: Some(answer.clone()),
        };
        return in_turn(collector, &requests.iter().zip(answers).map(exchange).collect::<Vec<_>>());
    }
    collector.set_state(states.first().copied().flatten().or(unsaid))?;
    let mut connection = connect(collector)?;
    let mut sending = connection.try_clone().map_err(text)?;
    let sent = send(&mut sending, &requests.concat());
    if !closed {
        sent?;
    }
    let waiting = waiting(requests, answers);
    let mut next = || -> Result<Option<Vec<u8>>, String> {
        loop {
            match receive(&mut connection)? {
                Some(answer) if waiting.iter().any(|uniq| answers_to(&answer, *uniq)) => {}
                other => return Ok(other),
            }
        }
    };
    for (at, expected) in answers.iter().enumerate() {
        let got = next()?.ok_or_else(|| format!("closed instead of answer {at}"))?;
        // Answers come in order, and who gets none is behind those that do or asked for none.
        let request = if requests.len() == answers.len() { &requests[at][..] } else { &[] };
        same(request, expected, &got).map_err(|why| format!("answer {at}: {why}"))?;
    }
    collector.set_state(None)?;
    let whole = requests.iter().all(|request| is_whole(request));
    if whole && !closed {
        send(&mut sending, &HEARTBEAT)?;
    }
    if !whole && !closed {
        return silent(&mut connection);
    }
    match (next()?, closed) {
        (None, true) => Ok(()),
        (None, false) => Err("the connection was closed".to_owned()),
        (Some(answer), false) if answer == HEARTBEAT_ANSWER => Ok(()),
        (Some(other), _) => Err(format!("an answer too many: {}", shown(&other))),
    }
}

/// The numbers of frames that wait for a queue to have taken them and have no answer: the vendor's server had no queue behind
/// it. The collector has one.
fn waiting(requests: &[Vec<u8>], answers: &[Vec<u8>]) -> Vec<u32> {
    let frames = requests.iter().filter_map(|request| Frame::decode(request).ok());
    let waits = |frame: &Frame| {
        let asks = |key| frame.attribute(key).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        frame.kind == 7 && (asks("syncSend") || asks("proxySend"))
    };
    let numbers = frames.filter(waits).map(|frame| frame.uniq);
    numbers.filter(|uniq| !answers.iter().any(|answer| answers_to(answer, *uniq))).collect()
}

fn answers_to(answer: &[u8], uniq: u32) -> bool {
    Answer::decode(answer).is_ok_and(|answer| answer.kind == 7 && answer.uniq == uniq)
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
    Answer::decode(answer).ok().map(|answer| answer.code()).filter(|code| is_state(*code))
}

fn is_state(code: u32) -> bool {
    !OF_WHAT_CAME.contains(&code)
}

/// The words for an error are free, as is what the collector says that was told the code; all else counts.
fn same(request: &[u8], expected: &[u8], got: &[u8]) -> Result<(), String> {
    let (expected, got) = (Answer::decode(expected)?, Answer::decode(got)?);
    let differ = || Err(format!("expected {expected:?}, got {got:?}"));
    let head =
        |answer: &Answer| (answer.kind, answer.uniq, answer.version, answer.body.clone(), answer.code());
    if head(&expected) != head(&got) {
        return differ();
    }
    let told = is_state(expected.code());
    if comparable(&expected, told) == comparable(&got, told) {
        return Ok(());
    }
    let echo = Frame::decode(request).map(|frame| frame.attribute_text).unwrap_or_default();
    let has_words = |answer: &Answer| attribute(&answer.attributes, "errMsg").is_some();
    let echoes = |answer: &Answer| answer.attribute_text.ends_with(&echo);
    let is_alike = (told || has_words(&expected) == has_words(&got)) && echoes(&expected) == echoes(&got);
    if expected.code() != 0 && is_alike { Ok(()) } else { differ() }
}

/// The attributes without what differs from server to server and, where the collector was told the code, without the words
/// for it.
fn comparable(answer: &Answer, told: bool) -> Vec<&(String, String)> {
    let is_own = |key: &str| OWN.contains(&key) || told && key == "errMsg";
    answer.attributes.iter().filter(|(key, _)| !is_own(key)).collect()
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

#[cfg(test)]
mod tests {
    use super::{same, waiting};
    use crate::inlong::answer::Answer;

    fn answer(text: &str) -> Vec<u8> {
        Answer { kind: 7, uniq: 1, attribute_text: text.to_owned(), ..Answer::default() }.encode()
    }

    /// A frame of type 7 with these attributes.
    fn request(text: &str) -> Vec<u8> {
        let rest = [
            &[7, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, b'x', 0, text.len() as u8][..],
            text.as_bytes(),
            &[0xee, 1],
        ];
        let rest = rest.concat();
        [&(rest.len() as u32).to_be_bytes()[..], &rest].concat()
    }

    #[test]
    fn words_are_free_and_nothing_else_is() {
        let request = request("groupId=g");
        let expected = answer("dpIp=1&errCode=109&errMsg=some & words=1&groupId=g");
        for (got, fits) in [
            ("dpIp=2&errCode=109&errMsg=some & words=1&groupId=g", true),
            ("dpIp=2&errCode=109&errMsg=others&groupId=g", true),
            ("dpIp=2&errCode=109&groupId=g", false),
            ("dpIp=2&errCode=109&errMsg=others", false),
            ("dpIp=2&errCode=110&errMsg=some & words=1&groupId=g", false),
            ("dpIp=2&groupId=g", false),
        ] {
            assert_eq!(same(&request, &expected, &answer(got)).is_ok(), fits, "{got}");
        }
        assert!(same(&request, &answer("dpIp=1&groupId=g"), &answer("dpIp=1&rtms=5&groupId=g")).is_ok());
        assert!(same(&request, &answer("dpIp=1&groupId=g"), &answer("dpIp=1&groupId=h")).is_err());
    }

    #[test]
    fn only_who_waits_for_a_queue_may_be_answered_besides() {
        let (waits, plain) = (request("groupId=g&proxySend=true"), request("groupId=g"));
        assert_eq!(waiting(&[waits.clone(), plain], &[]), [1]);
        assert!(waiting(&[waits], &[answer("dpIp=1")]).is_empty());
    }
}
