//! Cuts the bytes of a connection into frames.

use std::fmt;

/// More than this is given back once it is not needed any more, in bytes.
const KEPT: usize = 64 << 10;

/// Takes bytes in pieces of any size and gives whole frames. It holds what has arrived and no more, whatever a length field
/// says, and so never more than the longest frame and the piece behind it.
#[derive(Debug)]
pub struct Reader {
    max_frame: usize,
    bytes: Vec<u8>,
    /// Where the next frame begins.
    at: usize,
}

/// The beginning of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its bytes in all, with the length field.
    pub len: usize,
    /// The message type, 1 to 8.
    pub kind: u8,
}

/// What cannot be a frame: the connection is closed without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong, for people.
    pub reason: String,
}

impl Reader {
    /// For frames of at most `max_frame` bytes with their length field.
    pub fn new(max_frame: usize) -> Self {
        Self { max_frame, bytes: Vec::new(), at: 0 }
    }

    /// Takes what arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        if self.bytes.is_empty() && self.bytes.capacity() > KEPT {
            self.bytes = Vec::new();
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// How many bytes wait for the rest of their frame.
    pub fn waiting(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// What waits, e.g. to show it.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    /// The beginning of the next frame, once its length and its type are there.
    ///
    /// # Errors
    /// When it is longer than allowed, too short for its type, or of a type that does not exist.
    pub fn head(&self) -> Result<Option<Head>, Malformed> {
        let rest = self.rest();
        if rest.len() < 4 {
            return Ok(None);
        }
        let total = be32(rest, 0) as usize;
        let len = total.saturating_add(4);
        if len > self.max_frame {
            let reason = format!("a frame of {len} bytes, at most {} are taken", self.max_frame);
            return Err(Malformed::new(reason));
        }
        let Some(byte) = rest.get(4) else {
            return if total == 0 { Err(Malformed::new("a frame without a type")) } else { Ok(None) };
        };
        let kind = byte & 0x1f;
        let least = match kind {
            // Of a text heartbeat nothing but the type is looked at.
            1 => 1,
            2..=6 => 9,
            7 => 25,
            8 => 14,
            _ => return Err(Malformed::new(format!("there is no message type {kind}"))),
        };
        if total < least {
            return Err(Malformed::new(format!(
                "a frame of type {kind} with totalLen {total}, below {least}"
            )));
        }
        Ok(Some(Head { len, kind }))
    }

    /// The next frame with its length field, once all of it is there.
    ///
    /// # Errors
    /// Those of [`head`](Self::head).
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, Malformed> {
        let Some(Head { len, .. }) = self.head()? else { return Ok(None) };
        if self.waiting() < len {
            return Ok(None);
        }
        self.at += len;
        Ok(Some(&self.bytes[self.at - len..self.at]))
    }
}

impl Malformed {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Malformed {}

pub(super) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// The number at a place that was reckoned from what the bytes say, so may be anywhere.
pub(super) fn be16_at(bytes: &[u8], at: i64) -> Option<u16> {
    be16(bytes, usize::try_from(at).ok()?)
}

/// The number at a place that is known to be there; 0 where it is not.
pub(super) fn be32(bytes: &[u8], at: usize) -> u32 {
    let number = || Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?));
    number().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEARTBEAT: [u8; 13] = [0, 0, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn frames_in_pieces_of_every_size() {
        let stream = HEARTBEAT.repeat(5);
        for size in 1..=stream.len() {
            let mut reader = Reader::new(13);
            let mut frames = 0;
            for piece in stream.chunks(size) {
                reader.push(piece);
                while let Some(frame) = reader.next_frame().unwrap() {
                    assert_eq!(frame, HEARTBEAT);
                    frames += 1;
                }
            }
            assert_eq!((frames, reader.waiting()), (5, 0));
        }
    }

    #[test]
    fn what_cannot_be_a_frame_is_told_at_once() {
        for (bytes, told) in [
            (&b"\0\x10\0\0"[..], true),
            (b"\xff\xff\xff\xff", true),
            (b"\0\0\0\0", true),
            (b"\0\0\0\x09", false),
            (b"\0\0\0\x09\0", true),
            (b"\0\0\0\x09\x09", true),
            (b"\0\0\0\x08\x05", true),
            (b"\0\0\0\x01\x01", false),
            (b"\0\0\0\x18\x27", true),
            (b"\0\0\0\x0d\x88", true),
            (b"\0\0\0\x0e\x88", false),
            (b"GET / HTTP/1.1", true),
        ] {
            let mut reader = Reader::new(1000);
            reader.push(bytes);
            assert_eq!(reader.next_frame().is_err(), told, "{bytes:?}");
        }
    }

    #[test]
    fn a_declared_length_takes_no_memory() {
        let mut reader = Reader::new(20_000_000);
        reader.push(&[1, 0, 0, 0, 5]);
        assert!(reader.bytes.capacity() < 1000);
        assert_eq!(reader.next_frame(), Ok(None));
    }
}
