//! Writing protobuf (proto3): defaults are not on the wire.

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LEN: u32 = 2;

/// Appends a varint.
pub(crate) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends an int32, int64 or enum field, unless it is 0.
pub(crate) fn int(out: &mut Vec<u8>, field: u32, value: i64) {
    if value != 0 {
        tag(out, field, VARINT);
        varint(out, value as u64);
    }
}

/// Appends a double field, unless it is 0.
pub(crate) fn double(out: &mut Vec<u8>, field: u32, value: f64) {
    if value.to_bits() != 0 {
        tag(out, field, FIXED64);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// Appends a string field, unless it is empty.
pub(crate) fn string(out: &mut Vec<u8>, field: u32, value: &str) {
    if !value.is_empty() {
        bytes(out, field, value.as_bytes());
    }
}

/// Appends a length-delimited field, even when it is empty.
pub(crate) fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    tag(out, field, LEN);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Appends a length-delimited field whose content `write` appends, even when that is empty.
pub(crate) fn nested<E>(
    out: &mut Vec<u8>,
    field: u32,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    tag(out, field, LEN);
    // Most contents are shorter than 128 bytes, so one byte of length is assumed and more are made room for.
    out.push(0);
    let start = out.len();
    write(out)?;
    let mut len = out.len() - start;
    if len < 0x80 {
        out[start - 1] = len as u8;
        return Ok(());
    }
    let mut header = [0; 10];
    let mut used = 0;
    while len >= 0x80 {
        header[used] = len as u8 | 0x80;
        len >>= 7;
        used += 1;
    }
    header[used] = len as u8;
    out.splice(start - 1..start, header[..=used].iter().copied());
    Ok(())
}

fn tag(out: &mut Vec<u8>, field: u32, wire: u32) {
    varint(out, u64::from(field << 3 | wire));
}
