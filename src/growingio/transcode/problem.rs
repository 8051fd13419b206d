//! What can be wrong with an event's text.
//!
//! A problem is a number, so that passing it on costs a comparison; what is told of it is put together once, in
//! [`Scan::tell`].

use super::scan::Scan;
use super::text::put_raw;
use crate::InvalidKind::{self, Empty, Malformed, Missing, NotFinite, OutOfRange, UnknownField, WrongType};
use crate::codec::bytes::{byte_at, part, put};
use crate::codec::number::write_unsigned;

/// A problem, by its place in [`TOLD`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
// As wide as a register of wasm, which saves masks.
#[repr(u32)]
pub(super) enum Problem {
    Object,
    Value,
    String,
    Colon,
    Next,
    Digit,
    End,
    Quote,
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

pub(super) type Result<T = ()> = std::result::Result<T, Problem>;

/// The field of what is wrong with the text as such; its byte is told.
const JSON: &str = "json";
/// The name that was read last.
const NAME: &str = "";
/// The longest name that is told, in characters, for it comes from outside.
const LONGEST: usize = 100;

/// Field, what is wrong with it, and the way out.
const TOLD: [(Problem, &str, InvalidKind, &str); 35] = [
    (Problem::Object, JSON, Malformed, "expected an object"),
    (Problem::Value, JSON, Malformed, "expected a value"),
    (Problem::String, JSON, Malformed, "expected a string"),
    (Problem::Colon, JSON, Malformed, "expected `:`"),
    (Problem::Next, JSON, Malformed, "expected `,` or the closing bracket"),
    (Problem::Digit, JSON, Malformed, "expected a digit"),
    (Problem::End, JSON, Malformed, "expected the end"),
    (Problem::Quote, JSON, Malformed, "expected the closing quote"),
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

static KINDS: [InvalidKind; TOLD.len()] = {
    let mut kinds = [Malformed; TOLD.len()];
    let mut at = 0;
    while at < TOLD.len() {
        assert!(TOLD[at].0 as usize == at);
        kinds[at] = TOLD[at].2;
        at += 1;
    }
    kinds
};

/// The fields and hints, each with its length in front.
static TEXTS: [u8; size()] = {
    let mut texts = [0; size()];
    let (mut at, mut end) = (0, 0);
    while at < 2 * TOLD.len() {
        let text = if at % 2 == 0 { TOLD[at / 2].1 } else { TOLD[at / 2].3 }.as_bytes();
        assert!(text.len() < 256);
        texts[end] = text.len() as u8;
        end += 1;
        let mut place = 0;
        while place < text.len() {
            texts[end] = text[place];
            end += 1;
            place += 1;
        }
        at += 1;
    }
    texts
};

const fn size() -> usize {
    let (mut size, mut at) = (0, 0);
    while at < TOLD.len() {
        size += 2 + TOLD[at].1.len() + TOLD[at].3.len();
        at += 1;
    }
    size
}

impl Problem {
    pub(super) fn kind(self) -> InvalidKind {
        KINDS[self as usize]
    }

    /// The field, or the hint that follows it.
    fn text(self, hint: bool) -> &'static [u8] {
        let mut rest = 2 * self as usize + usize::from(hint);
        let mut at = 0;
        loop {
            let start = at + 1;
            at = start + usize::from(byte_at(&TEXTS, at));
            if rest == 0 {
                return part(&TEXTS, start, at);
            }
            rest -= 1;
        }
    }
}

impl Scan<'_> {
    /// Appends the field at fault and then what to do about it; where the field ends.
    #[cold]
    #[inline(never)]
    pub(super) fn tell(&self, problem: Problem, out: &mut Vec<u8>) -> usize {
        let field = problem.text(false);
        put(out, field);
        if field.is_empty() {
            put(out, self.parent.as_bytes());
            if !self.parent.is_empty() {
                put(out, b".");
            }
            let start = out.len();
            put_raw(out, self.tape(self.name));
            cut(out, start);
        }
        let end = out.len();
        if field == JSON.as_bytes() {
            put(out, b"byte ");
            write_unsigned(out, self.at as u64);
            put(out, b": ");
        }
        put(out, problem.text(true));
        end
    }
}

/// Cuts what follows `start` after so many characters.
fn cut(out: &mut Vec<u8>, start: usize) {
    let mut count = 0;
    let mut at = start;
    while let Some(&byte) = out.get(at) {
        count += usize::from(byte & 0xc0 != 0x80);
        if count > LONGEST {
            out.truncate(at);
            return put(out, "…".as_bytes());
        }
        at += 1;
    }
}
