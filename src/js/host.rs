//! What JavaScript has at hand already: numbers and dates as text. Their tables would be most of the module.

#[link(wasm_import_module = "tw")]
unsafe extern "C" {
    /// Writes `String(value)`, which is ASCII, and returns its length.
    safe fn spell(value: f64, to: *mut u8) -> usize;
    /// `Number(text)`.
    safe fn number(text: *const u8, len: usize) -> f64;
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
