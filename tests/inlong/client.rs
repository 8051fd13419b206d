//! Messages arrive as they were sent, and every one of them ends in what became of it.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::mpsc;
use std::time::Duration;

use trackwire::collector::Options as Served;
use trackwire::engine::Fate;
use trackwire::inlong::{Client, Delivery, Mapping, Message, Options, Protocol, Route, SendError};
use trackwire::{Item, Track, UserAttributes};

use crate::server::Server;

pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) fn serve(nodes: usize) -> Server {
    Server::with(Served {
        inlong_listen: Some((Ipv4Addr::LOCALHOST, 0).into()),
        inlong_nodes: nodes,
        ..Served::default()
    })
}

pub(crate) fn options(server: &Server) -> Options {
    let mut options =
        Options::new(format!("{}/inlong/manager/openapi/dataproxy/getIpList", server.handle.url()));
    options.pack_timeout = 20;
    options.request_timeout = 3_000;
    options
}

pub(crate) fn client(server: &Server, change: impl FnOnce(&mut Options)) -> Client {
    Client::builder(options(server)).options(change).build().unwrap()
}

pub(crate) fn texts(server: &Server) -> Vec<String> {
    let texts = server.records("good?limit=1000").into_iter().map(|record| record["raw"]["text"].clone());
    let mut texts: Vec<String> = texts.map(|text| text.as_str().unwrap_or("not a text").into()).collect();
    texts.sort();
    texts
}

#[test]
fn messages_arrive_in_every_type() {
    for (msg_type, extend_field) in [(2, 0), (3, 0), (5, 0), (6, 0), (7, 0), (7, 1), (7, 2), (7, 3)] {
        for zip in [false, true] {
            let server = serve(1);
            let client = client(&server, |options| {
                (options.msg_type, options.extend_field, options.enable_zip) = (msg_type, extend_field, zip);
                options.min_zip_len = 10;
            });
            for text in ["one", "二", "three three three three three three three"] {
                client.send("test_group", "s1", text).unwrap();
            }
            client.send("test_group", "s2", "four").unwrap();
            let report = client.close_blocking(LONG).unwrap();
            let stats = client.stats();
            assert_eq!(
                (stats.accepted, stats.delivered, report.pending),
                (4, 4, 0),
                "type {msg_type}: {stats:?}"
            );
            let mut expected = ["four", "one", "three three three three three three three", "二"];
            expected.sort_unstable();
            assert_eq!(texts(&server), expected, "type {msg_type}, ext {extend_field}");
        }
    }
}

#[test]
fn messages_arrive_over_http() {
    let server = serve(1);
    let client = client(&server, |options| options.protocol = Protocol::Http);
    for text in ["one & two = 3%", "二", "with\nLF"] {
        client.send("test_group", "s1", text).unwrap();
    }
    client.close_blocking(LONG).unwrap();
    assert_eq!(client.stats().delivered, 3, "{:?}", client.stats());
    assert_eq!(texts(&server), ["one & two = 3%", "with\nLF", "二"]);
}

#[test]
fn a_refusal_is_told_with_its_code() {
    let server = serve(1);
    server.faults(r#"[{"system":"inlong","code":115,"count":1}]"#);
    let client = client(&server, |_| {});
    let (sender, told) = mpsc::channel::<Delivery>();
    let message = Message::new("test_group", "s1", "refused").time(1_700_000_000_123);
    client.send_with(&message, move |delivery| sender.send(delivery).unwrap()).unwrap();
    let delivery = told.recv_timeout(LONG).unwrap();
    assert_eq!((&*delivery.group_id, &*delivery.stream_id), ("test_group", "s1"));
    assert_eq!((&*delivery.message, delivery.message_length), (&b"refused"[..], 7));
    assert_eq!(delivery.report_time, 1_700_000_000_123);
    assert!(matches!(&delivery.fate, Fate::Rejected(cause) if cause.code == 115), "{delivery:?}");
    client.close_blocking(LONG).unwrap();
    assert_eq!(client.stats().rejected, 1);
}

#[test]
fn what_cannot_be_sent_is_refused_at_the_call_with_the_vendors_code() {
    let server = serve(1);
    let client = client(&server, |options| options.max_stream_id_num = 1);
    let long = "x".repeat(70_000);
    let cases = [
        ("", "s1", "m", 7),
        ("g", "", "m", 7),
        ("g", "s", "", 7),
        ("g&x", "s", "m", 7),
        ("g", "ä", "m", 7),
        ("g", "s", &*long, 6),
    ];
    for (group, stream, message, code) in cases {
        let error = client.send(group, stream, message).unwrap_err();
        assert_eq!(error.code(), code, "{group}/{stream}: {error}");
    }
    client.close_blocking(LONG).unwrap();
    assert_eq!(client.send("g", "s", "m"), Err(SendError::SendAfterClose));
    assert_eq!(client.stats().accepted, 0);
}

#[test]
fn events_go_where_the_mapping_says_or_are_refused() {
    let server = serve(1);
    let mapping = Mapping::default().track(Route::json("shop", "events")).item(Route::delimited(
        "shop",
        "items",
        '|',
        ["item", "attributes.title"],
    ));
    let client = Client::builder(options(&server)).mapping(mapping).build().unwrap();
    client.track(Track::new("buy").user("u1").time(5)).unwrap();
    client.track(Item::new("sku-1", "product").attribute("title", "Kettle")).unwrap();
    let message = client.message(Track::new("later").time(6)).unwrap().time(1_700_000_000_000);
    client.send_message(&message).unwrap();

    let user = client.track(UserAttributes::new("u1")).unwrap_err();
    assert!(matches!(&user, SendError::InvalidInput(invalid) if invalid.field == "user") && user.code() == 7);
    let delimiter = client.track(Item::new("sku|2", "product")).unwrap_err();
    assert!(matches!(&delimiter, SendError::InvalidInput(invalid) if invalid.field == "item"));
    client.close_blocking(LONG).unwrap();
    assert_eq!(client.track(UserAttributes::new("u1")), Err(SendError::SendAfterClose));
    let stats = client.stats();
    assert_eq!((stats.accepted, stats.delivered, stats.invalid, stats.ignored), (3, 3, 2, 1));
    let later = r#"{"track":"later","time":6}"#;
    assert_eq!(texts(&server), ["sku-1|Kettle", r#"{"track":"buy","user":"u1","time":5}"#, later]);
    let names: HashSet<_> = server.names("good").into_iter().collect();
    assert_eq!(names, ["shop/events", "shop/items"].map(String::from).into());

    let wrong = Mapping::default().item(Route::delimited("shop", "items", '|', ["title"]));
    let error = Client::builder(options(&server)).mapping(wrong).build().unwrap_err();
    assert!(error.to_string().contains("`title`") && error.code() == 5, "{error}");
}
