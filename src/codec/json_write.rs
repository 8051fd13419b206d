//! Writing JSON text.

const HEX: &[u8; 16] = b"0123456789abcdef";

/// For each byte: 0 when it stands for itself in a JSON string, else what follows the backslash (`u` for `\u00XX`).
const ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = b'u';
        byte += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

/// Appends a quoted string.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    write_escaped(out, text.as_bytes());
    out.push(b'"');
}

/// Appends text as it stands inside a quoted string.
pub(crate) fn write_escaped(out: &mut Vec<u8>, text: &[u8]) {
    if stands_for_itself(text) {
        return out.extend_from_slice(text);
    }
    let mut from = 0;
    for (at, &byte) in text.iter().enumerate() {
        let escape = ESCAPES[byte as usize];
        if escape == 0 {
            continue;
        }
        out.extend_from_slice(&text[from..at]);
        from = at + 1;
        out.extend_from_slice(&[b'\\', escape]);
        if escape == b'u' {
            let (high, low) = (HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]);
            out.extend_from_slice(&[b'0', b'0', high, low]);
        }
    }
    out.extend_from_slice(&text[from..]);
}

/// Whether nothing in the text needs an escape, as is usual; eight bytes at a time.
pub(crate) fn stands_for_itself(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks::<8>();
    if !words.iter().all(|word| is_plain_word(*word)) {
        return false;
    }
    match text.last_chunk::<8>() {
        // Looks at some bytes twice, which is quicker than one at a time.
        Some(last) => is_plain_word(*last),
        None => rest.iter().all(|byte| ESCAPES[*byte as usize] == 0),
    }
}

/// Whether none of eight bytes is a control character, a quote or a backslash.
#[inline]
fn is_plain_word(bytes: [u8; 8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);
    let word = u64::from_ne_bytes(bytes);
    // Some byte of `x` is below n (at most 0x80) exactly when a byte of this has its top bit set.
    let below = |n: u64, x: u64| x.wrapping_sub(ONES * n) & !x;
    (below(0x20, word) | below(1, word ^ (ONES * 0x22)) | below(1, word ^ (ONES * 0x5c))) & TOPS == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_escaped_wherever_it_stands() {
        for byte in 0..0x80u8 {
            for len in 1..20 {
                for at in 0..len {
                    let mut text = vec![b'~'; len];
                    text[at] = byte;
                    assert_eq!(
                        stands_for_itself(&text),
                        ESCAPES[byte as usize] == 0,
                        "{byte} at {at} of {len}"
                    );
                }
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn strings_read_back(text in "\\PC*|[\\x00-\\x7f]*") {
            let mut out = Vec::new();
            write_string(&mut out, &text);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
