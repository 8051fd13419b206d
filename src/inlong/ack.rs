//! What a node answers: acks of frames and of heartbeats, read from a stream that may be cut anywhere.

use crate::codec::bytes::{digits, find, part};

/// The longest answer that is read, bytes behind the length. The servers stay below half of it.
const MAX_ANSWER: usize = 65_536;
/// So much of what a node says of a failure is kept.
const MAX_MESSAGE: usize = 500;
/// What stands for a code that is no number.
const UNKNOWN: u32 = i32::MAX as u32;

/// Reads answers out of pieces of a stream.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    held: Vec<u8>,
    /// Where the next frame begins in what is held.
    at: usize,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Of a frame.
    Ack(Ack),
    /// Of a heartbeat, with the node's load if it knows that.
    Heartbeat { load: Option<u16> },
}

/// An answer to a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// Which frame it is of, as [`Sealed::key`](super::frame::Sealed); `None` where the server did not get so far as to
    /// read that.
    pub(crate) key: Option<u64>,
    /// The type of the frame.
    pub(crate) msg_type: u8,
    /// 0: taken.
    pub(crate) code: u32,
    /// What the server says of it.
    pub(crate) message: String,
}

/// What came in is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Garbage(pub(crate) &'static str);

impl Reader {
    /// Takes in what was received.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.at > 0 {
            self.held.drain(..self.at);
            self.at = 0;
        }
        self.held.extend_from_slice(bytes);
    }

    /// The next answer, if it is there as a whole.
    pub(crate) fn next(&mut self) -> Result<Option<Answer>, Garbage> {
        let rest = &self.held[self.at..];
        let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if length == 0 || length > MAX_ANSWER {
            return Err(Garbage("a length that no answer has"));
        }
        let Some(frame) = rest.get(..length) else { return Ok(None) };
        let answer = read(frame)?;
        self.at += 4 + length;
        if self.at == self.held.len() {
            self.held.clear();
            self.at = 0;
        }
        Ok(Some(answer))
    }
}

fn read(frame: &[u8]) -> Result<Answer, Garbage> {
    let Some((&type_byte, rest)) = frame.split_first() else { return Err(Garbage("an empty answer")) };
    match type_byte & 0x1F {
        // A heartbeat in the text layout is answered with its type alone.
        1 => Ok(Answer::Heartbeat { load: None }),
        7 => read_binary(rest).ok_or(Garbage("an answer of type 7 whose lengths disagree")),
        8 => read_heartbeat(rest).ok_or(Garbage("an answer of type 8 whose lengths disagree")),
        msg_type @ 2..=6 => read_text(msg_type, rest).ok_or(Garbage("a text answer whose lengths disagree")),
        _ => Err(Garbage("an answer of a type that was not asked for")),
    }
}

fn read_binary(rest: &[u8]) -> Option<Answer> {
    let (uniq, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let attributes = rest.get(..u16::from_be_bytes(*length) as usize)?;
    let key = u64::from(u32::from_be_bytes(*uniq));
    let said = Said::read(attributes);
    Some(Answer::Ack(Ack { key: Some(key), msg_type: 7, code: said.code, message: said.message }))
}

fn read_heartbeat(rest: &[u8]) -> Option<Answer> {
    // A time and a version come first.
    let (length, rest) = rest.get(5..)?.split_first_chunk()?;
    let body = rest.get(..u32::from_be_bytes(*length) as usize)?;
    let load = body.first_chunk().map(|load| u16::from_be_bytes(*load));
    Some(Answer::Heartbeat { load: load.filter(|&load| load != u16::MAX) })
}

fn read_text(msg_type: u8, rest: &[u8]) -> Option<Answer> {
    let (length, rest) = rest.split_first_chunk()?;
    let rest = rest.get(u32::from_be_bytes(*length) as usize..)?;
    let said = match rest.split_first_chunk() {
        Some((length, rest)) => Said::read(rest.get(..u32::from_be_bytes(*length) as usize)?),
        None => Said::default(),
    };
    Some(Answer::Ack(Ack { key: said.mid, msg_type, code: said.code, message: said.message }))
}

/// What the attributes of an answer say.
#[derive(Default)]
struct Said {
    code: u32,
    message: String,
    mid: Option<u64>,
}

impl Said {
    /// The server's own come first. What it says of a failure is free text, which may hold `&` and `=` and even the
    /// attributes of the request; these follow at the end in any case.
    fn read(attributes: &[u8]) -> Self {
        let mut said = Self::default();
        let mut has_code = false;
        for item in attributes.split(|&byte| byte == b'&') {
            let Some(at) = find(item, b"=") else { continue };
            let value = part(item, at + 1, item.len()).trim_ascii();
            let number = digits(value).filter(|&(_, length)| length == value.len()).map(|(number, _)| number);
            match part(item, 0, at) {
                b"errCode" if !has_code => {
                    has_code = true;
                    said.code = number.and_then(|code| u32::try_from(code).ok()).unwrap_or(UNKNOWN);
                }
                // The request's own is the last.
                b"mid" => said.mid = number.or(said.mid),
                _ => {}
            }
        }
        if said.code != 0
            && let Some(at) = find(attributes, b"errMsg=")
        {
            let from = part(attributes, at + 7, attributes.len());
            let end = from.windows(9).rposition(|part| part == b"&groupId=").unwrap_or(from.len());
            said.message = crate::codec::bytes::said(from, end.min(MAX_MESSAGE));
        }
        said
    }
}

#[cfg(test)]
mod tests;
