//! Limits and time-outs: nothing it is sent makes it grow, hang or end.

use std::time::Duration;

use serde_json::json;
use trackwire::collector::{Collector, CollectorError, Options};

use crate::client::{EVENTS, Server};

#[test]
fn long_bodies_are_refused() {
    let server = Server::start();
    let longest = 8 << 20;
    let mut body = b"[]".to_vec();
    body.resize(longest, b' ');
    assert_eq!(server.request("POST", EVENTS, &[], &body).unwrap().status, 204);
    body.push(b' ');
    let answer = server.request("POST", EVENTS, &[], &body).unwrap();
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    // The same when the length is not declared.
    let mut chunked = format!("{:x}\r\n", body.len()).into_bytes();
    chunked.extend_from_slice(&body);
    chunked.extend_from_slice(b"\r\n0\r\n\r\n");
    let answer = server.request("POST", EVENTS, &[("transfer-encoding", "chunked")], &chunked).unwrap();
    assert_eq!(answer.status, 413);
    // One that is declared to be enormous is not waited for.
    let mut connection = server.connect();
    connection
        .write(b"POST /v3/projects/p/collect HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n")
        .unwrap();
    assert_eq!(connection.answer(false).unwrap().status, 413);
    let bad = server.records("bad");
    assert_eq!(bad.len(), 3);
    for record in bad {
        assert_eq!(record["status"], 413);
        assert!(record["body"].as_str().unwrap().len() <= (64 << 10) * 4 / 3 + 4);
    }
}

#[test]
fn what_grows_when_it_is_unpacked_is_refused() {
    let server = Server::start();
    let body = snap::raw::Encoder::new().compress_vec(&vec![b' '; 33 << 20]).unwrap();
    let answer = server.request("POST", EVENTS, &[("X-Compress-Codec", "2")], &body).unwrap();
    assert_eq!(answer.status, 413);
    let many = format!("[{}]", vec!["{}"; 100_001].join(","));
    let answer = server.request("POST", "/projects/p/collect/item", &[], many.as_bytes()).unwrap();
    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (413, Some("more than 100000 records in one request"))
    );
    let many = [0x12, 0x00].repeat(100_001);
    let headers = [("content-type", "application/protobuf")];
    assert_eq!(server.request("POST", "/projects/p/collect/item", &headers, &many).unwrap().status, 413);
}

#[test]
fn slow_clients_are_given_up() {
    let server = Server::with(Options {
        head_timeout: Duration::from_millis(100),
        body_timeout: Duration::from_millis(100),
        ..Options::default()
    });
    let mut silent = server.connect();
    let mut half = server.connect();
    half.write(b"POST /v3/pro").unwrap();
    let mut slow = server.connect();
    slow.write(b"POST /v3/projects/p/collect HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n[").unwrap();
    let answer = slow.answer(false).unwrap();
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert!(slow.ends() && half.ends() && silent.ends());
    assert_eq!(server.records("bad")[0]["body"], "Ww==");
}

#[test]
fn what_is_not_http_does_no_harm() {
    let server = Server::with(Options { head_timeout: Duration::from_millis(200), ..Options::default() });
    for garbage in
        [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"\r\n\r\n\r\n", b"GET\r\n\r\n", &[0xff; 4096]]
    {
        let mut connection = server.connect();
        connection.write(garbage).unwrap();
        connection.write(b"\r\n\r\n").ok();
        let _ = connection.answer(false);
    }
    let mut connection = server.connect();
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n", "x".repeat(1 << 20));
    let _ = connection.write(head.as_bytes());
    let _ = connection.answer(false);
    // A client that goes away in the middle.
    let mut connection = server.connect();
    connection
        .write(b"POST /v3/projects/p/collect HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n[")
        .unwrap();
    drop(connection);
    assert_eq!(server.track("a").unwrap(), 204);
    assert_eq!(server.stats()["good"], 1);
}

#[test]
fn more_connections_than_allowed_wait() {
    let server = Server::with(Options { max_connections: 2, ..Options::default() });
    let mut first = server.connect();
    let mut second = server.connect();
    for connection in [&mut first, &mut second] {
        assert_eq!(connection.request("GET", "/trackwire/stats", &[], b"").unwrap().status, 200);
    }
    let mut third = server.connect();
    third.write(b"GET /trackwire/stats HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert_eq!(second.request("GET", "/trackwire/stats", &[], b"").unwrap().status, 200);
    drop(first);
    assert_eq!(third.answer(false).unwrap().status, 200);
}

#[test]
fn the_window_forgets_the_oldest_and_the_counters_do_not() {
    let server = Server::with(Options { window_records: 10, ..Options::default() });
    for at in 0..25 {
        server.track(&format!("e{at}")).unwrap();
    }
    let names = server.names("good");
    assert_eq!((names.len(), names[0].as_str()), (10, "e15"));
    assert_eq!(server.stats()["good"], 25);

    let server = Server::with(Options { window_bytes: 20_000, ..Options::default() });
    for at in 0..100 {
        server.track(&format!("e{at}")).unwrap();
    }
    let names = server.names("good?limit=1000");
    assert!((5..50).contains(&names.len()), "{}", names.len());
    assert_eq!(names.last().unwrap(), "e99");
    assert_eq!(server.stats()["good"], 100);
}

#[test]
fn it_stops_while_clients_are_connected() {
    let server = Server::start();
    let mut idle = server.connect();
    let mut stream = server.connect();
    stream.write(b"GET /trackwire/stream HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert_eq!(stream.answer(false).unwrap().status, 200);
    server.handle.stop();
    assert!(idle.ends());
}

#[test]
fn an_address_in_use_is_a_typed_error() {
    let server = Server::start();
    let listen = server.handle.url().strip_prefix("http://").unwrap().parse().unwrap();
    let error = Collector::spawn(Options { listen, ..Options::default() }).unwrap_err();
    assert!(matches!(error, CollectorError::Listen { .. }));
    assert!(error.to_string().contains("choose another address"), "{error}");
    assert_eq!(json!(Options::default().listen.ip().is_loopback()), json!(true));
}
