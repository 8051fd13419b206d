//! Numbers as text.

use super::bytes::{byte_at, part, put, put_byte, put_part};

/// Appends an integer's decimal digits.
pub(crate) fn write_int(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends an unsigned integer's decimal digits, in little code.
pub(crate) fn write_unsigned(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut from = digits.len();
    for place in digits.iter_mut().rev() {
        *place = b'0' + (value % 10) as u8;
        from -= 1;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    put_part(out, &digits, from, digits.len());
}

/// Appends a finite number in the spelling that the vendors' Python clients use, which round-trips: positional with
/// `.0` when integral for 1e-4 <= |x| < 1e16, else scientific with a signed exponent of at least two digits.
pub(crate) fn write_double(out: &mut Vec<u8>, value: f64) {
    debug_assert!(value.is_finite());
    if write_short_decimal(out, value) {
        return;
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    Decimal::read(ryu::Buffer::new().format_finite(value.abs()).as_bytes()).write(out);
}

/// Appends a number in JSON's spelling as [`write_double`] writes the double that it is; `false` when it is beyond a
/// double's range.
#[cfg(feature = "growingio")]
pub(crate) fn write_decimal(out: &mut Vec<u8>, mut text: &[u8]) -> bool {
    if let Some((b'-', size)) = text.split_first() {
        put_byte(out, b'-');
        text = size;
    }
    if is_short(text) {
        put(out, text);
        return true;
    }
    spell(out, text)
}

/// Whether a number without its sign is spelled already as [`write_double`] spells it. No two decimals of up to 15 digits
/// are the same double, so each is the shortest one for its double: that takes no look at the double.
#[cfg(feature = "growingio")]
fn is_short(text: &[u8]) -> bool {
    const SAFE_DIGITS: usize = 15;
    let mut point = 0;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'.' => point = at,
            b'e' | b'E' => return false,
            _ => {}
        }
    }
    let last = text.len() - 1;
    let trimmed = byte_at(text, last) != b'0' || point + 1 == last;
    point > 0 && trimmed && last <= SAFE_DIGITS && !text.starts_with(b"0.0000")
}

/// Appends any number of 0 and above as [`write_double`] writes it; `false` when it is beyond a double's range.
#[cfg(feature = "growingio")]
fn spell(out: &mut Vec<u8>, text: &[u8]) -> bool {
    #[cfg(all(feature = "js", not(feature = "wasm"), target_family = "wasm"))]
    return crate::js::host::spell_double(out, text);
    #[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
    {
        let value = read_double(text);
        if value.is_finite() {
            write_double(out, value);
        }
        value.is_finite()
    }
}

/// The most digits that a double needs.
const MAX_DIGITS: usize = 17;

/// A decimal number without its sign.
struct Decimal {
    digits: [u8; MAX_DIGITS],
    /// Digits without zeros at their ends; 0 for zero. The first [`MAX_DIGITS`] are there.
    count: usize,
    /// The power of ten of the first digit.
    exponent: i32,
}

impl Decimal {
    /// Reads `1.5e-7`, `1E+21`, `-1234.50`, `0.00012`, `100000`.
    fn read(text: &[u8]) -> Self {
        let (mut digits, mut count, mut exponent) = ([b'0'; MAX_DIGITS], 0, -1);
        let (mut seen, mut point) = (0, false);
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            at += 1;
            match byte {
                b'-' => {}
                b'.' => point = true,
                b'e' | b'E' => {
                    exponent += power(text, at);
                    break;
                }
                b'0' if seen == 0 => exponent -= i32::from(point),
                _ => {
                    exponent += i32::from(!point);
                    if let Some(digit) = digits.get_mut(seen) {
                        *digit = byte;
                    }
                    seen += 1;
                    if byte != b'0' {
                        count = seen;
                    }
                }
            }
        }
        Self { digits, count, exponent: if count == 0 { 0 } else { exponent } }
    }

    /// Appends it as the double it stands for.
    fn write(&self, out: &mut Vec<u8>) {
        let count = self.count.clamp(1, MAX_DIGITS);
        let scientific = !(-4..16).contains(&self.exponent);
        let whole = if scientific { 1 } else { (self.exponent + 1).max(0) as usize };
        let zeros = if scientific { 0 } else { (-1 - self.exponent).max(0) as usize };
        let front = part(&self.digits, 0, whole.min(count));
        let back = part(&self.digits, front.len(), count);
        put(out, if front.is_empty() { b"0" } else { front });
        write_zeros(out, whole.saturating_sub(count));
        if !scientific || !back.is_empty() {
            put_byte(out, b'.');
            write_zeros(out, zeros);
            put(out, if back.is_empty() { b"0" } else { back });
        }
        if scientific {
            put(out, if self.exponent < 0 { b"e-" } else { b"e+" });
            let size = self.exponent.unsigned_abs();
            write_zeros(out, usize::from(size < 10));
            write_unsigned(out, u64::from(size));
        }
    }
}

/// The power of ten from `at` on; enormous ones are as good as any that is beyond a double.
fn power(text: &[u8], mut at: usize) -> i32 {
    const ENORMOUS: i32 = 100_000_000;
    let sign = byte_at(text, at);
    if matches!(sign, b'+' | b'-') {
        at += 1;
    }
    let mut power = 0;
    while let Some(&digit) = text.get(at) {
        if power < ENORMOUS {
            power = power * 10 + i32::from(digit) - i32::from(b'0');
        }
        at += 1;
    }
    if sign == b'-' { -power } else { power }
}

fn write_zeros(out: &mut Vec<u8>, count: usize) {
    put_part(out, b"0000000000000000", 0, count);
}

/// The double nearest to a number in JSON's spelling; infinite beyond a double's range.
pub(crate) fn read_double(text: &[u8]) -> f64 {
    #[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
    return str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
    #[cfg(all(feature = "js", not(feature = "wasm"), target_family = "wasm"))]
    return crate::js::host::read_double(text);
}

/// Writes a number that has at most four decimals, such as a price, and says whether it was one.
///
/// `n / 10^4` with n of at most 15 digits is the only decimal of that length that reads back as the same double, so
/// without its trailing zeros it is the shortest one.
fn write_short_decimal(out: &mut Vec<u8>, value: f64) -> bool {
    const SCALE: u64 = 10_000;
    const LARGEST: f64 = 1e11;
    let size = value.abs();
    if size >= LARGEST {
        return false;
    }
    let scaled = (size * SCALE as f64 + 0.5) as u64;
    if scaled == 0 || scaled as f64 / SCALE as f64 != size {
        return false;
    }
    if value < 0.0 {
        out.push(b'-');
    }
    out.extend_from_slice(itoa::Buffer::new().format(scaled / SCALE).as_bytes());
    let rest = (scaled % SCALE) as u16;
    let digit = |unit: u16| b'0' + (rest / unit % 10) as u8;
    let decimals = [b'.', digit(1_000), digit(100), digit(10), digit(1)];
    let zeros = match () {
        () if rest.is_multiple_of(1_000) => 3,
        () if rest.is_multiple_of(100) => 2,
        () => usize::from(rest.is_multiple_of(10)),
    };
    out.extend_from_slice(&decimals[..decimals.len() - zeros]);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: f64) -> String {
        let mut out = Vec::new();
        write_double(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn doubles_are_spelled_as_python_spells_them() {
        for (value, expected) in [
            (1.0, "1.0"),
            (100.0, "100.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (-0.0001, "-0.0001"),
            (0.00001234, "1.234e-05"),
            (-0.00001234, "-1.234e-05"),
            (0.00001, "1e-05"),
            (-2.5e-7, "-2.5e-07"),
            (1e15, "1000000000000000.0"),
            (9999999999999998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (1.5e16, "1.5e+16"),
            (1e20, "1e+20"),
            (6.02e23, "6.02e+23"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (5e-324, "5e-324"),
        ] {
            assert_eq!(text(value), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn every_spelling_round_trips(bits in proptest::prelude::any::<u64>()) {
            let value = f64::from_bits(bits);
            if value.is_finite() {
                assert_eq!(text(value).parse::<f64>().unwrap().to_bits(), bits);
            }
        }

        #[test]
        fn short_decimals_are_spelled_as_ryu_spells_them(
            digits in 0u64..1_000_000_000_000_000, decimals in 0i32..7, nudge in -2i64..3,
        ) {
            let value = (digits as f64 / 10f64.powi(decimals)).to_bits().wrapping_add_signed(nudge);
            let value = f64::from_bits(value & !(1 << 63));
            if value.is_finite() && (1e-4..1e16).contains(&value) {
                let mut buffer = ryu::Buffer::new();
                assert_eq!(text(value), buffer.format_finite(value));
                assert_eq!(text(-value), buffer.format_finite(-value));
            }
        }

        #[test]
        fn the_form_follows_the_size(value in 1e-7f64..1e-3) {
            assert_eq!(text(value).contains('e'), value < 1e-4);
        }
    }
}
