//! What JavaScript has at hand already: numbers and dates as text. Their tables would be most of the module.

#[cfg(feature = "growingio")]
use crate::codec::bytes::put_part;

#[link(wasm_import_module = "tw")]
unsafe extern "C" {
    /// Writes `Number(text)` as Python spells it, which is ASCII, and returns its length; 0 when it is infinite.
    #[cfg(feature = "growingio")]
    safe fn spell(text: *const u8, len: usize, to: *mut u8) -> usize;
    /// `Number(text)`.
    safe fn number(text: *const u8, len: usize) -> f64;
}

/// Appends a number of 0 and above as Python spells it; `false` when it is beyond a double's range.
#[cfg(feature = "growingio")]
pub(crate) fn spell_double(out: &mut Vec<u8>, text: &[u8]) -> bool {
    // The longest is `2.2250738585072014e-308`.
    let mut spelling = [0; 32];
    let len = spell(text.as_ptr(), text.len(), spelling.as_mut_ptr());
    put_part(out, &spelling, 0, len);
    len > 0
}

pub(crate) fn read_double(text: &[u8]) -> f64 {
    number(text.as_ptr(), text.len())
}

/// Text that the shell wrote, which is UTF-8.
pub(crate) fn text(bytes: &[u8]) -> &str {
    // SAFETY: it came from `TextEncoder`.
    unsafe { str::from_utf8_unchecked(bytes) }
}

/// A copy of such text.
pub(crate) fn owned_text(bytes: &[u8]) -> String {
    // SAFETY: it came from `TextEncoder`.
    unsafe { String::from_utf8_unchecked(crate::codec::bytes::owned(bytes)) }
}
