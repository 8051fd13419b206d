//! Writing context fields.

use super::text;
use crate::codec::{json_write, number, protobuf_write};
use crate::growingio::fields::{FIELDS, Field, Kind};
use crate::{Invalid, InvalidKind, Value};

impl Field {
    /// The field of this name.
    pub(super) fn named(name: &str) -> Result<&'static Self, Invalid> {
        FIELDS.iter().find(|field| field.name == name).ok_or_else(|| {
            let hint = "GrowingIO has no such context field; put it into the attributes, or use a name from the guide";
            Invalid::new(name.to_owned(), InvalidKind::UnknownField, hint)
        })
    }

    /// Appends `,"name":value`.
    pub(super) fn write_json(&self, out: &mut Vec<u8>, value: &Value<'_>) -> Result<(), Invalid> {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(self.json.as_bytes());
        out.extend_from_slice(b"\":");
        match self.read(value)? {
            Plain::String(value) => json_write::write_string(out, value),
            Plain::Int(value) => number::write_int(out, value),
            Plain::Double(value) => number::write_double(out, value),
            Plain::Map(pairs) => {
                out.push(b'{');
                for (place, (key, value)) in pairs.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    json_write::write_string(out, key);
                    out.push(b':');
                    out.push(b'"');
                    text::write_json_text(out, self.name, value)?;
                    out.push(b'"');
                }
                out.push(b'}');
            }
        }
        Ok(())
    }

    /// Appends the protobuf field.
    pub(super) fn write_protobuf(&self, out: &mut Vec<u8>, value: &Value<'_>) -> Result<(), Invalid> {
        match self.read(value)? {
            Plain::String(value) => protobuf_write::string(out, self.number, value),
            Plain::Int(value) => protobuf_write::int(out, self.number, value),
            Plain::Double(value) => protobuf_write::double(out, self.number, value),
            Plain::Map(pairs) => {
                for (key, value) in pairs {
                    protobuf_write::nested(out, self.number, |out| {
                        protobuf_write::bytes(out, 1, key.as_bytes());
                        protobuf_write::nested(out, 2, |out| text::write_text(out, self.name, value))
                    })?;
                }
            }
        }
        Ok(())
    }

    fn read<'v>(&self, value: &'v Value<'v>) -> Result<Plain<'v>, Invalid> {
        let wrong = |kind, hint: &'static str| Err(Invalid::new(self.name, kind, hint));
        match (self.kind, value) {
            (Kind::String, Value::String(value)) => Ok(Plain::String(value)),
            (Kind::String, _) => wrong(InvalidKind::WrongType, "give a string"),
            (Kind::Int32, Value::Int(value)) if i32::try_from(*value).is_ok() => Ok(Plain::Int(*value)),
            (Kind::Int32, Value::Int(_) | Value::BigInt(_)) => {
                wrong(InvalidKind::OutOfRange, "the field carries integers of 32 bits")
            }
            (Kind::Int64, Value::Int(value)) => Ok(Plain::Int(*value)),
            (Kind::Int64, Value::BigInt(_)) => {
                wrong(InvalidKind::OutOfRange, "the field carries integers of 64 bits")
            }
            (Kind::Int32 | Kind::Int64, _) => wrong(InvalidKind::WrongType, "give an integer"),
            (Kind::Double, Value::Double(value)) if value.is_finite() => Ok(Plain::Double(*value)),
            (Kind::Double, Value::Double(_)) => wrong(InvalidKind::NotFinite, "give a finite number"),
            (Kind::Double, Value::Int(value)) => Ok(Plain::Double(*value as f64)),
            (Kind::Double, _) => wrong(InvalidKind::WrongType, "give a number"),
            (Kind::Map, Value::Map(pairs)) => Ok(Plain::Map(pairs)),
            (Kind::Map, _) => wrong(InvalidKind::WrongType, "give an object of strings"),
        }
    }
}

enum Plain<'v> {
    String(&'v str),
    Int(i64),
    Double(f64),
    Map(&'v [(std::borrow::Cow<'v, str>, Value<'v>)]),
}
