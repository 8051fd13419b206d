//! Encode, seal and deliver through reqwest over loopback to a sink in a process of its own.

use std::time::Duration;

use trackwire::growingio::{Consumer, Format, TrackError, Tracker};

use crate::clock::{Stopwatch, Took};
use crate::report::Report;
use crate::rounds::{Contender, Spread, interleave, number};
use crate::sample::{self, Purchase};
use crate::sink::Sink;
use crate::{Effort, Failure};

/// Events of a round.
const EVENTS: usize = 200_000;

struct Delivered {
    took: Took,
    requests: u64,
    sent_bytes: u64,
    plain_bytes: u64,
}

pub(crate) fn run(effort: Effort<'_>, report: &mut Report) -> Result<(), Failure> {
    let events = EVENTS / effort.less;
    report.section(
        "Delivered",
        &format!(
            "{events} events from one thread, each built, validated, encoded, queued, sealed and delivered through \
             reqwest over loopback HTTP/1.1 to a sink in a process of its own; the time ends when the last answer is \
             in. Events per CPU-second are what one core of the sending process achieves: its user and system time, \
             all threads, the application's included, without the sink's."
        ),
    );
    let sink = Sink::start(false)?;
    let url = sink.url();
    let purchases = sample::purchases();
    let kinds = [
        (Format::Json, Consumer::async_()),
        (Format::JsonSnappy, Consumer::async_()),
        (Format::JsonSnappyCrypt, Consumer::async_()),
        (Format::Protobuf, Consumer::async_()),
        (Format::Json, Consumer::buffered()),
        (Format::JsonSnappy, Consumer::buffered()),
    ];
    let mut contenders: Vec<_> = kinds
        .iter()
        .map(|&(format, consumer)| {
            let (url, purchases) = (&url, &purchases);
            Contender::new(format!("{format}, {consumer} 500"), move || {
                deliver(url, format, consumer, events, purchases)
            })
        })
        .collect();
    let names: Vec<String> = contenders.iter().map(|contender| contender.name.clone()).collect();
    let measured = interleave("deliver", effort, &mut contenders)?;
    let of =
        |place: usize, figure: &dyn Fn(&Delivered) -> f64| Spread::of(measured[place].iter().map(figure));
    let per_cpu = |place| of(place, &|run| events as f64 / run.took.cpu.as_secs_f64());
    let rows: Vec<_> = (0..names.len())
        .map(|place| {
            [
                names[place].clone(),
                of(place, &|run| events as f64 / run.took.wall.as_secs_f64()).to_string(),
                per_cpu(place).to_string(),
                number(of(place, &|run| run.requests as f64).median),
                number(of(place, &|run| run.plain_bytes as f64 / events as f64).median),
                number(of(place, &|run| run.sent_bytes as f64 / events as f64).median),
            ]
        })
        .collect();
    let columns = ["format, consumer", "events/s", "events/CPU-s", "requests", "B/event", "B/event sent"];
    report.table(columns, &rows);
    let snappy = per_cpu(1).median;
    report.aim(
        "encode, seal and deliver, JSON+snappy, per core of the sender",
        "1,000,000 events/s",
        format!("{} events/s", number(snappy)),
        snappy >= 1e6,
    );
    Ok(())
}

fn deliver(
    url: &str,
    format: Format,
    consumer: Consumer,
    events: usize,
    purchases: &[Purchase],
) -> Result<Delivered, Failure> {
    let tracker = Tracker::builder(sample::PRODUCT_ID, sample::DATA_SOURCE_ID, url)
        .format(format)
        .consumer(consumer)
        .build()?;
    let watch = Stopwatch::start();
    for place in 0..events {
        let purchase = &purchases[place % purchases.len()];
        while let Err(error) = tracker.track(purchase.track()) {
            match error {
                TrackError::Full => tracker.ready_blocking()?,
                error => return Err(error.into()),
            }
        }
    }
    tracker.flush_blocking(Duration::from_secs(60))?;
    let took = watch.stop(Duration::ZERO);
    let stats = tracker.stats();
    if stats.delivered != events as u64 {
        return Err(format!("{} of {events} events were delivered", stats.delivered).into());
    }
    tracker.close_blocking(Duration::from_secs(10))?;
    Ok(Delivered {
        took,
        requests: stats.requests,
        sent_bytes: stats.sent_bytes,
        plain_bytes: stats.plain_bytes,
    })
}
