//! Events in the neutral form, transcoded and by the long way: the same answer, and no panic.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trackwire::destination::{Destination, Now};
use trackwire::growingio::{Format, GrowingIo, Lane, Options};
use trackwire::{Event, Invalid};

const NOW: Now = Now { mono: 0, wall: 1_700_000_000_000 };

static DESTINATIONS: LazyLock<Vec<GrowingIo>> = LazyLock::new(|| {
    let mut destinations = Vec::new();
    for format in [Format::Json, Format::Protobuf] {
        for validate in [true, false] {
            let mut options = Options::new("p", "d", "http://localhost");
            options.format = format;
            options.validate = validate;
            destinations.push(GrowingIo::new(&options).expect("the options are right"));
        }
    }
    destinations
});

fn long_way(destination: &GrowingIo, text: &str) -> Result<(Lane, Vec<u8>), Invalid> {
    let event = Event::from_json(text)?;
    let lane = destination.route(&event)?;
    let mut record = Vec::new();
    destination.encode(&event, NOW, &mut record)?;
    Ok((lane, record))
}

/// JSON may have its members in another order.
fn same(a: &[u8], b: &[u8]) -> bool {
    if a == b {
        return true;
    }
    let (Ok(ours), Ok(theirs)) =
        (serde_json::from_slice::<serde_json::Value>(a), serde_json::from_slice::<serde_json::Value>(b))
    else {
        return false;
    };
    // The digits of every number as well, which a `Value` may round.
    let sorted = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes.sort_unstable();
        bytes
    };
    ours == theirs && sorted(a) == sorted(b)
}

fuzz_target!(|text: &str| {
    for destination in DESTINATIONS.iter() {
        let mut record = Vec::new();
        let transcoded = destination.transcode(text, NOW, &mut record);
        match (long_way(destination, text), transcoded) {
            (Ok((lane, expected)), Ok(seen)) => assert!(lane == seen && same(&expected, &record)),
            (Err(expected), Err(seen)) => {
                assert_eq!((expected.kind, expected.field), (seen.kind, seen.field));
            }
            (expected, seen) => panic!("{expected:?} {seen:?}"),
        }
    }
});
