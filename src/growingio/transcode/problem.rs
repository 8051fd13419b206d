//! What can be wrong with an event's text.
//!
//! A problem is a reference to one of these, so that passing it on costs a comparison; what is told of it is put
//! together once, in [`Scan::tell`].

use super::scan::{Scan, Span};
use super::text::put_raw;
use crate::InvalidKind;
use crate::codec::bytes::put;
use crate::codec::number::write_unsigned;

/// A problem: the field at fault, what is wrong with it, and the way out.
#[derive(Debug)]
pub(super) struct Problem {
    /// Empty: the name that was read last. [`JSON`]: the text as such.
    pub(super) field: &'static str,
    pub(super) kind: InvalidKind,
    hint: &'static str,
}

pub(super) type Result<T = ()> = std::result::Result<T, &'static Problem>;

const JSON: &str = "json";
/// The longest name that is told, in characters, for it comes from outside.
const LONGEST: usize = 100;

const fn text(hint: &'static str) -> Problem {
    Problem { field: JSON, kind: InvalidKind::Malformed, hint }
}

const fn named(kind: InvalidKind, hint: &'static str) -> Problem {
    Problem { field: "", kind, hint }
}

const fn field(field: &'static str, kind: InvalidKind, hint: &'static str) -> Problem {
    Problem { field, kind, hint }
}

pub(super) static OBJECT: Problem = text("expected an object");
pub(super) static VALUE: Problem = text("expected a value");
pub(super) static STRING: Problem = text("expected a string");
pub(super) static COLON: Problem = text("expected `:`");
pub(super) static NEXT_KEY: Problem = text("expected `,` or `}`");
pub(super) static NEXT_VALUE: Problem = text("expected `,` or `]`");
pub(super) static DIGIT: Problem = text("expected a digit");
pub(super) static END: Problem = text("expected nothing more after the value");
pub(super) static QUOTE: Problem = text("expected the end of the string");
pub(super) static CONTROL: Problem = text("a control character in a string; escape it, e.g. \\n");
pub(super) static ESCAPE: Problem = text("JSON has no such escape");

pub(super) static TOO_DEEP: Problem = named(InvalidKind::Malformed, "values nest at most 64 levels deep");
pub(super) static TWICE: Problem = named(InvalidKind::Malformed, "it stands twice in its object; keep one");
pub(super) static NOT_FINITE: Problem =
    named(InvalidKind::NotFinite, "a double reaches to 1.8e308; write it as a string");
pub(super) static NO_STRING: Problem = named(InvalidKind::WrongType, "give a string in quotes");
pub(super) static NO_OBJECT: Problem = named(InvalidKind::WrongType, "give an object in braces");
pub(super) static NO_INTEGER: Problem =
    named(InvalidKind::WrongType, "give a whole number without a point or quotes");
pub(super) static NO_NUMBER: Problem = named(InvalidKind::WrongType, "give a number");
pub(super) static A_LIST: Problem =
    named(InvalidKind::WrongType, "a context field is a string, a number or a map");
pub(super) static OUT_OF_RANGE: Problem =
    named(InvalidKind::OutOfRange, "the field cannot carry so large an integer");
pub(super) static NO_FIELD: Problem =
    named(InvalidKind::UnknownField, "no such context field; put it into the attributes");

pub(super) static ONE_KIND: Problem =
    named(InvalidKind::Malformed, "keep one of `track`, `item` and `mapping`");
pub(super) static TRACK_TAKES: Problem =
    named(InvalidKind::UnknownField, "only an item has a `key`; use `resource_item`");
pub(super) static USER_TAKES: Problem = named(
    InvalidKind::UnknownField,
    "user attributes take `user`, `user_key`, `anonymous`, `time`, `attributes`; an event needs `track`",
);
pub(super) static ITEM_TAKES: Problem =
    named(InvalidKind::UnknownField, "an item takes `item`, `key` and `attributes`");
pub(super) static MAPPING_TAKES: Problem =
    named(InvalidKind::UnknownField, "a mapping takes `mapping` and `time`");
pub(super) static RESOURCE_TAKES: Problem =
    named(InvalidKind::UnknownField, "a resource item takes `id`, `key` and `attributes`");

const RESOURCE_NEEDS: &str = "a resource item needs `id` and `key`";
pub(super) static RESOURCE_ID: Problem = field("resource_item.id", InvalidKind::Missing, RESOURCE_NEEDS);
pub(super) static RESOURCE_KEY: Problem = field("resource_item.key", InvalidKind::Missing, RESOURCE_NEEDS);
const TABLE: &str = "name the table that the item is a row of";
pub(super) static KEY: Problem = field("key", InvalidKind::Missing, TABLE);
pub(super) static ITEM_KEY: Problem = field("item_key", InvalidKind::Empty, TABLE);
pub(super) static ITEM_ID: Problem = field("item_id", InvalidKind::Empty, "give the item's id");
pub(super) static EVENT_NAME: Problem = field("event_name", InvalidKind::Empty, "give the event a name");
pub(super) static USER_ID: Problem =
    field("login_user_id", InvalidKind::Missing, "give a login user id or an anonymous id");
pub(super) static ATTRIBUTES: Problem =
    field("attributes", InvalidKind::Empty, "give at least one attribute");
pub(super) static IDENTITIES: Problem =
    field("identities", InvalidKind::Empty, "give at least one kind of id and its id");

impl Scan<'_> {
    /// Appends the field at fault and then what to do about it; where the field ends.
    #[cold]
    pub(super) fn tell(&self, problem: &Problem, out: &mut Vec<u8>) -> usize {
        let mut byte = Vec::new();
        if problem.field == JSON {
            put(&mut byte, b"byte ");
            write_unsigned(&mut byte, self.at as u64);
            put(&mut byte, b": ");
        }
        put(out, problem.field.as_bytes());
        if problem.field.is_empty() {
            put(out, self.parent.as_bytes());
            if !self.parent.is_empty() {
                put(out, b".");
            }
            let start = out.len();
            put_raw(out, self.tape(Span { start: self.name.start, end: self.name.end }));
            cut(out, start);
        }
        let end = out.len();
        put(out, &byte);
        put(out, problem.hint.as_bytes());
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
