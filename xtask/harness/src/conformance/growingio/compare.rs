//! Comparing what arrived with what a case expects.

use std::collections::BTreeMap;

use super::calls::Seen;
use super::decode::{Decoded, decode};
use super::vector::{Expected, Peer, Raised, Vector};
use crate::capture::{Answer, Request};
use crate::json::Json;

/// Headers of the protocol: these must be as listed, and absent when they are not.
const PROTOCOL: [&str; 4] = ["content-type", "x-compress-codec", "x-crypt-codec", "x-timestamp"];

/// Says what differs.
pub(super) fn compare(vector: &Vector, seen: &Seen) -> Result<(), String> {
    raised(vector, seen)?;
    if let Some(late) = &seen.late {
        return Err(late.clone());
    }
    let mut requests = Vec::new();
    for request in &seen.requests {
        let decoded = decode(request).map_err(|why| format!("a request to {}: {why}", request.path))?;
        requests.push((request, decoded));
    }
    once_each(vector, seen)?;
    match vector.peer {
        Peer::Python => by_request(vector, requests),
        Peer::Java => by_record(vector, &requests),
    }
}

/// Where every request was accepted, every event went out exactly once.
fn once_each(vector: &Vector, seen: &Seen) -> Result<(), String> {
    if !vector.answers.iter().all(|answer| matches!(answer, Answer::Status(200..=299))) {
        return Ok(());
    }
    let mut sent = 0;
    for request in &seen.at_end {
        sent += records(&decode(request)?.body).len();
    }
    if sent == seen.taken {
        Ok(())
    } else {
        Err(format!("{} events were taken, {sent} were sent", seen.taken))
    }
}

fn raised(vector: &Vector, seen: &Seen) -> Result<(), String> {
    let calls: Vec<usize> = seen.raised.iter().map(|(call, _)| *call).collect();
    let list =
        || seen.raised.iter().map(|(call, why)| format!("call {call}: {why}")).collect::<Vec<_>>().join("; ");
    match (&vector.raised, vector.peer) {
        (Some(Raised::Calls(expected)), _) if *expected != calls => {
            Err(format!("calls {expected:?} must raise, but {calls:?} did ({})", list()))
        }
        (Some(Raised::Count(expected)), _) if *expected != calls.len() => {
            Err(format!("{expected} calls must raise, but {} did ({})", calls.len(), list()))
        }
        (None, Peer::Python) if !calls.is_empty() => Err(list()),
        _ => Ok(()),
    }
}

/// Every expected request arrived once, in any order, and nothing else did.
fn by_request(vector: &Vector, mut requests: Vec<(&Request, Decoded)>) -> Result<(), String> {
    let arrived = requests.len();
    let mut missing = Vec::new();
    for expected in &vector.expected {
        let found =
            requests.iter().position(|(request, decoded)| difference(expected, request, decoded).is_none());
        match found {
            Some(found) => drop(requests.remove(found)),
            None => missing.push(expected),
        }
    }
    if let Some(expected) = missing.first() {
        // The closest is the one of the same path that is left.
        let closest = requests.iter().find(|(request, _)| request.path == expected.path).or(requests.first());
        let why = closest.and_then(|(request, decoded)| difference(expected, request, decoded));
        let why = why.unwrap_or_else(|| format!("no request to {} arrived", expected.path));
        return Err(format!("{why} ({} requests expected, {arrived} arrived)", vector.expected.len()));
    }
    match requests.first() {
        None => Ok(()),
        Some((request, decoded)) => Err(format!(
            "{arrived} requests arrived, {} expected; one too many: {} {}",
            vector.expected.len(),
            request.path,
            decoded.body
        )),
    }
}

fn difference(expected: &Expected, request: &Request, decoded: &Decoded) -> Option<String> {
    head(expected, request, decoded).or_else(|| Json::difference(&expected.body, &decoded.body, "body"))
}

/// Everything but the body's value.
fn head(expected: &Expected, request: &Request, decoded: &Decoded) -> Option<String> {
    let differs = |what: &str, expected: &str, got: &str| {
        (expected != got).then(|| format!("{what}: expected {expected}, got {got}"))
    };
    let query = |pairs: &[(String, String)]| {
        let mut pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        pairs.sort();
        pairs.join("&")
    };
    // A `stm` that the case lacks is right for every peer.
    let mut got = request.query.clone();
    if !expected.query.iter().any(|(key, _)| key == "stm") {
        got.retain(|(key, value)| {
            key != "stm" || value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit())
        });
    }
    differs("method", &expected.method, &request.method)
        .or_else(|| differs("path", &expected.path, &request.path))
        .or_else(|| differs("query", &query(&expected.query), &query(&got)))
        .or_else(|| {
            let listed = expected.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
            let names = listed.chain(PROTOCOL.iter().map(|name| (*name).to_owned()));
            names.into_iter().find_map(|name| {
                let absent = "no such header";
                let got = request.header(&name).unwrap_or(absent);
                differs(&name, expected.header(&name).unwrap_or(absent), got)
            })
        })
        .or_else(|| differs("format", &expected.format, decoded.format))
        .or_else(|| differs("layers", &expected.layers.join(", "), &decoded.layers.join(", ")))
}

/// The records of each path are the same, in any order and however they are spread over requests.
fn by_record(vector: &Vector, requests: &[(&Request, Decoded)]) -> Result<(), String> {
    for (request, decoded) in requests {
        let same_path = vector.expected.iter().find(|expected| expected.path == request.path);
        let expected =
            same_path.ok_or_else(|| format!("a request to {}, where none is expected", request.path))?;
        if let Some(why) = head(expected, request, decoded) {
            return Err(why);
        }
    }
    let mut left: BTreeMap<&str, Vec<Json>> = BTreeMap::new();
    for (request, decoded) in requests {
        left.entry(&request.path).or_default().extend(records(&decoded.body));
    }
    for expected in &vector.expected {
        let left = left.entry(&expected.path).or_default();
        for record in records(&expected.body) {
            match left.iter().position(|other| Json::difference(&record, other, "").is_none()) {
                Some(found) => drop(left.remove(found)),
                None => {
                    let why = left.first().and_then(|other| Json::difference(&record, other, "record"));
                    return Err(why.unwrap_or_else(|| format!("{}: missing {record}", expected.path)));
                }
            }
        }
    }
    match left.iter().find_map(|(path, records)| Some((path, records.first()?))) {
        None => Ok(()),
        Some((path, record)) => Err(format!("{path}: one record too many: {record}")),
    }
}

/// The records of a body of either form, without `gio_id`, which is that peer's copy of the user id.
fn records(body: &Json) -> Vec<Json> {
    let list = body.get("values").unwrap_or(body).elements();
    let without = |record: &Json| {
        let members = record.members().iter().filter(|(key, _)| key != "gio_id" && key != "gioId");
        Json::Object(members.cloned().collect())
    };
    list.iter().map(without).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::calls::Seen;
    use super::super::vector::Vector;
    use super::compare;
    use crate::capture::Request;
    use crate::json::Json;

    /// What the peer itself put on the wire in a case, from the exact bytes that the case keeps.
    fn captured(text: &str, vector: &Vector) -> Result<Seen, String> {
        let file = Json::parse(text)?;
        let bodies = match file.get("expected") {
            Some(Json::Array(requests)) => requests.clone(),
            Some(request) => vec![request.clone()],
            None => Vec::new(),
        };
        let requests = vector.expected.iter().zip(&bodies).map(|(expected, json)| Request {
            method: expected.method.clone(),
            path: expected.path.clone(),
            query: expected.query.clone(),
            headers: expected.headers.clone(),
            body: base64(json.text_of("body_base64").unwrap_or_default()),
        });
        let requests: Vec<Request> = requests.collect();
        let taken = requests
            .iter()
            .filter_map(|request| super::decode(request).ok())
            .map(|decoded| super::records(&decoded.body).len());
        Ok(Seen { raised: Vec::new(), late: None, at_end: requests.clone(), taken: taken.sum(), requests })
    }

    fn base64(text: &str) -> Vec<u8> {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let sixes: Vec<u32> = text
            .bytes()
            .filter_map(|byte| ALPHABET.iter().position(|a| *a == byte))
            .map(|six| six as u32)
            .collect();
        let group = |group: &[u32]| {
            let bits = group.iter().enumerate().fold(0, |bits, (i, six)| bits | six << (18 - 6 * i));
            bits.to_be_bytes()[1..group.len()].to_vec()
        };
        sixes.chunks(4).flat_map(group).collect()
    }

    #[test]
    fn what_the_peers_sent_passes_and_a_change_to_it_does_not() -> Result<(), String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/growingio");
        let mut cases = 0;
        for entry in fs::read_dir(folder).map_err(|error| error.to_string())?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.ends_with(".json") {
                continue;
            }
            let text = fs::read_to_string(entry.path()).map_err(|error| error.to_string())?;
            let vector = Vector::parse(&text)?;
            let seen = captured(&text, &vector)?;
            compare(&vector, &seen).map_err(|why| format!("{name}: {why}"))?;
            if let Some(request) = seen.requests.first() {
                let mut twice = captured(&text, &vector)?;
                twice.requests.push(request.clone());
                assert!(compare(&vector, &twice).is_err(), "{name}: a request sent twice");
                let mut none = captured(&text, &vector)?;
                none.requests.remove(0);
                assert!(compare(&vector, &none).is_err(), "{name}: a request that is missing");
                let mut other = captured(&text.replace("\"content-type\"", "\"x-other\""), &vector)?;
                other.requests[0].headers.clear();
                assert!(compare(&vector, &other).is_err(), "{name}: headers that are missing");
            }
            cases += 1;
        }
        assert!(cases > 50, "{cases} cases");
        Ok(())
    }
}
