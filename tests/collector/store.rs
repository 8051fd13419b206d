//! The SQLite file.

use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};
use trackwire::collector::{Collector, CollectorError, Options};

use crate::client::{EVENTS, Server};

fn open(path: &Path) -> Server {
    Server::with(Options { store: Some(path.to_owned()), ..Options::default() })
}

/// What is told, without what differs from run to run.
fn told(server: &Server) -> Value {
    let mut told = json!([
        server.stats(),
        server.get("/trackwire/good").json(),
        server.get("/trackwire/bad").json(),
        server.get("/trackwire/good?kind=track&user=u&name=a&system=growingio").json(),
        server.get("/trackwire/good?limit=1&order=desc").json(),
        server.get("/trackwire/good?after=1&limit=1").json(),
        server.get("/trackwire/bad?system=growingio&order=desc&after=9").json(),
    ]);
    for page in told.as_array_mut().unwrap().iter_mut().skip(1) {
        for record in page["records"].as_array_mut().unwrap() {
            record["received_at"] = json!(0);
        }
    }
    told
}

fn fill(server: &Server) {
    let events = r#"[{"eventType":"CUSTOM","eventName":"a","userId":"u","deviceId":"d","timestamp":-5,"attributes":{"n":[1]}},
        {"eventType":"LOGIN_USER_ATTRIBUTES","userId":"u"}]"#;
    assert_eq!(server.post(&format!("{EVENTS}?stm=1"), events), 204);
    assert_eq!(server.post(EVENTS, "nonsense"), 400);
    assert_eq!(server.post("/projects/p/collect/item", r#"[{"key":"k","id":"i"}]"#), 204);
    assert_eq!(server.post("/nowhere", "x"), 404);
    assert_eq!(server.post(EVENTS, "[]"), 204);
    server.faults(r#"[{"status":503,"count":1},{"drop":"before","count":1}]"#);
    assert_eq!(server.track("refused").unwrap(), 503);
    server.track("cut").unwrap_err();
}

#[test]
fn it_tells_what_the_window_tells_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.sqlite");
    let window = Server::start();
    fill(&window);
    let expected = told(&window);
    assert_eq!(expected[0]["requests"], 7);

    let server = open(&path);
    fill(&server);
    assert_eq!(told(&server), expected);
    server.handle.stop();

    let server = open(&path);
    assert_eq!(told(&server), expected);
    assert_eq!(server.track("later").unwrap(), 204);
    assert_eq!(server.records("good?order=desc&limit=1")[0]["id"], 6);
    assert_eq!(server.post("/trackwire/reset", ""), 204);
    assert_eq!(server.stats()["requests"], 0);
    assert_eq!(server.records("good").len() + server.records("bad").len(), 0);
    server.handle.stop();
    assert_eq!(open(&path).track("a").unwrap(), 204);
    assert_eq!(open(&path).records("good")[0]["id"], 7);
}

#[test]
fn the_tables_can_be_read_while_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.sqlite");
    let server = open(&path);
    fill(&server);
    let connection = Connection::open(&path).unwrap();
    let count: i64 = connection
        .query_row(
            "SELECT count(*) FROM records JOIN requests ON requests.id = request_id
             WHERE system = 'growingio' AND json_extract(attributes, '$.n[0]') = 1 AND raw LIKE '%CUSTOM%'",
            (),
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(count, 1);
    let (status, body): (i64, Vec<u8>) = connection
        .query_row("SELECT status, body FROM bad ORDER BY id LIMIT 1", (), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!((status, body), (400, b"nonsense".to_vec()));
}

#[test]
fn many_clients_at_once_are_committed_and_numbered() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(&dir.path().join("events.sqlite"));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let server = &server;
            scope.spawn(move || {
                let mut connection = server.connect();
                for at in 0..50 {
                    let body = format!(r#"[{{"eventType":"CUSTOM","eventName":"{thread}-{at}"}}]"#);
                    assert_eq!(connection.request("POST", EVENTS, &[], body.as_bytes()).unwrap().status, 204);
                }
            });
        }
    });
    let records = server.records("good?limit=1000");
    let ids: Vec<u64> = records.iter().map(|record| record["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (1..=400).collect::<Vec<_>>());
    let mut names = server.names("good?limit=1000");
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 400);
}

#[test]
fn files_of_others_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |path: &Path| {
        let error =
            Collector::spawn(Options { store: Some(path.to_owned()), ..Options::default() }).unwrap_err();
        assert!(matches!(error, CollectorError::Store { .. }));
        error.to_string()
    };
    let other = dir.path().join("other.sqlite");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE mine (a)").unwrap();
    assert!(refused(&other).contains("choose another file"));
    let text = dir.path().join("text");
    std::fs::write(
        &text,
        "this is no database, and longer than a header of one hundred bytes would be, ".repeat(9),
    )
    .unwrap();
    assert!(refused(&text).contains("not a database"));
    assert!(refused(&dir.path().join("no/such/directory.sqlite")).contains("unable to open"));
    let newer = dir.path().join("newer.sqlite");
    drop(open(&newer));
    Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(refused(&newer).contains("version 99"));
}

#[test]
fn a_file_of_the_first_version_is_brought_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.sqlite");
    let server = open(&path);
    server.track("before").unwrap();
    drop(server);
    let file = Connection::open(&path).unwrap();
    file.execute_batch("ALTER TABLE requests DROP COLUMN frame; PRAGMA user_version = 1;").unwrap();
    drop(file);
    let server = open(&path);
    server.track("after").unwrap();
    assert_eq!(server.names("good?raw=1"), ["before", "after"]);
}
