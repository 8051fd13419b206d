//! Frames that a server answers with.

use super::frame::Cursor;
use super::{MAGIC, attribute, attributes, binary_end, text_layout};

/// An answer, taken apart; what its type has no field for is 0 or empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Answer {
    /// The type byte.
    pub(crate) kind: u8,
    pub(crate) uniq: u32,
    /// Of a heartbeat: when it was sent, s since the Unix epoch.
    pub(crate) dt: u32,
    pub(crate) version: u8,
    pub(crate) body: Vec<u8>,
    /// In order. The text of an error is whole, whatever it holds.
    pub(crate) attributes: Vec<(String, String)>,
    /// The same as one text.
    pub(crate) attribute_text: String,
}

impl Answer {
    /// Takes a whole frame apart, its length field included.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut cursor = Cursor(bytes);
        let length = cursor.length32()?;
        if length + 4 != bytes.len() {
            return Err(format!("the length field says {length}, {} bytes follow", bytes.len() - 4));
        }
        let mut answer = Self { kind: cursor.u8()?, ..Self::default() };
        answer.attribute_text = match answer.kind {
            1 if cursor.0.is_empty() => String::new(),
            7 => {
                answer.uniq = cursor.u32()?;
                binary_end(&mut cursor)?
            }
            8 | 0x88 => {
                answer.dt = cursor.u32()?;
                answer.version = cursor.u8()?;
                let length = cursor.length32()?;
                answer.body = cursor.take(length)?.to_vec();
                binary_end(&mut cursor)?
            }
            1..=6 => {
                let (body, text) = text_layout(&mut cursor)?;
                answer.body = body;
                text
            }
            other => return Err(format!("an answer of type {other:#04x}")),
        };
        answer.attributes = attributes(&answer.attribute_text);
        Ok(answer)
    }

    /// The frame.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let text = self.attribute_text.as_bytes();
        let short = |length: usize| u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        let long = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        let binary_end = [&short(text.len())[..], text, &MAGIC.to_be_bytes()].concat();
        let rest = match self.kind {
            1 => Vec::new(),
            7 => [&self.uniq.to_be_bytes()[..], &binary_end].concat(),
            8 => {
                let head = [&self.dt.to_be_bytes()[..], &[self.version], &long(self.body.len())].concat();
                [&head[..], &self.body, &binary_end].concat()
            }
            _ => [&long(self.body.len())[..], &self.body, &long(text.len()), text].concat(),
        };
        [&long(1 + rest.len())[..], &[self.kind], &rest].concat()
    }

    /// The error code; 0 where there is none.
    pub(crate) fn code(&self) -> u32 {
        attribute(&self.attributes, "errCode").and_then(|code| code.parse().ok()).unwrap_or(0)
    }
}
