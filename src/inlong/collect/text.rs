//! Types 2 to 6: the text layout.
//!
//! `totalLen(4) type(1) bodyLen(4) body attrLen(4) attributes`. The server takes these apart, so it knows how many
//! messages there are whatever the sender says.

use std::borrow::Cow;

use super::messages::{self, Common, Message, items, lines, opaque, take, unsnap};
use super::reader::be32;
use super::reply::{Form, Reply, Wish};
use super::{
    Arrival, MAX_MESSAGES, Pack, Received, Refused, Stop, attributes_of, codes, is_blank, name, set,
};
use crate::received::Records;

/// The bytes around body and attributes.
const FIXED: i32 = 13;

pub(super) fn receive(kind: u8, frame: &[u8], arrival: &Arrival<'_>) -> Received {
    let mut pack = Pack {
        head: vec![("type", format!("0x{:02x}", frame[4]))],
        format: "text",
        is_snappy: false,
        plain_bytes: None,
        reply: Reply {
            node: arrival.node.ip(),
            form: Form::Text { kind, body: Vec::new() },
            attributes: None,
            added: String::new(),
            wish: Wish::Answer,
        },
        is_whole: false,
        result: Ok(Records::default()),
    };
    let result = accept(kind, frame, arrival, &mut pack);
    pack.finish(result)
}

/// The body and the attributes. Type 4 gives back a body that it got hold of.
fn split<'f>(kind: u8, frame: &'f [u8], reply: &mut Reply) -> Result<(&'f [u8], &'f [u8]), Stop> {
    let body_len = be32(frame, 5) as i32;
    let len = match usize::try_from(body_len) {
        Ok(0) => return Err(Refused::bare(codes::EMPTY_BODY).into()),
        Ok(_) if body_len > i32::MAX - FIXED => {
            return Err(Stop::closed("the body's length is beyond what the server can add to"));
        }
        Ok(len) => len,
        Err(_) => return Err(Refused::bare(codes::NEGATIVE_BODY).into()),
    };
    let total = be32(frame, 0);
    let at = 9 + len;
    if at + 4 > frame.len() {
        let message =
            format!("Error msg, bodyLen({body_len}) + fixedLength({FIXED}) > totalDataLen({total}) + 4");
        return Err(Refused::new(codes::TOO_LONG, message).into());
    }
    let body = &frame[9..at];
    if kind == 4 {
        reply.form = Form::Text { kind, body: body.to_vec() };
    }
    let attributes_len = be32(frame, at) as i32;
    let Ok(attributes) = usize::try_from(attributes_len) else {
        return Err(Refused::bare(codes::NEGATIVE_ATTRIBUTES).into());
    };
    if frame.len() != at + 4 + attributes {
        let message = format!(
            "Error msg, totalDataLen({total}) + 4 != fixedLength({FIXED}) + bodyLen({body_len}) + attrLen({attributes_len})"
        );
        return Err(Refused::new(codes::TOO_LONG, message).into());
    }
    Ok((body, &frame[at + 4..]))
}

fn accept(kind: u8, frame: &[u8], arrival: &Arrival<'_>, pack: &mut Pack) -> Result<Records, Stop> {
    let (body, bytes) = split(kind, frame, &mut pack.reply)?;
    let text = String::from_utf8_lossy(bytes);
    pack.head.push(("attributes", text.clone().into_owned()));
    pack.reply.attributes = Some(text.clone().into_owned());
    let attributes = attributes_of(&text, &mut pack.reply)?;
    let mut plain = Cow::Borrowed(body);
    if let Some(codec) = attributes.get("cp").filter(|codec| !is_blank(codec)) {
        pack.is_snappy = true;
        let failed = |error: &str| {
            let message =
                format!("Error to uncompress msg, compress type({codec}), attr: ({text}), error: {error}");
            Refused::new(codes::UNCOMPRESS, message)
        };
        plain = match unsnap(body) {
            Ok(plain) if plain.is_empty() => return Err(failed("2").into()),
            Ok(plain) => plain.into(),
            Err(_) => return Err(failed("(null)").into()),
        };
    }
    pack.plain_bytes = Some(plain.len());
    let plain: &[u8] = &plain;
    // Of type 5 the server counts the items before it looks where they belong.
    let listed = if kind == 5 { Some(listed(plain, &text)?) } else { None };
    pack.is_whole = true;
    arrival.check(&attributes)?;

    let now = arrival.now.to_string();
    let missing: Vec<&str> =
        ["rt", "rtms"].into_iter().filter(|key| attributes.get(key).is_none_or(is_blank)).collect();
    pack.reply.added = missing.iter().map(|key| format!("{key}={now}")).collect::<Vec<_>>().join("&");

    // What cannot be read as a number is replaced, anything else stays as it was written.
    let time: Option<i64> = attributes.get("dt").and_then(|dt| dt.parse().ok());
    let count: Option<i32> = attributes.get("cnt").and_then(|count| count.parse().ok());
    let mut all = attributes.owned();
    if time.is_none() {
        set(&mut all, "dt", now.clone());
    }
    // The server stores each message of these types as a record of its own.
    if count.is_none() || matches!(kind, 5 | 6) {
        set(&mut all, "cnt", "1".to_owned());
    }
    for key in missing {
        set(&mut all, key, now.clone());
    }
    let time = time.unwrap_or(arrival.now);
    let group = attributes.get("groupId").unwrap_or_default();
    let common =
        Common { name: name(group, attributes.get("streamId").unwrap_or_default()), time, attributes: all };
    let found = match (listed, kind) {
        (Some(listed), _) => listed,
        (None, 6) => {
            check_pairs(plain)?;
            match items(plain, true) {
                Some(pairs) => pairs,
                None => {
                    return Ok(opaque(plain, "the body is not a list of messages with attributes", &common));
                }
            }
        }
        _ => {
            let is_binary = attributes.get("mt") == Some("pb");
            if !is_binary && plain == b"\n" {
                return Err(Stop::closed("a body that is a line feed, before which the server looks"));
            }
            let count = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(1);
            lines(if is_binary { plain } else { without_line_end(plain) }, count)
        }
    };
    Ok(messages::records(&found, &common))
}

/// `len(4) message` repeated. What comes behind a length that is zero or too high is dropped without a word.
fn listed<'b>(body: &'b [u8], text: &str) -> Result<Vec<Message<'b>>, Stop> {
    let malformed = |what: String| {
        Err(Refused::new(codes::ITEMS, format!("Malformed data len, {what}, attr: ({text})")).into())
    };
    if body.len() <= 4 {
        return malformed(format!("bodyLen({})", body.len()));
    }
    let mut found = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        if rest.len() < 4 {
            return Err(cut_length());
        }
        let len = be32(rest, 0) as i32;
        let Some(message) = take(&mut rest).filter(|message| !message.is_empty()) else {
            if found.is_empty() {
                return malformed(format!("singleMsgLen({len}), buffer remaining({})", body.len() - 4));
            }
            break;
        };
        found.push((message, None));
        if found.len() > MAX_MESSAGES {
            return Err(Refused::new(codes::ITEMS, format!("more than {MAX_MESSAGES} messages")).into());
        }
    }
    Ok(found)
}

/// What the server fails at when it counts messages and their attributes; anything else it stores as it is.
fn check_pairs(body: &[u8]) -> Result<(), Stop> {
    let mut rest = body;
    while !rest.is_empty() {
        if rest.len() < 4 {
            return Err(cut_length());
        }
        let len = be32(rest, 0) as i32;
        if len < 0 {
            return Err(Stop::closed("an item's length is negative"));
        }
        if take(&mut rest).is_none() {
            break;
        }
    }
    Ok(())
}

fn cut_length() -> Stop {
    Stop::closed("the body ends in the middle of an item's length")
}

fn without_line_end(body: &[u8]) -> &[u8] {
    match body.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => body,
    }
}
