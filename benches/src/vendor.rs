//! The vendor's Python tracker and ours: the same events, the same sink.

use std::fmt::Write;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::json;

use crate::report::Report;
use crate::rounds::{Contender, Spread, interleave, number};
use crate::sample;
use crate::sink::{Counts, Sink};
use crate::{Effort, Failure};

/// Events that are sent.
const EVENTS: usize = 20_000;

/// What is fetched from PyPI. The tracker's snappy form needs the second.
const PACKAGES: [&str; 2] = ["growingio-tracker==1.0.5", "python-snappy==0.7.3"];

const CASES: [(&str, &str); 5] = [
    ("default", "json"),
    ("buffered", "json"),
    ("async", "json"),
    ("buffered", "snappy"),
    ("async", "snappy"),
];

struct Sent {
    took: Figures,
    counts: Counts,
}

#[derive(Deserialize)]
struct Figures {
    wall: f64,
    cpu: f64,
}

pub(crate) fn run(effort: Effort<'_>, report: &mut Report) -> Result<(), Failure> {
    let events = EVENTS / effort.less;
    report.section(
        "The vendor's Python tracker and ours",
        &format!(
            "{events} events of a shop's clickstream (the excerpt in `tests/data`, repeated), to the same sink, each \
             client in a process of its own, by the vendor's sending strategies with the vendor's defaults. The time \
             ends when the last event is answered. CPU is that of the sending process. Every run is checked to have \
             delivered every event."
        ),
    );
    let python = match python() {
        Ok(python) => python,
        Err(why) => {
            report.note(&format!("Not measured: {why}"));
            return Ok(());
        }
    };
    let file = crate::scratch_dir()?.join("clickstream.ndjson");
    fs::write(&file, clickstream(events)?)?;
    let sink = Sink::start(true)?;
    let mut contenders = Vec::new();
    for (consumer, format) in CASES {
        for (client, program) in [("Python", Some(&python)), ("trackwire", None)] {
            let (sink, file) = (&sink, &file);
            contenders.push(Contender::new(format!("{consumer}, {format}, {client}"), move || {
                send(program.map(PathBuf::as_path), consumer, format, sink, file, events)
            }));
        }
    }
    let names: Vec<String> = contenders.iter().map(|contender| contender.name.clone()).collect();
    let measured = interleave("vendor", effort.at_most(3), &mut contenders)?;
    let of = |place: usize, figure: &dyn Fn(&Sent) -> f64| Spread::of(measured[place].iter().map(figure));
    let per_second = |place| of(place, &|sent| events as f64 / sent.took.wall);
    let cpu = |place| of(place, &|sent| sent.took.cpu);
    let rows: Vec<_> = (0..names.len())
        .map(|place| {
            let theirs = place - place % 2;
            let (speed, cost) = (per_second(place), cpu(place));
            let of_theirs =
                |ours: f64, theirs: f64| if place % 2 == 0 { "1".into() } else { number(ours / theirs) };
            [
                names[place].clone(),
                speed.to_string(),
                of_theirs(speed.median, per_second(theirs).median),
                format!("{:.3}", cost.median),
                of_theirs(cost.median, cpu(theirs).median),
                number(of(place, &|sent| sent.counts.requests as f64).median),
                number(of(place, &|sent| sent.counts.bytes as f64).median),
            ]
        })
        .collect();
    report.table(
        ["consumer, format, client", "events/s", "to Python", "CPU s", "to Python", "requests", "body bytes"],
        &rows,
    );
    Ok(())
}

fn send(
    python: Option<&Path>,
    consumer: &str,
    format: &str,
    sink: &Sink,
    file: &Path,
    events: usize,
) -> Result<Sent, Failure> {
    sink.take_counts()?;
    let mut command = match python {
        Some(python) => {
            let mut command = Command::new(python);
            command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/vendor.py"));
            command
        }
        None => {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg("__ours");
            command
        }
    };
    command
        .args([consumer, format, &sink.url()])
        .arg(file)
        .args([sample::PRODUCT_ID, sample::DATA_SOURCE_ID]);
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let took = serde_json::from_slice(&output.stdout)?;
    let counts = sink.take_counts()?;
    if counts.events != events as u64 {
        return Err(format!("{} of {events} events arrived", counts.events).into());
    }
    Ok(Sent { took, counts })
}

/// The Python of a virtual environment that has the vendor's tracker, made when it is missing.
fn python() -> Result<PathBuf, String> {
    let folder = crate::scratch_dir().map_err(|error| error.to_string())?.join("python");
    let python = folder.join("bin/python");
    let has = |python: &Path| {
        Command::new(python)
            .args(["-c", "import growingio_tracker, snappy"])
            .output()
            .is_ok_and(|done| done.status.success())
    };
    if has(&python) {
        return Ok(python);
    }
    let system = ["python3", "python"].into_iter().find(|name| {
        let version =
            Command::new(name).args(["-c", "import sys; sys.exit(sys.version_info < (3, 7))"]).output();
        version.is_ok_and(|done| done.status.success())
    });
    let system = system
        .ok_or("there is no Python 3.7 or later on this machine; install python3 and run this again")?;
    let run = |command: &mut Command, what: &str| match command.output() {
        Ok(done) if done.status.success() => Ok(()),
        Ok(done) => Err(format!("{what}: {}", String::from_utf8_lossy(&done.stderr).trim())),
        Err(error) => Err(format!("{what}: {error}")),
    };
    run(
        Command::new(system).args(["-m", "venv"]).arg(&folder),
        "Python's `venv` does not work here (on Debian it is the package python3-venv)",
    )?;
    let packages = format!("{} could not be installed from PyPI", PACKAGES.join(" and "));
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES), &packages)?;
    if has(&python) {
        Ok(python)
    } else {
        Err("the vendor's tracker is installed but cannot be imported".into())
    }
}

/// Events in the neutral form, a line each: the excerpt's rows as track events, repeated until there are enough.
fn clickstream(events: usize) -> Result<String, Failure> {
    let packed = fs::read(crate::root().join("tests/data/ecom_clickstream.csv.gz"))?;
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(&packed[..]).read_to_string(&mut text)?;
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().ok_or("the excerpt is empty")?.split(',').collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let mut out = String::new();
    for place in 0..events {
        let row = &rows[place % rows.len()];
        let mut event = json!({ "time": 1_710_325_284_000u64 + 1_000 * place as u64, "attributes": {} });
        for (name, value) in header.iter().zip(row) {
            match *name {
                "user_id" => event["user"] = json!(value),
                "event" => event["track"] = json!(value),
                "timestamp" => {}
                name => event["attributes"][name] = json!(value),
            }
        }
        writeln!(out, "{event}")?;
    }
    Ok(out)
}
