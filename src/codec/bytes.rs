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

/// Appends the bytes of a range, none if there is no such.
#[cfg_attr(not(target_family = "wasm"), inline)]
#[cfg_attr(target_family = "wasm", inline(never))]
pub(crate) fn put_part(out: &mut Vec<u8>, from: &[u8], start: usize, end: usize) {
    if let Some(bytes) = from.get(start..end) {
        put(out, bytes);
    }
}
