//! Our tracker on a file of events in the neutral form, in a process of its own: the counterpart of `vendor.py`.

use std::fs;
use std::time::Duration;

use trackwire::Event;
use trackwire::growingio::{Consumer, Format, TrackError, Tracker};

use crate::Failure;
use crate::clock::Stopwatch;

/// `CONSUMER FORMAT URL FILE PRODUCT_ID DATA_SOURCE_ID`; prints wall and CPU seconds.
pub(crate) fn child(arguments: &[String]) -> Result<(), Failure> {
    let [consumer, format, url, file, product, source] = arguments else {
        return Err("wrong arguments".into());
    };
    let text = fs::read_to_string(file)?;
    let events: Vec<Event<'static>> =
        text.lines().map(|line| Event::from_json(line).map(Event::into_owned)).collect::<Result<_, _>>()?;
    let (format, consumer): (Format, Consumer) = (format.parse()?, consumer.parse()?);
    let tracker = Tracker::builder(product, source, url).format(format).consumer(consumer).build()?;
    let count = events.len() as u64;
    let watch = Stopwatch::start();
    for event in events {
        while let Err(error) = tracker.track(event.clone()) {
            match error {
                TrackError::Full => tracker.ready_blocking()?,
                error => return Err(error.into()),
            }
        }
    }
    tracker.flush_blocking(Duration::from_secs(60))?;
    let took = watch.stop(Duration::ZERO);
    let stats = tracker.stats();
    if stats.delivered != count {
        return Err(format!("{} of {count} events were delivered", stats.delivered).into());
    }
    println!("{{\"wall\":{},\"cpu\":{}}}", took.wall.as_secs_f64(), took.cpu.as_secs_f64());
    Ok(())
}
