//! Undoing what a request's headers say was done to its body, and reading GrowingIO's protobuf messages as values.
//!
//! Written by itself, apart from the library's writer and the collector's reader, so that the three check one another.

use crate::capture::Request;
use crate::json::Json;

/// A body and how it was packed.
#[derive(Debug, Clone)]
pub(super) struct Decoded {
    /// `json` or `protobuf`.
    pub(super) format: &'static str,
    /// In the order they were applied.
    pub(super) layers: Vec<&'static str>,
    pub(super) body: Json,
}

/// What a field holds.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Varint,
    Double,
    /// `map<string,string>`.
    Map,
    Message(&'static [Field]),
}

/// Number, name, kind.
type Field = (u32, &'static str, Kind);

const EVENT: &[Field] = &[
    (1, "device_id", Kind::Text),
    (2, "user_id", Kind::Text),
    (3, "gio_id", Kind::Text),
    (4, "session_id", Kind::Text),
    (5, "data_source_id", Kind::Text),
    (6, "event_type", Kind::Varint),
    (7, "platform", Kind::Text),
    (8, "timestamp", Kind::Varint),
    (9, "domain", Kind::Text),
    (10, "path", Kind::Text),
    (11, "query", Kind::Text),
    (12, "title", Kind::Text),
    (13, "referral_page", Kind::Text),
    (14, "global_sequence_id", Kind::Varint),
    (15, "event_sequence_id", Kind::Varint),
    (16, "screen_height", Kind::Varint),
    (17, "screen_width", Kind::Varint),
    (18, "language", Kind::Text),
    (19, "sdk_version", Kind::Text),
    (20, "app_version", Kind::Text),
    (21, "extra_sdk", Kind::Map),
    (22, "event_name", Kind::Text),
    (23, "page_show_timestamp", Kind::Varint),
    (24, "attributes", Kind::Map),
    (25, "resource_item", Kind::Message(RESOURCE_ITEM)),
    (26, "protocol_type", Kind::Text),
    (27, "text_value", Kind::Text),
    (28, "xpath", Kind::Text),
    (29, "index", Kind::Varint),
    (30, "hyperlink", Kind::Text),
    (31, "url_scheme", Kind::Text),
    (32, "app_state", Kind::Text),
    (33, "network_state", Kind::Text),
    (34, "app_channel", Kind::Text),
    (35, "page_name", Kind::Text),
    (36, "platform_version", Kind::Text),
    (37, "device_brand", Kind::Text),
    (38, "device_model", Kind::Text),
    (39, "device_type", Kind::Text),
    (40, "operating_system", Kind::Text),
    (42, "app_name", Kind::Text),
    (44, "latitude", Kind::Double),
    (45, "longitude", Kind::Double),
    (46, "imei", Kind::Text),
    (47, "android_id", Kind::Text),
    (48, "oaid", Kind::Text),
    (49, "google_advertising_id", Kind::Text),
    (50, "idfa", Kind::Text),
    (51, "idfv", Kind::Text),
    (52, "orientation", Kind::Text),
    (53, "project_key", Kind::Text),
    (54, "send_time", Kind::Varint),
    (55, "user_key", Kind::Text),
    (56, "xcontent", Kind::Text),
    (57, "timezone_offset", Kind::Text),
];

const RESOURCE_ITEM: &[Field] =
    &[(1, "id", Kind::Text), (2, "key", Kind::Text), (3, "attributes", Kind::Map)];

const ITEM: &[Field] = &[
    (1, "id", Kind::Text),
    (2, "key", Kind::Text),
    (3, "attributes", Kind::Map),
    (4, "data_source_id", Kind::Text),
    (5, "project_key", Kind::Text),
];

const MAPPING: &[Field] = &[
    (1, "project_key", Kind::Text),
    (2, "send_time", Kind::Varint),
    (3, "identifies", Kind::Map),
    (4, "data_source_id", Kind::Text),
];

const PAIR: &[Field] = &[(1, "key", Kind::Text), (2, "value", Kind::Text)];

/// Undoes XOR and snappy as the headers say, then reads the list of records.
pub(super) fn decode(request: &Request) -> Result<Decoded, String> {
    let (body, layers) = plain(request)?;
    let kind = request.header("content-type").unwrap_or_default();
    if kind.starts_with("application/protobuf") {
        return Ok(Decoded { format: "protobuf", layers, body: list(&request.path, &body)? });
    }
    let text = std::str::from_utf8(&body).map_err(|error| format!("the JSON body is not UTF-8: {error}"))?;
    Ok(Decoded { format: "json", layers, body: Json::parse(text)? })
}

/// The body without XOR and snappy, as the headers say; and which of them there were.
pub(crate) fn plain(request: &Request) -> Result<(Vec<u8>, Vec<&'static str>), String> {
    let mut body = request.body.clone();
    let mut layers = Vec::new();
    match request.header("x-compress-codec") {
        None | Some("0") => {}
        Some("2") => layers.push("snappy"),
        Some(other) => return Err(format!("x-compress-codec is {other}")),
    }
    match request.header("x-crypt-codec") {
        None | Some("0") => {}
        Some("1") => {
            layers.push("xor");
            let stm = request.parameter("stm").or(request.header("x-timestamp"));
            let stm: u64 =
                stm.and_then(|stm| stm.parse().ok()).ok_or("XOR without a numeric stm or x-timestamp")?;
            body.iter_mut().for_each(|byte| *byte ^= (stm & 0xff) as u8);
        }
        Some(other) => return Err(format!("x-crypt-codec is {other}")),
    }
    if layers.contains(&"snappy") {
        body = snap::raw::Decoder::new().decompress_vec(&body).map_err(|error| format!("snappy: {error}"))?;
    }
    Ok((body, layers))
}

/// Whether an event of the protobuf form has a field of this name.
pub(super) fn is_event_field(name: &str) -> bool {
    EVENT.iter().any(|(_, field, _)| *field == name)
}

/// The list message of a path: `{"values": [...]}`.
fn list(path: &str, bytes: &[u8]) -> Result<Json, String> {
    let (number, fields) = match path.rsplit('/').next() {
        Some("item") => (2, ITEM),
        Some("user-mapping") => (1, MAPPING),
        _ => (1, EVENT),
    };
    let mut records = Vec::new();
    let mut wire = Wire(bytes);
    while let Some((field, value)) = wire.field()? {
        match value {
            Value::Bytes(bytes) if field == number => records.push(message(bytes, fields)?),
            _ => return Err(format!("field {field} in the list message")),
        }
    }
    Ok(Json::Object(vec![("values".to_owned(), Json::Array(records))]))
}

/// A message as an object. As proto3 has it, a scalar at its default is the same as an absent one.
fn message(bytes: &[u8], fields: &[Field]) -> Result<Json, String> {
    let mut members: Vec<(String, Json)> = Vec::new();
    let mut wire = Wire(bytes);
    while let Some((number, value)) = wire.field()? {
        let (_, name, kind) = fields
            .iter()
            .find(|(field, ..)| *field == number)
            .ok_or_else(|| format!("unknown field {number}"))?;
        let value = match (kind, value) {
            (Kind::Text, Value::Bytes(b"")) | (Kind::Varint, Value::Varint(0)) => continue,
            (Kind::Text, Value::Bytes(bytes)) => Json::String(text(bytes)?),
            (Kind::Varint, Value::Varint(number)) => Json::Number((number as i64).to_string()),
            (Kind::Double, Value::Fixed64(bits)) => Json::Number(f64::from_bits(bits).to_string()),
            (Kind::Message(fields), Value::Bytes(bytes)) => message(bytes, fields)?,
            (Kind::Map, Value::Bytes(bytes)) => {
                let pair = message(bytes, PAIR)?;
                let part = |key| pair.text_of(key).unwrap_or_default().to_owned();
                let entry = (part("key"), Json::String(part("value")));
                match members.iter_mut().find(|(member, _)| member == name) {
                    Some((_, Json::Object(entries))) => {
                        if entries.iter().any(|(key, _)| *key == entry.0) {
                            return Err(format!("{name}: the key {} twice", entry.0));
                        }
                        entries.push(entry);
                        continue;
                    }
                    _ => Json::Object(vec![entry]),
                }
            }
            _ => return Err(format!("{name}: the wrong wire type")),
        };
        if members.iter().any(|(member, _)| member == name) {
            return Err(format!("{name}: twice"));
        }
        members.push(((*name).to_owned(), value));
    }
    Ok(Json::Object(members))
}

fn text(bytes: &[u8]) -> Result<String, String> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|error| format!("text that is not UTF-8: {error}"))
}

/// The rest of a message.
struct Wire<'a>(&'a [u8]);

enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
}

impl<'a> Wire<'a> {
    fn field(&mut self) -> Result<Option<(u32, Value<'a>)>, String> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| "a field number that is too large")?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => {
                let bytes = self.take(8)?;
                Value::Fixed64(bytes.iter().rev().fold(0, |bits, byte| bits << 8 | u64::from(*byte)))
            }
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| "a length that is too large")?;
                Value::Bytes(self.take(length)?)
            }
            other => return Err(format!("wire type {other}")),
        };
        Ok(Some((number, value)))
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("a varint that does not end".to_owned())
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or("the message ends early")?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::{EVENT, list, message};

    #[test]
    fn a_message_is_read_by_its_field_names() {
        let bytes = [
            &[0x0a, 1, b'd', 0x30, 1, 0x40, 0x96, 0x01][..],
            &[0xc2, 1, 6, 0x0a, 1, b'k', 0x12, 1, b'v'],
            &[0xc2, 1, 3, 0x0a, 1, b'e'],
            &[0xe1, 2, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f],
        ]
        .concat();
        let event = message(&bytes, EVENT).map(|event| event.to_string());
        assert_eq!(
            event.as_deref(),
            Ok(
                "{\"device_id\":\"d\",\"event_type\":1,\"timestamp\":150,\"attributes\":{\"k\":\"v\",\"e\":\"\"},\"latitude\":1.5}"
            )
        );
        let item = list("/projects/p/collect/item", &[0x12, 3, 0x0a, 1, b'i']).map(|list| list.to_string());
        assert_eq!(item.as_deref(), Ok("{\"values\":[{\"id\":\"i\"}]}"));
        for bad in [&[0x0a, 5, b'd'][..], &[0xff; 11], &[0x0b], &[0x0a, 1, 0xff], &[0x08, 1]] {
            assert!(message(bad, EVENT).is_err(), "{bad:?}");
        }
    }
}
