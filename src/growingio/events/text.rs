//! Attribute values as text and as JSON.
//!
//! One canonical conversion for all formats: strings as they are; integers decimal; doubles as the vendor's Python
//! client spells them; `true`/`false`; lists joined by `||` without nulls and empty strings; objects as compact JSON.
//! In JSON bodies scalars and objects stay what they are.

use std::borrow::Cow;

use crate::codec::json_write::{write_escaped, write_string};
use crate::codec::number::{write_double, write_int};
use crate::{Invalid, InvalidKind, Value};

/// Nested values deeper than this are refused, so that no input can exhaust the stack.
const MAX_DEPTH: usize = 64;

/// Appends the value of attribute `key` as JSON.
pub(super) fn write_json(out: &mut Vec<u8>, key: &str, value: &Value<'_>) -> Result<(), Invalid> {
    match value {
        // The usual ones first and directly.
        Value::String(text) => write_string(out, text),
        Value::Int(value) => write_int(out, *value),
        Value::Double(value) => write_finite(out, key, *value)?,
        Value::List(_) => {
            out.push(b'"');
            write_json_text(out, key, value)?;
            out.push(b'"');
        }
        _ => write_native(out, key, value, 0)?,
    }
    Ok(())
}

/// Appends a value's text as it stands inside a quoted JSON string.
pub(super) fn write_json_text(out: &mut Vec<u8>, key: &str, value: &Value<'_>) -> Result<(), Invalid> {
    match value {
        Value::String(text) => write_escaped(out, text.as_bytes()),
        Value::List(values) => join(out, values, |out, value| match value {
            Value::List(_) => write_escaped_native(out, key, value),
            _ => write_json_text(out, key, value),
        })?,
        Value::Map(_) => write_escaped_native(out, key, value)?,
        // The rest holds nothing that needs an escape.
        _ => write_text(out, key, value)?,
    }
    Ok(())
}

/// Appends a value's text.
pub(super) fn write_text(out: &mut Vec<u8>, key: &str, value: &Value<'_>) -> Result<(), Invalid> {
    match value {
        Value::Null => {}
        Value::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Int(value) => write_int(out, *value),
        Value::BigInt(digits) => write_digits(out, key, digits)?,
        Value::Double(value) => write_finite(out, key, *value)?,
        Value::String(text) => out.extend_from_slice(text.as_bytes()),
        Value::List(values) => join(out, values, |out, value| match value {
            Value::List(_) => write_native(out, key, value, 0),
            _ => write_text(out, key, value),
        })?,
        Value::Map(_) => write_native(out, key, value, 0)?,
    }
    Ok(())
}

/// An attribute whose value is null has no text and is left out where values are text.
pub(super) fn has_text(value: &Value<'_>) -> bool {
    !matches!(value, Value::Null)
}

fn join(
    out: &mut Vec<u8>,
    values: &[Value<'_>],
    mut write: impl FnMut(&mut Vec<u8>, &Value<'_>) -> Result<(), Invalid>,
) -> Result<(), Invalid> {
    let mut first = true;
    for value in values {
        if matches!(value, Value::Null) || matches!(value, Value::String(text) if text.is_empty()) {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.extend_from_slice(b"||");
        }
        write(out, value)?;
    }
    Ok(())
}

fn write_native(out: &mut Vec<u8>, key: &str, value: &Value<'_>, depth: usize) -> Result<(), Invalid> {
    if depth > MAX_DEPTH {
        let hint = "values may be nested 64 deep; flatten it";
        return Err(Invalid::new(attribute(key), InvalidKind::OutOfRange, hint));
    }
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::String(text) => write_string(out, text),
        Value::List(values) => {
            out.push(b'[');
            for (place, value) in values.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_native(out, key, value, depth + 1)?;
            }
            out.push(b']');
        }
        Value::Map(pairs) => {
            out.push(b'{');
            for (place, (name, value)) in pairs.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_string(out, name);
                out.push(b':');
                write_native(out, key, value, depth + 1)?;
            }
            out.push(b'}');
        }
        _ => write_text(out, key, value)?,
    }
    Ok(())
}

fn write_escaped_native(out: &mut Vec<u8>, key: &str, value: &Value<'_>) -> Result<(), Invalid> {
    let mut text = Vec::new();
    write_native(&mut text, key, value, 0)?;
    write_escaped(out, &text);
    Ok(())
}

fn write_finite(out: &mut Vec<u8>, key: &str, value: f64) -> Result<(), Invalid> {
    if !value.is_finite() {
        let hint = "JSON and protobuf text carry finite numbers only; leave the attribute out";
        return Err(Invalid::new(attribute(key), InvalidKind::NotFinite, hint));
    }
    write_double(out, value);
    Ok(())
}

/// Digits come from outside, so they are checked before they are written where only a number may stand.
fn write_digits(out: &mut Vec<u8>, key: &str, digits: &str) -> Result<(), Invalid> {
    let unsigned = digits.strip_prefix('-').unwrap_or(digits).as_bytes();
    let canonical = unsigned.first().is_some_and(|&first| first != b'0' || unsigned.len() == 1);
    if !canonical || !unsigned.iter().all(u8::is_ascii_digit) {
        let hint = "a big integer is decimal digits with an optional `-` in front";
        return Err(Invalid::new(attribute(key), InvalidKind::Malformed, hint));
    }
    out.extend_from_slice(digits.as_bytes());
    Ok(())
}

fn attribute(key: &str) -> Cow<'static, str> {
    ["attributes.", key].concat().into()
}
