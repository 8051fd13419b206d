//! What the client for InLong logs while messages do not get through.
#![cfg(all(feature = "inlong", feature = "native"))]

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use trackwire::inlong::{Client, NodeAddress, Options};

static LINES: OnceLock<Mutex<Sender<String>>> = OnceLock::new();

struct Collect;

impl log::Log for Collect {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.level() <= log::Level::Warn
            && let Some(lines) = LINES.get()
        {
            // The test may be over.
            let _ = lines.lock().unwrap().send(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

fn lines() -> Receiver<String> {
    let (sender, receiver) = channel();
    LINES.set(Mutex::new(sender)).expect("once");
    log::set_logger(&Collect).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    receiver
}

#[test]
fn nodes_that_cannot_be_reached_are_told_once() {
    let lines = lines();
    let mut options = Options::default();
    // Nothing listens there.
    options.nodes = vec![NodeAddress::new("127.0.0.1", 1)];
    options.pack_timeout = 1;
    let client = Client::builder(options).build().unwrap();
    for _ in 0..3 {
        client.send("shop", "orders", "m").unwrap();
    }
    let line = lines.recv_timeout(Duration::from_secs(30)).unwrap();
    assert!(line.contains("127.0.0.1:1 ended") && line.contains("pending"), "{line}");
    // It is tried again meanwhile.
    client.flush_blocking(Duration::from_secs(1)).unwrap();
    assert_eq!(lines.try_iter().collect::<Vec<_>>(), [""; 0]);
    client.close_blocking(Duration::ZERO).unwrap();
}
