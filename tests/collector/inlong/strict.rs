//! What the real server says to frames and forms that are odd in one way: in its order of looking at them, in its words.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use trackwire::collector::Options;
use trackwire::inlong::collect::{self, Arrival, Reader, Received, http};

use super::{Node, TARGET, binary, with};

const NOW: i64 = 1_795_254_800_123;

fn arrival(unknown: &[String]) -> Arrival<'_> {
    let node = SocketAddr::from((Ipv4Addr::LOCALHOST, 46801));
    Arrival { node, now: NOW, load: collect::LOAD_UNKNOWN, unknown }
}

/// The attributes of the answer behind `dpIp`; `-` for no answer, `closed` where the connection ends.
fn said(frame: &[u8]) -> String {
    let mut reader = Reader::new(collect::MAX_FRAME);
    reader.push(frame);
    let unknown = ["nobody_group".to_owned()];
    let answer =
        match reader.next_frame().map(|frame| frame.map(|frame| collect::receive(frame, &arrival(&unknown))))
        {
            Err(_) | Ok(Some(Received::Closed(_))) => return "closed".to_owned(),
            Ok(Some(Received::Heartbeat(answer))) => Some(answer),
            Ok(Some(Received::Pack(pack))) => match &pack.result {
                Ok(_) => pack.reply.accepted(),
                Err(refused) => pack.reply.refused(refused),
            },
            Ok(None) => panic!("a part of a frame: {frame:?}"),
        };
    let Some(answer) = answer else { return "-".to_owned() };
    let text = match answer[4] {
        7 => &answer[11..answer.len() - 2],
        8 => &answer[18..answer.len() - 2],
        1 => &[],
        4 => &answer[9..],
        _ => &answer[14..],
    };
    let text = String::from_utf8_lossy(text).into_owned();
    text.strip_prefix("dpIp=127.0.0.1").map_or(text.clone(), |rest| rest.trim_start_matches('&').to_owned())
}

/// A frame of type 7 with bytes changed, from a place on.
fn changed(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut frame = binary(7, &[b"abc"], TARGET);
    frame[at..at + bytes.len()].copy_from_slice(bytes);
    frame
}

/// A frame in the text layout.
fn text(kind: u8, body: &[u8], attributes: &str) -> Vec<u8> {
    let mut out = ((9 + body.len() + attributes.len()) as u32).to_be_bytes().to_vec();
    out.push(kind);
    out.extend_from_slice(&(body.len() as u32).to_be_bytes());
    out.extend_from_slice(body);
    out.extend_from_slice(&(attributes.len() as u32).to_be_bytes());
    out.extend_from_slice(attributes.as_bytes());
    out
}

fn items(items: &[&[u8]]) -> Vec<u8> {
    items.iter().flat_map(|item| [&(item.len() as u32).to_be_bytes()[..], item].concat()).collect()
}

#[test]
fn binary_frames() {
    let with = |attributes: &str| binary(7, &[b"abc"], attributes);
    let mut tail = binary(7, &[b"abc"], TARGET);
    tail.extend_from_slice(b"xx");
    tail[3] += 2;
    let mut tail_without_group = binary(7, &[b"abc"], "k=v");
    tail_without_group.extend_from_slice(b"xx");
    tail_without_group[3] += 2;
    let mut empty = binary(7, &[], TARGET);
    empty[25] = 0x01;
    for (name, frame, expected) in [
        ("the body's length points out", changed(21, &[0, 0, 0x10, 0]), "closed"),
        ("a negative one does, too", changed(21, &[0xff; 4]), "closed"),
        ("a negative one that does not", changed(21, &(-25_i32).to_be_bytes()), "errCode=106"),
        ("the attributes' length points out", changed(32, &[0x10, 0]), "closed"),
        ("a negative one does not", changed(32, &[0xff, 0xff]), "errCode=107"),
        ("a negative one that points out", changed(32, &[0x80, 0]), "closed"),
        ("an empty body behind whose length there is nothing", empty, "closed"),
        ("bytes behind the magic", tail, "closed"),
        ("and something else wrong", tail_without_group, "errCode=100&k=v"),
        (
            "no group and a contradiction",
            with("syncSend=true&isAck=false"),
            "errCode=150&syncSend=true&isAck=false",
        ),
        (
            "two contradictions",
            with("proxySend=TRUE&syncSend=true&isAck=False"),
            "errCode=150&proxySend=TRUE&syncSend=true&isAck=False",
        ),
        (
            "no stream where there is no topic",
            with("groupId=nobody_group"),
            "errCode=115&errMsg=Topic not configured for groupId=(nobody_group), streamId=(null)&groupId=nobody_group",
        ),
        ("quietly", with("groupId=nobody_group&isAck=false"), "-"),
        ("not ASCII", with("groupId=g&k=值"), "closed"),
        ("not ASCII and without a group", with("k=值"), "errCode=100&k=值"),
        ("a group of a blank that does not break", with("groupId=\u{a0}"), "errCode=100&groupId=\u{a0}"),
        ("a blank time", with("groupId=g&rtms= "), "rtms=1795254800123&groupId=g&rtms= "),
        (
            "numbers, and no table of them",
            changed(5, &[0, 5, 0, 6, 0, 0]),
            "errCode=3&errMsg=GroupId-Mapping configuration is null&groupId=test_group&streamId=s1",
        ),
        ("a file check", changed(9, &[0, 0xc]), "errCode=112&groupId=test_group&streamId=s1"),
        (
            "a trace that is there",
            changed_trace(),
            "rtms=1795254800123&node2ip=46801&rtime2=1795254800123&groupId=g&node2ip=9",
        ),
    ] {
        assert_eq!(said(&frame), expected, "{name}");
    }
}

fn changed_trace() -> Vec<u8> {
    let mut frame = binary(7, &[b"abc"], "groupId=g&node2ip=9");
    frame[10] = 6;
    frame
}

#[test]
fn text_frames() {
    let abc = items(&[b"abc"]);
    let mut long = text(5, &abc, TARGET);
    long[5..9].copy_from_slice(&500_u32.to_be_bytes());
    let mut longest = text(5, &abc, TARGET);
    longest[5..9].copy_from_slice(&i32::MAX.to_be_bytes());
    let mut echo = text(4, b"echo", TARGET);
    let at = echo.len() - TARGET.len() - 4;
    echo[at..at + 4].copy_from_slice(&(-1_i32).to_be_bytes());
    let accepted = format!("rt={NOW}&rtms={NOW}&{TARGET}");
    let errors =
        |code: u32, words: &str, attributes: &str| format!("errCode={code}&errMsg={words}&{attributes}");
    for (name, frame, expected) in [
        (
            "a body that is longer than the frame",
            long,
            "errCode=104&errMsg=Error msg, bodyLen(500) + fixedLength(13) > totalDataLen(46) + 4".to_owned(),
        ),
        ("the longest", longest, "closed".to_owned()),
        ("what type 4 got hold of comes back", echo, "echo\0\0\0\u{1a}dpIp=127.0.0.1&errCode=107".to_owned()),
        (
            "three bytes of items",
            text(5, b"abc", TARGET),
            errors(123, &format!("Malformed data len, bodyLen(3), attr: ({TARGET})"), TARGET),
        ),
        (
            "no first item",
            text(5, b"\0\0\0\x63abc", TARGET),
            errors(
                123,
                &format!("Malformed data len, singleMsgLen(99), buffer remaining(3), attr: ({TARGET})"),
                TARGET,
            ),
        ),
        (
            "a negative item",
            text(5, b"\xff\xff\xff\xffabc", TARGET),
            errors(
                123,
                &format!("Malformed data len, singleMsgLen(-1), buffer remaining(3), attr: ({TARGET})"),
                TARGET,
            ),
        ),
        ("a zero later on", text(5, &[&abc[..], &[0; 9]].concat(), TARGET), accepted.clone()),
        ("a length that is cut off", text(5, &[&abc[..], &[0; 2]].concat(), TARGET), "closed".to_owned()),
        ("the same in type 6", text(6, &[&abc[..], &[0; 2]].concat(), TARGET), "closed".to_owned()),
        (
            "a negative length in type 6",
            text(6, &[&abc[..], &[0xff; 6]].concat(), TARGET),
            "closed".to_owned(),
        ),
        ("one too high in type 6", text(6, &[&abc[..], b"\0\0\x10\0ab"].concat(), TARGET), accepted.clone()),
        ("nothing but a line feed", text(3, b"\n", TARGET), "closed".to_owned()),
        ("the same in binary", text(3, b"\n", &format!("{TARGET}&mt=pb")), format!("{accepted}&mt=pb")),
        (
            "snappy of nothing",
            text(3, b"\0", "groupId=g&cp=snappy"),
            errors(
                96,
                "Error to uncompress msg, compress type(snappy), attr: (groupId=g&cp=snappy), error: 2",
                "groupId=g&cp=snappy",
            ),
        ),
        (
            "a contradiction before all",
            text(3, b"a", "isAck=false&proxySend=true"),
            "errCode=151&isAck=false&proxySend=true".to_owned(),
        ),
        ("a text heartbeat of five bytes", vec![0, 0, 0, 1, 1], String::new()),
    ] {
        assert_eq!(said(&frame), expected, "{name}");
    }
}

#[test]
fn heartbeats() {
    let head = [&[8][..], &[0; 4], &[1], &[0; 4]].concat();
    for (name, rest, is_answered) in [
        ("plain", &[0, 0, 0xee, 1][..], true),
        ("bytes behind", &[0, 0, 0xee, 1, 9, 9], true),
        ("attributes longer than it", &[1, 0, 0xee, 1], false),
        ("another magic", &[0, 0, 0xee, 2], false),
    ] {
        let frame = [&((head.len() + rest.len()) as u32).to_be_bytes()[..], &head, rest].concat();
        assert_eq!(said(&frame) != "closed", is_answered, "{name}");
    }
}

/// What is stored of numbers that are none is what the server stores.
#[test]
fn counts_and_times_stay_as_they_were_written_where_they_are_numbers() {
    for (attributes, cnt, dt) in [
        ("cnt=0&dt=5", "0", "5"),
        ("cnt=-4&dt=-7", "-4", "-7"),
        ("cnt=002&dt=+9", "002", "+9"),
        ("cnt=two&dt=noon", "1", "1795254800123"),
        ("cnt=&dt=", "1", "1795254800123"),
        ("cnt=99999999999", "1", "1795254800123"),
    ] {
        let frame = text(3, b"a\nb", &format!("{TARGET}&{attributes}"));
        let Received::Pack(pack) = collect::receive(&frame, &arrival(&[])) else { panic!("{attributes}") };
        let records = pack.result.unwrap_or_else(|refused| panic!("{refused:?}"));
        for record in records.iter() {
            let stored: serde_json::Value = serde_json::from_str(record.attributes).unwrap();
            assert_eq!(
                (stored["cnt"].as_str(), stored["dt"].as_str()),
                (Some(cnt), Some(dt)),
                "{attributes}"
            );
        }
    }
}

#[test]
fn forms() {
    let post = |query: &str, content_type: Option<&str>, body: &str| {
        let taken = http::receive(&http::Post {
            method: "POST",
            query,
            content_type,
            body: body.as_bytes(),
            client: Ipv4Addr::LOCALHOST.into(),
            now: NOW,
            unknown: &[],
        });
        match taken.result {
            Ok(records) => {
                records.iter().map(|record| format!("{} {}", record.raw, record.attributes)).collect()
            }
            Err(refused) => refused.reason(),
        }
    };
    let form = Some("application/x-www-form-urlencoded");
    let stored = |text: &str, rest: &str| {
        format!(r#"{{"text":"{text}"}} {{"groupId":"g","streamId":"s",{rest}"rt":"{NOW}","rtms":"{NOW}"}}"#)
    };
    let own = format!(r#""dt":"{NOW}","clientIp":"127.0.0.1","cnt":"1","#);
    for (query, content_type, body, expected) in [
        ("", form, "groupId=g&streamId=s&body=a;b=c", stored("a", &own)),
        ("", form, "groupId=g&streamId=s&body=%C2%A0", stored("\u{a0}", &own)),
        ("", form, "groupId=g&streamId=s&body=x&cnt=0&dt=+5", stored("x", &own.replace(r#""1""#, r#""0""#))),
        ("groupId=g&streamId=s&body=q", Some(" "), "body=form", stored("q", &own)),
        ("", form, "groupId=g&streamId=s&body=%1F%0A", "code 111: Field body is Blank!".to_owned()),
        (
            "",
            form,
            "body=100%",
            "code 2147483647: Process message failure: unterminated escape sequence at index 8 of: body=100%"
                .to_owned(),
        ),
        (
            "a=%G0",
            Some("text/plain"),
            "x",
            "code 2147483647: Process message failure: invalid hex byte 'G0' at index 3 of 'a=%G0'"
                .to_owned(),
        ),
    ] {
        assert_eq!(post(query, content_type, body), expected, "{query} {body}");
    }
    assert!(post("", form, "groupId=g&streamId=s&body=x&auditVersion=7").contains(r#""auditVersion":"7""#));
}

/// Sends a request and reads until the connection ends or nothing more comes.
fn asked(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
}

#[test]
fn forms_have_an_entrance_of_their_own() {
    let server =
        with(Options { inlong_http_listen: Some("127.0.0.1:0".parse().unwrap()), ..Options::default() });
    let entrance = server.handle.inlong_http_addr();
    let list = server.connect().request(
        "POST",
        "/inlong/manager/openapi/dataproxy/getIpList/g?protocolType=HTTP",
        &[],
        b"",
    );
    assert_eq!(list.unwrap().json()["data"]["nodeList"][0]["port"], entrance.port());
    let no_path = r#"{"code":"35","msg":"Only support [/dataproxy/heartbeat, /dataproxy/message] paths!"}"#;
    let no_method = r#"{"code":"32","msg":"Only support [GET, POST] methods"}"#;
    let ok = r#"{"code":"0","msg":"Ok"}"#;
    let long = format!("GET /dataproxy/message?{}", "x".repeat(4096));
    let headers = format!("GET /dataproxy/heartbeat HTTP/1.1\r\na: {}\r\nb:", "x".repeat(8192));
    for (request, expected) in [
        ("GET /", no_path),
        ("POST /other", no_path),
        ("GET /trackwire/good", no_path),
        ("POST /inlong/manager/openapi/dataproxy/getIpList/g", no_path),
        ("PUT /other", no_method),
        ("OPTIONS /favicon.ico", no_method),
        ("GET /dataproxy/heartbeat", ok),
        ("GET /dataproxy/message?groupId=g&streamId=s&body=x", ok),
        (&long, r#"{"code":"31","msg":"Decode request failure"}"#),
        (&headers, r#"{"code":"31","msg":"Decode request failure"}"#),
    ] {
        let request = format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        assert_eq!(asked(entrance, &request), expected, "{request}");
    }
    assert_eq!(server.records("good").len(), 1);
}

/// A server that takes nothing says so before it looks where things are to go, and after it has taken them apart.
#[test]
fn a_state_is_told_in_its_turn() {
    let server = with(Options::default());
    let mut node = Node::connect(server.handle.inlong_addrs()[0]);
    let mut answer = |frame: &[u8]| {
        node.write(frame);
        let answer = node.frame().unwrap();
        String::from_utf8_lossy(&answer[11..answer.len() - 2]).replace("dpIp=127.0.0.1&", "")
    };
    server.faults(r#"[{"system":"inlong","code":2},{"system":"inlong","on":"heartbeats","code":2}]"#);
    assert_eq!(answer(&binary(1, &[b"a"], "k=v")), "errCode=2&k=v");
    assert_eq!(answer(&binary(2, &[b"a"], "k")), "errCode=109&errMsg=Parse attr (k) failure&k");
    let address = server.handle.url().trim_start_matches("http://").parse().unwrap();
    let get =
        |path: &str| asked(address, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
    let closed = r#"{"code":"2","msg":"Service closed"}"#;
    for path in ["/dataproxy/message", "/dataproxy/heartbeat", "/dataproxy/other"] {
        assert_eq!(get(path), closed, "{path}");
    }
    server.faults(r#"[{"system":"inlong","code":114}]"#);
    assert_eq!(answer(&binary(3, &[b"a"], "k=v")), "errCode=100&k=v");
    let full = get("/dataproxy/message?groupId=g&streamId=s&body=x&callback=f");
    assert!(full.starts_with(r#"f({"code":"114","msg":"Put HTTP event to channel failure: Space"#), "{full}");
    assert!(get("/dataproxy/message?groupId=g").contains(r#""code":"101""#));
    assert!(server.records("good").is_empty());
}
