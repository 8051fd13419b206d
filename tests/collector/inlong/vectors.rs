//! What the real server was asked, asked of the collector: its answers, its closing and what it keeps are the same, apart
//! from addresses and times of its own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use trackwire::collector::{BasicAuth, Options};

use super::{Node, with};
use crate::client::Server;

/// Both of them tell what the server did, and when.
const OWN: [&str; 5] = ["dpIp", "rt", "rtms", "rtime2", "node2ip"];

fn vectors(prefixes: &[&str]) -> Vec<(String, Value)> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/inlong");
    let mut found: Vec<(String, Value)> = fs::read_dir(dir)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
        })
        .filter(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    found
}

fn server() -> Server {
    with(Options {
        inlong_unknown: vec!["nobody_group".into()],
        inlong_auth: Some(BasicAuth { id: "admin".into(), key: "secret1".into() }),
        inlong_read_idle: Duration::from_secs(2),
        ..Options::default()
    })
}

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

/// Makes the collector answer by a code that says how the real server was at the moment.
fn mood(server: &Server, answer: &str) {
    let codes = [(1, "1"), (2, "2"), (114, "114")];
    let told = |code: &str| {
        answer.contains(&format!("errCode={code}&")) || answer.contains(&format!("\"code\":\"{code}\""))
    };
    let plan = match codes.iter().find(|(_, text)| told(text)) {
        Some((code, _)) => format!(r#"[{{"system":"inlong","code":{code}}}]"#),
        None => "[]".to_owned(),
    };
    server.faults(&plan);
}

/// An answer without what is the server's own: such values become `#`, and so does the time of a heartbeat.
fn comparable(frame: &[u8]) -> String {
    let mut frame = frame.to_vec();
    if frame[4] == 8 {
        frame[5..9].fill(0);
    }
    let head = if frame[4] == 7 { 11 } else { 13 };
    let (head, text) = frame.split_at(head.min(frame.len()));
    let text = String::from_utf8_lossy(text).into_owned();
    let items: Vec<String> = text
        .split('&')
        .map(|item| match item.split_once('=') {
            // The last one may have the frame's end behind it.
            Some((key, value)) if OWN.contains(&key) => {
                format!("{key}=#{}", value.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.'))
            }
            _ => item.to_owned(),
        })
        .collect();
    let has_port = text.contains("node2ip");
    // The port has its own number of digits.
    let head = if has_port { &head[4..9] } else { head };
    format!("{head:?} {}", items.join("&"))
}

fn attributes(text: &str) -> BTreeMap<String, Value> {
    text.split('&')
        .map(|item| item.split_once('=').unwrap())
        .map(|(key, value)| (key.to_owned(), json!(value)))
        .collect()
}

/// What is kept is what the real server handed on. It joins lines, which are shown one by one here.
fn compare_records(name: &str, server: &Server, vector: &Value) {
    let expected: Vec<&Value> = vector["server_events"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|event| event["records"].as_array().into_iter().flatten())
        .collect();
    let kept = server.records("good?limit=10000");
    if expected.is_empty() {
        return;
    }
    let data = |record: &Value| match record["raw"]["text"].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => bytes(&record["raw"]["base64"]),
    };
    let mut kept = kept.iter();
    for expected in expected {
        let wanted = bytes(&expected["data"]);
        let record = kept.next().unwrap_or_else(|| panic!("{name}: too few records"));
        let mut found = data(record);
        while found != wanted && wanted.starts_with(&[&found[..], b"\n"].concat()) {
            found.push(b'\n');
            found.extend(data(kept.next().unwrap()));
        }
        assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(&wanted), "{name}");
        let mut wanted = attributes(expected["attr"].as_str().unwrap());
        let mut found: BTreeMap<String, Value> =
            serde_json::from_value(record["attributes"].clone()).unwrap();
        if wanted["dt"] == wanted.get("rt").cloned().unwrap_or_default() {
            // The server's own clock stood in for it.
            assert_eq!(found["dt"], found["rt"], "{name}");
            wanted.remove("dt");
            found.remove("dt");
        }
        for list in [&mut wanted, &mut found] {
            list.retain(|key, _| !OWN.contains(&key.as_str()) || key == "dpIp");
        }
        assert_eq!(found, wanted, "{name}");
        let target = ["groupId", "streamId"].map(|key| record["attributes"][key].as_str());
        assert_eq!(record["name"], target.into_iter().flatten().collect::<Vec<_>>().join("/"), "{name}");
    }
    assert!(kept.next().is_none(), "{name}: too many records");
}

/// Nothing more was answered, and the connection lives.
fn lives(name: &str, node: &mut Node) {
    node.write(&[0, 0, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(node.frame().as_deref(), Some(&[0, 0, 0, 1, 1][..]), "{name}");
}

#[test]
fn frames_built_by_hand() {
    let vectors = vectors(&["raw_"]);
    assert!(vectors.len() >= 30);
    for (name, vector) in vectors {
        let server = server();
        let responses: Vec<Vec<u8>> = vector["responses"]
            .as_array()
            .unwrap()
            .iter()
            .map(|response| bytes(&response["base64"]))
            .collect();
        mood(&server, &responses.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect::<String>());
        let mut node = Node::connect(server.handle.inlong_addrs()[0]);
        for request in vector["requests"].as_array().unwrap() {
            node.write(&bytes(&request["base64"]));
        }
        for response in &responses {
            let answer = node.frame().unwrap_or_else(|| panic!("{name}: no answer"));
            assert_eq!(comparable(&answer), comparable(response), "{name}");
        }
        if vector["server_closed_connection"] == true {
            assert_eq!(node.frame(), None, "{name}");
            let bad = server.records("bad");
            assert_eq!((bad.len(), &bad[0]["status"]), (1, &json!(0)), "{name}");
            assert!(server.records("good").is_empty(), "{name}");
        } else {
            lives(&name, &mut node);
        }
        compare_records(&name, &server, &vector);
        assert_eq!(server.stats()["bad"], server.records("bad").len());
    }
}

#[test]
fn frames_of_the_vendors_clients() {
    let vectors = vectors(&["go_", "cpp_", "java_type"]);
    assert!(vectors.len() >= 24);
    let mut played = 0;
    for (name, vector) in vectors {
        let server = server();
        let mut node = Node::connect(server.handle.inlong_addrs()[0]);
        for exchange in vector["exchanges"].as_array().unwrap() {
            let expected = exchange["response_base64"].as_str().map(|_| bytes(&exchange["response_base64"]));
            if let Some(expected) = &expected {
                mood(&server, &String::from_utf8_lossy(expected));
            } else {
                // The real one waited for a queue that it did not have.
                server.faults(r#"[{"system":"inlong","ack":"never"}]"#);
            }
            node.write(&bytes(&exchange["request_base64"]));
            if let Some(expected) = expected {
                let answer = node.frame().unwrap_or_else(|| panic!("{name}: no answer"));
                assert_eq!(comparable(&answer), comparable(&expected), "{name}");
            }
            played += 1;
        }
        lives(&name, &mut node);
        compare_records(&name, &server, &vector);
    }
    assert!(played >= 26, "{played}");
}

/// One answer: its head without the lines that are ours alone, and its body.
fn http_answer(stream: &mut TcpStream) -> Option<(Vec<String>, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines: Vec<String> = head.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    let len = lines.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; len];
    stream.read_exact(&mut body).unwrap();
    lines.retain(|line| !line.starts_with("date: ") && line != "connection: close");
    lines[1..].sort();
    Some((lines, String::from_utf8(body).unwrap()))
}

fn parsed(mut response: &str) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    while let Some((head, rest)) = response.split_once("\r\n\r\n") {
        let mut lines: Vec<String> = head.lines().map(str::to_owned).collect();
        let len =
            lines.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        let (body, rest) = rest.split_at(len);
        lines[1..].sort();
        found.push((lines, body.to_owned()));
        response = rest;
    }
    found
}

#[test]
fn forms() {
    let vectors = vectors(&["http_"]);
    assert!(vectors.len() >= 20);
    for (name, vector) in vectors {
        let server = server();
        let text = vector["request"]["text"].as_str().map(str::to_owned).unwrap_or_else(|| {
            let head = vector["request"]["text_head"].as_str().unwrap().split_once("\r\n\r\n").unwrap().0;
            let form = "groupId=test_group&streamId=s1&dt=1700000000123&cnt=1&body=";
            format!("{head}\r\n\r\n{form}{}", "x".repeat(600_000))
        });
        let expected = parsed(vector["response"].as_str().unwrap());
        mood(&server, vector["response"].as_str().unwrap());
        let mut stream = TcpStream::connect(server.handle.url().strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        for expected in &expected {
            assert_eq!(http_answer(&mut stream).as_ref(), Some(expected), "{name}");
        }
        if expected.is_empty() || vector["server_closed_connection"] == true {
            // One that answers nothing leaves the connection as it is, for a while.
            assert_eq!(http_answer(&mut stream), None, "{name}");
        } else {
            server.faults("[]");
            stream.write_all(b"GET /dataproxy/heartbeat HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            assert!(http_answer(&mut stream).is_some(), "{name}");
        }
        compare_records(&name, &server, &vector);
    }
}

#[test]
fn forms_of_the_vendors_client() {
    let vectors = vectors(&["java_http_"]);
    assert!(vectors.len() >= 2);
    for (name, vector) in vectors {
        let server = server();
        for exchange in vector["http_exchanges"].as_array().unwrap() {
            let lines: Vec<&str> = exchange["request_head"]
                .as_array()
                .unwrap()
                .iter()
                .map(|line| line.as_str().unwrap())
                .collect();
            let text =
                format!("{}\r\n\r\n{}", lines.join("\r\n"), exchange["request_body"].as_str().unwrap());
            let mut stream =
                TcpStream::connect(server.handle.url().strip_prefix("http://").unwrap()).unwrap();
            stream.write_all(text.as_bytes()).unwrap();
            let (_, body) = http_answer(&mut stream).unwrap();
            assert_eq!(json!(body), exchange["response_body"], "{name}");
        }
        compare_records(&name, &server, &vector);
    }
}

#[test]
fn questions_to_the_manager() {
    let vectors = vectors(&["manager_"]);
    assert!(vectors.len() >= 4);
    for (name, vector) in vectors {
        let server = server();
        let expected = &vector["answer"]["body"];
        if expected["success"] == false {
            server
                .faults(&format!(r#"[{{"system":"inlong","on":"manager","code":{}}}]"#, expected["errMsg"]));
        }
        let port = server.handle.inlong_addrs()[0].port();
        for request in vector["clients"].as_object().unwrap().values().map(|client| &client["requests"][0]) {
            let headers: Vec<(&str, &str)> = request["headers"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
                .collect();
            let path = request["path"].as_str().unwrap();
            let body = request["body"].as_str().unwrap().as_bytes();
            let answer = server.connect().request("POST", path, &headers, body).unwrap();
            assert_eq!(answer.status, 200, "{name}");
            let found = answer.json();
            if name == "manager_test_group_auth" {
                let expected = expected.to_string().replace("\"PORT\"", &port.to_string());
                assert_eq!(String::from_utf8(answer.body).unwrap(), expected);
            } else if expected["success"] == false {
                assert_eq!(&found, expected, "{name}");
            } else {
                assert_eq!(found["data"]["nodeList"][0]["port"], port, "{name}");
            }
            let without: Vec<_> =
                headers.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("authorization")).collect();
            assert_eq!(server.connect().request("POST", path, &without, body).unwrap().status, 403);
        }
    }
}
