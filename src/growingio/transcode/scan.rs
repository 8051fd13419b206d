//! Reads an event's text once: canonical JSON onto a tape, and where each member's value stands there.

use super::problem::{Parent, Problem, Result};
use super::table;
use super::text::copy_string;
use crate::codec::bytes::{byte_at, part, put, put_byte};
use crate::codec::json_read::MAX_DEPTH;
use crate::codec::number::write_decimal;

/// A part of the tape.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Where the members' values are; a member that is absent has none, one that is null an empty one.
pub(super) type Slots = [Span; table::SLOTS];

/// An event being read.
pub(super) struct Scan<'t> {
    text: &'t [u8],
    pub(super) at: usize,
    depth: u8,
    /// Canonical JSON, behind what is the same in every record.
    pub(super) tape: Vec<u8>,
    pub(super) slots: Slots,
    /// Where each key stands on the tape and in which object, by hash: open addressing.
    keys: Vec<(usize, usize)>,
    /// What an error is about.
    pub(super) parent: Parent,
    pub(super) name: Span,
    /// The first key that only an event may have, and the first that stands twice.
    pub(super) unknown: Span,
    pub(super) twice: Span,
    /// What is wrong with a context field: told when all else is right.
    pub(super) late: Result,
    pub(super) late_name: Span,
    late_rank: u8,
    protobuf: bool,
}

/// What an object or list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Level {
    Event,
    Resource,
    /// Its keys are named in errors.
    Named,
    /// As well, and its values have to be strings.
    Strings,
    Inner,
    List,
}

impl<'t> Scan<'t> {
    /// `tape` and `slots`: what every record has.
    pub(super) fn new(text: &'t [u8], tape: &[u8], slots: &Slots, protobuf: bool) -> Self {
        let mut copy = Vec::with_capacity(tape.len() + text.len() + 64);
        put(&mut copy, tape);
        Self {
            text,
            at: 0,
            depth: 0,
            tape: copy,
            slots: *slots,
            // A key and its value are five bytes at least, so that this is never full.
            keys: vec![(0, 0); (text.len() / 4 + 8).next_power_of_two()],
            parent: Parent::None,
            name: Span::default(),
            unknown: Span::default(),
            twice: Span::default(),
            late: Ok(()),
            late_name: Span::default(),
            late_rank: u8::MAX,
            protobuf,
        }
    }

    /// The tape there.
    pub(super) fn tape(&self, span: Span) -> &[u8] {
        part(&self.tape, span.start, span.end)
    }

    /// How long the value of a member is; 0 when it has none.
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(super) fn len_of(&self, slot: u8) -> usize {
        let span = self.slots[usize::from(slot) % table::SLOTS];
        span.end - span.start
    }

    /// The value of a member; empty when it has none.
    pub(super) fn value_of(&self, slot: u8) -> &[u8] {
        self.tape(self.slots[usize::from(slot) % table::SLOTS])
    }

    /// Reads the whole text.
    pub(super) fn event(&mut self) -> Result {
        if self.peek() != u32::from(b'{') {
            return Err(Problem::Json);
        }
        self.nest(Level::Event)?;
        if self.peek() != 0 || self.at < self.text.len() { Err(Problem::Json) } else { Ok(()) }
    }

    /// Reads the object or list that comes next.
    fn nest(&mut self, level: Level) -> Result {
        let bracket = self.peek();
        self.take(bracket)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Problem::TooDeep);
        }
        let object = self.tape.len();
        let mut twice = Span::default();
        // `{` and `}`, `[` and `]` are two apart.
        while self.peek() != bracket + 2 {
            if self.tape.len() > object {
                self.take(b','.into())?;
            }
            if level == Level::List {
                self.value()?;
                continue;
            }
            let start = self.tape.len();
            self.string()?;
            let key = Span { start, end: self.tape.len() };
            self.take(b':'.into())?;
            if level != Level::Inner {
                self.name = key;
            }
            match level {
                Level::Event => {
                    self.parent = Parent::None;
                    self.top(key)?;
                    continue;
                }
                Level::Resource => {
                    self.parent = Parent::Resource;
                    let Some(row) = self.row(&table::RESOURCE, key) else {
                        return Err(Problem::ResourceTakes);
                    };
                    self.member(key, row)?;
                    continue;
                }
                _ => {}
            }
            if self.is_twice(object, key) && twice.start == 0 {
                twice = key;
            }
            let start = self.tape.len();
            self.value()?;
            if level == Level::Strings && byte_at(&self.tape, start) != b'"' {
                return Err(Problem::NoString);
            }
        }
        self.take(bracket + 2)?;
        self.depth -= 1;
        if twice.start == 0 {
            return Ok(());
        }
        if level != Level::Inner {
            self.name = twice;
        }
        Err(Problem::Twice)
    }

    /// The value of a key of the event.
    fn top(&mut self, key: Span) -> Result {
        let start = self.tape.len();
        if let Some(row) = self.row(&table::KEYS, key) {
            if self.slot(row.slot).start != 0 {
                return Err(Problem::Twice);
            }
            if self.peek() != u32::from(b'n')
                || matches!(row.slot, table::TRACK | table::ITEM | table::MAPPING)
            {
                return self.member(key, row);
            }
            *self.slot(row.slot) = Span { start, end: start };
            return self.value();
        }
        // A context field if it is anything.
        self.value()?;
        let span = Span { start, end: self.tape.len() };
        if self.unknown.start == 0 {
            self.unknown = key;
        }
        match byte_at(&self.tape, start) {
            b'n' => return Ok(()),
            b'[' => return Err(Problem::List),
            _ => {}
        }
        if self.is_twice(0, key) && self.twice.start == 0 {
            self.twice = key;
        }
        let (number, checked) = match self.row(&table::EVENT, key) {
            Some(row) => {
                *self.slot(row.slot) = span;
                (row.slot, self.check(row.kind, span))
            }
            None => (0, Err(Problem::NoField)),
        };
        // Protobuf is written in the order of the numbers, JSON in that of the text.
        let rank = if self.protobuf { number } else { 0 };
        if let Err(problem) = checked
            && rank < self.late_rank
        {
            self.late_rank = rank;
            self.late = Err(problem);
            self.late_name = key;
        }
        Ok(())
    }

    /// The value of a member that must be of its kind.
    fn member(&mut self, key: Span, row: table::Head) -> Result {
        let start = self.tape.len();
        let parent = self.parent;
        let (inside, level) = match row.slot {
            _ if self.peek() != u32::from(b'{') => (Parent::None, Level::List),
            table::MAPPING => (Parent::Mapping, Level::Strings),
            table::ATTRIBUTES => (Parent::Attributes, Level::Named),
            table::RESOURCE_ATTRIBUTES => (Parent::ResourceAttributes, Level::Named),
            table::RESOURCE_ITEM => (Parent::None, Level::Resource),
            _ => (Parent::None, Level::List),
        };
        if level == Level::List {
            self.value()?;
        } else {
            self.parent = inside;
            self.nest(level)?;
        }
        self.parent = parent;
        self.name = key;
        let span = Span { start, end: self.tape.len() };
        self.check(row.kind, span)?;
        let slot = self.slot(row.slot);
        if slot.start != 0 {
            return Err(Problem::Twice);
        }
        *slot = span;
        if level == Level::Resource {
            if self.slot(table::RESOURCE_ID).start == 0 {
                return Err(Problem::ResourceId);
            }
            if self.slot(table::RESOURCE_KEY).start == 0 {
                return Err(Problem::ResourceKey);
            }
            self.drop_empty(table::RESOURCE_ATTRIBUTES);
        }
        Ok(())
    }

    /// The row of a key.
    fn row(&self, table: &'static [u8], key: Span) -> Option<table::Head> {
        table::find(table, part(&self.tape, key.start + 1, key.end - 1))
    }

    pub(super) fn slot(&mut self, slot: u8) -> &mut Span {
        &mut self.slots[usize::from(slot) % table::SLOTS]
    }

    /// No attributes are as if none were given.
    pub(super) fn drop_empty(&mut self, slot: u8) {
        let span = self.slot(slot);
        if span.end - span.start == "{}".len() {
            span.end = span.start;
        }
    }

    fn value(&mut self) -> Result {
        match self.peek() as u8 {
            b'"' => self.string(),
            b'{' => self.nest(Level::Inner),
            b'[' => self.nest(Level::List),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => Err(Problem::Json),
        }
    }

    fn number(&mut self) -> Result {
        let start = self.at;
        if byte_at(self.text, self.at) == b'-' {
            self.at += 1;
        }
        match byte_at(self.text, self.at) {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        let whole = self.at;
        if byte_at(self.text, self.at) == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if let b'e' | b'E' = byte_at(self.text, self.at) {
            self.at += 1;
            if let b'+' | b'-' = byte_at(self.text, self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        let mut number = part(self.text, start, self.at);
        if self.at == whole {
            if number == b"-0" {
                number = b"0";
            }
            put(&mut self.tape, number);
        } else if !write_decimal(&mut self.tape, number) {
            return Err(Problem::TooLarge);
        }
        Ok(())
    }

    fn digits(&mut self) -> Result {
        let start = self.at;
        while let b'0'..=b'9' = byte_at(self.text, self.at) {
            self.at += 1;
        }
        if self.at == start { Err(Problem::Json) } else { Ok(()) }
    }

    fn word(&mut self, word: &'static [u8]) -> Result {
        if part(self.text, self.at, self.at + word.len()) != word {
            return Err(Problem::Json);
        }
        self.at += word.len();
        put(&mut self.tape, word);
        Ok(())
    }

    fn string(&mut self) -> Result {
        self.take(b'"'.into())?;
        copy_string(self.text, &mut self.at, &mut self.tape, false)?;
        put_byte(&mut self.tape, b'"');
        Ok(())
    }

    fn take(&mut self, byte: u32) -> Result {
        if self.peek() != byte {
            return Err(Problem::Json);
        }
        self.at += 1;
        put_byte(&mut self.tape, byte as u8);
        Ok(())
    }

    /// The first byte of what comes next; 0 at the end.
    fn peek(&mut self) -> u32 {
        loop {
            match byte_at(self.text, self.at) {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return byte.into(),
            }
        }
    }

    /// Notes a key of an object, unless it stood there before.
    fn is_twice(&mut self, object: usize, key: Span) -> bool {
        let name = part(&self.tape, key.start, key.end);
        // FNV-1a.
        let mut hash = object as u32 ^ 0x811c_9dc5;
        for &byte in name {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
        let mut place = hash as usize;
        loop {
            place &= self.keys.len() - 1;
            let Some(entry) = self.keys.get_mut(place) else { return false };
            if entry.0 == 0 {
                *entry = (key.start, object);
                return false;
            }
            // Up to the closing quote, where one name cannot be the start of another.
            if entry.1 == object && part(&self.tape, entry.0, entry.0 + name.len()) == name {
                return true;
            }
            place += 1;
        }
    }
}
