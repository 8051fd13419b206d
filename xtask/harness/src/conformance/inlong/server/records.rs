//! What the collector keeps, against what the vendor's server handed on.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::vector::{Event, Vector};
use super::OWN;
use crate::collector::Collector;
use crate::inlong::{attribute, attributes};
use crate::json::Json;

/// A message as both sides have it.
#[derive(Debug, PartialEq)]
struct Held {
    attributes: BTreeMap<String, String>,
    /// `None` where it could not be read.
    data: Option<Vec<u8>>,
}

/// Every message was kept once, in order, and nothing else was.
pub(super) fn compare(vector: &Vector, collector: &Collector) -> Result<(), String> {
    let Some(events) = &vector.events else { return Ok(()) };
    let expected: Vec<Held> = events.iter().flat_map(handed_on).collect();
    let mut kept = Vec::new();
    for record in collector.records("good", None)? {
        kept.push(held(&record)?);
    }
    for (at, (expected, kept)) in expected.iter().zip(&mut kept).enumerate() {
        if !expected.attributes.contains_key("dt") {
            kept.attributes.remove("dt");
        }
        if expected.attributes.is_empty() && expected.data.is_none() {
            kept.attributes.clear();
        }
        if expected != kept {
            return Err(format!("record {at}: expected {expected:?}, the collector keeps {kept:?}"));
        }
    }
    match (expected.len(), kept.len()) {
        (expected, kept) if expected == kept => Ok(()),
        (expected, kept) => Err(format!("{expected} records were handed on, the collector keeps {kept}")),
    }
}

/// The messages of a pack. Where the server stores several as one text the collector shows each line.
fn handed_on(event: &Event) -> Vec<Held> {
    if event.unreadable {
        return vec![Held { attributes: BTreeMap::new(), data: None }];
    }
    let mut all = Vec::new();
    for record in &event.records {
        let listed = attributes(&record.attributes);
        let lines: Vec<&[u8]> = record.data.split(|byte| *byte == b'\n').collect();
        let count = attribute(&listed, "cnt").and_then(|count| count.parse().ok()).unwrap_or(1);
        // A time that the client did not give is the server's own.
        let own_time = attribute(&listed, "dt") == attribute(&listed, "rt");
        let kept: BTreeMap<_, _> =
            listed.iter().filter(|(key, _)| is_kept(key) && !(own_time && key == "dt")).cloned().collect();
        let single = [&record.data[..]];
        let messages = if event.records.len() == 1 && lines.len() == count { &lines[..] } else { &single };
        all.extend(messages.iter().map(|data| Held { attributes: kept.clone(), data: Some(data.to_vec()) }));
    }
    all
}

/// A record of the collector.
fn held(record: &Json) -> Result<Held, String> {
    let raw = record.get("raw").ok_or_else(|| format!("a record without `raw`: {record}"))?;
    let data = match (raw.text_of("text"), raw.text_of("base64")) {
        _ if raw.get("problem").is_some() => None,
        (Some(text), _) => Some(text.as_bytes().to_vec()),
        (None, Some(base64)) => Some(BASE64_STANDARD.decode(base64).map_err(|error| error.to_string())?),
        (None, None) => return Err(format!("a record without a message: {record}")),
    };
    let listed = record.get("attributes").map(Json::members).unwrap_or_default().iter();
    let listed = listed.map(|(key, value)| (key.clone(), value.text().unwrap_or_default().to_owned()));
    Ok(Held { attributes: listed.filter(|(key, _)| is_kept(key)).collect(), data })
}

fn is_kept(key: &str) -> bool {
    !OWN.contains(&key)
}
