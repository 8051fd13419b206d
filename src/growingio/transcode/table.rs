//! The members of each record and the keys of the neutral form, packed: a row is two bytes and the name in JSON.
//!
//! A row's slot is where the scan notes the member's value. For those of an event it is the protobuf number as well; in
//! the other tables the numbers count from 1.

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
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'n> {
    pub(super) kind: Kind,
    pub(super) slot: u8,
    /// In camel case; in the neutral form it is in snake case.
    pub(super) name: &'n [u8],
}

const fn row(name: &'static str, kind: Kind, slot: u8) -> Row<'static> {
    Row { kind, slot, name: name.as_bytes() }
}

const KEY_ROWS: [Row<'_>; 10] = [
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

const OWN_ROWS: [Row<'_>; 13] = [
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

const ITEM_ROWS: [Row<'_>; 5] = [
    row("id", Kind::Own, ITEM),
    row("key", Kind::Own, KEY),
    row("attributes", Kind::Own, ATTRIBUTES),
    row("dataSourceId", Kind::Own, DATA_SOURCE),
    row("projectKey", Kind::Own, PROJECT),
];

const MAPPING_ROWS: [Row<'_>; 4] = [
    row("projectKey", Kind::Own, PROJECT),
    row("sendTime", Kind::Own, TIME),
    row("identifies", Kind::Own, MAPPING),
    row("dataSourceId", Kind::Own, DATA_SOURCE),
];

const RESOURCE_ROWS: [Row<'_>; 3] = [
    row("id", Kind::String, RESOURCE_ID),
    row("key", Kind::String, RESOURCE_KEY),
    row("attributes", Kind::Named, RESOURCE_ATTRIBUTES),
];

/// All members of an event, ascending by protobuf number.
const EVENT_ROWS: [Row<'_>; OWN_ROWS.len() + FIELDS.len()] = {
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
            rows[next] = row(FIELDS[field].json, kind, FIELDS[field].number as u8);
            field += 1;
        }
    }
    rows
};

const KINDS: [Kind; 8] =
    [Kind::Own, Kind::String, Kind::Int32, Kind::Int64, Kind::Double, Kind::Texts, Kind::Named, Kind::Item];

const fn size(rows: &[Row<'_>]) -> usize {
    let (mut size, mut at) = (0, 0);
    while at < rows.len() {
        size += 2 + rows[at].name.len();
        at += 1;
    }
    size
}

/// Kind and length, how many underscores the name has in snake case and the slot, the name.
const fn pack<const N: usize>(rows: &[Row<'_>]) -> [u8; N] {
    let mut packed = [0; N];
    let (mut at, mut row) = (0, 0);
    while row < rows.len() {
        let name = rows[row].name;
        assert!(name.len() < 32 && (rows[row].slot as usize) < SLOTS);
        let (mut place, mut humps) = (0, 0);
        while place < name.len() {
            humps += name[place].is_ascii_uppercase() as u8;
            packed[at + 2 + place] = name[place];
            place += 1;
        }
        assert!(humps < 4);
        packed[at] = (rows[row].kind as u8) << 5 | name.len() as u8;
        packed[at + 1] = humps << 6 | rows[row].slot;
        at += 2 + name.len();
        row += 1;
    }
    packed
}

/// The row at `at`, which moves to the next one.
pub(super) fn next(table: &'static [u8], at: &mut usize) -> Option<Row<'static>> {
    let head = *table.get(*at)?;
    let second = *table.get(*at + 1)?;
    let start = *at + 2;
    let end = start + usize::from(head & 31);
    *at = end;
    Some(Row { kind: KINDS[usize::from(head >> 5)], slot: second & 63, name: table.get(start..end)? })
}

/// The row that the event may name so, in snake case.
pub(super) fn find(table: &'static [u8], key: &[u8]) -> Option<Row<'static>> {
    let mut at = 0;
    loop {
        let row = next(table, &mut at)?;
        if row.kind != Kind::Own && is_snake_of(row.name, key) {
            return Some(row);
        }
    }
}

/// Whether this is the name in snake case.
fn is_snake_of(name: &[u8], key: &[u8]) -> bool {
    let mut at = 0;
    for &byte in name {
        let lower = byte | 0x20;
        if byte != lower {
            if key.get(at) != Some(&b'_') {
                return false;
            }
            at += 1;
        }
        if key.get(at) != Some(&lower) {
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
            let row = find(&EVENT, field.name.as_bytes()).expect(field.name);
            assert_eq!((u32::from(row.slot), row.name), (field.number, field.json.as_bytes()));
        }
        assert!(find(&EVENT, b"event_name").is_none());
        assert!(find(&EVENT, b"gioId").is_none());
        assert!(find(&EVENT, b"gio_id_").is_none());
        let (mut at, mut last, mut count) = (0, 0, 0);
        while let Some(row) = next(&EVENT, &mut at) {
            assert!(row.slot > last);
            last = row.slot;
            count += 1;
        }
        assert_eq!(count, 55);
    }
}
