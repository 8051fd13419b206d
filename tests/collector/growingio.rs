//! GrowingIO's receiving side, answer by answer.

use serde_json::{Value, json};

use crate::client::{EVENTS, Server};

/// Where a request goes, its headers, its body, and what is expected of it.
type Case<'a, T> = (&'a str, &'a [(&'a str, &'a str)], Vec<u8>, T);

const ITEMS: &str = "/projects/p/collect/item";
const MAPPINGS: &str = "/projects/p/collect/user-mapping";
const PROTOBUF: (&str, &str) = ("content-type", "application/protobuf");
const SNAPPY: (&str, &str) = ("X-Compress-Codec", "2");
const XOR: (&str, &str) = ("X-Crypt-Codec", "1");
const BODY: &str = r#"[{"eventType":"CUSTOM","eventName":"buy","userId":"u","deviceId":"d","timestamp":5,"attributes":{"n":1.5},"projectKey":"p"}]"#;

fn snappy(plain: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(plain).unwrap()
}

fn xor(bytes: &[u8], key: u8) -> Vec<u8> {
    bytes.iter().map(|byte| byte ^ key).collect()
}

/// A field with a length: a string, a message, an entry of a map.
fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(u64::from(number << 3 | 2), &mut out);
    varint(content.len() as u64, &mut out);
    out.extend_from_slice(content);
    out
}

fn int(number: u32, value: i64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(u64::from(number << 3), &mut out);
    varint(value as u64, &mut out);
    out
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[test]
fn every_layer_is_undone() {
    let server = Server::start();
    let plain = BODY.as_bytes();
    let stm = 1_700_000_000_085_u64;
    let key = (stm & 0xff) as u8;
    let with_stm = format!("{EVENTS}?stm={stm}");
    let clock = stm.to_string();
    let stamp = ("X-Timestamp", clock.as_str());
    let cases: [Case<'_, Value>; 9] = [
        (&with_stm, &[], plain.to_vec(), json!([])),
        (EVENTS, &[("content-type", "text/plain;charset=UTF-8")], plain.to_vec(), json!([])),
        (
            "/v3/projects/p/collect?stm=1&compress=0",
            &[("content-type", "text/plain")],
            plain.to_vec(),
            json!([]),
        ),
        (EVENTS, &[("X-Compress-Codec", "0"), ("X-Crypt-Codec", "0")], plain.to_vec(), json!([])),
        (EVENTS, &[SNAPPY], snappy(plain), json!(["snappy"])),
        (&with_stm, &[SNAPPY, XOR], xor(&snappy(plain), key), json!(["snappy", "xor"])),
        (EVENTS, &[SNAPPY, XOR, stamp], xor(&snappy(plain), key), json!(["snappy", "xor"])),
        ("/v3/projects/p/collect?stm=now", &[XOR, stamp], xor(plain, key), json!(["xor"])),
        ("/v3/projects/p/collect?stm=512", &[XOR, ("X-Timestamp", "1")], plain.to_vec(), json!(["xor"])),
    ];
    for (at, (path, headers, body, layers)) in cases.iter().enumerate() {
        let answer = server.request("POST", path, headers, body).unwrap();
        assert_eq!((answer.status, answer.body.len()), (204, 0), "case {at}");
        let record = server.records("good?order=desc&limit=1").remove(0);
        assert_eq!(record["raw"], serde_json::from_str::<Value>(BODY).unwrap()[0]);
        assert_eq!(record["request"]["layers"], *layers, "case {at}");
        assert_eq!(record["request"]["bytes"], body.len());
        assert_eq!(record["request"]["plain_bytes"], plain.len());
        assert_eq!(record["request"]["format"], "json");
    }
    assert_eq!(server.stats()["good"], 9);
}

#[test]
fn a_json_record_is_understood() {
    let server = Server::start();
    assert_eq!(server.post(&format!("{EVENTS}?stm=7&a=1&a=2"), BODY), 204);
    let found = server.get("/trackwire/good").json();
    let mut record = found["records"][0].clone();
    assert!(record["received_at"].as_i64().unwrap() > 1_700_000_000_000);
    record["received_at"] = json!(0);
    assert_eq!(
        record,
        json!({
            "id": 1, "system": "growingio", "kind": "track", "name": "buy", "user": "u", "anonymous": "d", "time": 5,
            "attributes": {"n": 1.5}, "received_at": 0,
            "raw": serde_json::from_str::<Value>(BODY).unwrap()[0],
            "request": {
                "id": 1, "method": "POST", "path": EVENTS, "query": {"stm": "7", "a": "1, 2"},
                "headers": {"host": "localhost", "content-type": "application/json", "content-length": BODY.len().to_string()},
                "bytes": BODY.len(), "plain_bytes": BODY.len(), "format": "json", "layers": []
            }
        })
    );
    assert_eq!(found["next"], Value::Null);
}

#[test]
fn kinds_names_and_ids() {
    let server = Server::start();
    let events = r#"[
        {"eventType":"LOGIN_USER_ATTRIBUTES","userId":"u\n\u4f60","attributes":{"a":[1,2]}, "eventName":null},
        {"eventType":"CUSTOM","eventName":"e\"1","deviceId":17,"timestamp":1.5},
        {"eventType":"PAGE","deviceId":"d","timestamp":0},
        {"eventType":"VISITOR_ATTRIBUTES","deviceId":"d"}
    ]"#;
    assert_eq!(server.post(EVENTS, events), 204);
    assert_eq!(
        server.post(ITEMS, r#"[{"key":"product","id":"1","attributes":{"c":"r"}},{"key":"k","id":"2"}]"#),
        204
    );
    assert_eq!(
        server.post(MAPPINGS, r#"[{"projectKey":"p","identifies":{"email":"a@b"},"sendTime":3}]"#),
        204
    );
    let keys = ["kind", "name", "user", "anonymous", "time", "attributes"];
    let found: Vec<Value> = server
        .records("good")
        .iter()
        .map(|record| keys.iter().map(|key| record[key].clone()).collect::<Value>())
        .collect();
    assert_eq!(
        json!(found),
        json!([
            ["user", null, "u\n你", null, null, {"a": [1, 2]}],
            ["track", "e\"1", null, "17", 1, {}],
            ["track", "PAGE", null, "d", 0, {}],
            ["user", null, null, "d", null, {}],
            ["item", "product", null, null, null, {"c": "r"}],
            ["item", "k", null, null, null, {}],
            ["mapping", null, null, null, 3, {"email": "a@b"}],
        ])
    );
}

#[test]
fn the_protobuf_lists_are_read() {
    let server = Server::start();
    let pair = |key: &str, value: &str| [field(1, key.as_bytes()), field(2, value.as_bytes())].concat();
    let event = [
        field(1, b"d"),
        field(2, "u\"\u{1}你".as_bytes()),
        int(6, 1),
        int(8, 1_700_000_000_000),
        int(15, -7),
        field(22, b"old"),
        field(22, b"buy"),
        field(24, &pair("a", "1")),
        field(24, &pair("b", "")),
        field(25, &[field(1, b"i"), field(2, b"k"), field(3, &pair("x", "y"))].concat()),
        field(24, &pair("a", "2")),
        [&[0xe1, 0x02][..], &1.5f64.to_le_bytes()].concat(),
        [&[0xe9, 0x02][..], &f64::NAN.to_le_bytes()].concat(),
        field(41, b"retired"),
        field(53, b"p"),
        int(54, 5),
        field(99, b"unknown"),
    ]
    .concat();
    let body = [field(1, &event), field(1, b"")].concat();
    assert_eq!(server.request("POST", EVENTS, &[PROTOBUF], &body).unwrap().status, 204);
    let item = [field(1, b"1"), field(2, b"product"), field(3, &pair("c", "r")), field(5, b"p")].concat();
    assert_eq!(server.request("POST", ITEMS, &[PROTOBUF], &field(2, &item)).unwrap().status, 204);
    let mapping = [field(1, b"p"), int(2, 9), field(3, &pair("email", "a@b")), field(4, b"s")].concat();
    let headers = [("Content-Type", "application/protobuf; charset=utf-8"), SNAPPY];
    assert_eq!(server.request("POST", MAPPINGS, &headers, &snappy(&field(1, &mapping))).unwrap().status, 204);

    let found: Vec<Value> = server
        .records("good")
        .iter()
        .map(|r| {
            json!([
                r["kind"],
                r["name"],
                r["user"],
                r["time"],
                r["attributes"],
                r["request"]["format"],
                r["raw"]
            ])
        })
        .collect();
    assert_eq!(
        json!(found),
        json!([
            ["track", "buy", "u\"\u{1}你", 1_700_000_000_000_u64, {"a": "2", "b": ""}, "protobuf", {
                "device_id": "d", "user_id": "u\"\u{1}你", "event_type": 1, "timestamp": 1_700_000_000_000_u64,
                "event_sequence_id": -7, "event_name": "buy", "attributes": {"b": "", "a": "2"},
                "resource_item": {"id": "i", "key": "k", "attributes": {"x": "y"}},
                "latitude": 1.5, "longitude": "NaN", "project_key": "p", "send_time": 5
            }],
            // Nothing on the wire: every field has its default, and the type 0 is VISIT.
            ["track", "VISIT", null, 0, {}, "protobuf", {}],
            ["item", "product", null, null, {"c": "r"}, "protobuf",
                {"id": "1", "key": "product", "attributes": {"c": "r"}, "project_key": "p"}],
            ["mapping", null, null, 9, {"email": "a@b"}, "protobuf",
                {"project_key": "p", "send_time": 9, "identifies": {"email": "a@b"}, "data_source_id": "s"}],
        ])
    );
}

#[test]
fn the_three_paths_have_any_prefix() {
    let server = Server::start();
    let good = [
        "/v3/projects/p/collect",
        "//v3/projects/p/collect?stm=1",
        "/gio/up/v3/projects/p/collect",
        "/projects/p/collect/item",
        "/a//projects/p/collect/item",
        "//projects/p/collect/user-mapping",
        "/v3/projects/a%20b/c/collect",
    ];
    for path in good {
        assert_eq!(server.post(path, "[]"), 204, "{path}");
    }
    let escaped = r#"[{"eventType":"CUSTOM","projectKey":"a b/c"}]"#;
    assert_eq!(server.post("/v3/projects/a%20b/c/collect", escaped), 204);
    assert_eq!(server.post("/v3/projects/a%20b%2Fc/collect", escaped), 204);
    let bad = [
        "/",
        "/collect",
        "/v3/projects//collect",
        "/v3/projects/collect",
        "/v3/projects/p/collect/",
        "/v3/projects/p/collect/item",
        "/projects/p/collect",
        "/v2/projects/p/collect",
    ];
    for path in bad {
        assert_eq!(server.post(path, "[]"), 404, "{path}");
    }
    let stats = server.stats();
    assert_eq!((&stats["good"], &stats["bad"], &stats["requests"]), (&json!(2), &json!(8), &json!(17)));
    assert_eq!(
        stats["by_system"]["growingio"],
        json!({"good": 2, "bad": 0, "requests": 9, "bytes": 14 + 2 * 45})
    );
    let missed = server.records("bad?limit=1").remove(0);
    assert_eq!((&missed["system"], &missed["status"]), (&Value::Null, &json!(404)));
}

#[test]
fn what_is_not_a_request_of_an_sdk() {
    let server = Server::start();
    for method in ["GET", "PUT", "DELETE"] {
        let answer = server.request(method, EVENTS, &[], b"").unwrap();
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST, OPTIONS")), "{method}");
    }
    // A page that may not read answers asks so. Nothing came that could be bad.
    assert_eq!(server.request("HEAD", EVENTS, &[], b"").unwrap().status, 405);
    // What a client looks at first, to see whether anyone is there.
    assert_eq!(server.get("/").status, 200);
    let asked = [("Origin", "https://shop.test"), ("Access-Control-Request-Method", "POST")];
    let answer = server.request("OPTIONS", EVENTS, &asked, b"").unwrap();
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-methods"), Some("POST"));
    let allowed = "content-type, x-compress-codec, x-crypt-codec, x-timestamp";
    assert_eq!(answer.header("access-control-allow-headers"), Some(allowed));
    let stats = server.stats();
    assert_eq!((&stats["good"], &stats["bad"]), (&json!(0), &json!(3)));
}

#[test]
fn bad_requests_are_refused_and_kept() {
    let server = Server::start();
    let long = "x".repeat(300);
    let deep =
        format!("[{{\"eventType\":\"CUSTOM\",\"attributes\":{}{}}}]", "{\"a\":".repeat(200), "}".repeat(200));
    let other = format!(r#"[{{"eventType":"CUSTOM"}},{{"eventType":"CUSTOM","projectKey":"{long}"}}]"#);
    let cases: Vec<Case<'_, &str>> = vec![
        (EVENTS, &[XOR], b"[]".to_vec(), "neither stm in the query nor X-Timestamp is a number"),
        ("/v3/projects/p/collect?stm=x", &[XOR, ("X-Timestamp", "")], b"[]".to_vec(), "neither stm"),
        (EVENTS, &[("X-Compress-Codec", "1")], b"[]".to_vec(), "only 0 (none) and 2 (snappy)"),
        (EVENTS, &[("X-Compress-Codec", "3")], b"[]".to_vec(), "only 0 (none) and 2 (snappy)"),
        (EVENTS, &[("X-Crypt-Codec", "2")], b"[]".to_vec(), "only 0 (none) and 1 (XOR)"),
        (EVENTS, &[SNAPPY], b"[]".to_vec(), "is not raw snappy"),
        (EVENTS, &[SNAPPY], b"".to_vec(), "is not raw snappy"),
        (EVENTS, &[SNAPPY], b"\xff\xff\xff\xff\x0f\x00".to_vec(), "cannot hold the 4294967295"),
        ("/v3/projects/p/collect?compress=1", &[], b"[]".to_vec(), "compress=1"),
        (EVENTS, &[], b"".to_vec(), "not a JSON array"),
        (EVENTS, &[], b"{}".to_vec(), "not a JSON array"),
        (EVENTS, &[], b"[{]".to_vec(), "not a JSON array"),
        (EVENTS, &[], b"[] []".to_vec(), "not a JSON array"),
        (EVENTS, &[], b"[\"\xff\"]".to_vec(), "not UTF-8 from byte 2"),
        (EVENTS, &[], b"[1]".to_vec(), "record 0: it is not an object"),
        (EVENTS, &[], b"[[\"CUSTOM\"]]".to_vec(), "record 0: it is not an object"),
        (EVENTS, &[], b"[{}]".to_vec(), "record 0: eventType is missing"),
        (EVENTS, &[], br#"[{"eventType":"BUY"}]"#.to_vec(), "record 0: eventType `BUY` is unknown"),
        (EVENTS, &[], br#"[{"eventType":"CUSTOM","userId":{}}]"#.to_vec(), "record 0: invalid type"),
        (EVENTS, &[], br#"[{"eventType":"CUSTOM","timestamp":"now"}]"#.to_vec(), "record 0: invalid type"),
        (EVENTS, &[], br#"[{"eventType":"CUSTOM","attributes":[]}]"#.to_vec(), "attributes is not an object"),
        (
            EVENTS,
            &[],
            br#"[{"eventType":"CUSTOM","attributes":{"n":1e999}}]"#.to_vec(),
            "number out of range",
        ),
        (EVENTS, &[], br#"[{"eventType":"CUSTOM","attributes":{"s":"\ud800"}}]"#.to_vec(), "hex escape"),
        (EVENTS, &[], deep.into_bytes(), "recursion limit"),
        (EVENTS, &[], other.into_bytes(), "record 1: projectKey is `xxx"),
        (
            EVENTS,
            &[PROTOBUF],
            b"\x0a\x05abc".to_vec(),
            "not a protobuf list of EventV3Dto: a length goes beyond",
        ),
        (EVENTS, &[PROTOBUF], BODY.as_bytes().to_vec(), "not a protobuf list"),
        (EVENTS, &[PROTOBUF], int(1, 5), "field 1 of the list is not a message"),
        (
            EVENTS,
            &[PROTOBUF],
            field(2, b""),
            "record 0: it is in field 2 of the list, EventV3Dto belongs into 1",
        ),
        (ITEMS, &[PROTOBUF], field(1, b""), "record 0: it is in field 1 of the list, ItemDto belongs into 2"),
        (
            EVENTS,
            &[PROTOBUF],
            field(1, &int(1, 5)),
            "field 1 (device_id) of EventV3Dto has the wrong wire type",
        ),
        (EVENTS, &[PROTOBUF], field(1, &field(1, b"\xff")), "field 1 (device_id) is not UTF-8"),
        (EVENTS, &[PROTOBUF], field(1, &int(6, 12)), "event_type 12 is unknown"),
        (
            EVENTS,
            &[PROTOBUF],
            field(1, &field(53, b"q")),
            "record 0: project_key is `q`, the path's project is `p`",
        ),
    ];
    for (at, (path, headers, body, reason)) in cases.iter().enumerate() {
        let answer = server.request("POST", path, headers, body).unwrap();
        assert_eq!(answer.status, 400, "case {at}: {reason}");
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(reason) && error.len() < 400, "case {at}: {error}");
        let kept = server.records("bad?order=desc&limit=1").remove(0);
        assert_eq!(kept["reason"], error);
        assert_eq!((&kept["system"], &kept["status"]), (&json!("growingio"), &json!(400)));
        use base64::Engine;
        assert_eq!(kept["body"], base64::engine::general_purpose::STANDARD.encode(body));
    }
    let stats = server.stats();
    assert_eq!((&stats["good"], &stats["bad"]), (&json!(0), &json!(cases.len())));
    assert_eq!(server.records("good").len(), 0);
}
