//! Suspending, exporting and restoring.

use trackwire::engine::RestoreError;

use super::*;

/// Answers everything with 503.
struct Away;

impl HttpTransport for Away {
    fn send(&self, _: Request, _: Duration) -> Sending {
        Box::pin(std::future::ready(Ok(Response::new(503))))
    }
}

fn away() -> TrackerBuilder {
    Tracker::builder("p", "d", "http://collector.example").transport(Away).clock(|| 1_000)
}

#[test]
fn a_suspended_tracker_goes_on_in_another_one() {
    let (sender, outcomes) = mpsc::channel();
    let first = away().on_outcome(move |outcome| sender.send(outcome.clone()).unwrap()).build().unwrap();
    first.track_tagged(buy("u1"), 7).unwrap();
    first.track(Item::new("i", "k")).unwrap();
    first.track(buy("u2").time(500)).unwrap();
    let (report, bytes) = first.suspend_blocking(Duration::from_millis(50)).unwrap();
    assert_eq!((report.pending, report.dropped), (3, 0));
    assert_eq!(first.track(buy("u3")), Err(TrackError::Closed));
    assert_eq!((first.stats().dropped, first.stats().pending), (0, 3));
    // Nothing ends any more.
    assert_eq!(away().restore(first.export()).build().unwrap().stats().accepted, 3);
    assert_eq!(first.close_blocking(PATIENCE), Ok(Report::default()));
    drop(first);
    assert_eq!(outcomes.iter().count(), 0, "their outcome is the other tracker's to tell");

    let server = Server::start([]);
    let (sender, outcomes) = mpsc::channel();
    let second = builder(&server)
        .clock(|| 9_000)
        .consumer(Consumer::async_())
        .on_outcome(move |outcome| sender.send(outcome.clone()).unwrap())
        .restore(&*bytes)
        .build()
        .unwrap();
    assert_eq!(second.stats().accepted, 3);
    let (report, rest) = block_on(second.suspend(PATIENCE));
    assert_eq!((report.pending, second.stats().delivered), (0, 3));
    assert_eq!(builder(&server).restore(rest).build().unwrap().stats().accepted, 0);
    let mut arrived: Vec<_> = server.seen().iter().map(|seen| json(&seen.body)[0].clone()).collect();
    arrived.sort_by_key(|event| event["userId"].as_str().map(str::to_owned));
    let told = |n: usize| (arrived[n]["userId"].as_str(), arrived[n]["timestamp"].as_i64());
    assert_eq!(arrived.len(), 3);
    assert_eq!(arrived[0]["id"], "i");
    assert_eq!((told(1), told(2)), ((Some("u1"), Some(1_000)), (Some("u2"), Some(500))));
    drop(second);
    let outcomes: Vec<Outcome> = outcomes.iter().collect();
    assert!(outcomes.iter().all(|outcome| outcome.fate == Fate::Delivered));
    assert!(outcomes.iter().any(|outcome| outcome.tag == Some(Tag::Number(7))));
}

#[test]
fn an_exported_copy_leaves_the_tracker_as_it_was() {
    let sinks = [Sink::new(), Sink::new()];
    let [first, second] = sinks.each_ref().map(|sink| {
        Tracker::builder("p", "d", "http://collector.example").consumer(Consumer::buffered()).sink(sink)
    });
    let first = first.build().unwrap();
    for user in ["u1", "u2", "u3"] {
        first.track(buy(user)).unwrap();
    }
    let second = second.restore(first.export()).build().unwrap();
    for tracker in [first, second] {
        assert_eq!(tracker.close_blocking(PATIENCE).unwrap().delivered, 3);
    }
    let [sent, again] = sinks.map(|sink| sink.requests().remove(0).body);
    assert_eq!(sent, again);
}

#[test]
fn restored_events_need_consent_too() {
    let first = away().enabled(Enabled::Buffer).build().unwrap();
    first.track(buy("u1")).unwrap();
    // Held events do not keep it waiting, and nothing has been sent.
    let (report, bytes) = first.suspend_blocking(Duration::MAX).unwrap();
    assert_eq!((report.pending, first.stats().requests), (1, 0));
    let sink = Sink::new();
    let restore = |enabled| {
        let builder = Tracker::builder("p", "d", "http://collector.example").sink(&sink);
        builder.clock(|| 2_000).enabled(enabled).restore(&*bytes).build().unwrap()
    };
    let refused = restore(Enabled::No);
    assert_eq!((refused.stats().dropped, refused.stats().pending), (1, 0));
    let held = restore(Enabled::Buffer);
    assert_eq!(held.flush_blocking(Duration::from_millis(20)).unwrap().pending, 1);
    assert!(sink.requests().is_empty());
    held.enable();
    assert_eq!(delivered(&held), 1);
}

#[test]
fn a_disabled_tracker_hands_nothing_on() {
    let tracker = away().build().unwrap();
    tracker.track(buy("u1")).unwrap();
    tracker.disable();
    let (report, bytes) = tracker.suspend_blocking(Duration::ZERO).unwrap();
    assert_eq!((report.pending, tracker.stats().pending, tracker.stats().dropped), (0, 0, 1));
    assert_eq!(away().restore(bytes).build().unwrap().stats().accepted, 0);
}

#[test]
fn exported_bytes_that_do_not_fit_are_refused() {
    let tracker = away().build().unwrap();
    tracker.track(buy("u1")).unwrap();
    let (_, bytes) = tracker.suspend_blocking(Duration::ZERO).unwrap();
    let restore = |builder: TrackerBuilder, bytes: &[u8]| builder.restore(bytes).build().map(drop);
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        assert!(restore(away(), &damaged).is_err(), "byte {place}");
        assert!(restore(away(), &bytes[..place]).is_err(), "cut at {place}");
    }
    assert!(matches!(restore(away(), b""), Err(BuildError::Restore(RestoreError::Damaged))));
    assert!(matches!(restore(away(), &bytes[..bytes.len() - 1]), Err(BuildError::Restore(_))));
    let tracker =
        |product, source| Tracker::builder(product, source, "http://collector.example").transport(Away);
    for other in [tracker("q", "d"), tracker("p", "e"), tracker("p", "d").format(Format::Protobuf)] {
        assert!(matches!(restore(other, &bytes), Err(BuildError::Restore(RestoreError::UnknownLane))));
    }
    // Compressed or not, JSON is JSON.
    restore(away().format(Format::JsonSnappyCrypt), &bytes).unwrap();
}
