//! `cargo xtask bench`: trackwire and its peers, side by side in one run.
//!
//! Everything that is compared is measured in the same rounds, in turn, so that whatever else the machine does falls
//! on all of them alike; a table shows the median, the least and the most of the rounds.

mod clock;
mod deliver;
mod inlong;
mod js;
mod machine;
mod memory;
mod peers;
mod record;
mod report;
mod rounds;
mod sample;
mod sink;
mod vendor;
mod vendor_ours;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use report::Report;

/// What went wrong, for people.
type Failure = Box<dyn std::error::Error>;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Effort<'e> {
    rounds: usize,
    /// Only what has this in its name.
    only: Option<&'e str>,
    /// Divides the number of events of a round.
    less: usize,
}

impl Effort<'_> {
    fn at_most(self, rounds: usize) -> Self {
        Self { rounds: self.rounds.min(rounds), ..self }
    }
}

const USAGE: &str = "usage: cargo xtask bench [--write] [--quick] [--only NAME] [PART…]

  --write   write the results as well: of the crate's parts, all of them, to benches/RESULTS.md; of the npm package's,
            all of them, to benches/js/RESULTS.md
  --quick   few rounds with few events: whether it works, not how fast it is
  --only    only the rows with NAME in their name, e.g. for a profiler

parts, all of them when none is named:
  record    a call of `track`, against posthog-rs and serde_json
  deliver   through reqwest to a loopback sink in a process of its own
  memory    a queue of 100,000 events
  vendor    the vendor's Python tracker and ours, the same events and the same sink (needs Python 3)
  inlong    the vendor's Go client for InLong and ours, the same messages and the same sink (needs Go)

parts of the npm package (need Node and npm):
  node      from `track` to flushed batch, and a queue of 100,000 events, against the peers for Node
  browser   the first `track` of a page and those after it, in Chromium
  workerd   the start of a Worker";

/// The parts of the crate, and those of the npm package.
const CRATE: [&str; 5] = ["record", "deliver", "memory", "vendor", "inlong"];
const PACKAGE: [&str; 3] = ["node", "browser", "workerd"];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let result = match arguments.first().map(String::as_str) {
        Some("__sink") => sink::serve(),
        Some("__memory") => memory::child(&arguments[1..]),
        Some("__inlong_sink") => inlong::serve(),
        Some("__inlong_ours") => inlong::child(&arguments[1..]),
        Some("__ours") => vendor_ours::child(&arguments[1..]),
        _ => run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Failure> {
    let (mut write, mut quick, mut parts) = (false, false, Vec::new());
    let mut only = None;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--write" => write = true,
            "--quick" => quick = true,
            "--only" => only = Some(arguments.next().ok_or("--only needs a name")?.as_str()),
            "--help" | "-h" => {
                println!("{USAGE}");
                return Ok(());
            }
            part if CRATE.contains(&part) || PACKAGE.contains(&part) => parts.push(part),
            other => return Err(format!("`{other}` is not known\n\n{USAGE}").into()),
        }
    }
    let wanted = |part: &str| parts.is_empty() || parts.contains(&part);
    let whole = |of: &[&str]| of.iter().all(|part| wanted(part)) || !of.iter().any(|part| wanted(part));
    if write && (quick || only.is_some() || !whole(&CRATE) || !whole(&PACKAGE)) {
        return Err("--write is for whole results: without --quick and --only, all parts of one kind".into());
    }
    let (rounds, less) = if quick { (3, 20) } else { (11, 1) };
    let effort = Effort { rounds, less, only };
    if CRATE.iter().any(|part| wanted(part)) {
        let with = format!("{}, release profile without LTO", machine::version("rustc"));
        let mut report = Report::new(machine::describe(with));
        report.head();
        if wanted("record") {
            record::run(effort, &mut report)?;
        }
        if wanted("deliver") {
            deliver::run(effort, &mut report)?;
        }
        if wanted("memory") {
            memory::run(effort, &mut report)?;
        }
        if wanted("vendor") {
            vendor::run(effort, &mut report)?;
        }
        if wanted("inlong") {
            inlong::run(effort, &mut report)?;
        }
        finish(report, write.then_some("benches/RESULTS.md"))?;
    }
    if PACKAGE.iter().any(|part| wanted(part)) {
        let project = js::Project::new()?;
        let mut report = Report::new(machine::describe(format!("Node {}", machine::version("node"))));
        report.head();
        if wanted("node") {
            js::node(&project, effort, &mut report)?;
        }
        if wanted("browser") {
            js::browser(&project, effort, &mut report)?;
        }
        if wanted("workerd") {
            js::workerd(&project, effort, &mut report)?;
        }
        finish(report, write.then_some("benches/js/RESULTS.md"))?;
    }
    Ok(())
}

fn finish(mut report: Report, path: Option<&str>) -> Result<(), Failure> {
    report.end();
    if let Some(path) = path {
        let path = root().join(path);
        std::fs::write(&path, report.markdown())?;
        println!("\nwritten to {}", path.display());
    }
    Ok(())
}

/// The project's root folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Where this program may leave files: the folder cargo builds it into.
fn scratch_dir() -> Result<PathBuf, Failure> {
    let exe = env::current_exe()?;
    Ok(exe.parent().and_then(Path::parent).ok_or("the program lies in no folder")?.to_owned())
}
