//! Numbers as text.

/// Appends an integer's decimal digits.
pub(crate) fn write_int(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
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
    let mut digits = [0; MAX_DIGITS];
    let (digits, exponent) = shortest(value.abs(), &mut digits);
    if !(-4..16).contains(&exponent) {
        return write_scientific(out, digits, exponent);
    }
    let whole = (exponent + 1).max(0) as usize;
    let (front, back) = digits.split_at(whole.min(digits.len()));
    out.extend_from_slice(if front.is_empty() { b"0" } else { front });
    zeros(out, whole.saturating_sub(digits.len()));
    out.push(b'.');
    zeros(out, (-1 - exponent).max(0) as usize);
    out.extend_from_slice(if back.is_empty() { b"0" } else { back });
}

/// The most digits that a double needs.
const MAX_DIGITS: usize = 17;

/// The fewest digits that read back as this number, without zeros at their ends, and the power of ten of the first one.
fn shortest(value: f64, digits: &mut [u8; MAX_DIGITS]) -> (&[u8], i32) {
    let mut buffer = Spelling::default();
    // In whatever form: `1.5e-7`, `1e+21`, `1234.5`, `0.00012`, `100000`.
    let text = buffer.of(value);
    let (mantissa, power) = text.split_once('e').unwrap_or((text, "0"));
    let (mut count, mut exponent, mut point) = (0, -1, false);
    for byte in mantissa.bytes() {
        match byte {
            b'.' => point = true,
            b'0' if count == 0 => exponent -= i32::from(point),
            _ => {
                exponent += i32::from(!point);
                // What is beyond is zeros.
                if let Some(digit) = digits.get_mut(count) {
                    *digit = byte;
                    count += 1;
                }
            }
        }
    }
    if count == 0 {
        return (b"0", 0);
    }
    while digits[count - 1] == b'0' {
        count -= 1;
    }
    (&digits[..count], exponent + power.parse::<i32>().unwrap_or(0))
}

/// The double nearest to a number in JSON's spelling; infinite beyond a double's range.
pub(crate) fn read_double(text: &str) -> f64 {
    #[cfg(not(all(feature = "js", target_family = "wasm")))]
    return text.parse().unwrap_or(f64::NAN);
    #[cfg(all(feature = "js", target_family = "wasm"))]
    return crate::js::host::read_double(text);
}

/// Room for a double's spelling.
#[cfg(not(all(feature = "js", target_family = "wasm")))]
struct Spelling(ryu::Buffer);

#[cfg(not(all(feature = "js", target_family = "wasm")))]
impl Default for Spelling {
    fn default() -> Self {
        Self(ryu::Buffer::new())
    }
}

#[cfg(not(all(feature = "js", target_family = "wasm")))]
impl Spelling {
    fn of(&mut self, value: f64) -> &str {
        self.0.format_finite(value)
    }
}

// JavaScript has both ways at hand, by the same rules; the tables they need are 20 kB.
#[cfg(all(feature = "js", target_family = "wasm"))]
use crate::js::host::Spelling;

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

fn write_scientific(out: &mut Vec<u8>, digits: &[u8], exponent: i32) {
    let (first, rest) = digits.split_at(1);
    out.extend_from_slice(first);
    if !rest.is_empty() {
        out.push(b'.');
        out.extend_from_slice(rest);
    }
    out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
    let size = exponent.unsigned_abs();
    zeros(out, usize::from(size < 10));
    write_int(out, i64::from(size));
}

fn zeros(out: &mut Vec<u8>, count: usize) {
    out.resize(out.len() + count, b'0');
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
