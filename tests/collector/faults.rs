//! The plan of faults, as clients feel it.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{EVENTS, Server};

#[test]
fn statuses_codes_and_retry_after() {
    let server = Server::start();
    let date = "Wed, 21 Oct 2026 07:28:00 GMT";
    server.faults(&format!(
        r#"[{{"system":"growingio","status":503,"retry_after":2,"count":1}},
            {{"status":429,"retry_after":"{date}","code":"TooMany","count":1}},
            {{"status":200,"count":1}}]"#
    ));
    let send = || server.request("POST", EVENTS, &[], br#"[{"eventType":"CUSTOM"}]"#).unwrap();
    let first = send();
    assert_eq!((first.status, first.header("retry-after"), first.body.len()), (503, Some("2"), 0));
    let second = send();
    assert_eq!((second.status, second.header("retry-after")), (429, Some(date)));
    assert_eq!(second.json()["code"], "TooMany");
    assert_eq!(server.stats()["good"], 0);
    // A 2xx is an acceptance with another number.
    assert_eq!(send().status, 200);
    assert_eq!(send().status, 204);
    let stats = server.stats();
    assert_eq!((&stats["good"], &stats["bad"], &stats["requests"]), (&json!(2), &json!(0), &json!(4)));
    assert_eq!(server.faults_left(), "[]");
}

#[test]
fn connections_are_cut() {
    let server = Server::start();
    server.faults(r#"[{"drop":"before","count":2},{"drop":"after","count":1}]"#);
    server.track("a").unwrap_err();
    // Before means unread: even a body that was announced and never sent is not waited for.
    let mut connection = server.connect();
    connection
        .write(b"POST /v3/projects/p/collect HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n")
        .unwrap();
    assert!(connection.ends());
    assert_eq!(server.stats()["good"], 0);
    server.track("b").unwrap_err();
    assert_eq!(server.names("good"), ["b"]);
    assert_eq!(server.track("c").unwrap(), 204);
    assert_eq!(server.stats()["requests"], 4);
}

#[test]
fn a_delay_comes_after_the_acceptance() {
    let server = Server::start();
    server.faults(r#"[{"delay_ms":60000,"count":1},{"delay_ms":60,"status":503,"count":1}]"#);
    let body = br#"[{"eventType":"CUSTOM","eventName":"late"}]"#;
    let mut connection = server.connect();
    let head = format!("POST {EVENTS} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    connection.write(head.as_bytes()).unwrap();
    connection.write(body).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while server.names("good") != ["late"] {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
    let start = Instant::now();
    assert_eq!(server.track("refused").unwrap(), 503);
    assert!(start.elapsed() >= Duration::from_millis(60));
    assert_eq!(server.names("good"), ["late"]);
}

#[test]
fn only_the_paths_of_systems_and_no_preflights() {
    let server = Server::start();
    server.faults(r#"[{"drop":"before"}]"#);
    assert_eq!(server.request("OPTIONS", EVENTS, &[], b"").unwrap().status, 204);
    assert_eq!(server.get("/").status, 200);
    assert_eq!(server.post("/elsewhere", "[]"), 404);
    server.track("a").unwrap_err();
    server.track("a").unwrap_err();
    assert_eq!(server.faults_left(), r#"[{"drop":"before"}]"#);
    server.faults("[]");
    assert_eq!(server.track("a").unwrap(), 204);
}

#[test]
fn a_share_of_the_requests() {
    let server = Server::start();
    server.faults(r#"[{"status":500,"share":0.25}]"#);
    let statuses: Vec<u16> = (0..12).map(|_| server.track("x").unwrap()).collect();
    assert_eq!(statuses, [204, 204, 204, 500, 204, 204, 204, 500, 204, 204, 204, 500]);
}

#[test]
fn mistakes_in_a_plan_are_named_and_change_nothing() {
    let server = Server::start();
    server.faults(r#"[{"status":503,"count":5}]"#);
    let plan = br#"{"faults":[{"status":503},{"status":99}]}"#;
    let answer = server.request("POST", "/trackwire/faults", &[], plan).unwrap();
    assert_eq!(answer.status, 400);
    let error = json!({"error": "faults[1].status: must be a whole number from 200 to 599", "field": "faults[1].status"});
    assert_eq!(answer.json(), error);
    assert_eq!(server.request("POST", "/trackwire/faults", &[], b"\xff").unwrap().status, 400);
    assert_eq!(server.request("POST", "/trackwire/faults", &[], &vec![b' '; 300 << 10]).unwrap().status, 413);
    assert_eq!(server.faults_left(), r#"[{"status":503,"count":5}]"#);
    // And from the program that runs it.
    assert_eq!(server.handle.faults().replace(r#"{"faults":7}"#).unwrap_err().field, "faults");
    server.handle.faults().replace(r#"{"faults":[]}"#).unwrap();
    assert_eq!(server.faults_left(), "[]");
}
