//! Types 2 to 6: the text layout.
//!
//! `totalLen(4) type(1) bodyLen(4) body attrLen(4) attributes`. The server takes these apart, so it knows how many
//! messages there are whatever the sender says.

use std::borrow::Cow;

use super::attributes::Attributes;
use super::messages::{self, Common, Message, items, lines, opaque, take, unsnap};
use super::reader::be32;
use super::reply::{Form, Reply, Wish};
use super::{Arrival, MAX_MESSAGES, Pack, Refused, codes, name, set};
use crate::received::Records;

/// The bytes around body and attributes.
const FIXED: usize = 13;

pub(super) fn receive(kind: u8, frame: &[u8], arrival: &Arrival<'_>) -> Pack {
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
        result: Ok(Records::default()),
    };
    pack.result = match split(frame) {
        Ok((body, text)) => {
            let text = String::from_utf8_lossy(text);
            if kind == 4 {
                pack.reply.form = Form::Text { kind, body: body.to_vec() };
            }
            pack.head.push(("attributes", text.clone().into_owned()));
            pack.reply.attributes = Some(text.clone().into_owned());
            accept(kind, body, &text, arrival, &mut pack)
        }
        Err(refused) => Err(refused),
    };
    pack
}

/// The body and the attributes.
fn split(frame: &[u8]) -> Result<(&[u8], &[u8]), Refused> {
    let body_len = be32(frame, 5) as i32;
    let len = match usize::try_from(body_len) {
        Ok(0) => return Err(Refused::bare(codes::EMPTY_BODY)),
        Ok(len) => len,
        Err(_) => return Err(Refused::bare(codes::NEGATIVE_BODY)),
    };
    let total = be32(frame, 0);
    let disagree = |attributes_len: &dyn std::fmt::Display| {
        let message = format!(
            "Error msg, totalDataLen({total}) + 4 != fixedLength({FIXED}) + bodyLen({body_len}) + attrLen({attributes_len})"
        );
        Refused::new(codes::TOO_LONG, message)
    };
    let at = 9_usize.saturating_add(len);
    if at.saturating_add(4) > frame.len() {
        return Err(disagree(&"?"));
    }
    let attributes_len = be32(frame, at) as i32;
    let Ok(attributes) = usize::try_from(attributes_len) else {
        return Err(Refused::bare(codes::NEGATIVE_ATTRIBUTES));
    };
    if frame.len() != (at + 4).saturating_add(attributes) {
        return Err(disagree(&attributes_len));
    }
    Ok((&frame[9..at], &frame[at + 4..]))
}

fn accept(
    kind: u8,
    body: &[u8],
    text: &str,
    arrival: &Arrival<'_>,
    pack: &mut Pack,
) -> Result<Records, Refused> {
    let attributes = Attributes::parse(text)
        .ok_or_else(|| Refused::new(codes::ATTRIBUTES, format!("Parse attr ({text}) failure")))?;
    pack.reply.wish = if attributes.is("isAck", "false") {
        Wish::None
    } else if attributes.is("syncSend", "true") || attributes.is("proxySend", "true") {
        Wish::OnlyErrors
    } else {
        Wish::Answer
    };
    let mut plain = Cow::Borrowed(body);
    if let Some(codec) = attributes.get("cp").filter(|codec| !codec.trim().is_empty()) {
        pack.is_snappy = true;
        let unsnapped = unsnap(body).map_err(|_| {
            let message =
                format!("Error to uncompress msg, compress type({codec}), attr: ({text}), error: (null)");
            Refused::new(codes::UNCOMPRESS, message)
        })?;
        plain = unsnapped.into();
    }
    pack.plain_bytes = Some(plain.len());
    let plain: &[u8] = &plain;
    // Of type 5 the server counts the items before it looks where they belong.
    let listed = if kind == 5 { Some(listed(plain)?) } else { None };
    arrival.check(&attributes)?;

    let now = arrival.now.to_string();
    let missing = ["rt", "rtms"].into_iter().filter(|key| attributes.get(key).is_none());
    pack.reply.added = missing.map(|key| format!("{key}={now}")).collect::<Vec<_>>().join("&");

    let time = attributes.get("dt").and_then(|dt| dt.parse().ok()).unwrap_or(arrival.now);
    let count =
        attributes.get("cnt").and_then(|count| count.parse().ok()).filter(|count| *count > 0).unwrap_or(1);
    let mut all = attributes.owned();
    set(&mut all, "dt", time.to_string());
    // The server stores each message of these types as a record of its own.
    set(&mut all, "cnt", if matches!(kind, 5 | 6) { 1 } else { count }.to_string());
    for key in ["rt", "rtms"] {
        if attributes.get(key).is_none() {
            set(&mut all, key, now.clone());
        }
    }
    let group = attributes.get("groupId").unwrap_or_default();
    let common =
        Common { name: name(group, attributes.get("streamId").unwrap_or_default()), time, attributes: all };
    let found = match (listed, kind) {
        (Some(listed), _) => listed,
        (None, 6) => match items(plain, true) {
            Some(pairs) => pairs,
            None => return Ok(opaque(plain, "the body is not a list of messages with attributes", &common)),
        },
        _ => {
            let is_binary = attributes.is("mt", "pb");
            lines(if is_binary { plain } else { without_line_end(plain) }, count)
        }
    };
    Ok(messages::records(&found, &common))
}

/// `len(4) message` repeated. What comes behind a length that is zero or too high is dropped without a word.
fn listed(body: &[u8]) -> Result<Vec<Message<'_>>, Refused> {
    let mut found = Vec::new();
    let mut rest = body;
    while let Some(message) = take(&mut rest).filter(|message| !message.is_empty()) {
        found.push((message, None));
        if found.len() > MAX_MESSAGES {
            return Err(Refused::new(codes::ITEMS, format!("more than {MAX_MESSAGES} messages")));
        }
    }
    if found.is_empty() { Err(Refused::bare(codes::ITEMS)) } else { Ok(found) }
}

fn without_line_end(body: &[u8]) -> &[u8] {
    match body.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => body,
    }
}
