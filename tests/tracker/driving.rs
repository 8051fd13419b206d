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
        let report = block_on(flush);
        assert_eq!((report.delivered, report.pending), (300, 0));
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
    assert_eq!(tracker.flush_blocking(PATIENCE).unwrap().delivered, 1_000);
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
