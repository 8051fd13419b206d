//! The plan of faults, as InLong's clients feel it.

use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;
use trackwire::collector::Options;

use super::{Node, TARGET, binary, nodes, uniq, with};
use crate::client::Server;

fn connect(server: &Server) -> Node {
    Node::connect(server.handle.inlong_addrs()[0])
}

fn text(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer).into_owned()
}

const HEARTBEAT: [u8; 18] = [0, 0, 0, 14, 8, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xee, 1];

fn pack(uniq: u32) -> Vec<u8> {
    binary(uniq, &[format!("m{uniq}").as_bytes()], TARGET)
}

fn kept(server: &Server) -> Vec<String> {
    let text = |record: &serde_json::Value| record["raw"]["text"].as_str().unwrap().to_owned();
    server.records("good?system=inlong").iter().map(text).collect()
}

#[test]
fn codes_refuse_and_keep_nothing() {
    let server = nodes(1);
    server.faults(
        r#"[{"system":"inlong","code":114,"count":1},{"system":"inlong","code":2,"count":1},{"status":503,"count":1}]"#,
    );
    let mut node = connect(&server);
    node.write(&[pack(1), pack(2), pack(3)].concat());
    let full = text(&node.frame().unwrap());
    assert!(
        full.contains("errCode=114&errMsg=Put msg event to channel failure") && full.contains("&rtms="),
        "{full}"
    );
    assert!(text(&node.frame().unwrap()).contains("errCode=2&groupId=test_group"));
    // A status is for HTTP: a frame passes it by.
    assert!(!text(&node.frame().unwrap()).contains("errCode"));
    assert_eq!(kept(&server), ["m3"]);
    let stats = server.stats();
    assert_eq!((&stats["good"], &stats["bad"], &stats["requests"]), (&json!(1), &json!(0), &json!(3)));
    let form = b"groupId=g&streamId=s&body=x";
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let send = || server.connect().request("POST", "/dataproxy/message", &headers, form).unwrap();
    assert_eq!(send().status, 503);
    server.faults(r#"[{"system":"inlong","code":2,"count":1},{"system":"inlong","code":115,"count":1}]"#);
    let answer = send();
    assert_eq!(
        (answer.json(), answer.header("connection")),
        (json!({"code":"2","msg":"Service closed"}), Some("close"))
    );
    let answer = send();
    assert_eq!((&answer.json()["code"], answer.header("connection")), (&json!("115"), None));
    assert_eq!(send().json()["code"], "0");
}

#[test]
fn answers_come_late_out_of_order_or_never() {
    let server = nodes(1);
    server.faults(
        r#"[{"system":"inlong","delay_ms":150,"count":1},{"system":"inlong","ack":"never","count":1},
            {"system":"inlong","ack":"swapped","count":1}]"#,
    );
    let mut node = connect(&server);
    let start = Instant::now();
    node.write(&(1..=5).flat_map(pack).collect::<Vec<_>>());
    let order: Vec<u32> = (0..4).map(|_| uniq(&node.frame().unwrap())).collect();
    assert_eq!(order, [4, 3, 5, 1]);
    assert!(start.elapsed() >= Duration::from_millis(150));
    assert_eq!(kept(&server).len(), 5);
    // One that waits for another which does not come leaves by itself.
    server.faults(r#"[{"system":"inlong","ack":"swapped","delay_ms":50}]"#);
    node.write(&pack(6));
    assert_eq!(uniq(&node.frame().unwrap()), 6);
}

#[test]
fn connections_are_cut_in_the_request_behind_it_and_in_the_answer() {
    let server = nodes(1);
    server.faults(
        r#"[{"system":"inlong","drop":"before","count":1},{"system":"inlong","drop":"after","count":1},
            {"system":"inlong","drop":"midway","count":1}]"#,
    );
    // The beginning of a frame is enough; what was asked before is answered.
    let mut node = connect(&server);
    node.write(&HEARTBEAT);
    assert_eq!(node.frame().unwrap()[4], 8);
    node.write(&pack(1)[..12]);
    assert_eq!(node.frame(), None);
    let mut node = connect(&server);
    node.write(&pack(2));
    assert_eq!(node.frame(), None);
    let mut node = connect(&server);
    node.write(&pack(3));
    let mut part = Vec::new();
    let _ = node.stream.read_to_end(&mut part);
    assert!(
        part.len() > 10
            && part.len() < 60
            && u32::from_be_bytes(part[..4].try_into().unwrap()) as usize > part.len()
    );
    assert_eq!(kept(&server), ["m2", "m3"]);
    assert_eq!(server.stats()["requests"], 3);
    assert_eq!(server.faults_left(), "[]");
}

#[test]
fn a_node_goes_down_and_comes_back() {
    let server = nodes(2);
    let [first, second] = server.handle.inlong_addrs() else { panic!("two nodes") };
    let (mut on_first, mut on_second) = (Node::connect(*first), Node::connect(*second));
    on_first.write(&pack(1));
    on_first.frame().unwrap();
    server.faults(r#"[{"system":"inlong","node":1,"down":true}]"#);
    assert_eq!(on_first.frame(), None);
    // The connection broke when nobody listened any more.
    assert!(TcpStream::connect(first).is_err());
    on_second.write(&pack(2));
    on_second.frame().unwrap();
    server.faults("[]");
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut again = loop {
        match TcpStream::connect(first) {
            Ok(stream) => break Node { stream },
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::yield_now();
    };
    again.write(&pack(3));
    again.frame().unwrap();
    assert_eq!(kept(&server), ["m1", "m2", "m3"]);
    server.handle.faults().replace(r#"{"faults":[{"system":"inlong","down":true}]}"#).unwrap();
    assert_eq!((again.frame(), on_second.frame()), (None, None));
}

#[test]
fn a_rule_can_be_for_one_node_for_heartbeats_or_for_the_manager() {
    let server = nodes(2);
    server.faults(
        r#"[{"system":"inlong","node":2,"code":1},{"system":"inlong","on":"heartbeats","node":1,"load":90},
            {"system":"inlong","on":"manager","status":503,"count":1},{"system":"inlong","on":"manager","drop":"before","count":1},
            {"system":"inlong","on":"manager","code":"group not found","count":1}]"#,
    );
    let answers: Vec<Vec<u8>> = server
        .handle
        .inlong_addrs()
        .iter()
        .map(|address| {
            let mut node = Node::connect(*address);
            node.write(&[pack(1), HEARTBEAT.to_vec()].concat());
            [node.frame().unwrap(), node.frame().unwrap()].concat()
        })
        .collect();
    assert!(!text(&answers[0]).contains("errCode") && text(&answers[1]).contains("errCode=1&"));
    let loads: Vec<&[u8]> =
        answers.iter().map(|answer| &answer[answer.len() - 6..answer.len() - 4]).collect();
    assert_eq!(loads, [&[0, 90][..], &[0xff, 0xff]]);
    let ask = || server.connect().request("POST", "/inlong/manager/openapi/dataproxy/getIpList/g", &[], b"");
    assert_eq!(ask().unwrap().status, 503);
    ask().unwrap_err();
    let refused = json!({"success": false, "errMsg": "group not found", "data": null});
    assert_eq!(ask().unwrap().json(), refused);
    assert_eq!(ask().unwrap().json()["success"], true);
    // Neither heartbeats nor the Manager's answers are requests that bring something.
    assert_eq!(server.stats()["requests"], 2);
}

#[test]
fn a_rule_without_a_system_is_for_every_one() {
    let server = with(Options::default());
    server.faults(r#"[{"drop":"after","count":1}]"#);
    let mut node = connect(&server);
    node.write(&pack(1));
    assert_eq!(node.frame(), None);
    assert_eq!(kept(&server), ["m1"]);
}
