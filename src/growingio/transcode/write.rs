//! Writes a record from the tape: JSON or protobuf, member by member.

use super::check::read_int;
use super::scan::Slots;
use super::table::{self, Kind};
use super::text::{put_escaped, put_raw};
use crate::codec::bytes::{byte_at, part, put, put_byte, put_part};
use crate::codec::json_read::plain_run;
use crate::codec::number::{read_double, write_decimal};

/// A record being written.
pub(super) struct Writer<'s> {
    pub(super) tape: &'s [u8],
    pub(super) slots: &'s Slots,
    pub(super) out: &'s mut Vec<u8>,
    pub(super) protobuf: bool,
}

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LEN: u8 = 2;

impl Writer<'_> {
    /// The members of a table that have a value, as an object or a nested message.
    pub(super) fn object(&mut self, number: u8, table: &'static [u8], by_slot: bool) {
        let start = self.begin(number);
        // No record is without members.
        let mut before: &[u8] = b"{\"";
        let (mut at, mut number) = (0, 0);
        while at < table.len() {
            let row = table::head(table, at);
            let name = at + table::HEAD;
            at = name + usize::from(row.len);
            number = if by_slot { row.slot } else { number + 1 };
            let span = self.slots[usize::from(row.slot) % table::SLOTS];
            if span.end == span.start {
                continue;
            }
            let value = part(self.tape, span.start, span.end);
            self.json(before);
            before = b",\"";
            self.json(part(table, name, at));
            self.json(b"\":");
            match byte_at(value, 0) {
                b'{' if row.slot == table::RESOURCE_ITEM => self.object(number, &table::RESOURCE, false),
                b'{' => self.map(number, value, row.slot == table::EXTRA_SDK),
                b'"' => self.string(number, value),
                _ => self.number(number, value, row.kind),
            }
        }
        self.json(b"}");
        self.end(start);
    }

    /// Strings in protobuf are left out when they are empty.
    fn string(&mut self, number: u8, value: &[u8]) {
        self.json(value);
        if self.protobuf && value.len() > 2 {
            self.raw(number, value);
        }
    }

    fn raw(&mut self, number: u8, value: &[u8]) {
        let end = value.len() - 1;
        // Where size does not count, the usual string goes in one piece.
        if cfg!(not(target_family = "wasm")) && plain_run(value, 1) == end {
            self.varint(tag(number, LEN));
            self.varint(end as u64 - 1);
            return put_part(self.out, value, 1, end);
        }
        let start = self.begin(number);
        put_raw(self.out, value);
        self.end(start);
    }

    fn number(&mut self, number: u8, value: &[u8], kind: Kind) {
        match (self.protobuf, kind) {
            (false, Kind::Double) => drop(write_decimal(self.out, value)),
            (false, _) => put(self.out, value),
            (true, Kind::Double) => {
                let double = read_double(value).to_bits();
                if double != 0 {
                    self.varint(tag(number, FIXED64));
                    put(self.out, &double.to_le_bytes());
                }
            }
            (true, _) => {
                let int = read_int(value);
                if int != 0 {
                    self.varint(tag(number, VARINT));
                    self.varint(int as u64);
                }
            }
        }
    }

    /// Attributes and the like; with `texts` all values become text.
    fn map(&mut self, number: u8, map: &[u8], texts: bool) {
        let mut at = 1;
        // In JSON, what was looked at and stays as it is.
        let mut same = 0;
        while byte_at(map, at) == b'"' {
            let value = skip(map, at) + 1;
            let end = skip(map, value);
            let first = byte_at(map, value);
            if self.protobuf {
                // A null has no text.
                if first != b'n' || texts {
                    let entry = self.begin(number);
                    self.raw(1, part(map, at, value - 1));
                    let start = self.begin(2);
                    self.text(part(map, value, end), false);
                    self.end(start);
                    self.end(entry);
                }
            } else if texts || first == b'[' {
                put_part(self.out, map, same, value);
                put_byte(self.out, b'"');
                self.text(part(map, value, end), false);
                put_byte(self.out, b'"');
                same = end;
            }
            at = end + 1;
        }
        self.json(part(map, same, map.len()));
    }

    /// The text of a value: lists are joined, except within lists.
    fn text(&mut self, value: &[u8], inner: bool) {
        match byte_at(value, 0) {
            b'n' => {}
            b'"' if self.protobuf => put_raw(self.out, value),
            b'"' => put_part(self.out, value, 1, value.len() - 1),
            b'[' if !inner => {
                let mut at = 1;
                let mut bar: &[u8] = b"";
                while at < value.len() {
                    let end = skip(value, at);
                    let element = part(value, at, end);
                    at = end + 1;
                    if byte_at(element, 0) != b'n'
                        && element.len() > usize::from(byte_at(element, 0) == b'"') * 2
                    {
                        put(self.out, bar);
                        bar = b"||";
                        self.text(element, true);
                    }
                }
            }
            b'{' | b'[' if !self.protobuf => put_escaped(self.out, value),
            _ => put(self.out, value),
        }
    }

    #[cfg_attr(target_family = "wasm", inline(never))]
    fn json(&mut self, bytes: &[u8]) {
        if !self.protobuf {
            put(self.out, bytes);
        }
    }

    /// Begins what is written with its length in front; where it begins.
    fn begin(&mut self, number: u8) -> usize {
        if self.protobuf {
            self.varint(tag(number, LEN));
            // Most are shorter than 128 bytes, so one byte of length is assumed.
            put_byte(self.out, 0);
        }
        self.out.len()
    }

    fn end(&mut self, start: usize) {
        if !self.protobuf {
            return;
        }
        let len = self.out.len() - start;
        let mut rest = len;
        let mut to = start;
        while rest > 0x7f {
            rest >>= 7;
            to += 1;
            put_byte(self.out, 0);
        }
        if to > start {
            self.out.copy_within(start..start + len, to);
        }
        let mut rest = len;
        let mut place = start - 1;
        while let Some(byte) = self.out.get_mut(place) {
            *byte = rest as u8 & 0x7f;
            rest >>= 7;
            place += 1;
            if rest == 0 {
                return;
            }
            *byte |= 0x80;
        }
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            put_byte(self.out, value as u8 | 0x80);
            value >>= 7;
        }
        put_byte(self.out, value as u8);
    }
}

fn tag(number: u8, wire: u8) -> u64 {
    u64::from(number) << 3 | u64::from(wire)
}

/// Where the value ends that begins at `at`: at the comma, colon or bracket behind it.
fn skip(json: &[u8], mut at: usize) -> usize {
    let mut depth = 0;
    while let Some(&byte) = json.get(at) {
        match byte {
            b'"' => loop {
                at = plain_run(json, at + 1);
                if byte_at(json, at) != b'\\' {
                    break;
                }
                at += 1;
            },
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' | b':' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    at
}
