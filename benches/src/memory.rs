//! What a queued event costs: the growth of a fresh process.

use std::env;
use std::fs;
use std::process::Command;
use std::time::Duration;

use trackwire::Enabled;
use trackwire::growingio::{Consumer, Format};
use trackwire::http::Request;
use trackwire::transport::{HttpTransport, Sending};

use crate::peers::{Posthog, roomy};
use crate::report::Report;
use crate::rounds::{Contender, Spread, interleave, number};
use crate::sample;
use crate::{Effort, Failure};

/// Events that are queued.
const EVENTS: usize = 100_000;

/// What a child process reports.
struct Grown {
    /// Growth of its resident memory.
    resident: f64,
    /// What the queued events take on the wire.
    wire: f64,
}

const CASES: [(&str, &str); 4] = [
    ("held-json", "trackwire, json, held for consent"),
    ("held-protobuf", "trackwire, protobuf, held for consent"),
    ("hanging", "trackwire, json, async 500, nothing answers"),
    ("posthog", "posthog-rs, queue only"),
];

pub(crate) fn run(effort: Effort<'_>, report: &mut Report) -> Result<(), Failure> {
    report.section(
        "Memory",
        &format!(
            "{EVENTS} events in the queue of a fresh process: the growth of its resident memory, over what the same \
             events take on the wire (for the rows of trackwire `stats().queued_bytes`, which counts sealed copies of \
             batches under way; for posthog-rs the event as its own serialiser writes it, without the properties it \
             adds when it sends)."
        ),
    );
    if resident().is_none() {
        report.note("Not measured: this system has no /proc/self/status.");
        return Ok(());
    }
    let mut contenders: Vec<_> =
        CASES.iter().map(|&(case, name)| Contender::new(name, move || in_child(case))).collect();
    let measured = interleave("memory", effort.at_most(5), &mut contenders)?;
    let of = |place: usize, figure: &dyn Fn(&Grown) -> f64| Spread::of(measured[place].iter().map(figure));
    let per_wire = |place| of(place, &|grown| grown.resident / grown.wire);
    let rows: Vec<_> = (0..CASES.len())
        .map(|place| {
            [
                CASES[place].1.to_owned(),
                number(of(place, &|grown| grown.wire / EVENTS as f64).median),
                number(of(place, &|grown| grown.resident / EVENTS as f64).median),
                per_wire(place).to_string(),
            ]
        })
        .collect();
    report.table(["queue", "B/event on the wire", "B/event resident", "resident to wire"], &rows);
    let worst = (0..3).map(|place| per_wire(place).median).fold(0.0, f64::max);
    report.aim(
        "memory per queued event over its wire size, at 100,000 queued, the worst row",
        "at most 1.3",
        number(worst),
        worst <= 1.3,
    );
    Ok(())
}

fn in_child(case: &str) -> Result<Grown, Failure> {
    let output = Command::new(env::current_exe()?).args(["__memory", case]).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let text = String::from_utf8(output.stdout)?;
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let mut next = || numbers.next().ok_or("the child said too little");
    Ok(Grown { resident: next()??, wire: next()?? })
}

/// The fresh process.
pub(crate) fn child(arguments: &[String]) -> Result<(), Failure> {
    let grown = match arguments.first().map(String::as_str) {
        Some("held-json") => held(Format::Json)?,
        Some("held-protobuf") => held(Format::Protobuf)?,
        Some("hanging") => hanging()?,
        Some("posthog") => posthog()?,
        _ => return Err("no such case".into()),
    };
    println!("{} {}", grown.resident, grown.wire);
    // Nothing is to be delivered, and nobody waits for it.
    std::process::exit(0);
}

struct Hangs;

impl HttpTransport for Hangs {
    fn send(&self, _: Request, _: Duration) -> Sending {
        Box::pin(std::future::pending())
    }
}

fn held(format: Format) -> Result<Grown, Failure> {
    let purchases = sample::purchases();
    let tracker = roomy(format, "http://127.0.0.1:9").enabled(Enabled::Buffer).build()?;
    let before = after_warm_up()?;
    for place in 0..EVENTS {
        tracker.track(purchases[place % purchases.len()].track())?;
    }
    Ok(Grown { resident: after_warm_up()? - before, wire: tracker.stats().queued_bytes as f64 })
}

fn hanging() -> Result<Grown, Failure> {
    let purchases = sample::purchases();
    let tracker =
        roomy(Format::Json, "http://127.0.0.1:9").consumer(Consumer::async_()).transport(Hangs).build()?;
    let before = after_warm_up()?;
    for place in 0..EVENTS {
        tracker.track(purchases[place % purchases.len()].track())?;
    }
    // The driver's turn: it does what it can until nothing changes any more.
    let mut seen = None;
    while seen != Some(tracker.stats().requests) {
        seen = Some(tracker.stats().requests);
        tracker.flush_blocking(Duration::from_millis(100))?;
    }
    Ok(Grown { resident: after_warm_up()? - before, wire: tracker.stats().queued_bytes as f64 })
}

fn posthog() -> Result<Grown, Failure> {
    let purchases = sample::purchases();
    let mut wire = 0;
    for place in 0..EVENTS {
        wire += serde_json::to_vec(&purchases[place % purchases.len()].posthog()?)?.len();
    }
    let posthog = Posthog::new(None)?;
    let before = after_warm_up()?;
    for place in 0..EVENTS {
        posthog.client().capture(purchases[place % purchases.len()].posthog()?);
    }
    Ok(Grown { resident: after_warm_up()? - before, wire: wire as f64 })
}

fn after_warm_up() -> Result<f64, Failure> {
    resident().ok_or_else(|| "no /proc/self/status".into())
}

/// Resident memory of this process, bytes.
fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<f64>().ok().map(|kilobytes| kilobytes * 1_024.0)
}
