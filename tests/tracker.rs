//! The tracker for servers, over real connections on loopback.

#![cfg(feature = "native")]

#[path = "tracker/driving.rs"]
mod driving;
#[path = "tracker/options.rs"]
mod options;
#[path = "tracker/restart.rs"]
mod restart;
mod support;

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use support::{Answer, Server};
use trackwire::destination::{TransportError, TransportErrorKind};
use trackwire::driver::DriverError;
use trackwire::engine::{DropReason, Fate, OnExhausted, Outcome, Report, Tag, WhenFull};
use trackwire::growingio::{BuildError, Consumer, Format, TrackError, Tracker, TrackerBuilder};
use trackwire::http::{Request, Response};
use trackwire::testing::Sink;
use trackwire::transport::{HttpTransport, Sending};
use trackwire::{Enabled, Event, InvalidKind, Item, Mapping, Track, UserAttributes};

const PATIENCE: Duration = Duration::from_secs(20);

fn builder(server: &Server) -> TrackerBuilder {
    Tracker::builder("p", "d", server.url())
}

fn buy(user: &str) -> Track<'_> {
    Track::new("buy").user(user)
}

/// Waits until nothing is pending and says how much has been delivered, ever: what was already when the wait began is
/// not in the wait's own report.
fn delivered(tracker: &Tracker) -> u64 {
    assert_eq!(tracker.flush_blocking(PATIENCE).unwrap().pending, 0);
    tracker.stats().delivered
}

fn status(status: u16) -> Answer {
    Answer::Status(status, Vec::new())
}

fn json(body: &[u8]) -> serde_json::Value {
    serde_json::from_slice(body).unwrap()
}

#[test]
fn an_event_arrives_as_the_vendor_expects_it() {
    let server = Server::start([]);
    let tracker = builder(&server).header("x-team", "shop").clock(|| 1_700_000_000_123).build().unwrap();
    tracker.track(buy("u1").attribute("price", 9.5).attribute("tags", vec!["a", "", "b"])).unwrap();
    assert_eq!(tracker.close_blocking(PATIENCE).unwrap().pending, 0);
    assert_eq!(tracker.stats().delivered, 1);
    let seen = server.seen();
    assert_eq!(seen[0].line, "POST /v3/projects/p/collect?stm=1700000000123 HTTP/1.1");
    assert!(seen[0].headers.contains(&("x-team".into(), "shop".into())));
    assert!(seen[0].headers.contains(&("content-type".into(), "application/json".into())));
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        json(&seen[0].body),
        serde_json::json!([{
            "eventType": "CUSTOM", "sdkVersion": version, "platform": "rust", "timestamp": 1_700_000_000_123i64,
            "eventName": "buy", "userId": "u1", "attributes": {"price": 9.5, "tags": "a||b"},
            "dataSourceId": "d", "projectKey": "p",
        }])
    );
}

#[test]
fn an_outage_delays_and_does_not_lose() {
    let retry = |status| Answer::Status(status, vec![("retry-after", "0".into())]);
    let server = Server::start([status(503), Answer::Cut, retry(429), status(500), status(408)]);
    let tracker = builder(&server).retry_backoff_factor(0.01).build().unwrap();
    tracker.track(buy("u1")).unwrap();
    assert_eq!(delivered(&tracker), 1);
    let seen = server.seen();
    assert_eq!(seen.len(), 6);
    // The same bytes under the same stm, every time.
    assert!(seen.iter().all(|request| request.line == seen[0].line && request.body == seen[0].body));
    let stats = tracker.stats();
    assert_eq!((stats.requests, stats.retries, stats.maybe_duplicated), (6, 5, 2));
}

#[test]
fn a_refused_event_is_reported_with_the_servers_words_and_its_tag() {
    let sink = Sink::new();
    sink.answer_next(Ok(Response::new(400).body(b"no such event".to_vec())));
    let (sender, outcomes) = mpsc::channel();
    let tracker = Tracker::builder("p", "d", "http://collector.example")
        .sink(&sink)
        .on_outcome(move |outcome| sender.send(outcome.clone()).unwrap())
        .build()
        .unwrap();
    tracker.track_tagged(buy("u1"), 7).unwrap();
    let outcome: Outcome = outcomes.recv_timeout(PATIENCE).unwrap();
    assert_eq!((outcome.tag, outcome.count, outcome.possibly_delivered), (Some(Tag::Number(7)), 1, false));
    let Fate::Rejected(cause) = outcome.fate else { panic!("{:?}", outcome.fate) };
    assert_eq!((cause.code, &*cause.message), (400, "HTTP 400: no such event"));
}

#[test]
fn redirects_are_not_followed() {
    let server = Server::start([Answer::Status(302, vec![("location", "/elsewhere".into())])]);
    let tracker = builder(&server).build().unwrap();
    tracker.track(buy("u1")).unwrap();
    assert_eq!(delivered(&tracker), 0);
    assert_eq!(tracker.stats().rejected, 1);
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn too_large_a_request_is_halved_and_only_the_single_event_refused() {
    let server = Server::start([status(413), status(413)]);
    let tracker = builder(&server).consumer(Consumer::buffered()).max_in_flight(1).build().unwrap();
    for n in 0..4 {
        tracker.track(buy("u1").attribute("n", n)).unwrap();
    }
    let report = tracker.flush_blocking(PATIENCE).unwrap();
    assert_eq!((report.delivered, report.rejected), (4, 0));
    let sizes: Vec<usize> =
        server.seen().iter().map(|seen| json(&seen.body).as_array().unwrap().len()).collect();
    assert_eq!(sizes, [4, 2, 1, 1, 2]);
}

#[test]
fn a_hung_endpoint_costs_time_outs_not_events() {
    let server = Server::start([Answer::Hang]);
    let tracker = builder(&server).request_timeout(Duration::from_millis(100)).build().unwrap();
    tracker.track(buy("u1")).unwrap();
    let early = tracker.flush_blocking(Duration::from_millis(20)).unwrap();
    assert_eq!((early.delivered, early.pending), (0, 1));
    assert_eq!(delivered(&tracker), 1);
    assert_eq!(tracker.stats().maybe_duplicated, 1);
}

#[test]
fn nobody_listening_is_not_a_possible_duplicate() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (sender, outcomes) = mpsc::channel();
    let tracker = Tracker::builder("p", "d", format!("http://{closed}"))
        .on_exhausted(OnExhausted::Drop)
        .retry_backoff_factor(0.001)
        .on_outcome(move |outcome| sender.send(outcome.clone()).unwrap())
        .build()
        .unwrap();
    tracker.track(buy("u1")).unwrap();
    let outcome = outcomes.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(outcome.fate, Fate::Dropped(DropReason::Exhausted(_))), "{:?}", outcome.fate);
    assert!(!outcome.possibly_delivered);
    let stats = tracker.stats();
    assert_eq!((stats.requests, stats.dropped, stats.maybe_duplicated), (4, 1, 0));
}

#[test]
fn close_lists_what_is_left() {
    let sink = Sink::new();
    for _ in 0..10 {
        sink.answer_next(Err(TransportError::new(TransportErrorKind::Reset, "cut")));
    }
    let outcomes = Arc::new(Mutex::new(Vec::new()));
    let seen = outcomes.clone();
    let tracker = Tracker::builder("p", "d", "http://collector.example")
        .sink(&sink)
        .max_in_flight(1)
        .on_outcome(move |outcome| seen.lock().unwrap().push(outcome.clone()))
        .build()
        .unwrap();
    tracker.track_tagged(buy("u1"), "first").unwrap();
    tracker.track_tagged(buy("u2"), "second").unwrap();
    let report = tracker.close_blocking(Duration::from_millis(50)).unwrap();
    assert_eq!((report.dropped, report.pending), (2, 0));
    assert_eq!(tracker.track(buy("u3")), Err(TrackError::Closed));
    assert_eq!(tracker.close_blocking(PATIENCE).unwrap().dropped, 0);
    let outcomes = outcomes.lock().unwrap();
    let first = outcomes.iter().find(|outcome| outcome.tag == Some("first".into())).unwrap();
    assert_eq!(first.fate, Fate::Dropped(DropReason::Closed));
    assert!(first.possibly_delivered, "an answer was lost");
}

#[test]
fn invalid_events_are_refused_by_name_and_hurt_nobody() {
    let server = Server::start([]);
    let tracker = builder(&server).build().unwrap();
    let field = |error: TrackError| match error {
        TrackError::Invalid(invalid) => (invalid.field.into_owned(), invalid.kind),
        other => panic!("{other}"),
    };
    let refused = [
        (tracker.track(Track::new("").user("u")), "event_name", InvalidKind::Empty),
        (tracker.track(Track::new("buy")), "login_user_id", InvalidKind::Missing),
        (tracker.track(UserAttributes::new("u")), "attributes", InvalidKind::Empty),
        (tracker.track(Item::new("", "k")), "item_id", InvalidKind::Empty),
        (tracker.track(Item::new("i", "")), "item_key", InvalidKind::Empty),
        (tracker.track(Mapping::new()), "identities", InvalidKind::Empty),
        (tracker.track(buy("u").attribute("x", f64::NAN)), "attributes.x", InvalidKind::NotFinite),
        (
            tracker.track(buy("u").attribute("x", vec![1.0, f64::INFINITY])),
            "attributes.x",
            InvalidKind::NotFinite,
        ),
        (tracker.track(buy("u").field("colour", "red")), "colour", InvalidKind::UnknownField),
        (tracker.track(buy("u").field("index", i64::MAX)), "index", InvalidKind::OutOfRange),
        (tracker.track(buy("u").attribute("x", "y".repeat(3 << 20))), "event", InvalidKind::TooLarge),
    ];
    let count = refused.len() as u64;
    for (result, name, kind) in refused {
        assert_eq!(field(result.unwrap_err()), (name.to_owned(), kind));
    }
    tracker.track(Track::new("sys").user_key("$notuser")).unwrap();
    assert_eq!(delivered(&tracker), 1);
    assert_eq!(tracker.stats().invalid, count);
}

#[test]
fn a_full_queue_says_so_and_ready_waits() {
    let server = Server::start([Answer::Hang]);
    let tracker = builder(&server)
        .consumer(Consumer::buffered())
        .max_queue_events(10)
        .request_timeout(Duration::from_millis(200))
        .build()
        .unwrap();
    let mut sent = 0;
    while sent < 35 {
        match tracker.track(buy("u1").attribute("n", sent)) {
            Ok(()) => sent += 1,
            Err(TrackError::Full) => {
                let flush = tracker.clone();
                let flusher = std::thread::spawn(move || flush.flush_blocking(PATIENCE));
                tracker.ready_blocking().unwrap();
                flusher.join().unwrap().unwrap();
            }
            Err(other) => panic!("{other}"),
        }
    }
    tracker.close_blocking(PATIENCE).unwrap();
    let stats = tracker.stats();
    assert_eq!((stats.accepted, stats.delivered, stats.refused_full), (35, 35, 3));
}

#[test]
fn the_oldest_can_be_dropped_instead() {
    let server = Server::start([]);
    let tracker = builder(&server)
        .consumer(Consumer::buffered())
        .max_queue_events(10)
        .when_full(WhenFull::DropOldest)
        .build()
        .unwrap();
    for n in 0..15 {
        tracker.track(buy("u1").attribute("n", n)).unwrap();
    }
    let report = tracker.close_blocking(PATIENCE).unwrap();
    assert_eq!(report.delivered, 10);
    let stats = tracker.stats();
    assert_eq!((stats.accepted, stats.dropped, stats.dropped_overflow), (15, 5, 5));
    assert_eq!(json(&server.seen()[0].body)[0]["attributes"]["n"], 5);
}

#[test]
fn consent_holds_events_with_their_time_and_refusal_drops_them() {
    let server = Server::start([]);
    let clock = Arc::new(AtomicU64::new(1_000));
    let time = clock.clone();
    let tracker = builder(&server)
        .enabled(Enabled::Buffer)
        .clock(move || time.load(Ordering::Relaxed))
        .build()
        .unwrap();
    tracker.track(buy("u1")).unwrap();
    assert_eq!(tracker.flush_blocking(Duration::from_millis(20)).unwrap().pending, 1);
    assert!(server.seen().is_empty());
    clock.store(9_000, Ordering::Relaxed);
    tracker.enable();
    assert_eq!(delivered(&tracker), 1);
    assert_eq!(json(&server.seen()[0].body)[0]["timestamp"], 1_000);

    let refused = builder(&server).enabled(Enabled::Buffer).build().unwrap();
    refused.track(buy("u2")).unwrap();
    refused.disable();
    refused.track(buy("u3")).unwrap();
    let stats = refused.stats();
    assert_eq!((stats.accepted, stats.dropped, stats.ignored, stats.pending), (1, 1, 1, 0));

    // Closing is not consenting.
    let closed = builder(&server).enabled(Enabled::Buffer).build().unwrap();
    closed.track(buy("u4")).unwrap();
    assert_eq!(closed.close_blocking(PATIENCE).unwrap().dropped, 1);
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn an_event_that_is_under_way_to_the_queue_loses_against_disable() {
    static TRACKER: OnceLock<Tracker> = OnceLock::new();
    let sink = Sink::new();
    // The hook runs between the look at `enabled` that saves the work and the queue.
    let tracker = Tracker::builder("p", "d", "http://collector.example")
        .sink(&sink)
        .before_send(|_| {
            TRACKER.get().unwrap().disable();
            true
        })
        .build()
        .unwrap();
    TRACKER.set(tracker.clone()).unwrap();
    tracker.track(buy("u1")).unwrap();
    let stats = tracker.stats();
    assert_eq!((stats.accepted, stats.ignored), (0, 1));
    assert!(sink.recorded().is_empty());
    assert_eq!(tracker.close_blocking(PATIENCE).unwrap(), Default::default());
    assert!(sink.requests().is_empty());
}

#[test]
fn hooks_samples_and_defaults_are_counted() {
    let sink = Sink::new();
    let tracker = Tracker::builder("p", "d", "http://collector.example")
        .sink(&sink)
        .default_attribute("app", "market")
        .default_attribute("app", "shop")
        .sample_rate(0.5)
        .before_send(|event| !matches!(event, Event::Track(track) if track.name == "secret"))
        .build()
        .unwrap();
    for n in 0..100 {
        tracker.track(buy(&format!("u{n}"))).unwrap();
    }
    tracker.track(Track::new("secret").user("u0")).unwrap();
    let stats = tracker.stats();
    assert_eq!(stats.accepted + stats.sampled_out, 100);
    assert!((30..70).contains(&stats.sampled_out), "{stats:?}");
    assert_eq!(stats.filtered, 1);
    assert_eq!(sink.tracks("buy").len() as u64, stats.accepted);
    assert!(sink.tracks("buy").iter().all(|track| track.attributes == [("app".into(), "shop".into())]));
}

#[test]
fn callbacks_may_track_and_panic_but_not_wait() {
    static TRACKER: OnceLock<Tracker> = OnceLock::new();
    let (sender, results) = mpsc::channel();
    let sink = Sink::new();
    let tracker = Tracker::builder("p", "d", "http://collector.example")
        .sink(&sink)
        .on_outcome(move |outcome| match &outcome.tag {
            Some(Tag::Number(1)) => {
                let tracker = TRACKER.get().unwrap();
                tracker.track_tagged(buy("again"), 2).unwrap();
                sender.send(tracker.flush_blocking(PATIENCE)).unwrap();
                panic!("the application's own mistake");
            }
            _ => sender.send(Ok(Default::default())).unwrap(),
        })
        .build()
        .unwrap();
    TRACKER.set(tracker.clone()).unwrap();
    tracker.track_tagged(buy("u1"), 1).unwrap();
    assert_eq!(results.recv_timeout(PATIENCE).unwrap(), Err(DriverError::WouldDeadlock));
    assert!(results.recv_timeout(PATIENCE).unwrap().is_ok(), "delivery goes on after the panic");
    assert_eq!(tracker.flush_blocking(PATIENCE).unwrap().pending, 0);
}

/// Panics when it is called, then when its answer is waited for, and then takes everything.
#[derive(Default)]
struct Panicking(AtomicU64);

impl HttpTransport for Panicking {
    fn send(&self, _: Request, _: Duration) -> Sending {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => panic!("in the call"),
            1 => Box::pin(async { panic!("in the answer") }),
            _ => Box::pin(std::future::ready(Ok(Response::new(204)))),
        }
    }
}

#[test]
fn a_transport_that_panics_costs_an_attempt() {
    let tracker = Tracker::builder("p", "d", "http://collector.example")
        .transport(Panicking::default())
        // The attempts end by themselves, long before this.
        .request_timeout(Duration::from_secs(3_600))
        .retry_backoff_factor(0.001)
        .build()
        .unwrap();
    tracker.track(buy("u1")).unwrap();
    assert_eq!(delivered(&tracker), 1);
    // Nobody knows what it did before it panicked.
    let stats = tracker.stats();
    assert_eq!((stats.requests, stats.retries, stats.maybe_duplicated), (3, 2, 2));
}

#[test]
fn a_close_ends_after_its_outcomes_were_told() {
    let (entered, inside) = mpsc::channel();
    let (release, released) = mpsc::channel();
    let released = Mutex::new(released);
    let sink = Sink::new();
    let tracker = Tracker::builder("p", "d", "http://collector.example")
        .sink(&sink)
        .consumer(Consumer::buffered())
        .on_outcome(move |outcome| {
            entered.send(outcome.fate.clone()).unwrap();
            released.lock().unwrap().recv().unwrap();
        })
        .build()
        .unwrap();
    for fate in [Fate::Delivered, Fate::Dropped(DropReason::Closed)] {
        tracker.track(buy("u1")).unwrap();
        let mut wait: Pin<Box<dyn Future<Output = Report>>> = match fate {
            Fate::Delivered => Box::pin(tracker.flush(PATIENCE)),
            _ => Box::pin(tracker.close(Duration::ZERO)),
        };
        assert!(poll_once(wait.as_mut()).is_pending());
        assert_eq!(inside.recv_timeout(PATIENCE), Ok(fate));
        // If the answer were there already, the callback would come too late for who waits.
        assert!(poll_once(wait.as_mut()).is_pending());
        release.send(()).unwrap();
        assert_eq!(block_on(wait).pending, 0);
    }
}

#[test]
fn a_flush_ends_after_the_outcomes_of_what_was_discarded_meanwhile() {
    static TRACKER: OnceLock<Tracker> = OnceLock::new();
    let (entered, inside) = mpsc::channel();
    let (release, released) = mpsc::channel();
    let released = Mutex::new(released);
    let sink = Sink::new();
    sink.answer_next(Ok(Response::new(503).retry_after("3600")));
    let tracker = Tracker::builder("p", "d", "http://collector.example")
        .sink(&sink)
        .enabled(Enabled::Buffer)
        .on_outcome(move |outcome| {
            entered.send(outcome.fate.clone()).unwrap();
            match outcome.fate {
                // The first event waits to be sent again, and here it ends.
                Fate::Delivered => TRACKER.get().unwrap().disable(),
                _ => released.lock().unwrap().recv().unwrap(),
            }
        })
        .build()
        .unwrap();
    TRACKER.set(tracker.clone()).unwrap();
    tracker.track(buy("u1")).unwrap();
    tracker.track(buy("u2")).unwrap();
    let mut flush = std::pin::pin!(tracker.flush(PATIENCE));
    assert!(poll_once(flush.as_mut()).is_pending());
    tracker.enable();
    assert_eq!(inside.recv_timeout(PATIENCE), Ok(Fate::Delivered));
    assert_eq!(inside.recv_timeout(PATIENCE), Ok(Fate::Dropped(DropReason::Disabled)));
    assert!(poll_once(flush.as_mut()).is_pending());
    release.send(()).unwrap();
    let report = block_on(flush);
    assert_eq!((report.delivered, report.dropped, report.pending), (1, 1, 0));
}

#[test]
fn with_its_own_thread_both_forms_work_on_a_current_thread_runtime() {
    let server = Server::start([]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let tracker = builder(&server).build().unwrap();
        tracker.track(buy("u1")).unwrap();
        assert_eq!(delivered(&tracker), 1);
        tracker.track(buy("u2")).unwrap();
        assert_eq!(tracker.flush(PATIENCE).await.pending, 0);
        assert_eq!(tracker.stats().delivered, 2);
        tracker.ready().await;
        assert_eq!(tracker.close(PATIENCE).await.pending, 0);
    });
}

#[test]
fn on_the_callers_runtime_the_blocking_form_is_an_error_there_and_works_elsewhere() {
    let server = Server::start([]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tracker = builder(&server).runtime(runtime.handle().clone()).build().unwrap();
    tracker.track(buy("u1")).unwrap();
    let elsewhere = runtime.block_on(async {
        assert_eq!(tracker.flush_blocking(PATIENCE), Err(DriverError::WouldDeadlock));
        assert_eq!(tracker.close_blocking(PATIENCE), Err(DriverError::WouldDeadlock));
        assert_eq!(tracker.flush(PATIENCE).await.pending, 0);
        assert_eq!(tracker.stats().delivered, 1);
        tracker.track(buy("u2")).unwrap();
        let other = tracker.clone();
        tokio::task::spawn_blocking(move || std::thread::spawn(move || other.flush_blocking(PATIENCE)).join())
            .await
            .unwrap()
            .unwrap()
    });
    assert_eq!(elsewhere.unwrap().pending, 0);
    // The runtime goes, and nobody waits for ever.
    tracker.track(buy("u3")).unwrap();
    drop(runtime);
    assert_eq!(tracker.flush_blocking(PATIENCE).unwrap().pending, 0);
    assert_eq!(tracker.track(buy("u4")), Err(TrackError::Closed));
    let stats = tracker.stats();
    assert_eq!(stats.accepted, stats.delivered + stats.dropped);
}

#[test]
fn a_runtime_that_is_gone_is_told_and_nobody_waits_for_it() {
    let gone = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.handle().clone()
    };
    let tracker = |handle| {
        Tracker::builder("p", "d", "http://collector.example")
            .sink(&Sink::new())
            .runtime(handle)
            .build()
            .unwrap()
    };
    let blocking = tracker(gone());
    assert_eq!(blocking.track(buy("u1")), Err(TrackError::Closed));
    assert_eq!(blocking.flush_blocking(Duration::MAX), Ok(Report::default()));
    assert_eq!(blocking.close_blocking(Duration::MAX), Ok(Report::default()));
    blocking.ready_blocking().unwrap();
    let asynchronous = tracker(gone());
    assert_eq!(block_on(asynchronous.close(Duration::MAX)), Report::default());
    assert_eq!(block_on(asynchronous.flush(Duration::MAX)), Report::default());
    assert_eq!(asynchronous.stats().ignored, 0);
    assert_eq!(blocking.stats().ignored, 1);
}

#[test]
fn what_a_runtime_takes_with_it_has_its_outcome() {
    static TRACKER: OnceLock<Tracker> = OnceLock::new();
    // It never runs, so nothing is sent and the driver is dropped before its first step.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (sender, outcomes) = mpsc::channel();
    let tracker = Tracker::builder("p", "d", "http://collector.example")
        .sink(&Sink::new())
        .runtime(runtime.handle().clone())
        .on_outcome(move |outcome| {
            // No lock is held, and waiting here is refused as in every callback.
            let tracker = TRACKER.get().unwrap();
            let waited = tracker.flush_blocking(Duration::MAX);
            sender.send((outcome.clone(), tracker.stats(), waited)).unwrap();
        })
        .build()
        .unwrap();
    TRACKER.set(tracker.clone()).unwrap();
    tracker.track_tagged(buy("u1"), 1).unwrap();
    tracker.track(buy("u2")).unwrap();
    let mut flush = std::pin::pin!(tracker.flush(Duration::MAX));
    assert!(poll_once(flush.as_mut()).is_pending());
    drop(runtime);
    let report = block_on(flush);
    assert_eq!((report.dropped, report.pending), (2, 0));
    let told: Vec<_> = outcomes.try_iter().collect();
    let tagged = told.iter().filter(|(outcome, ..)| outcome.tag == Some(Tag::Number(1)));
    assert_eq!((told.len(), tagged.count()), (2, 1));
    for (outcome, stats, waited) in told {
        assert_eq!((outcome.fate, outcome.count), (Fate::Dropped(DropReason::Closed), 1));
        assert_eq!((stats.accepted, stats.dropped, stats.pending), (2, 2, 0));
        assert_eq!(waited, Err(DriverError::WouldDeadlock));
    }
    assert_eq!(tracker.track(buy("u3")), Err(TrackError::Closed));
}

#[test]
fn the_async_form_needs_no_tokio() {
    let server = Server::start([]);
    let tracker = builder(&server).build().unwrap();
    tracker.track(buy("u1")).unwrap();
    assert_eq!(block_on(tracker.flush(PATIENCE)).pending, 0);
    assert_eq!(tracker.stats().delivered, 1);
    assert_eq!(block_on(tracker.close(PATIENCE)).pending, 0);
}

#[test]
fn every_thread_may_track() {
    let server = Server::start([]);
    let tracker =
        builder(&server).consumer(Consumer::async_()).format(Format::ProtobufSnappyCrypt).build().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let tracker = tracker.clone();
            scope.spawn(move || {
                for n in 0..1_000 {
                    tracker.track(buy("u1").attribute("thread", thread).attribute("n", n)).unwrap();
                }
            });
        }
    });
    assert_eq!(tracker.close_blocking(PATIENCE).unwrap().pending, 0);
    assert_eq!(tracker.stats().delivered, 4_000);
}

#[test]
fn a_proxy_gets_the_requests() {
    let proxy = Server::start([]);
    let tracker = Tracker::builder("p", "d", "http://collector.example").proxy(proxy.url()).build().unwrap();
    tracker.track(buy("u1")).unwrap();
    assert_eq!(delivered(&tracker), 1);
    assert!(proxy.seen()[0].line.starts_with("POST http://collector.example/v3/projects/p/collect?stm="));
}

#[test]
fn a_client_of_ones_own_is_used() {
    let server = Server::start([]);
    let mut headers = reqwest::header::HeaderMap::new();
    headers.insert("x-own", "yes".parse().unwrap());
    // The client that comes with the tracker's feature set needs a TLS provider, plain HTTP does not use it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .default_headers(headers)
        .build()
        .unwrap();
    let tracker = builder(&server).client(client).build().unwrap();
    tracker.track(buy("u1")).unwrap();
    assert_eq!(delivered(&tracker), 1);
    assert!(server.seen()[0].headers.contains(&("x-own".into(), "yes".into())));
}

#[test]
fn a_client_of_ones_own_that_follows_redirects_loses_nothing_unsaid() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let elsewhere = || Answer::Status(302, vec![("location", "/elsewhere".into())]);
    // One that ends in a page which takes anything, and one that leads nowhere.
    for redirects in [1, 100] {
        let server = Server::start(std::iter::repeat_with(elsewhere).take(redirects));
        let (sender, outcomes) = mpsc::channel();
        let tracker = builder(&server)
            .client(reqwest::Client::new())
            .on_outcome(move |outcome| sender.send(outcome.fate.clone()).unwrap())
            .build()
            .unwrap();
        tracker.track(buy("u1")).unwrap();
        let fate = outcomes.recv_timeout(PATIENCE).unwrap();
        let Fate::Rejected(cause) = fate else { panic!("{fate:?}") };
        assert!(cause.message.contains("redirects are not followed"), "{cause}");
        assert_eq!(server.seen()[1].line, "GET /elsewhere HTTP/1.1");
    }
}

#[test]
fn unusable_options_are_named() {
    let option = |builder: TrackerBuilder| match builder.build().unwrap_err() {
        BuildError::Option(error) => error.option,
        other => panic!("{other}"),
    };
    let tracker = |product: &str, source: &str, host: &str| Tracker::builder(product, source, host);
    let good = || tracker("p", "d", "http://h");
    assert_eq!(option(tracker("", "d", "http://h")), "product_id");
    assert_eq!(option(tracker("a\nb", "d", "http://h")), "product_id");
    assert_eq!(option(tracker("..", "d", "http://h")), "product_id");
    assert_eq!(option(tracker("p", "", "http://h")), "data_source_id");
    for host in ["", "collector.example", "ftp://h", "http://", "http:///x", "http://h/?a", "http://h h"] {
        assert_eq!(option(tracker("p", "d", host)), "server_host", "{host}");
    }
    assert_eq!(option(good().retry_backoff_factor(f64::NAN)), "retry_backoff_factor");
    assert_eq!(option(good().sample_rate(1.5)), "sample_rate");
    assert_eq!(option(good().request_timeout(Duration::ZERO)), "request_timeout");
    assert_eq!(option(good().max_in_flight(0)), "max_in_flight");
    assert_eq!(option(good().max_queue_bytes(0)), "max_queue_bytes");
    for bytes in [0, 1, 1_023, usize::MAX] {
        assert_eq!(option(good().max_request_bytes(bytes)), "max_request_bytes");
    }
    assert_eq!(option(good().header("a b", "c")), "header");
    assert_eq!(option(good().consumer(Consumer::Buffered { max_size: 0 })), "max_size");
    assert!(matches!(good().proxy("::").build(), Err(BuildError::Client(_))));
}

#[test]
fn the_debug_strategy_prints_what_it_sends() {
    let sink = Sink::new();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let printed = lines.clone();
    let tracker = Tracker::builder("p", "d", "http://collector.example")
        .consumer(Consumer::Debug)
        .debug_printer(move |line| printed.lock().unwrap().push(line.to_owned()))
        .sink(&sink)
        .build()
        .unwrap();
    tracker.track(buy("u1")).unwrap();
    assert_eq!(delivered(&tracker), 1);
    let lines = lines.lock().unwrap().join("\n");
    assert!(lines.contains(r#"recorded {"track":"buy","user":"u1"}"#), "{lines}");
    assert!(lines.contains("POST http://collector.example/v3/projects/p/collect?stm="), "{lines}");
    assert!(lines.contains("answered 204"), "{lines}");
}

/// The smallest executor: parks the thread.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
