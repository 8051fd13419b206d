//! HTTP requests, played as the bytes that were sent.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use super::{PATIENCE, is_state, silent, text};
use crate::collector::Collector;
use crate::http::Message;
use crate::json::Json;

/// Asked for at the end, to see whether a connection is open.
const HEARTBEAT: &str = "GET /dataproxy/heartbeat HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

/// Sends the request, or several on one connection, and compares the answers; `closed` says whether the connection must
/// be closed afterwards, where that is known.
pub(super) fn play(
    collector: &Collector,
    request: &[u8],
    expected: &[u8],
    closed: Option<bool>,
) -> Result<(), String> {
    let is_head = request.starts_with(b"HEAD ");
    let expected = messages(expected, is_head)?;
    collector.set_state(expected.iter().find_map(state))?;
    let mut connection = TcpStream::connect(collector.entrance()?).map_err(text)?;
    connection.set_read_timeout(Some(PATIENCE)).map_err(text)?;
    // Beside: an answer may come while much is still being sent.
    let sending = connection.try_clone().map_err(text)?;
    let bytes = request.to_vec();
    let sender = thread::spawn(move || {
        let mut sending = sending;
        // A server that refuses at the head need not read the rest.
        let _ = sending.write_all(&bytes);
    });
    if expected.is_empty() && closed != Some(true) {
        let _ = sender.join();
        return silent(&mut connection);
    }
    let mut answers = BufReader::new(connection.try_clone().map_err(text)?);
    for (at, expected) in expected.iter().enumerate() {
        let got = answer(&mut answers, is_head)?;
        let got = got.ok_or_else(|| format!("the connection was closed instead of answer {at}"))?;
        same(expected, &got).map_err(|why| format!("answer {at}: {why}"))?;
    }
    let _ = sender.join();
    collector.set_state(None)?;
    let rest = match closed {
        None => return Ok(()),
        Some(true) => {
            // Nothing more is asked, so what the server does not close by itself stays open until time is over.
            Message::read(&mut answers)
        }
        Some(false) => {
            connection.write_all(HEARTBEAT.as_bytes()).map_err(text)?;
            Message::read(&mut answers)
        }
    };
    let _ = connection.shutdown(Shutdown::Both);
    match (closed, rest) {
        (Some(true), Ok(None)) | (Some(false), Ok(Some(_))) => Ok(()),
        (Some(true), Err(error)) => Err(format!("the connection must be closed: {error}")),
        (Some(true), Ok(Some(answer))) => Err(format!("an answer too many: {answer:?}")),
        (_, Err(error)) => Err(format!("the connection must stay open: {error}")),
        (_, Ok(None)) => Err("the connection must stay open, but was closed".to_owned()),
        (None, Ok(Some(_))) => Ok(()),
    }
}

/// The messages that the bytes hold, one behind the other.
fn messages(mut bytes: &[u8], is_head: bool) -> Result<Vec<Message>, String> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        messages.extend(answer(&mut bytes, is_head)?);
    }
    Ok(messages)
}

/// The next answer; one that only says to go on with the body is none.
fn answer(from: &mut impl BufRead, is_head: bool) -> Result<Option<Message>, String> {
    loop {
        match Message::read_answer(from, is_head).map_err(text)? {
            Some(answer) if answer.start.split(' ').nth(1) == Some("100") => {}
            other => return Ok(other),
        }
    }
}

/// Whether an answer tells of this state.
pub(super) fn tells(answer: &[u8], code: u32) -> bool {
    messages(answer, false).is_ok_and(|answers| answers.iter().any(|answer| state(answer) == Some(code)))
}

/// The code of an answer that tells of the server's state.
fn state(answer: &Message) -> Option<u32> {
    code(answer).filter(|code| is_state(*code))
}

fn code(answer: &Message) -> Option<u32> {
    let (_, json, _) = parts(&answer.body)?;
    Json::parse(&json).ok()?.text_of("code")?.parse().ok()
}

/// The object of an answer's body, and what is before and behind it.
fn parts(body: &[u8]) -> Option<(String, String, String)> {
    let body = String::from_utf8_lossy(body).into_owned();
    let (start, end) = body.find('{').zip(body.rfind('}'))?;
    Some((body.get(..start)?.to_owned(), body.get(start..=end)?.to_owned(), body.get(end + 1..)?.to_owned()))
}

/// What an answer with this code names: `Topic not configured for groupId(g),streamId(,s)`.
pub(super) fn target_of(answer: &[u8], code: u32) -> Option<String> {
    let body = String::from_utf8_lossy(answer);
    let (_, rest) = body.split_once(&format!("\"code\":\"{code}\""))?;
    let (group, rest) = rest.split_once("groupId(")?.1.split_once(')')?;
    let (stream, _) = rest.split_once("streamId(")?.1.split_once(')')?;
    Some(format!("{group}/{}", stream.trim_start_matches(',')))
}

fn same(expected: &Message, got: &Message) -> Result<(), String> {
    let status = |message: &Message| message.start.split(' ').nth(1).map(str::to_owned);
    let parts = |message: &Message| {
        let headers = ["content-type", "access-control-allow-origin"];
        let headers = headers.map(|name| message.header(name).map(str::to_owned));
        // The words for an error are free, and may be such that what is around them is no JSON.
        let body = match (code(message), parts(&message.body)) {
            (Some(code), Some((before, _, behind))) if code != 0 => format!("{before}{code}{behind}"),
            _ => String::from_utf8_lossy(&message.body).into_owned(),
        };
        (status(message), headers, body)
    };
    let (expected, got) = (parts(expected), parts(got));
    if expected == got { Ok(()) } else { Err(format!("expected {expected:?}, got {got:?}")) }
}
