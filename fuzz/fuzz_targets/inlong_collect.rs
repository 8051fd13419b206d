//! InLong's receiving side: no panic, and answers and records that can be read.
//!
//! The first byte says what the rest is, as in `tests/corpus/inlong_collect`: a query and a form with a line feed between
//! them, or frames in pieces of so many bytes.

#![no_main]

use std::net::{Ipv4Addr, SocketAddr};

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use trackwire::inlong::collect::{self, Arrival, Reader, Received, http, manager};
use trackwire::received::Records;

const NOW: i64 = 1_700_000_000_000;

fuzz_target!(|input: &[u8]| {
    let Some((flags, rest)) = input.split_first() else { return };
    if flags & 1 > 0 { form(rest) } else { frames(rest, usize::from(flags >> 1)) }
});

fn frames(bytes: &[u8], piece: usize) {
    let node = SocketAddr::from((Ipv4Addr::LOCALHOST, 46801));
    let arrival = Arrival { node, now: NOW, load: collect::LOAD_UNKNOWN, unknown: &[] };
    let mut reader = Reader::new(collect::MAX_FRAME);
    for piece in bytes.chunks(if piece == 0 { bytes.len().max(1) } else { piece }) {
        reader.push(piece);
        loop {
            let frame = match reader.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(_) => return,
            };
            match collect::receive(frame, &arrival) {
                Received::Closed(_) => return,
                Received::Heartbeat(answer) => whole(&answer),
                Received::Pack(pack) => {
                    match &pack.result {
                        Ok(records) => readable(records),
                        Err(refused) => pack.reply.refused(refused).iter().for_each(|answer| whole(answer)),
                    }
                    pack.reply.accepted().iter().for_each(|answer| whole(answer));
                }
            }
        }
    }
}

fn form(rest: &[u8]) {
    let at = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (query, body) = (String::from_utf8_lossy(&rest[..at]), rest.get(at + 1..).unwrap_or_default());
    let _ = manager::protocol(&query, body);
    let _ = manager::asked(&query);
    let _ = manager::is_authorized(Some(&query), "id", "key");
    let taken = http::receive(&http::Post {
        method: if body.is_empty() { "GET" } else { "POST" },
        query: &query,
        content_type: Some("application/x-www-form-urlencoded"),
        body,
        client: Ipv4Addr::LOCALHOST.into(),
        now: NOW,
        unknown: &[],
    });
    if let Ok(records) = taken.result {
        readable(&records);
    }
}

fn whole(answer: &[u8]) {
    assert_eq!(u32::from_be_bytes(answer[..4].try_into().unwrap()) as usize + 4, answer.len());
    if answer[4] == 7 {
        assert_eq!(usize::from(u16::from_be_bytes([answer[9], answer[10]])) + 13, answer.len());
    }
}

fn readable(records: &Records) {
    for record in records.iter() {
        for text in [record.raw, record.attributes] {
            assert!(serde_json::from_str::<Value>(text).expect(text).is_object(), "{text}");
        }
    }
}
