//! Frames that travel alone.

use trackwire::destination::{Blame, TransportErrorKind};

use crate::desk::Desk;
use crate::frame;

#[test]
fn the_first_frame_without_an_answer_is_blamed_for_a_lost_connection() {
    let mut desk = Desk::new(|_| ());
    let wires = desk.up();
    let ids = [desk.send(0), desk.send(0), desk.send(0), desk.send(1)];
    let packs = desk.done().packs;
    desk.ack(wires[0], &packs[0].1, 0);
    let done = desk.lose(wires[0]);
    let reset = TransportErrorKind::Reset;
    assert_eq!(done.lost(), [(ids[1], reset, true, Blame::Request), (ids[2], reset, true, Blame::Nothing)]);
    assert_eq!(done.open(), [1, 2], "frames go to other nodes at once");
}

#[test]
fn of_frames_that_are_late_none_is_blamed() {
    let mut desk = Desk::new(|options| options.request_timeout = 5_000);
    let wires = desk.up();
    let late = desk.send(0);
    desk.later(3_000);
    let next = desk.send(0);
    desk.hear(wires[0], &frame::beat(1));
    assert_eq!(desk.later(2_000).lost(), [(late, TransportErrorKind::Timeout, true, Blame::Endpoint)]);
    // Whatever it was, somebody has to be asked, or it would go on for ever.
    assert_eq!(desk.lose(wires[0]).lost(), [(next, TransportErrorKind::Reset, true, Blame::Request)]);
}

#[test]
fn a_suspect_has_a_connection_of_its_own() {
    let mut desk = Desk::new(|_| ());
    let wires = desk.up();
    let id = desk.send_to(1, true);
    let done = desk.done();
    assert_eq!(done.nodes(), [1]);
    assert!(done.packs.is_empty());
    let own = done.connects[0].0;
    desk.connections.connected(own, desk.now);
    let done = desk.done();
    assert_eq!(done.beats, [own]);
    assert!(done.packs.is_empty(), "it waits for the heartbeat");
    desk.hear(own, &frame::beat(1));
    let done = desk.done();
    let (wire, pack) = done.pack();
    assert_eq!(wire, own);
    assert!(done.open.is_empty(), "nothing else goes there");
    let other = desk.send(1);
    assert_eq!(desk.done().pack().0, wires[1]);
    let done = desk.ack(own, &pack, 0);
    assert_eq!(done.acked(), [id]);
    assert_eq!(done.closes, [own]);
    assert_ne!(id, other);
}

#[test]
fn a_suspect_is_blamed_again() {
    let mut desk = Desk::new(|_| ());
    desk.up();
    let id = desk.send_to(1, true);
    let own = desk.done().connects;
    desk.prove(&own);
    let done = desk.lose(own[0].0);
    assert_eq!(done.lost(), [(id, TransportErrorKind::Reset, true, Blame::Request)]);
    // The node is not to suffer for it.
    assert!(done.open.is_empty() && done.connects.is_empty());
}

#[test]
fn a_suspect_whose_connection_cannot_be_made_was_not_sent() {
    // The nodes are there for others, and so not to suffer for it.
    let not_sent = |id| [(id, TransportErrorKind::Connect, false, Blame::Nothing)];
    let mut desk = Desk::new(|_| ());
    desk.up();
    let refused = desk.send_to(1, true);
    let own = desk.done().connects[0].0;
    assert_eq!(desk.lose(own).lost(), not_sent(refused));

    let no_beat = desk.send_to(2, true);
    let own = desk.done().connects[0].0;
    desk.connections.connected(own, desk.now);
    assert_eq!(desk.lose(own).lost(), not_sent(no_beat));

    let silent = desk.send_to(0, true);
    let own = desk.done().connects[0].0;
    let done = desk.later(10_000);
    assert_eq!(done.lost(), not_sent(silent));
    assert_eq!(done.closes, [own]);
    assert!(!desk.connections.is_busy());
}

#[test]
fn a_suspect_without_an_answer_does_not_keep_its_connection() {
    let mut desk = Desk::new(|options| options.request_timeout = 5_000);
    desk.up();
    let id = desk.send_to(1, true);
    let own = desk.done().connects;
    desk.prove(&own);
    let done = desk.later(5_000);
    assert_eq!(done.lost(), [(id, TransportErrorKind::Timeout, true, Blame::Endpoint)]);
    assert_eq!(done.closes, [own[0].0]);
    assert!(!desk.connections.is_busy());
}

#[test]
fn a_suspect_waits_through_the_end_of_idle_connections() {
    let mut desk = Desk::new(|options| {
        options.tcp_idle_time = 1;
        options.tcp_detection_interval = 1;
    });
    desk.up();
    let id = desk.send_to(1, true);
    let own = desk.done().connects[0].0;
    desk.connections.want(false, desk.now);
    let done = desk.later(5_000);
    assert_eq!(done.closes.len(), 3, "those without use");
    assert!(!done.closes.contains(&own));
    assert_eq!(desk.lose(own).lost(), [(id, TransportErrorKind::Connect, false, Blame::Endpoint)]);
}

#[test]
fn a_frame_for_no_node_is_not_sent() {
    let mut desk = Desk::new(|_| ());
    desk.up();
    for alone in [false, true] {
        let id = desk.send_to(99, alone);
        let done = desk.done();
        let lost = done.lost();
        assert_eq!(lost[0].0, id);
        assert_eq!((lost[0].1, lost[0].2), (TransportErrorKind::Connect, false));
        assert!(done.connects.is_empty());
    }
}

#[test]
fn a_suspect_is_not_sent_when_an_earlier_attempt_has_arrived() {
    for (code, is_sent) in [(0, false), (120, false), (1, true), (115, true)] {
        let mut desk = Desk::new(|options| options.request_timeout = 5_000);
        let wires = desk.up();
        let first = desk.send(0);
        let (_, pack) = desk.done().pack();
        desk.later(1_000);
        desk.hear(wires[0], &frame::beat(1));
        assert_eq!(desk.later(4_000).lost().len(), 1);
        // Lost once more in between, so that it is to travel alone.
        let second = desk.send_again(first, true);
        let own = desk.done().connects;
        let done = desk.ack(wires[0], &pack, code);
        assert_eq!(done.acked(), [first]);
        if is_sent {
            assert_eq!(done.lost(), []);
            assert_eq!(desk.prove(&own).pack().1.key, pack.key);
        } else {
            assert_eq!(done.lost(), [(second, TransportErrorKind::Connect, false, Blame::Nothing)]);
            assert_eq!(done.closes, [own[0].0]);
            assert!(desk.prove(&own).packs.is_empty());
        }
    }
}
