//! The JSON form: an array of records with camelCase keys.

mod text;

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::place::{Place, What, shorten};
use super::{MAX_RECORDS, protobuf};
use crate::received::{Entry, Kind, Records, Refusal, Span};
use text::{Checked, Text, Time};

/// The keys that the collector looks at, of all three lists; the others are kept as they are.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    #[serde(borrow, default)]
    event_type: Option<Text<'a>>,
    #[serde(borrow, default)]
    event_name: Option<Text<'a>>,
    #[serde(borrow, default)]
    device_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    user_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    key: Option<Text<'a>>,
    #[serde(borrow, default)]
    project_key: Option<Text<'a>>,
    #[serde(default)]
    timestamp: Option<Time>,
    #[serde(default)]
    send_time: Option<Time>,
    #[serde(borrow, default)]
    attributes: Option<&'a RawValue>,
    #[serde(borrow, default)]
    identifies: Option<&'a RawValue>,
}

pub(super) fn read(body: Vec<u8>, place: &Place) -> Result<Records, Refusal> {
    let mut text = String::from_utf8(body).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Refusal::bad_request(format!("the body is not UTF-8 from byte {at} on"))
    })?;
    let not_json =
        |error: serde_json::Error| Refusal::bad_request(format!("the body is not a JSON array: {error}"));
    serde_json::from_str::<Checked>(&text).map_err(not_json)?;

    let mut list = List { place, text: &text, entries: Vec::new(), unescaped: String::new(), refusal: None };
    let read = serde_json::Deserializer::from_str(&text).deserialize_seq(&mut list);
    let List { entries, unescaped, refusal, .. } = list;
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    read.map_err(not_json)?;
    text.push_str(&unescaped);
    Ok(Records::new(text, entries))
}

/// Collects the records while the array is read.
struct List<'a> {
    place: &'a Place,
    text: &'a str,
    entries: Vec<Entry>,
    /// Names and ids that were written with escapes; goes behind the text.
    unescaped: String,
    refusal: Option<Refusal>,
}

impl<'de> Visitor<'de> for &mut List<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(raw) = seq.next_element::<&RawValue>()? {
            let index = self.entries.len();
            if index >= MAX_RECORDS {
                self.refusal = Some(super::too_many());
                break;
            }
            match self.entry(raw.get()) {
                Ok(entry) => self.entries.push(entry),
                Err(Refusal { status, reason }) => {
                    self.refusal = Some(Refusal::new(status, format!("record {index}: {reason}")));
                    break;
                }
            }
        }
        Ok(())
    }
}

impl<'a> List<'a> {
    fn entry(&mut self, raw: &'a str) -> Result<Entry, Refusal> {
        // A struct may be read from an array as well, and no record is an array.
        if !raw.starts_with('{') {
            return Err(Refusal::bad_request("it is not an object"));
        }
        let fields: Fields<'a> =
            serde_json::from_str(raw).map_err(|error| Refusal::bad_request(error.to_string()))?;
        self.place.check_project("projectKey", fields.project_key.as_ref().map(|text| &*text.0))?;

        let mut entry = Entry {
            kind: Kind::Item,
            name: Span::NONE,
            user: Span::NONE,
            anonymous: Span::NONE,
            time: None,
            attributes: Span::NONE,
            raw: Span::within(self.text, raw),
        };
        match self.place.what {
            What::Events => {
                let event_type = fields.event_type.map(|text| text.0);
                let event_type = event_type.ok_or_else(|| Refusal::bad_request("eventType is missing"))?;
                let number = protobuf::EVENT_TYPES.iter().position(|known| *known == event_type);
                let number = number.ok_or_else(|| {
                    Refusal::bad_request(format!("eventType `{}` is unknown", shorten(&event_type)))
                })?;
                entry.kind = protobuf::kind(number as i64);
                entry.name = self.span(fields.event_name);
                if entry.name == Span::NONE && protobuf::is_named_by_type(number as i64) {
                    entry.name = self.span(Some(Text(event_type)));
                }
                entry.user = self.span(fields.user_id);
                entry.anonymous = self.span(fields.device_id);
                entry.time = fields.timestamp.map(|time| time.0);
                entry.attributes = self.object("attributes", fields.attributes)?;
            }
            What::Items => {
                entry.name = self.span(fields.key);
                entry.attributes = self.object("attributes", fields.attributes)?;
            }
            What::Mappings => {
                entry.kind = Kind::Mapping;
                entry.time = fields.send_time.map(|time| time.0);
                entry.attributes = self.object("identifies", fields.identifies)?;
            }
        }
        Ok(entry)
    }

    fn span(&mut self, text: Option<Text<'a>>) -> Span {
        match text {
            None => Span::NONE,
            Some(Text(Cow::Borrowed(part))) => Span::within(self.text, part),
            Some(Text(Cow::Owned(part))) => {
                let span = Span::new(self.text.len() + self.unescaped.len(), part.len());
                self.unescaped.push_str(&part);
                span
            }
        }
    }

    fn object(&self, key: &str, value: Option<&'a RawValue>) -> Result<Span, Refusal> {
        match value.map(RawValue::get) {
            None | Some("null") => Ok(Span::NONE),
            Some(text) if text.starts_with('{') => Ok(Span::within(self.text, text)),
            Some(_) => Err(Refusal::bad_request(format!("{key} is not an object"))),
        }
    }
}
