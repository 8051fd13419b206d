//! Reads an event's text once: canonical JSON onto a tape, and where each member's value stands there.

use super::problem::{self, Problem, Result};
use super::table::{self, Kind};
use super::text::copy_string;
use crate::codec::bytes::{byte_at, part, put, put_byte};
use crate::codec::fnv::fnv;
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
    pub(super) parent: &'static str,
    pub(super) name: Span,
    /// The first key that only an event may have, and the first that stands twice.
    pub(super) unknown: Span,
    pub(super) twice: Span,
    /// What is wrong with a context field: told when all else is right.
    pub(super) late: Option<&'static Problem>,
    pub(super) late_name: Span,
    late_rank: u8,
    protobuf: bool,
}

/// The levels of an object: whether its keys are named in errors, and whether its values have to be strings.
const INNER: u8 = 0;
const NAMED: u8 = 1;
const STRINGS: u8 = 2;

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
            parent: "",
            name: Span::default(),
            unknown: Span::default(),
            twice: Span::default(),
            late: None,
            late_name: Span::default(),
            late_rank: u8::MAX,
            protobuf,
        }
    }

    /// The tape there.
    pub(super) fn tape(&self, span: Span) -> &[u8] {
        part(&self.tape, span.start, span.end)
    }

    /// The value of a member; empty when it has none.
    pub(super) fn value_of(&self, slot: u8) -> &[u8] {
        self.tape(self.slots[usize::from(slot) % table::SLOTS])
    }

    /// Reads the whole text.
    pub(super) fn event(&mut self) -> Result {
        self.open(b'{', &problem::OBJECT)?;
        let mut first = true;
        while self.more(b'}', &mut first, &problem::NEXT_KEY)? {
            self.parent = "";
            let key = self.key()?;
            self.name = key;
            match table::find(&table::KEYS, part(&self.tape, key.start + 1, key.end - 1)) {
                Some(row) => self.known(key, row)?,
                None => self.field(key)?,
            }
        }
        if self.peek() != 0 || self.at < self.text.len() { Err(&problem::END) } else { Ok(()) }
    }

    fn known(&mut self, key: Span, row: table::Row<'static>) -> Result {
        if self.slots[usize::from(row.slot) % table::SLOTS].start != 0 {
            return Err(&problem::TWICE);
        }
        if self.peek() == b'n' && !matches!(row.slot, table::TRACK | table::ITEM | table::MAPPING) {
            let start = self.tape.len();
            self.value()?;
            self.slots[usize::from(row.slot) % table::SLOTS] = Span { start, end: start };
            return Ok(());
        }
        self.member(key, row)
    }

    /// The value of a member that must be of its kind.
    fn member(&mut self, key: Span, row: table::Row<'static>) -> Result {
        let start = self.tape.len();
        let parent = self.parent;
        match (row.kind, self.peek()) {
            (Kind::Named, b'{') => {
                let (parent, level) = match row.slot {
                    table::MAPPING => ("mapping", STRINGS),
                    table::ATTRIBUTES => ("attributes", NAMED),
                    _ => ("resource_item.attributes", NAMED),
                };
                self.parent = parent;
                self.map(level)?;
            }
            (Kind::Item, b'{') => self.resource_item()?,
            _ => self.value()?,
        }
        self.parent = parent;
        self.name = key;
        let end = self.tape.len();
        check(row.kind, part(&self.tape, start, end))?;
        let slot = &mut self.slots[usize::from(row.slot) % table::SLOTS];
        if slot.start != 0 {
            return Err(&problem::TWICE);
        }
        *slot = Span { start, end };
        Ok(())
    }

    fn resource_item(&mut self) -> Result {
        self.open(b'{', &problem::OBJECT)?;
        let mut first = true;
        while self.more(b'}', &mut first, &problem::NEXT_KEY)? {
            let key = self.key()?;
            self.parent = "resource_item";
            self.name = key;
            match table::find(&table::RESOURCE, part(&self.tape, key.start + 1, key.end - 1)) {
                Some(row) => self.member(key, row)?,
                None => return Err(&problem::RESOURCE_TAKES),
            }
        }
        if self.value_of(table::RESOURCE_ID).is_empty() {
            return Err(&problem::RESOURCE_ID);
        }
        if self.value_of(table::RESOURCE_KEY).is_empty() {
            return Err(&problem::RESOURCE_KEY);
        }
        self.drop_empty(table::RESOURCE_ATTRIBUTES);
        Ok(())
    }

    /// No attributes are as if none were given.
    pub(super) fn drop_empty(&mut self, slot: u8) {
        let span = &mut self.slots[usize::from(slot) % table::SLOTS];
        if span.end - span.start == "{}".len() {
            span.end = span.start;
        }
    }

    /// The value of a key that is a context field if it is anything.
    fn field(&mut self, key: Span) -> Result {
        let start = self.tape.len();
        self.value()?;
        if self.unknown.start == 0 {
            self.unknown = key;
        }
        let end = self.tape.len();
        match byte_at(&self.tape, start) {
            b'n' => return Ok(()),
            b'[' => return Err(&problem::A_LIST),
            _ => {}
        }
        if self.is_twice(0, key) && self.twice.start == 0 {
            self.twice = key;
        }
        let value = part(&self.tape, start, end);
        let (rank, checked) = match table::find(&table::EVENT, part(&self.tape, key.start + 1, key.end - 1)) {
            Some(row) => {
                let checked = check(row.kind, value);
                self.slots[usize::from(row.slot) % table::SLOTS] = Span { start, end };
                (row.slot, checked)
            }
            None => (0, Err(&problem::NO_FIELD)),
        };
        // Protobuf is written in the order of the numbers, JSON in that of the text.
        let rank = if self.protobuf { rank } else { 0 };
        if let Err(problem) = checked
            && rank < self.late_rank
        {
            self.late_rank = rank;
            self.late = Some(problem);
            self.late_name = key;
        }
        Ok(())
    }

    fn value(&mut self) -> Result {
        match self.peek() {
            b'"' => self.string(),
            b'{' => self.map(INNER),
            b'[' => self.list(),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => Err(&problem::VALUE),
        }
    }

    fn map(&mut self, level: u8) -> Result {
        self.open(b'{', &problem::OBJECT)?;
        let object = self.tape.len();
        let mut twice = Span::default();
        let mut first = true;
        while self.more(b'}', &mut first, &problem::NEXT_KEY)? {
            let key = self.key()?;
            if self.is_twice(object, key) && twice.start == 0 {
                twice = key;
            }
            if level != INNER {
                self.name = key;
            }
            let start = self.tape.len();
            self.value()?;
            if level == STRINGS {
                check(Kind::String, part(&self.tape, start, start + 1))?;
            }
        }
        if twice.start == 0 {
            return Ok(());
        }
        if level != INNER {
            self.name = twice;
        }
        Err(&problem::TWICE)
    }

    fn list(&mut self) -> Result {
        self.open(b'[', &problem::VALUE)?;
        let mut first = true;
        while self.more(b']', &mut first, &problem::NEXT_VALUE)? {
            self.value()?;
        }
        Ok(())
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
            return Err(&problem::NOT_FINITE);
        }
        Ok(())
    }

    fn digits(&mut self) -> Result {
        let start = self.at;
        while let b'0'..=b'9' = byte_at(self.text, self.at) {
            self.at += 1;
        }
        if self.at == start { Err(&problem::DIGIT) } else { Ok(()) }
    }

    fn word(&mut self, word: &'static [u8]) -> Result {
        if part(self.text, self.at, self.at + word.len()) != word {
            return Err(&problem::VALUE);
        }
        self.at += word.len();
        put(&mut self.tape, word);
        Ok(())
    }

    /// The next key with its quotes.
    fn key(&mut self) -> Result<Span> {
        let start = self.tape.len();
        self.string()?;
        let end = self.tape.len();
        self.take(b':', &problem::COLON)?;
        Ok(Span { start, end })
    }

    fn string(&mut self) -> Result {
        self.take(b'"', &problem::STRING)?;
        copy_string(self.text, &mut self.at, &mut self.tape, false)?;
        put_byte(&mut self.tape, b'"');
        Ok(())
    }

    fn open(&mut self, bracket: u8, problem: &'static Problem) -> Result {
        self.take(bracket, problem)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(&problem::TOO_DEEP) } else { Ok(()) }
    }

    /// Whether an element follows, after its comma; else takes the closing bracket.
    fn more(&mut self, bracket: u8, first: &mut bool, problem: &'static Problem) -> Result<bool> {
        if self.peek() == bracket {
            self.depth -= 1;
            self.take(bracket, problem)?;
            return Ok(false);
        }
        if !*first {
            self.take(b',', problem)?;
        }
        *first = false;
        Ok(true)
    }

    fn take(&mut self, byte: u8, problem: &'static Problem) -> Result {
        if self.peek() != byte {
            return Err(problem);
        }
        self.at += 1;
        put_byte(&mut self.tape, byte);
        Ok(())
    }

    /// The first byte of what comes next; 0 at the end.
    fn peek(&mut self) -> u8 {
        loop {
            match byte_at(self.text, self.at) {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return byte,
            }
        }
    }

    /// Notes a key of an object, unless it stood there before.
    fn is_twice(&mut self, object: usize, key: Span) -> bool {
        let name = part(&self.tape, key.start, key.end);
        let mut place = (fnv(name) as usize).wrapping_add(object.wrapping_mul(0x9e37_79b1));
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

/// Whether a value is of this kind.
fn check(kind: Kind, value: &[u8]) -> Result {
    let first = byte_at(value, 0);
    match kind {
        Kind::Own => Ok(()),
        Kind::String if first == b'"' => Ok(()),
        Kind::String => Err(&problem::NO_STRING),
        Kind::Int32 | Kind::Int64 => match read_int(value) {
            Int::Small(int) if kind == Kind::Int64 || int == i64::from(int as i32) => Ok(()),
            Int::Other => Err(&problem::NO_INTEGER),
            _ => Err(&problem::OUT_OF_RANGE),
        },
        Kind::Double => match read_int(value) {
            Int::Small(_) => Ok(()),
            Int::Other if matches!(first, b'-' | b'0'..=b'9') => Ok(()),
            _ => Err(&problem::NO_NUMBER),
        },
        _ if first == b'{' => Ok(()),
        _ => Err(&problem::NO_OBJECT),
    }
}

/// A value as an integer.
pub(super) enum Int {
    Small(i64),
    Big,
    Other,
}

/// Reads canonical JSON as an integer.
pub(super) fn read_int(value: &[u8]) -> Int {
    let minus = byte_at(value, 0) == b'-';
    let mut at = usize::from(minus);
    let mut size: u64 = 0;
    while let Some(&byte) = value.get(at) {
        if !byte.is_ascii_digit() {
            return Int::Other;
        }
        size = size.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
        at += 1;
    }
    // 19 digits never are too many for 64 bits.
    if at - usize::from(minus) > 19 || size > i64::MAX as u64 + u64::from(minus) {
        return Int::Big;
    }
    Int::Small(if minus { (size as i64).wrapping_neg() } else { size as i64 })
}
