//! Full is a clear answer, and memory has a bound.

use trackwire::destination::Verdict;
use trackwire::engine::{DropReason, Fate, RecordError, Tag, WhenFull};

use crate::notes::{Desk, not_now};

#[test]
fn a_full_queue_refuses_and_counts() {
    let mut desk = Desk::with(|limits| limits.max_queue_events = 2);
    desk.notes(["a:1", "b:1"]);
    assert!(!desk.engine.has_room(3));
    assert_eq!(desk.record("c:1"), Err(RecordError::Full));
    let stats = desk.engine.stats();
    assert_eq!((stats.accepted, stats.refused_full, stats.pending), (2, 1, 2));
}

#[test]
fn the_oldest_may_give_way() {
    let mut desk = Desk::with(|limits| {
        limits.max_queue_events = 2;
        limits.when_full = WhenFull::DropOldest;
    });
    desk.tagged("a:1", 1);
    desk.tagged("b:1", 2);
    let recorded = desk.record("c:1").expect("the oldest gives way");
    assert!(recorded.wake, "there is an outcome to hear");
    let done = desk.drive();
    assert_eq!(done.outcomes[0].tag, Some(Tag::from(1)));
    assert_eq!(done.outcomes[0].fate, Fate::Dropped(DropReason::Overflow));
    assert_eq!(desk.engine.stats().dropped_overflow, 1);
    desk.balance();
}

#[test]
fn what_is_under_way_does_not_give_way() {
    let mut desk = Desk::with(|limits| {
        limits.max_queue_events = 3;
        limits.when_full = WhenFull::DropOldest;
    });
    desk.notes(["a:1", "a:2", "a:3"]);
    assert!(!desk.engine.has_room(3));
    assert_eq!(desk.record("a:4"), Err(RecordError::Full));
    assert_eq!(desk.engine.stats().dropped, 0);
}

#[test]
fn events_dropped_for_newer_ones_are_told_together() {
    let mut desk = Desk::with(|limits| {
        limits.max_queue_events = 2;
        limits.when_full = WhenFull::DropOldest;
    });
    for number in 0..1_000 {
        desk.record(&format!("a:{number}")).expect("the oldest gives way");
    }
    // Nobody has polled, and what waits to be told has not grown.
    assert_eq!(desk.drive().fates(), [(Fate::Dropped(DropReason::Overflow), 998)]);
}

#[test]
fn an_event_that_fits_no_request_is_refused() {
    let mut desk = Desk::with(|limits| limits.max_event_bytes = 100);
    let error = desk.record(&format!("a:{}", "x".repeat(99))).unwrap_err();
    assert!(matches!(error, RecordError::Invalid(_)), "{error:?}");
    assert!(desk.record(&format!("a:{}", "x".repeat(98))).is_ok());
}

#[test]
fn sealed_copies_count() {
    let mut desk = Desk::with(|limits| limits.max_queue_bytes = 10_000);
    let note = format!("a:{}", "x".repeat(300));
    let mut taken = 0;
    while desk.record(&note).is_ok() {
        taken += 1;
        let done = desk.drive();
        assert!(desk.engine.stats().queued_bytes <= 10_000);
        done.sent.iter().for_each(|sent| assert!(sent.request.body.len() > 900));
    }
    assert!((10..=22).contains(&taken), "{taken} of 302 bytes were taken");
}

#[test]
fn a_dead_endpoint_takes_no_room_from_a_healthy_one() {
    let mut desk = Desk::with(|limits| {
        limits.max_queue_bytes = 10_000;
        limits.retry.retry_limit = 0;
    });
    let note = |topic: &str| format!("{topic}:{}", "x".repeat(300));
    let mut delivered = 0;
    for _ in 0..300 {
        let _ = desk.record(&note("dead"));
        let _ = desk.record(&note("well"));
        let mut done = desk.later(1_000);
        while let Some(transmit) = done.sent.pop() {
            let well = transmit.request.body.contains("well");
            delivered += u64::from(well);
            let verdict = if well { Verdict::Delivered } else { not_now(None) };
            done.sent.extend(desk.answer(transmit.id, verdict).sent);
        }
        assert!(desk.engine.stats().queued_bytes <= 10_000);
    }
    assert!(delivered > 0 && desk.engine.stats().refused_full > 0);
    // Everything that is left is for the dead one.
    desk.engine.flush();
    let sent = desk.later(60_000);
    assert!(sent.bodies().iter().all(|body| body.starts_with("dead")));
    assert!(desk.engine.stats().pending > 10);
}

#[test]
fn a_waiting_batch_that_is_older_gives_way_first() {
    let mut desk = Desk::with(|limits| {
        limits.max_queue_events = 4;
        limits.when_full = WhenFull::DropOldest;
    });
    for number in 1..=3 {
        desk.tagged(&format!("a:{number}"), number);
    }
    let sent = desk.drive();
    desk.answer(sent.only(), not_now(Some(60_000)));
    desk.later(1);
    let mut dropped = Vec::new();
    for number in 4..=9 {
        desk.tagged(&format!("a:{number}"), number);
        dropped.extend(desk.later(1).outcomes.into_iter().filter_map(|outcome| outcome.tag));
    }
    // 1 to 3 were a batch and went together.
    assert_eq!(dropped, [1, 2, 3, 4, 5].map(Tag::from));
    desk.balance();
}

#[test]
fn outcomes_that_nobody_fetches_have_a_bound() {
    let mut desk = Desk::with(|limits| {
        limits.max_queue_events = 10;
        limits.when_full = WhenFull::DropOldest;
        limits.max_queue_bytes = 100_000;
    });
    let tag = "t".repeat(1_000);
    let mut taken = 0;
    loop {
        match desk.engine.record(&"a:1", Some(Tag::from(&*tag)), desk.now) {
            Ok(_) => taken += 1,
            Err(error) => {
                assert_eq!(error, RecordError::Full);
                break;
            }
        }
        assert!(taken < 1_000);
    }
    assert_eq!(desk.drive().outcomes.len(), taken - 10);
    assert!(desk.engine.record(&"a:1", Some(Tag::from(&*tag)), desk.now).is_ok(), "once they are fetched");
}

#[test]
fn a_text_tag_has_a_bound() {
    let mut desk = Desk::new();
    let long = "t".repeat(1_025);
    let error = desk.engine.record(&"a:1", Some(Tag::from(&*long)), desk.now).unwrap_err();
    let RecordError::Invalid(invalid) = error else { panic!("{error:?}") };
    assert_eq!(invalid.field, "tag");
    assert!(desk.engine.record(&"a:1", Some(Tag::from(&long[1..])), desk.now).is_ok());
}
