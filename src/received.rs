//! What a receiving side makes of a request: records, or a refusal with status and reason.
//!
//! Each system has its own `collect` module that turns an [`Incoming`] into a [`Receipt`]; they are pure
//! functions, and the [collector](crate::collector) is the server around them.

pub(crate) mod json;

use std::fmt;

/// A request as it came in, its query and headers taken apart.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path as it was sent, still escaped, without the query.
    pub path: &'a str,
    /// The query's parameters in order, unescaped; see [`pairs`].
    pub query: &'a [(String, String)],
    /// The headers in order, names in lower case.
    pub headers: &'a [(String, String)],
    /// The body as it was sent.
    pub body: &'a [u8],
}

/// What became of a request, and how far it could be understood.
#[derive(Debug)]
pub struct Receipt {
    /// The serialisation: `json` or `protobuf`; `None` when it was refused before that was known.
    pub format: Option<&'static str>,
    /// What the sender did to the serialised body, in the sender's order, e.g. `snappy`, then `xor`.
    pub layers: Vec<&'static str>,
    /// The bytes of the serialised body with all layers undone, where that succeeded.
    pub plain_bytes: Option<usize>,
    /// The records, or why there are none.
    pub result: Result<Records, Refusal>,
}

/// Why a request was not accepted. A request is accepted or refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status it is answered with.
    pub status: u16,
    /// What is wrong with it, for people.
    pub reason: String,
}

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Something happened.
    Track,
    /// What is known about a user.
    User,
    /// A row of a dimension table.
    Item,
    /// Ids that belong to the same person.
    Mapping,
    /// An opaque message.
    Message,
}

/// One record of a request; its texts live in [`Records`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it is about.
    pub kind: Kind,
    /// The event's name, or the table (item key) of an item.
    pub name: Option<&'a str>,
    /// The login user id.
    pub user: Option<&'a str>,
    /// The anonymous (device) id.
    pub anonymous: Option<&'a str>,
    /// When it happened, ms since the Unix epoch.
    pub time: Option<i64>,
    /// The attributes, a JSON object.
    pub attributes: &'a str,
    /// All of the record, a JSON object.
    pub raw: &'a str,
}

/// The records of one request: one text, and per record where its parts are in it. This costs no
/// allocation per record, so that a window of hundreds of thousands stays cheap.
#[derive(Debug, Default)]
pub struct Records {
    text: String,
    entries: Vec<Entry>,
}

/// Where the parts of one record are in the text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) name: Span,
    pub(crate) user: Span,
    pub(crate) anonymous: Span,
    pub(crate) time: Option<i64>,
    pub(crate) attributes: Span,
    pub(crate) raw: Span,
}

/// A part of the text; [`Span::NONE`] stands for absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

impl Records {
    /// `text` must be shorter than 4 GiB, which the limits on bodies ensure.
    pub(crate) fn new(text: String, entries: Vec<Entry>) -> Self {
        Self { text, entries }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The record at `index`, in the order of the request.
    pub fn get(&self, index: usize) -> Option<Record<'_>> {
        let entry = self.entries.get(index)?;
        Some(Record {
            kind: entry.kind,
            name: self.part(entry.name),
            user: self.part(entry.user),
            anonymous: self.part(entry.anonymous),
            time: entry.time,
            attributes: self.part(entry.attributes).unwrap_or("{}"),
            raw: self.part(entry.raw).unwrap_or("null"),
        })
    }

    /// All of them, in the order of the request.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record<'_>> + DoubleEndedIterator {
        (0..self.len()).map(|index| self.get(index).expect("index is below the length"))
    }

    /// The memory they take.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.text.capacity() + self.entries.capacity() * size_of::<Entry>()
    }

    /// Gives back what was allocated ahead: these are kept for long.
    pub(crate) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.entries.shrink_to_fit();
    }

    fn part(&self, span: Span) -> Option<&str> {
        let start = span.start as usize;
        if span == Span::NONE { None } else { self.text.get(start..start + span.len as usize) }
    }
}

impl Span {
    pub(crate) const NONE: Self = Self { start: u32::MAX, len: 0 };

    pub(crate) fn new(start: usize, len: usize) -> Self {
        match (u32::try_from(start), u32::try_from(len)) {
            (Ok(start), Ok(len)) => Self { start, len },
            _ => Self::NONE,
        }
    }

    /// Where `part`, a slice of `whole`, is in it.
    pub(crate) fn within(whole: &str, part: &str) -> Self {
        Self::new((part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize), part.len())
    }
}

impl Incoming<'_> {
    /// The first value of a header, trimmed; `None` when it is absent or empty. `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        first(self.headers, name)
    }

    /// The first value of a parameter, trimmed; `None` when it is absent or empty.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        first(self.query, name)
    }
}

impl Receipt {
    /// Refused before anything about the body was known.
    pub fn refused(refusal: Refusal) -> Self {
        Self { format: None, layers: Vec::new(), plain_bytes: None, result: Err(refusal) }
    }
}

impl Refusal {
    /// A refusal with this status and reason.
    pub fn new(status: u16, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into() }
    }

    pub(crate) fn bad_request(reason: impl Into<String>) -> Self {
        Self::new(400, reason)
    }
}

impl Kind {
    /// Its name in the collector's interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::User => "user",
            Self::Item => "item",
            Self::Mapping => "mapping",
            Self::Message => "message",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Track, Self::User, Self::Item, Self::Mapping, Self::Message]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.reason)
    }
}

impl std::error::Error for Refusal {}

/// Undoes the raw block format of snappy. The length is declared by the sender, so it is checked before
/// anything is allocated, against the limit (413) and against what so many bytes can hold at most (400): the
/// densest element is a copy of 64 bytes written in 3.
pub(crate) fn unsnap(body: &[u8], max: usize) -> Result<Vec<u8>, Refusal> {
    let corrupt = |problem: String| Refusal::bad_request(format!("the body is not raw snappy: {problem}"));
    let declared = snap::raw::decompress_len(body).map_err(|error| corrupt(error.to_string()))?;
    if declared > body.len().saturating_mul(22) {
        return Err(corrupt(format!("{} bytes cannot hold the {declared} that they declare", body.len())));
    }
    if declared > max {
        let reason = format!("the body has {declared} bytes when decompressed, at most {max} are accepted");
        return Err(Refusal::new(413, reason));
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(|error| corrupt(error.to_string()))
}

/// Takes a query apart and undoes its escapes; `+` is a space. What is not valid UTF-8 is replaced.
/// Only the first 1,000 pairs are taken.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .take(1_000)
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape(name, true), unescape(value, true))
        })
        .collect()
}

/// Undoes percent escapes; a `%` that starts none stays. What is not valid UTF-8 is replaced.
pub(crate) fn unescape(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digit = |index: usize| bytes.get(index).and_then(|&b| char::from(b).to_digit(16));
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
                continue;
            }
            (b'+', ..) if plus_is_space => out.push(b' '),
            _ => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn first<'a>(list: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let (_, value) = list.iter().find(|(key, _)| key == name)?;
    Some(value.trim()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_taken_apart() {
        let list = pairs("stm=17&a%20b=c+d&&flag&bad=%zz%4&x=%E4%BD%A0");
        let list: Vec<_> = list.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(list, [("stm", "17"), ("a b", "c d"), ("flag", ""), ("bad", "%zz%4"), ("x", "你")]);
        assert_eq!(unescape("%ff+", false), "\u{fffd}+");
    }
}
