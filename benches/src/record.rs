//! The call of `track`: building an event of eight attributes, validating, encoding and queueing it.

use std::hint::black_box;
use std::time::Duration;

use trackwire::destination::{Destination, Now};
use trackwire::growingio::{Consumer, Format, GrowingIo, Options};

use crate::clock::{Stopwatch, Took, thread_cpu};
use crate::machine::cores;
use crate::peers::{Posthog, Queued, Running};
use crate::report::Report;
use crate::rounds::{Contender, Spread, interleave, number};
use crate::sample::{self, Purchase};
use crate::sink::Sink;
use crate::{Effort, Failure};

/// Events of one thread in a round.
const EVENTS: usize = 100_000;

pub(crate) fn run(effort: Effort<'_>, report: &mut Report) -> Result<(), Failure> {
    let events = EVENTS / effort.less;
    let purchases = sample::purchases();
    let wire = serde_json::to_vec(&purchases[0].plain(1_710_325_284_000))?.len();
    let attributes = purchases[0].track().attributes.len();
    report.section(
        "A call of `track`",
        &format!(
            "An event of {attributes} attributes (strings, integers, doubles and a list), {wire} bytes as JSON on the \
             wire with its envelope. Building the event is part of every figure. *Queue only*: the events stay in the \
             queue; *delivering*: at the same time they are batched, sealed and answered (ours: batches of 500 to a \
             transport that answers at once; posthog-rs: its batches of 100 to a loopback sink). posthog-rs's `capture` \
             hands the event to a worker thread, which encodes it only when it sends; its queue is raised so that \
             nothing is dropped. CPU is that of the whole process, the background threads included."
        ),
    );
    encode(effort, events, &purchases, report)?;
    for threads in [1, cores()] {
        queue(effort, events, &purchases, threads, report)?;
    }
    Ok(())
}

/// Without a queue: what turning an event into bytes takes.
fn encode(
    effort: Effort<'_>,
    events: usize,
    purchases: &[Purchase],
    report: &mut Report,
) -> Result<(), Failure> {
    let mut contenders = Vec::new();
    let mut typed = Vec::with_capacity(1_024);
    contenders.push(Contender::new("serde_json, typed struct into a reused Vec", move || {
        each(events, purchases, |purchase| {
            typed.clear();
            serde_json::to_writer(&mut typed, black_box(&purchase.plain(1_710_325_284_000)))?;
            black_box(&typed);
            Ok(())
        })
    }));
    for format in [Format::Json, Format::Protobuf] {
        let mut options = Options::new(sample::PRODUCT_ID, sample::DATA_SOURCE_ID, "http://127.0.0.1");
        options.format = format;
        let destination = GrowingIo::new(&options)?;
        let mut out = Vec::with_capacity(1_024);
        contenders.push(Contender::new(format!("trackwire, {format}"), move || {
            each(events, purchases, |purchase| {
                out.clear();
                let event = purchase.track().into();
                destination.encode(&event, Now { mono: 0, wall: 1_710_325_284_000 }, &mut out)?;
                black_box(&out);
                Ok(())
            })
        }));
    }
    let names: Vec<String> = contenders.iter().map(|contender| contender.name.clone()).collect();
    let measured = interleave("encode", effort, &mut contenders)?;
    let spreads: Vec<Spread> = measured.iter().map(|took| wall(took, events)).collect();
    let callers: Vec<Spread> = measured.iter().map(|took| caller(took, events)).collect();
    let rows: Vec<_> = (0..names.len())
        .map(|place| {
            let (wall, caller) = (&spreads[place], &callers[place]);
            [
                names[place].clone(),
                wall.to_string(),
                ratio(wall, &spreads[0]),
                caller.to_string(),
                ratio(caller, &callers[0]),
            ]
        })
        .collect();
    let columns = [
        "build, validate and encode, no queue",
        "ns/event",
        "to serde_json",
        "CPU ns/event",
        "to serde_json",
    ];
    report.table(columns, &rows);
    Ok(())
}

fn queue(
    effort: Effort<'_>,
    events: usize,
    purchases: &[Purchase],
    threads: usize,
    report: &mut Report,
) -> Result<(), Failure> {
    let sink = Sink::start(false)?;
    let mut contenders = Vec::new();
    for format in [Format::Json, Format::Protobuf] {
        contenders.push(Contender::new(format!("trackwire, {format}, queue only"), move || {
            Queued::new(format)?.measure(threads, events, purchases)
        }));
    }
    for (format, consumer) in [
        (Format::Json, Consumer::async_()),
        (Format::JsonSnappy, Consumer::async_()),
        (Format::Protobuf, Consumer::async_()),
        (Format::Json, Consumer::Default),
    ] {
        let name = match consumer {
            Consumer::Default => format!("trackwire, {format}, delivering, one event a request"),
            _ => format!("trackwire, {format}, delivering"),
        };
        contenders.push(Contender::new(name, move || {
            Running::new(format, consumer)?.measure(threads, events, purchases)
        }));
    }
    contenders.push(Contender::new("posthog-rs, queue only", move || {
        Posthog::new(None)?.measure(threads, events, purchases)
    }));
    let url = sink.url();
    contenders.push(Contender::new("posthog-rs, delivering", move || {
        Posthog::new(Some(&url))?.measure(threads, events, purchases)
    }));
    let names: Vec<String> = contenders.iter().map(|contender| contender.name.clone()).collect();
    let peer = names.len() - 2;
    let what =
        if threads == 1 { "one thread".to_owned() } else { format!("{threads} threads, one for each core") };
    let measured = interleave(&what, effort, &mut contenders)?;
    let total = (threads * events) as f64;
    let walls: Vec<Spread> = measured.iter().map(|took| wall(took, events)).collect();
    let callers: Vec<Spread> = measured.iter().map(|took| caller(took, threads * events)).collect();
    let rows: Vec<_> = (0..names.len())
        .map(|place| {
            let cpu = Spread::of(measured[place].iter().map(|took| nanos(took.cpu) / total));
            let rate = Spread::of(measured[place].iter().map(|took| total / took.wall.as_secs_f64()));
            let like = if names[place].contains("delivering") { peer + 1 } else { peer };
            [
                names[place].clone(),
                walls[place].to_string(),
                ratio(&walls[place], &walls[like]),
                callers[place].to_string(),
                ratio(&callers[place], &callers[like]),
                number(cpu.median),
                number(rate.median),
            ]
        })
        .collect();
    let title = format!("`track`, {what}");
    let columns = [
        title.as_str(),
        "ns/call",
        "to posthog-rs",
        "caller's CPU ns/call",
        "to posthog-rs",
        "CPU ns/event",
        "calls/s",
    ];
    report.table(columns, &rows);
    let slowest = |spreads: &[Spread]| spreads[..5].iter().map(|spread| spread.median).fold(0.0, f64::max);
    let (wall, cpu) = (slowest(&walls), slowest(&callers));
    report.aim(
        &format!("`track` with validation and queue, {what}, the slowest of the rows that batch"),
        "at most 1 µs",
        format!("{:.2} µs, {:.2} µs of CPU", wall / 1e3, cpu / 1e3),
        wall <= 1e3,
    );
    Ok(())
}

/// What a call took in its thread, ns.
fn wall(took: &[Took], events: usize) -> Spread {
    Spread::of(took.iter().map(|took| nanos(took.wall) / events as f64))
}

/// What a call cost its thread, ns of user and system time.
fn caller(took: &[Took], calls: usize) -> Spread {
    Spread::of(took.iter().map(|took| nanos(took.callers) / calls as f64))
}

fn each(
    events: usize,
    purchases: &[Purchase],
    mut call: impl FnMut(&Purchase) -> Result<(), Failure>,
) -> Result<Took, Failure> {
    let (watch, began) = (Stopwatch::start(), thread_cpu());
    for place in 0..events {
        call(&purchases[place % purchases.len()])?;
    }
    Ok(watch.stop(thread_cpu().saturating_sub(began)))
}

fn nanos(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

/// How many times another median a median is.
pub(crate) fn ratio(spread: &Spread, to: &Spread) -> String {
    format!("{:.2}", spread.median / to.median)
}
