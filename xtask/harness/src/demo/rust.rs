//! GrowingIO through the crate, as a Rust application uses it.

use std::thread;
use std::time::{Duration, Instant};

use trackwire::growingio::{Consumer, Format, TrackError, Tracker};

use super::clickstream::Sample;
use super::{Job, PATIENCE, Sent};

/// Events per request: few enough that the small file, too, makes requests for every fault to meet.
const MAX_SIZE: usize = 100;

/// Sends the events and waits until each has an outcome.
pub(super) fn send(job: &Job<'_>) -> Result<Sent, String> {
    let tracker = Tracker::builder("demo-project", "demo-source", job.url)
        .format(Format::JsonSnappy)
        .consumer(Consumer::Buffered { max_size: MAX_SIZE })
        .build()
        .map_err(|error| format!("the tracker cannot be built: {error}"))?;
    let start = Instant::now();
    for event in job.events {
        loop {
            match tracker.track(event.event()) {
                Ok(()) => break,
                Err(TrackError::Full) => tracker.ready_blocking().map_err(|error| error.to_string())?,
                Err(error) => return Err(format!("an event was refused: {error}")),
            }
        }
    }
    tracker.close_blocking(PATIENCE).map_err(|error| format!("close: {error}"))?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(Sent::of(&tracker.stats(), seconds))
}

/// Sends the events over and over, a few a second, so that there is something to see on the live page.
pub(super) fn trickle(url: &str, events: &[Sample]) {
    let consumer = Consumer::Async { max_size: MAX_SIZE, flush_after: Duration::from_secs(1) };
    let Ok(tracker) = Tracker::builder("demo-project", "demo-source", url).consumer(consumer).build() else {
        return;
    };
    for event in events.iter().cycle() {
        // A page with faults in force may refuse or delay: that is part of what there is to see.
        let _ = tracker.track(event.event());
        thread::sleep(Duration::from_millis(80));
    }
}
