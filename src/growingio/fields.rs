//! The context fields an event may carry besides those that the tracker fills in.

use super::text;
use crate::codec::{json_write, number, protobuf_write};
use crate::{Invalid, InvalidKind, Value};

/// A context field: its name in the neutral form and in protobuf, its name in JSON, its protobuf number and type.
pub(super) struct Field {
    pub(super) name: &'static str,
    json: &'static str,
    number: u32,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    String,
    Int32,
    Int64,
    Double,
    Map,
}

const fn field(name: &'static str, json: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, json, number, kind }
}

/// Ascending by protobuf number. The retired and reserved numbers of the vendor's schema are left out.
const FIELDS: [Field; 42] = [
    field("gio_id", "gioId", 3, Kind::String),
    field("session_id", "sessionId", 4, Kind::String),
    field("domain", "domain", 9, Kind::String),
    field("path", "path", 10, Kind::String),
    field("query", "query", 11, Kind::String),
    field("title", "title", 12, Kind::String),
    field("referral_page", "referralPage", 13, Kind::String),
    field("global_sequence_id", "globalSequenceId", 14, Kind::Int64),
    field("event_sequence_id", "eventSequenceId", 15, Kind::Int32),
    field("screen_height", "screenHeight", 16, Kind::Int32),
    field("screen_width", "screenWidth", 17, Kind::Int32),
    field("language", "language", 18, Kind::String),
    field("app_version", "appVersion", 20, Kind::String),
    field("extra_sdk", "extraSdk", 21, Kind::Map),
    field("page_show_timestamp", "pageShowTimestamp", 23, Kind::Int64),
    field("protocol_type", "protocolType", 26, Kind::String),
    field("text_value", "textValue", 27, Kind::String),
    field("xpath", "xpath", 28, Kind::String),
    field("index", "index", 29, Kind::Int32),
    field("hyperlink", "hyperlink", 30, Kind::String),
    field("url_scheme", "urlScheme", 31, Kind::String),
    field("app_state", "appState", 32, Kind::String),
    field("network_state", "networkState", 33, Kind::String),
    field("app_channel", "appChannel", 34, Kind::String),
    field("page_name", "pageName", 35, Kind::String),
    field("platform_version", "platformVersion", 36, Kind::String),
    field("device_brand", "deviceBrand", 37, Kind::String),
    field("device_model", "deviceModel", 38, Kind::String),
    field("device_type", "deviceType", 39, Kind::String),
    field("operating_system", "operatingSystem", 40, Kind::String),
    field("app_name", "appName", 42, Kind::String),
    field("latitude", "latitude", 44, Kind::Double),
    field("longitude", "longitude", 45, Kind::Double),
    field("imei", "imei", 46, Kind::String),
    field("android_id", "androidId", 47, Kind::String),
    field("oaid", "oaid", 48, Kind::String),
    field("google_advertising_id", "googleAdvertisingId", 49, Kind::String),
    field("idfa", "idfa", 50, Kind::String),
    field("idfv", "idfv", 51, Kind::String),
    field("orientation", "orientation", 52, Kind::String),
    field("xcontent", "xcontent", 56, Kind::String),
    field("timezone_offset", "timezoneOffset", 57, Kind::String),
];

impl Field {
    /// The field of this name.
    pub(super) fn named(name: &str) -> Result<&'static Self, Invalid> {
        FIELDS.iter().find(|field| field.name == name).ok_or_else(|| {
            let hint = "GrowingIO has no such context field; put it into the attributes, or use a name from the guide";
            Invalid::new(name.to_owned(), InvalidKind::UnknownField, hint)
        })
    }

    pub(super) fn number(&self) -> u32 {
        self.number
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_ascends() {
        assert!(FIELDS.windows(2).all(|pair| pair[0].number < pair[1].number));
    }
}
