//! What the collector keeps, against what the vendor's server handed on.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::vector::{Event, Record, Vector};
use super::OWN;
use crate::collector::Collector;
use crate::inlong::{attribute, attributes};
use crate::json::Json;

/// A message as both sides have it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    attributes: BTreeMap<String, String>,
    /// `None` where it could not be read.
    data: Option<Vec<u8>>,
}

/// Every pack was kept once, in order, with its messages, and nothing else was.
pub(super) fn compare(vector: &Vector, collector: &Collector) -> Result<(), String> {
    let Some(events) = &vector.events else { return Ok(()) };
    let mut packs: Vec<(u64, Vec<Held>)> = Vec::new();
    for record in collector.records("good", None)? {
        let id = record.get("request").map_or(0, |request| request.count("id"));
        let held = held(&record)?;
        match packs.last_mut() {
            Some((last, pack)) if *last == id => pack.push(held),
            _ => packs.push((id, vec![held])),
        }
    }
    for (at, (event, (_, kept))) in events.iter().zip(&packs).enumerate() {
        pack(event, kept).map_err(|why| format!("pack {at}: {why}"))?;
    }
    match (events.len(), packs.len()) {
        (expected, kept) if expected == kept => Ok(()),
        (expected, kept) => Err(format!("{expected} packs were handed on, the collector keeps {kept}")),
    }
}

/// One pack. The vendor's reader fails at some that the server hands on and pads others with zeros; the collector says of
/// such that they cannot be read.
fn pack(event: &Event, kept: &[Held]) -> Result<(), String> {
    if event.unreadable || kept.iter().any(|held| held.data.is_none()) {
        return Ok(());
    }
    let mut expected: Vec<Held> = event.records.iter().map(handed_on).collect();
    let mut kept = kept.to_vec();
    if let ([single], [first, ..]) = (&expected[..], &kept[..]) {
        // Where the server stores several as one text the collector shows each line.
        let count = single.attributes.get("cnt").and_then(|count| count.parse().ok());
        if kept.len() > 1 && count == Some(kept.len()) {
            let lines: Vec<&[u8]> = kept.iter().filter_map(|held| held.data.as_deref()).collect();
            kept = vec![Held { attributes: first.attributes.clone(), data: Some(lines.join(&b'\n')) }];
        }
    }
    if expected.first().is_some_and(|held| !held.attributes.contains_key("dt")) {
        kept.iter_mut().for_each(|held| drop(held.attributes.remove("dt")));
    }
    // The vendor's reader gives those with the same attributes one after the other.
    expected.sort_by(|a, b| a.attributes.cmp(&b.attributes));
    kept.sort_by(|a, b| a.attributes.cmp(&b.attributes));
    if expected == kept {
        Ok(())
    } else {
        Err(format!("expected {expected:?}, the collector keeps {kept:?}"))
    }
}

/// What the vendor's reader made of a message.
fn handed_on(record: &Record) -> Held {
    let listed = attributes(&record.attributes);
    // A time that the client did not give is the server's own.
    let own_time = attribute(&listed, "dt") == attribute(&listed, "rt");
    let kept = listed.iter().filter(|(key, _)| is_kept(key) && !(own_time && key == "dt"));
    Held { attributes: kept.cloned().collect(), data: Some(record.data.clone()) }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::super::vector::{Event, Record};
    use super::{Held, pack};

    fn held(data: &[u8], attributes: &str) -> Held {
        let attributes: BTreeMap<_, _> = crate::inlong::attributes(attributes).into_iter().collect();
        Held { attributes, data: Some(data.to_vec()) }
    }

    #[test]
    fn packs_are_the_same_up_to_lines_and_order() {
        let event = |records: &[(&str, &str)]| Event {
            records: records
                .iter()
                .map(|(data, attributes)| Record {
                    data: data.as_bytes().to_vec(),
                    attributes: (*attributes).to_owned(),
                })
                .collect(),
            unreadable: false,
        };
        let lines = event(&[("a\nb", "cnt=2&dt=1&rt=5")]);
        let kept = [held(b"a", "cnt=2&dt=1"), held(b"b", "cnt=2&dt=1")];
        assert_eq!(pack(&lines, &kept), Ok(()));
        assert!(pack(&lines, &kept[..1]).is_err());
        assert!(pack(&event(&[("a\nb", "cnt=3&dt=1")]), &kept).is_err());
        let grouped = event(&[("1", "k=1&dt=1"), ("3", "k=1&dt=1"), ("2", "k=2&dt=1")]);
        let kept = [held(b"1", "k=1&dt=1"), held(b"2", "k=2&dt=1"), held(b"3", "k=1&dt=1")];
        assert_eq!(pack(&grouped, &kept), Ok(()));
        let swapped = [held(b"3", "k=1&dt=1"), held(b"2", "k=2&dt=1"), held(b"1", "k=1&dt=1")];
        assert!(pack(&grouped, &swapped).is_err());
        assert!(pack(&event(&[("1", "k=1&dt=1")]), &[held(b"1", "k=2&dt=1")]).is_err());
        assert_eq!(pack(&Event { unreadable: true, ..event(&[]) }, &kept), Ok(()));
    }
}
