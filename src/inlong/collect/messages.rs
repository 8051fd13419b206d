//! The messages of a pack as records.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::attributes::lenient;
use super::{MAX_MESSAGES, MAX_PLAIN, object};
use crate::received::{Entry, Kind, Records, Span, json};

/// One message: its bytes, and its own attributes where the layout has them.
pub(super) type Message<'a> = (&'a [u8], Option<&'a [u8]>);

/// What all records of a pack have in common.
pub(super) struct Common {
    pub(super) name: String,
    /// Milliseconds since the Unix epoch.
    pub(super) time: i64,
    pub(super) attributes: Vec<(String, String)>,
}

/// `len(4) message` repeated, with `len(4) attributes` behind each when `is_paired`. `None` when that is not what the
/// bytes are, or when they are too many.
pub(super) fn items(body: &[u8], is_paired: bool) -> Option<Vec<Message<'_>>> {
    let mut found = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let message = take(&mut rest)?;
        let own = if is_paired { Some(take(&mut rest)?) } else { None };
        found.push((message, own));
        if found.len() > MAX_MESSAGES {
            return None;
        }
    }
    Some(found)
}

/// `len(4)` and so many bytes.
pub(super) fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, behind) = rest.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
    let (found, behind) = behind.split_at_checked(len)?;
    *rest = behind;
    Some(found)
}

/// The lines, when they are as many as the sender says; else all as one message, as one may hold a line feed itself.
pub(super) fn lines(body: &[u8], count: usize) -> Vec<Message<'_>> {
    let lines = body.iter().filter(|byte| **byte == b'\n').count() + 1;
    if lines != count || lines > MAX_MESSAGES {
        return vec![(body, None)];
    }
    body.split(|byte| *byte == b'\n').map(|line| (line, None)).collect()
}

/// A record for each message.
pub(super) fn records(messages: &[Message<'_>], common: &Common) -> Records {
    let mut list = List::new(common);
    for (message, own) in messages {
        list.add(own.map(|own| String::from_utf8_lossy(own)).as_deref(), |out| {
            match std::str::from_utf8(message) {
                Ok(text) => {
                    out.push_str("{\"text\":");
                    json::string(text, out);
                }
                Err(_) => base64(message, out),
            }
        });
    }
    Records::new(list.text, list.entries)
}

/// One record for a body that was accepted and cannot be taken apart.
pub(super) fn opaque(body: &[u8], problem: &str, common: &Common) -> Records {
    let mut list = List::new(common);
    list.add(None, |out| {
        base64(body, out);
        out.push_str(",\"problem\":");
        json::string(problem, out);
    });
    Records::new(list.text, list.entries)
}

/// Undoes raw snappy within [`MAX_PLAIN`].
pub(super) fn unsnap(body: &[u8]) -> Result<Vec<u8>, String> {
    crate::received::unsnap(body, MAX_PLAIN).map_err(|refusal| refusal.reason)
}

struct List<'a> {
    common: &'a Common,
    text: String,
    entries: Vec<Entry>,
    name: Span,
    attributes: Span,
}

impl<'a> List<'a> {
    fn new(common: &'a Common) -> Self {
        let mut text = common.name.clone();
        let name = Span::new(0, text.len());
        text.push_str(&object(&common.attributes));
        let attributes = Span::new(common.name.len(), text.len() - common.name.len());
        Self { common, text, entries: Vec::new(), name, attributes }
    }

    /// `raw` writes all of the object but its end.
    fn add(&mut self, own: Option<&str>, raw: impl FnOnce(&mut String)) {
        let mut attributes = self.attributes;
        if let Some(own) = own.filter(|own| !own.is_empty()) {
            let mut all = self.common.attributes.clone();
            // Those of the pack go before.
            let is_new =
                |(key, _): &(String, String)| self.common.attributes.iter().all(|(known, _)| known != key);
            all.extend(lenient(own).filter(is_new));
            let start = self.text.len();
            self.text.push_str(&object(&all));
            attributes = Span::new(start, self.text.len() - start);
        }
        let start = self.text.len();
        raw(&mut self.text);
        self.text.push('}');
        self.entries.push(Entry {
            kind: Kind::Message,
            name: self.name,
            user: Span::NONE,
            anonymous: Span::NONE,
            time: Some(self.common.time),
            attributes,
            raw: Span::new(start, self.text.len() - start),
        });
    }
}

fn base64(bytes: &[u8], out: &mut String) {
    out.push_str("{\"base64\":\"");
    STANDARD.encode_string(bytes, out);
    out.push('"');
}
