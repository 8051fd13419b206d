//! InLong's receiving side over real sockets.

mod bytes;
mod faults;
mod robust;
mod strict;
mod vectors;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use trackwire::collector::{BasicAuth, Options};

use crate::client::Server;

/// One connection to a node.
pub(crate) struct Node {
    pub(crate) stream: TcpStream,
}

impl Node {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next frame; `None` when the connection ends instead.
    pub(crate) fn frame(&mut self) -> Option<Vec<u8>> {
        let mut frame = vec![0; 4];
        self.stream.read_exact(&mut frame).ok()?;
        let len = u32::from_be_bytes(frame[..4].try_into().unwrap()) as usize;
        frame.resize(4 + len, 0);
        self.stream.read_exact(&mut frame[4..]).ok()?;
        Some(frame)
    }
}

/// A collector with so many nodes.
pub(crate) fn nodes(count: usize) -> Server {
    with(Options { inlong_nodes: count, ..Options::default() })
}

pub(crate) fn with(options: Options) -> Server {
    Server::with(Options { inlong_listen: Some("127.0.0.1:0".parse().unwrap()), ..options })
}

/// A frame of type 7.
pub(crate) fn binary(uniq: u32, messages: &[&[u8]], attributes: &str) -> Vec<u8> {
    let body: Vec<u8> = messages
        .iter()
        .flat_map(|message| [&(message.len() as u32).to_be_bytes()[..], message].concat())
        .collect();
    let mut out = ((25 + body.len() + attributes.len()) as u32).to_be_bytes().to_vec();
    out.extend_from_slice(&[7, 0, 0, 0, 0, 0, 4]);
    out.extend_from_slice(&1_700_000_000_u32.to_be_bytes());
    out.extend_from_slice(&(messages.len() as u16).to_be_bytes());
    out.extend_from_slice(&uniq.to_be_bytes());
    out.extend_from_slice(&(body.len() as u32).to_be_bytes());
    out.extend_from_slice(&body);
    out.extend_from_slice(&(attributes.len() as u16).to_be_bytes());
    out.extend_from_slice(attributes.as_bytes());
    out.extend_from_slice(&[0xee, 0x01]);
    out
}

pub(crate) const TARGET: &str = "groupId=test_group&streamId=s1";

/// The number that an answer to type 7 answers.
pub(crate) fn uniq(answer: &[u8]) -> u32 {
    u32::from_be_bytes(answer[5..9].try_into().unwrap())
}

#[test]
fn a_pack_is_kept_message_by_message_and_answered() {
    let server = nodes(1);
    let mut node = Node::connect(server.handle.inlong_addrs()[0]);
    let frame = binary(7, &[b"hello", &[0xff, 0]], TARGET);
    node.write(&frame);
    let answer = node.frame().unwrap();
    assert_eq!((answer[4], uniq(&answer)), (7, 7));
    let records = server.records("good?raw=1");
    assert_eq!(records.len(), 2);
    let first = &records[0];
    assert_eq!(
        (&first["system"], &first["kind"], &first["name"], &first["time"]),
        (&json!("inlong"), &json!("message"), &json!("test_group/s1"), &json!(1_700_000_000_000_u64))
    );
    assert_eq!(first["raw"], json!({"text": "hello"}));
    assert_eq!(records[1]["raw"], json!({"base64": "/wA="}));
    assert_eq!(first["attributes"]["cnt"], "2");
    assert_eq!(first["request"]["headers"]["uniq"], "7");
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(&frame);
    assert_eq!(first["frame"], encoded);
    assert_eq!(server.records("good")[0]["frame"], Value::Null);
    let counts = json!({"good": 2, "bad": 0, "requests": 1, "bytes": frame.len()});
    assert_eq!(server.stats()["by_system"]["inlong"], counts);
}

#[test]
fn the_manager_names_every_node() {
    let server = nodes(3);
    let list = |protocol: &str| {
        let path = format!("/inlong/manager/openapi/dataproxy/getIpList/g?protocolType={protocol}");
        let answer = server.connect().request("POST", &path, &[], b"").unwrap();
        assert_eq!(answer.status, 200);
        answer.json()["data"]["nodeList"].clone()
    };
    let expected: Vec<Value> = server
        .handle
        .inlong_addrs()
        .iter()
        .enumerate()
        .map(|(at, address)| {
            json!({"id": at + 1, "ip": "127.0.0.1", "port": address.port(), "protocolType": "TCP", "nodeLoad": -1})
        })
        .collect();
    assert_eq!(list("tcp"), json!(expected));
    let http = list("HTTP");
    let port: u16 = server.handle.url().rsplit(':').next().unwrap().parse().unwrap();
    assert_eq!(
        http,
        json!([{"id": 4, "ip": "127.0.0.1", "port": port, "protocolType": "HTTP", "nodeLoad": -1}])
    );
    assert_eq!(list("UDP"), Value::Null);
}

#[test]
fn the_manager_wants_exactly_the_right_header() {
    let auth = BasicAuth { id: "admin".into(), key: "secret1".into() };
    assert!(!format!("{auth:?}").contains("secret"));
    let server = with(Options { inlong_auth: Some(auth), ..Options::default() });
    let path = "/inlong/manager/openapi/dataproxy/getIpListByClusterName/c";
    for (header, status) in [
        (None, 403),
        (Some("Basic YWRtaW46c2VjcmV0MQ=="), 200),
        (Some("basic YWRtaW46c2VjcmV0MQ=="), 403),
        (Some("Basic  YWRtaW46c2VjcmV0MQ=="), 403),
        (Some("Basic YWRtaW46c2VjcmV0Mg=="), 403),
        (Some("Basic YWRtaW46c2VjcmV0MTo="), 403),
        (Some("Basic"), 403),
    ] {
        let headers: Vec<(&str, &str)> = header.into_iter().map(|value| ("Authorization", value)).collect();
        let answer =
            server.connect().request("POST", path, &headers, b"ip=1.2.3.4&protocolType=TCP").unwrap();
        assert_eq!(answer.status, status, "{header:?}");
    }
}

/// A frame of a text type; the lengths may lie.
fn text(kind: u8, body: &[u8], attributes: &str, body_len: u32, attributes_len: u32) -> Vec<u8> {
    let mut out = ((9 + body.len() + attributes.len()) as u32).to_be_bytes().to_vec();
    out.push(kind);
    out.extend_from_slice(&body_len.to_be_bytes());
    out.extend_from_slice(body);
    out.extend_from_slice(&attributes_len.to_be_bytes());
    out.extend_from_slice(attributes.as_bytes());
    out
}

fn with_attributes(kind: u8, body: &[u8], attributes: &str) -> Vec<u8> {
    text(kind, body, attributes, body.len() as u32, attributes.len() as u32)
}

#[test]
fn what_is_wrong_with_a_frame_has_a_code() {
    let server = with(Options { inlong_unknown: vec!["g/lost".into()], ..Options::default() });
    let mut node = Node::connect(server.handle.inlong_addrs()[0]);
    let changed = |at: usize, bytes: &[u8]| {
        let mut frame = binary(1, &[b"a"], TARGET);
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        frame
    };
    let item = b"\0\0\0\x01a";
    for (case, frame, code) in [
        ("negative body", changed(21, &(-25_i32).to_be_bytes()), 106),
        ("negative attributes", changed(30, &[0xff, 0xff]), 107),
        ("file check", changed(9, &[0, 0x0c]), 112),
        ("index message", changed(9, &[0, 0x14]), 112),
        ("numbers without a table", changed(5, &[0, 3, 0, 1, 0, 0]), 3),
        ("blank group", binary(1, &[b"a"], "groupId= &streamId=s"), 100),
        ("one stream without a topic", binary(1, &[b"a"], "groupId=g&streamId=lost"), 115),
        ("proxySend without an answer", binary(1, &[b"a"], "groupId=g&isAck=false&proxySend=true"), 151),
        // As long as attributes may be, so that the text which quotes them has no room.
        ("long attributes", binary(1, &[b"a"], &"k".repeat(32_000)), 109),
        ("empty body", with_attributes(3, b"", TARGET), 105),
        ("negative body", text(5, b"a", TARGET, 0xffff_ffff, 0), 106),
        ("body beyond the frame", text(5, b"a", TARGET, 1000, 0), 104),
        ("negative attributes", text(5, b"a", TARGET, 1, 0xffff_ffff), 107),
        ("doubled key", with_attributes(2, b"a", "groupId=g&groupId=g"), 109),
        ("short list", with_attributes(5, b"\0\0\0\x01", TARGET), 123),
        ("first item empty", with_attributes(5, b"\0\0\0\0\0\0\0\x01a", TARGET), 123),
        ("not snappy", with_attributes(3, b"\xff\xff\xff\xff\x0f", &format!("{TARGET}&cp=snappy")), 96),
        ("no group", with_attributes(6, b"a", "a=1"), 100),
        (
            "syncSend without an answer",
            with_attributes(5, item, &format!("{TARGET}&isAck=false&syncSend=true")),
            150,
        ),
    ] {
        node.write(&frame);
        let answer = node.frame().unwrap_or_else(|| panic!("{case}"));
        assert_eq!(answer[4], frame[4], "{case}");
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(text.contains(&format!("dpIp=127.0.0.1&errCode={code}")), "{case}: {text}");
        let bad = server.records("bad?order=desc&limit=1").remove(0);
        assert_eq!(bad["status"], code, "{case}");
    }
    // Who wants no answer gets none, whatever is wrong; nor does success in a text type that waits for the queue.
    node.write(&binary(2, &[b"a"], "streamId=s&isAck=false"));
    node.write(&with_attributes(5, item, &format!("{TARGET}&syncSend=true")));
    node.write(&binary(3, &[b"a"], &format!("{TARGET}&syncSend=true")));
    assert_eq!(uniq(&node.frame().unwrap()), 3);
    assert_eq!(server.stats()["good"], 2);
}

#[test]
fn bodies_come_apart_as_their_layout_says() {
    let server = nodes(1);
    let mut node = Node::connect(server.handle.inlong_addrs()[0]);
    let mut last = 0;
    let mut seen = |frame: &[u8]| {
        node.write(frame);
        let answer = node.frame().unwrap();
        assert!(!String::from_utf8_lossy(&answer).contains("errCode"));
        let records = server.records(&format!("good?after={last}"));
        last += records.len();
        records
    };
    let texts = |records: &[Value]| -> Vec<Value> {
        records.iter().map(|record| record["raw"]["text"].clone()).collect()
    };
    let lines =
        |count: u32, more: &str| with_attributes(2, b"a\n\nb\n", &format!("{TARGET}&cnt={count}{more}"));
    assert_eq!(texts(&seen(&lines(3, ""))), ["a", "", "b"]);
    assert_eq!(texts(&seen(&lines(1, ""))), ["a\n\nb"]);
    assert_eq!(texts(&seen(&lines(1, "&mt=pb"))), ["a\n\nb\n"]);
    let pairs = b"\0\0\0\x01a\0\0\0\x03k=1\0\0\0\x01b\0\0\0\0";
    let records = seen(&with_attributes(6, pairs, TARGET));
    assert_eq!(
        (texts(&records), &records[0]["attributes"]["k"]),
        (vec![json!("a"), json!("b")], &json!("1"))
    );
    assert_eq!(
        (&records[1]["attributes"]["k"], &records[1]["attributes"]["cnt"]),
        (&Value::Null, &json!("1"))
    );
    // Taken in, and shown as it is.
    let records = seen(&with_attributes(6, b"\0\0\0\x09a", TARGET));
    assert_eq!((records.len(), &records[0]["raw"]["base64"]), (1, &json!("AAAACWE=")));
    assert!(records[0]["raw"]["problem"].as_str().unwrap().contains("not a list"));
    let mut snappy = binary(1, &[b"a"], TARGET);
    snappy[4] = 0x27;
    let records = seen(&snappy);
    assert!(records[0]["raw"]["problem"].as_str().unwrap().contains("snappy"));
    assert_eq!(records[0]["request"]["layers"], json!(["snappy"]));
    // The reader behind the queue undoes snappy only where no other flag is set.
    snappy[4] = 0x67;
    assert_eq!(texts(&seen(&snappy)), ["a"]);
}
