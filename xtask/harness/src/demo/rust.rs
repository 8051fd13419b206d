//! The crate itself, as a Rust application uses it.

use std::time::{Duration, Instant};

use trackwire::growingio::{Consumer, Format, TrackError, Tracker};

use super::{Job, Sent};

/// How long the last events may take, with every fault of the plan in the way.
const PATIENCE: Duration = Duration::from_secs(120);

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
    let stats = tracker.stats();
    Ok(Sent {
        rejected: stats.rejected,
        requests: stats.requests,
        plain_bytes: stats.plain_bytes,
        sent_bytes: stats.sent_bytes,
        maybe_duplicated: stats.maybe_duplicated,
        seconds,
    })
}
