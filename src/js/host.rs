//! What JavaScript has at hand already: numbers and dates as text. Their tables would be most of the module.

#[link(wasm_import_module = "tw")]
unsafe extern "C" {
    /// Writes `String(value)`, which is ASCII, and returns its length.
    safe fn spell(value: f64, to: *mut u8) -> usize;
    /// `Number(text)`.
    safe fn number(text: *const u8, len: usize) -> f64;
    /// `Date.parse(text)`.
    safe fn date(text: *const u8, len: usize) -> f64;
}

/// Room for a double's spelling; the longest has 25 characters.
#[derive(Default)]
pub(crate) struct Spelling([u8; 32]);

impl Spelling {
    pub(crate) fn of(&mut self, value: f64) -> &[u8] {
        let len = spell(value, self.0.as_mut_ptr());
        self.0.get(..len).unwrap_or_default()
    }
}

pub(crate) fn read_double(text: &[u8]) -> f64 {
    number(text.as_ptr(), text.len())
}

/// Ms since the Unix epoch.
pub(crate) fn read_date(text: &str) -> Option<u64> {
    let at = date(text.as_ptr(), text.len());
    (at >= 0.0).then_some(at as u64)
}

/// Text that the shell wrote, which is UTF-8.
pub(crate) fn text(bytes: &[u8]) -> String {
    // SAFETY: it came from `TextEncoder`.
    unsafe { String::from_utf8_unchecked(crate::codec::bytes::owned(bytes)) }
}
