//! Type 7: the binary layout.
//!
//! `totalLen(4) type(1) group(2) stream(2) ext(2) dt(4) cnt(2) uniq(4) bodyLen(4) body attrLen(2) attributes magic(2)`. The
//! server stores the pack as it came, so what is inside the body is shown where it can be, and never refused.

use super::attributes::Attributes;
use super::heartbeat::MAGIC;
use super::messages::{self, Common, items, lines, opaque, unsnap};
use super::reader::{be16, be32};
use super::reply::{Form, Reply, Wish};
use super::{Arrival, Malformed, Pack, Received, Refused, codes, name, set};
use crate::received::Records;

/// Each message has attributes of its own.
const PER_MESSAGE: u16 = 0x1;
/// Where and when the pack passed is noted in its attributes.
const TRACE: u16 = 0x2;
/// The ids are text in the attributes.
const TEXT_IDS: u16 = 0x4;
/// A file check, or an index message.
const REFUSED: u16 = 0x8 | 0x10;
/// All messages are lines of a single item.
const LINES: u16 = 0x20;

/// The bytes before the body.
const HEAD: usize = 25;

pub(super) fn receive(frame: &[u8], arrival: &Arrival<'_>) -> Received {
    let ext = be16(frame, 9).unwrap_or(0);
    let count = be16(frame, 15).unwrap_or(0).max(1);
    let uniq = be32(frame, 17);
    let time = i64::from(be32(frame, 11)) * 1000;
    let mut pack = Pack {
        head: vec![
            ("type", format!("0x{:02x}", frame[4])),
            ("ext", format!("0x{ext:x}")),
            ("dt", (time / 1000).to_string()),
            ("cnt", count.to_string()),
            ("uniq", uniq.to_string()),
        ],
        format: "binary",
        // The reader behind the queue looks at all three flags.
        is_snappy: frame[4] & 0xe0 == 0x20,
        plain_bytes: None,
        reply: Reply {
            node: arrival.node.ip(),
            form: Form::Binary { uniq },
            attributes: None,
            added: String::new(),
            wish: Wish::Answer,
        },
        result: Ok(Records::default()),
    };
    let (body, text) = match split(frame) {
        Ok(parts) => parts,
        Err(refused) => {
            pack.result = Err(refused);
            return Received::Pack(Box::new(pack));
        }
    };
    // The server counts characters here and bytes there, and gives up on the connection.
    let Some(text) = std::str::from_utf8(text).ok().filter(|text| text.is_ascii()) else {
        return Received::Closed(Malformed::new("the attributes are not ASCII"));
    };
    pack.head.push(("attributes", text.to_owned()));
    pack.reply.attributes = Some(text.to_owned());
    pack.result = accept(frame, body, text, arrival, &mut pack);
    Received::Pack(Box::new(pack))
}

/// The body and the attributes.
fn split(frame: &[u8]) -> Result<(&[u8], &[u8]), Refused> {
    let disagree = |body: i32, attributes: &dyn std::fmt::Display| {
        let total = be32(frame, 0);
        let message =
            format!("fixedLen(25) + bodyLen({body}) + attrLen({attributes}) != totalDataLen({total})");
        Refused::new(codes::BINARY_LENGTHS, message)
    };
    let body_len = be32(frame, 21) as i32;
    let len = match usize::try_from(body_len) {
        Ok(0) => return Err(Refused::bare(codes::EMPTY_BODY)),
        Ok(len) => len,
        Err(_) => return Err(Refused::bare(codes::NEGATIVE_BODY)),
    };
    let at = HEAD.saturating_add(len);
    let Some(attributes_len) = be16(frame, at) else { return Err(disagree(body_len, &"?")) };
    let Ok(attributes_len) = usize::try_from(attributes_len as i16) else {
        return Err(Refused::bare(codes::NEGATIVE_ATTRIBUTES));
    };
    let end = at + 2 + attributes_len;
    let Some(magic) = be16(frame, end) else { return Err(disagree(body_len, &attributes_len)) };
    if magic != MAGIC {
        return Err(Refused::new(codes::MAGIC, format!("magicInMsg({magic}) != {MAGIC}")));
    }
    if frame.len() != end + 2 {
        return Err(disagree(body_len, &attributes_len));
    }
    Ok((&frame[HEAD..at], &frame[at + 2..end]))
}

fn accept(
    frame: &[u8],
    body: &[u8],
    text: &str,
    arrival: &Arrival<'_>,
    pack: &mut Pack,
) -> Result<Records, Refused> {
    let ext = be16(frame, 9).unwrap_or(0);
    let attributes = Attributes::parse(text)
        .ok_or_else(|| Refused::new(codes::ATTRIBUTES, format!("Parse attr ({text}) failure")))?;
    if attributes.is("isAck", "false") {
        pack.reply.wish = Wish::None;
    }
    if ext & REFUSED > 0 {
        return Err(Refused::bare(codes::EXT_FIELD));
    }
    if ext & TEXT_IDS == 0 {
        // There is no table of numbers here, as there is none in an open-source server.
        return Err(match be16(frame, 5) {
            Some(0) => Refused::new(codes::NO_GROUP, "groupIdNum is 0 in message"),
            _ => Refused::bare(codes::CONFIG_UNREADY),
        });
    }
    arrival.check(&attributes)?;

    let mut added = Vec::new();
    let now = arrival.now.to_string();
    let mut add = |key: &str, value: String| {
        if attributes.get(key).is_none() {
            added.push((key.to_owned(), value));
        }
    };
    add("rtms", now.clone());
    if ext & TRACE > 0 {
        // The real server means its address and writes its port.
        add("node2ip", arrival.node.port().to_string());
        add("rtime2", now);
    }
    let joined: Vec<String> = added.iter().map(|(key, value)| format!("{key}={value}")).collect();
    pack.reply.added = joined.join("&");

    let count = be16(frame, 15).unwrap_or(0).max(1);
    let time = i64::from(be32(frame, 11)) * 1000;
    let mut all = attributes.owned();
    all.extend(added);
    set(&mut all, "dt", time.to_string());
    set(&mut all, "cnt", count.to_string());
    let group = attributes.get("groupId").unwrap_or_default();
    let common =
        Common { name: name(group, attributes.get("streamId").unwrap_or_default()), time, attributes: all };
    let plain = match pack.is_snappy.then(|| unsnap(body)) {
        None => std::borrow::Cow::Borrowed(body),
        Some(Ok(plain)) => plain.into(),
        Some(Err(problem)) => return Ok(opaque(body, &problem, &common)),
    };
    pack.plain_bytes = Some(plain.len());
    let Some(mut found) = items(&plain, ext & PER_MESSAGE > 0) else {
        return Ok(opaque(&plain, "the body is not a list of messages", &common));
    };
    if ext & LINES > 0
        && let [(single, own)] = found[..]
    {
        found = lines(single, usize::from(count)).into_iter().map(|(line, _)| (line, own)).collect();
    }
    Ok(messages::records(&found, &common))
}
