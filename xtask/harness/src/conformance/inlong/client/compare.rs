//! Whether what our client sent means what the vendor's sent.

use std::collections::BTreeMap;

use trackwire::inlong::Options;

use super::super::vector::{ManagerRequest, Producer, Vector};
use super::field;
use super::options::{LINES, PROTOCOL, call_time};
use crate::capture::Request;
use crate::http::unescape;
use crate::inlong::attributes;
use crate::inlong::frame::{Frame, Message};

/// A frame with messages, of which these were sent.
pub(super) fn frames(
    vector: &Vector,
    theirs: &Frame,
    ours: &Frame,
    sent: &[&[u8]],
    options: &Options,
) -> Result<(), String> {
    let differ = |what: &str, theirs: &dyn std::fmt::Debug, ours: &dyn std::fmt::Debug| {
        Err(format!("{what}: expected {theirs:?}, got {ours:?}"))
    };
    let joined = theirs.ext & LINES != 0;
    let (mut expected, got) = (theirs.messages()?, ours.messages()?);
    let all = joined || data(&expected) == sent;
    if !all {
        // Some were left out, or went in other packs.
        expected.retain(|message| sent.contains(&&message.data[..]));
        if data(&expected) != sent {
            expected = sent.iter().map(|data| Message { data: data.to_vec(), attributes: None }).collect();
        }
    }
    let count = |frame: &Frame| if all { frame.cnt } else { 0 };
    let head = |frame: &Frame| (frame.kind, frame.group_number, frame.stream_number, frame.ext, count(frame));
    if head(theirs) != head(ours) {
        return differ("type, numbers, ext or cnt", &head(theirs), &head(ours));
    }
    // The Java client's limit is on something else.
    let is_free = !all || vector.producer() == Producer::Java;
    if theirs.is_compressed() != ours.is_compressed() && !grew(theirs)? && !is_free {
        return differ("compressed", &theirs.is_compressed(), &ours.is_compressed());
    }
    if !vector.is_volatile("dt") && theirs.dt != ours.dt {
        return differ("dt", &theirs.dt, &ours.dt);
    }
    let (mut said, mut says) = (told(vector, theirs, options), told(vector, ours, options));
    if !all {
        said.remove("cnt");
        says.remove("cnt");
    }
    if said != says {
        return differ("attributes", &said, &says);
    }
    ids(theirs, ours)?;
    if matches!(ours.kind, 2 | 3) {
        // A message may hold what stands between messages.
        let (expected, got) = (sent.join(&b'\n'), ours.plain()?);
        return if expected == got { Ok(()) } else { differ("text", &expected, &got) };
    }
    if data(&expected) != data(&got) {
        return differ("messages", &expected, &got);
    }
    expected.iter().zip(&got).try_for_each(|(expected, got)| own(vector, expected, got, options))
}

fn data(messages: &[Message]) -> Vec<&[u8]> {
    messages.iter().map(|message| &message.data[..]).collect()
}

/// Whether compression did not make the body smaller. Ours leaves it out then.
fn grew(frame: &Frame) -> Result<bool, String> {
    let plain: usize = frame.messages()?.iter().map(|message| message.data.len()).sum();
    Ok(frame.is_compressed() && frame.body.len() >= plain)
}

/// The attributes that say something to whoever reads the messages.
fn told(vector: &Vector, frame: &Frame, options: &Options) -> BTreeMap<String, String> {
    let says = |(key, value): &&(String, String)| match key.as_str() {
        "groupId" | "streamId" | "cnt" => true,
        // Else it is the machine's own.
        "node1ip" => options.ser_ip.is_some(),
        "dt" => !vector.is_volatile("dt"),
        // That is the default.
        "isAck" => value != "true",
        key => !PROTOCOL.contains(&key),
    };
    frame.attributes.iter().filter(says).cloned().collect()
}

/// What an answer is matched by is there, and so is the time of a trace.
fn ids(theirs: &Frame, ours: &Frame) -> Result<(), String> {
    let is_number = |key: &str| ours.attribute(key).is_some_and(|value| value.parse::<u64>().is_ok());
    if ours.kind != 7
        && (!is_number("dt") || ours.attribute("mid").is_none() || ours.attribute("sid").is_none())
    {
        return Err(format!("dt, mid or sid is missing: {}", ours.attribute_text));
    }
    if theirs.attribute("rtime1").is_some() && !is_number("rtime1") {
        return Err(format!("rtime1 is missing: {}", ours.attribute_text));
    }
    Ok(())
}

/// The attributes of a message itself.
fn own(vector: &Vector, theirs: &Message, ours: &Message, options: &Options) -> Result<(), String> {
    let (Some(theirs), Some(text)) = (&theirs.attributes, &ours.attributes) else {
        return if theirs.attributes == ours.attributes {
            Ok(())
        } else {
            Err(format!("{theirs:?}, {ours:?}"))
        };
    };
    const TIME: &str = "__addcol1__reptime";
    let split = |text: &str| -> (BTreeMap<String, String>, Option<String>) {
        let mut all: BTreeMap<_, _> = attributes(text).into_iter().collect();
        let time = all.remove(TIME);
        if options.ser_ip.is_none() {
            all.remove("__addcol2__ip");
        }
        (all, time)
    };
    let ((expected, their_time), (got, our_time)) = (split(theirs), split(text));
    if expected != got {
        return Err(format!("a message's attributes: expected {expected:?}, got {got:?}"));
    }
    let (Some(their_time), Some(our_time)) = (their_time, our_time) else {
        return Err(format!("a message's attributes: expected {theirs}, got {text}"));
    };
    if their_time.len() != our_time.len() {
        return Err(format!("a message's time: expected {their_time}, got {our_time}"));
    }
    // Local time: on this machine another zone may hold, and all of them differ by quarters of an hour.
    let given = call_time(vector, &ours.data).is_some();
    let quarter = |time: &str| {
        time.get(10..)
            .and_then(|rest| rest.parse::<u32>().ok())
            .map(|time| time / 100 % 15 * 100 + time % 100)
    };
    if given && quarter(&their_time) != quarter(&our_time) {
        return Err(format!("a message's time: expected {their_time}, got {our_time}"));
    }
    Ok(())
}

/// A heartbeat in the binary layout, as the vendor's C++ client sends it.
pub(super) fn heartbeat(bytes: &[u8]) -> Result<(), String> {
    let frame = Frame::decode(bytes)?;
    let expected = Frame { kind: 8, version: 1, dt: frame.dt, ..Frame::default() };
    // In the years that a clock may show, seconds.
    if frame == expected && (1_500_000_000..3_000_000_000).contains(&frame.dt) {
        return Ok(());
    }
    Err(format!("a heartbeat: expected {expected:?}, got {frame:?}"))
}

/// A request for a node list.
pub(super) fn manager(expected: &ManagerRequest, got: &Request, ip: Option<&str>) -> Result<(), String> {
    let (path, query) = expected.path.split_once('?').unwrap_or((&expected.path, ""));
    let fields = |query: &str, body: &str, name: &str| field(body, name).or_else(|| field(query, name));
    let ours = String::from_utf8_lossy(&got.body).into_owned();
    let protocol = fields(query, &expected.body, "protocolType").map(|name| name.to_ascii_lowercase());
    let our_protocol =
        got.parameter("protocolType").map(str::to_owned).or_else(|| field(&ours, "protocolType"));
    let ends = (&*expected.method, path.rsplit('/').next(), protocol, expected.header("authorization"));
    let our_protocol = our_protocol.map(|name| name.to_ascii_lowercase());
    let group = unescape(got.path.rsplit('/').next().unwrap_or_default());
    let our_ends = (&*got.method, Some(&*group), our_protocol, got.header("authorization"));
    if ends != our_ends {
        return Err(format!("the Manager: expected {ends:?}, got {our_ends:?}"));
    }
    let form =
        got.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if !ours.is_empty() && !form {
        return Err("the Manager: a form must say that it is one".to_owned());
    }
    match ip {
        Some(ip) if field(&ours, "ip").as_deref() != Some(ip) => {
            Err(format!("the Manager: ip is not {ip}: {ours}"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use trackwire::inlong::Options;

    use super::super::super::vector::Vector;
    use super::{frames, heartbeat};
    use crate::inlong::frame::Frame;

    const EMPTY: &str = r#"{"exchanges":[],"volatile":["dt","attr mid"]}"#;

    fn vector() -> Vector {
        Vector::parse(EMPTY).unwrap_or_else(|error| panic!("{error}"))
    }

    fn frame(change: impl FnOnce(&mut Frame)) -> Frame {
        let mut frame = Frame { kind: 7, ext: 4, cnt: 2, uniq: 1, dt: 1_700_000_000, ..Frame::default() };
        frame.body = [&[0, 0, 0, 1][..], b"a", &[0, 0, 0, 2], b"bc"].concat();
        frame.attributes = [("groupId", "g"), ("streamId", "s"), ("k", "v"), ("rtms", "5")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .to_vec();
        change(&mut frame);
        frame
    }

    #[test]
    fn what_means_the_same_passes_and_a_change_does_not() {
        let check = |change: fn(&mut Frame)| {
            frames(&vector(), &frame(|_| {}), &frame(change), &[b"a", b"bc"], &Options::default())
        };
        assert_eq!(check(|_| {}), Ok(()));
        assert_eq!(check(|frame| (frame.uniq, frame.dt) = (9, 9)), Ok(()));
        assert_eq!(check(|frame| frame.attributes.swap(0, 2)), Ok(()));
        assert_eq!(check(|frame| frame.attributes[3].1 = "6".to_owned()), Ok(()));
        let wrong: [fn(&mut Frame); 8] = [
            |frame| frame.kind = 5,
            |frame| frame.ext = 5,
            |frame| frame.cnt = 1,
            |frame| frame.group_number = 1,
            |frame| frame.body[4] = b'x',
            |frame| frame.body.truncate(5),
            |frame| frame.attributes[1].1 = "t".to_owned(),
            |frame| frame.attributes.push(("other".to_owned(), "1".to_owned())),
        ];
        for (at, change) in wrong.into_iter().enumerate() {
            assert!(check(change).is_err(), "change {at}");
        }
        let compressed = check(|frame| {
            frame.body = snap::raw::Encoder::new().compress_vec(&frame.body).unwrap_or_default();
            frame.flags = 0x20;
        });
        assert!(compressed.is_err());
    }

    #[test]
    fn a_heartbeat_has_one_form() {
        let good = [0, 0, 0, 14, 8, 0x6b, 1, 0x68, 0x46, 1, 0, 0, 0, 0, 0, 0, 0xee, 1];
        assert_eq!(heartbeat(&good), Ok(()));
        for at in [4, 5, 9, 13, 17] {
            let mut bad = good;
            bad[at] ^= 0x80;
            assert!(heartbeat(&bad).is_err(), "byte {at}");
        }
    }
}
