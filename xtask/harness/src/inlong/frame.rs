//! Frames that a client sends.

use super::{attribute, attributes, binary_end, text_layout};

/// Type byte, bit 5: the body of a type 7 frame is compressed.
const SNAPPY: u8 = 0x20;

/// Type byte, bit 7: the sender says in the attributes who it is.
const SIGNED: u8 = 0x80;

/// Ext field, bit 0: each message is followed by attributes of its own.
const OWN_ATTRIBUTES: u16 = 0x1;

/// A frame, taken apart; what its type has no field for is 0 or empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Frame {
    /// The message type, 1 to 8.
    pub(crate) kind: u8,
    /// The upper three bits of the type byte.
    pub(crate) flags: u8,
    pub(crate) group_number: u16,
    pub(crate) stream_number: u16,
    pub(crate) ext: u16,
    /// As the binary layouts have it, a number of the client's clock.
    pub(crate) dt: u32,
    pub(crate) cnt: u16,
    pub(crate) uniq: u32,
    /// Of a heartbeat.
    pub(crate) version: u8,
    /// As it was sent.
    pub(crate) body: Vec<u8>,
    /// As they were sent.
    pub(crate) attributes: Vec<(String, String)>,
    /// The same as one text.
    pub(crate) attribute_text: String,
}

/// One item of a body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    pub(crate) data: Vec<u8>,
    /// Its own, where the frame has such.
    pub(crate) attributes: Option<String>,
}

impl Frame {
    /// Takes a whole frame apart, its length field included.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut cursor = Cursor(bytes);
        let length = cursor.length32()?;
        if length + 4 != bytes.len() {
            return Err(format!("the length field says {length}, {} bytes follow", bytes.len() - 4));
        }
        let first = cursor.u8()?;
        let mut frame = Self { kind: first & 0x1f, flags: first & 0xe0, ..Self::default() };
        match frame.kind {
            7 => {
                frame.group_number = cursor.u16()?;
                frame.stream_number = cursor.u16()?;
                frame.ext = cursor.u16()?;
                frame.dt = cursor.u32()?;
                frame.cnt = cursor.u16()?;
                frame.uniq = cursor.u32()?;
                let length = cursor.length32()?;
                frame.body = cursor.take(length)?.to_vec();
                frame.attribute_text = binary_end(&mut cursor)?;
            }
            8 => {
                frame.dt = cursor.u32()?;
                frame.version = cursor.u8()?;
                let length = cursor.length32()?;
                frame.body = cursor.take(length)?.to_vec();
                frame.attribute_text = binary_end(&mut cursor)?;
            }
            1..=6 => (frame.body, frame.attribute_text) = text_layout(&mut cursor)?,
            other => return Err(format!("a frame of type {other}")),
        }
        frame.attributes = attributes(&frame.attribute_text);
        Ok(frame)
    }

    /// The value of an attribute.
    pub(crate) fn attribute(&self, key: &str) -> Option<&str> {
        attribute(&self.attributes, key)
    }

    /// Whether it is alive-keeping and carries no messages.
    pub(crate) fn is_heartbeat(&self) -> bool {
        matches!(self.kind, 1 | 8)
    }

    /// Whether the body is compressed, as its reader finds out.
    pub(crate) fn is_compressed(&self) -> bool {
        match self.kind {
            // One that is signed besides is still what it is.
            7 => self.flags & !SIGNED == SNAPPY,
            _ => self.attribute("cp").is_some_and(|value| !value.is_empty()),
        }
    }

    /// The body, uncompressed.
    pub(crate) fn plain(&self) -> Result<Vec<u8>, String> {
        match self.is_compressed() {
            true => snap::raw::Decoder::new().decompress_vec(&self.body).map_err(|error| error.to_string()),
            false => Ok(self.body.clone()),
        }
    }

    /// The messages, uncompressed.
    pub(crate) fn messages(&self) -> Result<Vec<Message>, String> {
        if self.is_heartbeat() {
            return Ok(Vec::new());
        }
        let plain = self.plain()?;
        let own = self.kind == 6 || self.kind == 7 && self.ext & OWN_ATTRIBUTES != 0;
        let message = |data: &[u8]| Message { data: data.to_vec(), attributes: None };
        if self.kind < 4 {
            return Ok(plain.split(|byte| *byte == b'\n').map(message).collect());
        }
        if self.kind == 4 {
            return Ok(vec![message(&plain)]);
        }
        let mut cursor = Cursor(&plain);
        let mut messages = Vec::new();
        while !cursor.0.is_empty() {
            let length = cursor.length32()?;
            let mut message = message(cursor.take(length)?);
            if own {
                let length = cursor.length32()?;
                message.attributes = Some(super::text(cursor.take(length)?)?);
            }
            messages.push(message);
        }
        Ok(messages)
    }
}

/// Reads numbers, big-endian, and bytes.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or("it ends early")?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, String> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16, String> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(super) fn u32(&mut self) -> Result<u32, String> {
        self.take(4).map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    pub(super) fn length32(&mut self) -> Result<usize, String> {
        self.u32().map(|length| length as usize)
    }

    pub(super) fn end(&self) -> Result<(), String> {
        if self.0.is_empty() { Ok(()) } else { Err(format!("{} bytes too many", self.0.len())) }
    }
}
