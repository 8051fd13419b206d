//! Events as messages: which stream each kind goes to, and in which form.

use std::borrow::Cow;

use super::{Message, OptionError, check};
use crate::codec::number::write_int;
use crate::{Attribute, Event, Invalid, InvalidKind, Item, ResourceItem, Track, UserAttributes, Value};

/// Where events go, kind by kind. A kind without a route is refused.
///
/// ```
/// use trackwire::inlong::{Mapping, Route};
///
/// let mapping = Mapping::default()
///     .track(Route::json("shop", "events"))
///     .item(Route::delimited("shop", "items", '|', ["item", "key", "attributes.title"]).escape('\\'));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Mapping {
    /// Where [`Track`] goes.
    pub track: Option<Route>,
    /// Where [`UserAttributes`] go.
    pub user: Option<Route>,
    /// Where [`Item`] goes.
    pub item: Option<Route>,
}

/// A stream and what its messages look like.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// The group id.
    pub group_id: String,
    /// The stream id.
    pub stream_id: String,
    /// What messages look like.
    pub format: Format,
}

/// What messages of events look like.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// The neutral form, one JSON object, as [`Event::to_json`] writes it.
    Json,
    /// The values of these fields with a delimiter between them.
    ///
    /// | kind | fields |
    /// |---|---|
    /// | `track` | `event` (its name), `user`, `user_key`, `anonymous`, `time`, `attributes.KEY`, `resource_item.id`, `resource_item.key`, `resource_item.attributes.KEY`, and context fields as `fields.NAME` |
    /// | `user` | `user`, `user_key`, `anonymous`, `time`, `attributes.KEY` |
    /// | `item` | `item` (its id), `key`, `attributes.KEY` |
    ///
    /// What follows `attributes.` is the key as it is, dots included. A value that is missing or null is empty, a time is
    /// in ms since the Unix epoch, text stands as it is, and the rest as in JSON, lists and maps too.
    Delimited {
        /// Stands between values; not LF.
        delimiter: char,
        /// Stands before a delimiter, an LF or an escape character within a value, and makes it stand for itself. Set the
        /// same for the stream in InLong. Without one, a value that holds the delimiter or LF is refused.
        escape: Option<char>,
        /// The fields, in order.
        fields: Vec<String>,
    },
}

impl Mapping {
    /// Sets where [`Track`] goes.
    #[must_use]
    pub fn track(mut self, route: Route) -> Self {
        self.track = Some(route);
        self
    }

    /// Sets where [`UserAttributes`] go.
    #[must_use]
    pub fn user(mut self, route: Route) -> Self {
        self.user = Some(route);
        self
    }

    /// Sets where [`Item`] goes.
    #[must_use]
    pub fn item(mut self, route: Route) -> Self {
        self.item = Some(route);
        self
    }

    /// Whether it can be used.
    pub fn check(&self) -> Result<(), OptionError> {
        let kinds = [
            (&self.track, Event::Track(Track::default())),
            (&self.user, Event::User(UserAttributes::default())),
            (&self.item, Event::Item(Item::default())),
        ];
        for (route, blank) in kinds {
            if let Some(route) = route {
                let named = |problem: String| OptionError::new("mapping", [kind(&blank), &problem].concat());
                route.check(&blank).map_err(named)?;
            }
        }
        Ok(())
    }

    /// The message of an event. One that may have a time and has none gets `now`, ms since the Unix epoch.
    pub fn message<'m>(&'m self, mut event: Event<'_>, now: u64) -> Result<Message<'m>, Invalid> {
        let route = match &mut event {
            Event::Track(track) => {
                track.time.get_or_insert(now as i64);
                &self.track
            }
            Event::User(user) => {
                user.time.get_or_insert(now as i64);
                &self.user
            }
            Event::Item(_) => &self.item,
            Event::Mapping(_) => &None,
        };
        let Some(Route { group_id, stream_id, format }) = route else {
            let hint = "no stream is named for events of this kind: give the mapping a route for it";
            return Err(Invalid::new(kind(&event), InvalidKind::UnknownField, hint));
        };
        if let Some(field) = nameless(&event) {
            return Err(Invalid::new(field, InvalidKind::Empty, "give a text"));
        }
        let body = match format {
            Format::Json => {
                finite(&event)?;
                let mut text = String::new();
                event.to_json(&mut text);
                text.into_bytes()
            }
            Format::Delimited { delimiter, escape, fields } => {
                delimited(&event, *delimiter, *escape, fields)?
            }
        };
        Ok(Message::new(group_id, stream_id, body))
    }
}

impl Route {
    /// Messages in the neutral form.
    pub fn json(group_id: impl Into<String>, stream_id: impl Into<String>) -> Self {
        Self { group_id: group_id.into(), stream_id: stream_id.into(), format: Format::Json }
    }

    /// Messages of these fields; see [`Format::Delimited`].
    pub fn delimited<F: Into<String>>(
        group_id: impl Into<String>,
        stream_id: impl Into<String>,
        delimiter: char,
        fields: impl IntoIterator<Item = F>,
    ) -> Self {
        let fields = fields.into_iter().map(Into::into).collect();
        let format = Format::Delimited { delimiter, escape: None, fields };
        Self { group_id: group_id.into(), stream_id: stream_id.into(), format }
    }

    /// Sets the escape character of delimited text. JSON has its own.
    #[must_use]
    pub fn escape(mut self, escape: char) -> Self {
        if let Format::Delimited { escape: known, .. } = &mut self.format {
            *known = Some(escape);
        }
        self
    }

    fn check(&self, blank: &Event<'_>) -> Result<(), String> {
        let id = |name: &str, checked: Result<(), Invalid>| {
            checked.map_err(|invalid| format!(".{name} cannot be used: {}", invalid.hint))
        };
        id("group_id", check::group_id(&self.group_id))?;
        id("stream_id", check::text("stream_id", &self.stream_id))?;
        let Format::Delimited { delimiter, escape, fields } = &self.format else { return Ok(()) };
        if *delimiter == '\n' || *escape == Some('\n') {
            return Err(".format has LF as delimiter or escape character: choose another".into());
        }
        if *escape == Some(*delimiter) {
            return Err(".format has the same delimiter and escape character: choose another".into());
        }
        if fields.is_empty() {
            return Err(".format has no fields: name at least one".into());
        }
        match fields.iter().find(|field| find(blank, field).is_none()) {
            Some(unknown) => {
                Err(format!(".format has the field `{}`: choose {}", unknown.escape_debug(), known(blank)))
            }
            None => Ok(()),
        }
    }
}

fn kind(event: &Event<'_>) -> &'static str {
    match event {
        Event::Track(_) => "track",
        Event::User(_) => "user",
        Event::Item(_) => "item",
        Event::Mapping(_) => "mapping",
    }
}

/// The fields of a kind, for people.
fn known(event: &Event<'_>) -> &'static str {
    match event {
        Event::Track(_) => {
            "event, user, user_key, anonymous, time, attributes.KEY, fields.NAME, resource_item.id, resource_item.key \
             or resource_item.attributes.KEY"
        }
        Event::User(_) => "user, user_key, anonymous, time or attributes.KEY",
        _ => "item, key or attributes.KEY",
    }
}

/// The field that says what the event is and is empty.
fn nameless(event: &Event<'_>) -> Option<&'static str> {
    match event {
        Event::Track(track) => track.name.is_empty().then_some("event"),
        Event::Item(item) if item.id.is_empty() => Some("item"),
        Event::Item(item) => item.key.is_empty().then_some("key"),
        _ => None,
    }
}

/// What stands at a field.
enum Found<'e> {
    Nothing,
    Text(&'e str),
    Int(i64),
    Value(&'e Value<'e>),
}

/// What stands at a field of an event; `None` when events of its kind do not have it.
fn find<'e>(event: &'e Event<'e>, field: &str) -> Option<Found<'e>> {
    match event {
        Event::Track(track) => Some(match field {
            "event" => Found::Text(&track.name),
            "resource_item.id" => item(track).map_or(Found::Nothing, |item| Found::Text(&item.id)),
            "resource_item.key" => item(track).map_or(Found::Nothing, |item| Found::Text(&item.key)),
            "time" => track.time.map_or(Found::Nothing, Found::Int),
            "user" => Found::of(&track.user),
            "user_key" => Found::of(&track.user_key),
            "anonymous" => Found::of(&track.anonymous),
            _ => {
                if let Some(key) = named(field, "attributes.") {
                    attribute(&track.attributes, key)
                } else if let Some(key) = named(field, "fields.") {
                    attribute(&track.fields, key)
                } else {
                    let key = named(field, "resource_item.attributes.")?;
                    item(track).map_or(Found::Nothing, |item| attribute(&item.attributes, key))
                }
            }
        }),
        Event::User(user) => Some(match field {
            "time" => user.time.map_or(Found::Nothing, Found::Int),
            "user" => Found::of(&user.user),
            "user_key" => Found::of(&user.user_key),
            "anonymous" => Found::of(&user.anonymous),
            _ => attribute(&user.attributes, named(field, "attributes.")?),
        }),
        Event::Item(item) => Some(match field {
            "item" => Found::Text(&item.id),
            "key" => Found::Text(&item.key),
            _ => attribute(item.attributes.as_deref().unwrap_or_default(), named(field, "attributes.")?),
        }),
        Event::Mapping(_) => None,
    }
}

fn item<'e>(track: &'e Track<'e>) -> Option<&'e ResourceItem<'e>> {
    track.resource_item.as_deref()
}

/// What follows `prefix`, if something does.
fn named<'f>(field: &'f str, prefix: &str) -> Option<&'f str> {
    field.strip_prefix(prefix).filter(|key| !key.is_empty())
}

fn attribute<'e>(attributes: &'e [Attribute<'e>], key: &str) -> Found<'e> {
    attributes
        .iter()
        .find(|(known, _)| *known == key)
        .map_or(Found::Nothing, |(_, value)| Found::Value(value))
}

impl<'e> Found<'e> {
    fn of(text: &'e Option<Cow<'e, str>>) -> Self {
        text.as_deref().map_or(Self::Nothing, Self::Text)
    }
}

/// The fields of an event as delimited text.
fn delimited(
    event: &Event<'_>,
    delimiter: char,
    escape: Option<char>,
    fields: &[String],
) -> Result<Vec<u8>, Invalid> {
    let mut out = String::new();
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            out.push(delimiter);
        }
        let text = text_of(find(event, field).unwrap_or(Found::Nothing), field)?;
        for c in text.chars() {
            if c == delimiter || c == '\n' || escape == Some(c) {
                let Some(escape) = escape else {
                    let hint = "its value holds the delimiter or LF: give the route an escape character";
                    return Err(Invalid::new(field.clone(), InvalidKind::BadCharacter, hint));
                };
                out.push(escape);
            }
            out.push(c);
        }
    }
    Ok(out.into_bytes())
}

/// What was found, as text.
fn text_of<'e>(found: Found<'e>, field: &str) -> Result<Cow<'e, str>, Invalid> {
    let mut out = Vec::new();
    match found {
        Found::Nothing | Found::Value(Value::Null) => {}
        Found::Text(text) => return Ok(Cow::Borrowed(text)),
        Found::Value(Value::String(text) | Value::BigInt(text)) => return Ok(Cow::Borrowed(text)),
        Found::Int(int) => write_int(&mut out, int),
        Found::Value(value) => {
            if !is_finite(value) {
                return Err(not_finite(field.to_owned()));
            }
            value.write_json(&mut out);
        }
    }
    // Whole strings and ASCII were written.
    Ok(String::from_utf8(out).unwrap_or_default().into())
}

/// Whether all numbers of an event are finite: JSON has no others.
fn finite(event: &Event<'_>) -> Result<(), Invalid> {
    let (attributes, fields, item) = match event {
        Event::Track(track) => (&*track.attributes, &*track.fields, item(track)),
        Event::User(user) => (&*user.attributes, &[][..], None),
        Event::Item(item) => (item.attributes.as_deref().unwrap_or_default(), &[][..], None),
        Event::Mapping(_) => return Ok(()),
    };
    let of_item = item.map_or(&[][..], |item| &item.attributes);
    for (prefix, pairs) in
        [("attributes.", attributes), ("fields.", fields), ("resource_item.attributes.", of_item)]
    {
        if let Some((key, _)) = pairs.iter().find(|(_, value)| !is_finite(value)) {
            return Err(not_finite([prefix, key].concat()));
        }
    }
    Ok(())
}

fn is_finite(value: &Value<'_>) -> bool {
    match value {
        Value::Double(double) => double.is_finite(),
        Value::List(values) => values.iter().all(is_finite),
        Value::Map(pairs) => pairs.iter().all(|(_, value)| is_finite(value)),
        _ => true,
    }
}

fn not_finite(field: String) -> Invalid {
    Invalid::new(field, InvalidKind::NotFinite, "leave the value out or write it as a string")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track() -> Track<'static> {
        Track::new("buy")
            .user("u|1")
            .time(5)
            .attribute("price", 9.5)
            .attribute("count", 3)
            .attribute("a.b", true)
            .attribute("note", "two\nlines \\ and | more")
            .attribute("tags", vec!["x|y", "z"])
            .attribute("none", Value::Null)
            .resource_item(ResourceItem::new("sku-1", "product").attribute("title", "Kettle"))
            .field("domain", "shop.example")
    }

    fn text(mapping: &Mapping, event: impl Into<Event<'static>>) -> Result<String, Invalid> {
        let message = mapping.message(event.into(), 7)?;
        Ok(String::from_utf8(message.body.into_owned()).expect("text"))
    }

    fn tracked(fields: &[&str], escape: Option<char>) -> Result<String, Invalid> {
        let mut route = Route::delimited("g", "s", '|', fields.iter().copied());
        route = escape.map_or(route.clone(), |escape| route.escape(escape));
        let mapping = Mapping::default().track(route);
        mapping.check().expect("usable");
        text(&mapping, track())
    }

    #[test]
    fn json_is_the_neutral_form_with_a_time() {
        let mapping = Mapping::default()
            .track(Route::json("g", "events"))
            .user(Route::json("g", "users"))
            .item(Route::json("g", "items"));
        let message = mapping.message(track().into(), 7).expect("mapped");
        assert_eq!((&*message.group, &*message.stream, message.time), ("g", "events", None));
        let body = String::from_utf8(message.body.into_owned()).expect("text");
        assert_eq!(Event::from_json(&body), Ok(Event::Track(track())));
        assert_eq!(text(&mapping, Track::new("buy")).as_deref(), Ok(r#"{"track":"buy","time":7}"#));
        let user = UserAttributes::new("u").attribute("a", 1);
        assert_eq!(text(&mapping, user).as_deref(), Ok(r#"{"user":"u","time":7,"attributes":{"a":1}}"#));
        let item = Item::new("sku-1", "product");
        assert_eq!(text(&mapping, item).as_deref(), Ok(r#"{"item":"sku-1","key":"product"}"#));
    }

    #[test]
    fn delimited_text_holds_the_fields_in_order() {
        let fields = ["time", "event", "anonymous", "attributes.price", "attributes.count", "attributes.a.b"];
        assert_eq!(tracked(&fields, None).as_deref(), Ok("5|buy||9.5|3|true"));
        let fields =
            ["resource_item.id", "resource_item.attributes.title", "fields.domain", "attributes.none"];
        assert_eq!(tracked(&fields, None).as_deref(), Ok("sku-1|Kettle|shop.example|"));
        let item = Item::new("sku-1", "product").attribute("title", "Kettle");
        let route = Route::delimited("g", "s", '\u{1}', ["key", "item", "attributes.title", "attributes.no"]);
        assert_eq!(
            text(&Mapping::default().item(route), item).as_deref(),
            Ok("product\u{1}sku-1\u{1}Kettle\u{1}")
        );
        let route = Route::delimited("g", "s", ',', ["user", "user_key", "time", "attributes.a"]);
        assert_eq!(text(&Mapping::default().user(route), UserAttributes::new("u")).as_deref(), Ok("u,,7,"));
    }

    #[test]
    fn what_would_be_taken_for_a_delimiter_is_escaped_or_refused() {
        let escaped = [
            ("user", r"u\|1"),
            ("attributes.note", "two\\\nlines \\\\ and \\| more"),
            ("attributes.tags", r#"["x\|y","z"]"#),
        ];
        for (field, expected) in escaped {
            assert_eq!(tracked(&[field], Some('\\')).as_deref(), Ok(expected));
            let refused = tracked(&["event", field], None).expect_err(field);
            assert_eq!((&*refused.field, refused.kind), (field, InvalidKind::BadCharacter));
        }
        // A backslash is a character like others where it escapes nothing.
        let plain = Track::new("a\\b");
        let mapping = Mapping::default().track(Route::delimited("g", "s", '|', ["event"]));
        assert_eq!(text(&mapping, plain).as_deref(), Ok("a\\b"));
    }

    #[test]
    fn events_that_cannot_be_sent_are_refused_by_name() {
        let json = Mapping::default().track(Route::json("g", "s"));
        let refused = |mapping: &Mapping, event: Event<'static>| {
            let invalid = text(mapping, event).expect_err("refused");
            (invalid.field.into_owned(), invalid.kind)
        };
        assert_eq!(refused(&json, Item::new("i", "k").into()), ("item".into(), InvalidKind::UnknownField));
        let ids = crate::Mapping::new().identity("email", "a@b.example");
        assert_eq!(refused(&json, ids.into()), ("mapping".into(), InvalidKind::UnknownField));
        assert_eq!(refused(&json, Track::new("").into()), ("event".into(), InvalidKind::Empty));
        let nan = Track::new("x").attribute("list", vec![1.0, f64::NAN]);
        assert_eq!(refused(&json, nan.clone().into()), ("attributes.list".into(), InvalidKind::NotFinite));
        let row = Mapping::default().track(Route::delimited("g", "s", '|', ["event", "attributes.list"]));
        assert_eq!(refused(&row, nan.into()), ("attributes.list".into(), InvalidKind::NotFinite));
        let item = ResourceItem::new("i", "k").attribute("a", f64::INFINITY);
        let event = Track::new("x").resource_item(item);
        assert_eq!(
            refused(&json, event.into()),
            ("resource_item.attributes.a".into(), InvalidKind::NotFinite)
        );
    }

    #[test]
    fn routes_that_cannot_be_used_are_named() {
        let route =
            |delimiter, fields: &[&str]| Route::delimited("g", "s", delimiter, fields.iter().copied());
        for (mapping, named) in [
            (Mapping::default().track(Route::json("g&", "s")), "track.group_id"),
            (Mapping::default().user(Route::json("g", "")), "user.stream_id"),
            (Mapping::default().track(route('|', &["track"])), "`track`"),
            (Mapping::default().track(route('|', &["attributes."])), "`attributes.`"),
            (Mapping::default().user(route('|', &["event"])), "choose user"),
            (Mapping::default().item(route('|', &["time"])), "choose item"),
            (Mapping::default().item(route('|', &[])), "no fields"),
            (Mapping::default().item(route('\n', &["item"])), "LF"),
            (Mapping::default().item(route('|', &["item"]).escape('|')), "same"),
        ] {
            let error = mapping.check().expect_err(named);
            assert_eq!(error.option, "mapping");
            assert!(error.to_string().contains(named), "{error}");
        }
    }

    proptest::proptest! {
        /// As InLong's reader of delimited text does it: the character after the escape is itself.
        #[test]
        fn escaped_text_reads_back(values in proptest::collection::vec("[a|\\\\\n]{0,8}", 3)) {
            let keys = ["a", "b", "c"];
            let event = keys.iter().zip(&values).fold(Track::new("x"), |event, (key, value)| {
                event.attribute(*key, value)
            });
            let fields = keys.map(|key| format!("attributes.{key}"));
            let mapping = Mapping::default().track(Route::delimited("g", "s", '|', fields).escape('\\'));
            let text = text(&mapping, Event::from(event).into_owned()).expect("mapped");
            let mut read = vec![String::new()];
            let mut chars = text.chars();
            while let Some(c) = chars.next() {
                match c {
                    '\\' => read.last_mut().expect("one").push(chars.next().expect("escaped")),
                    '|' => read.push(String::new()),
                    '\n' => panic!("a line ends within a message"),
                    c => read.last_mut().expect("one").push(c),
                }
            }
            assert_eq!(read, values);
        }
    }
}
