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
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(value);
    let size = value.abs();
    if size == 0.0 || (1e-4..1e16).contains(&size) {
        return out.extend_from_slice(text.as_bytes());
    }
    match text.split_once('e') {
        // ryu writes `1e16` and `1.5e-7`.
        Some((mantissa, exponent)) => {
            let (sign, digits) = match exponent.strip_prefix('-') {
                Some(digits) => ('-', digits),
                None => ('+', exponent),
            };
            write_scientific(out, mantissa.as_bytes(), sign, digits.as_bytes());
        }
        // Between 1e-5 and 1e-4 ryu still writes `0.00001234`.
        None => {
            let (negative, text) = match text.strip_prefix('-') {
                Some(rest) => (true, rest),
                None => (false, text),
            };
            let digits = text.trim_start_matches(['0', '.']).as_bytes();
            if negative {
                out.push(b'-');
            }
            let mut mantissa = Vec::with_capacity(digits.len() + 1);
            mantissa.push(digits[0]);
            if digits.len() > 1 {
                mantissa.push(b'.');
                mantissa.extend_from_slice(&digits[1..]);
            }
            write_scientific(out, &mantissa, '-', b"5");
        }
    }
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

fn write_scientific(out: &mut Vec<u8>, mantissa: &[u8], sign: char, exponent: &[u8]) {
    out.extend_from_slice(mantissa);
    out.push(b'e');
    out.push(sign as u8);
    if exponent.len() < 2 {
        out.push(b'0');
    }
    out.extend_from_slice(exponent);
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
