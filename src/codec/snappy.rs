//! Raw snappy in little code, for where code is downloaded: 1.7 kB less than the crate that servers use, at a similar
//! ratio.

use super::bytes::{byte_at, part, put, put_byte};

/// Copies reach back within a block only.
const BLOCK: usize = 1 << 16;
const HASH_BITS: u32 = 12;

/// Appends `input`, compressed.
pub(crate) fn compress(input: &[u8], out: &mut Vec<u8>) {
    let mut len = input.len();
    while len >= 0x80 {
        put_byte(out, len as u8 | 0x80);
        len >>= 7;
    }
    put_byte(out, len as u8);
    let mut start = 0;
    while start < input.len() {
        let end = input.len().min(start + BLOCK);
        compress_block(part(input, start, end), out);
        start = end;
    }
}

fn compress_block(block: &[u8], out: &mut Vec<u8>) {
    // Where four bytes of this hash stood last. What has not been seen points to the start, where it is compared.
    let mut seen = [0u16; 1 << HASH_BITS];
    let (mut at, mut literal) = (1, 0);
    while at + 4 <= block.len() {
        let word = word_at(block, at);
        let seen = &mut seen[(word.wrapping_mul(0x1e35_a7bd) >> (32 - HASH_BITS)) as usize];
        let before = usize::from(*seen);
        *seen = at as u16;
        if word_at(block, before) != word {
            // What does not compress is skipped faster and faster.
            at += 1 + ((at - literal) >> 5);
            continue;
        }
        put_literal(out, part(block, literal, at));
        let offset = at - before;
        let mut len = 4;
        while at + len < block.len() && byte_at(block, before + len) == byte_at(block, at + len) {
            len += 1;
        }
        at += len;
        literal = at;
        while len > 0 {
            let copied = len.min(64);
            put(out, &[(copied as u8 - 1) << 2 | 2, offset as u8, (offset >> 8) as u8]);
            len -= copied;
        }
    }
    put_literal(out, part(block, literal, block.len()));
}

fn put_literal(out: &mut Vec<u8>, bytes: &[u8]) {
    let Some(size) = bytes.len().checked_sub(1) else { return };
    match size {
        0..60 => put_byte(out, (size as u8) << 2),
        _ => put(out, &[61 << 2, size as u8, (size >> 8) as u8]),
    }
    put(out, bytes);
}

fn word_at(bytes: &[u8], at: usize) -> u32 {
    match bytes.get(at..).and_then(<[u8]>::first_chunk) {
        Some(bytes) => u32::from_le_bytes(*bytes),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back_and_forth(input: &[u8]) -> usize {
        let mut out = Vec::new();
        compress(input, &mut out);
        assert!(out.len() <= snap::raw::max_compress_len(input.len()), "{} of {}", out.len(), input.len());
        assert!(snap::raw::Decoder::new().decompress_vec(&out).unwrap() == input);
        out.len()
    }

    #[test]
    fn what_repeats_is_stored_once() {
        let line = br#"{"eventType":"CUSTOM","eventName":"add_to_cart","userId":"u1","attributes":{"price":"9.5"}},"#;
        let own = back_and_forth(&line.repeat(2_000));
        let crates = snap::raw::Encoder::new().compress_vec(&line.repeat(2_000)).unwrap().len();
        assert!(own <= crates + crates / 10, "{own} bytes, the crate makes {crates}");
    }

    proptest::proptest! {
        #[test]
        fn every_decoder_reads_it(
            seed in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
            steps in proptest::collection::vec((0usize..300, 1usize..900), 0..400),
        ) {
            let mut input = seed;
            for (from, len) in steps {
                let from = from.min(input.len());
                let end = input.len().min(from + len);
                input.extend_from_within(from..end);
                input.push(len as u8);
            }
            back_and_forth(&input);
        }
    }
}
