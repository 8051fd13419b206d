//! Type 7: the binary layout.
//!
//! `totalLen(4) type(1) group(2) stream(2) ext(2) dt(4) cnt(2) uniq(4) bodyLen(4) body attrLen(2) attributes magic(2)`. The
//! server stores the pack as it came, so what is inside the body is shown where it can be, and never refused.

use super::heartbeat::MAGIC;
use super::messages::{self, Common, items, lines, opaque, unsnap};
use super::reader::{be16, be16_at, be32};
use super::reply::{Form, Reply, Wish};
use super::{Arrival, Pack, Received, Refused, Stop, attributes_of, codes, is_blank, name, set};
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
    let time = be32(frame, 11);
    let mut pack = Pack {
        head: vec![
            ("type", format!("0x{:02x}", frame[4])),
            ("ext", format!("0x{ext:x}")),
            ("dt", time.to_string()),
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
        is_whole: false,
        result: Ok(Records::default()),
    };
    let result = accept(frame, arrival, &mut pack);
    pack.finish(result)
}

/// The body, the attributes and what is left behind the magic. The server follows the lengths before it looks at them, so
/// it fails where they point out of the frame.
fn split(frame: &[u8]) -> Result<(&[u8], &[u8], usize), Stop> {
    let outside = || Stop::closed("a length points out of the frame");
    let body_len = be32(frame, 21) as i32;
    let body_end = HEAD as i64 + i64::from(body_len);
    let attributes_len = be16_at(frame, body_end).ok_or_else(outside)? as i16;
    let end = body_end + 2 + i64::from(attributes_len);
    let magic = be16_at(frame, end).ok_or_else(outside)?;
    let code = match (body_len, attributes_len) {
        (0, _) => codes::EMPTY_BODY,
        (..0, _) => codes::NEGATIVE_BODY,
        (_, ..0) => codes::NEGATIVE_ATTRIBUTES,
        _ if magic != MAGIC => {
            let message = format!("magicInMsg({magic}) != {MAGIC}");
            return Err(Refused::new(codes::MAGIC, message).into());
        }
        _ => {
            let (body_end, end) = (body_end as usize, end as usize);
            return Ok((&frame[HEAD..body_end], &frame[body_end + 2..end], frame.len() - end - 2));
        }
    };
    Err(Refused::bare(code).into())
}

fn accept(frame: &[u8], arrival: &Arrival<'_>, pack: &mut Pack) -> Result<Records, Stop> {
    let (body, bytes, surplus) = split(frame)?;
    let text = String::from_utf8_lossy(bytes);
    pack.head.push(("attributes", text.clone().into_owned()));
    pack.reply.attributes = Some(text.clone().into_owned());
    let attributes = attributes_of(&text, &mut pack.reply)?;
    pack.is_whole = true;
    let ext = be16(frame, 9).unwrap_or(0);
    if ext & REFUSED > 0 {
        return Err(Refused::bare(codes::EXT_FIELD).into());
    }
    if ext & TEXT_IDS == 0 {
        // There is no table of numbers here, as there is none in an open-source server.
        let refused = match be16(frame, 5) {
            Some(0) => Refused::new(codes::NO_GROUP, "groupIdNum is 0 in message"),
            _ => Refused::new(codes::CONFIG_UNREADY, codes::NO_MAPPING),
        };
        return Err(refused.into());
    }
    arrival.check(&attributes)?;

    let mut added = Vec::new();
    let now = arrival.now.to_string();
    if attributes.get("rtms").is_none_or(is_blank) {
        added.push(("rtms", now.clone()));
    }
    if ext & TRACE > 0 {
        // The real server means its address and writes its port.
        added.push(("node2ip", arrival.node.port().to_string()));
        added.push(("rtime2", now));
    }
    let joined: Vec<String> = added.iter().map(|(key, value)| format!("{key}={value}")).collect();
    pack.reply.added = joined.join("&");
    // It packs the frame anew with the attributes' characters counted where their bytes are, and fails at what that makes.
    if surplus > 0 {
        return Err(Stop::closed("the lengths leave a part of the frame over"));
    }
    if text.encode_utf16().count() != bytes.len() {
        return Err(Stop::closed("the attributes are not ASCII"));
    }

    let count = be16(frame, 15).unwrap_or(0).max(1);
    let time = i64::from(be32(frame, 11)) * 1000;
    let mut all = attributes.owned();
    for (key, value) in added {
        set(&mut all, key, value);
    }
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
