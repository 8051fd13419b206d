//! The npm package in Node, Chromium and workerd, against its peers. Each figure is of a fresh process that runs one of
//! the scripts in `benches/js`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::record::ratio;
use crate::report::Report;
use crate::rounds::{Contender, Spread, interleave, number};
use crate::{Effort, Failure, root};

/// Events from `track` to flushed batch.
const EVENTS: usize = 20_000;
/// Events that are queued.
const QUEUED: usize = 100_000;
/// Calls of `track` in a page that has begun.
const CALLS: usize = 5_000;

const BARE: &str = "JSON.stringify into an array";
const TRACK: [&str; 8] = [
    BARE,
    "trackwire",
    "trackwire, trackJson",
    "trackwire, protobuf",
    "@segment/analytics-node",
    "posthog-node",
    "@snowplow/node-tracker",
    "@amplitude/analytics-node",
];
const QUEUE: [&str; 6] = [
    "trackwire",
    "trackwire, held for consent",
    "@segment/analytics-node",
    "posthog-node",
    "@snowplow/node-tracker",
    "@amplitude/analytics-node",
];
const PAGE: [&str; 4] =
    ["trackwire", "posthog-js", "@snowplow/browser-tracker", "@amplitude/analytics-browser"];
const WORKER: [&str; 2] = ["an empty worker", "trackwire"];

/// A throwaway project with the packed package in it.
pub(crate) struct Project(PathBuf);

impl Project {
    /// Packs what was built into `pkg/dist`, and installs it.
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self(script("project.mjs", &[])?.trim().into()))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // A folder that is left is among the temporary files.
        drop(fs::remove_dir_all(&self.0));
    }
}

pub(crate) fn node(project: &Project, effort: Effort<'_>, report: &mut Report) -> Result<(), Failure> {
    let events = EVENTS / effort.less;
    report.section(
        "Node: from `track` to flushed batch",
        &format!(
            "{events} events of 8 attributes after a warm-up of 1,000, made as an application makes them, with a turn of \
             the event loop after every hundred; requests of 100 events, to a stub in the same process that answers at \
             once. Compression is off. A call is the time in the calls of `track` (which do not wait for what they \
             begin); CPU is that of the process, with collection of garbage and compilation, until the last batch is \
             answered. Each figure is of a fresh process, which fails unless every event has reached the stub. *{BARE}* \
             does nothing else: no checks, no envelope, no retries. *trackJson* is given text that is at hand."
        ),
    );
    let measured = measure(effort, &TRACK, |name| {
        vec!["node.mjs".into(), "track".into(), events.to_string(), project.dir(), name.into()]
    })?;
    let calls = column(&measured, 0);
    let cpu = column(&measured, 1);
    let rows: Vec<_> = (0..TRACK.len())
        .map(|place| {
            let (call, cpu, bare) = (&calls[place], &cpu[place], &cpu[0]);
            [TRACK[place].into(), call.to_string(), ratio(call, &calls[0]), cpu.to_string(), ratio(cpu, bare)]
        })
        .collect();
    report.table(["client", "ns/call", "to stringify", "CPU ns/event", "to stringify"], &rows);
    let times = cpu[1].median / cpu[0].median;
    let what = "Node: CPU from `track` to flushed batch, over `JSON.stringify` into an array";
    report.aim(what, "at most 2", number(times), times <= 2.0);
    queued(project, effort, report)
}

fn queued(project: &Project, effort: Effort<'_>, report: &mut Report) -> Result<(), Failure> {
    let events = QUEUED / effort.less;
    report.section(
        "Node: memory",
        &format!(
            "{events} events in the queue of a fresh process while no request is answered: the growth of the memory of \
             wasm, of JavaScript's heap with the buffers beside it (after collection of garbage), and of the resident \
             set, over what the same events took on the wire when the stub answered at last. Requests of 100 events; \
             trackwire has 8 of them under way, whose sealed copies count."
        ),
    );
    let measured = measure(effort.at_most(3), &QUEUE, |name| {
        let given = ["--expose-gc", "--max-old-space-size=6000", "node.mjs", "memory"];
        let mut words: Vec<String> = given.map(String::from).into();
        words.extend([events.to_string(), project.dir(), name.into()]);
        words
    })?;
    let [wire, wasm, heap, resident] = [0, 1, 2, 3].map(|place| column(&measured, place));
    let times = |place: usize| {
        Spread::of(measured[place].iter().map(|figures| (figures[1] + figures[2]) / figures[0]))
    };
    let rows: Vec<_> = (0..QUEUE.len())
        .map(|place| {
            [
                QUEUE[place].into(),
                number(wire[place].median),
                number(wasm[place].median),
                number(heap[place].median),
                times(place).to_string(),
                number(resident[place].median),
            ]
        })
        .collect();
    let columns =
        ["queue", "B/event on the wire", "B/event wasm", "B/event heap", "both to wire", "B/event resident"];
    report.table(columns, &rows);
    let worst = times(0).median.max(times(1).median);
    let what = "Node: memory per queued event over its wire size, at 100,000 queued, the worst row";
    report.aim(what, "at most 1.5", number(worst), worst <= 1.5);
    Ok(())
}

pub(crate) fn browser(project: &Project, effort: Effort<'_>, report: &mut Report) -> Result<(), Failure> {
    let calls = CALLS / effort.less;
    report.section(
        "Chromium: the first `track` and those after it",
        &format!(
            "A fresh headless Chromium each time. *First* is the time of the main thread from the start of the script \
             (parsing included, transfer not) until the first `track` is done; of it, until the client is made, and for \
             the module of wasm: decoding its text, compiling, instantiating. *Later* is a call among {calls} without a \
             break. What a client puts off until later is in \
             neither."
        ),
    );
    let measured = measure(effort, &PAGE, |name| {
        vec!["chromium.mjs".into(), project.dir(), name.into(), calls.to_string()]
    })?;
    let figures = [0, 1, 2, 3, 4, 5].map(|place| column(&measured, place));
    let rows: Vec<_> = (0..PAGE.len())
        .map(|place| {
            let [first, later, made, decode, compile, instantiate] =
                [0, 1, 2, 3, 4, 5].map(|figure: usize| &figures[figure][place]);
            let part = |spread: &Spread| if place == 0 { number(spread.median) } else { String::new() };
            [
                PAGE[place].into(),
                first.to_string(),
                number(made.median),
                part(decode),
                part(compile),
                part(instantiate),
                later.to_string(),
            ]
        })
        .collect();
    let columns = ["client", "first, ms", "made", "decoded", "compiled", "instantiated", "later, µs"];
    report.table(columns, &rows);
    let first = figures[0][0].median;
    let what = "Chromium: main thread from import to the first `track` done, ms";
    report.aim(what, "10", number(first), first <= 10.0);
    Ok(())
}

pub(crate) fn workerd(project: &Project, effort: Effort<'_>, report: &mut Report) -> Result<(), Failure> {
    report.section(
        "workerd: start",
        "A fresh workerd each time, through Miniflare: from its start until the first answer, and within the worker from \
         importing the package until the first `track` is done (a clock of whole ms).",
    );
    let measured = measure(effort, &WORKER, |name| vec!["workerd.mjs".into(), project.dir(), name.into()])?;
    let (start, within) = (column(&measured, 0), column(&measured, 1));
    let rows: Vec<_> = (0..WORKER.len())
        .map(|place| [WORKER[place].into(), start[place].to_string(), within[place].to_string()])
        .collect();
    report.table(["worker", "first answer, ms", "import to `track`, ms"], &rows);
    Ok(())
}

impl Project {
    fn dir(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }
}

/// What the scripts print, by contender and round.
fn measure(
    effort: Effort<'_>,
    names: &[&'static str],
    words: impl Fn(&str) -> Vec<String>,
) -> Result<Vec<Vec<Vec<f64>>>, Failure> {
    let mut contenders: Vec<_> = names
        .iter()
        .map(|&name| {
            let words = words(name);
            Contender::new(name, move || {
                let text = script(&words[0], &words[1..])?;
                Ok(text.split_whitespace().map_while(|word| word.parse().ok()).collect::<Vec<f64>>())
            })
        })
        .collect();
    interleave("npm package", effort, &mut contenders)
}

fn column(measured: &[Vec<Vec<f64>>], place: usize) -> Vec<Spread> {
    let figure = |figures: &Vec<f64>| figures.get(place).copied().unwrap_or(f64::NAN);
    measured.iter().map(|rounds| Spread::of(rounds.iter().map(figure))).collect()
}

/// What a script says; it runs in `benches/js`.
fn script(first: &str, words: &[String]) -> Result<String, Failure> {
    let output =
        Command::new("node").current_dir(root().join("benches/js")).arg(first).args(words).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
