//! What must not hold up the delivery: slow callbacks, transports that never end, runtimes that stall.

use std::sync::mpsc::{Receiver, Sender};

use super::*;

/// Takes everything and says so.
struct Counting(Sender<u64>);

impl HttpTransport for Counting {
    fn send(&self, request: Request, _: Duration) -> Sending {
        let events = json(&request.body).as_array().unwrap().len() as u64;
        let _ = self.0.send(events);
        Box::pin(std::future::ready(Ok(Response::new(204))))
    }
}

fn counting() -> (TrackerBuilder, Receiver<u64>) {
    let (sender, sent) = mpsc::channel();
    (Tracker::builder("p", "d", "http://collector.example").transport(Counting(sender)), sent)
}

/// A callback that waits until it is let go, and everything it has heard.
fn stuck() -> (impl Fn(&Outcome) + Send + Sync + 'static, Sender<()>, Receiver<Outcome>) {
    let (release, released) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel();
    let released = Mutex::new(released);
    let callback = move |outcome: &Outcome| {
        // Once the other end is gone, it waits no more.
        let _ = released.lock().unwrap().recv();
        let _ = tell.send(outcome.clone());
    };
    (callback, release, told)
}

#[test]
fn a_stuck_callback_does_not_hold_up_requests() {
    for own_thread in [true, false] {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (callback, release, told) = stuck();
        let (mut builder, sent) = counting();
        if !own_thread {
            builder = builder.runtime(runtime.handle().clone());
        }
        let tracker = builder
            .consumer(Consumer::Async { max_size: 10, flush_after: Duration::from_secs(1) })
            .request_timeout(Duration::from_millis(50))
            .on_outcome(callback)
            .build()
            .unwrap();
        for n in 0..300 {
            tracker.track_tagged(buy("u1"), n).unwrap();
        }
        let mut flush = std::pin::pin!(tracker.flush(PATIENCE));
        assert!(poll_once(flush.as_mut()).is_pending());
        // More than may be under way at once: the answers are heard, with the callback still in its first call.
        let received: u64 = (0..30).map(|_| sent.recv_timeout(PATIENCE).unwrap()).sum();
        assert_eq!(received, 300);
        assert!(poll_once(flush.as_mut()).is_pending());
        drop(release);
        assert_eq!((block_on(flush).pending, tracker.stats().delivered), (0, 300));
        assert_eq!(told.try_iter().count(), 300, "told before the flush that counts them ends");
        let stats = tracker.stats();
        assert_eq!((stats.requests, stats.batches, stats.maybe_duplicated), (30, 30, 0));
    }
}

#[test]
fn slow_callbacks_do_not_make_a_healthy_server_receive_twice() {
    let server = Server::start([]);
    let tracker = builder(&server)
        .consumer(Consumer::Async { max_size: 50, flush_after: Duration::from_secs(1) })
        .request_timeout(Duration::from_millis(300))
        .on_outcome(|_| std::thread::sleep(Duration::from_millis(2)))
        .build()
        .unwrap();
    for n in 0..1_000 {
        tracker.track_tagged(buy("u1"), n).unwrap();
    }
    assert_eq!(delivered(&tracker), 1_000);
    let received: usize = server.seen().iter().map(|seen| json(&seen.body).as_array().unwrap().len()).sum();
    let stats = tracker.stats();
    assert_eq!((received as u64, stats.requests), (stats.accepted, stats.batches));
}

#[test]
fn outcomes_that_nobody_hears_do_not_pile_up() {
    let (callback, release, told) = stuck();
    let (builder, sent) = counting();
    let tracker = builder.on_outcome(callback).build().unwrap();
    for n in 0..11_000 {
        tracker.track_tagged(buy("u1"), n).unwrap();
    }
    for _ in 0..10_000 {
        sent.recv_timeout(PATIENCE).unwrap();
    }
    let more = std::iter::from_fn(|| sent.recv_timeout(Duration::from_millis(100)).ok()).take(100).count();
    assert!(more < 20, "{more} more than have room, beyond those under way");
    drop(release);
    assert_eq!(tracker.close_blocking(PATIENCE).unwrap().pending, 0);
    let tags: Vec<_> = told.try_iter().map(|outcome| outcome.tag).collect();
    assert_eq!(tags.len(), 11_000);
    assert_eq!(tracker.stats().requests, 11_000);
}

#[test]
fn a_runtime_that_stalls_keeps_no_events_back_from_a_suspension() {
    // It never runs.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (sender, outcomes) = mpsc::channel();
    let tracker = counting()
        .0
        .runtime(runtime.handle().clone())
        .on_outcome(move |outcome| sender.send(outcome.clone()).unwrap())
        .build()
        .unwrap();
    tracker.track(buy("u1")).unwrap();
    assert_eq!(tracker.flush_blocking(Duration::ZERO), Err(DriverError::NotDriven));
    let (report, bytes) = tracker.suspend_blocking(Duration::ZERO).unwrap();
    assert_eq!((report.pending, report.dropped), (1, 0));
    assert_eq!(tracker.track(buy("u2")), Err(TrackError::Closed));
    // What was handed on has no outcome here, whatever becomes of the runtime.
    drop(runtime);
    assert_eq!(outcomes.iter().count(), 0);
    let (builder, sent) = counting();
    let next = builder.restore(bytes).build().unwrap();
    assert_eq!(delivered(&next), 1);
    assert_eq!(sent.try_iter().sum::<u64>(), 1);
}

#[test]
fn a_stuck_callback_keeps_no_events_back_from_a_suspension() {
    let (callback, release, told) = stuck();
    let (enter, inside) = mpsc::channel();
    let sink = Sink::new();
    let tracker = Tracker::builder("p", "d", "http://collector.example")
        .sink(&sink)
        .on_outcome(move |outcome| {
            enter.send(()).unwrap();
            callback(outcome);
        })
        .build()
        .unwrap();
    tracker.track(buy("u1")).unwrap();
    inside.recv_timeout(PATIENCE).unwrap();
    assert_eq!(tracker.flush_blocking(Duration::ZERO), Err(DriverError::Unresponsive));
    for _ in 0..9 {
        sink.answer_next(Ok(Response::new(503)));
    }
    tracker.track(buy("u2")).unwrap();
    let (report, bytes) = tracker.suspend_blocking(Duration::ZERO).unwrap();
    assert_eq!((report.pending, tracker.stats().delivered), (1, 1));
    assert_eq!(counting().0.restore(bytes).build().unwrap().stats().accepted, 1);
    drop(release);
    assert_eq!(told.iter().count(), 1);
}

/// Never answers, and says when it is ended.
struct Endless(Sender<()>);

struct Ended(Sender<()>);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

impl HttpTransport for Endless {
    fn send(&self, _: Request, _: Duration) -> Sending {
        let ended = Ended(self.0.clone());
        Box::pin(async move {
            std::future::pending::<()>().await;
            drop(ended);
            Ok(Response::new(204))
        })
    }
}

#[test]
fn a_transport_that_does_not_end_is_ended() {
    let (sender, ended) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let tracker = Tracker::builder("p", "d", "http://collector.example")
        .transport(Endless(sender))
        .request_timeout(Duration::from_millis(20))
        .retry_backoff_factor(0.001)
        .retry_limit(1)
        .on_exhausted(OnExhausted::Drop)
        .on_outcome(move |outcome| tell.send(outcome.clone()).unwrap())
        .build()
        .unwrap();
    tracker.track(buy("u1")).unwrap();
    let outcome = told.recv_timeout(PATIENCE).unwrap();
    assert!(outcome.possibly_delivered);
    let Fate::Dropped(DropReason::Exhausted(cause)) = outcome.fate else { panic!("{:?}", outcome.fate) };
    assert_eq!(cause.message, "the transport did not end by its time-out");
    for _ in 0..2 {
        ended.recv_timeout(PATIENCE).unwrap();
    }
}

#[test]
fn the_clock_may_look_at_the_tracker() {
    static TRACKER: OnceLock<Tracker> = OnceLock::new();
    let (builder, _sent) = counting();
    let tracker =
        builder.clock(|| TRACKER.get().map_or(1, |tracker| tracker.stats().accepted)).build().unwrap();
    TRACKER.set(tracker.clone()).unwrap();
    let (sender, report) = mpsc::channel();
    std::thread::spawn(move || {
        tracker.track(buy("u1")).unwrap();
        sender.send(tracker.flush_blocking(PATIENCE)).unwrap();
    });
    assert_eq!(report.recv_timeout(PATIENCE).unwrap().unwrap().pending, 0);
}

/// Tracks when its thread ends, and it is dropped after what other thread-locals the tracker has.
struct AtThreadEnd;

static AT_THREAD_END: OnceLock<Tracker> = OnceLock::new();

thread_local! {
    static LAST: AtThreadEnd = const { AtThreadEnd };
}

impl Drop for AtThreadEnd {
    fn drop(&mut self) {
        AT_THREAD_END.get().unwrap().track(buy("last")).unwrap();
    }
}

#[test]
fn a_threads_last_words_are_recorded() {
    let (builder, _sent) = counting();
    let tracker = AT_THREAD_END.get_or_init(|| builder.build().unwrap());
    let ending = std::thread::spawn(|| {
        LAST.with(|_| ());
        AT_THREAD_END.get().unwrap().track(buy("first")).unwrap();
    });
    ending.join().unwrap();
    assert_eq!(delivered(tracker), 2);
}

#[test]
fn waiting_for_room_lets_others_run_on_the_same_thread() {
    let server = Server::start([]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let tracker = builder(&server).runtime(tokio::runtime::Handle::current()).build().unwrap();
        // With room or without: who calls it in a loop must not keep the driver from running.
        let mut ready = std::pin::pin!(tracker.ready());
        assert!(poll_once(ready.as_mut()).is_pending());
        ready.await;
        let tracker = builder(&server)
            .max_queue_bytes(4_096)
            .runtime(tokio::runtime::Handle::current())
            .build()
            .unwrap();
        let tag = "t".repeat(800);
        for _ in 0..20 {
            let mut turns = 0;
            while tracker.track_tagged(buy("u").attribute("a", "x".repeat(600)), tag.clone()).is_err() {
                turns += 1;
                assert!(turns < 10_000, "{:?}", tracker.stats());
                tracker.ready().await;
            }
        }
        assert_eq!(tracker.close(PATIENCE).await.pending, 0);
        assert_eq!(tracker.stats().delivered, 20);
    });
}
