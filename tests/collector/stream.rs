//! Server-sent events.

use serde_json::{Value, json};
use trackwire::collector::Options;

use crate::client::{Connection, EVENTS, Server};

struct Stream {
    connection: Connection,
    rest: String,
}

#[derive(Debug)]
struct Event {
    name: String,
    id: Option<u64>,
    data: Value,
}

impl Stream {
    fn open(server: &Server, query: &str, headers: &str) -> Self {
        let mut connection = server.connect();
        let head = format!("GET /trackwire/stream{query} HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        connection.write(head.as_bytes()).unwrap();
        let answer = connection.answer(false).unwrap();
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        Self { connection, rest: String::new() }
    }

    fn next(&mut self) -> Event {
        let mut event = Event { name: String::new(), id: None, data: Value::Null };
        loop {
            let line = self.connection.chunked_line(&mut self.rest).unwrap();
            match line.split_once(": ") {
                Some(("event", name)) => event.name = name.to_owned(),
                Some(("id", id)) => event.id = Some(id.parse().unwrap()),
                Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
                Some(_) => {}
                None if event.name.is_empty() => {}
                None => return event,
            }
        }
    }

    /// The next of these; the others are passed over.
    fn find(&mut self, names: &[&str]) -> Event {
        loop {
            let event = self.next();
            if names.contains(&event.name.as_str()) {
                return event;
            }
        }
    }
}

#[test]
fn what_arrives_is_told() {
    let server = Server::start();
    server.track("before").unwrap();
    let mut stream = Stream::open(&server, "", "");
    assert_eq!(stream.next().data, json!({"last_id": 1}));
    assert_eq!(stream.next().data, json!({"faults": []}));
    assert_eq!(stream.next().data, server.stats());
    // With a line break between the tokens, which must not end the event.
    assert_eq!(server.post(EVENTS, "[{\"eventType\":\"CUSTOM\",\r\n\"eventName\":\"now\"}]"), 204);
    let event = stream.find(&["good"]);
    assert_eq!((event.id, &event.data["name"]), (Some(2), &json!("now")));
    assert_eq!(event.data, server.records("good?after=1")[0]);
    assert_eq!(stream.find(&["stats"]).data["good"], 2);
    server.post(EVENTS, "nonsense");
    let event = stream.find(&["bad"]);
    assert_eq!((event.id, event.data), (Some(3), server.records("bad").remove(0)));
    server.faults(r#"[{"status":503,"count":1}]"#);
    assert_eq!(stream.find(&["faults"]).data, json!({"faults": [{"status": 503, "count": 1}]}));
    server.track("refused").unwrap();
    assert_eq!(stream.find(&["faults"]).data, json!({"faults": []}));
    server.post("/trackwire/reset", "");
    stream.find(&["reset"]);
    server.track("again").unwrap();
    assert_eq!(stream.find(&["good", "skipped"]).data["name"], "again");
}

#[test]
fn a_client_goes_on_where_it_was() {
    let server = Server::start();
    for at in 1..=3 {
        server.track(&format!("e{at}")).unwrap();
    }
    for (query, headers, expected) in [
        ("?after=0", "", vec!["e1", "e2", "e3"]),
        ("?after=2", "", vec!["e3"]),
        ("?after=0", "last-event-id: 1\r\n", vec!["e2", "e3"]),
    ] {
        let mut stream = Stream::open(&server, query, headers);
        for name in expected {
            assert_eq!(stream.find(&["good"]).data["name"], name, "{query} {headers}");
        }
    }
}

#[test]
fn one_who_is_too_far_behind_is_moved_forward() {
    let server = Server::with(Options { window_records: 20_000, ..Options::default() });
    let event = r#"{"eventType":"CUSTOM","eventName":"x"}"#;
    let body = format!("[{}]", vec![event; 3_000].join(","));
    for _ in 0..5 {
        assert_eq!(server.post(EVENTS, &body), 204);
    }
    let mut stream = Stream::open(&server, "?after=100", "");
    let event = stream.find(&["good", "skipped"]);
    assert_eq!((event.name.as_str(), event.id), ("skipped", Some(5_000)));
    assert_eq!(event.data, json!({"after": 100, "count": 4_900}));
    for id in 5_001..=15_000 {
        assert_eq!(stream.find(&["good", "skipped"]).id, Some(id));
    }
}

#[test]
fn what_left_the_window_is_counted() {
    let server = Server::with(Options { window_records: 5, ..Options::default() });
    for _ in 0..9 {
        server.track("x").unwrap();
    }
    let mut stream = Stream::open(&server, "?after=1", "");
    let event = stream.find(&["good", "skipped"]);
    assert_eq!((event.id, event.data), (Some(4), json!({"after": 1, "count": 3})));
    assert_eq!(stream.find(&["good"]).id, Some(5));
}

#[test]
fn it_follows_the_file_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::with(Options { store: Some(dir.path().join("e.sqlite")), ..Options::default() });
    server.track("a").unwrap();
    server.post(EVENTS, "nonsense");
    server.track("b").unwrap();
    let mut stream = Stream::open(&server, "?after=0", "");
    let found: Vec<_> =
        (0..3).map(|_| stream.find(&["good", "bad", "skipped"])).map(|e| (e.name, e.id)).collect();
    assert_eq!(found, [("good".into(), Some(1)), ("bad".into(), Some(2)), ("good".into(), Some(3))]);
    server.track("c").unwrap();
    assert_eq!(stream.find(&["good"]).data["name"], "c");
}

#[test]
fn it_comes_in_small_pieces_because_some_are_held_for_each_client() {
    let dir = tempfile::tempdir().unwrap();
    let event = format!(
        r#"{{"eventType":"CUSTOM","eventName":"x","attributes":{{"text":"{}"}}}}"#,
        "y".repeat(40 << 10)
    );
    for store in [None, Some(dir.path().join("e.sqlite"))] {
        let server = Server::with(Options { store, ..Options::default() });
        assert_eq!(server.post(EVENTS, &format!("[{}]", vec![event.as_str(); 50].join(","))), 204);
        let mut stream = Stream::open(&server, "?after=0", "");
        for id in 1..=50 {
            assert_eq!(stream.find(&["good", "skipped"]).id, Some(id));
            assert!(stream.rest.len() < 256 << 10, "{} bytes at once", stream.rest.len());
        }
    }
}
