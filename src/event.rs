//! What an application records: [`Track`], [`UserAttributes`], [`Item`] and [`Mapping`].
//!
//! These are the same for every system; each system maps them onto its own records. All of them borrow
//! where they can, because an event is encoded in the call that records it and never kept.
//!
//! ```
//! use trackwire::{Item, Track, UserAttributes};
//!
//! let buy = Track::new("buy").user("u1").attribute("price", 9.5).attribute("tags", vec!["new", "sale"]);
//! let user = UserAttributes::new("u1").attribute("cohort", "2024-01");
//! let item = Item::new("sku-1", "product").attribute("title", "Kettle");
//! # let _ = (buy, user, item);
//! ```

mod neutral;
mod value;

use std::borrow::Cow;

pub use value::Value;

/// A key and its value; the order of insertion is kept.
///
/// The setters keep keys apart: the value set last wins and takes the place of the one before. What is pushed to a list
/// directly is sent as it is, and what a system makes of a key that it gets twice is its own affair.
pub type Attribute<'a> = (Cow<'a, str>, Value<'a>);

/// One thing an application records, of any of the four kinds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Something happened.
    Track(Track<'a>),
    /// What is known about a user.
    User(UserAttributes<'a>),
    /// A row of a dimension table.
    Item(Item<'a>),
    /// Ids that belong to the same person.
    Mapping(Mapping<'a>),
}

/// Something a user did: a name, who, when, and attributes.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Track<'a> {
    /// The event's name.
    pub name: Cow<'a, str>,
    /// The login user id.
    pub user: Option<Cow<'a, str>>,
    /// What kind of id the login user id is, e.g. `email`.
    pub user_key: Option<Cow<'a, str>>,
    /// The anonymous (device) id.
    pub anonymous: Option<Cow<'a, str>>,
    /// When it happened, ms since the Unix epoch; the moment of the call when absent.
    pub time: Option<i64>,
    /// What else is known about it.
    pub attributes: Vec<Attribute<'a>>,
    /// The item the event is about.
    pub resource_item: Option<Box<ResourceItem<'a>>>,
    /// Context fields by their snake_case name, e.g. `app_version`. Which there are, the system says.
    pub fields: Vec<Attribute<'a>>,
}

/// The item an event is about, given with the event.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ResourceItem<'a> {
    /// The item's id.
    pub id: Cow<'a, str>,
    /// The item's key: which dimension table it is a row of.
    pub key: Cow<'a, str>,
    /// The item's attributes.
    pub attributes: Vec<Attribute<'a>>,
}

/// What is known about a user.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct UserAttributes<'a> {
    /// The login user id.
    pub user: Option<Cow<'a, str>>,
    /// What kind of id the login user id is, e.g. `email`.
    pub user_key: Option<Cow<'a, str>>,
    /// The anonymous (device) id.
    pub anonymous: Option<Cow<'a, str>>,
    /// When it became known, ms since the Unix epoch; the moment of the call when absent.
    pub time: Option<i64>,
    /// The attributes.
    pub attributes: Vec<Attribute<'a>>,
}

/// A row of a dimension table.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Item<'a> {
    /// The item's id.
    pub id: Cow<'a, str>,
    /// The item's key: which dimension table it is a row of.
    pub key: Cow<'a, str>,
    /// The item's attributes. Present but empty is not the same as absent.
    pub attributes: Option<Vec<Attribute<'a>>>,
}

/// Ids of different kinds that belong to the same person: kind of id to id.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Mapping<'a> {
    /// Kind of id (`email`, `phone`, …) and id.
    pub identities: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// When it became known, ms since the Unix epoch; not sent when absent.
    pub time: Option<i64>,
}

/// Room for as many attributes is made with the first.
const ATTRIBUTES: usize = 8;

/// Sets the value of a key, as in a map. The lists are short, and most keys differ in length already.
#[inline]
fn set<'a, T>(pairs: &mut Vec<(Cow<'a, str>, T)>, key: Cow<'a, str>, value: T) {
    match pairs.iter_mut().find(|(known, _)| *known == key) {
        Some((_, known)) => *known = value,
        None => pairs.push((key, value)),
    }
}

macro_rules! ids {
    () => {
        /// Sets the login user id.
        #[must_use]
        #[inline]
        pub fn user(mut self, user: impl Into<Cow<'a, str>>) -> Self {
            self.user = Some(user.into());
            self
        }

        /// Sets what kind of id the login user id is, e.g. `email`.
        #[must_use]
        #[inline]
        pub fn user_key(mut self, key: impl Into<Cow<'a, str>>) -> Self {
            self.user_key = Some(key.into());
            self
        }

        /// Sets the anonymous (device) id.
        #[must_use]
        #[inline]
        pub fn anonymous(mut self, anonymous: impl Into<Cow<'a, str>>) -> Self {
            self.anonymous = Some(anonymous.into());
            self
        }

        /// Sets when it happened, ms since the Unix epoch.
        #[must_use]
        #[inline]
        pub fn time(mut self, ms: i64) -> Self {
            self.time = Some(ms);
            self
        }

        /// Sets an attribute; of two of one key, the last wins.
        #[must_use]
        #[inline]
        pub fn attribute(mut self, key: impl Into<Cow<'a, str>>, value: impl Into<Value<'a>>) -> Self {
            if self.attributes.capacity() == 0 {
                // One allocation serves most events.
                self.attributes.reserve(ATTRIBUTES);
            }
            set(&mut self.attributes, key.into(), value.into());
            self
        }
    };
}

impl<'a> Track<'a> {
    /// An event of this name.
    pub fn new(name: impl Into<Cow<'a, str>>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    ids!();

    /// Names the item the event is about.
    #[must_use]
    pub fn resource_item(mut self, item: ResourceItem<'a>) -> Self {
        self.resource_item = Some(Box::new(item));
        self
    }

    /// Sets a context field by its snake_case name, e.g. `app_version`, `domain`, `language`.
    #[must_use]
    pub fn field(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Value<'a>>) -> Self {
        set(&mut self.fields, name.into(), value.into());
        self
    }
}

impl<'a> UserAttributes<'a> {
    /// Attributes of the login user `user`.
    pub fn new(user: impl Into<Cow<'a, str>>) -> Self {
        Self { user: Some(user.into()), ..Self::default() }
    }

    ids!();
}

impl<'a> ResourceItem<'a> {
    /// The item `id` of the table `key`.
    pub fn new(id: impl Into<Cow<'a, str>>, key: impl Into<Cow<'a, str>>) -> Self {
        Self { id: id.into(), key: key.into(), attributes: Vec::new() }
    }

    /// Sets an attribute; of two of one key, the last wins.
    #[must_use]
    pub fn attribute(mut self, key: impl Into<Cow<'a, str>>, value: impl Into<Value<'a>>) -> Self {
        set(&mut self.attributes, key.into(), value.into());
        self
    }
}

impl<'a> Item<'a> {
    /// The item `id` of the table `key`.
    pub fn new(id: impl Into<Cow<'a, str>>, key: impl Into<Cow<'a, str>>) -> Self {
        Self { id: id.into(), key: key.into(), attributes: None }
    }

    /// Sets an attribute; of two of one key, the last wins.
    #[must_use]
    pub fn attribute(mut self, key: impl Into<Cow<'a, str>>, value: impl Into<Value<'a>>) -> Self {
        set(self.attributes.get_or_insert_default(), key.into(), value.into());
        self
    }
}

impl<'a> Mapping<'a> {
    /// A mapping without pairs yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the id of one kind, e.g. `("email", "a@b.example")`.
    #[must_use]
    pub fn identity(mut self, key: impl Into<Cow<'a, str>>, id: impl Into<Cow<'a, str>>) -> Self {
        set(&mut self.identities, key.into(), id.into());
        self
    }
}

impl<'a> From<Track<'a>> for Event<'a> {
    fn from(event: Track<'a>) -> Self {
        Self::Track(event)
    }
}

impl<'a> From<UserAttributes<'a>> for Event<'a> {
    fn from(event: UserAttributes<'a>) -> Self {
        Self::User(event)
    }
}

impl<'a> From<Item<'a>> for Event<'a> {
    fn from(event: Item<'a>) -> Self {
        Self::Item(event)
    }
}

impl<'a> From<Mapping<'a>> for Event<'a> {
    fn from(event: Mapping<'a>) -> Self {
        Self::Mapping(event)
    }
}

impl Event<'_> {
    /// The same event, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        fn text(text: Cow<'_, str>) -> Cow<'static, str> {
            Cow::Owned(text.into_owned())
        }
        fn attributes(attributes: Vec<Attribute<'_>>) -> Vec<Attribute<'static>> {
            attributes.into_iter().map(|(key, value)| (text(key), value.into_owned())).collect()
        }
        match self {
            Event::Track(event) => Event::Track(Track {
                name: text(event.name),
                user: event.user.map(text),
                user_key: event.user_key.map(text),
                anonymous: event.anonymous.map(text),
                time: event.time,
                attributes: attributes(event.attributes),
                resource_item: event.resource_item.map(|item| {
                    Box::new(ResourceItem {
                        id: text(item.id),
                        key: text(item.key),
                        attributes: attributes(item.attributes),
                    })
                }),
                fields: attributes(event.fields),
            }),
            Event::User(event) => Event::User(UserAttributes {
                user: event.user.map(text),
                user_key: event.user_key.map(text),
                anonymous: event.anonymous.map(text),
                time: event.time,
                attributes: attributes(event.attributes),
            }),
            Event::Item(event) => Event::Item(Item {
                id: text(event.id),
                key: text(event.key),
                attributes: event.attributes.map(attributes),
            }),
            Event::Mapping(event) => Event::Mapping(Mapping {
                identities: event.identities.into_iter().map(|(key, id)| (text(key), text(id))).collect(),
                time: event.time,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_values_of_a_key_the_last_wins() {
        let track = Track::new("buy").attribute("a", 1).attribute("b", 2).attribute(String::from("a"), "x");
        assert_eq!(track, Track::new("buy").attribute("a", "x").attribute("b", 2));
        assert_eq!(track.attributes[0], ("a".into(), Value::from("x")));
        let track = track.field("path", "/a").field("path", "/b");
        assert_eq!(track.fields, [("path".into(), Value::from("/b"))]);
        assert_eq!(UserAttributes::new("u").attribute("a", 1).attribute("a", 2).attributes.len(), 1);
        assert_eq!(ResourceItem::new("i", "k").attribute("a", 1).attribute("a", 2).attributes.len(), 1);
        let item = Item::new("i", "k").attribute("a", 1).attribute("a", 2);
        assert_eq!(item.attributes.as_deref(), Some(&[("a".into(), Value::from(2))][..]));
        let mapping = Mapping::new().identity("email", "a").identity("email", "b");
        assert_eq!(mapping.identities, [("email".into(), "b".into())]);

        let set = |track: Track<'static>, n: i64| track.attribute(format!("key {}", n % 100), n);
        let many = (0..300).fold(Track::new("buy"), set);
        assert_eq!(many.attributes.len(), 100);
        assert!(many.attributes.iter().zip(200..).all(|((_, value), n)| *value == Value::from(n)));
    }
}
