//! `cargo xtask demo`: a real clickstream into the local collector, plain and with faults, from every runtime: through the
//! crate, and through the npm package in Node, in a Worker and in Chromium.
//!
//! What counts as delivered, missing or duplicated is found by comparing the multiset of event contents that the
//! collector holds with what was sent; the SDK's own counters only say how many duplicates it expects at most.

mod clickstream;
mod faults;
mod npm;
mod report;
mod rust;

use std::collections::HashMap;
use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use clickstream::Sample;
use npm::Kit;
use report::Run;

use crate::collector::Collector;
use crate::json::Json;

/// A way of sending: one row of the table, without and with faults.
struct Sender {
    runtime: &'static str,
    /// Fetches or builds what the row needs, or says what is missing.
    prepare: fn(&mut Kit) -> Result<(), String>,
    send: fn(&Job<'_>) -> Result<Sent, String>,
}

/// The rows. Each sends the same events.
const SENDERS: &[Sender] = &[
    Sender { runtime: "rust", prepare: |_| Ok(()), send: rust::send },
    Sender { runtime: "node", prepare: Kit::package, send: npm::send },
    Sender { runtime: "worker", prepare: Kit::package, send: npm::send },
    Sender { runtime: "chromium", prepare: Kit::browser, send: npm::send },
];

/// What a sender is given.
struct Job<'a> {
    runtime: &'static str,
    /// The collector.
    url: &'a str,
    events: &'a [Sample],
    kit: &'a Kit,
}

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

struct Options {
    input: PathBuf,
    listen: String,
    /// The rows that are wanted; none for all.
    only: Vec<String>,
    once: bool,
    json: bool,
}

const USAGE: &str =
    "usage: cargo xtask demo [--input FILE] [--listen ADDR] [--only RUNTIME,…] [--once] [--json]";

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
        Ok(Done { collector, runs, mut wrong, events }) => {
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
                thread::spawn(move || rust::trickle(&url, &events));
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
    events: Vec<Sample>,
}

fn demo(options: &Options) -> Result<Done, String> {
    let events = clickstream::read(&options.input)?;
    let users = events.iter().filter(|event| event.name.is_none()).count();
    eprintln!("{}: {} track events, {users} user attributes", options.input.display(), events.len() - users);
    let collector = Collector::start(&options.listen, "demo")?;
    eprintln!("the live page: {}/", collector.url());
    let mut kit = Kit::new(collector.folder(), &events)?;
    let (mut runs, mut wrong, mut after) = (Vec::new(), Vec::new(), None);
    let wanted =
        |sender: &&Sender| options.only.is_empty() || options.only.iter().any(|name| name == sender.runtime);
    for sender in SENDERS.iter().filter(wanted) {
        if let Err(why) = (sender.prepare)(&mut kit) {
            wrong.push(format!("{}: not run: {why}", sender.runtime));
            continue;
        }
        for faults in [false, true] {
            let run = run(sender, faults, &events, &kit, &collector, &mut after);
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
    Ok(Done { collector, runs, wrong, events })
}

/// One row. `after` is the last record that the collector got before it.
fn run(
    sender: &Sender,
    faults: bool,
    events: &[Sample],
    kit: &Kit,
    collector: &Collector,
    after: &mut Option<String>,
) -> Result<Run, String> {
    let plan = if faults { faults::plan() } else { faults::none() };
    collector.set_faults(&plan)?;
    eprintln!("{}: sending{} …", sender.runtime, with(faults));
    let sent = (sender.send)(&Job { runtime: sender.runtime, url: collector.url(), events, kit });
    let records = collector.records("good", after.as_deref())?;
    if faults {
        eprintln!("faults met: {}", faults::met(&plan, &collector.faults()?));
    }
    *after = records.last().and_then(|record| record.get("id")).map(id).or(after.take());
    Ok(tally(sender.runtime, faults, events, &records, &sent?))
}

fn with(faults: bool) -> &'static str {
    if faults { " with faults" } else { "" }
}

/// Compares what the collector holds with what was sent.
fn tally(runtime: &'static str, faults: bool, events: &[Sample], records: &[Json], sent: &Sent) -> Run {
    let mut balance: HashMap<String, i64> = HashMap::new();
    for event in events {
        *balance.entry(event.content()).or_default() -= 1;
    }
    let mut unknown = 0;
    for record in records {
        match balance.get_mut(&content(record)) {
            Some(count) => *count += 1,
            None => unknown += 1,
        }
    }
    let missing = balance.values().filter(|count| **count < 0).map(|count| count.unsigned_abs()).sum();
    let duplicates = balance.values().filter(|count| **count > 0).map(|count| count.unsigned_abs()).sum();
    let events = events.len() as u64;
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
    use super::{Sent, clickstream, tally};
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
        let records = [record(home)?, record(user)?, record(user)?, record(other)?];
        let run = tally("rust", true, &events, &records, &sent);
        assert_eq!((run.delivered, run.missing, run.duplicates, run.unknown), (2, 1, 1, 1));
        assert!(run.wrong().is_some());
        let run = tally(
            "rust",
            true,
            &events,
            &[record(home)?, record(home)?, record(user)?, record(user)?],
            &sent,
        );
        assert_eq!(run.wrong(), None, "one duplicate, and the sender said that there may be one");
        Ok(())
    }
}
