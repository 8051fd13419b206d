//! The members of each record and the keys of the neutral form, packed: a row is two bytes and the name in JSON.
//!
//! A row's slot is where the scan notes the member's value. For those of an event it is the protobuf number as well; in
//! the other tables the numbers count from 1.

use crate::codec::bytes::{byte_at, part};
use crate::growingio::fields::{self, FIELDS};

/// What a value has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Filled in, not to be named by the event.
    Own,
    String,
    Int32,
    Int64,
    Double,
    /// An object whose values become text.
    Texts,
    /// An object whose keys are named in errors.
    Named,
    /// A resource item.
    Item,
}

impl Kind {
    fn of(number: u8) -> Self {
        match number {
            0 => Self::Own,
            1 => Self::String,
            2 => Self::Int32,
            3 => Self::Int64,
            4 => Self::Double,
            5 => Self::Texts,
            6 => Self::Named,
            _ => Self::Item,
        }
    }
}

pub(super) const ANONYMOUS: u8 = 1;
pub(super) const USER: u8 = 2;
pub(super) const DATA_SOURCE: u8 = 5;
pub(super) const TYPE: u8 = 6;
pub(super) const PLATFORM: u8 = 7;
pub(super) const TIMESTAMP: u8 = 8;
pub(super) const SDK_VERSION: u8 = 19;
pub(super) const EXTRA_SDK: u8 = 21;
pub(super) const TRACK: u8 = 22;
pub(super) const ATTRIBUTES: u8 = 24;
pub(super) const RESOURCE_ITEM: u8 = 25;
pub(super) const PROJECT: u8 = 53;
pub(super) const TIME: u8 = 54;
pub(super) const USER_KEY: u8 = 55;
// Beyond the numbers of an event's members.
pub(super) const ITEM: u8 = 58;
pub(super) const KEY: u8 = 59;
pub(super) const MAPPING: u8 = 60;
pub(super) const RESOURCE_ID: u8 = 61;
pub(super) const RESOURCE_KEY: u8 = 62;
pub(super) const RESOURCE_ATTRIBUTES: u8 = 63;
pub(super) const SLOTS: usize = 64;

/// The keys that have a meaning of their own, in the order in which they are complained of.
pub(super) static KEYS: [u8; size(&KEY_ROWS)] = pack(&KEY_ROWS);
pub(super) static EVENT: [u8; size(&EVENT_ROWS)] = pack(&EVENT_ROWS);
pub(super) static ITEM_RECORD: [u8; size(&ITEM_ROWS)] = pack(&ITEM_ROWS);
pub(super) static MAPPING_RECORD: [u8; size(&MAPPING_ROWS)] = pack(&MAPPING_ROWS);
pub(super) static RESOURCE: [u8; size(&RESOURCE_ROWS)] = pack(&RESOURCE_ROWS);

/// A row.
#[derive(Clone, Copy)]
struct Row {
    kind: Kind,
    slot: u8,
    /// In camel case; in the neutral form it is in snake case.
    name: &'static [u8],
}

const fn row(name: &'static str, kind: Kind, slot: u8) -> Row {
    Row { kind, slot, name: name.as_bytes() }
}

const KEY_ROWS: [Row; 10] = [
    row("track", Kind::String, TRACK),
    row("item", Kind::String, ITEM),
    row("mapping", Kind::Named, MAPPING),
    row("user", Kind::String, USER),
    row("userKey", Kind::String, USER_KEY),
    row("anonymous", Kind::String, ANONYMOUS),
    row("time", Kind::Int64, TIME),
    row("attributes", Kind::Named, ATTRIBUTES),
    row("key", Kind::String, KEY),
    row("resourceItem", Kind::Item, RESOURCE_ITEM),
];

const OWN_ROWS: [Row; 13] = [
    row("deviceId", Kind::Own, ANONYMOUS),
    row("userId", Kind::Own, USER),
    row("dataSourceId", Kind::Own, DATA_SOURCE),
    row("eventType", Kind::Own, TYPE),
    row("platform", Kind::Own, PLATFORM),
    row("timestamp", Kind::Own, TIMESTAMP),
    row("sdkVersion", Kind::Own, SDK_VERSION),
    row("eventName", Kind::Own, TRACK),
    row("attributes", Kind::Own, ATTRIBUTES),
    row("resourceItem", Kind::Own, RESOURCE_ITEM),
    row("projectKey", Kind::Own, PROJECT),
    row("sendTime", Kind::Own, TIME),
    row("userKey", Kind::Own, USER_KEY),
];

const ITEM_ROWS: [Row; 5] = [
    row("id", Kind::Own, ITEM),
    row("key", Kind::Own, KEY),
    row("attributes", Kind::Own, ATTRIBUTES),
    row("dataSourceId", Kind::Own, DATA_SOURCE),
    row("projectKey", Kind::Own, PROJECT),
];

const MAPPING_ROWS: [Row; 4] = [
    row("projectKey", Kind::Own, PROJECT),
    row("sendTime", Kind::Own, TIME),
    row("identifies", Kind::Own, MAPPING),
    row("dataSourceId", Kind::Own, DATA_SOURCE),
];

const RESOURCE_ROWS: [Row; 3] = [
    row("id", Kind::String, RESOURCE_ID),
    row("key", Kind::String, RESOURCE_KEY),
    row("attributes", Kind::Named, RESOURCE_ATTRIBUTES),
];

/// All members of an event, ascending by protobuf number.
const EVENT_ROWS: [Row; OWN_ROWS.len() + FIELDS.len()] = {
    let mut rows = [RESOURCE_ROWS[0]; OWN_ROWS.len() + FIELDS.len()];
    let (mut own, mut field) = (0, 0);
    while own + field < rows.len() {
        let next = own + field;
        if field == FIELDS.len() || own < OWN_ROWS.len() && (OWN_ROWS[own].slot as u32) < FIELDS[field].number
        {
            rows[next] = OWN_ROWS[own];
            own += 1;
        } else {
            let kind = match FIELDS[field].kind {
                fields::Kind::String => Kind::String,
                fields::Kind::Int32 => Kind::Int32,
                fields::Kind::Int64 => Kind::Int64,
                fields::Kind::Double => Kind::Double,
                fields::Kind::Map => Kind::Texts,
            };
            assert!(FIELDS[field].name.len() >= FIELDS[field].json.len());
            rows[next] = row(FIELDS[field].json, kind, FIELDS[field].number as u8);
            field += 1;
        }
    }
    rows
};

const fn size(rows: &[Row]) -> usize {
    let (mut size, mut at) = (0, 0);
    while at < rows.len() {
        size += 2 + rows[at].name.len();
        at += 1;
    }
    size
}

/// Kind and length, the slot, the name.
const fn pack<const N: usize>(rows: &[Row]) -> [u8; N] {
    let mut packed = [0; N];
    let (mut at, mut row) = (0, 0);
    while row < rows.len() {
        let name = rows[row].name;
        assert!(name.len() < 32 && (rows[row].slot as usize) < SLOTS);
        let mut place = 0;
        while place < name.len() {
            packed[at + 2 + place] = name[place];
            place += 1;
        }
        packed[at] = (rows[row].kind as u8) << 5 | name.len() as u8;
        packed[at + 1] = rows[row].slot;
        at += 2 + name.len();
        row += 1;
    }
    packed
}

/// A row's head: what the value has to be, and where it is noted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) slot: u8,
    /// The name's length.
    pub(super) len: u8,
}

/// The length of a row besides its name.
pub(super) const HEAD: usize = 2;

/// The head of the row at `at`.
pub(super) fn head(table: &'static [u8], at: usize) -> Head {
    let (first, second) = (byte_at(table, at), byte_at(table, at + 1));
    Head { kind: Kind::of(first >> 5), slot: second, len: first & 31 }
}

/// The row that the event may name so, in snake case.
pub(super) fn find(table: &'static [u8], key: &[u8]) -> Option<Head> {
    let mut at = 0;
    while at < table.len() {
        let head = head(table, at);
        let start = at + HEAD;
        at = start + usize::from(head.len);
        if head.kind != Kind::Own && is_snake_of(part(table, start, at), key) {
            return Some(head);
        }
    }
    None
}

/// Whether this is the name in snake case.
fn is_snake_of(name: &[u8], key: &[u8]) -> bool {
    let mut at = 0;
    for &byte in name {
        let lower = byte | 0x20;
        if byte != lower {
            if byte_at(key, at) != b'_' {
                return false;
            }
            at += 1;
        }
        if byte_at(key, at) != lower {
            return false;
        }
        at += 1;
    }
    at == key.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_context_field_is_found_by_its_name_and_ascends() {
        for field in &FIELDS {
            let head = find(&EVENT, field.name.as_bytes()).expect(field.name);
            assert_eq!((u32::from(head.slot), usize::from(head.len)), (field.number, field.json.len()));
            assert!(EVENT.windows(field.json.len()).any(|name| name == field.json.as_bytes()));
        }
        for name in ["event_name", "gio_id_", "gi_oid", "_gio_id", "gioid", "gioId", ""] {
            assert!(find(&EVENT, name.as_bytes()).is_none(), "{name}");
        }
        let (mut at, mut last, mut count) = (0, 0, 0);
        while at < EVENT.len() {
            let head = head(&EVENT, at);
            assert!(head.slot > last);
            last = head.slot;
            count += 1;
            at += HEAD + usize::from(head.len);
        }
        assert_eq!(count, 55);
    }
}
