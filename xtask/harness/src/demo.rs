//! `cargo xtask demo`: a real clickstream through the crate into the local collector, plain and with faults.
//!
//! What counts as delivered, missing or duplicated is found by comparing the multiset of event contents that the
//! collector holds with what was sent; the SDK's own counters only say how many duplicates it expects at most.

mod clickstream;
mod faults;
mod report;
mod rust;

use std::collections::HashMap;
use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use clickstream::Sample;
use report::Run;

use crate::collector::Collector;
use crate::json::Json;

/// A way of sending: one row of the table, without and with faults.
struct Sender {
    runtime: &'static str,
    send: fn(&Job<'_>) -> Result<Sent, String>,
}

/// The rows. Each sends the same events.
const SENDERS: &[Sender] = &[Sender { runtime: "rust", send: rust::send }];

/// What a sender is given.
struct Job<'a> {
    /// The collector.
    url: &'a str,
    events: &'a [Sample],
}

/// What a sender says about itself when everything it took has an outcome.
struct Sent {
    rejected: u64,
    requests: u64,
    plain_bytes: u64,
    sent_bytes: u64,
    /// The events of requests whose answer was lost: at most so many duplicates are honest.
    maybe_duplicated: u64,
    seconds: f64,
}

struct Options {
    input: PathBuf,
    listen: String,
    once: bool,
    json: bool,
}

const USAGE: &str = "usage: cargo xtask demo [--input FILE] [--listen ADDR] [--once] [--json]";

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
        Ok((collector, runs, events)) => {
            let wrong: Vec<String> = runs.iter().filter_map(Run::wrong).collect();
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

fn demo(options: &Options) -> Result<(Collector, Vec<Run>, Vec<Sample>), String> {
    let events = clickstream::read(&options.input)?;
    let users = events.iter().filter(|event| event.name.is_none()).count();
    eprintln!("{}: {} track events, {users} user attributes", options.input.display(), events.len() - users);
    let collector = Collector::start(&options.listen, "demo")?;
    eprintln!("the live page: {}/", collector.url());
    let mut runs = Vec::new();
    let mut after = None;
    for faults in [false, true] {
        for sender in SENDERS {
            let plan = if faults { faults::plan() } else { faults::none() };
            collector.set_faults(&plan)?;
            eprintln!("{}: sending{} …", sender.runtime, if faults { " with faults" } else { "" });
            let sent = (sender.send)(&Job { url: collector.url(), events: &events })?;
            let records = collector.records("good", after.as_deref())?;
            if faults {
                eprintln!("faults met: {}", faults::met(&plan, &collector.faults()?));
            }
            after = records.last().and_then(|record| record.get("id")).map(id).or(after);
            runs.push(tally(sender.runtime, faults, &events, &records, &sent));
        }
    }
    collector.set_faults(&faults::none())?;
    Ok((collector, runs, events))
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
            once: false,
            json: false,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("`{argument}` needs a value"));
            match argument.as_str() {
                "--input" => options.input = PathBuf::from(value()?),
                "--listen" => options.listen.clone_from(value()?),
                "--once" => options.once = true,
                "--json" => options.json = true,
                _ => return Err(format!("`{argument}` is not an option of the demo")),
            }
        }
        Ok(options)
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
