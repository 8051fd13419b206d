//! Frames that carry messages, as DataProxy reads them: lengths, a type, a body, and attributes as text. Numbers are
//! big-endian.

use crate::codec::bytes::{put, put_byte};
use crate::http::Body;

/// How messages lie in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MsgType {
    /// Type 2: as type 3.
    Common,
    /// Type 3: messages joined by LF.
    Lines,
    /// Type 5: each message behind its length.
    Multi,
    /// Type 6: as type 5, each followed by attributes of its own.
    MultiAttributes,
    /// Type 7: as type 5 in the binary layout, or as type 6 with bit 1 of the ext field.
    Binary,
}

/// A frame on its way to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Which node it goes to, by its number.
    pub(crate) node: u32,
    pub(crate) sealed: Sealed,
}

/// A batch as a frame. A retry sends the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// What the answer names: `uniq` in type 7, `mid` in text types.
    pub(crate) key: u64,
    pub(crate) msg_type: u8,
    /// Whether the server answers.
    pub(crate) is_acked: bool,
    /// Milliseconds by the wall clock, for the HTTP endpoint.
    pub(crate) bytes: Body,
}

/// A message's type byte with a compressed body.
const SNAPPY: u8 = 0x20;
pub(super) const MAGIC: u16 = 0xEE01;

/// Ext bit: each message is followed by attributes of its own.
pub(super) const EXT_ATTRIBUTES: u16 = 0x1;
/// Ext bit: the frame says where and when it left.
pub(super) const EXT_TRACE: u16 = 0x2;
/// Ext bit: group and stream are text, in the attributes.
pub(super) const EXT_TEXT_IDS: u16 = 0x4;
/// Ext bit: the messages are joined by LF in one item.
pub(super) const EXT_LINES: u16 = 0x20;

impl MsgType {
    /// The type of this number, if messages can be sent with it.
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            2 => Self::Common,
            3 => Self::Lines,
            5 => Self::Multi,
            6 => Self::MultiAttributes,
            7 => Self::Binary,
            _ => return None,
        })
    }

    /// Its number in the type byte.
    pub fn number(self) -> u8 {
        match self {
            Self::Common => 2,
            Self::Lines => 3,
            Self::Multi => 5,
            Self::MultiAttributes => 6,
            Self::Binary => 7,
        }
    }
}

/// What a frame of type 7 says of itself.
pub(super) struct Binary<'a> {
    pub(super) ext: u16,
    pub(super) seconds: u32,
    pub(super) count: u16,
    pub(super) uniq: u32,
    pub(super) attributes: &'a [u8],
}

impl Binary<'_> {
    /// The frame of a body.
    pub(super) fn frame(&self, body: &[u8], is_packed: bool) -> Vec<u8> {
        let Self { attributes, .. } = self;
        let mut out = Vec::new();
        out.reserve_exact(29 + body.len() + attributes.len());
        put_u32(&mut out, (25 + body.len() + attributes.len()) as u32);
        put_byte(&mut out, 7 | if is_packed { SNAPPY } else { 0 });
        // No numbers for group and stream.
        put(&mut out, &[0; 4]);
        put_u16(&mut out, self.ext);
        put_u32(&mut out, self.seconds);
        put_u16(&mut out, self.count);
        put_u32(&mut out, self.uniq);
        put_u32(&mut out, body.len() as u32);
        put(&mut out, body);
        put_u16(&mut out, attributes.len() as u16);
        put(&mut out, attributes);
        put_u16(&mut out, MAGIC);
        out
    }
}

/// A frame of a text type.
pub(super) fn text(msg_type: u8, body: &[u8], attributes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.reserve_exact(13 + body.len() + attributes.len());
    put_u32(&mut out, (9 + body.len() + attributes.len()) as u32);
    put_byte(&mut out, msg_type);
    put_u32(&mut out, body.len() as u32);
    put(&mut out, body);
    put_u32(&mut out, attributes.len() as u32);
    put(&mut out, attributes);
    out
}

/// A heartbeat (type 8): asks a node whether it is there, and how busy.
pub(super) fn heartbeat(seconds: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(18);
    put_u32(&mut out, 14);
    put(&mut out, &[8]);
    put_u32(&mut out, seconds);
    put(&mut out, &[1]);
    put_u32(&mut out, 0);
    put_u16(&mut out, 0);
    put_u16(&mut out, MAGIC);
    out
}

/// Appends a message behind its length.
pub(super) fn put_item(out: &mut Vec<u8>, item: &[u8]) {
    put_u32(out, item.len() as u32);
    put(out, item);
}

fn put_u16(out: &mut Vec<u8>, number: u16) {
    put(out, &number.to_be_bytes());
}

fn put_u32(out: &mut Vec<u8>, number: u32) {
    put(out, &number.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    #[test]
    fn a_frame_of_type_7_is_the_one_the_server_took() {
        let mut body = Vec::new();
        put_item(&mut body, b"hello");
        let frame = Binary {
            ext: EXT_TEXT_IDS,
            seconds: 0x6b01_674b,
            count: 1,
            uniq: 1,
            attributes: b"groupId=test_group&streamId=s1",
        };
        let mut expected =
            hex("00000040 07 0000 0000 0004 6b01674b 0001 00000001 00000009 00000005 68656c6c6f 001e");
        expected.extend_from_slice(b"groupId=test_group&streamId=s1");
        expected.extend_from_slice(&[0xee, 0x01]);
        assert_eq!(frame.frame(&body, false), expected);
    }

    #[test]
    fn a_heartbeat_has_neither_body_nor_attributes() {
        assert_eq!(heartbeat(1), hex("0000000e 08 00000001 01 00000000 0000 ee01"));
    }
}
