//! Heartbeats: a text one with a fixed answer, and a binary one that tells the load.

use super::reader::{be16_at, be32};
use super::{Arrival, Malformed};

/// The answer to type 1. It is shorter than any text frame and says nothing about what it answers.
pub(super) const TEXT_ANSWER: [u8; 5] = [0, 0, 0, 1, 1];

pub(super) const MAGIC: u16 = 0xee01;

/// `totalLen(4) type(1) dt(4) version(1) bodyLen(4) attrLen(2) attributes magic(2)`; the answer has the load as its body.
/// What lies between the magic and the end is passed over.
pub(super) fn answer(frame: &[u8], arrival: &Arrival<'_>) -> Result<Vec<u8>, Malformed> {
    let wrong = |what: &str| Malformed::new(format!("a heartbeat {what}"));
    let outside = || wrong("has a length that points out of it");
    let Some(version) = frame.get(9).copied() else { return Err(wrong("is cut short")) };
    let attributes_at = 14 + i64::from(be32(frame, 10) as i32);
    let attributes_len = be16_at(frame, attributes_at).ok_or_else(outside)? as i16;
    let magic = be16_at(frame, attributes_at + 2 + i64::from(attributes_len)).ok_or_else(outside)?;
    if magic != MAGIC {
        return Err(wrong(&format!("ends in 0x{magic:04x} and not in 0x{MAGIC:04x}")));
    }
    let (start, len) = (usize::try_from(attributes_at + 2), usize::try_from(attributes_len));
    let attributes = match (start, len) {
        (Ok(start), Ok(len)) => frame.get(start..start + len).ok_or_else(outside)?,
        _ => &[],
    };
    let len = attributes.len() as u16;
    let mut out = Vec::with_capacity(20 + attributes.len());
    out.extend_from_slice(&(16 + u32::from(len)).to_be_bytes());
    out.push(8);
    out.extend_from_slice(&((arrival.now / 1000) as u32).to_be_bytes());
    out.extend_from_slice(&[version, 0, 0, 0, 2]);
    out.extend_from_slice(&arrival.load.to_be_bytes());
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(attributes);
    out.extend_from_slice(&MAGIC.to_be_bytes());
    Ok(out)
}
