//! What goes wrong on the way: nodes, acks and the Manager. Nothing is lost, and the books say what may be there twice.

use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use trackwire::collector::{BasicAuth, Options as Served};
use trackwire::engine::{Fate, Outcome, Tag};
use trackwire::inlong::{Client, Message, MsgType, Protocol, SendError};

use crate::client::{LONG, client, options, serve, texts};
use crate::server::Server;

/// Sends so many messages through these faults; the server, once all have ended.
fn through(
    faults: &str,
    messages: usize,
    change: impl FnOnce(&mut trackwire::inlong::Options),
) -> (Server, Client) {
    let server = serve(2);
    server.faults(faults);
    let client = client(&server, |options| {
        // Many packs, so that there is something to get into disorder.
        options.pack_size = Some(200);
        change(options);
    });
    for number in 0..messages {
        client.send("test_group", "s1", format!("message {number:06}")).unwrap();
    }
    client.close_blocking(LONG).unwrap();
    (server, client)
}

/// All have arrived, and as often as the books say.
fn check(server: &Server, client: &Client, messages: usize) {
    let stats = client.stats();
    assert_eq!((stats.delivered, stats.pending), (messages as u64, 0), "{stats:?}");
    let mut arrived = texts(server);
    let all = arrived.len();
    arrived.dedup();
    assert_eq!(arrived.len(), messages);
    assert!((all - messages) as u64 <= stats.maybe_duplicated, "{all} arrived: {stats:?}");
}

#[test]
fn answers_may_come_late_in_any_order_and_with_codes() {
    for faults in [
        r#"[{"system":"inlong","delay_ms":30,"share":0.3}]"#,
        r#"[{"system":"inlong","ack":"swapped","share":0.3,"delay_ms":50}]"#,
        r#"[{"system":"inlong","code":114,"count":3}]"#,
        r#"[{"system":"inlong","code":2,"node":1,"count":5}]"#,
        r#"[{"system":"inlong","code":9999,"count":1}]"#,
    ] {
        for msg_type in [5, 7] {
            let (server, client) = through(faults, 300, |options| options.msg_type = msg_type);
            assert!(matches!(MsgType::from_number(msg_type), Some(MsgType::Multi | MsgType::Binary)));
            check(&server, &client, 300);
        }
    }
}

#[test]
fn a_connection_may_be_lost_at_any_moment() {
    for drop in ["before", "midway", "after"] {
        let faults = format!(r#"[{{"system":"inlong","drop":"{drop}","count":2}}]"#);
        let (server, client) = through(&faults, 300, |_| {});
        check(&server, &client, 300);
        let stats = client.stats();
        assert!(drop == "before" || stats.maybe_duplicated > 0, "{drop}: {stats:?}");
    }
}

#[test]
fn an_answer_that_never_comes_is_not_waited_for() {
    let faults = r#"[{"system":"inlong","ack":"never","count":1}]"#;
    let (server, client) = through(faults, 100, |options| options.request_timeout = 300);
    check(&server, &client, 100);
    assert!(client.stats().maybe_duplicated > 0);
}

#[test]
fn a_poisonous_message_goes_alone() {
    let server = serve(1);
    // Closed at every frame, as the real server does at attributes that it cannot count.
    let client = client(&server, |options| options.enable_pack = true);
    let (sender, told) = mpsc::channel();
    let message = Message::new("test_group", "s1", "poison");
    server.faults(r#"[{"system":"inlong","drop":"before","count":3}]"#);
    client.send_with(&message, move |delivery| sender.send(delivery).unwrap()).unwrap();
    let delivery = told.recv_timeout(LONG).unwrap();
    assert!(matches!(delivery.fate, Fate::Rejected(_)) && delivery.possibly_delivered, "{delivery:?}");
    client.send("test_group", "s1", "after it").unwrap();
    client.close_blocking(LONG).unwrap();
    assert_eq!((client.stats().delivered, client.stats().rejected), (1, 1));
}

#[test]
fn without_acks_what_was_written_is_delivered_unconfirmed() {
    let (server, client) = through("[]", 100, |options| options.is_ack = false);
    let stats = client.stats();
    assert_eq!((stats.delivered, stats.unconfirmed), (100, 100));
    // The collector answers nothing, so what it keeps is asked for until it is there.
    while texts(&server).len() < 100 {
        std::thread::yield_now();
    }
}

#[test]
fn every_outcome_is_told_where_it_was_asked_for() {
    let server = serve(1);
    let (sender, outcomes) = mpsc::channel::<Outcome>();
    let client = Client::builder(options(&server))
        .on_outcome(move |outcome| drop(sender.send(outcome.clone())))
        .build()
        .unwrap();
    client.send_tagged(&Message::new("g", "s", "tagged"), Tag::Number(7)).unwrap();
    assert!(client.send_tagged(&Message::new("g", "s", "m"), Tag::Number(1 << 63)).is_err());
    let (sender, told) = mpsc::channel();
    client.send_reported(&Message::new("g", "s", "reported"), move |it| sender.send(it).unwrap()).unwrap();
    let mut future = pin!(client.deliver(&Message::new("g", "s", "awaited")).unwrap());
    assert_eq!(client.send_all((0..3).map(|number| Message::new("g", "s", format!("m{number}")))), Ok(3));
    let refused = client.send_all(["fine", ""].map(|text| Message::new("g", "s", text)));
    assert_eq!(refused.map_err(|error| (error.taken, error.source.code())), Err((1, 7)));
    client.close_blocking(LONG).unwrap();
    let tagged = |outcome: &Outcome| outcome.tag == Some(Tag::Number(7)) && outcome.fate == Fate::Delivered;
    assert!(outcomes.try_iter().any(|outcome| tagged(&outcome)));
    let reported = told.recv_timeout(LONG).unwrap();
    assert!(reported.is_delivered() && reported.message == b"reported" && reported.report_time > 0);
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(Some(awaited)) = future.as_mut().poll(&mut context) else { panic!("it has ended") };
    assert!(awaited.is_delivered() && awaited.message == b"awaited");
}

#[test]
fn a_manager_that_is_down_delays_and_its_last_list_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("lists.ini");
    let server = serve(1);
    let with_cache = |options: &mut trackwire::inlong::Options| {
        options.cache_file = Some(cache.to_str().unwrap().into());
    };
    server.faults(r#"[{"system":"inlong","on":"manager","status":503,"count":2}]"#);
    let first = client(&server, with_cache);
    first.send("test_group", "s1", "one").unwrap();
    first.close_blocking(LONG).unwrap();
    assert_eq!(first.stats().delivered, 1);
    assert!(cache.is_file(), "a process may end right after");

    server.faults(r#"[{"system":"inlong","on":"manager","status":503}]"#);
    let second = client(&server, with_cache);
    second.send("test_group", "s1", "two").unwrap();
    second.close_blocking(LONG).unwrap();
    assert_eq!(second.stats().delivered, 1, "by the list of the file");
    assert_eq!(texts(&server), ["one", "two"]);
}

#[test]
fn the_manager_is_told_who_asks() {
    let auth = BasicAuth { id: "admin".into(), key: "inlong".into() };
    let server = Server::with(Served {
        inlong_listen: Some((Ipv4Addr::LOCALHOST, 0).into()),
        inlong_auth: Some(auth),
        ..Served::default()
    });
    for protocol in [Protocol::Tcp, Protocol::Http] {
        let client = client(&server, |options| {
            options.protocol = protocol;
            options.need_auth = true;
            (options.auth_id, options.auth_key) = (Some("admin".into()), Some("inlong".into()));
        });
        client.send("test_group", "s1", "m").unwrap();
        client.close_blocking(LONG).unwrap();
        assert_eq!(client.stats().delivered, 1);
    }
}

#[test]
fn what_is_left_at_the_end_goes_on_in_the_next_client() {
    let server = serve(1);
    server.faults(r#"[{"system":"inlong","node":1,"down":true}]"#);
    let first = client(&server, |_| {});
    first.send("test_group", "s1", "kept").unwrap();
    first
        .send_message(&Message::new("test_group", "s1", "dated").time(1_700_000_000_000).attribute("k", "v"))
        .unwrap();
    let (report, bytes) = first.suspend_blocking(std::time::Duration::ZERO).unwrap();
    assert_eq!(report.pending, 2);
    server.faults("[]");
    let second = Client::builder(options(&server)).restore(bytes).build().unwrap();
    second.close_blocking(LONG).unwrap();
    assert_eq!(second.stats().delivered, 2);
    let dated = server.records("good").into_iter().find(|record| record["raw"]["text"] == "dated").unwrap();
    assert_eq!(
        (dated["time"].as_u64(), dated["attributes"]["k"].as_str()),
        (Some(1_700_000_000_000), Some("v"))
    );
}

#[test]
fn a_close_in_time_reports_what_is_left() {
    let server = serve(1);
    server.faults(r#"[{"system":"inlong","ack":"never"}]"#);
    let client = client(&server, |_| {});
    let (sender, told) = mpsc::channel();
    let message = Message::new("test_group", "s1", "unanswered");
    client.send_with(&message, move |delivery| sender.send(delivery).unwrap()).unwrap();
    let report = client.close_blocking(std::time::Duration::from_millis(200)).unwrap();
    assert_eq!((report.dropped, report.pending), (1, 0));
    let delivery = told.recv_timeout(LONG).unwrap();
    assert!(matches!(delivery.fate, Fate::Dropped(_)) && delivery.possibly_delivered, "{delivery:?}");
}

#[test]
fn who_waits_for_a_message_is_told_of_no_other() {
    let server = serve(1);
    server.faults(r#"[{"system":"inlong","node":1,"down":true}]"#);
    let first = client(&server, |_| {});
    let awaited = first.deliver(&Message::new("test_group", "s1", "old")).unwrap();
    let (_, bytes) = first.suspend_blocking(std::time::Duration::ZERO).unwrap();
    // Its end is another client's, so the wait is over.
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(pin!(awaited).as_mut().poll(&mut context), Poll::Ready(None)));

    server.faults("[]");
    let second = Client::builder(options(&server)).restore(bytes).build().unwrap();
    let (sender, told) = mpsc::channel();
    let message = Message::new("test_group", "s1", "new");
    second.send_reported(&message, move |delivery| sender.send(delivery.message).unwrap()).unwrap();
    second.close_blocking(LONG).unwrap();
    assert_eq!(told.iter().collect::<Vec<_>>(), [b"new"]);
    assert_eq!(texts(&server), ["new", "old"]);
}

#[test]
fn messages_of_another_layout_are_not_restored() {
    let server = serve(1);
    let of = |extend_field| client(&server, |options| options.extend_field = extend_field);
    let first = of(0x20);
    first.send("test_group", "s1", "line").unwrap();
    let (_, bytes) = first.suspend_blocking(std::time::Duration::ZERO).unwrap();
    let restore = |extend_field| {
        let builder =
            Client::builder(options(&server)).options(|options| options.extend_field = extend_field);
        builder.restore(bytes.clone()).build().map(drop)
    };
    assert!(matches!(restore(0), Err(trackwire::inlong::BuildError::Restore(_))));
    assert!(restore(0x20).is_ok());
}

#[test]
fn long_messages_may_be_the_first() {
    let server = Server::with(Served {
        inlong_listen: Some((Ipv4Addr::LOCALHOST, 0).into()),
        inlong_max_packet: Some(400_000),
        inlong_max_frame: 400_000,
        ..Served::default()
    });
    let long = vec![b'x'; 100_000];
    let first = client(&server, |_| {});
    assert!(first.nodes_known_blocking("test_group", LONG).unwrap());
    first.send("test_group", "s1", &*long).unwrap();
    first.close_blocking(LONG).unwrap();
    assert_eq!(first.stats().delivered, 1, "{:?}", first.stats());
    assert_eq!(first.nodes_known_blocking("a&b", LONG).unwrap_err().code(), 7);

    // Who does not wait is refused, but the group is asked for: only so can another message be taken at once.
    let second = client(&server, |_| {});
    assert_eq!(second.send("test_group", "s1", &*long).unwrap_err().code(), 6);
    while !second.nodes_known_blocking("test_group", LONG).unwrap() {}
    second.send("test_group", "s1", &*long).unwrap();
    second.close_blocking(LONG).unwrap();
    assert_eq!(second.stats().delivered, 1);
}

#[test]
fn a_message_larger_than_the_queue_is_told_from_a_full_queue() {
    let server = serve(1);
    let client =
        client(&server, |options| (options.recv_buf_size, options.send_buf_size) = (60_000, 240_000));
    let fits = vec![b'x'; 20_000];
    let error = client.send("test_group", "s1", vec![b'x'; 61_000]).unwrap_err();
    assert!(
        matches!(error, SendError::LargerThanQueue { bytes: 61_000, .. }) && error.code() == 8,
        "{error}"
    );
    // What fits an empty queue is taken in the end, and who waits in between does not wait in vain.
    for _ in 0..20 {
        while let Err(error) = client.send("test_group", "s1", &*fits) {
            assert!(matches!(error, SendError::RecvBufferFull { .. }), "{error}");
            client.ready_blocking().unwrap();
        }
    }
    client.close_blocking(LONG).unwrap();
    assert_eq!(client.stats().delivered, 20);
}

#[test]
fn nodes_that_are_given_leave_the_managers_lists_alone() {
    let server = serve(1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lists.ini");
    let cached =
        |options: &mut trackwire::inlong::Options| options.cache_file = Some(file.to_str().unwrap().into());
    let send = |client: Client| {
        client.send("test_group", "s1", "m").unwrap();
        client.close_blocking(LONG).unwrap();
        assert_eq!(client.stats().delivered, 1);
    };
    send(client(&server, cached));
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept.contains("groupid=test_group"), "{kept}");
    let node = server.handle.inlong_addrs()[0];
    send(client(&server, |options| {
        cached(options);
        options.nodes = vec![trackwire::inlong::NodeAddress::new(node.ip().to_string(), node.port())];
    }));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), kept);
}

#[test]
fn restored_messages_keep_their_own_attributes() {
    let server = serve(1);
    let first = client(&server, |_| {});
    let message = Message::new("test_group", "s1", "old").attribute("k", "own").attribute("kk", "own");
    first.send_message(&message).unwrap();
    let (_, bytes) = first.suspend_blocking(std::time::Duration::ZERO).unwrap();
    // Twice the same key, and the server would refuse the frame.
    let all = ["k", "own", "z"].map(|key| (key.to_owned(), "all".to_owned()));
    let builder = Client::builder(options(&server)).options(|options| options.attributes = all.to_vec());
    let second = builder.restore(bytes).build().unwrap();
    second.close_blocking(LONG).unwrap();
    assert_eq!(second.stats().delivered, 1, "{:?}", second.stats());
    let records = server.records("good");
    let attributes = &records[0]["attributes"];
    let values = ["k", "kk", "own", "z"].map(|key| attributes[key].as_str().unwrap_or_default());
    assert_eq!(values, ["own", "own", "all", "all"]);
}

#[test]
fn frames_keep_their_bound_whatever_joins_the_messages() {
    for (protocol, msg_type, extend_field) in
        [(Protocol::Tcp, 3, 0), (Protocol::Tcp, 7, 0x20), (Protocol::Tcp, 5, 0), (Protocol::Http, 7, 0)]
    {
        // One byte more, and the server refuses or closes.
        let server = Server::with(Served {
            inlong_listen: Some((Ipv4Addr::LOCALHOST, 0).into()),
            inlong_max_frame: 65_536,
            ..Served::default()
        });
        let client = client(&server, |options| {
            (options.protocol, options.msg_type, options.extend_field) = (protocol, msg_type, extend_field);
            options.enable_zip = false;
        });
        for _ in 0..50_000 {
            client.send("test_group", "s1", "x").unwrap();
        }
        let long = "ß".repeat(20_000);
        let fits = client.send("test_group", "s1", &*long);
        assert_eq!(fits.is_ok(), protocol == Protocol::Tcp, "escaped it has 120,000 bytes: {fits:?}");
        client.close_blocking(LONG).unwrap();
        let stats = client.stats();
        assert_eq!(stats.delivered, 50_000 + u64::from(fits.is_ok()), "type {msg_type}: {stats:?}");
        assert_eq!(stats.maybe_duplicated, 0, "type {msg_type}: {stats:?}");
    }
}

#[test]
fn what_many_lanes_take_counts() {
    let server = serve(1);
    server.faults(r#"[{"system":"inlong","node":1,"down":true}]"#);
    let client = client(&server, |options| options.msg_type = 5);
    let send = |ms| client.send_message(&Message::new("test_group", "s1", "m").time(1_700_000_000_000 + ms));
    // Each in a pack of its own, so that the bound is reached long before the bytes of messages would.
    let taken = (0..20_000_u64).take_while(|&ms| send(ms).is_ok()).count() as u64;
    assert!((8_000..16_000).contains(&taken), "{taken}");
    server.faults("[]");
    client.close_blocking(LONG).unwrap();
    assert_eq!(client.stats().delivered, taken);
}
