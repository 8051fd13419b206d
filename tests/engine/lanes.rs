//! Many lanes: those without notes make room for others.

use trackwire::destination::{BatchId, Batching, Destination, Now, Records, Verdict};
use trackwire::engine::{Engine, Limits, Output, TransmitId};
use trackwire::{Invalid, InvalidKind};

use crate::notes::{Desk, START};

#[test]
fn lanes_are_used_again() {
    let mut desk = Desk::new();
    for number in 0..1_000 {
        let topic = format!("topic{number}");
        let done = desk.notes([&*format!("{topic}:1"), &format!("{topic}:2"), &format!("{topic}:3")]);
        assert_eq!(done.bodies(), [format!("{topic}:1 {topic}:2 {topic}:3")]);
        desk.answer(done.only(), Verdict::Delivered);
    }
    assert!(format!("{:?}", desk.engine).contains("lanes: 64"), "{:?}", desk.engine);
    desk.balance();
}

#[test]
fn lanes_with_notes_stay() {
    let mut desk = Desk::new();
    for number in 0..200 {
        desk.notes([&*format!("topic{number}:1")]);
    }
    let done = desk.later(1_000);
    assert_eq!(done.sent.len(), 200);
    let mut bodies = done.bodies();
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), 200);
    for sent in &done.sent {
        desk.answer(sent.id, Verdict::Delivered);
    }
    // What is under way keeps its lane as well, also when it has to be sent again.
    let id = desk.notes(["mine:1", "mine:2", "mine:3"]).only();
    for number in 0..200 {
        let done = desk.notes([&*format!("other{number}:1"), "x:1", "x:2"]);
        done.sent.iter().for_each(|sent| drop(desk.answer(sent.id, Verdict::Delivered)));
    }
    desk.answer(id, crate::notes::not_now(None));
    let again = desk.later(100);
    assert!(again.bodies().contains(&"mine:1 mine:2 mine:3".to_owned()), "{:?}", again.bodies());
    desk.balance();
}

#[test]
fn a_flush_sees_the_end_of_what_it_was_for_although_its_lane_is_anothers() {
    let mut desk = Desk::new();
    for number in 0..100 {
        desk.notes([&*format!("topic{number}:1")]);
    }
    let flush = desk.engine.flush();
    let done = desk.drive();
    assert_eq!(done.sent.len(), 100);
    let mut pending = 100;
    for (number, sent) in done.sent.iter().enumerate() {
        desk.answer(sent.id, Verdict::Delivered);
        pending -= 1;
        // Comes after the flush, in the lane that has become free.
        desk.notes([&*format!("later{number}:1")]);
        assert_eq!(desk.engine.flush_report(flush).map(|report| report.pending), Some(pending));
    }
    let report = desk.engine.end_flush(flush);
    assert_eq!((report.delivered, report.pending), (100, 0));
    // Nor do the later ones leave earlier for it.
    assert!(desk.drive().sent.is_empty());
    assert_eq!(desk.later(1_000).sent.len(), 100);
    desk.balance();
}

/// Letters that go out in batches as large as they may be at the time.
struct Letters(std::cell::Cell<usize>);

impl Destination for Letters {
    type Record<'a> = &'a str;
    type Lane = ();
    type Endpoint = ();
    type Sealed = usize;
    type Request = usize;
    type Response = Verdict;
    const PARTLY: bool = false;
    const MANY_LANES: bool = false;

    fn route(&self, _: &&str) -> Result<(), Invalid> {
        Ok(())
    }

    fn encode(&self, letter: &&str, _: Now, out: &mut Vec<u8>) -> Result<(), Invalid> {
        match letter.is_empty() {
            true => Err(Invalid::new("letter", InvalidKind::Empty, "write something")),
            false => {
                out.extend_from_slice(letter.as_bytes());
                Ok(())
            }
        }
    }

    fn batching(&self, (): &()) -> Batching {
        Batching {
            max_events: 100,
            max_bytes: self.0.get(),
            max_wait: Some(1_000),
            triggers_flush: false,
            flush_events: 0,
        }
    }

    fn endpoint(&self, (): &(), _: BatchId, _: u32) {}

    fn seal(&self, (): &(), records: Records<'_>, _: BatchId, _: Now) -> usize {
        records.bytes()
    }

    fn sealed_bytes(&self, sealed: &usize) -> usize {
        *sealed
    }

    fn request(&self, sealed: &usize, (): &(), _: u32, _: Now) -> usize {
        *sealed
    }

    fn judge(&self, _: &usize, verdict: &Verdict, _: Now) -> Verdict {
        verdict.clone()
    }

    fn save_lane(&self, (): &(), _: &mut Vec<u8>) {}

    fn load_lane(&self, _: &[u8]) -> Option<()> {
        Some(())
    }

    fn save_sealed(&self, _: &usize, _: &mut Vec<u8>) {}

    fn load_sealed(&self, (): &(), bytes: &[u8]) -> Option<usize> {
        Some(bytes.len())
    }
}

#[test]
fn bounds_of_batches_may_change_on_the_way() {
    let mut engine = Engine::new(Letters(std::cell::Cell::new(40)), Limits::default(), 7);
    let sent = |engine: &mut Engine<Letters>| {
        let mut sent: Vec<(TransmitId, usize)> = Vec::new();
        while let Output::Transmit(transmit) = engine.poll(START) {
            sent.push((transmit.id, transmit.request));
        }
        sent
    };
    for _ in 0..9 {
        engine.record(&"tenletters", None, START).expect("there is room");
    }
    let first = sent(&mut engine);
    assert_eq!(first.iter().map(|(_, bytes)| *bytes).collect::<Vec<_>>(), [40, 40]);
    engine.destination().0.set(20);
    // Nothing has changed until it is asked for; then what is left is not even enough.
    engine.record(&"tenletters", None, START).expect("there is room");
    assert!(sent(&mut engine).is_empty());
    engine.rebatch();
    assert_eq!(sent(&mut engine).len(), 1);
    engine.destination().0.set(1_000);
    engine.rebatch();
    for _ in 0..9 {
        engine.record(&"tenletters", None, START).expect("there is room");
    }
    assert!(sent(&mut engine).is_empty());
    // A batch that was cut stays as it was.
    engine.answer(
        first[0].0,
        Err(trackwire::destination::TransportError::new(
            trackwire::destination::TransportErrorKind::Timeout,
            "late",
        )),
        START,
    );
    engine.flush();
    let later = Now { mono: START.mono + 100, ..START };
    let mut again = Vec::new();
    while let Output::Transmit(transmit) = engine.poll(later) {
        again.push(transmit.request);
    }
    assert_eq!(again, [40], "the probe goes first");
}
