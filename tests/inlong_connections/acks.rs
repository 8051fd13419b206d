//! Which answer is of which frame.

use trackwire::destination::{Blame, TransportErrorKind};
use trackwire::inlong::Answer;

use crate::desk::{Desk, START};
use crate::frame;

/// An answer without any attributes: the server did not get so far as to read them.
fn bare(msg_type: u8) -> Vec<u8> {
    let said = b"dpIp=127.0.0.1&errCode=104";
    let mut answer =
        vec![0, 0, 0, 10 + said.len() as u8, msg_type, 0, 0, 0, 1, 0x32, 0, 0, 0, said.len() as u8];
    answer.extend_from_slice(said);
    answer
}

#[test]
fn an_answer_that_says_nothing_is_not_taken_for_a_yes() {
    let mut desk = Desk::new(|options| options.msg_type = 3);
    let wires = desk.up();
    let id = desk.send(0);
    let pack = desk.done().pack().1;
    desk.hear(wires[0], &[0, 0, 0, 10, 3, 0, 0, 0, 1, 0x32, 0, 0, 0, 0]);
    assert!(desk.done().answers.is_empty());
    assert_eq!(desk.ack(wires[0], &pack, 0).acked(), [id]);
}

#[test]
fn many_are_under_way_and_acks_come_in_any_order() {
    for msg_type in [7, 5, 3, 2, 6] {
        let mut desk = Desk::new(|options| options.msg_type = msg_type);
        let wires = desk.up();
        let ids: Vec<_> = (0..20).map(|_| desk.send(1)).collect();
        let packs = desk.done().packs;
        assert!(packs.iter().all(|(wire, pack)| *wire == wires[1] && pack.msg_type == msg_type));
        for place in [19, 0, 7, 3] {
            assert_eq!(desk.ack(wires[1], &packs[place].1, 0).acked(), [ids[place]], "type {msg_type}");
        }
        // The rest in one piece, and a second answer to one of them.
        let rest = [4, 5, 4, 1, 18].map(|place| frame::ack(&packs[place].1, 0)).concat();
        desk.hear(wires[1], &rest);
        assert_eq!(desk.done().acked(), [ids[4], ids[5], ids[1], ids[18]]);
        assert!(desk.connections.is_busy());
    }
}

#[test]
fn an_answer_is_read_from_any_pieces() {
    let mut desk = Desk::new(|_| ());
    let wires = desk.up();
    let id = desk.send(0);
    let (wire, pack) = desk.done().pack();
    let answer = frame::ack(&pack, 114);
    for byte in &answer[..answer.len() - 1] {
        desk.hear(wire, &[*byte]);
        assert!(desk.done().answers.is_empty());
    }
    desk.hear(wire, &answer[answer.len() - 1..]);
    assert_eq!(desk.done().acked(), [id]);
    assert_eq!(wire, wires[0]);
    assert!(!desk.connections.is_busy());
}

#[test]
fn an_answer_without_attributes_is_of_the_oldest_frame() {
    let mut desk = Desk::new(|options| options.msg_type = 3);
    let wires = desk.up();
    let ids = [desk.send(0), desk.send(0), desk.send(0)];
    let packs = desk.done().packs;
    desk.hear(wires[0], &bare(3));
    assert_eq!(desk.done().acked(), [ids[0]]);
    assert_eq!(desk.ack(wires[0], &packs[2].1, 0).acked(), [ids[2]]);
    desk.hear(wires[0], &bare(5));
    assert!(desk.done().answers.is_empty(), "nothing of that type is under way");
    desk.hear(wires[0], &bare(3));
    assert_eq!(desk.done().acked(), [ids[1]]);
}

#[test]
fn an_answer_to_something_else_is_not_taken_for_one() {
    let mut desk = Desk::new(|_| ());
    let wires = desk.up();
    let id = desk.send(0);
    let (wire, mut pack) = desk.done().pack();
    let key = pack.key;
    pack.key += 1;
    assert!(desk.ack(wire, &pack, 0).answers.is_empty());
    // Nor is one on another connection.
    pack.key = key;
    assert!(desk.ack(wires[1], &pack, 0).answers.is_empty());
    assert_eq!(desk.ack(wire, &pack, 0).acked(), [id]);
}

#[test]
fn a_late_answer_is_told_after_the_time_out() {
    let mut desk = Desk::new(|options| options.request_timeout = 5_000);
    let wires = desk.up();
    let slow = desk.send(0);
    let (wire, pack) = desk.done().pack();
    assert!(desk.later(4_999).answers.is_empty());
    // Something else comes in meanwhile, so it is not the connection.
    desk.hear(wires[0], &frame::beat(1));
    let done = desk.later(1);
    assert_eq!(done.lost(), [(slow, TransportErrorKind::Timeout, true, Blame::Endpoint)]);
    assert!(done.closes.is_empty());
    assert_eq!(desk.later(3_000).answers, []);
    assert_eq!(desk.ack(wire, &pack, 0).acked(), [slow]);
    assert_eq!(desk.ack(wire, &pack, 0).answers, []);
}

#[test]
fn on_a_slow_line_frames_wait_for_their_turn() {
    let mut desk = Desk::new(|options| {
        options.request_timeout = 5_000;
        // Heartbeats wait for their turn too.
        options.heart_beat_interval = 6_000;
        options.enable_balance = true;
    });
    let wires = desk.up();
    let ids: Vec<_> = (0..10).map(|_| desk.send(0)).collect();
    let packs = desk.done().packs;
    for (id, (wire, pack)) in ids.iter().zip(&packs) {
        let before = desk.now.mono;
        let done = desk.later(4_000);
        assert!(done.lost().is_empty() && !done.closes.contains(&wires[0]));
        // The engine is told in time that it may take longer.
        let told = done.extended.iter().all(|&(_, deadline)| deadline > desk.now.mono);
        assert!(told && (before == START.mono || !done.extended.is_empty() || id == ids.last().unwrap()));
        assert_eq!(desk.ack(*wire, pack, 0).acked(), [*id]);
    }
    assert!(!desk.connections.is_busy());
}

#[test]
fn a_frame_that_was_overtaken_does_not_wait_for_a_turn() {
    let mut desk = Desk::new(|options| options.request_timeout = 5_000);
    let wires = desk.up();
    let ids = [0, 1, 2].map(|_| desk.send(0));
    let packs = desk.done().packs;
    desk.later(4_000);
    assert_eq!(desk.ack(wires[0], &packs[1].1, 0).acked(), [ids[1]]);
    let lost = |id| (id, TransportErrorKind::Timeout, true, Blame::Endpoint);
    assert_eq!(desk.later(1_000).lost(), [lost(ids[0])]);
    assert_eq!(desk.later(4_000).lost(), [lost(ids[2])]);
}

#[test]
fn what_is_never_answered_is_not_kept_for_ever() {
    let mut desk = Desk::new(|options| {
        options.request_timeout = 5_000;
        options.msg_type = 3;
    });
    let wires = desk.up();
    for _ in 0..50 {
        desk.send(0);
        desk.done();
        for _ in 0..3 {
            desk.later(2_500);
            desk.hear(wires[0], &frame::beat(1));
        }
    }
    let held = format!("{:?}", desk.connections).matches("Pending {").count();
    assert!(held <= 2, "{held} frames are still waited for");
    desk.later(5_000);
    desk.hear(wires[0], &frame::beat(1));
    desk.later(5_000);
    assert!(!desk.connections.is_busy());
    // A late answer without attributes would be taken for another's otherwise.
    let id = desk.send(0);
    desk.hear(wires[0], &bare(3));
    assert_eq!(desk.done().acked(), [id]);
}

#[test]
fn without_acks_what_was_written_counts() {
    let mut desk = Desk::new(|options| options.is_ack = false);
    let wires = desk.up();
    let ids = [desk.send(0), desk.send(0), desk.send(0)];
    assert!(desk.done().packs.iter().all(|(_, pack)| !pack.is_acked));
    // The first write was the heartbeat.
    desk.connections.written(wires[0], 1, desk.now);
    assert!(desk.done().answers.is_empty());
    desk.connections.written(wires[0], 3, desk.now);
    let done = desk.done();
    assert_eq!(done.acked(), ids[..2]);
    assert!(done.answers.iter().all(|(_, answer)| *answer == Ok(Answer::Written)));
    assert_eq!(desk.lose(wires[0]).lost(), [(ids[2], TransportErrorKind::Reset, true, Blame::Request)]);
    // Told too late.
    desk.connections.written(wires[0], 4, desk.now);
    assert!(desk.done().answers.is_empty());
}

#[test]
fn without_acks_what_is_being_written_is_waited_for() {
    let mut desk = Desk::new(|options| {
        options.is_ack = false;
        options.request_timeout = 5_000;
        options.heart_beat_interval = 6_000;
    });
    let wires = desk.up();
    let ids: Vec<_> = (0..4).map(|_| desk.send(0)).collect();
    desk.done();
    for (place, id) in ids.iter().enumerate() {
        assert_eq!(desk.later(4_000).lost(), []);
        desk.connections.written(wires[0], 2 + place as u64, desk.now);
        assert_eq!(desk.done().acked(), [*id]);
    }
    // The heartbeat was written behind them; it is late only now.
    assert!(!desk.later(4_999).closes.contains(&wires[0]));
    assert!(desk.later(1).closes.contains(&wires[0]));
}

#[test]
fn garbage_is_laid_to_the_node() {
    for garbage in [&b"HTTP/1.1 400 Bad Request\r\n"[..], &[0; 8], &[0xff; 64], &[0, 0, 0, 1, 9]] {
        let mut desk = Desk::new(|_| ());
        let wires = desk.up();
        let ids = [desk.send(0), desk.send(0)];
        desk.done();
        desk.hear(wires[0], garbage);
        let done = desk.done();
        let reset = TransportErrorKind::Reset;
        // A frame is not the reason, so that none is ever rejected for it.
        let expected = [(ids[0], reset, true, Blame::Endpoint), (ids[1], reset, true, Blame::Nothing)];
        assert_eq!(done.lost(), expected);
        assert_eq!(done.closes, [wires[0]]);
        assert_eq!(done.open(), [1, 2]);
    }
}
