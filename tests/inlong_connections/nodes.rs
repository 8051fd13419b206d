//! Which nodes are used.

use trackwire::destination::{Blame, TransportErrorKind};
use trackwire::inlong::{Connections, Options, Output};

use crate::desk::{Desk, START, list};
use crate::frame;

#[test]
fn no_more_nodes_are_used_than_wanted() {
    let mut desk = Desk::without_nodes(|options| options.max_proxy_num = 2);
    desk.connections.want(true, desk.now);
    desk.connections.set_nodes(0, &list(&[0, 1, 2, 3, 4]), desk.now);
    let connects = desk.done().connects;
    assert_eq!(connects.len(), 2);
    assert_eq!(desk.prove(&connects).open().len(), 2);
}

#[test]
fn clients_differ_in_the_nodes_they_use_first() {
    let mut options = Options::default();
    (options.max_proxy_num, options.enable_balance) = (1, false);
    let first = |seed| {
        let mut connections = Connections::new(&options, seed);
        connections.want(true, START);
        connections.set_nodes(0, &list(&[0, 1, 2]), START);
        match connections.poll() {
            Some(Output::Connect { address, .. }) => address.host.clone(),
            other => panic!("{other:?}"),
        }
    };
    let mut hosts: Vec<String> = (0..50).map(first).collect();
    hosts.sort();
    hosts.dedup();
    assert_eq!(hosts.len(), 3);
    // And in the order in which they name them: with few messages only the first is sent to.
    let told = |seed| {
        options.max_proxy_num = 8;
        let mut connections = Connections::new(&options, seed);
        connections.want(true, START);
        connections.set_nodes(0, &list(&[0, 1, 2]), START);
        for number in 1..=3 {
            connections.connected(number, START);
            connections.received(number, &frame::beat(1), START);
        }
        let mut told = Vec::new();
        while let Some(output) = connections.poll() {
            if let Output::Open { nodes, .. } = output {
                told = nodes;
            }
        }
        assert_eq!(told.len(), 3);
        format!("{:?}", told[0])
    };
    let mut firsts: Vec<String> = (0..50).map(told).collect();
    firsts.sort();
    firsts.dedup();
    assert_eq!(firsts.len(), 3);
}

#[test]
fn another_node_takes_the_place_of_one_that_is_lost_at_once() {
    let mut desk = Desk::new(|options| options.max_proxy_num = 1);
    let (wire, node) = desk.done().connects[0];
    desk.prove(&[(wire, node)]);
    let id = desk.send(node as u32);
    desk.done();
    let done = desk.lose(wire);
    assert_eq!(done.lost(), [(id, TransportErrorKind::Reset, true, Blame::Request)]);
    let others: Vec<_> = done.connects.iter().copied().filter(|&(_, other)| other != node).collect();
    assert_eq!(others.len(), 1, "another is connected to in the same moment: {done:?}");
    assert_eq!(desk.prove(&others).open(), [others[0].1 as u32]);
    // When the first is there again it is used again, and the other one is not needed any more.
    let again = desk.later(60).connects;
    let again: Vec<_> = done.connects.into_iter().chain(again).filter(|&(_, other)| other == node).collect();
    let done = desk.prove(&again);
    assert_eq!(done.open(), [node as u32]);
    assert_eq!(done.closes, [others[0].0]);
}

#[test]
fn a_reserve_takes_over_without_a_pause() {
    let mut desk = Desk::new(|options| {
        options.max_proxy_num = 1;
        options.enable_balance = true;
    });
    let connects = desk.done().connects;
    assert_eq!(connects.len(), 3, "one, and two in reserve whose loads are known");
    let open = desk.prove(&connects).open();
    let [first] = open[..] else { panic!("{open:?}") };
    let (wire, _) = connects.iter().find(|&&(_, node)| node as u32 == first).unwrap();
    let open = desk.lose(*wire).open();
    assert_eq!(open.len(), 1);
    assert_ne!(open[0], first);
}

#[test]
fn a_node_that_left_the_list_ends_with_its_frames() {
    let mut desk = Desk::new(|_| ());
    let wires = desk.up();
    let id = desk.send(2);
    let (_, pack) = desk.done().pack();
    desk.connections.set_nodes(0, &list(&[0, 1]), desk.now);
    let done = desk.done();
    assert_eq!(done.open(), [0, 1]);
    assert!(done.closes.is_empty());
    let done = desk.ack(wires[2], &pack, 0);
    assert_eq!(done.acked(), [id]);
    assert_eq!(done.closes, [wires[2]]);
    // One without frames ends at once, and one that comes back has its number still.
    desk.connections.set_nodes(0, &list(&[0]), desk.now);
    assert_eq!(desk.done().closes, [wires[1]]);
    desk.connections.set_nodes(0, &list(&[2, 0]), desk.now);
    let connects = desk.done().connects;
    assert_eq!(desk.prove(&connects).open(), [0, 2]);
}

#[test]
fn a_node_that_left_the_list_ends_without_answers_too() {
    let mut desk = Desk::new(|options| options.request_timeout = 5_000);
    let wires = desk.up();
    let id = desk.send(2);
    desk.done();
    desk.later(1_000);
    desk.hear(wires[2], &frame::beat(1));
    desk.connections.set_nodes(0, &list(&[0, 1]), desk.now);
    let done = desk.later(4_000);
    assert_eq!(done.lost(), [(id, TransportErrorKind::Timeout, true, Blame::Endpoint)]);
    assert!(desk.later(5_000).closes.contains(&wires[2]) || done.closes.contains(&wires[2]));
    assert!(!desk.connections.is_busy());
}

#[test]
fn nodes_with_much_load_make_room_for_reserves() {
    let mut desk = Desk::new(|options| {
        options.max_proxy_num = 1;
        options.enable_balance = true;
        options.load_balance_interval = 30_000;
        options.heart_beat_interval = 10_000;
    });
    let connects = desk.done().connects;
    let first = desk.prove(&connects).open()[0];
    let beat = |desk: &mut Desk, load: u16| {
        for &(wire, node) in &connects {
            desk.hear(wire, &frame::beat(if node as u32 == first { load } else { 50 + node as u16 }));
        }
        desk.later(1_000)
    };
    // By more than 20 they must differ, which is what the Manager says.
    for _ in 0..100 {
        assert!(beat(&mut desk, 70).open.is_empty());
    }
    let mut told = Vec::new();
    for _ in 0..60 {
        let done = beat(&mut desk, 200);
        assert!(done.closes.is_empty(), "it stays in reserve");
        told.extend(done.open);
    }
    let least = (0..3).filter(|&node| node != first).min().unwrap();
    assert_eq!(told, [(0, vec![least])]);
}

#[test]
fn groups_of_a_cluster_share_connections() {
    for (isolation_level, connections) in [(2, 3), (1, 6)] {
        let mut desk = Desk::without_nodes(|options| options.isolation_level = isolation_level);
        desk.connections.want(true, desk.now);
        let mut nodes = list(&[0, 1, 2]);
        nodes.cluster_id = Some(4);
        desk.connections.set_nodes(0, &nodes, desk.now);
        desk.connections.set_nodes(1, &nodes, desk.now);
        let connects = desk.done().connects;
        assert_eq!(connects.len(), connections);
        let done = desk.prove(&connects);
        for group in [0, 1] {
            let told = done.open.iter().rfind(|(told, _)| *told == group).unwrap();
            assert_eq!(told.1.len(), 3);
        }
        // Another cluster has its own, even at the same address.
        nodes.cluster_id = Some(5);
        desk.connections.set_nodes(2, &nodes, desk.now);
        assert_eq!(desk.done().connects.len(), 3);
    }
}

#[test]
fn several_connections_to_a_node_share_its_frames() {
    let mut desk = Desk::new(|options| options.proxy_repeat_times = 3);
    let connects = desk.done().connects;
    desk.prove(&connects);
    for _ in 0..9 {
        desk.send(1);
    }
    let packs = desk.done().packs;
    for (wire, _) in connects.iter().filter(|(_, node)| *node == 1) {
        assert_eq!(packs.iter().filter(|(other, _)| other == wire).count(), 3);
    }
    // The loss of one is not the loss of the node.
    let (lost, _) = packs[0];
    let done = desk.lose(lost);
    assert_eq!(done.lost().len(), 3);
    assert!(done.open.is_empty());
}

#[test]
fn where_the_last_node_is_lost_the_others_are_tried_soon() {
    let mut desk = Desk::new(|_| ());
    let wires = desk.up();
    // Two of them are gone for long.
    let mut lost = wires[..2].to_vec();
    for _ in 0..8 {
        for wire in std::mem::take(&mut lost) {
            desk.lose(wire);
        }
        while lost.len() < 2 {
            let done = desk.later(10);
            lost.extend(done.connects.iter().map(|(wire, _)| wire));
            done.beats.iter().for_each(|&beat| desk.hear(beat, &frame::beat(1)));
        }
    }
    for wire in lost {
        desk.lose(wire);
    }
    assert!(desk.later(1_000).connects.is_empty(), "they are left in peace");
    let done = desk.lose(wires[2]);
    assert!(done.open().is_empty());
    assert_eq!([done.nodes(), desk.later(1).nodes()].concat().iter().filter(|&&node| node < 2).count(), 2);
}

#[test]
fn a_node_that_takes_long_to_connect_to_does_not_keep_others_waiting() {
    let mut desk = Desk::new(|options| options.max_proxy_num = 1);
    let [(slow, first)] = desk.done().connects[..] else { panic!("one is used") };
    assert!(desk.later(999).connects.is_empty());
    let done = desk.later(1);
    assert_eq!(done.connects.len(), 1);
    assert!(done.closes.is_empty(), "it is still waited for");
    let (_, second) = done.connects[0];
    assert_ne!(first, second);
    assert_eq!(desk.prove(&done.connects).open(), [second as u32]);
    assert!(desk.later(5_000).connects.is_empty());
    let done = desk.prove(&[(slow, first)]);
    assert_eq!(done.open(), [first as u32]);
    assert_eq!(done.closes.len(), 1, "the other one is not needed any more");
}

#[test]
fn nodes_that_come_and_go_all_the_time_are_forgotten() {
    let mut desk = Desk::new(|_| ());
    desk.up();
    for round in 0..500 {
        let nodes = [3 * round + 3, 3 * round + 4, 3 * round + 5];
        desk.connections.set_nodes(0, &list(&nodes), desk.now);
        let connects = desk.done().connects;
        let done = desk.prove(&connects);
        assert_eq!(done.open().len(), 3);
        let to = done.open()[0];
        desk.send(to);
        let (wire, pack) = desk.done().pack();
        assert!(connects.iter().any(|&(other, _)| other == wire), "to one of the new ones");
        assert_eq!(desk.ack(wire, &pack, 0).acked().len(), 1);
    }
    let held = format!("{:?}", desk.connections).matches("Node {").count();
    assert!(held <= 6, "{held} nodes are held");
}
