//! Events written in the neutral form.

use super::super::{Attribute, Event, Value};
use std::borrow::Cow;

impl Event<'_> {
    /// Appends the event in the neutral form, as one line of JSON. [`Event::from_json`] reads it back.
    ///
    /// What JSON or the form cannot say is left out or written as the nearest it has: non-finite numbers become
    /// `null`, and a context field that is null, a list, or named like a key of the form is not written.
    pub fn to_json(&self, out: &mut String) {
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

/// An object being written: puts the commas.
struct Object<'o> {
    out: &'o mut String,
    first: bool,
}

impl<'o> Object<'o> {
    fn open(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, first: true }
    }

    /// Writes a key; its value is to be appended to what this returns.
    fn key(&mut self, key: &str) -> &mut String {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(',');
        }
        write_string(self.out, key);
        self.out.push(':');
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
            self.key("time").push_str(itoa::Buffer::new().format(ms));
        }
    }

    fn attributes(&mut self, key: &str, attributes: &[Attribute<'_>]) {
        write_map(self.key(key), attributes);
    }

    fn close(self) {
        self.out.push('}');
    }
}

fn write_map(out: &mut String, pairs: &[Attribute<'_>]) {
    let mut object = Object::open(out);
    for (key, value) in pairs {
        write_value(object.key(key), value);
    }
    object.close();
}

fn write_value(out: &mut String, value: &Value<'_>) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(int) => out.push_str(itoa::Buffer::new().format(*int)),
        Value::BigInt(digits) if is_integer(digits) => out.push_str(digits),
        Value::BigInt(text) | Value::String(text) => write_string(out, text),
        Value::Double(double) if double.is_finite() => {
            out.push_str(ryu::Buffer::new().format_finite(*double))
        }
        Value::Double(_) => out.push_str("null"),
        Value::List(values) => {
            out.push('[');
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_value(out, value);
            }
            out.push(']');
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

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        match tail.as_bytes()[0] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            byte => {
                let digit = |four: u8| char::from_digit(u32::from(four), 16).unwrap_or('0');
                out.push_str("\\u00");
                out.push(digit(byte >> 4));
                out.push(digit(byte & 15));
            }
        }
        rest = &tail[1..];
    }
    out.push_str(rest);
    out.push('"');
}
