//! Events written in the neutral form.

use std::borrow::Cow;

use super::super::{Attribute, Event, Value};
use crate::codec::json_write::write_string;
use crate::codec::number::{write_double, write_int};

impl Event<'_> {
    /// Appends the event in the neutral form, as one line of JSON. [`Event::from_json`] reads it back.
    ///
    /// What JSON or the form cannot say is left out or written as the nearest it has: non-finite numbers become
    /// `null`, and a context field that is null, a list, or named like a key of the form is not written.
    pub fn to_json(&self, out: &mut String) {
        let mut bytes = std::mem::take(out).into_bytes();
        self.write(&mut bytes);
        // Only whole strings and ASCII were appended.
        *out = String::from_utf8(bytes).unwrap_or_default();
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut object = Object::open(out);
        match self {
            Event::Track(track) => {
                object.string("track", &track.name);
                object.ids(&track.user, &track.user_key, &track.anonymous);
                object.time(track.time);
                if !track.attributes.is_empty() {
                    object.attributes("attributes", &track.attributes);
                }
                if let Some(item) = &track.resource_item {
                    let mut inner = Object::open(object.key("resource_item"));
                    inner.string("id", &item.id);
                    inner.string("key", &item.key);
                    if !item.attributes.is_empty() {
                        inner.attributes("attributes", &item.attributes);
                    }
                    inner.close();
                }
                for (name, value) in &track.fields {
                    if !matches!(value, Value::Null | Value::List(_)) && !super::KEYS.contains(&&**name) {
                        write_value(object.key(name), value);
                    }
                }
            }
            Event::User(user) => {
                object.ids(&user.user, &user.user_key, &user.anonymous);
                object.time(user.time);
                if !user.attributes.is_empty() {
                    object.attributes("attributes", &user.attributes);
                }
            }
            Event::Item(item) => {
                object.string("item", &item.id);
                object.string("key", &item.key);
                if let Some(attributes) = &item.attributes {
                    object.attributes("attributes", attributes);
                }
            }
            Event::Mapping(mapping) => {
                let mut inner = Object::open(object.key("mapping"));
                for (key, id) in &mapping.identities {
                    inner.string(key, id);
                }
                inner.close();
                object.time(mapping.time);
            }
        }
        object.close();
    }
}

#[cfg(feature = "inlong")]
impl Value<'_> {
    /// Appends the value as it stands in the neutral form.
    pub(crate) fn write_json(&self, out: &mut Vec<u8>) {
        write_value(out, self);
    }
}

/// An object being written: puts the commas.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> Object<'o> {
    fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    /// Writes a key; its value is to be appended to what this returns.
    fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
        write_string(self.out, key);
        self.out.push(b':');
        self.out
    }

    fn string(&mut self, key: &str, value: &str) {
        write_string(self.key(key), value);
    }

    fn ids(
        &mut self,
        user: &Option<Cow<'_, str>>,
        user_key: &Option<Cow<'_, str>>,
        anonymous: &Option<Cow<'_, str>>,
    ) {
        for (key, id) in [("user", user), ("user_key", user_key), ("anonymous", anonymous)] {
            if let Some(id) = id {
                self.string(key, id);
            }
        }
    }

    fn time(&mut self, time: Option<i64>) {
        if let Some(ms) = time {
            write_int(self.key("time"), ms);
        }
    }

    fn attributes(&mut self, key: &str, attributes: &[Attribute<'_>]) {
        write_map(self.key(key), attributes);
    }

    fn close(self) {
        self.out.push(b'}');
    }
}

fn write_map(out: &mut Vec<u8>, pairs: &[Attribute<'_>]) {
    let mut object = Object::open(out);
    for (key, value) in pairs {
        write_value(object.key(key), value);
    }
    object.close();
}

fn write_value(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(int) => write_int(out, *int),
        Value::BigInt(digits) if is_integer(digits) => out.extend_from_slice(digits.as_bytes()),
        Value::BigInt(text) | Value::String(text) => write_string(out, text),
        Value::Double(double) if double.is_finite() => write_double(out, *double),
        Value::Double(_) => out.extend_from_slice(b"null"),
        Value::List(values) => {
            out.push(b'[');
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_value(out, value);
            }
            out.push(b']');
        }
        Value::Map(pairs) => write_map(out, pairs),
    }
}

/// Decimal digits as JSON takes them.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let zeros = digits.len() > 1 && digits.starts_with('0');
    !digits.is_empty() && !zeros && digits.bytes().all(|byte| byte.is_ascii_digit())
}
