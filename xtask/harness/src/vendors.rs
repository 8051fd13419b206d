//! `cargo xtask vendors`: the vendor's own clients, run against our collector in all their formats.
//!
//! A client writes down, record by record, what the collector must hold afterwards, and that is compared with what it
//! holds. Needs Python or Java and the package registries, so it is not part of `cargo xtask test`.

mod java;
mod python;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs};

use crate::collector::Collector;
use crate::json::Json;

/// A client of the vendor.
struct Client {
    name: &'static str,
    /// Fetches what it needs into a folder and gives back the command to run, or says what is missing.
    prepare: fn(&Places) -> Result<Command, String>,
}

const CLIENTS: &[Client] =
    &[Client { name: "python", prepare: python::prepare }, Client { name: "java", prepare: java::prepare }];

/// Where things are.
struct Places {
    /// The clients' sources.
    sources: PathBuf,
    /// What is fetched.
    work: PathBuf,
}

/// Runs the chore; `arguments` may name a client.
pub fn main(arguments: &[String]) -> ExitCode {
    let wanted = |client: &&Client| arguments.is_empty() || arguments.iter().any(|name| name == client.name);
    if let Some(unknown) =
        arguments.iter().find(|name| CLIENTS.iter().all(|client| client.name != name.as_str()))
    {
        eprintln!("there is no client `{unknown}`; there are python and java");
        return ExitCode::from(2);
    }
    let (Some(root), Some(program)) = (env::var_os("TRACKWIRE_ROOT"), env::var_os("TRACKWIRE_BIN")) else {
        eprintln!("run this through `cargo xtask`");
        return ExitCode::from(2);
    };
    let target =
        Path::new(&program).parent().and_then(Path::parent).unwrap_or(Path::new("target")).to_owned();
    let places =
        Places { sources: Path::new(&root).join("xtask/vendors"), work: target.join("vendors-work") };
    let (mut passed, mut failed, mut missing) = (0, 0, 0);
    for client in CLIENTS.iter().filter(wanted) {
        println!("==> {}", client.name);
        let cases = match (client.prepare)(&places) {
            Ok(command) => run(client, command, &places),
            Err(why) => {
                println!("missing: {why}");
                missing += 1;
                continue;
            }
        };
        match cases {
            Ok(cases) => {
                for (case, Case { expected, wrong }) in cases {
                    match wrong.first() {
                        None => println!("ok {case}: {expected} records"),
                        Some(first) => {
                            println!("FAILED {case}: {} of {expected} records: {first}", wrong.len())
                        }
                    }
                    *(if wrong.is_empty() { &mut passed } else { &mut failed }) += 1;
                }
            }
            Err(why) => {
                println!("FAILED {}: {why}", client.name);
                failed += 1;
            }
        }
    }
    println!("{passed} passed, {failed} failed, {missing} missing");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One format with one way of sending.
#[derive(Default)]
struct Case {
    expected: usize,
    wrong: Vec<String>,
}

fn run(client: &Client, mut command: Command, places: &Places) -> Result<BTreeMap<String, Case>, String> {
    let collector = Collector::start("127.0.0.1:0", "vendors")?;
    let log = places.work.join(format!("{}.expected.jsonl", client.name));
    let _ = fs::remove_file(&log);
    let output = command
        .arg(collector.url())
        .arg(&log)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{}: {error}", client.name))?;
    if !output.status.success() {
        return Err(format!("ended with {}:\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    let log = fs::read_to_string(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let mut held = collector.records("good", None)?;
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    for line in log.lines() {
        let expected = Json::parse(line)?;
        let case = cases.entry(expected.text_of("case").unwrap_or(client.name).to_owned()).or_default();
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
        cases.entry(format!("{} beside", client.name)).or_default().wrong = wrong;
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
