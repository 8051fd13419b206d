//! One-byte XOR: obfuscation, not security.

/// XORs every byte with the same key; its own inverse.
pub(crate) fn xor(bytes: &mut [u8], key: u8) {
    if key != 0 {
        bytes.iter_mut().for_each(|byte| *byte ^= key);
    }
}
