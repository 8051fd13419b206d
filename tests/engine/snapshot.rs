//! Export and restore.

use std::sync::Arc;

use proptest::prelude::*;
use trackwire::destination::{Now, TransportErrorKind, Verdict};
use trackwire::engine::{Engine, Fate, Limits, RestoreError, Tag};

use crate::notes::{Desk, Notes, not_now};

/// The same desk in another process, later by the wall clock.
fn restart(desk: &Desk, after: u64) -> Desk {
    let bytes = desk.engine.export(desk.now);
    let now = Now { mono: 5, wall: desk.now.wall + after };
    let engine = Engine::restore(Arc::new(Notes), desk.engine.limits().clone(), 8, &bytes, now);
    Desk { engine: engine.expect("these bytes are whole"), now }
}

#[test]
fn what_is_pending_survives() {
    let mut desk = Desk::new();
    let before = desk.notes(["a:1", "a:2", "a:3"]);
    desk.answer(before.only(), not_now(None));
    desk.tagged("a:4", "four");
    desk.notes(["b:1"]);
    let mut desk = restart(&desk, 0);
    let stats = desk.engine.stats();
    assert_eq!((stats.accepted, stats.pending), (5, 5));
    // The sealed batch goes in the same bytes, as its next attempt.
    let after = desk.drive();
    assert_eq!(after.sent[0].request, before.sent[0].request);
    assert_eq!(after.sent[0].id.attempt, 2);
    desk.answer(after.sent[0].id, Verdict::Delivered);
    let rest = desk.later(1_000);
    assert_eq!(rest.bodies(), ["a:4", "b:1"]);
    assert!(rest.sent.iter().all(|sent| sent.id.batch > after.sent[0].id.batch));
    let done = desk.answer(rest.sent[0].id, Verdict::Delivered);
    assert_eq!(done.outcomes[0].tag, Some(Tag::from("four")));
}

#[test]
fn what_was_under_way_may_have_arrived() {
    let mut desk = Desk::new();
    desk.notes(["a:1", "a:2", "a:3"]);
    let mut desk = restart(&desk, 0);
    let again = desk.drive();
    assert_eq!(desk.engine.stats().maybe_duplicated, 3);
    desk.lose(again.only(), TransportErrorKind::Connect);
    desk.engine.abandon();
    assert!(desk.drive().outcomes[0].possibly_delivered);
}

#[test]
fn time_between_the_processes_counts() {
    let mut desk = Desk::new();
    desk.notes(["a:1"]);
    assert_eq!(restart(&desk, 1_000).drive().bodies(), ["a:1"]);
    let done = restart(&desk, 24 * 60 * 60 * 1_000).drive();
    assert_eq!(done.fates(), [(Fate::Expired, 1)]);
    // A wall clock that went back makes nothing younger than it was.
    desk.later(900);
    let bytes = desk.engine.export(desk.now);
    let now = Now { mono: 0, wall: 0 };
    let engine = Engine::<Notes>::restore(Arc::new(Notes), Limits::default(), 8, &bytes, now).expect("whole");
    assert_eq!(Desk { engine, now }.drive().until, Some(100));
}

#[test]
fn an_export_changes_nothing() {
    let mut desk = Desk::new();
    desk.notes(["a:1", "a:2", "a:3", "a:4"]);
    let bytes = desk.engine.export(desk.now);
    assert_eq!(bytes, desk.engine.export(desk.now));
    assert_eq!(desk.engine.stats().pending, 4);
}

#[test]
fn damaged_bytes_are_refused() {
    let mut desk = Desk::new();
    desk.notes(["a:1", "a:2", "a:3", "b:4"]);
    let bytes = desk.engine.export(desk.now);
    assert_eq!(load(&[]), Err(RestoreError::Damaged));
    assert_eq!(load(b"some other file"), Err(RestoreError::Version));
    for place in 4..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        assert_eq!(load(&damaged), Err(RestoreError::Damaged), "byte {place}");
        assert!(load(&bytes[..place]).is_err());
    }
}

fn load(bytes: &[u8]) -> Result<(), RestoreError> {
    restored(bytes).map(|_| ())
}

fn restored(bytes: &[u8]) -> Result<Engine<Notes>, RestoreError> {
    Engine::restore(Arc::new(Notes), Limits::default(), 8, bytes, Now { mono: 9, wall: 1 << 41 })
}

/// What an export looks like, with all that can be in one.
fn full_export() -> Vec<u8> {
    let mut desk = Desk::new();
    let sent = desk.notes(["a:1", "a:2", "a:3", "b:1"]);
    desk.lose(sent.only(), TransportErrorKind::Reset);
    desk.tagged("a:4", 4);
    desk.tagged("c:5", "five");
    desk.later(500);
    desk.notes(["c:6", "c:7"]);
    desk.engine.export(desk.now)
}

fn checksum(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = load(&bytes);
    }

    /// Damage that the checksum does not see: someone has written it anew.
    #[test]
    fn no_damage_makes_it_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = full_export();
        bytes.truncate(bytes.len() - 8);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        if let Ok(engine) = restored(&bytes) {
            // What can be restored can be driven to its end.
            let mut desk = Desk { engine, now: Now { mono: 9, wall: 1 << 41 } };
            for _ in 0..10 {
                for transmit in desk.later(2_000).sent {
                    desk.answer(transmit.id, Verdict::Delivered);
                }
                desk.balance();
            }
            desk.engine.abandon();
            desk.drive();
            prop_assert!(desk.engine.is_idle());
            desk.balance();
        }
    }
}
