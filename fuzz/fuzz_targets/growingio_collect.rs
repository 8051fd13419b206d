//! GrowingIO's receiving side: no panic, and what is accepted can be read again.
//!
//! The first byte says where the rest is sent and how, as in `tests/corpus/growingio`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use trackwire::growingio::collect;
use trackwire::received::{Incoming, pairs};

const PROJECT: &str = "0a1b4118dd954ec3bcc69da5138bdb96";

fuzz_target!(|input: &[u8]| {
    let Some((flags, body)) = input.split_first() else { return };
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
    let receipt =
        collect::receive(&Incoming { method: "POST", path: &path, query: &query, headers: &headers, body });
    match receipt.result {
        Ok(records) => {
            for record in records.iter() {
                for text in [record.raw, record.attributes] {
                    assert!(serde_json::from_str::<Value>(text).expect(text).is_object(), "{text}");
                }
            }
        }
        Err(refusal) => assert!(matches!(refusal.status, 400 | 413), "{refusal:?}"),
    }
});
