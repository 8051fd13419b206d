//! The vendor's configuration file, `{"init-param": {…}}`: every key is taken as it is, and what has no effect is named.

mod keys;

use std::borrow::Cow;
use std::fmt;

use self::keys::{DEAD, Kind, LIVE, OLD, Take};
use super::check::out_of_range;
use super::codes::SdkCode;
use super::options::{OptionError, Options};
use crate::Value;
use crate::codec::json_read::{Error, Problem, Reader};

/// Something in a configuration that an application should hear of, and that keeps nothing from working.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// The key.
    pub key: String,
    /// What there is to say.
    pub kind: NoticeKind,
    /// In words.
    pub text: Cow<'static, str>,
}

/// What a [`Notice`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoticeKind {
    /// The key is known and has no effect here.
    NoEffect,
    /// The key is of an older version, and has another name now or none.
    Renamed,
    /// Nobody knows the key.
    Unknown,
    /// The value means something else here than to the vendor's client.
    Different,
    /// A part of the cache file is left out.
    Unusable,
}

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The text is not JSON.
    NotJson {
        /// Where, in bytes from the start.
        at: usize,
        /// In which line that is, from 1.
        line: usize,
        /// At which character of the line, from 1.
        column: usize,
        /// What is wrong there.
        problem: Cow<'static, str>,
    },
    /// There is no object `init-param`.
    NoInitParam,
    /// A key stands twice.
    Duplicate {
        /// The key.
        key: String,
    },
    /// A value of the wrong type or out of range.
    Option(OptionError),
}

impl Options {
    /// Reads the vendor's configuration file. Keys of our own may stand in it too: `nodes` (`host:port` with commas
    /// between), `protocol`, `http_url`, `cache_file`, `attributes` (an object of texts), `is_ack`, `request_timeout`,
    /// `max_in_flight` and `max_age`.
    pub fn from_config(text: &str) -> Result<(Self, Vec<Notice>), ConfigError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        whole(text).map_err(|error| error.located(text))
    }
}

fn whole(text: &str) -> Result<(Options, Vec<Notice>), ConfigError> {
    let mut reader = Reader::new(text);
    let (mut options, mut notices, mut seen) = (Options::default(), Vec::new(), Vec::new());
    if !matches!(reader.peek(), Some(b'{') | None) {
        reader.value()?;
        reader.end()?;
        return Err(ConfigError::NoInitParam);
    }
    reader.open_object()?;
    let mut first = true;
    while let Some(key) = reader.key(&mut first)? {
        once(&mut seen, &key)?;
        if key != "init-param" {
            reader.value()?;
            let text = "is not read: options stand in `init-param`";
            notices.push(Notice::new(&key, NoticeKind::Unknown, text));
        } else if reader.peek() == Some(b'{') {
            init_param(&mut reader, &mut options, &mut notices)?;
        } else {
            reader.value()?;
            return Err(ConfigError::NoInitParam);
        }
    }
    reader.end()?;
    if !seen.iter().any(|key| key == "init-param") {
        return Err(ConfigError::NoInitParam);
    }
    options.check()?;
    Ok((options, notices))
}

fn init_param(
    reader: &mut Reader<'_>,
    options: &mut Options,
    notices: &mut Vec<Notice>,
) -> Result<(), ConfigError> {
    reader.open_object()?;
    let (mut first, mut seen) = (true, Vec::new());
    while let Some(key) = reader.key(&mut first)? {
        once(&mut seen, &key)?;
        let value = reader.value()?;
        if let Some((name, take)) = LIVE.iter().find(|(name, _)| *name == key) {
            set(options, name, take, &value, notices)?;
        } else if let Some((name, kind, why)) = DEAD.iter().find(|(name, ..)| *name == key) {
            let checked = match *kind {
                Kind::Flag => flag(name, &value).map(drop),
                Kind::Int(least, most) => int(name, &value, least, most).map(drop),
                Kind::Text => text_of(name, &value).map(drop),
                Kind::Any => Ok(()),
            };
            checked?;
            notices.push(Notice::new(&key, NoticeKind::NoEffect, *why));
        } else if let Some((_, now)) = OLD.iter().find(|(name, _)| *name == key) {
            notices.push(Notice::new(&key, NoticeKind::Renamed, *now));
        } else {
            notices.push(Notice::new(
                &key,
                NoticeKind::Unknown,
                "is not known and has no effect: look at its spelling",
            ));
        }
    }
    Ok(())
}

fn set(
    options: &mut Options,
    name: &'static str,
    take: &Take,
    value: &Value<'_>,
    notices: &mut Vec<Notice>,
) -> Result<(), OptionError> {
    match take {
        Take::Text(set) => set(options, text_of(name, value)?)?,
        Take::Flag(set) => set(options, flag(name, value)?)?,
        Take::Int(least, most, set) => set(options, int(name, value, *least, *most)?),
        Take::Texts(set) => set(options, texts(name, value)?),
    }
    if name == "enable_pack" && !options.enable_pack {
        let text = "is false: each message travels in a pack of its own, where the vendor's client packs in any case";
        notices.push(Notice::new(name, NoticeKind::Different, text));
    }
    Ok(())
}

fn flag(name: &'static str, value: &Value<'_>) -> Result<bool, OptionError> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        other => Err(wrong_type(name, other, "true or false")),
    }
}

fn int(name: &'static str, value: &Value<'_>, least: u64, most: u64) -> Result<u64, OptionError> {
    match value {
        Value::Int(int) => match u64::try_from(*int) {
            Ok(int) if (least..=most).contains(&int) => Ok(int),
            _ => Err(OptionError::new(name, out_of_range(int, least, most))),
        },
        Value::BigInt(_) => Err(OptionError::new(name, out_of_range("beyond all bounds", least, most))),
        other => Err(wrong_type(name, other, "a whole number")),
    }
}

fn text_of<'v>(name: &'static str, value: &'v Value<'_>) -> Result<&'v str, OptionError> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(wrong_type(name, other, "a text")),
    }
}

fn texts(name: &'static str, value: &Value<'_>) -> Result<Vec<(String, String)>, OptionError> {
    let Value::Map(pairs) = value else { return Err(wrong_type(name, value, "an object of texts")) };
    let text = |(key, value): &(Cow<'_, str>, Value<'_>)| match value {
        Value::String(text) => Ok((key.to_string(), text.to_string())),
        other => Err(OptionError::new(
            name,
            format!("has a `{}` that is {}: give a text", shown(key), kind(other)),
        )),
    };
    pairs.iter().map(text).collect()
}

fn wrong_type(name: &'static str, value: &Value<'_>, expected: &str) -> OptionError {
    OptionError::new(name, format!("is {}: give {expected}, or leave the key out", kind(value)))
}

/// What a value is; not the value itself, which may be a secret.
fn kind(value: &Value<'_>) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Int(_) | Value::BigInt(_) => "a whole number",
        Value::Double(_) => "a number with a fraction or an exponent",
        Value::String(_) => "a text",
        Value::List(_) => "a list",
        Value::Map(_) => "an object",
    }
}

fn once(seen: &mut Vec<String>, key: &str) -> Result<(), ConfigError> {
    if seen.iter().any(|other| other == key) {
        return Err(ConfigError::Duplicate { key: shown(key) });
    }
    seen.push(key.into());
    Ok(())
}

/// A key of a file as it may be printed.
fn shown(key: &str) -> String {
    key.chars().take(64).flat_map(char::escape_debug).collect()
}

impl Notice {
    pub(super) fn new(key: &str, kind: NoticeKind, text: impl Into<Cow<'static, str>>) -> Self {
        Self { key: shown(key), kind, text: text.into() }
    }
}

impl ConfigError {
    /// The vendor's return code of a configuration that cannot be used, 5.
    pub fn code(&self) -> i32 {
        SdkCode::ErrorInit.code()
    }

    /// Says in which line of the text it is.
    fn located(mut self, text: &str) -> Self {
        if let Self::NotJson { at, line, column, .. } = &mut self {
            let before = text.get(..*at).unwrap_or(text);
            let start = before.rfind('\n').map_or(0, |newline| newline + 1);
            *line = before.matches('\n').count() + 1;
            *column = before[start..].chars().count() + 1;
        }
        self
    }
}

impl From<OptionError> for ConfigError {
    fn from(error: OptionError) -> Self {
        Self::Option(error)
    }
}

impl From<Error> for ConfigError {
    fn from(error: Error) -> Self {
        let problem = match error.problem {
            Problem::Expected(what) => format!("{what} is expected").into(),
            Problem::ControlCharacter => "a control character within a text".into(),
            Problem::Escape => "an escape that JSON does not have".into(),
            Problem::NotFinite => "a number that is too large".into(),
            Problem::TooDeep => "too many levels".into(),
            Problem::Duplicate => "an object with a key twice".into(),
        };
        Self::NotJson { at: error.at, line: 1, column: error.at + 1, problem }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.key, self.text)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson { line, column, problem, .. } => {
                write!(f, "the configuration is not JSON: {problem}, in line {line} at character {column}")
            }
            Self::NoInitParam => {
                f.write_str("the configuration has no object `init-param`: {\"init-param\": {…}}")
            }
            Self::Duplicate { key } => write!(f, "`{key}` stands twice in the configuration: leave one out"),
            Self::Option(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests;
