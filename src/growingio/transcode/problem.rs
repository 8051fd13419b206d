//! What can be wrong with an event's text.
//!
//! A problem is a number, so that passing it on costs a comparison; it is put into words in the end, in the npm package
//! by its script.

use super::Refused;
use super::text::put_raw;
use crate::Invalid;
use crate::InvalidKind::{self, Empty, Malformed, Missing, NotFinite, OutOfRange, UnknownField, WrongType};

/// A problem, by its place in [`TOLD`], counted from 1, so that 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
// As wide as a register of wasm, which saves masks.
#[repr(u32)]
pub(crate) enum Problem {
    Json = 1,
    Control,
    Escape,
    TooDeep,
    Twice,
    TooLarge,
    NoString,
    NoObject,
    NoInteger,
    NoNumber,
    List,
    Range,
    NoField,
    Kinds,
    TrackTakes,
    UserTakes,
    ItemTakes,
    MappingTakes,
    ResourceTakes,
    ResourceId,
    ResourceKey,
    Key,
    ItemKey,
    ItemId,
    EventName,
    UserId,
    Attributes,
    Identities,
}

/// The object that the name at fault is a key of, where names are told with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Parent {
    None,
    Mapping,
    Attributes,
    Resource,
    ResourceAttributes,
}

pub(super) type Result<T = ()> = std::result::Result<T, Problem>;

/// The field of what is wrong with the text as such; its byte is told.
const JSON: &str = "json";
/// The name that was read last.
const NAME: &str = "";

/// Field, what is wrong with it, and the way out.
const TOLD: [(Problem, &str, InvalidKind, &str); 28] = [
    (Problem::Json, JSON, Malformed, "no JSON object from here on"),
    (Problem::Control, JSON, Malformed, "a control character; escape it, e.g. \\n"),
    (Problem::Escape, JSON, Malformed, "no such escape"),
    (Problem::TooDeep, NAME, Malformed, "nest at most 64 levels deep"),
    (Problem::Twice, NAME, Malformed, "it stands twice; keep one"),
    (Problem::TooLarge, NAME, NotFinite, "a double reaches to 1.8e308; give a string"),
    (Problem::NoString, NAME, WrongType, "give a string"),
    (Problem::NoObject, NAME, WrongType, "give an object"),
    (Problem::NoInteger, NAME, WrongType, "give an integer"),
    (Problem::NoNumber, NAME, WrongType, "give a number"),
    (Problem::List, NAME, WrongType, "give a string, a number or an object"),
    (Problem::Range, NAME, OutOfRange, "the field takes smaller integers"),
    (Problem::NoField, NAME, UnknownField, "put it into the attributes"),
    (Problem::Kinds, NAME, Malformed, "keep one of `track`, `item` and `mapping`"),
    (Problem::TrackTakes, NAME, UnknownField, "give an item as `resource_item`"),
    (
        Problem::UserTakes,
        NAME,
        UnknownField,
        "an event needs `track`; user attributes take `user`, `user_key`, `anonymous`, `time` and `attributes`",
    ),
    (Problem::ItemTakes, NAME, UnknownField, "an item takes `item`, `key` and `attributes`"),
    (Problem::MappingTakes, NAME, UnknownField, "a mapping takes `mapping` and `time`"),
    (Problem::ResourceTakes, NAME, UnknownField, "a resource item takes `id`, `key` and `attributes`"),
    (Problem::ResourceId, "resource_item.id", Missing, "give the item's id"),
    (Problem::ResourceKey, "resource_item.key", Missing, "give the key of the item's table"),
    (Problem::Key, "key", Missing, "give the key of the item's table"),
    (Problem::ItemKey, "item_key", Empty, "give the key of the item's table"),
    (Problem::ItemId, "item_id", Empty, "give the item's id"),
    (Problem::EventName, "event_name", Empty, "give the event a name"),
    (Problem::UserId, "login_user_id", Missing, "give a login user id or an anonymous id"),
    (Problem::Attributes, "attributes", Empty, "give at least one attribute"),
    (Problem::Identities, "identities", Empty, "give at least one id"),
];

/// How many problems there are.
#[cfg(all(feature = "js", not(feature = "wasm"), target_family = "wasm"))]
pub(crate) const COUNT: u32 = TOLD.len() as u32;

/// What stands in front of a name, by [`Parent`].
const PARENTS: [&str; 5] = ["", "mapping.", "attributes.", "resource_item.", "resource_item.attributes."];

/// The longest name that is told, in characters, for it comes from outside.
const LONGEST: usize = 100;

impl Refused {
    /// In words; `name` is what was appended to the buffer.
    pub(super) fn tell(&self, name: &[u8]) -> Invalid {
        let (_, field, kind, hint) = TOLD[self.problem as usize - 1];
        match field {
            JSON => Invalid::new(field, kind, format!("byte {}: {hint}", self.at)),
            NAME => {
                let mut raw = Vec::new();
                put_raw(&mut raw, name);
                let raw = String::from_utf8_lossy(&raw);
                let mut field = String::from(PARENTS[self.parent as usize]);
                match raw.char_indices().nth(LONGEST) {
                    Some((end, _)) => field.extend([&raw[..end], "…"]),
                    None => field.push_str(&raw),
                }
                Invalid::new(field, kind, hint)
            }
            _ => Invalid::new(field, kind, hint),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_npm_package_says_the_same() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("pkg/src/problems.ts");
        let script = std::fs::read_to_string(file).unwrap();
        let rows: Vec<&str> = script.lines().filter_map(|line| line.strip_prefix("  \"")).collect();
        for (at, (problem, field, kind, hint)) in TOLD.iter().enumerate() {
            assert_eq!(*problem as usize, at + 1);
            let hint = hint.replace('\\', "\\\\");
            assert_eq!(rows[at], format!("{}|{field}|{hint}\",", kind.code()));
        }
        let parents = PARENTS.map(|parent| format!("\"{parent}\"")).join(", ");
        assert!(script.contains(&format!("PARENTS = [{parents}];")));
        // An event and a tag may be too large as well.
        assert_eq!(rows.len(), TOLD.len() + 2);
    }
}
