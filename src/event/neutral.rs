//! The neutral form: one event as one JSON object.
//!
//! | kind | keys |
//! |---|---|
//! | something happened | `track` (its name), `user`, `user_key`, `anonymous`, `time`, `attributes`, `resource_item`, and context fields by name |
//! | user attributes | `user`, `user_key`, `anonymous`, `time`, `attributes` |
//! | a row of a dimension table | `item` (its id), `key`, `attributes` |
//! | ids of one person | `mapping` (kind of id to id), `time` |

#[cfg(test)]
mod tests;
mod write;

use std::borrow::Cow;

use super::{Event, Item, Mapping, ResourceItem, Track, UserAttributes, Value};
use crate::codec::json_read::{self, Problem, Reader, duplicate};
use crate::invalid::{Invalid, InvalidKind};

impl<'a> Event<'a> {
    /// Reads an event in the neutral form: one JSON object with at most one of `track`, `item` and `mapping`;
    /// with none of them it holds user attributes. Keys may stand in any order.
    ///
    /// ```
    /// use trackwire::{Event, Track};
    ///
    /// let event = Event::from_json(r#"{"track":"buy","user":"u1","time":1710325284000,"attributes":{"price":9.5}}"#)?;
    /// assert_eq!(event, Track::new("buy").user("u1").time(1_710_325_284_000).attribute("price", 9.5).into());
    /// # Ok::<(), trackwire::Invalid>(())
    /// ```
    ///
    /// `null` means absent, except within attributes. A key of a `track` line that is not listed above is a
    /// context field; whether the system has it is found out when the event is encoded. Integers outside `i64`
    /// become [`Value::BigInt`], numbers with a point or an exponent [`Value::Double`].
    ///
    /// # Errors
    ///
    /// Text that is not JSON or nests deeper than 64 levels, unknown or repeated keys, values of the wrong type,
    /// numbers beyond the range of a double, and keys that the kind needs and that are missing.
    pub fn from_json(text: &'a str) -> Result<Self, Invalid> {
        let mut reader = Reader::new(text);
        let mut line = Line::default();
        reader.open_object().map_err(unreadable)?;
        let mut first = true;
        while let Some(key) = reader.key(&mut first).map_err(unreadable)? {
            line.read(&mut reader, key)?;
        }
        reader.end().map_err(unreadable)?;
        line.event()
    }
}

/// The keys that have a meaning of their own, by their bit in [`Line::seen`].
const KEYS: [&str; 10] = [
    "track",
    "item",
    "mapping",
    "user",
    "user_key",
    "anonymous",
    "time",
    "attributes",
    "key",
    "resource_item",
];
const KINDS: u16 = 0b111;
const USER_KEYS: u16 = 0b00_1111_1000;
const ITEM_KEYS: u16 = 0b01_1000_0010;
const MAPPING_KEYS: u16 = 0b00_0100_0100;

type Pairs<'a, T> = Vec<(Cow<'a, str>, T)>;

/// What a line holds before its kind is known.
#[derive(Default)]
struct Line<'a> {
    track: Cow<'a, str>,
    item: Cow<'a, str>,
    mapping: Pairs<'a, Cow<'a, str>>,
    user: Option<Cow<'a, str>>,
    user_key: Option<Cow<'a, str>>,
    anonymous: Option<Cow<'a, str>>,
    time: Option<i64>,
    attributes: Option<Pairs<'a, Value<'a>>>,
    key: Option<Cow<'a, str>>,
    resource_item: Option<Box<ResourceItem<'a>>>,
    fields: Pairs<'a, Value<'a>>,
    /// The first key that only a track may have.
    unknown: Option<Cow<'a, str>>,
    /// Keys that stood in the line, and those of them that were not `null`.
    seen: u16,
    given: u16,
}

impl<'a> Line<'a> {
    fn read(&mut self, reader: &mut Reader<'a>, key: Cow<'a, str>) -> Result<(), Invalid> {
        let Some(at) = KEYS.iter().position(|known| *known == key) else {
            return self.read_field(reader, key);
        };
        let (name, bit) = (KEYS[at], 1 << at);
        if self.seen & bit != 0 {
            return Err(twice("", name));
        }
        self.seen |= bit;
        let null = reader.peek() == Some(b'n');
        if !null {
            self.given |= bit;
        }
        match name {
            "track" => self.track = text(reader, "", name)?,
            "item" => self.item = text(reader, "", name)?,
            "mapping" => self.mapping = identities(reader)?,
            _ if null => drop(reader.value().map_err(unreadable)?),
            "user" => self.user = Some(text(reader, "", name)?),
            "user_key" => self.user_key = Some(text(reader, "", name)?),
            "anonymous" => self.anonymous = Some(text(reader, "", name)?),
            "time" => self.time = Some(time(reader)?),
            "attributes" => self.attributes = Some(attributes(reader, "attributes")?),
            "key" => self.key = Some(text(reader, "", name)?),
            _ => self.resource_item = Some(Box::new(resource_item(reader)?)),
        }
        Ok(())
    }

    fn read_field(&mut self, reader: &mut Reader<'a>, key: Cow<'a, str>) -> Result<(), Invalid> {
        let value = reader.value().map_err(|error| within("", &key, error))?;
        if self.unknown.is_none() {
            self.unknown = Some(key.clone());
        }
        match value {
            Value::Null => {}
            Value::List(_) => return Err(wrong("", &key, "a context field is a string, a number or a map")),
            value => self.fields.push((key, value)),
        }
        Ok(())
    }

    fn event(self) -> Result<Event<'a>, Invalid> {
        let allowed = match self.given & KINDS {
            0b000 => USER_KEYS,
            0b001 => return self.track(),
            0b010 => ITEM_KEYS,
            0b100 => MAPPING_KEYS,
            kinds => {
                let last = KEYS[(u16::BITS - 1 - kinds.leading_zeros()) as usize];
                let hint = "a line is of one kind: keep one of `track`, `item` and `mapping`";
                return Err(Invalid::new(last, InvalidKind::Malformed, hint));
            }
        };
        let hint = match allowed {
            ITEM_KEYS => "an item takes `item`, `key` and `attributes`",
            MAPPING_KEYS => "a mapping takes `mapping` and `time`",
            _ => {
                "user attributes take `user`, `user_key`, `anonymous`, `time` and `attributes`; an event is named by `track`"
            }
        };
        let strange = self.given & !allowed;
        if strange != 0 {
            let name = KEYS[strange.trailing_zeros() as usize];
            return Err(Invalid::new(name, InvalidKind::UnknownField, hint));
        }
        if let Some(name) = self.unknown {
            return Err(Invalid::new(path("", &name), InvalidKind::UnknownField, hint));
        }
        Ok(match allowed {
            ITEM_KEYS => {
                let missing =
                    || Invalid::new("key", InvalidKind::Missing, "name the table that the item is a row of");
                let key = self.key.ok_or_else(missing)?;
                Event::Item(Item { id: self.item, key, attributes: self.attributes })
            }
            MAPPING_KEYS => Event::Mapping(Mapping { identities: self.mapping, time: self.time }),
            _ => Event::User(UserAttributes {
                user: self.user,
                user_key: self.user_key,
                anonymous: self.anonymous,
                time: self.time,
                attributes: self.attributes.unwrap_or_default(),
            }),
        })
    }

    fn track(self) -> Result<Event<'a>, Invalid> {
        if self.key.is_some() {
            let hint = "only an item has a `key`; the item of an event goes into `resource_item`";
            return Err(Invalid::new("key", InvalidKind::UnknownField, hint));
        }
        if let Some(name) = duplicate(&self.fields) {
            return Err(twice("", name));
        }
        Ok(Event::Track(Track {
            name: self.track,
            user: self.user,
            user_key: self.user_key,
            anonymous: self.anonymous,
            time: self.time,
            attributes: self.attributes.unwrap_or_default(),
            resource_item: self.resource_item,
            fields: self.fields,
        }))
    }
}

fn text<'a>(reader: &mut Reader<'a>, parent: &str, name: &str) -> Result<Cow<'a, str>, Invalid> {
    match reader.value().map_err(|error| within(parent, name, error))? {
        Value::String(text) => Ok(text),
        _ => Err(wrong(parent, name, "give a string in quotes")),
    }
}

fn time(reader: &mut Reader<'_>) -> Result<i64, Invalid> {
    match reader.value().map_err(|error| within("", "time", error))? {
        Value::Int(ms) => Ok(ms),
        Value::BigInt(_) => {
            Err(Invalid::new("time", InvalidKind::OutOfRange, "give milliseconds since the Unix epoch"))
        }
        _ => {
            Err(wrong("", "time", "give whole milliseconds since the Unix epoch, without a point or quotes"))
        }
    }
}

fn attributes<'a>(reader: &mut Reader<'a>, parent: &'static str) -> Result<Pairs<'a, Value<'a>>, Invalid> {
    pairs(reader, parent, |reader, key| reader.value().map_err(|error| within(parent, key, error)))
}

fn identities<'a>(reader: &mut Reader<'a>) -> Result<Pairs<'a, Cow<'a, str>>, Invalid> {
    pairs(reader, "mapping", |reader, key| text(reader, "mapping", key))
}

fn pairs<'a, T>(
    reader: &mut Reader<'a>,
    parent: &'static str,
    mut value: impl FnMut(&mut Reader<'a>, &str) -> Result<T, Invalid>,
) -> Result<Pairs<'a, T>, Invalid> {
    object(reader, parent)?;
    let mut pairs = Vec::new();
    let mut first = true;
    while let Some(key) = reader.key(&mut first).map_err(unreadable)? {
        let value = value(reader, &key)?;
        pairs.push((key, value));
    }
    match duplicate(&pairs) {
        Some(key) => Err(twice(parent, key)),
        None => Ok(pairs),
    }
}

fn resource_item<'a>(reader: &mut Reader<'a>) -> Result<ResourceItem<'a>, Invalid> {
    const NAME: &str = "resource_item";
    object(reader, NAME)?;
    let (mut id, mut key, mut list) = (None, None, None);
    let mut first = true;
    while let Some(name) = reader.key(&mut first).map_err(unreadable)? {
        let again = match &*name {
            "id" => id.replace(text(reader, NAME, "id")?).is_some(),
            "key" => key.replace(text(reader, NAME, "key")?).is_some(),
            "attributes" => list.replace(attributes(reader, "resource_item.attributes")?).is_some(),
            _ => {
                let hint = "a resource item takes `id`, `key` and `attributes`";
                return Err(Invalid::new(path(NAME, &name), InvalidKind::UnknownField, hint));
            }
        };
        if again {
            return Err(twice(NAME, &name));
        }
    }
    let missing =
        |field| move || Invalid::new(field, InvalidKind::Missing, "a resource item needs `id` and `key`");
    Ok(ResourceItem {
        id: id.ok_or_else(missing("resource_item.id"))?,
        key: key.ok_or_else(missing("resource_item.key"))?,
        attributes: list.unwrap_or_default(),
    })
}

/// Enters the object that is the value of `name`.
fn object(reader: &mut Reader<'_>, name: &'static str) -> Result<(), Invalid> {
    match reader.peek() {
        Some(b'{') => reader.open_object().map_err(unreadable),
        _ => {
            reader.value().map_err(|error| within("", name, error))?;
            Err(wrong("", name, "give an object in braces"))
        }
    }
}

fn wrong(parent: &str, name: &str, hint: &'static str) -> Invalid {
    Invalid::new(path(parent, name), InvalidKind::WrongType, hint)
}

fn twice(parent: &str, name: &str) -> Invalid {
    Invalid::new(path(parent, name), InvalidKind::Malformed, "it stands twice in its object; keep one")
}

/// What is wrong inside the value of a field: the field is named where the text as such can be read.
fn within(parent: &str, name: &str, error: json_read::Error) -> Invalid {
    match error.problem {
        Problem::NotFinite => {
            let hint =
                "a double reaches from -1.8e308 to 1.8e308; leave the value out or write it as a string";
            Invalid::new(path(parent, name), InvalidKind::NotFinite, hint)
        }
        Problem::Duplicate => twice(parent, name),
        Problem::TooDeep => Invalid::new(
            path(parent, name),
            InvalidKind::Malformed,
            "objects and lists nest at most 64 levels deep",
        ),
        _ => unreadable(error),
    }
}

fn unreadable(error: json_read::Error) -> Invalid {
    let mut hint = String::from("byte ");
    hint.push_str(itoa::Buffer::new().format(error.at));
    match error.problem {
        Problem::Expected(what) => {
            hint.push_str(": expected ");
            hint.push_str(what);
        }
        Problem::ControlCharacter => hint.push_str(": a control character in a string; escape it, e.g. \\n"),
        Problem::Escape => {
            hint.push_str(": no such escape; JSON has \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX")
        }
        Problem::NotFinite => hint.push_str(": a number beyond the range of a double"),
        Problem::TooDeep => hint.push_str(": objects and lists nest at most 64 levels deep"),
        Problem::Duplicate => hint.push_str(": a key stands twice in this object"),
    }
    Invalid::new("json", InvalidKind::Malformed, hint)
}

/// `parent.name`; a long name is cut, for it comes from outside.
fn path(parent: &str, name: &str) -> Cow<'static, str> {
    const LONGEST: usize = 100;
    let mut path = String::from(parent);
    if !parent.is_empty() {
        path.push('.');
    }
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => {
            path.push_str(name.get(..end).unwrap_or_default());
            path.push('…');
        }
        None => path.push_str(name),
    }
    Cow::Owned(path)
}
