//! What a page and a Worker need: requests taken back, more time for them, small bodies, large flushes.

use trackwire::destination::{TransportErrorKind, Verdict};
use trackwire::engine::{DropReason, Fate, Output, Transmit};

use crate::notes::{Desk, Post};

impl Desk {
    /// What leaves now with a body of at most `most` bytes.
    fn within(&mut self, most: usize) -> Vec<Transmit<Post>> {
        let mut sent = Vec::new();
        loop {
            match self.engine.poll_within(self.now, most) {
                Output::Transmit(transmit) => sent.push(transmit),
                Output::Wait(_) => return sent,
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_request_taken_back_was_no_attempt() {
    let mut desk = Desk::new();
    let first = desk.notes(["a:1", "a:2", "a:3"]).only();
    desk.engine.unsend(first, desk.now);
    let stats = desk.engine.stats();
    assert_eq!((stats.requests, stats.plain_bytes, stats.sent_bytes, stats.pending), (0, 0, 0, 3));
    let again = desk.drive();
    assert_eq!(again.only(), first, "it is the same attempt");
    // Nobody is told of an answer that was never asked for.
    desk.engine.unsend(first, desk.now);
    desk.engine.unsend(first, desk.now);
    assert_eq!(desk.drive().only(), first);
    assert_eq!(desk.answer(first, Verdict::Delivered).fates(), [(Fate::Delivered, 3)]);
    desk.balance();
}

#[test]
fn a_possible_duplicate_taken_back_is_none() {
    let mut desk = Desk::new();
    let first = desk.notes(["a:1", "a:2", "a:3"]).only();
    desk.lose(first, TransportErrorKind::Reset);
    let second = desk.later(1_000).only();
    assert_eq!((desk.engine.stats().maybe_duplicated, desk.engine.stats().retries), (3, 1));
    desk.engine.unsend(second, desk.now);
    assert_eq!((desk.engine.stats().maybe_duplicated, desk.engine.stats().retries), (0, 0));
    assert_eq!(desk.drive().only(), second);
    assert_eq!((desk.engine.stats().maybe_duplicated, desk.engine.stats().retries), (3, 1));
}

#[test]
fn what_was_discarded_and_is_taken_back_ends() {
    let mut desk = Desk::new();
    let first = desk.notes(["a:1", "a:2", "a:3"]).only();
    desk.engine.discard();
    desk.engine.unsend(first, desk.now);
    let done = desk.drive();
    assert_eq!(done.fates(), [(Fate::Dropped(DropReason::Disabled), 3)]);
    assert!(!done.outcomes[0].possibly_delivered);
    desk.balance();
}

#[test]
fn a_frozen_page_gets_more_time() {
    let mut desk = Desk::new();
    let first = desk.notes(["a:1", "a:2", "a:3"]).only();
    let timeout = desk.engine.limits().request_timeout;
    desk.engine.extend(first, desk.now.mono + 10 * timeout);
    assert!(desk.later(9 * timeout).sent.is_empty());
    assert_eq!(desk.answer(first, Verdict::Delivered).fates(), [(Fate::Delivered, 3)]);
}

#[test]
fn bodies_stay_within_what_is_asked() {
    let mut desk = Desk::new();
    let long = format!("a:{}", "x".repeat(300));
    for _ in 0..6 {
        desk.record(&long).expect("there is room");
    }
    desk.record("b:small").expect("there is room");
    desk.engine.flush();
    assert!(desk.within(100).iter().all(|transmit| transmit.request.body.contains("small")));
    let sent = desk.within(900);
    assert!(!sent.is_empty());
    assert!(sent.iter().all(|transmit| transmit.request.body.len() <= 900), "{sent:?}");
    let rest = desk.drive().sent;
    let events = |sent: &[Transmit<Post>]| -> usize {
        sent.iter().map(|transmit| transmit.request.body.lines().count() - 1).sum()
    };
    assert_eq!(events(&sent) + events(&rest), 6, "nothing is left behind");
}

#[test]
fn a_batch_that_is_too_large_waits_for_its_time() {
    let mut desk = Desk::new();
    let long = format!("a:{}", "x".repeat(300));
    let first = desk.notes([&*long, &*long, &*long]).only();
    desk.lose(first, TransportErrorKind::Connect);
    desk.engine.flush();
    assert!(desk.within(500).is_empty());
    assert_eq!(desk.later(1_000).sent.len(), 1);
}

#[test]
fn requests_under_way_do_not_keep_the_rest_from_leaving() {
    let mut desk = Desk::with(|limits| limits.max_in_flight = 1);
    desk.notes(["a:1", "a:2", "a:3"]).only();
    desk.record("a:4").expect("there is room");
    desk.engine.flush();
    assert!(desk.drive().sent.is_empty());
    assert_eq!(desk.within(900).len(), 1);
    desk.record("a:5").expect("there is room");
    desk.engine.flush();
    assert!(desk.within(900).is_empty(), "there is an end to it");
    desk.balance();
}
