//! GrowingIO's clients: each writes down, record by record, what the collector must hold afterwards, and that is compared
//! with what it holds.

mod java;
mod python;

use std::fs;
use std::process::{Command, Stdio};

use super::{Cases, Places, Problem};
use crate::collector::Collector;
use crate::json::Json;

/// The Python tracker in all its formats.
pub(super) fn python(places: &Places) -> Result<Cases, Problem> {
    let command = python::prepare(places).map_err(Problem::Missing)?;
    run("python", command, places).map_err(Problem::Failed)
}

/// The Java SDK in all its formats.
pub(super) fn java(places: &Places) -> Result<Cases, Problem> {
    let command = java::prepare(places).map_err(Problem::Missing)?;
    run("java", command, places).map_err(Problem::Failed)
}

fn run(client: &str, mut command: Command, places: &Places) -> Result<Cases, String> {
    let collector = Collector::start("127.0.0.1:0", "vendors")?;
    let log = places.work.join(format!("{client}.expected.jsonl"));
    let _ = fs::remove_file(&log);
    let output = command
        .arg(collector.url())
        .arg(&log)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{client}: {error}"))?;
    if !output.status.success() {
        return Err(format!("ended with {}:\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    let log = fs::read_to_string(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let mut held = collector.records("good", None)?;
    let mut cases = Cases::new();
    for line in log.lines() {
        let expected = Json::parse(line)?;
        let case = cases.entry(expected.text_of("case").unwrap_or(client).to_owned()).or_default();
        case.expected += 1;
        match held.iter().position(|record| holds(&expected, record)) {
            Some(found) => drop(held.swap_remove(found)),
            None => case.wrong.push(format!("the collector does not hold {line}")),
        }
    }
    let bad = collector.records("bad", None)?;
    let strangers = held.iter().map(|record| format!("held, but never sent so: {record}"));
    let refused = bad.iter().map(|record| format!("refused: {record}"));
    let wrong: Vec<String> = strangers.chain(refused).collect();
    if !wrong.is_empty() {
        cases.entry(format!("{client} beside")).or_default().wrong = wrong;
    }
    Ok(cases)
}

/// Whether a record has every member that is expected of it.
fn holds(expected: &Json, record: &Json) -> bool {
    expected
        .members()
        .iter()
        .filter(|(key, _)| key != "case")
        .all(|(key, value)| record.get(key).is_some_and(|got| Json::difference(value, got, key).is_none()))
}
