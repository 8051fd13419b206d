//! How connections begin, are watched, and end.

use trackwire::destination::{Blame, TransportErrorKind};

use crate::desk::{Desk, list};
use crate::frame;

#[test]
fn frames_wait_until_a_heartbeat_is_answered() {
    let mut desk = Desk::new(|_| ());
    let done = desk.done();
    assert_eq!(done.nodes(), [0, 1, 2]);
    assert!(done.open.is_empty() && done.beats.is_empty());
    let (wire, node) = done.connects[1];
    desk.connections.connected(wire, desk.now);
    let done = desk.done();
    assert_eq!(done.beats, [wire]);
    assert!(done.open.is_empty());
    let early = desk.send(node as u32);
    let done = desk.done();
    assert!(done.packs.is_empty());
    assert_eq!(done.lost(), [(early, TransportErrorKind::Connect, false, Blame::Endpoint)]);
    desk.hear(wire, &frame::beat(u16::MAX));
    assert_eq!(desk.done().open(), [node as u32]);
    desk.send(node as u32);
    assert_eq!(desk.done().pack().0, wire);
}

#[test]
fn a_heartbeat_of_the_text_layout_is_understood() {
    let mut desk = Desk::new(|_| ());
    let (wire, node) = desk.done().connects[0];
    desk.connections.connected(wire, desk.now);
    desk.hear(wire, &[0, 0, 0, 1, 1]);
    assert_eq!(desk.done().open(), [node as u32]);
}

#[test]
fn nothing_is_connected_to_without_need() {
    let mut desk = Desk::without_nodes(|_| ());
    desk.connections.set_nodes(0, &list(&[0, 1, 2]), desk.now);
    assert!(desk.done().connects.is_empty());
    assert_eq!(desk.connections.next_wake(), None);
    desk.connections.want(true, desk.now);
    assert_eq!(desk.done().connects.len(), 3);
}

#[test]
fn a_connection_that_is_not_made_is_given_up() {
    let mut desk = Desk::new(|_| ());
    let connects = desk.done().connects;
    assert!(desk.later(9_999).closes.is_empty());
    let done = desk.later(1);
    assert_eq!(done.closes.len(), 3);
    assert!(done.closes.iter().all(|wire| connects.iter().any(|(other, _)| other == wire)));
}

#[test]
fn a_node_that_answers_no_heartbeat_is_given_up() {
    let mut desk = Desk::new(|options| options.request_timeout = 5_000);
    for (wire, _) in desk.done().connects {
        desk.connections.connected(wire, desk.now);
    }
    assert_eq!(desk.done().beats.len(), 3);
    assert!(desk.later(4_999).closes.is_empty());
    let done = desk.later(1);
    assert_eq!((done.closes.len(), done.open.len()), (3, 0));
}

#[test]
fn heartbeats_are_sent_in_silence_and_their_answers_awaited() {
    let mut desk = Desk::new(|options| {
        options.heart_beat_interval = 10_000;
        options.request_timeout = 3_000;
    });
    let wires = desk.up();
    assert!(desk.later(9_999).beats.is_empty());
    desk.hear(wires[0], &[0]);
    let mut beats = desk.later(1).beats;
    beats.sort_unstable();
    let mut silent = wires[1..].to_vec();
    silent.sort_unstable();
    assert_eq!(beats, silent, "the first was heard of");
    desk.hear(wires[1], &frame::beat(1));
    let id = desk.send(2);
    desk.done();
    let done = desk.later(3_000);
    assert_eq!(done.closes, [wires[2]]);
    // The deadline of the frame has passed as well: it is late, which is laid to the node.
    assert_eq!(done.lost(), [(id, TransportErrorKind::Timeout, true, Blame::Endpoint)]);
    assert_eq!(done.open(), [0, 1]);
}

#[test]
fn silence_for_the_time_of_an_answer_ends_a_connection() {
    let mut desk = Desk::new(|options| options.request_timeout = 5_000);
    let wires = desk.up();
    desk.later(1);
    let first = desk.send(0);
    desk.later(1_000);
    let second = desk.send(0);
    desk.done();
    let done = desk.later(4_000);
    let timeout = (first, TransportErrorKind::Timeout, true, Blame::Endpoint);
    let beside = (second, TransportErrorKind::Reset, true, Blame::Nothing);
    assert_eq!(done.lost(), [timeout, beside]);
    assert_eq!(done.closes, [wires[0]]);
}

#[test]
fn what_is_lost_is_connected_again_less_and_less_often() {
    let mut desk = Desk::new(|options| options.max_proxy_num = 3);
    let mut waits = Vec::new();
    let wires = desk.up();
    let mut wire = wires[1];
    for _ in 0..10 {
        let mut done = desk.lose(wire);
        let lost_at = desk.now.mono;
        while done.connects.is_empty() {
            // Heartbeats of the others are answered.
            for &beat in &done.beats {
                desk.hear(beat, &frame::beat(1));
            }
            done = desk.later(10);
        }
        assert_eq!(done.nodes(), [1]);
        wire = done.connects[0].0;
        waits.push(desk.now.mono - lost_at);
    }
    assert!(waits[0] <= 50, "{waits:?}");
    assert!((500..=2_010).contains(&waits[1]), "{waits:?}");
    assert!(waits[5..].iter().all(|wait| (8_000..=20_010).contains(wait)), "{waits:?}");
    let done = desk.prove(&[(wire, 1)]);
    assert_eq!(done.open(), [0, 1, 2], "it is used again when it is there again");
}

#[test]
fn a_node_that_restarts_is_lost_once_with_all_its_connections() {
    let mut desk = Desk::new(|options| options.proxy_repeat_times = 4);
    let connects = desk.done().connects;
    assert_eq!(connects.len(), 12);
    desk.prove(&connects);
    for &(wire, _) in connects.iter().filter(|(_, node)| *node == 2) {
        desk.lose(wire);
    }
    let done = desk.later(50);
    assert_eq!(done.nodes(), [2, 2, 2, 2], "it is tried again soon");
}

#[test]
fn idle_connections_end_when_nothing_is_wanted() {
    let mut desk = Desk::new(|options| {
        options.tcp_idle_time = 20_000;
        options.tcp_detection_interval = 1_000;
    });
    let wires = desk.up();
    desk.later(15_000);
    let id = desk.send(1);
    let (wire, pack) = desk.done().pack();
    assert_eq!(desk.ack(wire, &pack, 0).acked(), [id]);
    desk.connections.want(false, desk.now);
    let mut closes = desk.later(6_000).closes;
    closes.sort_unstable();
    let mut others = vec![wires[0], wires[2]];
    others.sort_unstable();
    assert_eq!(closes, others);
    assert_eq!(desk.later(15_000).closes, [wire]);
    assert_eq!(desk.connections.next_wake(), None);
    // And begin again with the next message.
    desk.connections.want(true, desk.now);
    assert_eq!(desk.done().nodes(), [0, 1, 2]);
}

#[test]
fn closing_all_answers_what_is_under_way() {
    let mut desk = Desk::new(|_| ());
    desk.up();
    let sent = desk.send(0);
    let waits = desk.send_to(1, true);
    desk.done();
    desk.connections.close_all(desk.now);
    let done = desk.done();
    assert_eq!(done.closes.len(), 4);
    let mut lost = done.lost();
    lost.sort_by_key(|lost| lost.0);
    let aborted = TransportErrorKind::Aborted;
    assert_eq!(lost, [(sent, aborted, true, Blame::Nothing), (waits, aborted, false, Blame::Nothing)]);
    assert!(done.open().is_empty());
    assert!(!desk.connections.is_busy());
    assert_eq!(desk.connections.next_wake(), None);
    desk.connections.want(true, desk.now);
    assert_eq!(desk.done().nodes(), [0, 1, 2]);
}

#[test]
fn what_is_told_of_unknown_connections_has_no_effect() {
    let mut desk = Desk::new(|_| ());
    let wires = desk.up();
    desk.lose(wires[0]);
    for wire in [wires[0], 0, 77] {
        desk.connections.connected(wire, desk.now);
        desk.hear(wire, &frame::beat(1));
        desk.connections.written(wire, 9, desk.now);
        assert!(desk.lose(wire).open.is_empty());
    }
    // Nor has that it is made a second time.
    desk.connections.connected(wires[1], desk.now);
    assert!(desk.done().beats.is_empty());
    desk.send(1);
    assert_eq!(desk.done().pack().0, wires[1]);
}
