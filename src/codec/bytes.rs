//! Bytes in little code: what the standard library has in one line is many instructions wherever it stands.

/// Appends bytes.
#[cfg_attr(not(target_family = "wasm"), inline)]
#[cfg_attr(target_family = "wasm", inline(never))]
pub(crate) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
}

/// Appends one byte.
#[cfg_attr(not(target_family = "wasm"), inline)]
#[cfg_attr(target_family = "wasm", inline(never))]
pub(crate) fn put_byte(out: &mut Vec<u8>, byte: u8) {
    // As `put` does, so that growing is there once.
    out.extend_from_slice(&[byte]);
}

/// A copy that takes no more memory than it has bytes.
#[cfg(any(feature = "growingio", feature = "inlong"))]
#[cfg_attr(target_family = "wasm", inline(never))]
pub(crate) fn owned(bytes: &[u8]) -> Vec<u8> {
    let mut copy = Vec::new();
    copy.reserve_exact(bytes.len());
    put(&mut copy, bytes);
    copy
}

/// The byte there; 0, which no JSON has outside of strings, beyond the end.
#[inline]
pub(crate) fn byte_at(bytes: &[u8], at: usize) -> u8 {
    match bytes.get(at) {
        Some(&byte) => byte,
        None => 0,
    }
}

/// The bytes of a range, none if there is no such.
#[cfg_attr(not(target_family = "wasm"), inline)]
#[cfg_attr(target_family = "wasm", inline(never))]
pub(crate) fn part(bytes: &[u8], start: usize, end: usize) -> &[u8] {
    bytes.get(start..end).unwrap_or_default()
}

/// Whether a byte is among these.
#[cfg(feature = "inlong")]
#[allow(clippy::manual_contains, reason = "the library's way, by words at a time, is much code")]
pub(crate) fn has(bytes: &[u8], byte: u8) -> bool {
    if crate::NPM { bytes.iter().any(|&other| other == byte) } else { bytes.contains(&byte) }
}

/// Where a text begins in bytes.
#[cfg(feature = "inlong")]
#[cfg_attr(target_family = "wasm", inline(never))]
pub(crate) fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at + text.len() <= bytes.len() {
        if part(bytes, at, at + text.len()) == text {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// The number that bytes begin with, in digits, and how many these are; `None` without any, or where it has more than 64
/// bits.
#[cfg(feature = "inlong")]
#[cfg_attr(target_family = "wasm", inline(never))]
pub(crate) fn digits(bytes: &[u8]) -> Option<(u64, usize)> {
    let (mut number, mut at) = (0_u64, 0);
    while byte_at(bytes, at).is_ascii_digit() {
        number = number.checked_mul(10)?.checked_add(u64::from(byte_at(bytes, at) - b'0'))?;
        at += 1;
    }
    (at > 0).then_some((number, at))
}

/// Text from outside, of which not more is kept than `most` bytes: what is no UTF-8 ends it.
#[cfg(feature = "inlong")]
#[cfg_attr(target_family = "wasm", inline(never))]
pub(crate) fn said(bytes: &[u8], most: usize) -> String {
    let cut = part(bytes, 0, bytes.len().min(most));
    let valid = match str::from_utf8(cut) {
        Ok(text) => return text.to_owned(),
        Err(error) => error.valid_up_to(),
    };
    str::from_utf8(part(cut, 0, valid)).unwrap_or_default().to_owned()
}

/// Appends the bytes of a range, none if there is no such.
#[cfg_attr(not(target_family = "wasm"), inline)]
#[cfg_attr(target_family = "wasm", inline(never))]
pub(crate) fn put_part(out: &mut Vec<u8>, from: &[u8], start: usize, end: usize) {
    if let Some(bytes) = from.get(start..end) {
        put(out, bytes);
    }
}
