//! Failures: the quick retries, the probes, the endpoint's clock, and how it ends.

use trackwire::destination::{TransportErrorKind, Verdict};
use trackwire::engine::{DropReason, Fate, OnExhausted};

use crate::notes::{Desk, not_now};

#[test]
fn a_retry_sends_the_same_bytes_under_the_same_number() {
    let mut desk = Desk::new();
    let first = desk.notes(["a:1", "a:2", "a:3"]);
    desk.answer(first.only(), not_now(None));
    let again = desk.later(50);
    assert_eq!(first.sent[0].request, again.sent[0].request);
    assert_eq!(again.only().attempt, 2);
    // Nothing was lost on the way, so nothing can be there twice.
    assert_eq!(desk.engine.stats().maybe_duplicated, 0);
    assert_eq!(desk.engine.stats().retries, 1);
}

#[test]
fn after_the_quick_retries_a_batch_stays() {
    let mut desk = Desk::new();
    let mut sent = desk.notes(["a:1", "a:2", "a:3"]);
    let mut waits = Vec::new();
    for _ in 0..12 {
        desk.lose(sent.only(), TransportErrorKind::Connect);
        let failed = desk.now.mono;
        loop {
            sent = desk.later(10);
            if !sent.sent.is_empty() {
                break;
            }
        }
        waits.push(desk.now.mono - failed);
    }
    // At once, half a second, a second; then from two seconds on, up to a minute, half of it by chance.
    assert!(waits[0] <= 60 && waits[1] <= 640 && waits[2] <= 1_260, "{waits:?}");
    assert!(waits[3..].iter().all(|&wait| (1_000..=60_010).contains(&wait)), "{waits:?}");
    assert!(waits[11] >= 30_000, "{waits:?}");
    let done = desk.answer(sent.only(), Verdict::Delivered);
    assert_eq!(done.fates(), [(Fate::Delivered, 3)]);
    assert!(!done.outcomes[0].possibly_delivered);
}

#[test]
fn the_policy_may_be_to_drop_after_the_quick_retries() {
    let mut desk = Desk::with(|limits| {
        limits.retry.retry_limit = 1;
        limits.retry.on_exhausted = OnExhausted::Drop;
    });
    let sent = desk.notes(["a:1", "a:2", "a:3"]);
    desk.answer(sent.only(), not_now(None));
    let again = desk.later(50);
    let done = desk.answer(again.only(), not_now(None));
    assert!(
        matches!(&done.outcomes[0].fate, Fate::Dropped(DropReason::Exhausted(cause)) if cause.code == 503)
    );
    assert_eq!(desk.engine.stats().dropped, 3);
}

#[test]
fn retry_after_holds_the_whole_endpoint() {
    let mut desk = Desk::new();
    let sent = desk.notes(["a:1", "a:2", "a:3"]);
    desk.answer(sent.only(), not_now(Some(20_000)));
    // Neither the batch, nor another one, nor a flush goes there before.
    desk.notes(["a:4", "a:5", "a:6"]);
    desk.engine.flush();
    assert!(desk.later(19_999).sent.is_empty());
    assert_eq!(desk.later(1).bodies(), ["a:1 a:2 a:3"]);
}

#[test]
fn retry_after_holds_no_other_endpoint() {
    let mut desk = Desk::new();
    let sent = desk.notes(["a:1", "a:2", "a:3"]);
    desk.answer(sent.only(), not_now(Some(20_000)));
    assert_eq!(desk.notes(["b:1", "b:2", "b:3"]).bodies(), ["b:1 b:2 b:3"]);
}

#[test]
fn retry_after_has_a_bound() {
    let mut desk = Desk::with(|limits| limits.retry.max_retry_after = 10_000);
    let sent = desk.notes(["a:1", "a:2", "a:3"]);
    desk.answer(sent.only(), not_now(Some(u64::MAX)));
    assert_eq!(desk.later(10_000).sent.len(), 1);
}

#[test]
fn a_sick_endpoint_sees_one_probe() {
    let mut desk = Desk::new();
    let sent = desk.notes(["a:1", "a:2", "a:3", "a:4", "a:5", "a:6", "a:7", "a:8", "a:9"]);
    assert_eq!(sent.sent.len(), 3);
    for transmit in &sent.sent {
        desk.answer(transmit.id, not_now(None));
    }
    let probe = desk.later(1_000);
    let probe_id = probe.only();
    assert!(desk.later(1_000).sent.is_empty());
    // It is well again: the others follow.
    assert_eq!(desk.answer(probe_id, Verdict::Delivered).sent.len(), 2);
}

#[test]
fn one_that_keeps_failing_holds_up_nobody() {
    let mut desk = Desk::new();
    let mut poison = desk.notes(["a:bad", "a:2", "a:3"]);
    for _ in 0..3 {
        desk.answer(poison.only(), not_now(None));
        poison = desk.later(1_300);
    }
    desk.answer(poison.only(), not_now(None));
    desk.notes(["a:4", "a:5", "a:6", "a:7", "a:8", "a:9"]);
    let (mut delivered, mut tried) = (0, 0);
    for _ in 0..200 {
        let done = desk.later(1_000);
        for transmit in done.sent {
            let bad = transmit.request.body.contains("a:bad");
            tried += usize::from(bad);
            delivered += usize::from(!bad);
            desk.engine.answer(
                transmit.id,
                Ok(&if bad { not_now(None) } else { Verdict::Delivered }),
                desk.now,
            );
        }
    }
    assert_eq!(delivered, 2);
    assert!((3..20).contains(&tried), "tried {tried} times in 200 s");
    assert_eq!(desk.engine.stats().pending, 3);
}

#[test]
fn an_event_that_is_too_old_expires() {
    let mut desk = Desk::with(|limits| limits.max_age = 60_000);
    let sent = desk.notes(["a:1", "a:2", "a:3"]);
    desk.answer(sent.only(), not_now(Some(3_000_000)));
    desk.later(30_000);
    let waiting = desk.notes(["a:4"]);
    assert_eq!(waiting.until, Some(61_000));
    assert!(desk.later(29_999).outcomes.is_empty());
    assert_eq!(desk.later(1).fates(), [(Fate::Expired, 3)]);
    assert_eq!(desk.later(30_000).fates(), [(Fate::Expired, 1)]);
    desk.balance();
}

#[test]
fn a_batch_under_way_does_not_expire() {
    let mut desk = Desk::with(|limits| limits.max_age = 2_000);
    let sent = desk.notes(["a:1", "a:2", "a:3"]);
    assert!(desk.later(4_000).outcomes.is_empty());
    assert_eq!(desk.answer(sent.only(), Verdict::Delivered).fates(), [(Fate::Delivered, 3)]);
}

#[test]
fn no_more_requests_than_allowed() {
    let mut desk = Desk::with(|limits| limits.max_in_flight = 2);
    let sent = desk.notes(["a:1", "a:2", "a:3", "a:4", "a:5", "a:6", "a:7", "a:8", "a:9"]);
    assert_eq!(sent.sent.len(), 2);
    assert_eq!(desk.answer(sent.sent[0].id, Verdict::Delivered).sent.len(), 1);
}
