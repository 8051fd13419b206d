//! `cargo xtask vendors`: the vendors' own clients, run against our collector in all their formats, and their own readers.
//!
//! Needs Python, Java or Go and the package registries, so it is not part of `cargo xtask test`.

mod growingio;
mod inlong;

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// A client or a reader of a vendor.
struct Client {
    name: &'static str,
    /// Fetches what it needs and runs its cases.
    run: fn(&Places) -> Result<Cases, Problem>,
}

const CLIENTS: [Client; 4] = [
    Client { name: "python", run: growingio::python },
    Client { name: "java", run: growingio::java },
    Client { name: "inlong-go", run: inlong::go },
    Client { name: "inlong-reader", run: inlong::reader },
];

/// Where things are.
struct Places {
    /// The clients' sources.
    sources: PathBuf,
    /// What is fetched.
    work: PathBuf,
}

/// How each case ended, by its name.
type Cases = BTreeMap<String, Case>;

/// One way of sending.
#[derive(Default)]
struct Case {
    /// How many records there should be.
    expected: usize,
    wrong: Vec<String>,
}

/// Why there are no cases.
enum Problem {
    /// What the client needs is not on this machine.
    Missing(String),
    Failed(String),
}

/// Runs the chore; `arguments` may name clients.
pub fn main(arguments: &[String]) -> ExitCode {
    let wanted = |client: &&Client| arguments.is_empty() || arguments.iter().any(|name| name == client.name);
    if let Some(unknown) =
        arguments.iter().find(|name| CLIENTS.iter().all(|client| client.name != name.as_str()))
    {
        let known = CLIENTS.map(|client| client.name).join(", ");
        eprintln!("there is no client `{unknown}`; there are {known}");
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
        match (client.run)(&places) {
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
            Err(Problem::Missing(why)) => {
                println!("missing: {why}");
                missing += 1;
            }
            Err(Problem::Failed(why)) => {
                println!("FAILED {}: {why}", client.name);
                failed += 1;
            }
        }
    }
    println!("{passed} passed, {failed} failed, {missing} missing");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether a program is there and says its version.
fn is_there(program: &str, version: &str) -> bool {
    let asked = Command::new(program).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// What a Maven project names, fetched into a folder.
fn maven(project: &Path, into: &Path) -> Result<(), String> {
    let missing: Vec<&str> = [("java", "-version"), ("javac", "-version"), ("mvn", "-version")]
        .into_iter()
        .filter(|(program, version)| !is_there(program, version))
        .map(|(program, _)| program)
        .collect();
    if !missing.is_empty() {
        return Err(format!(
            "{}; the vendor's Java code needs a JDK (11 or later) and Maven",
            missing.join(", ")
        ));
    }
    let fetched = Command::new("mvn")
        .args(["--quiet", "--batch-mode", "dependency:copy-dependencies", "--file"])
        .arg(project)
        .arg(format!("-DoutputDirectory={}", into.display()))
        .status();
    match fetched {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!("Maven could not fetch what {} names", project.display())),
    }
}
