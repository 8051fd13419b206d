//! Batches, outcomes and verdicts.

use trackwire::destination::{Cause, TransportErrorKind, Verdict};
use trackwire::engine::{Fate, RecordError, Step, Tag};

use crate::notes::{Desk, refused};

#[test]
fn a_batch_closes_by_count() {
    let mut desk = Desk::new();
    let done = desk.notes(["a:1", "a:2", "a:3", "a:4"]);
    assert_eq!(done.bodies(), ["a:1 a:2 a:3"]);
    let done = desk.answer(done.only(), Verdict::Delivered);
    assert_eq!(done.fates(), [(Fate::Delivered, 3)]);
    assert_eq!(desk.engine.stats().pending, 1);
    desk.balance();
}

#[test]
fn a_batch_closes_by_the_age_of_its_first_event() {
    let mut desk = Desk::new();
    let done = desk.notes(["a:1"]);
    assert_eq!(done.until, Some(desk.now.mono + 1_000));
    desk.later(600);
    // A later event puts nothing off.
    assert_eq!(desk.notes(["a:2"]).until, Some(desk.now.mono + 400));
    assert_eq!(desk.later(400).bodies(), ["a:1 a:2"]);
}

#[test]
fn lanes_never_share_a_request() {
    let mut desk = Desk::new();
    desk.notes(["a:1", "b:1", "a:2", "b:2"]);
    assert_eq!(desk.later(1_000).bodies(), ["a:1 a:2", "b:1 b:2"]);
}

#[test]
fn a_lane_may_make_everything_go_out() {
    let mut desk = Desk::new();
    assert_eq!(desk.notes(["a:1", "urgent:1"]).bodies(), ["a:1", "urgent:1"]);
}

#[test]
fn an_invalid_event_is_an_error_and_a_number() {
    let mut desk = Desk::new();
    let error = desk.record("no topic").unwrap_err();
    let RecordError::Invalid(invalid) = error else { panic!("{error:?}") };
    assert_eq!(invalid.field, "topic");
    assert_eq!((desk.engine.stats().invalid, desk.engine.stats().accepted), (1, 0));
}

#[test]
fn tags_come_back_with_their_outcomes() {
    let mut desk = Desk::new();
    desk.tagged("a:1", 11);
    desk.record("a:2").expect("there is room");
    desk.tagged("a:3", "third");
    let done = desk.drive();
    let done = desk.answer(done.only(), Verdict::Rejected(refused()));
    let heard: Vec<_> = done.outcomes.iter().map(|outcome| (outcome.tag.clone(), outcome.count)).collect();
    assert_eq!(heard, [(Some(Tag::from(11)), 1), (Some(Tag::from("third")), 1), (None, 1)]);
    assert!(done.outcomes.iter().all(|outcome| outcome.fate == Fate::Rejected(refused())));
    assert_eq!(desk.engine.stats().rejected, 3);
}

#[test]
fn each_event_has_the_verdict_that_names_it() {
    let mut desk = Desk::new();
    for number in 1..=3 {
        desk.tagged(&format!("a:{number}"), number);
    }
    let done = desk.drive();
    let verdict = Verdict::Partly { retry: vec![2], rejected: vec![(0, refused())], after: Some(5_000) };
    let done = desk.answer(done.only(), verdict);
    let heard: Vec<_> = done.outcomes.iter().map(|o| (o.tag.clone(), o.fate.clone())).collect();
    let expected = [(Some(Tag::from(2)), Fate::Delivered), (Some(Tag::from(1)), Fate::Rejected(refused()))];
    assert_eq!(heard, expected);
    assert!(desk.later(4_999).sent.is_empty());
    let done = desk.later(1);
    assert_eq!(done.bodies(), ["a:3"]);
    assert_eq!(desk.answer(done.only(), Verdict::Delivered).fates(), [(Fate::Delivered, 1)]);
    desk.balance();
}

#[test]
fn a_request_that_is_too_large_is_halved_down_to_the_event() {
    let mut desk = Desk::new();
    let too_large = || Verdict::Split(Cause::new(413, "too large"));
    let done = desk.notes(["a:1", "a:2", "a:3"]);
    let halves = desk.answer(done.only(), too_large());
    assert_eq!(halves.bodies(), ["a:1", "a:2 a:3"]);
    let done = desk.answer(halves.sent[0].id, too_large());
    assert_eq!(done.fates(), [(Fate::Rejected(Cause::new(413, "too large")), 1)]);
    let done = desk.answer(halves.sent[1].id, too_large());
    assert_eq!(done.bodies(), ["a:2", "a:3"]);
    // A smaller request is another request: it has another number, and begins with its first attempt.
    assert!(done.sent.iter().all(|sent| sent.id.attempt == 1 && sent.request.batch > 3));
}

#[test]
fn a_late_confirmation_counts() {
    let mut desk = Desk::new();
    let first = desk.notes(["a:1", "a:2", "a:3"]).only();
    // The driver never reports; half a second after the deadline the engine takes the request for lost.
    assert!(desk.later(5_499).sent.is_empty());
    assert!(desk.later(1).outcomes.is_empty());
    let again = desk.later(50);
    assert_eq!((again.only().batch, again.only().attempt), (first.batch, 2));
    let done = desk.answer(first, Verdict::Delivered);
    assert_eq!(done.fates(), [(Fate::Delivered, 3)]);
    // The answer to the second attempt changes nothing.
    assert!(desk.answer(again.only(), Verdict::Rejected(refused())).outcomes.is_empty());
    assert_eq!(desk.engine.stats().maybe_duplicated, 3);
    desk.balance();
}

#[test]
fn a_lost_answer_is_said_so_at_the_end() {
    let mut desk = Desk::new();
    let done = desk.notes(["a:1", "a:2", "a:3"]);
    desk.lose(done.only(), TransportErrorKind::Reset);
    let again = desk.later(50);
    let done = desk.answer(again.only(), Verdict::Rejected(refused()));
    assert!(done.outcomes[0].possibly_delivered);
}

#[test]
fn an_answer_is_heard_once() {
    let mut desk = Desk::new();
    let id = desk.notes(["a:1", "a:2", "a:3"]).only();
    assert_eq!(desk.answer(id, Verdict::Delivered).outcomes.len(), 1);
    assert!(desk.answer(id, Verdict::Delivered).outcomes.is_empty());
    assert!(desk.answer(id, Verdict::Rejected(refused())).outcomes.is_empty());
    desk.balance();
}

#[test]
fn sealing_may_be_done_elsewhere() {
    let mut desk = Desk::new();
    for note in ["a:1", "a:2", "a:3"] {
        desk.record(note).expect("there is room");
    }
    let Step::Seal(job) = desk.engine.step(desk.now, &mut Vec::new()) else { panic!("a batch is full") };
    // It has a place, so nothing else happens meanwhile, however long it takes.
    assert!(desk.later(60_000).sent.is_empty());
    let job = job.seal(desk.engine.destination());
    let transmit = desk.engine.sealed(job, desk.now).expect("nothing has ended it");
    assert_eq!(transmit.deadline, desk.now.mono + 5_000);
    assert_eq!(desk.answer(transmit.id, Verdict::Delivered).fates(), [(Fate::Delivered, 3)]);
}

#[test]
fn what_was_dropped_while_it_was_sealed_is_not_sent() {
    let mut desk = Desk::new();
    for note in ["a:1", "a:2", "a:3"] {
        desk.record(note).expect("there is room");
    }
    let Step::Seal(job) = desk.engine.step(desk.now, &mut Vec::new()) else { panic!("a batch is full") };
    desk.engine.discard();
    let job = job.seal(desk.engine.destination());
    assert!(desk.engine.sealed(job, desk.now).is_none());
    assert_eq!(desk.engine.stats().queued_bytes, 0);
    desk.balance();
}

#[test]
fn a_clock_that_goes_back_harms_nothing() {
    let mut desk = Desk::new();
    let id = desk.notes(["a:1", "a:2", "a:3", "a:4"]).only();
    desk.now.mono -= 900;
    desk.now.wall = 0;
    desk.notes(["a:5"]);
    desk.lose(id, TransportErrorKind::Timeout);
    desk.engine.close();
    desk.drive();
    desk.now.mono = u64::MAX;
    let done = desk.drive();
    assert_eq!(done.fates().iter().map(|(_, count)| count).sum::<u64>(), 5);
    desk.balance();
}
