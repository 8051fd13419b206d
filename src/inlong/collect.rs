//! The receiving side: what a DataProxy and a Manager accept and answer, as pure functions of bytes.
//!
//! [`Reader`] cuts a connection's bytes into frames, [`receive`] says what becomes of one; [`http`] is the DataProxy's
//! other entrance and [`manager`] the node list. They share nothing with the client's encoders, so that neither hides a
//! mistake of the other.

mod attributes;
mod binary;
pub mod codes;
mod heartbeat;
pub mod http;
pub mod manager;
mod messages;
mod reader;
mod reply;
mod text;

use std::net::SocketAddr;

use crate::received::{Records, json};
use attributes::Attributes;
use reply::{Form, Wish};

pub use reader::{Head, Malformed, Reader};
pub use reply::Reply;

/// The longest frame by default, in bytes with its length field: `max-msg-length` of the server's shipped configuration.
/// It is the limit on a posted body, too.
pub const MAX_FRAME: usize = 524_288;

/// The highest value that `max-msg-length` can be given, in bytes.
pub const MAX_FRAME_CEILING: usize = 20_971_520;

/// The longest body after snappy is undone, in bytes. A text frame above it is refused with code 96.
pub const MAX_PLAIN: usize = 32 << 20;

/// The most messages in one pack; a text frame with more is refused with code 123.
pub const MAX_MESSAGES: usize = 200_000;

/// How long a connection may say nothing before the server closes it, in ms.
pub const READ_IDLE_MS: u64 = 180_000;

/// The load that a server reports which knows none.
pub const LOAD_UNKNOWN: i16 = -1;

/// Where and when a frame came in.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The address that the server listens on; its IP is the `dpIp` of the answers.
    pub node: SocketAddr,
    /// Milliseconds since the Unix epoch.
    pub now: i64,
    /// The load to tell in heartbeats.
    pub load: i16,
    /// Groups, and streams as `group/stream`, that have no topic.
    pub unknown: &'a [String],
}

/// What becomes of a frame.
#[derive(Debug)]
pub enum Received {
    /// A heartbeat and its answer.
    Heartbeat(Vec<u8>),
    /// The connection is closed without an answer.
    Closed(Malformed),
    /// Everything else.
    Pack(Box<Pack>),
}

/// A pack, as far as it could be understood.
#[derive(Debug)]
pub struct Pack {
    /// What the frame says about itself, for people: its type, numbers, and attributes as they were sent.
    pub head: Vec<(&'static str, String)>,
    /// `text` or `binary`.
    pub format: &'static str,
    /// Whether the body came as snappy.
    pub is_snappy: bool,
    /// The bytes of the body with snappy undone, where that succeeded.
    pub plain_bytes: Option<usize>,
    /// What is answered.
    pub reply: Reply,
    /// Whether the frame could be taken apart. The server looks at its own state then, and only after that at where the
    /// pack is to go.
    pub is_whole: bool,
    /// The messages, or why they are refused.
    pub result: Result<Records, Refused>,
}

/// Why a pack is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The `errCode` of the answer, or the `code` over HTTP.
    pub code: u32,
    /// The `errMsg`, where the server gives one.
    pub message: Option<String>,
}

/// Decodes one frame, which [`Reader::next_frame`] gave.
pub fn receive(frame: &[u8], arrival: &Arrival<'_>) -> Received {
    match frame.get(4).map(|kind| kind & 0x1f) {
        Some(1) => Received::Heartbeat(heartbeat::TEXT_ANSWER.to_vec()),
        Some(8) => match heartbeat::answer(frame, arrival) {
            Ok(answer) => Received::Heartbeat(answer),
            Err(malformed) => Received::Closed(malformed),
        },
        Some(7) => binary::receive(frame, arrival),
        Some(kind @ 2..=6) => text::receive(kind, frame, arrival),
        _ => Received::Closed(Malformed::new("there is no such message type")),
    }
}

impl Refused {
    /// With a text.
    pub fn new(code: u32, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()) }
    }

    /// Without a text.
    pub fn bare(code: u32) -> Self {
        Self { code, message: None }
    }

    /// What went wrong, for people: the text, or what the code means.
    pub fn reason(&self) -> String {
        match &self.message {
            Some(message) => format!("code {}: {message}", self.code),
            None => format!("code {}: {}", self.code, codes::meaning(self.code)),
        }
    }
}

/// Why a frame does not become records.
enum Stop {
    /// It is answered.
    Refused(Refused),
    /// The server fails at it and gives up on the connection.
    Closed(Malformed),
}

impl Stop {
    fn closed(reason: &str) -> Self {
        Self::Closed(Malformed::new(reason))
    }
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl Pack {
    /// What becomes of it once it is known what it holds.
    fn finish(mut self, result: Result<Records, Stop>) -> Received {
        self.result = match result {
            Ok(records) => Ok(records),
            Err(Stop::Refused(refused)) => Err(refused),
            Err(Stop::Closed(malformed)) => return Received::Closed(malformed),
        };
        Received::Pack(Box::new(self))
    }
}

impl Arrival<'_> {
    /// What the server checks of the target.
    fn check(&self, attributes: &Attributes<'_>) -> Result<(), Refused> {
        let group = attributes.get("groupId").unwrap_or_default();
        if is_blank(group) {
            return Err(Refused::bare(codes::NO_GROUP));
        }
        let stream = attributes.get("streamId");
        if is_unknown(self.unknown, group, stream.unwrap_or_default()) {
            // So it writes what is not there.
            let stream = stream.unwrap_or("null");
            let message = format!("Topic not configured for groupId=({group}), streamId=({stream})");
            return Err(Refused::new(codes::NO_TOPIC, message));
        }
        Ok(())
    }
}

/// Takes attributes apart and finds out who is answered.
fn attributes_of<'a>(text: &'a str, reply: &mut Reply) -> Result<Attributes<'a>, Refused> {
    let attributes = Attributes::parse(text)
        .ok_or_else(|| Refused::new(codes::ATTRIBUTES, format!("Parse attr ({text}) failure")))?;
    let is_quiet = attributes.is("isAck", "false");
    for (key, code) in [("syncSend", codes::SYNC_NO_ACK), ("proxySend", codes::PROXY_NO_ACK)] {
        if attributes.is(key, "true") {
            if is_quiet {
                return Err(Refused::bare(code));
            }
            if let Form::Text { .. } = reply.form {
                reply.wish = Wish::OnlyErrors;
            }
        }
    }
    if is_quiet {
        reply.wish = Wish::None;
    }
    Ok(attributes)
}

/// Blank as the server has it: of Java's white space alone, to which a space that does not break does not belong.
fn is_blank(text: &str) -> bool {
    let is_white = |c: char| match c {
        '\u{1c}'..='\u{1f}' => true,
        '\u{85}' | '\u{a0}' | '\u{2007}' | '\u{202f}' => false,
        c => c.is_whitespace(),
    };
    text.chars().all(is_white)
}

fn is_unknown(unknown: &[String], group: &str, stream: &str) -> bool {
    unknown.iter().any(|name| {
        name == group || name.strip_prefix(group).and_then(|rest| rest.strip_prefix('/')) == Some(stream)
    })
}

/// The name of a record: `group/stream`, or the group alone.
fn name(group: &str, stream: &str) -> String {
    if stream.is_empty() { group.to_owned() } else { format!("{group}/{stream}") }
}

/// Sets an attribute of a record, in its place when it is there.
fn set(list: &mut Vec<(String, String)>, key: &str, value: String) {
    match list.iter_mut().find(|(known, _)| known == key) {
        Some((_, old)) => *old = value,
        None => list.push((key.to_owned(), value)),
    }
}

fn object(list: &[(String, String)]) -> String {
    let mut out = String::new();
    json::object(list, &mut out);
    out
}
