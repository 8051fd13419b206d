//! `cargo xtask demo`: real input into the local collector, plain and with faults, from every runtime, through the crate
//! and through the npm package: a clickstream to GrowingIO, purchases to InLong.
//!
//! What counts as delivered, missing or duplicated is found by comparing the multiset of contents that the collector holds with what was sent; the SDK's own counters only say how many duplicates it expects at most.

mod clickstream;
mod faults;
mod inlong;
mod npm;
mod purchases;
mod report;
mod rust;

use std::collections::HashMap;
use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clickstream::Sample;
use npm::Kit;
use report::Run;
use trackwire::engine::Stats;

use crate::collector::Collector;
use crate::json::Json;

/// A way of sending: one row of the table, without and with faults.
struct Sender {
    runtime: &'static str,
    system: System,
    /// Fetches or builds what the row needs, or says what is missing.
    prepare: fn(&mut Kit) -> Result<(), String>,
    send: fn(&Job<'_>) -> Result<Sent, String>,
}

#[derive(Clone, Copy)]
enum System {
    GrowingIo,
    InLong,
}

/// The rows. Those of a system send the same.
const SENDERS: &[Sender] = &[
    Sender { runtime: "rust", system: System::GrowingIo, prepare: |_| Ok(()), send: rust::send },
    Sender { runtime: "node", system: System::GrowingIo, prepare: Kit::package, send: npm::send },
    Sender { runtime: "worker", system: System::GrowingIo, prepare: Kit::package, send: npm::send },
    Sender { runtime: "chromium", system: System::GrowingIo, prepare: Kit::browser, send: npm::send },
    Sender { runtime: "inlong-rust", system: System::InLong, prepare: |_| Ok(()), send: inlong::send },
    Sender { runtime: "inlong-node", system: System::InLong, prepare: Kit::package, send: npm::send },
    Sender { runtime: "inlong-worker", system: System::InLong, prepare: Kit::package, send: npm::send },
    Sender { runtime: "inlong-worker-http", system: System::InLong, prepare: Kit::package, send: npm::send },
];

/// What a sender is given.
struct Job<'a> {
    runtime: &'static str,
    system: System,
    /// The collector.
    url: &'a str,
    /// What GrowingIO's rows send.
    events: &'a [Sample],
    /// What InLong's rows send.
    messages: &'a [String],
    kit: &'a Kit,
    /// To be called when half of it is sent: then a node of InLong is killed in the run with faults.
    halfway: &'a dyn Fn() -> Result<(), String>,
}

impl Job<'_> {
    /// How much there is to send.
    fn len(&self) -> usize {
        match self.system {
            System::GrowingIo => self.events.len(),
            System::InLong => self.messages.len(),
        }
    }
}

/// How long the last events may take, with every fault of the plan in the way.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a sender says about itself when everything it took has an outcome.
struct Sent {
    rejected: u64,
    requests: u64,
    plain_bytes: u64,
    sent_bytes: u64,
    /// The events of requests whose answer was lost: at most so many duplicates are honest.
    maybe_duplicated: u64,
    /// The events of requests that the platform sent again by itself, which no sender can count.
    resent: u64,
    seconds: f64,
}

impl Sent {
    /// By the books of the crate.
    fn of(stats: &Stats, seconds: f64) -> Self {
        Self {
            rejected: stats.rejected,
            requests: stats.requests,
            plain_bytes: stats.plain_bytes,
            sent_bytes: stats.sent_bytes,
            maybe_duplicated: stats.maybe_duplicated,
            resent: 0,
            seconds,
        }
    }
}

/// What there is to send.
struct Load {
    events: Vec<Sample>,
    messages: Vec<String>,
}

struct Options {
    input: PathBuf,
    purchases: PathBuf,
    listen: String,
    /// The rows that are wanted; none for all.
    only: Vec<String>,
    once: bool,
    json: bool,
}

const USAGE: &str = "usage: cargo xtask demo [--input FILE] [--purchases FILE] [--listen ADDR] [--only RUNTIME,…] [--once] [--json]";

/// Runs the chore.
pub fn main(arguments: &[String]) -> ExitCode {
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match demo(&options) {
        Ok(Done { collector, runs, mut wrong, load }) => {
            wrong.extend(runs.iter().filter_map(Run::wrong));
            println!("{}", if options.json { report::json(&runs) } else { report::table(&runs) });
            for why in &wrong {
                eprintln!("FAILED: {why}");
            }
            if !options.once {
                eprintln!(
                    "\nthe live page: {}/   (events go on arriving, some a second; Ctrl-C ends)",
                    collector.url()
                );
                let url = collector.url().to_owned();
                thread::spawn(move || rust::trickle(&url, &load.events));
                collector.wait();
            }
            if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(why) => {
            eprintln!("demo: {why}");
            ExitCode::FAILURE
        }
    }
}

/// What the demo came to.
struct Done {
    collector: Collector,
    runs: Vec<Run>,
    /// The rows that are missing, and why.
    wrong: Vec<String>,
    load: Load,
}

fn demo(options: &Options) -> Result<Done, String> {
    let events = clickstream::read(&options.input)?;
    let users = events.iter().filter(|event| event.name.is_none()).count();
    eprintln!("{}: {} track events, {users} user attributes", options.input.display(), events.len() - users);
    let messages = purchases::read(&options.purchases)?;
    eprintln!("{}: {} purchases", options.purchases.display(), messages.len());
    let load = Load { events, messages };
    let nodes = ["--inlong-listen", "127.0.0.1:0", "--inlong-nodes", "3"];
    let collector = Collector::start_with(&options.listen, "demo", &nodes)?;
    eprintln!("the live page: {}/", collector.url());
    let mut kit = Kit::new(collector.folder(), &load)?;
    let (mut runs, mut wrong, mut after) = (Vec::new(), Vec::new(), None);
    let wanted =
        |sender: &&Sender| options.only.is_empty() || options.only.iter().any(|name| name == sender.runtime);
    for sender in SENDERS.iter().filter(wanted) {
        if let Err(why) = (sender.prepare)(&mut kit) {
            wrong.push(format!("{}: not run: {why}", sender.runtime));
            continue;
        }
        for faults in [false, true] {
            let run = run(sender, faults, &load, &kit, &collector, &mut after);
            collector.set_faults(&faults::none())?;
            match run {
                Ok(run) => {
                    eprintln!("{}", run.said());
                    runs.push(run);
                }
                Err(why) => wrong.push(format!("{}{}: {why}", sender.runtime, with(faults))),
            }
        }
    }
    Ok(Done { collector, runs, wrong, load })
}

/// One row. `after` is the last record that the collector got before it.
fn run(
    sender: &Sender,
    faults: bool,
    load: &Load,
    kit: &Kit,
    collector: &Collector,
    after: &mut Option<String>,
) -> Result<Run, String> {
    let plan = if faults { faults::plan(sender.system) } else { faults::none() };
    collector.set_faults(&plan)?;
    eprintln!("{}: sending{} …", sender.runtime, with(faults));
    let halfway = || match sender.system {
        System::InLong if faults => collector.set_faults(&faults::with_a_node_down(&collector.faults()?)),
        _ => Ok(()),
    };
    let Load { events, messages } = load;
    let (runtime, url) = (sender.runtime, collector.url());
    let sent =
        (sender.send)(&Job { runtime, system: sender.system, url, events, messages, kit, halfway: &halfway });
    let records = collector.records("good", after.as_deref())?;
    if faults {
        eprintln!("faults met: {}", faults::met(sender.system, &plan, &collector.faults()?));
    }
    *after = records.last().and_then(|record| record.get("id")).map(id).or(after.take());
    let (expected, found): (Vec<_>, fn(&Json) -> String) = match sender.system {
        System::GrowingIo => (events.iter().map(Sample::content).collect(), content),
        System::InLong => (messages.clone(), purchases::content),
    };
    Ok(tally(runtime, faults, expected, records.iter().map(found), &sent?))
}

fn with(faults: bool) -> &'static str {
    if faults { " with faults" } else { "" }
}

/// Compares what the collector holds with what was sent.
fn tally(
    runtime: &'static str,
    faults: bool,
    expected: Vec<String>,
    found: impl Iterator<Item = String>,
    sent: &Sent,
) -> Run {
    let events = expected.len() as u64;
    let mut balance: HashMap<String, i64> = HashMap::new();
    for content in expected {
        *balance.entry(content).or_default() -= 1;
    }
    let mut unknown = 0;
    for content in found {
        match balance.get_mut(&content) {
            Some(count) => *count += 1,
            None => unknown += 1,
        }
    }
    let missing = balance.values().filter(|count| **count < 0).map(|count| count.unsigned_abs()).sum();
    let duplicates = balance.values().filter(|count| **count > 0).map(|count| count.unsigned_abs()).sum();
    Run {
        runtime,
        faults,
        events,
        delivered: events - missing,
        missing,
        duplicates,
        unknown,
        rejected: sent.rejected,
        requests: sent.requests,
        plain_bytes: sent.plain_bytes,
        sent_bytes: sent.sent_bytes,
        maybe_duplicated: sent.maybe_duplicated,
        resent: sent.resent,
        seconds: sent.seconds,
    }
}

/// What a record of the collector says, without what differs between two deliveries of the same event.
fn content(record: &Json) -> String {
    let members = ["kind", "name", "user", "time", "attributes"];
    let members = members.map(|key| (key.to_owned(), record.get(key).cloned().unwrap_or(Json::Null)));
    Json::Object(members.into()).sorted().to_string()
}

fn id(json: &Json) -> String {
    json.text().map_or_else(|| json.to_string(), str::to_owned)
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let root =
            env::var_os("TRACKWIRE_ROOT").map(PathBuf::from).ok_or("run this through `cargo xtask`")?;
        let mut options = Self {
            input: root.join("tests/data/ecom_clickstream.csv.gz"),
            purchases: root.join("tests/data/cdnow_purchases.txt.gz"),
            listen: "127.0.0.1:0".to_owned(),
            only: Vec::new(),
            once: false,
            json: false,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("`{argument}` needs a value"));
            match argument.as_str() {
                "--input" => options.input = PathBuf::from(value()?),
                "--purchases" => options.purchases = PathBuf::from(value()?),
                "--listen" => options.listen.clone_from(value()?),
                "--only" => options.only.extend(value()?.split(',').map(str::to_owned)),
                "--once" => options.once = true,
                "--json" => options.json = true,
                _ => return Err(format!("`{argument}` is not an option of the demo")),
            }
        }
        let known = |name: &String| SENDERS.iter().any(|sender| sender.runtime == name);
        match options.only.iter().find(|name| !known(name)) {
            None => Ok(options),
            Some(name) => {
                let names: Vec<&str> = SENDERS.iter().map(|sender| sender.runtime).collect();
                Err(format!("`{name}` is not a runtime of the demo; there are {}", names.join(", ")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Sent, clickstream, content, tally};
    use crate::json::Json;

    #[test]
    fn losses_duplicates_and_strangers_are_seen() -> Result<(), String> {
        let events = clickstream::parse(
            "user_id,event,timestamp,user_cohort\nu1,home,1970-01-01 00:00:01,c\nu1,home,1970-01-01 00:00:01,c\n",
        )?;
        assert_eq!(events.len(), 3, "the user's attributes, then two equal events");
        let record = |text: &str| Json::parse(text);
        let home = r#"{"id":1,"kind":"track","name":"home","user":"u1","anonymous":null,"time":1000,"attributes":{"user_cohort":"c"}}"#;
        let user = r#"{"kind":"user","user":"u1","time":1000,"attributes":{"user_cohort":"c"}}"#;
        let other = r#"{"kind":"track","name":"x","user":"u1","time":1000,"attributes":{}}"#;
        let sent = Sent {
            rejected: 0,
            requests: 1,
            plain_bytes: 1,
            sent_bytes: 1,
            maybe_duplicated: 1,
            resent: 0,
            seconds: 1.0,
        };
        let tally = |records: &[Json]| {
            let expected = events.iter().map(super::Sample::content).collect();
            tally("rust", true, expected, records.iter().map(content), &sent)
        };
        let run = tally(&[record(home)?, record(user)?, record(user)?, record(other)?]);
        assert_eq!((run.delivered, run.missing, run.duplicates, run.unknown), (2, 1, 1, 1));
        assert!(run.wrong().is_some());
        let run = tally(&[record(home)?, record(home)?, record(user)?, record(user)?]);
        assert_eq!(run.wrong(), None, "one duplicate, and the sender said that there may be one");
        Ok(())
    }
}
