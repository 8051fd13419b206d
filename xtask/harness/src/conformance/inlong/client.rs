//! The client's side: our client, natively and in the npm package, sends what the vendor's client sent, to a Manager and a
//! node of this program's own that answer as the vendor's server did. What arrives must mean the same, and what is told of
//! it must be what the answers say.

mod compare;
mod http;
mod manager;
mod node;
mod options;
mod runtime;

use std::time::Duration;

use super::super::Verdict;
use super::vector::{Exchange, Kind, Vector};
use crate::capture::Capture;
use crate::inlong::answer::Answer;
use crate::inlong::attributes;
use crate::inlong::frame::Frame;
use crate::json::Json;
use node::{Node, Reply};
use options::Timed;
pub(super) use runtime::Runtime;
use runtime::{Client, Ended, Target};

/// How long what is due may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long an answer may take where none comes.
const NO_ANSWER: Duration = Duration::from_millis(400);

/// The codes that the C++ client refuses a message with: too long, and not to be sent.
const REFUSALS: [i32; 2] = [6, 7];

/// What an answer must come to.
#[derive(Clone, Copy, PartialEq, Debug)]
enum End {
    Delivered,
    Unconfirmed,
    Rejected(u32),
    /// Sent again, the same bytes, and then delivered.
    Retried,
    /// Sent again once, then rejected.
    RetriedOnce(u32),
}

/// Replays a case; `None` where it says nothing of a client.
pub(super) fn replay(vector: &Vector, runtime: &mut Runtime) -> Option<Verdict> {
    let played = match &vector.kind {
        Kind::Frames(exchanges) => match quirk(vector, exchanges) {
            Some(why) => return Some(Verdict::Skipped(why)),
            None => frames(vector, exchanges, runtime),
        },
        Kind::Forms(exchanges) => http::replay(vector, exchanges, runtime),
        Kind::Manager { status, body, requests } => manager::replay(*status, body, requests, runtime),
        Kind::RawFrames { .. } | Kind::RawHttp { .. } => return None,
    };
    Some(played.into())
}

/// What our client does not do, on purpose.
fn quirk(vector: &Vector, exchanges: &[Exchange]) -> Option<&'static str> {
    let frames: Vec<Frame> =
        exchanges.iter().filter_map(|exchange| Frame::decode(&exchange.request).ok()).collect();
    if frames.iter().any(|frame| frame.flags & 0x40 != 0) {
        return Some("encrypted frames are the Java client's own, servers do not decrypt them");
    }
    if frames.iter().any(|frame| !frame.attribute_text.is_ascii()) {
        return Some("attributes that are not ASCII are refused at the call: servers miscount them");
    }
    options::refused(vector)
}

/// Every frame with messages, one after the other, then heartbeats.
fn frames(vector: &Vector, exchanges: &[Exchange], runtime: &mut Runtime) -> Result<(), String> {
    let decode = |exchange: &Exchange| Frame::decode(&exchange.request);
    let theirs: Vec<Frame> = exchanges.iter().map(decode).collect::<Result<_, _>>()?;
    let node = Node::start()?;
    let manager = Capture::start(&manager::answers(node.port()))?;
    let settings = options::of(vector, exchanges, &theirs, &manager.url())?;
    let options = &settings.options;
    let mut client = runtime.client(&settings)?;
    let mut seen = 0;
    for (at, (exchange, theirs)) in exchanges.iter().zip(&theirs).enumerate() {
        let repeated = at > 0 && exchanges[at - 1].request == exchange.request;
        if theirs.is_heartbeat() || repeated {
            continue;
        }
        let end = end(exchange, theirs)?;
        node.script(replies(exchange, end));
        let messages = options::messages(vector, theirs)?;
        for (part, messages) in options::parts(theirs, &messages).into_iter().enumerate() {
            if part > 0 {
                node.script(replies(exchange, end));
            }
            let ends = send(&mut *client, theirs, &messages)?;
            let frames = node.frames();
            let ours = &frames[seen..];
            seen = frames.len();
            let exchanged = || -> Result<(), String> {
                let wanted = if matches!(end, End::Retried | End::RetriedOnce(_)) { 2 } else { 1 };
                if ours.len() != wanted || ours.iter().any(|frame| frame != &ours[0]) {
                    return Err(format!("{wanted} equal frames were to come, {} came", ours.len()));
                }
                let sent: Vec<&[u8]> = messages.iter().map(|(data, _)| &data[..]).collect();
                compare::frames(vector, theirs, &Frame::decode(&ours[0])?, &sent, options)?;
                ends.iter().try_for_each(|ended| told(end, ended))
            };
            exchanged().map_err(|why| format!("exchange {at}: {why}"))?;
        }
    }
    heartbeats(exchanges, &theirs, &node, &mut *client)?;
    if seen == 0 {
        // With nothing to send no nodes need be known.
        for group in options.inlong_group_ids.clone() {
            client.offer(&group, "s1", "hello")?.map_err(|refused| refused.why)?;
        }
    }
    manager::asked(&vector.manager_requests, &manager, options.ser_ip.as_deref())?;
    refused(vector, &mut *client)?;
    client.close(PATIENCE)
}

/// What the node does for an end to come about.
fn replies(exchange: &Exchange, end: End) -> Vec<Reply> {
    let answer = Reply::As(exchange.clone());
    match end {
        End::RetriedOnce(_) => vec![answer.clone(), answer],
        _ if exchange.answer.is_none() => vec![Reply::Nothing],
        _ => vec![answer],
    }
}

/// Sends messages of a frame and waits until each has ended.
fn send(client: &mut dyn Client, theirs: &Frame, messages: &[Timed]) -> Result<Vec<Ended>, String> {
    let id = |key| theirs.attribute(key).unwrap_or_default().to_owned();
    let attributes = options::attributes_of(theirs);
    let to = Target { group: id("groupId"), stream: id("streamId"), attributes };
    let ends = client.send(&to, messages)?;
    match ends.len() {
        told if told == messages.len() => Ok(ends),
        told => Err(format!("{} messages were sent, the end of {told} was told", messages.len())),
    }
}

/// What the answer comes to.
fn end(exchange: &Exchange, theirs: &Frame) -> Result<End, String> {
    let Some(answer) = &exchange.answer else {
        let quiet = theirs.attribute("isAck") == Some("false");
        return Ok(if quiet { End::Unconfirmed } else { End::Retried });
    };
    Ok(end_of(Answer::decode(answer)?.code()))
}

/// What a code comes to.
fn end_of(code: u32) -> End {
    match code {
        // A duplicate is there.
        0 | 120 => End::Delivered,
        1 | 2 | 3 | 114 | 116..=119 => End::Retried,
        code @ 1..=151 => End::Rejected(code),
        code => End::RetriedOnce(code),
    }
}

fn told(end: End, ended: &Ended) -> Result<(), String> {
    let fits = match (end, ended) {
        (End::Delivered | End::Retried, Ended::Delivered) => true,
        (End::Unconfirmed, Ended::Unconfirmed) => true,
        (End::Rejected(code) | End::RetriedOnce(code), Ended::Rejected(told)) => *told == code,
        _ => false,
    };
    match ended {
        _ if fits => Ok(()),
        Ended::Otherwise(how) => Err(format!("{end:?} was to be told, {how} was")),
        ended => Err(format!("{end:?} was to be told, {ended:?} was")),
    }
}

/// Calls that the C++ client refused: `["send", group, stream, message, …]`, with `send=CODE` in its output.
fn refused(vector: &Vector, client: &mut dyn Client) -> Result<(), String> {
    let sends =
        vector.calls.iter().filter(|call| call.elements().first().and_then(Json::text) == Some("send"));
    let codes = vector.output.iter().filter_map(|line| line.strip_prefix("send=")?.parse::<i32>().ok());
    for (call, code) in sends.zip(codes) {
        let [_, group, stream, message, ..] = call.elements() else { continue };
        let (Some(group), Some(stream), Some(message)) = (group.text(), stream.text(), message.text()) else {
            continue;
        };
        if !REFUSALS.contains(&code) {
            continue;
        }
        let got = client.offer(group, stream, message)?.err().and_then(|refused| refused.code);
        if got != Some(code) {
            return Err(format!("{call}: the code {code} was to be returned, it was {got:?}"));
        }
    }
    Ok(())
}

/// Heartbeats like the vendor's, where the case has such, and what is not understood does no harm.
fn heartbeats(
    exchanges: &[Exchange],
    theirs: &[Frame],
    node: &Node,
    client: &mut dyn Client,
) -> Result<(), String> {
    let mut expected = exchanges.iter().zip(theirs).filter(|(_, frame)| frame.is_heartbeat());
    let Some((exchange, _)) = expected.next() else {
        // The first on a connection opens it.
        return node.heartbeats(0, PATIENCE).iter().try_for_each(|heartbeat| compare::heartbeat(heartbeat));
    };
    // The text answer is of no frame that our client sends, and one with attributes of none of its own; it must get over
    // them.
    node.aside(exchange.answer.as_deref().unwrap_or_default());
    let data = theirs.iter().find(|frame| !frame.is_heartbeat());
    let group = data.and_then(|frame| frame.attribute("groupId")).unwrap_or("test_group");
    if data.is_none() {
        // Without anything to send there is no connection.
        client.offer(group, "before_heartbeat", "hello")?.map_err(|refused| refused.why)?;
    }
    let before = node.heartbeats(0, PATIENCE).len();
    let came = node.heartbeats(before + 1, PATIENCE);
    if came.len() == before {
        return Err("no heartbeat came".to_owned());
    }
    came.iter().try_for_each(|heartbeat| compare::heartbeat(heartbeat))?;
    client.offer(group, "after_heartbeat", "still there")?.map_err(|refused| refused.why)?;
    match client.flush(PATIENCE)? {
        report if report.pending == 0 && report.delivered > 0 => Ok(()),
        report => Err(format!("after the heartbeat: {report:?}")),
    }
}

/// The value of a field of a form or a query.
fn field(text: &str, name: &str) -> Option<String> {
    attributes(text).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}
