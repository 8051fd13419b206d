//! The protobuf form: one list message per path. Read by the tables in [`schema`], written as JSON with the
//! schema's field names and enum values as numbers.

mod schema;
mod write;

use super::MAX_RECORDS;
use super::place::{Place, What};
use crate::codec::protobuf_read::{Reader, Wire};
use crate::received::{Entry, Kind, Records, Refusal, Span};
use schema::{Field, Message, Type};

pub(super) use schema::EVENT_TYPES;

/// The most entries of one map.
const MAX_ENTRIES: usize = 10_000;

/// A field's value; strings borrow from the body.
#[derive(Debug)]
enum Val<'a> {
    Str(&'a str),
    Int(i64),
    Double(f64),
    Map(Vec<(&'a str, &'a str)>),
    Message(Vec<Option<Val<'a>>>),
}

/// Which kind of record an event type makes.
pub(super) fn kind(event_type: i64) -> Kind {
    match event_type {
        // VISITOR_ATTRIBUTES and LOGIN_USER_ATTRIBUTES.
        2 | 3 => Kind::User,
        _ => Kind::Track,
    }
}

/// Whether an event without a name is shown under its type: all but CUSTOM and those about a user.
pub(super) fn is_named_by_type(event_type: i64) -> bool {
    event_type != 1 && kind(event_type) == Kind::Track
}

pub(super) fn read(body: &[u8], place: &Place) -> Result<Records, Refusal> {
    let (values, message) = match place.what {
        What::Events => (1, &schema::EVENT),
        What::Items => (2, &schema::ITEM),
        What::Mappings => (1, &schema::MAPPING),
    };
    let mut text = String::with_capacity(body.len() + body.len() / 2);
    let mut entries = Vec::new();
    let mut list = Reader::new(body);
    loop {
        let field = list.field().map_err(|problem| {
            Refusal::bad_request(format!("the body is not a protobuf list of {}: {problem}", message.name))
        })?;
        let (number, value) = match field {
            None => break,
            Some(field) => field,
        };
        let index = entries.len();
        let refuse = |reason: String| Refusal::bad_request(format!("record {index}: {reason}"));
        let Wire::Bytes(record) = value else {
            return Err(refuse(format!("field {number} of the list is not a message")));
        };
        if number != values {
            return Err(refuse(format!(
                "it is in field {number} of the list, {} belongs into {values}",
                message.name
            )));
        }
        if index >= MAX_RECORDS {
            return Err(super::too_many());
        }
        let slots = slots(record, message).map_err(refuse)?;
        let entry = entry(&slots, message, place, &mut text)
            .map_err(|refusal| Refusal::new(refusal.status, format!("record {index}: {}", refusal.reason)))?;
        entries.push(entry);
    }
    Ok(Records::new(text, entries))
}

/// Reads a message into one slot per field of its table. Of a field that comes twice the last counts, maps
/// grow; fields that the table does not have are skipped.
fn slots<'a>(bytes: &'a [u8], message: &Message) -> Result<Vec<Option<Val<'a>>>, String> {
    let mut slots: Vec<Option<Val<'a>>> = Vec::with_capacity(message.fields.len());
    slots.resize_with(message.fields.len(), || None);
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) =
        reader.field().map_err(|problem| format!("{}: {problem}", message.name))?
    {
        let Ok(at) = message.fields.binary_search_by_key(&number, |field| field.number) else { continue };
        let field = &message.fields[at];
        let wrong = || format!("field {number} ({}) of {} has the wrong wire type", field.name, message.name);
        let slot = &mut slots[at];
        match (field.kind, wire) {
            (Type::Str, Wire::Bytes(bytes)) => *slot = Some(Val::Str(utf8(bytes, field)?)),
            (Type::Int64, Wire::Varint(value)) => *slot = Some(Val::Int(value as i64)),
            // Longer varints are cut to 32 bits, as every protobuf reader does.
            (Type::Int32, Wire::Varint(value)) => *slot = Some(Val::Int(i64::from(value as i32))),
            (Type::Double, Wire::Fixed64(bytes)) => *slot = Some(Val::Double(f64::from_le_bytes(bytes))),
            (Type::Map, Wire::Bytes(bytes)) => {
                let pair = pair(bytes, field)?;
                match slot {
                    Some(Val::Map(list)) if list.len() >= MAX_ENTRIES => {
                        return Err(format!(
                            "{} of {} has more than {MAX_ENTRIES} entries",
                            field.name, message.name
                        ));
                    }
                    Some(Val::Map(list)) => list.push(pair),
                    _ => *slot = Some(Val::Map(vec![pair])),
                }
            }
            (Type::Message(inner), Wire::Bytes(bytes)) => {
                *slot = Some(Val::Message(self::slots(bytes, inner)?))
            }
            _ => return Err(wrong()),
        }
    }
    Ok(slots)
}

fn pair<'a>(bytes: &'a [u8], field: &Field) -> Result<(&'a str, &'a str), String> {
    let mut pair = ("", "");
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) = reader.field().map_err(|problem| format!("{}: {problem}", field.name))? {
        match (number, wire) {
            (1, Wire::Bytes(key)) => pair.0 = utf8(key, field)?,
            (2, Wire::Bytes(value)) => pair.1 = utf8(value, field)?,
            (1 | 2, _) => return Err(format!("an entry of {} has the wrong wire type", field.name)),
            _ => {}
        }
    }
    Ok(pair)
}

fn utf8<'a>(bytes: &'a [u8], field: &Field) -> Result<&'a str, String> {
    std::str::from_utf8(bytes).map_err(|_| format!("field {} ({}) is not UTF-8", field.number, field.name))
}

/// Writes the record behind `text` and notes where its parts are.
fn entry(
    slots: &[Option<Val<'_>>],
    message: &Message,
    place: &Place,
    text: &mut String,
) -> Result<Entry, Refusal> {
    let string = |name| match message.slot(slots, name) {
        Some(Val::Str(text)) => Some(*text),
        _ => None,
    };
    let int = |name| match message.slot(slots, name) {
        Some(Val::Int(value)) => Some(*value),
        _ => None,
    };
    place.check_project("project_key", string("project_key"))?;

    let start = text.len();
    let map = write::object(slots, message, text);
    let raw = Span::new(start, text.len() - start);
    let mut put = |part: Option<&str>| match part {
        None => Span::NONE,
        Some(part) => {
            let span = Span::new(text.len(), part.len());
            text.push_str(part);
            span
        }
    };
    let mut entry = Entry {
        kind: Kind::Item,
        name: Span::NONE,
        user: Span::NONE,
        anonymous: Span::NONE,
        time: None,
        attributes: map.map_or(Span::NONE, |map| Span::new(map.start, map.len())),
        raw,
    };
    match place.what {
        What::Events => {
            // Defaults are not on the wire: no type is VISIT, no time is 0.
            let number = int("event_type").unwrap_or(0);
            let event_type = usize::try_from(number).ok().and_then(|number| EVENT_TYPES.get(number));
            let event_type =
                event_type.ok_or_else(|| Refusal::bad_request(format!("event_type {number} is unknown")))?;
            let by_type = is_named_by_type(number).then_some(*event_type);
            entry.kind = kind(number);
            entry.name = put(string("event_name").or(by_type));
            entry.user = put(string("user_id"));
            entry.anonymous = put(string("device_id"));
            entry.time = Some(int("timestamp").unwrap_or(0));
        }
        What::Items => entry.name = put(string("key")),
        What::Mappings => {
            entry.kind = Kind::Mapping;
            entry.time = int("send_time");
        }
    }
    Ok(entry)
}
