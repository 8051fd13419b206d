//! Any course of events.

use std::fs;
use std::path::PathBuf;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::feed::feed;

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/inlong_connections");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

#[test]
fn the_corpus() {
    let files = corpus();
    assert!(files.len() > 10);
    for (name, bytes) in files {
        println!("{name}");
        feed(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..400)) {
        feed(&bytes);
    }

    /// Bytes that get further: nodes, connections, heartbeats, messages.
    #[test]
    fn likely_courses(
        flags in any::<u8>(),
        steps in vec(prop_oneof![
            6 => (any::<u8>(), Just(0)), 6 => (any::<u8>(), Just(2)), 8 => (any::<u8>(), Just(4)), 2 => (any::<u8>(), Just(5)),
            2 => (any::<u8>(), Just(6)), 2 => (any::<u8>(), Just(7)), 4 => (any::<u8>(), Just(9)), 1 => (any::<u8>(), 0..16u8),
        ], 0..120),
        bytes in vec(any::<u8>(), 1..20),
    ) {
        let mut input = vec![flags, 12, 11, 7, 20];
        for (place, (high, what)) in steps.into_iter().enumerate() {
            input.extend([high & 0xf0 | what, bytes[place % bytes.len()]]);
        }
        feed(&input);
    }

    #[test]
    fn changed_corpus(file in any::<Index>(), changes in vec((any::<Index>(), any::<u8>()), 1..8)) {
        let mut files = corpus();
        files.retain(|(_, bytes)| !bytes.is_empty());
        let mut bytes = files[file.index(files.len())].1.clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        feed(&bytes);
    }
}
