//! Strings: from JSON as it came to canonical JSON, which has one spelling for each string, and on to plain text.

use super::problem::{Problem, Result};
use crate::codec::bytes::{byte_at, put, put_byte, put_part};
use crate::codec::json_read::plain_run;

/// Appends a string's content, which begins at `at`, as canonical JSON or as it is meant (`raw`), and moves `at` behind
/// its closing quote, or to what is wrong.
pub(super) fn copy_string(from: &[u8], at: &mut usize, out: &mut Vec<u8>, raw: bool) -> Result {
    loop {
        let end = plain_run(from, *at);
        put_part(out, from, *at, end);
        *at = end;
        match byte_at(from, end) {
            b'"' => {
                *at += 1;
                return Ok(());
            }
            b'\\' => {}
            _ if end < from.len() => return Err(Problem::Control),
            _ => return Err(Problem::Json),
        }
        let letter = byte_at(from, end + 1);
        let mut next = end + 2;
        let code = match letter {
            b'"' | b'\\' | b'/' => u32::from(letter),
            b'b' => 8,
            b't' => 9,
            b'n' => 10,
            b'f' => 12,
            b'r' => 13,
            b'u' => {
                let mut unit = hex4(from, next);
                next += 4;
                if unit & 0xf800 == 0xd800 {
                    let low = match (byte_at(from, next), byte_at(from, next + 1)) {
                        (b'\\', b'u') if unit < 0xdc00 => hex4(from, next + 2),
                        _ => 0,
                    };
                    if low & !0x3ff == 0xdc00 {
                        next += 6;
                        unit = 0x1_0000 + ((unit & 0x3ff) << 10) + (low & 0x3ff);
                    } else {
                        unit = 0xfffd;
                    }
                }
                unit
            }
            _ => NO_HEX,
        };
        if code == NO_HEX {
            return Err(Problem::Escape);
        }
        *at = next;
        if code >= 0x80 {
            put_utf8(out, code);
        } else if raw {
            put_byte(out, code as u8);
        } else {
            put_escaped_byte(out, code as u8);
        }
    }
}

/// Appends a quoted string's content as it is meant.
pub(super) fn put_raw(out: &mut Vec<u8>, quoted: &[u8]) {
    // Canonical strings hold nothing that could be wrong.
    let _ = copy_string(quoted, &mut 1, out, true);
}

/// Appends text as it stands inside a quoted string.
pub(super) fn put_escaped(out: &mut Vec<u8>, text: &[u8]) {
    let mut at = 0;
    loop {
        let end = plain_run(text, at);
        put_part(out, text, at, end);
        let Some(&byte) = text.get(end) else { return };
        put_escaped_byte(out, byte);
        at = end + 1;
    }
}

fn put_escaped_byte(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let letter = match byte {
        8 => b'b',
        9 => b't',
        10 => b'n',
        12 => b'f',
        13 => b'r',
        b'"' | b'\\' => byte,
        0..0x20 => {
            return put(out, &[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), HEX[usize::from(byte & 15)]]);
        }
        _ => return put_byte(out, byte),
    };
    put(out, &[b'\\', letter]);
}

/// Appends a character beyond ASCII.
fn put_utf8(out: &mut Vec<u8>, code: u32) {
    let mut rest = 1 + u32::from(code >= 0x800) + u32::from(code >= 0x1_0000);
    let lead = !(0xffu8 >> (rest + 1));
    put_byte(out, lead | (code >> (6 * rest)) as u8);
    while rest > 0 {
        rest -= 1;
        put_byte(out, 0x80 | ((code >> (6 * rest)) as u8 & 0x3f));
    }
}

const NO_HEX: u32 = u32::MAX;

fn hex4(bytes: &[u8], at: usize) -> u32 {
    let mut unit = 0;
    let mut place = at;
    while place < at + 4 {
        let byte = byte_at(bytes, place);
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' | b'A'..=b'F' => (byte | 0x20) - b'a' + 10,
            _ => return NO_HEX,
        };
        unit = unit << 4 | u32::from(digit);
        place += 1;
    }
    unit
}
