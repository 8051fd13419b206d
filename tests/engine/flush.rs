//! Flush, close, hold and discard.

use trackwire::destination::{TransportErrorKind, Verdict};
use trackwire::engine::{DropReason, Fate, RecordError};

use crate::notes::{Desk, not_now, refused};

#[test]
fn a_flush_ends_when_everything_before_it_has_an_outcome() {
    let mut desk = Desk::new();
    desk.notes(["a:1", "a:2"]);
    let flush = desk.engine.flush();
    let sent = desk.drive();
    assert_eq!(sent.bodies(), ["a:1 a:2"]);
    // What comes after it is no matter of the flush.
    desk.notes(["a:3"]);
    assert_eq!(desk.engine.flush_report(flush).map(|report| report.pending), Some(2));
    desk.answer(sent.only(), Verdict::Delivered);
    let report = desk.engine.end_flush(flush);
    assert_eq!((report.delivered, report.pending), (2, 0));
    assert_eq!(desk.engine.flush_report(flush), None);
}

#[test]
fn a_flush_overrides_no_backoff_and_reports_what_is_left() {
    let mut desk = Desk::new();
    let sent = desk.notes(["a:1", "a:2", "a:3"]);
    desk.answer(sent.only(), not_now(Some(9_000)));
    let flush = desk.engine.flush();
    assert!(desk.drive().sent.is_empty());
    let report = desk.engine.end_flush(flush);
    assert_eq!((report.delivered, report.pending), (0, 3));
    assert_eq!(desk.engine.stats().pending, 3);
}

#[test]
fn a_flush_tells_what_became_of_each() {
    let mut desk = Desk::with(|limits| limits.max_age = 10_000);
    desk.notes(["a:1", "a:2", "b:1", "c:1"]);
    let flush = desk.engine.flush();
    let sent = desk.drive();
    desk.answer(sent.sent[0].id, Verdict::Delivered);
    desk.answer(sent.sent[1].id, Verdict::Rejected(refused()));
    desk.answer(sent.sent[2].id, not_now(Some(60_000)));
    desk.later(10_000);
    let report = desk.engine.end_flush(flush);
    assert_eq!((report.delivered, report.rejected, report.expired, report.pending), (2, 1, 1, 0));
}

#[test]
fn after_close_nothing_is_taken_and_everything_goes_out() {
    let mut desk = Desk::new();
    desk.notes(["a:1"]);
    desk.engine.close();
    assert_eq!(desk.record("a:2"), Err(RecordError::Closed));
    assert_eq!(desk.engine.stats().ignored, 1);
    let sent = desk.drive();
    assert_eq!(sent.bodies(), ["a:1"]);
    desk.answer(sent.only(), Verdict::Delivered);
    assert!(desk.engine.is_idle());
}

#[test]
fn at_the_end_of_close_what_is_left_is_listed() {
    let mut desk = Desk::new();
    let sent = desk.notes(["a:1", "a:2", "a:3"]);
    desk.tagged("b:1", "waits");
    desk.engine.close();
    desk.engine.abandon();
    let done = desk.drive();
    assert_eq!(
        done.fates(),
        [(Fate::Dropped(DropReason::Closed), 1), (Fate::Dropped(DropReason::Closed), 3)]
    );
    // What was under way may have arrived; what never left has not.
    assert_eq!(done.outcomes.iter().map(|o| o.possibly_delivered).collect::<Vec<_>>(), [false, true]);
    assert!(desk.answer(sent.only(), Verdict::Delivered).outcomes.is_empty());
    assert_eq!(desk.engine.stats().dropped, 4);
    desk.balance();
}

#[test]
fn while_held_nothing_leaves() {
    let mut desk = Desk::new();
    desk.engine.hold(true);
    let done = desk.notes(["a:1", "a:2", "a:3"]);
    assert!(done.sent.is_empty());
    // Not even by a flush or a close: what waits for consent is not sent.
    desk.engine.flush();
    desk.engine.close();
    assert!(desk.later(60_000).sent.is_empty());
    desk.engine.hold(false);
    assert_eq!(desk.drive().bodies(), ["a:1 a:2 a:3"]);
}

#[test]
fn what_is_held_can_be_dropped() {
    let mut desk = Desk::new();
    desk.engine.hold(true);
    desk.notes(["a:1", "a:2", "a:3", "b:1"]);
    desk.engine.discard();
    let dropped: u64 = desk.drive().outcomes.iter().map(|outcome| outcome.count).sum();
    assert_eq!((dropped, desk.engine.stats().dropped), (4, 4));
    assert!(desk.engine.is_idle());
}

#[test]
fn what_was_under_way_when_it_was_discarded_is_not_sent_again() {
    let mut desk = Desk::new();
    let done = desk.notes(["a:1", "a:2", "a:3", "b:1", "b:2", "b:3", "c:1", "c:2", "c:3"]);
    let [first, second, third] = [0, 1, 2].map(|place| done.sent[place].id);
    desk.engine.discard();
    assert_eq!(desk.engine.stats().pending, 9, "requests cannot be called back");

    let disabled = Fate::Dropped(DropReason::Disabled);
    assert_eq!(desk.answer(first, Verdict::Delivered).fates(), [(Fate::Delivered, 3)]);
    assert_eq!(desk.answer(second, not_now(None)).fates(), [(disabled.clone(), 3)]);
    let done = desk.lose(third, TransportErrorKind::Reset);
    assert_eq!(done.fates(), [(disabled, 3)]);
    assert!(done.outcomes[0].possibly_delivered);

    assert!(desk.later(3_600_000).sent.is_empty());
    desk.balance();
}

#[test]
fn whoever_cannot_wait_ends_what_was_discarded() {
    let mut desk = Desk::new();
    let done = desk.notes(["a:1", "a:2", "a:3"]);
    desk.engine.discard();
    desk.notes(["b:1", "b:2", "b:3"]);
    desk.engine.end_discarded();
    let ended = desk.drive();
    assert_eq!(ended.fates(), [(Fate::Dropped(DropReason::Disabled), 3)]);
    assert!(ended.outcomes[0].possibly_delivered);
    assert_eq!(desk.engine.stats().pending, 3, "what came after it goes on");
    assert!(desk.answer(done.only(), Verdict::Delivered).outcomes.is_empty());
    desk.balance();
}
