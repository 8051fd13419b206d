//! Connections that behave oddly: whatever they do, others are served and memory stays bounded.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use serde_json::json;
use trackwire::collector::Options;

use super::{Node, TARGET, binary, nodes, uniq, with};

#[test]
fn frames_in_pieces_of_one_byte() {
    let server = nodes(1);
    let mut node = Node::connect(server.handle.inlong_addrs()[0]);
    for byte in [binary(1, &[b"a"], TARGET), binary(2, &[b"b"], TARGET)].concat() {
        node.write(&[byte]);
    }
    assert_eq!([uniq(&node.frame().unwrap()), uniq(&node.frame().unwrap())], [1, 2]);
}

#[test]
fn many_connections_with_many_frames_under_way() {
    for store in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.sqlite");
        let server = with(Options { store: store.then_some(path), inlong_nodes: 2, ..Options::default() });
        const FRAMES: u32 = 300;
        std::thread::scope(|scope| {
            for at in 0..20 {
                let address = server.handle.inlong_addrs()[at % 2];
                scope.spawn(move || {
                    let mut node = Node::connect(address);
                    let frames: Vec<u8> =
                        (0..FRAMES).flat_map(|uniq| binary(uniq, &[b"a", b"b", b"c"], TARGET)).collect();
                    node.write(&frames);
                    for expected in 0..FRAMES {
                        assert_eq!(uniq(&node.frame().unwrap()), expected);
                    }
                });
            }
        });
        let counts = &server.stats()["by_system"]["inlong"];
        assert_eq!((&counts["good"], &counts["requests"]), (&json!(20 * FRAMES * 3), &json!(20 * FRAMES)));
        // The file gives back what it was given, too.
        let frame = &server.records("good?limit=1&raw=1")[0]["frame"];
        use base64::Engine;
        let expected =
            base64::engine::general_purpose::STANDARD.encode(binary(0, &[b"a", b"b", b"c"], TARGET));
        assert_eq!(frame, &expected);
    }
}

#[test]
fn garbage_ends_its_connection_and_is_shown() {
    let server = nodes(1);
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 40], &[0, 0, 0, 0], &[0, 0, 0, 9, 0, 1]] {
        let mut node = Node::connect(server.handle.inlong_addrs()[0]);
        node.write(garbage);
        assert_eq!(node.frame(), None);
        let bad = server.records("bad?order=desc&limit=1").remove(0);
        assert_eq!((&bad["system"], &bad["status"]), (&json!("inlong"), &json!(0)));
        assert!(bad["reason"].as_str().unwrap().starts_with("closed: "), "{bad}");
    }
    assert_eq!(server.stats()["by_system"]["inlong"]["bad"], 4);
}

#[test]
fn a_silent_connection_is_closed() {
    let server = with(Options { inlong_read_idle: Duration::from_millis(150), ..Options::default() });
    let mut node = Node::connect(server.handle.inlong_addrs()[0]);
    let start = Instant::now();
    node.write(&binary(1, &[b"a"], TARGET)[..20]);
    assert_eq!(node.frame(), None);
    assert!(start.elapsed() >= Duration::from_millis(150));
}

#[test]
fn a_client_that_does_not_read_is_given_up() {
    let server = with(Options { write_timeout: Duration::from_millis(200), ..Options::default() });
    let mut node = Node::connect(server.handle.inlong_addrs()[0]);
    // Type 4 gives the body back.
    let mut frame = [&(9 + 500_000 + 30_u32).to_be_bytes()[..], &[4], &500_000_u32.to_be_bytes()].concat();
    frame.resize(9 + 500_000, b'x');
    frame.extend_from_slice(&30_u32.to_be_bytes());
    frame.extend_from_slice(TARGET.as_bytes());
    let mut sent = 0;
    while node.stream.write_all(&frame).is_ok() {
        sent += 1;
        assert!(sent < 1_000, "it takes all of it and holds the answers");
    }
    let mut other = Node::connect(server.handle.inlong_addrs()[0]);
    other.write(&binary(9, &[b"a"], TARGET));
    assert_eq!(uniq(&other.frame().unwrap()), 9);
}

#[test]
fn one_that_only_writes_and_leaves_is_kept() {
    let server = nodes(1);
    let mut node = Node::connect(server.handle.inlong_addrs()[0]);
    node.write(&binary(1, &[b"a"], &format!("{TARGET}&isAck=false")));
    node.stream.shutdown(Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    node.stream.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    assert_eq!(server.stats()["good"], 1);
}

#[test]
fn more_connections_than_allowed_wait() {
    let server = with(Options { max_connections: 1, ..Options::default() });
    let address = server.handle.inlong_addrs()[0];
    let mut first = Node::connect(address);
    first.write(&binary(1, &[b"a"], TARGET));
    first.frame().unwrap();
    let mut second = Node::connect(address);
    second.write(&binary(2, &[b"a"], TARGET));
    second.stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert_eq!(second.frame(), None);
    drop(first);
    second.stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(uniq(&second.frame().unwrap()), 2);
}

#[test]
fn nodes_have_ports_in_a_row() {
    // A port that is free with the one behind it, most likely; another when not.
    for _ in 0..50 {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let options = Options { inlong_listen: Some(free), inlong_nodes: 2, ..Options::default() };
        let Ok(handle) = trackwire::collector::Collector::spawn(options) else { continue };
        let ports: Vec<u16> = handle.inlong_addrs().iter().map(|address| address.port()).collect();
        assert_eq!(ports, [free.port(), free.port() + 1]);
        let options = Options { inlong_listen: Some(free), ..Options::default() };
        let error = trackwire::collector::Collector::spawn(options).unwrap_err().to_string();
        assert!(error.contains(&free.to_string()), "{error}");
        return;
    }
    panic!("no two ports in a row are free");
}
