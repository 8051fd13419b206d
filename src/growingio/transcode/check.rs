//! Whether a value is what its member takes.

use super::problem::{Problem, Result};
use super::scan::{Scan, Span};
use super::table::Kind;
use crate::codec::bytes::byte_at;

impl Scan<'_> {
    /// Whether a value is of this kind.
    pub(super) fn check(&self, kind: Kind, span: Span) -> Result {
        let value = self.tape(span);
        let first = byte_at(value, 0);
        match kind {
            Kind::Own => Ok(()),
            Kind::String if first == b'"' => Ok(()),
            Kind::String => Err(Problem::NoString),
            Kind::Int32 | Kind::Int64 | Kind::Double => match (class(value), kind) {
                (Class::Int64, Kind::Int32) if read_int(value) != i64::from(read_int(value) as i32) => {
                    Err(Problem::Range)
                }
                (Class::Int64, _) | (Class::Double, Kind::Double) => Ok(()),
                (_, Kind::Double) => Err(Problem::NoNumber),
                (Class::BigInt, _) => Err(Problem::Range),
                _ => Err(Problem::NoInteger),
            },
            _ if first == b'{' => Ok(()),
            _ => Err(Problem::NoObject),
        }
    }
}

/// What a value is as a number.
#[derive(PartialEq, Eq)]
enum Class {
    Int64,
    BigInt,
    Double,
    None,
}

fn class(value: &[u8]) -> Class {
    let minus = byte_at(value, 0) == b'-';
    let mut digits = 0;
    for byte in value {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'-' if digits == 0 => {}
            _ if digits > 0 => return Class::Double,
            _ => return Class::None,
        }
    }
    // 19 digits never are too many for 64 bits, but for their sign.
    let value = read_int(value);
    if digits > 19 || if minus { value > 0 } else { value < 0 } { Class::BigInt } else { Class::Int64 }
}

/// Reads an integer of 64 bits.
pub(super) fn read_int(value: &[u8]) -> i64 {
    let mut int: i64 = 0;
    for &byte in value {
        if byte != b'-' {
            int = int.wrapping_mul(10).wrapping_add(i64::from(byte - b'0'));
        }
    }
    if byte_at(value, 0) == b'-' { int.wrapping_neg() } else { int }
}
