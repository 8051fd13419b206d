//! What an application sends: one message to a stream of a group.

use std::borrow::Cow;

use super::check;
use super::options::PAGE;
use crate::{Invalid, InvalidKind};

/// A message to a stream of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    pub(crate) group: Cow<'a, str>,
    pub(crate) stream: Cow<'a, str>,
    pub(crate) body: Cow<'a, [u8]>,
    pub(crate) time: Option<u64>,
    pub(crate) attributes: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// The most bytes of the ids and the attributes of a message together, as they stand in a frame. Servers read the length
/// of all attributes as a signed number of 16 bits, and an answer that repeats them must stay below 32 KiB.
pub const MAX_ATTRIBUTES: usize = 16_384;

impl<'a> Message<'a> {
    /// A message of these bytes.
    pub fn new(
        group_id: impl Into<Cow<'a, str>>,
        stream_id: impl Into<Cow<'a, str>>,
        body: impl Into<Body<'a>>,
    ) -> Self {
        Self {
            group: group_id.into(),
            stream: stream_id.into(),
            body: body.into().0,
            time: None,
            attributes: Vec::new(),
        }
    }

    /// When what it tells of happened, ms since the Unix epoch. Default: when it is sent. A frame says it once for all its
    /// messages, type 7 in seconds, the others and the HTTP endpoint in ms, so messages of different times go in different
    /// frames; with attributes for each message (type 6, or bit 1 of `extend_field`) it stands there, and they go together.
    #[must_use]
    pub fn time(mut self, ms: u64) -> Self {
        self.time = Some(ms);
        self
    }

    /// Adds an attribute: ASCII without control characters, `&` and `=`. Messages with different attributes go in
    /// different frames, unless each message has its own in the frame (see [`time`](Self::time)).
    #[must_use]
    pub fn attribute(mut self, key: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        self.attributes.push((key.into(), value.into()));
        self
    }

    /// Whether the ids can be.
    pub(crate) fn check_ids(&self) -> Result<(), Invalid> {
        check::group_id(&self.group)?;
        check::text("stream_id", &self.stream)
    }

    /// What else does not depend on the client's options.
    pub(crate) fn check(&self) -> Result<(), Invalid> {
        if self.body.is_empty() {
            let hint = "an empty message is no message to the server: leave it out";
            return Err(Invalid::new("message", InvalidKind::Empty, hint));
        }
        // The shell takes none in pages.
        if PAGE {
            return Ok(());
        }
        if self.time.is_some_and(|ms| ms / 1_000 > u64::from(u32::MAX)) {
            let hint = "ms since the Unix epoch, before the year 2106: frames have no room for more";
            return Err(Invalid::new("time", InvalidKind::OutOfRange, hint));
        }
        let mut bytes = self.group.len() + self.stream.len();
        for (place, (key, value)) in self.attributes.iter().enumerate() {
            check::attribute(key, value)?;
            bytes += key.len() + value.len() + 2;
            if self.attributes[..place].iter().any(|(other, _)| other == key) {
                let hint = "it is there twice, which the server refuses";
                return Err(Invalid::new(["attributes.", key].concat(), InvalidKind::Malformed, hint));
            }
        }
        if bytes > MAX_ATTRIBUTES {
            let hint = "ids and attributes have at most 16,384 bytes together";
            return Err(Invalid::new("attributes", InvalidKind::TooLarge, hint));
        }
        Ok(())
    }
}

/// The bytes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body<'a>(Cow<'a, [u8]>);

impl<'a> From<&'a str> for Body<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text.as_bytes()))
    }
}

impl From<String> for Body<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text.into_bytes()))
    }
}

impl<'a> From<&'a [u8]> for Body<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(Cow::Borrowed(bytes))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Body<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self(Cow::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for Body<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Cow::Owned(bytes))
    }
}

impl<'a> From<Cow<'a, [u8]>> for Body<'a> {
    fn from(bytes: Cow<'a, [u8]>) -> Self {
        Self(bytes)
    }
}
