//! Endpoints that open and close, and what a lost connection is laid to.

use trackwire::destination::{Blame, Cause, TransportError, TransportErrorKind, Verdict};
use trackwire::engine::{Fate, Limits, TransmitId};

use crate::notes::{Done, Notes, not_now};

type Desk = crate::notes::DeskOf<true>;

/// Topic `t` with these endpoints.
fn desk(open: &[&str]) -> Desk {
    desk_with(open, |limits| (limits.max_in_flight, limits.request_timeout) = (2, 1_000_000))
}

fn desk_with(open: &[&str], change: impl FnOnce(&mut Limits)) -> Desk {
    let mut desk = Desk::with(change);
    desk.open(open);
    desk
}

impl Desk {
    fn open(&mut self, open: &[&str]) {
        self.engine.open(&"t".to_owned(), open.iter().map(|&node| node.to_owned()).collect());
    }

    /// Loses an attempt on the way.
    fn blame(&mut self, id: TransmitId, blame: Blame) -> Done {
        let error = TransportError::new(TransportErrorKind::Reset, "lost").blaming(blame);
        self.engine.answer(id, Err(error), self.now);
        self.drive()
    }

    /// What leaves within a few seconds.
    fn soon(&mut self) -> Done {
        let mut done = Done::default();
        for _ in 0..100 {
            let next = self.later(50);
            done.sent.extend(next.sent);
            done.outcomes.extend(next.outcomes);
        }
        done
    }
}

impl Done {
    fn to(&self) -> Vec<&str> {
        self.sent.iter().map(|sent| &*sent.request.to).collect()
    }
}

const THREE: [&str; 3] = ["t:1", "t:2", "t:3"];

#[test]
fn nothing_leaves_while_no_endpoint_is_open() {
    let mut desk = Desk::with(|_| ());
    let done = desk.notes(THREE);
    assert!(done.sent.is_empty());
    // Only by age is there anything to do.
    assert_eq!(done.until, Some(desk.now.mono + desk.engine.limits().max_age));
    desk.open(&["a"]);
    assert_eq!(desk.drive().to(), ["a"]);
    desk.balance();
}

#[test]
fn batches_go_to_the_least_busy_endpoint() {
    let mut desk = desk(&["a", "b"]);
    let sent: Vec<_> = (0..6).flat_map(|_| desk.notes(THREE).sent).collect();
    let to: Vec<_> = sent.iter().map(|sent| &*sent.request.to).collect();
    assert_eq!(to, ["a", "b", "a", "b"], "two each may be under way");
    assert_eq!(desk.answer(sent[1].id, Verdict::Delivered).to(), ["b"]);
    desk.open(&["a", "b", "c"]);
    assert_eq!(desk.drive().to(), ["c"]);
}

#[test]
fn what_is_under_way_to_an_endpoint_that_closes_goes_on() {
    let mut desk = desk(&["a"]);
    let id = desk.notes(THREE).only();
    desk.open(&["b"]);
    assert!(desk.drive().sent.is_empty());
    assert_eq!(desk.answer(id, Verdict::Delivered).fates(), [(Fate::Delivered, 3)]);
    // What fails there goes elsewhere.
    desk.open(&["a"]);
    let id = desk.notes(THREE).only();
    desk.open(&["b"]);
    desk.answer(id, not_now(None));
    assert_eq!(desk.soon().to(), ["b"]);
    desk.balance();
}

#[test]
fn a_batch_that_was_sealed_for_an_endpoint_that_closed_meanwhile_goes_elsewhere() {
    use trackwire::engine::Step;
    let mut desk = desk(&["a"]);
    for note in THREE {
        desk.record(note).expect("there is room");
    }
    let Step::Seal(job) = desk.engine.step(desk.now, &mut Vec::new()) else { panic!("a batch is full") };
    desk.open(&["b"]);
    assert!(desk.engine.sealed(job.seal(&Notes::<true>), desk.now).is_none());
    let done = desk.drive();
    assert_eq!(done.to(), ["b"]);
    assert_eq!(done.sent[0].id.attempt, 1, "it was no attempt");
}

#[test]
fn an_endpoint_that_fails_is_left_and_others_are_used() {
    let mut desk = desk(&["a", "b"]);
    let id = desk.notes(THREE).only();
    desk.blame(id, Blame::Endpoint);
    // Also when the first could be tried again by now.
    let again = desk.soon();
    assert_eq!(again.to(), ["b"]);
    assert!(!again.sent[0].alone);
    desk.answer(again.only(), Verdict::Delivered);
    let probe = desk.notes(THREE);
    assert_eq!(probe.to(), ["a"], "something new is the probe");
    assert_eq!(desk.notes(THREE).to(), ["b"]);
    desk.answer(probe.only(), Verdict::Delivered);
    assert_eq!(desk.notes(THREE).to(), ["a"]);
}

#[test]
fn a_batch_that_nothing_is_laid_to_goes_elsewhere_at_once() {
    let mut desk = desk(&["a", "b"]);
    let id = desk.notes(THREE).only();
    desk.open(&["b"]);
    let again = desk.blame(id, Blame::Nothing);
    assert_eq!(again.to(), ["b"]);
    assert_eq!(desk.engine.stats().maybe_duplicated, 3, "it may have arrived");
    // Nor is its endpoint sick.
    desk.open(&["a"]);
    assert_eq!(desk.notes(THREE).to(), ["a"]);
}

#[test]
fn a_batch_that_was_not_sent_is_no_duplicate() {
    let mut desk = desk(&["a"]);
    let id = desk.notes(THREE).only();
    let error = TransportError::new(TransportErrorKind::Connect, "not there").blaming(Blame::Nothing);
    desk.engine.answer(id, Err(error), desk.now);
    assert_eq!(desk.soon().sent.len(), 1);
    assert_eq!(desk.engine.stats().maybe_duplicated, 0);
}

#[test]
fn a_suspect_travels_alone_until_it_has_ended() {
    let mut desk = desk(&["a"]);
    let id = desk.notes(THREE).only();
    desk.blame(id, Blame::Request);
    let again = desk.soon();
    assert!(again.sent[0].alone);
    // The endpoint is well, and others are not alone.
    let other = desk.notes(["t:4", "t:5", "t:6"]);
    assert!(!other.sent[0].alone);
    let lost = TransportError::new(TransportErrorKind::Timeout, "no answer");
    desk.engine.answer(again.only(), Err(lost), desk.now);
    let again = desk.soon();
    assert!(again.sent[0].alone, "it stays one");
    // Whoever answers has read it.
    desk.answer(again.only(), not_now(None));
    let again = desk.soon();
    assert!(!again.sent[0].alone);
    assert_eq!(desk.answer(again.only(), Verdict::Delivered).fates(), [(Fate::Delivered, 3)]);
    desk.balance();
}

#[test]
fn a_poisonous_note_is_found_by_halving() {
    let mut desk = desk(&["a"]);
    let mut waits = desk.notes(THREE).sent;
    let (mut closes, mut outcomes) = (0, Vec::new());
    while let Some(sent) = waits.pop() {
        let done = match sent.request.body.contains("t:2") {
            true => {
                closes += 1;
                desk.blame(sent.id, Blame::Request)
            }
            false => desk.answer(sent.id, Verdict::Delivered),
        };
        let soon = desk.soon();
        for mut done in [done, soon] {
            waits.append(&mut done.sent);
            outcomes.append(&mut done.outcomes);
        }
    }
    // Of three, of two, and by itself: three times each.
    assert_eq!(closes, 9);
    let delivered: u64 = outcomes.iter().filter(|it| it.fate == Fate::Delivered).map(|it| it.count).sum();
    assert_eq!(delivered, 2);
    let rejected: Vec<_> = outcomes.iter().filter(|it| matches!(it.fate, Fate::Rejected(_))).collect();
    let [one] = rejected[..] else { panic!("{outcomes:?}") };
    assert!(one.possibly_delivered && one.count == 1);
    assert!(desk.engine.is_idle());
    desk.balance();
}

#[test]
fn other_failures_do_not_halve() {
    let mut desk = desk(&["a"]);
    let mut id = desk.notes(THREE).only();
    for blame in [Blame::Request, Blame::Endpoint, Blame::Request, Blame::Nothing, Blame::Endpoint] {
        let done = desk.blame(id, blame);
        let mut sent = done.sent;
        while sent.is_empty() {
            sent = desk.later(1_000).sent;
        }
        assert_eq!(sent.len(), 1);
        id = sent[0].id;
    }
    // As its endpoint is not well, one half goes first.
    let done = desk.blame(id, Blame::Request);
    assert_eq!(done.bodies(), ["t:1"]);
    assert_eq!(desk.answer(done.only(), Verdict::Delivered).bodies(), ["t:2 t:3"]);
}

#[test]
fn a_late_confirmation_counts_after_a_lost_connection_too() {
    let mut desk = desk(&["a"]);
    let first = desk.notes(THREE).only();
    desk.blame(first, Blame::Endpoint);
    let second = desk.soon().only();
    let done = desk.blame(second, Blame::Request);
    assert!(done.outcomes.is_empty());
    assert_eq!(desk.answer(first, Verdict::Delivered).fates(), [(Fate::Delivered, 3)]);
    assert!(desk.soon().sent.is_empty());
    desk.balance();
}

#[test]
fn a_refusal_without_a_reason_is_tried_once_more() {
    let mut desk = desk(&["a"]);
    let id = desk.notes(THREE).only();
    let cause = || Cause::new(9_999, "no");
    let done = desk.answer(id, Verdict::RetryOnce(cause()));
    assert!(done.outcomes.is_empty());
    let again = desk.soon();
    assert!(!again.sent[0].alone);
    // In between anything else may happen.
    desk.answer(again.only(), not_now(None));
    let again = desk.soon();
    let done = desk.answer(again.only(), Verdict::RetryOnce(cause()));
    assert_eq!(done.fates(), [(Fate::Rejected(cause()), 3)]);
    assert!(!done.outcomes[0].possibly_delivered);
    desk.balance();
}

#[test]
fn what_was_discarded_is_not_sent_again_whatever_is_blamed() {
    for blame in [Blame::Nothing, Blame::Request, Blame::Endpoint] {
        let mut desk = desk(&["a"]);
        let id = desk.notes(THREE).only();
        desk.engine.discard();
        let done = desk.blame(id, blame);
        assert_eq!(done.outcomes.len(), 1, "{blame:?}");
        assert!(done.outcomes[0].possibly_delivered);
        assert!(desk.soon().sent.is_empty());
        desk.balance();
    }
}

#[test]
fn no_memory_is_kept_of_sealed_copies() {
    let mut desk = desk(&["a"]);
    let mut id = desk.notes(THREE).only();
    for blame in [Blame::Nothing, Blame::Request, Blame::Request, Blame::Request] {
        let sent = desk.blame(id, blame).sent;
        let sent = if sent.is_empty() { desk.soon().sent } else { sent };
        id = sent[0].id;
    }
    desk.engine.abandon();
    assert_eq!(desk.engine.stats().queued_bytes, 0);
    desk.balance();
}
