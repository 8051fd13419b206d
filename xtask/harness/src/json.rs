//! JSON with numbers kept as they were written, because vectors tell 1 from 1.0 and integers may be of any size.

use std::fmt;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// As written.
    Number(String),
    String(String),
    Array(Vec<Json>),
    /// In the order they were written.
    Object(Vec<(String, Json)>),
}

/// Nesting deeper than this is refused.
const MAX_DEPTH: usize = 128;

impl Json {
    /// Reads a whole text.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(0)?;
        reader.space();
        if reader.at == text.len() { Ok(value) } else { Err(reader.error("more than one value")) }
    }

    /// The member of an object; null counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value)
                .filter(|v| **v != Self::Null),
            _ => None,
        }
    }

    /// The member of an object, to be changed.
    pub(crate) fn member_mut(&mut self, key: &str) -> Option<&mut Self> {
        match self {
            Self::Object(members) => members.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a string.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a string member.
    pub(crate) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// An integer.
    pub(crate) fn int(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.parse().ok(),
            _ => None,
        }
    }

    /// A number member as u64; 0 when it is absent.
    pub(crate) fn count(&self, key: &str) -> u64 {
        self.get(key).and_then(Self::int).and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
    }

    /// The elements of an array, nothing for other kinds.
    pub(crate) fn elements(&self) -> &[Self] {
        match self {
            Self::Array(elements) => elements,
            _ => &[],
        }
    }

    /// The members of an object, nothing for other kinds.
    pub(crate) fn members(&self) -> &[(String, Self)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    /// The same value with the members of every object sorted by name.
    pub(crate) fn sorted(self) -> Self {
        match self {
            Self::Array(elements) => Self::Array(elements.into_iter().map(Self::sorted).collect()),
            Self::Object(members) => {
                let mut members: Vec<_> =
                    members.into_iter().map(|(key, value)| (key, value.sorted())).collect();
                members.sort_by(|a, b| a.0.cmp(&b.0));
                Self::Object(members)
            }
            other => other,
        }
    }

    /// What makes the two differ, as `path: expected …, got …`. The order of members does not matter, 1 equals 1.0.
    pub(crate) fn difference(expected: &Self, got: &Self, path: &str) -> Option<String> {
        match (expected, got) {
            (Self::Array(a), Self::Array(b)) if a.len() == b.len() => a
                .iter()
                .zip(b)
                .enumerate()
                .find_map(|(i, (a, b))| Self::difference(a, b, &format!("{path}[{i}]"))),
            (Self::Array(a), Self::Array(b)) => {
                Some(format!("{path}: expected {} elements, got {}", a.len(), b.len()))
            }
            (Self::Object(a), Self::Object(b)) => {
                let member = |members: &[(String, Self)], key: &str| {
                    members.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
                };
                let missing = a.iter().find_map(|(key, value)| match member(b, key) {
                    Some(other) => Self::difference(value, &other, &format!("{path}.{key}")),
                    None => Some(format!("{path}.{key}: expected {value}, got nothing")),
                });
                missing.or_else(|| {
                    b.iter()
                        .find(|(key, _)| member(a, key).is_none())
                        .map(|(key, value)| format!("{path}.{key}: expected nothing, got {value}"))
                })
            }
            (Self::Number(a), Self::Number(b)) if same_number(a, b) => None,
            (a, b) if a == b => None,
            (a, b) => Some(format!("{path}: expected {a}, got {b}")),
        }
    }
}

/// Compact JSON.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => f.write_str(number),
            Self::String(text) => write_string(f, text),
            Self::Array(elements) => {
                f.write_str("[")?;
                for (i, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if i == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (i, (key, value)) in members.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { "," })?;
                    write_string(f, key)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn write_string(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            c if c < ' ' => write!(f, "\\u{:04x}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

/// Integers are equal by their digits, everything else as doubles.
fn same_number(a: &str, b: &str) -> bool {
    let is_int = |text: &str| !text.contains(['.', 'e', 'E']);
    let zero = |text: &str| text == "-0";
    if is_int(a) && is_int(b) && !zero(a) && !zero(b) {
        return a == b;
    }
    matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn error(&self, what: &str) -> String {
        format!("JSON, byte {}: {what}", self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), String> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.error(&format!("expected `{}`", char::from(byte))))
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, String> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.error("not a value"))
    }

    fn value(&mut self, depth: usize) -> Result<Json, String> {
        if depth > MAX_DEPTH {
            return Err(self.error("nested too deeply"));
        }
        self.space();
        match self.peek() {
            Some(b'n') => self.word("null", Json::Null),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'"') => self.string().map(Json::String),
            Some(b'[') => {
                self.at += 1;
                let mut elements = Vec::new();
                self.space();
                if self.peek() == Some(b']') {
                    self.at += 1;
                    return Ok(Json::Array(elements));
                }
                loop {
                    elements.push(self.value(depth + 1)?);
                    self.space();
                    if self.peek() == Some(b',') {
                        self.at += 1;
                        continue;
                    }
                    self.expect(b']')?;
                    return Ok(Json::Array(elements));
                }
            }
            Some(b'{') => {
                self.at += 1;
                let mut members = Vec::new();
                self.space();
                if self.peek() == Some(b'}') {
                    self.at += 1;
                    return Ok(Json::Object(members));
                }
                loop {
                    self.space();
                    let key = self.string()?;
                    self.space();
                    self.expect(b':')?;
                    members.push((key, self.value(depth + 1)?));
                    self.space();
                    if self.peek() == Some(b',') {
                        self.at += 1;
                        continue;
                    }
                    self.expect(b'}')?;
                    return Ok(Json::Object(members));
                }
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.error("not a value")),
        }
    }

    fn number(&mut self) -> Result<Json, String> {
        let start = self.at;
        while matches!(self.peek(), Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')) {
            self.at += 1;
        }
        let number = &self.text[start..self.at];
        let digits = number.strip_prefix('-').unwrap_or(number).as_bytes();
        let starts_well = match digits {
            [b'0'] => true,
            [b'0', next, ..] => !next.is_ascii_digit(),
            [first, ..] => first.is_ascii_digit(),
            [] => false,
        };
        if !starts_well || number.parse::<f64>().is_err() || number.ends_with('.') || number.contains(".e") {
            return Err(self.error("not a number"));
        }
        Ok(Json::Number(number.to_owned()))
    }

    fn string(&mut self) -> Result<String, String> {
        self.expect(b'"')?;
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.find(['"', '\\']).ok_or_else(|| self.error("a string that does not end"))?;
            if rest[..plain].bytes().any(|b| b < b' ') {
                return Err(self.error("a bare control character in a string"));
            }
            text += &rest[..plain];
            self.at += plain + 1;
            if rest.as_bytes()[plain] == b'"' {
                return Ok(text);
            }
            let escape = self.peek().ok_or_else(|| self.error("a string that does not end"))?;
            self.at += 1;
            text.push(match escape {
                b'"' => '"',
                b'\\' => '\\',
                b'/' => '/',
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'u' => self.unicode()?,
                _ => return Err(self.error("an unknown escape")),
            });
        }
    }

    /// The character of a `\u` escape, or of the two of a surrogate pair; U+FFFD for half a pair, as in the crate.
    fn unicode(&mut self) -> Result<char, String> {
        let first = self.hex()?;
        let after = self.at;
        if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u") {
            self.at += 2;
            let second = self.hex()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = after;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self) -> Result<u32, String> {
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        code.ok_or_else(|| format!("JSON, byte {}: four hex digits expected", self.at - 4))
    }
}

#[cfg(test)]
mod tests {
    use super::Json;

    fn parse(text: &str) -> Json {
        Json::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn values_are_read_and_written() {
        let text = r#"{"a":[1,1.0,-2.5e-07,"\u00e9\ud83d\ude00\n"],"b":{},"c":[],"d":null,"e":true}"#;
        assert_eq!(
            parse(text).to_string(),
            "{\"a\":[1,1.0,-2.5e-07,\"é😀\\u000a\"],\"b\":{},\"c\":[],\"d\":null,\"e\":true}"
        );
        assert_eq!(parse(r#""\ud83d\ud83d\ude00\udc00x""#), Json::String("\u{fffd}😀\u{fffd}x".to_owned()));
        for bad in ["", "[1,]", "{\"a\"}", "01", "1.", "nul", "\"\\uzzzz\"", "[1] 2", "\"a\nb\""] {
            assert!(Json::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn differences_name_the_place() {
        let difference = |a: &str, b: &str| Json::difference(&parse(a), &parse(b), "body");
        assert_eq!(difference("{\"a\":1,\"b\":2}", "{\"b\":2.0,\"a\":1}"), None);
        assert_eq!(
            difference("9007199254740993", "9007199254740992").as_deref(),
            Some("body: expected 9007199254740993, got 9007199254740992")
        );
        assert_eq!(
            difference("[{\"a\":1}]", "[{\"a\":\"1\"}]").as_deref(),
            Some("body[0].a: expected 1, got \"1\"")
        );
        assert_eq!(difference("{}", "{\"x\":1}").as_deref(), Some("body.x: expected nothing, got 1"));
        assert_eq!(difference("{\"x\":null}", "{}").as_deref(), Some("body.x: expected null, got nothing"));
    }
}
