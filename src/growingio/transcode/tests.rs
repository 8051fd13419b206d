//! The transcoder against the long way: read an event, then encode it.

mod generate;

use super::*;
use crate::Event;
use crate::destination::Destination;
use crate::growingio::Format;
use crate::growingio::Options;
use generate::Rng;

const NOW: Now = Now { mono: 7, wall: 1_700_000_000_123 };

const FORMATS: [Format; 6] = [
    Format::Json,
    Format::JsonSnappy,
    Format::JsonSnappyCrypt,
    Format::Protobuf,
    Format::ProtobufSnappyCrypt,
    Format::Simple,
];

/// Every format, with validation and without.
fn destinations() -> Vec<GrowingIo> {
    let mut destinations = Vec::new();
    for format in FORMATS {
        for validate in [true, false] {
            let mut options = Options::new("project \"one\"", "data\\source ü", "http://localhost");
            options.format = format;
            options.validate = validate;
            if format == Format::Simple {
                (options.platform, options.sdk_version) = (None, Some(String::new()));
            }
            destinations.push(GrowingIo::new(&options).unwrap());
        }
    }
    destinations
}

type Told = std::result::Result<(Lane, Vec<u8>), Invalid>;

fn long_way(destination: &GrowingIo, text: &str) -> Told {
    let event = Event::from_json(text)?;
    let lane = destination.route(&event)?;
    let mut out = Vec::new();
    destination.encode(&event, NOW, &mut out)?;
    Ok((lane, out))
}

fn short_way(destination: &GrowingIo, text: &str) -> Told {
    let mut out = b"before".to_vec();
    let lane = destination.transcode(text, NOW, &mut out)?;
    assert!(out.starts_with(b"before"));
    Ok((lane, out.split_off(6)))
}

/// The members of a JSON object, each as it is written, sorted.
fn members(record: &[u8]) -> Vec<&[u8]> {
    let inner = record.strip_prefix(b"{").unwrap().strip_suffix(b"}").unwrap();
    let (mut members, mut start, mut depth, mut quoted, mut escaped) = (Vec::new(), 0, 0, false, false);
    for (at, byte) in inner.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => {
                members.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    members.push(&inner[start..]);
    members.sort_unstable();
    members
}

#[track_caller]
fn compare(destination: &GrowingIo, text: &str) -> bool {
    let (expected, seen) = (long_way(destination, text), short_way(destination, text));
    // Enough to know it by.
    let text = text.get(..2_000).unwrap_or(text);
    let format = destination.format;
    match (&expected, &seen) {
        (Ok((lane, record)), Ok((seen_lane, seen_record))) => {
            let same = match format.is_protobuf() {
                true => record == seen_record,
                false => record == seen_record || members(record) == members(seen_record),
            };
            assert!(
                lane == seen_lane && same,
                "{format:?} of {text:?}\nexpected {}\nseen     {}",
                record.escape_ascii(),
                seen_record.escape_ascii()
            );
            true
        }
        (Err(expected), Err(seen)) => {
            assert_eq!((expected.kind, &expected.field), (seen.kind, &seen.field), "{format:?} of {text:?}");
            assert!(!seen.hint.is_empty());
            false
        }
        _ => panic!("{format:?} of {text:?}\nexpected {expected:?}\nseen     {seen:?}"),
    }
}

/// `TRANSCODE_CASES` says how many, `TRANSCODE_SEED` where to begin.
#[test]
fn generated_texts_are_taken_as_by_the_long_way() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let cases: u64 = number("TRANSCODE_CASES").unwrap_or(4_000);
    let seed: u64 = number("TRANSCODE_SEED").unwrap_or(1);
    let destinations = destinations();
    let mut taken = 0;
    for case in 0..cases {
        let mut rng = Rng::new(seed.wrapping_add(case));
        let text = rng.text();
        // JSON and protobuf, with validation and without.
        let (json, protobuf) = ([0, 2, 4, 10][case as usize % 4], [6, 8][case as usize % 2]);
        for at in [json, json + 1, protobuf, protobuf + 1] {
            taken += u64::from(compare(&destinations[at], &text));
        }
    }
    let share = taken as f64 / (4 * cases) as f64;
    assert!((0.1..0.9).contains(&share), "{share} were valid: that tests one side only");
}

#[test]
fn the_vectors_calls_are_taken_as_by_the_long_way() {
    let destinations = destinations();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/growingio");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let vector: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for call in vector["calls"].as_array().unwrap() {
            let Some(args) = call["args"].as_object() else { continue };
            let mut event = serde_json::Map::new();
            for (name, value) in args {
                let key = match name.as_str() {
                    "event_name" => "track",
                    "event_time" => "time",
                    "login_user_id" => "user",
                    "login_user_key" => "user_key",
                    "anonymous_id" => "anonymous",
                    "item_id" => "item",
                    "item_key" => "key",
                    "identities" => "mapping",
                    "attributes_map" => "attributes",
                    other => other,
                };
                event.insert(key.to_owned(), value.clone());
            }
            let text = serde_json::Value::Object(event).to_string();
            for destination in &destinations {
                compare(destination, &text);
            }
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}

#[test]
fn texts_that_are_rarely_generated() {
    let deep = |levels: usize, open: &str, close: &str| {
        let value = open.repeat(levels) + "1" + &close.repeat(levels);
        format!("{{\"track\":\"t\",\"user\":\"u\",\"attributes\":{{\"x\":{value}}}}}")
    };
    let keys = |count: usize, last: usize| {
        let members: Vec<String> = (0..count).chain([last]).map(|n| format!("\"k{n}\":{n}")).collect();
        format!("{{\"track\":\"t\",\"user\":\"u\",\"attributes\":{{{}}}}}", members.join(","))
    };
    let mut texts = vec![
        deep(62, "[", "]"),
        deep(63, "[", "]"),
        deep(62, "{\"a\":", "}"),
        deep(63, "{\"a\":", "}"),
        format!("{{\"attributes\":{{\"x\":{}", "[".repeat(1_000_000)),
        "[".repeat(1_000_000),
        "{\"a\":".repeat(1_000_000),
        keys(10_000, 10_000),
        keys(10_000, 5_000),
        format!("{{\"{}\":1}}", "ä".repeat(100_000)),
        format!(
            "{{\"track\":\"t\",\"user\":\"u\",\"attributes\":{{\"{}\":\"\\u0000{}\"}}}}",
            "k".repeat(20_000),
            "v".repeat(3_000_000)
        ),
        format!(
            "{{\"track\":\"t\",\"user\":\"u\",\"attributes\":{{\"n\":0.{}1e+60000}}}}",
            "0".repeat(59_999)
        ),
        format!("{{\"track\":\"t\",\"user\":\"u\",\"attributes\":{{\"n\":1{}e-60000}}}}", "0".repeat(60_000)),
    ];
    for len in 0..60 {
        texts.push("{\"\":0,\"a\":[1,{\"b\":null}],\"attributes\":{\"x\":-1.5e3}}"[..len.min(51)].to_owned());
    }
    for destination in &destinations() {
        for text in &texts {
            compare(destination, text);
        }
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let destination = &destinations()[0];
    for (text, message) in [
        ("", "`json` cannot be read: byte 0: no JSON object from here on"),
        ("{\"track\":\"a\"", "`json` cannot be read: byte 12: no JSON object from here on"),
        ("{\"track\":\"a\"} {}", "`json` cannot be read: byte 14: no JSON object from here on"),
        (
            "{\"track\":\"a\u{1}\"}",
            "`json` cannot be read: byte 11: a control character; escape it, e.g. \\n",
        ),
        (
            "{\"track\":\"a\",\"attributes\":{\"x\\u0000\":[1e999]}}",
            "`attributes.x\0` is not a finite number: a double reaches to 1.8e308; give a string",
        ),
        (
            "{\"item\":\"a\",\"user_key\":\"b\"}",
            "`user_key` is not a known field: an item takes `item`, `key` and `attributes`",
        ),
    ] {
        assert_eq!(short_way(destination, text).unwrap_err().to_string(), message);
    }
}
