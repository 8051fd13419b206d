//! What the tracker logs when it is dropped without being closed.

#![cfg(feature = "native")]

use std::sync::Mutex;
use std::time::Duration;

use trackwire::Track;
use trackwire::growingio::{Consumer, Tracker};
use trackwire::testing::Sink;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Collect;

impl log::Log for Collect {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.level() <= log::Level::Warn {
            LINES.lock().unwrap().push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

#[test]
fn dropping_the_last_handle_says_how_many_are_pending() {
    log::set_logger(&Collect).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let build = || {
        let sink = Sink::new();
        let tracker = Tracker::builder("p", "d", "http://collector.example").consumer(Consumer::buffered());
        tracker.sink(&sink).build().unwrap()
    };

    let tracker = build();
    for _ in 0..3 {
        tracker.track(Track::new("buy").user("u1")).unwrap();
    }
    drop(tracker.clone());
    assert!(LINES.lock().unwrap().is_empty(), "a clone is not the last handle");
    drop(tracker);
    let lines = std::mem::take(&mut *LINES.lock().unwrap());
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("3 events pending"), "{lines:?}");

    let closed = build();
    closed.track(Track::new("buy").user("u1")).unwrap();
    closed.close_blocking(Duration::from_secs(20)).unwrap();
    drop(closed);
    assert!(LINES.lock().unwrap().is_empty());
}
