//! A decoded message as JSON.

use std::collections::HashMap;
use std::fmt::Write;
use std::ops::Range;

use super::Val;
use super::schema::Message;
use crate::received::json::string;

/// Appends the message as a JSON object; says where its attributes are, if it has any.
pub(super) fn object(slots: &[Option<Val<'_>>], message: &Message, out: &mut String) -> Option<Range<usize>> {
    let mut attributes = None;
    out.push('{');
    let mut comma = "";
    for (field, value) in message.fields.iter().zip(slots) {
        let Some(value) = value else { continue };
        // The names of the tables need no escapes.
        let _ = write!(out, "{comma}\"{}\":", field.name);
        comma = ",";
        let start = out.len();
        match (value, field.kind) {
            (Val::Str(text), _) => string(text, out),
            (Val::Int(value), _) => out.push_str(itoa::Buffer::new().format(*value)),
            (Val::Double(value), _) => double(*value, out),
            (Val::Map(pairs), _) => map(pairs, out),
            (Val::Message(slots), super::Type::Message(inner)) => {
                object(slots, inner, out);
            }
            (Val::Message(_), _) => out.push_str("null"),
        }
        if field.name == message.map {
            attributes = Some(start..out.len());
        }
    }
    out.push('}');
    attributes
}

/// Of a key that comes twice the last value counts.
fn map(pairs: &[(&str, &str)], out: &mut String) {
    let last: HashMap<&str, usize> = pairs.iter().enumerate().map(|(at, (key, _))| (*key, at)).collect();
    out.push('{');
    let mut comma = "";
    for (at, (key, value)) in pairs.iter().enumerate() {
        if last.get(key) == Some(&at) {
            out.push_str(comma);
            comma = ",";
            string(key, out);
            out.push(':');
            string(value, out);
        }
    }
    out.push('}');
}

/// As protobuf's own JSON mapping writes doubles that JSON has no number for.
fn double(value: f64, out: &mut String) {
    if value.is_finite() {
        out.push_str(ryu::Buffer::new().format_finite(value));
    } else if value.is_nan() {
        out.push_str("\"NaN\"");
    } else {
        out.push_str(if value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
    }
}
