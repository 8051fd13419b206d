//! The vendor's Go client for InLong and ours: the same messages, the same sink, packs of the same size.

mod ours;
mod sink;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::report::Report;
use crate::rounds::{Contender, Spread, interleave, number};
use crate::{Effort, Failure};
use sink::{Counts, Sink};

/// Messages that are sent as fast as they are taken.
const FLOOD: usize = 400_000;

/// Messages that are sent at a fixed rate, and the rate, a second.
const PACED: usize = 60_000;
const RATE: usize = 20_000;

/// Of the messages in a pack, bytes; and how long a message waits for its pack to fill, ms: the Go client's defaults.
const PACK_BYTES: usize = 40_960;
const PACK_MS: usize = 20;

/// How many different messages there are.
const VARIETY: usize = 4_096;

/// The cores of the clients, in turn, and of the sink.
const CLIENT_CORE: usize = 0;
const SINK_CORE: usize = 1;

/// Who sends.
#[derive(Clone, Copy)]
enum Client {
    /// The vendor's, with so many workers.
    Go(usize),
    /// With messages of this type.
    Ours(usize),
}

/// What a client's process says.
#[derive(Deserialize)]
struct Figures {
    wall: f64,
    cpu: f64,
    peak: f64,
    median: f64,
    p99: f64,
}

struct Sent {
    figures: Figures,
    counts: Counts,
}

/// Our client's process.
pub(crate) fn child(arguments: &[String]) -> Result<(), Failure> {
    ours::child(arguments)
}

/// The sink's process.
pub(crate) fn serve() -> Result<(), Failure> {
    sink::serve()
}

pub(crate) fn run(effort: Effort<'_>, report: &mut Report) -> Result<(), Failure> {
    let (flood, paced) = (FLOOD / effort.less, PACED / effort.less);
    report.section(
        "InLong: the vendor's Go client and ours",
        &format!(
            "Rows of a shop's clickstream (the excerpt in `tests/data`) as messages of one stream, over TCP to the same \
             sink, which answers every pack at once. Each client is a process of its own on one core, the sink has the \
             other. Packs close at {PACK_BYTES} bytes of messages or after {PACK_MS} ms, the Go client's defaults, and are \
             compressed with snappy. {flood} messages as fast as they are taken, at most 20,000 of them waiting for their \
             answer; then {paced} at {RATE} a second, for the time from the call to the answer. CPU and memory are those \
             of the sending process. Every run is checked to have delivered every message."
        ),
    );
    let go = match go() {
        Ok(go) => go,
        Err(why) => {
            report.note(&format!("Not measured: {why}"));
            return Ok(());
        }
    };
    let file = crate::scratch_dir()?.join("inlong-messages.txt");
    let mean = write_messages(&file)?;
    report.note(&format!("A message has {} bytes in the mean.", number(mean)));
    let sink = Sink::start(SINK_CORE)?;
    let clients = [
        ("Go, 8 workers (its default)", Client::Go(8)),
        ("Go, 1 worker", Client::Go(1)),
        ("trackwire, type 5 as Go's", Client::Ours(5)),
        ("trackwire, type 7 (its default)", Client::Ours(7)),
    ];
    for (what, messages, rate) in [("flood", flood, 0), ("paced", paced, RATE)] {
        let mut contenders = Vec::new();
        for (name, client) in clients {
            let (sink, file, go) = (&sink, &file, &go);
            contenders.push(Contender::new(name, move || send(client, go, sink, file, messages, rate)));
        }
        let measured = interleave(&format!("inlong, {what}"), effort.at_most(5), &mut contenders)?;
        if rate == 0 {
            as_fast(&measured, &clients, messages, report)
        } else {
            at_rate(&measured, &clients, report)
        }
    }
    Ok(())
}

fn as_fast(measured: &[Vec<Sent>], clients: &[(&str, Client)], messages: usize, report: &mut Report) {
    let of = |place: usize, figure: &dyn Fn(&Sent) -> f64| Spread::of(measured[place].iter().map(figure));
    let per_second = |place| of(place, &|sent| messages as f64 / sent.figures.wall);
    let cpu = |place| of(place, &|sent| sent.figures.cpu * 1e6 / messages as f64);
    let rows: Vec<_> = (0..clients.len())
        .map(|place| {
            [
                clients[place].0.to_owned(),
                per_second(place).to_string(),
                number(per_second(place).median / per_second(0).median),
                cpu(place).to_string(),
                number(cpu(place).median / cpu(0).median),
                number(of(place, &|sent| sent.figures.peak / 1e6).median),
                number(of(place, &|sent| messages as f64 / sent.counts.frames as f64).median),
                number(of(place, &|sent| sent.counts.bytes as f64 / messages as f64).median),
            ]
        })
        .collect();
    let best = |figure: &dyn Fn(usize) -> f64, ours: bool, most: bool| {
        let of = |client: &Client| matches!(client, Client::Ours(_)) == ours;
        let places = (0..clients.len()).filter(|place| of(&clients[*place].1)).map(figure);
        places.reduce(if most { f64::max } else { f64::min }).unwrap_or(f64::NAN)
    };
    let (costs, speeds) = (|place: usize| cpu(place).median, |place: usize| per_second(place).median);
    // The better of each side, whatever its settings.
    let cost = best(&costs, true, false) / best(&costs, false, false);
    let speed = best(&speeds, true, true) / best(&speeds, false, true);
    report.aim("InLong: CPU for each message, to the Go client's", "1/3", number(cost), cost <= 1.0 / 3.0);
    report.aim(
        "InLong: messages/s on one core, to the Go client's",
        "more than 1",
        number(speed),
        speed > 1.0,
    );
    report.table(
        ["client", "messages/s", "to Go", "CPU µs each", "to Go", "peak MB", "messages a pack", "bytes each"],
        &rows,
    );
}

fn at_rate(measured: &[Vec<Sent>], clients: &[(&str, Client)], report: &mut Report) {
    let of = |place: usize, figure: &dyn Fn(&Sent) -> f64| Spread::of(measured[place].iter().map(figure));
    let rows: Vec<_> = (0..clients.len())
        .map(|place| {
            [
                clients[place].0.to_owned(),
                of(place, &|sent| sent.figures.median).to_string(),
                of(place, &|sent| sent.figures.p99).to_string(),
                of(place, &|sent| 100.0 * sent.figures.cpu / sent.figures.wall).to_string(),
                number(of(place, &|sent| sent.figures.peak / 1e6).median),
            ]
        })
        .collect();
    report.table(["client", "to the answer, median ms", "99 % within ms", "CPU %", "peak MB"], &rows);
}

fn send(
    client: Client,
    go: &Path,
    sink: &Sink,
    file: &Path,
    messages: usize,
    rate: usize,
) -> Result<Sent, Failure> {
    sink.take_counts()?;
    let (mut command, last) = match client {
        Client::Go(workers) => (pinned(CLIENT_CORE, go), workers),
        Client::Ours(msg_type) => {
            let mut command = pinned(CLIENT_CORE, &std::env::current_exe()?);
            command.arg("__inlong_ours");
            (command, msg_type)
        }
    };
    command.arg(sink.manager()).arg(file);
    let output = command
        .args([messages, rate, PACK_BYTES, PACK_MS, last].map(|number| number.to_string()))
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let figures = serde_json::from_slice(&output.stdout)?;
    let counts = sink.take_counts()?;
    // What is left at the end may be too little to compress.
    if counts.messages != messages as u64 || counts.compressed * 10 < counts.frames * 9 {
        return Err(format!("{messages} messages were to arrive in compressed packs: {counts:?}").into());
    }
    Ok(Sent { figures, counts })
}

/// A command on one core.
fn pinned(core: usize, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &core.to_string()]).arg(program);
    command
}

/// The Go program around the vendor's client, built.
fn go() -> Result<PathBuf, String> {
    let says = |program: &str, argument: &str| Command::new(program).arg(argument).output().is_ok();
    if !says("taskset", "--version") {
        return Err("there is no `taskset` on this machine (on Debian it is in util-linux)".into());
    }
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return Err("this machine has one core, the client and the sink need one each".into());
    }
    let go = ["go", "/usr/local/go/bin/go"].into_iter().find(|go| says(go, "version"));
    let go = go.ok_or("there is no Go on this machine; install Go 1.22 or later and run this again")?;
    let program = crate::scratch_dir().map_err(|error| error.to_string())?.join("inlong-go");
    let built = Command::new(go)
        .current_dir(crate::root().join("benches/go"))
        .args(["build", "-mod=readonly", "-o"])
        .arg(&program)
        .output()
        .map_err(|error| format!("{go}: {error}"))?;
    if built.status.success() {
        Ok(program)
    } else {
        Err(format!("the Go client could not be built: {}", String::from_utf8_lossy(&built.stderr).trim()))
    }
}

/// Writes the messages, a line each; gives back their mean length.
fn write_messages(file: &Path) -> Result<f64, Failure> {
    let packed = fs::read(crate::root().join("tests/data/ecom_clickstream.csv.gz"))?;
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(&packed[..]).read_to_string(&mut text)?;
    let lines: Vec<&str> = text.lines().skip(1).filter(|line| !line.is_empty()).take(VARIETY).collect();
    fs::write(file, lines.join("\n"))?;
    Ok(lines.iter().map(|line| line.len()).sum::<usize>() as f64 / lines.len() as f64)
}
