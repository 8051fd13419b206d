//! Whatever bytes come: no panic, and answers and records that can be read. The target `inlong_collect` in `fuzz/` holds
//! the same to be true and starts from the same corpus.

use std::net::{Ipv4Addr, SocketAddr};

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use trackwire::inlong::collect::{self, Arrival, Reader, Received, http, manager};
use trackwire::received::Records;

use super::{TARGET, binary};
use crate::decoders::corpus;

const NOW: i64 = 1_700_000_000_000;

/// What came of an input: whether anything of it was refused or ended the connection, and how many records there are.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    is_bad: bool,
    records: usize,
}

/// The first byte says what the rest is: a query and a form with a line feed between them, or frames in pieces.
fn take(input: &[u8]) -> Result<Seen, String> {
    let (flags, rest) = input.split_first().unwrap_or((&0, &[]));
    if flags & 1 > 0 { form(rest) } else { frames(rest, usize::from(flags >> 1)) }
}

fn frames(bytes: &[u8], piece: usize) -> Result<Seen, String> {
    let node = SocketAddr::from((Ipv4Addr::LOCALHOST, 46801));
    let arrival = Arrival { node, now: NOW, load: collect::LOAD_UNKNOWN, unknown: &[] };
    let mut seen = Seen::default();
    let mut reader = Reader::new(collect::MAX_FRAME);
    for piece in bytes.chunks(if piece == 0 { bytes.len().max(1) } else { piece }) {
        reader.push(piece);
        loop {
            let frame = match reader.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(_) => return Ok(Seen { is_bad: true, ..seen }),
            };
            match collect::receive(frame, &arrival) {
                Received::Closed(_) => return Ok(Seen { is_bad: true, ..seen }),
                Received::Heartbeat(answer) => whole(&answer)?,
                Received::Pack(pack) => {
                    let planned = pack.reply.planned(114);
                    for answer in [pack.reply.accepted(), planned].into_iter().flatten() {
                        whole(&answer)?;
                    }
                    match &pack.result {
                        Ok(records) => seen.records += readable(records)?,
                        Err(refused) => {
                            seen.is_bad = true;
                            if refused.code == 0 || refused.reason().is_empty() {
                                return Err(format!("an odd refusal: {refused:?}"));
                            }
                            pack.reply.refused(refused).map_or(Ok(()), |answer| whole(&answer))?;
                        }
                    }
                }
            }
        }
    }
    Ok(seen)
}

fn form(rest: &[u8]) -> Result<Seen, String> {
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
    Ok(match taken.result {
        Ok(records) => Seen { is_bad: false, records: readable(&records)? },
        Err(_) => Seen { is_bad: true, records: 0 },
    })
}

/// An answer says how long it is, and a binary one how long its attributes are.
fn whole(answer: &[u8]) -> Result<(), String> {
    let total = u32::from_be_bytes(answer[..4].try_into().unwrap()) as usize;
    let attributes =
        u16::from_be_bytes([answer.get(9).copied().unwrap_or(0), answer.get(10).copied().unwrap_or(0)]);
    let fits = total + 4 == answer.len() && (answer[4] != 7 || usize::from(attributes) + 9 == total);
    if fits { Ok(()) } else { Err(format!("lengths disagree: {answer:?}")) }
}

fn readable(records: &Records) -> Result<usize, String> {
    for record in records.iter() {
        for text in [record.raw, record.attributes] {
            let value: Value = serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
            if !value.is_object() {
                return Err(format!("not an object: {text}"));
            }
        }
        if record.name.is_none_or(str::is_empty) || record.time.is_none() {
            return Err(format!("a record without a target: {record:?}"));
        }
    }
    Ok(records.len())
}

#[test]
fn the_corpus() {
    let files = corpus("inlong_collect");
    assert!(files.len() > 60);
    for (name, input) in files {
        let seen = take(&input).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        assert_eq!(seen.is_bad, name.starts_with("bad_"), "{name}: {seen:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(input in vec(any::<u8>(), 0..600)) {
        take(&input).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn frames_and_forms_with_bytes_changed(
        file in any::<prop::sample::Index>(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut files = corpus("inlong_collect");
        files.sort();
        let (_, mut input) = files.swap_remove(file.index(files.len()));
        for (at, byte) in changes {
            let at = at.index(input.len());
            input[at] = byte;
        }
        if is_cut {
            input.truncate(cut.index(input.len()) + 1);
        }
        take(&input).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn any_head_with_a_length_that_fits(kind in 0u8..=255, rest in vec(any::<u8>(), 0..200)) {
        let mut frame = (rest.len() as u32 + 1).to_be_bytes().to_vec();
        frame.push(kind);
        frame.extend(rest);
        frames(&frame, 0).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn messages_come_out_as_they_went_in(
        packs in vec(vec(vec(any::<u8>(), 0..40), 1..6), 0..5),
        piece in 0usize..100,
    ) {
        let stream: Vec<u8> = packs
            .iter()
            .enumerate()
            .flat_map(|(at, pack)| binary(at as u32, &pack.iter().map(Vec::as_slice).collect::<Vec<_>>(), TARGET))
            .collect();
        let expected = Seen { is_bad: false, records: packs.iter().map(Vec::len).sum() };
        prop_assert_eq!(frames(&stream, piece), Ok(expected));
    }
}
