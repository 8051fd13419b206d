//! Reads JSON text in one pass: the caller pulls keys and values, and no document is built.
//!
//! Strict RFC 8259 with three decisions of its own: a lone surrogate (`"\ud800"`) becomes U+FFFD, nesting ends
//! at [`MAX_DEPTH`], and a key may stand only once in an object. Whatever the text, nothing here panics.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::fnv::fnv;
use super::number::read_double;
use crate::event::Value;

/// How deep objects and lists may nest.
pub(crate) const MAX_DEPTH: u8 = 64;

/// Pulls values out of JSON text, in the order in which they stand there.
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u8,
}

/// Why and where (byte offset) the text cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Error {
    pub(crate) at: usize,
    pub(crate) problem: Problem,
}

/// What is wrong with the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Something else stands here, or the text ends.
    Expected(&'static str),
    /// A character below U+0020 within a string.
    ControlCharacter,
    /// An escape that JSON does not have.
    Escape,
    /// A number beyond the range of a double.
    NotFinite,
    /// More than [`MAX_DEPTH`] levels.
    TooDeep,
    /// A key that stands twice in one object.
    Duplicate,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// Enters an object; [`Self::key`] follows until it says `None`.
    pub(crate) fn open_object(&mut self) -> Result<(), Error> {
        self.open(b'{', "an object")
    }

    /// The next key of the object, or `None` when it ends here. The key's value must be read next.
    pub(crate) fn key(&mut self, first: &mut bool) -> Result<Option<Cow<'a, str>>, Error> {
        if self.closes(b'}', first, "`,` or `}`")? {
            return Ok(None);
        }
        let key = self.string()?;
        self.expect(b':', "`:`")?;
        Ok(Some(key))
    }

    /// Any value.
    pub(crate) fn value(&mut self) -> Result<Value<'a>, Error> {
        match self.peek() {
            Some(b'"') => self.string().map(Value::String),
            Some(b'{') => self.map(),
            Some(b'[') => self.list(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true").map(|()| Value::Bool(true)),
            Some(b'f') => self.word("false").map(|()| Value::Bool(false)),
            Some(b'n') => self.word("null").map(|()| Value::Null),
            _ => self.expected("a value"),
        }
    }

    /// The first byte of what comes next, or `None` at the end of the text.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// A string, borrowed from the text when it holds no escape.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>, Error> {
        self.expect(b'"', "a string")?;
        let start = self.at;
        self.plain_run();
        if self.byte() == Some(b'"') {
            let plain = self.slice(start);
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        self.escaped_string(start).map(Cow::Owned)
    }

    /// Nothing but white space may be left.
    pub(crate) fn end(&mut self) -> Result<(), Error> {
        if self.peek().is_none() { Ok(()) } else { self.expected("nothing more after the value") }
    }

    fn map(&mut self) -> Result<Value<'a>, Error> {
        let start = self.at;
        self.open_object()?;
        let mut pairs = Vec::new();
        let mut first = true;
        while let Some(key) = self.key(&mut first)? {
            pairs.push((key, self.value()?));
        }
        match duplicate(&pairs) {
            Some(_) => Err(Error { at: start, problem: Problem::Duplicate }),
            None => Ok(Value::Map(pairs)),
        }
    }

    fn list(&mut self) -> Result<Value<'a>, Error> {
        self.open(b'[', "a list")?;
        let mut values = Vec::new();
        let mut first = true;
        while !self.closes(b']', &mut first, "`,` or `]`")? {
            values.push(self.value()?);
        }
        Ok(Value::List(values))
    }

    fn number(&mut self) -> Result<Value<'a>, Error> {
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        match self.byte() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        let mut integer = true;
        if self.byte() == Some(b'.') {
            integer = false;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            integer = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = self.slice(start);
        if integer {
            return Ok(match text.parse() {
                Ok(int) => Value::Int(int),
                Err(_) => Value::BigInt(Cow::Borrowed(text)),
            });
        }
        match read_double(text.as_bytes()) {
            double if double.is_finite() => Ok(Value::Double(double)),
            _ => Err(Error { at: start, problem: Problem::NotFinite }),
        }
    }

    fn digits(&mut self) -> Result<(), Error> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        if self.at == start { self.expected("a digit") } else { Ok(()) }
    }

    fn word(&mut self, word: &'static str) -> Result<(), Error> {
        match self.text.as_bytes().get(self.at..) {
            Some(rest) if rest.starts_with(word.as_bytes()) => {
                self.at += word.len();
                Ok(())
            }
            _ => self.expected(word),
        }
    }

    /// Reads on from the first escape of a string that began at `start`.
    fn escaped_string(&mut self, start: usize) -> Result<String, Error> {
        let mut out = String::from(self.slice(start));
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => return Err(Error { at: self.at, problem: Problem::ControlCharacter }),
                None => return self.expected("the end of the string"),
            }
            let start = self.at;
            self.plain_run();
            out.push_str(self.slice(start));
        }
    }

    fn escape(&mut self) -> Result<char, Error> {
        let bad = Error { at: self.at, problem: Problem::Escape };
        let bytes = self.text.as_bytes();
        let Some(&letter) = bytes.get(self.at + 1) else { return Err(bad) };
        self.at += 2;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = hex4(bytes, self.at).ok_or(bad)?;
                self.at += 4;
                self.pair(unit)
            }
            _ => return Err(bad),
        })
    }

    /// The character of a UTF-16 unit, with its second half when one follows.
    fn pair(&mut self, unit: u32) -> char {
        let bytes = self.text.as_bytes();
        if (0xd800..0xdc00).contains(&unit)
            && bytes.get(self.at) == Some(&b'\\')
            && bytes.get(self.at + 1) == Some(&b'u')
            && let Some(low @ 0xdc00..=0xdfff) = hex4(bytes, self.at + 2)
        {
            self.at += 6;
            let scalar = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            return char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
        char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn plain_run(&mut self) {
        self.at = plain_run(self.text.as_bytes(), self.at);
    }

    fn open(&mut self, bracket: u8, what: &'static str) -> Result<(), Error> {
        self.expect(bracket, what)?;
        if self.depth >= MAX_DEPTH {
            return Err(Error { at: self.at, problem: Problem::TooDeep });
        }
        self.depth += 1;
        Ok(())
    }

    /// Consumes the closing bracket, or the comma before the next element.
    fn closes(&mut self, bracket: u8, first: &mut bool, what: &'static str) -> Result<bool, Error> {
        if self.peek() == Some(bracket) {
            self.at += 1;
            self.depth = self.depth.saturating_sub(1);
            return Ok(true);
        }
        if !std::mem::replace(first, false) {
            self.expect(b',', what)?;
        }
        Ok(false)
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Error> {
        if self.peek() != Some(byte) {
            return self.expected(what);
        }
        self.at += 1;
        Ok(())
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The text from `start` up to here. Both are at ASCII bytes, so neither splits a character.
    fn slice(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn expected<T>(&self, what: &'static str) -> Result<T, Error> {
        Err(Error { at: self.at, problem: Problem::Expected(what) })
    }
}

/// Where from `at` on the next `"`, `\` or control character is, or the end; eight bytes at a time.
#[cfg_attr(not(target_family = "wasm"), inline)]
#[cfg_attr(target_family = "wasm", inline(never))]
pub(crate) fn plain_run(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    while let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*eight);
        // A byte's high bit is set where the byte is the one looked for; the lowest such bit is exact.
        let quote = word ^ (ONES * b'"' as u64);
        let slash = word ^ (ONES * b'\\' as u64);
        let found = (quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let found = found & HIGHS;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(&byte) = bytes.get(at)
        && byte >= 0x20
        && byte != b'"'
        && byte != b'\\'
    {
        at += 1;
    }
    at
}

/// A key that stands more than once.
pub(crate) fn duplicate<'p, T>(pairs: &'p [(Cow<'_, str>, T)]) -> Option<&'p str> {
    /// Up to here comparing all pairs is cheaper than a table.
    const FEW: usize = 16;
    let is = |at: usize, key: &str| pairs[at].0 == key;
    if pairs.len() <= FEW {
        let twice = |at: usize| (0..at).any(|other| is(other, &pairs[at].0));
        return (1..pairs.len()).find(|&at| twice(at)).map(|at| &*pairs[at].0);
    }
    // Open addressing, half full; a sort would be several times the code.
    let mut table = vec![usize::MAX; (pairs.len() * 2).next_power_of_two()];
    let mask = table.len() - 1;
    for (at, (key, _)) in pairs.iter().enumerate() {
        let mut slot = fnv(key.as_bytes()) as usize & mask;
        while table[slot] != usize::MAX {
            if is(table[slot], key) {
                return Some(key);
            }
            slot = (slot + 1) & mask;
        }
        table[slot] = at;
    }
    None
}

fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    let mut unit = 0;
    for &byte in bytes.get(at..at + 4)? {
        unit = unit << 4 | char::from(byte).to_digit(16)?;
    }
    Some(unit)
}
