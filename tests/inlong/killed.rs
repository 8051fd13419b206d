//! With one of three nodes killed in mid-stream, every message of 100,000 arrives, and the books are exact.

use std::collections::HashSet;

use trackwire::inlong::{Client, SendError};

use crate::client::{LONG, client, serve};
use crate::server::Server;

const MESSAGES: u64 = 100_000;

#[test]
fn a_node_killed_in_mid_stream_loses_none_of_100_000_messages() {
    let server = serve(3);
    // It keeps what it is sent and answers later than it lives: what it has then is under way.
    server.faults(r#"[{"system":"inlong","node":1,"delay_ms":20000}]"#);
    let client = client(&server, |options| {
        options.pack_size = Some(4_000);
        options.request_timeout = 60_000;
    });
    for number in 0..MESSAGES {
        if number == MESSAGES / 2 {
            let mut has_taken = false;
            while !has_taken {
                each_record(&server, |_, node| has_taken |= node == "1");
            }
            server.faults(r#"[{"system":"inlong","node":1,"down":true}]"#);
        }
        send(&client, number);
    }
    let report = client.close_blocking(LONG).unwrap();
    let stats = client.stats();
    let ends = (stats.accepted, stats.delivered, stats.rejected, stats.expired, stats.dropped, stats.pending);
    assert_eq!(ends, (MESSAGES, MESSAGES, 0, 0, 0, 0), "{stats:?}");
    assert_eq!((report.rejected, report.expired, report.dropped, report.pending), (0, 0, 0, 0));

    let (mut arrived, mut nodes, mut count) = (HashSet::new(), HashSet::new(), 0);
    each_record(&server, |number, node| {
        arrived.insert(number.parse::<u64>().unwrap());
        nodes.insert(node.to_owned());
        count += 1;
    });
    assert_eq!(arrived, (0..MESSAGES).collect());
    assert_eq!(nodes.len(), 3);
    let duplicates = count - MESSAGES;
    assert!(duplicates > 0, "the node had messages whose acks were lost");
    assert!(duplicates <= stats.maybe_duplicated, "{duplicates} arrived twice: {stats:?}");
}

fn send(client: &Client, number: u64) {
    loop {
        match client.send("test_group", "s1", format!("message {number}")) {
            Ok(()) => return,
            Err(SendError::RecvBufferFull { .. }) => client.ready_blocking().unwrap(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Tells the number and the node of every message that the server keeps. So many are not parsed as JSON.
fn each_record(server: &Server, mut tell: impl FnMut(&str, &str)) {
    let mut after = "0".to_owned();
    while after != "null" {
        let page = server.get(&format!("/trackwire/good?limit=10000&after={after}")).body;
        let page = String::from_utf8(page).unwrap();
        let value = |text: &str, key: &str| -> Option<String> {
            let (_, rest) = text.split_once(key)?;
            rest.split(['"', '}']).next().map(str::to_owned)
        };
        for record in page.split("\"text\":\"message ").skip(1) {
            tell(record.split('"').next().unwrap(), &value(record, "\"node\":\"").unwrap());
        }
        after = value(&page, "\"next\":").unwrap();
    }
}
