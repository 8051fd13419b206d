//! Whatever bytes come: no panic, and what is accepted can be read again. A corpus is replayed first; the
//! targets in `fuzz/` start from the same files and hold the same to be true.

use std::fs;
use std::path::PathBuf;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};
use trackwire::collector::Faults;
use trackwire::growingio::collect;
use trackwire::received::{Incoming, Receipt, Refusal, pairs};

const PROJECT: &str = "0a1b4118dd954ec3bcc69da5138bdb96";

/// The key of the XOR layer, as `stm` says it.
const KEY: u8 = 171;

/// One byte says where the rest is sent and how: which list, protobuf, snappy, XOR.
fn receive(input: &[u8]) -> Receipt {
    let (flags, body) = input.split_first().unwrap_or((&0, &[]));
    let path = match flags & 3 {
        1 => format!("/projects/{PROJECT}/collect/item"),
        2 => format!("/projects/{PROJECT}/collect/user-mapping"),
        _ => format!("/v3/projects/{PROJECT}/collect"),
    };
    let mut headers = Vec::new();
    let mut header = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
    header("content-type", if flags & 4 > 0 { "application/protobuf" } else { "application/json" });
    if flags & 8 > 0 {
        header("x-compress-codec", "2");
    }
    if flags & 16 > 0 {
        header("x-crypt-codec", "1");
    }
    let query = pairs("stm=171");
    collect::receive(&Incoming { method: "POST", path: &path, query: &query, headers: &headers, body })
}

/// What must hold of every receipt.
fn check(receipt: &Receipt) -> Result<(), String> {
    let records = match &receipt.result {
        Ok(records) => records,
        Err(Refusal { status: 400 | 413, reason }) if !reason.is_empty() && reason.len() < 1_000 => {
            return Ok(());
        }
        Err(refusal) => return Err(format!("an odd refusal: {refusal:?}")),
    };
    for record in records.iter() {
        let read =
            |text: &str| serde_json::from_str::<Value>(text).map_err(|error| format!("{error}: {text}"));
        if !read(record.raw)?.is_object() || !read(record.attributes)?.is_object() {
            return Err(format!("not an object: {record:?}"));
        }
    }
    Ok(())
}

pub(crate) fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

#[test]
fn the_corpus_of_requests() {
    let files = corpus("growingio");
    assert!(files.len() > 25);
    for (name, input) in files {
        let receipt = receive(&input);
        check(&receipt).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        assert_eq!(receipt.result.is_err(), name.starts_with("bad_"), "{name}: {:?}", receipt.result);
    }
}

#[test]
fn the_corpus_of_plans() {
    let files = corpus("faults");
    assert!(files.len() > 5);
    for (name, input) in files {
        let read = check_plan(&String::from_utf8(input).unwrap()).unwrap();
        assert_eq!(read, !name.starts_with("bad_"), "{name}");
    }
}

/// A plan that is taken is shown in a form that is taken again and means the same.
fn check_plan(text: &str) -> Result<bool, TestCaseError> {
    let faults = Faults::default();
    if faults.replace(text).is_err() {
        return Ok(false);
    }
    let shown = faults.left();
    prop_assert!(faults.replace(&shown).is_ok(), "{}", shown);
    prop_assert_eq!(faults.left(), shown);
    Ok(true)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Few digits: the reader of the tests is not exact in the last one.
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(".{0,6}", inner, 0..4).prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}

/// An event with its attributes, and perhaps something more.
fn event() -> impl Strategy<Value = Value> {
    let parts = (
        ".{0,20}",
        proptest::option::of(".{0,10}"),
        any::<i64>(),
        btree_map(".{0,8}", value(), 0..5),
        value(),
    );
    parts.prop_map(|(name, user, time, attributes, more)| {
        json!({"eventType": "CUSTOM", "eventName": name, "userId": user, "timestamp": time,
            "attributes": attributes, "more": more, "projectKey": PROJECT})
    })
}

fn layered(flags: u8, plain: &[u8]) -> Vec<u8> {
    let mut body = plain.to_vec();
    if flags & 8 > 0 {
        body = snap::raw::Encoder::new().compress_vec(&body).unwrap();
    }
    if flags & 16 > 0 {
        body.iter_mut().for_each(|byte| *byte ^= KEY);
    }
    body.insert(0, flags);
    body
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(input in vec(any::<u8>(), 0..600)) {
        prop_assert_eq!(check(&receive(&input)), Ok(()));
    }

    #[test]
    fn any_bytes_below_the_layers(flags in any::<u8>(), plain in vec(any::<u8>(), 0..600)) {
        prop_assert_eq!(check(&receive(&layered(flags, &plain))), Ok(()));
    }

    #[test]
    fn good_requests_with_bytes_changed(
        file in any::<prop::sample::Index>(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut files = corpus("growingio");
        files.sort();
        let (_, mut input) = files.swap_remove(file.index(files.len()));
        for (at, byte) in changes {
            let at = at.index(input.len());
            input[at] = byte;
        }
        if is_cut {
            input.truncate(cut.index(input.len()) + 1);
        }
        prop_assert_eq!(check(&receive(&input)), Ok(()));
    }

    #[test]
    fn events_come_out_as_they_went_in(events in vec(event(), 0..5), layers in 0u8..4, is_pretty in any::<bool>()) {
        let body = if is_pretty { serde_json::to_vec_pretty(&events) } else { serde_json::to_vec(&events) };
        let receipt = receive(&layered(layers << 3, &body.unwrap()));
        let records = receipt.result.map_err(|refusal| TestCaseError::fail(refusal.to_string()))?;
        prop_assert_eq!(records.len(), events.len());
        for (record, event) in records.iter().zip(&events) {
            prop_assert_eq!(&serde_json::from_str::<Value>(record.raw).unwrap(), event);
            prop_assert_eq!(&serde_json::from_str::<Value>(record.attributes).unwrap(), &event["attributes"]);
            prop_assert_eq!(record.name, event["eventName"].as_str());
            prop_assert_eq!(record.user, event["userId"].as_str());
            prop_assert_eq!(record.time, event["timestamp"].as_i64());
        }
    }

    #[test]
    fn any_path_and_query(path in ".{0,60}", query in ".{0,60}", project in "[^/]{1,20}") {
        let request = |path: &str| {
            let query = pairs(&query);
            collect::receive(&Incoming { method: "POST", path, query: &query, headers: &[], body: b"[]" })
        };
        let receipt = request(&path);
        prop_assert_eq!(collect::owns(&path), receipt.result.as_ref().err().is_none_or(|refusal| refusal.status != 404));
        // Whatever the project is called, escaped or not: it has a place.
        let path = format!("/v3/projects/{project}/collect");
        prop_assert!(collect::owns(&path));
        prop_assert_eq!(check(&request(&path)), Ok(()));
    }

    #[test]
    fn any_plan(text in ".{0,200}") {
        check_plan(&text)?;
    }

    #[test]
    fn plans_of_any_values(rules in vec(btree_map(
        prop::sample::select(vec!["system", "on", "node", "down", "status", "code", "retry_after", "delay_ms", "drop", "ack", "load", "count", "share"]),
        prop_oneof![value(), (0u64..700).prop_map(Value::from), prop::sample::select(vec!["before", "after", "midway", "growingio", "inlong", "manager", "heartbeats", "never", "swapped"]).prop_map(Value::from)],
        0..5,
    ), 0..3)) {
        check_plan(&json!({"faults": rules}).to_string())?;
    }
}
