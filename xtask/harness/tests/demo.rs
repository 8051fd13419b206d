//! The demo, once, in every runtime: complete rows and a clean end.

use std::process::{Command, ExitCode, Stdio};

const RUNTIMES: [&str; 8] = [
    "rust",
    "node",
    "worker",
    "chromium",
    "inlong-rust",
    "inlong-node",
    "inlong-worker",
    "inlong-worker-http",
];

fn main() -> ExitCode {
    let arguments = ["demo", "--once", "--json"];
    let demo =
        Command::new(env!("CARGO_BIN_EXE_xtask-harness")).args(arguments).stderr(Stdio::inherit()).output();
    let (text, clean) = match demo {
        Ok(demo) => (String::from_utf8_lossy(&demo.stdout).into_owned(), demo.status.success()),
        Err(error) => (error.to_string(), false),
    };
    println!("{text}");
    let mut checks = vec![("the demo ends cleanly".to_owned(), clean)];
    for runtime in RUNTIMES {
        for faults in [false, true] {
            let name = format!("{runtime}{}", if faults { " with faults" } else { "" });
            checks.push((name, complete(&text, runtime, faults)));
        }
    }
    let failed = checks.iter().filter(|(_, ok)| !ok).count();
    for (name, ok) in &checks {
        println!("{} {name}", if *ok { "ok" } else { "FAILED" });
    }
    println!("{} passed, {failed} failed, 0 skipped", checks.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether the row is there once, and says that every event arrived.
fn complete(text: &str, runtime: &str, faults: bool) -> bool {
    let start = format!("\"runtime\":\"{runtime}\",\"faults\":{faults},");
    let mut rows = text.split('{').filter(|row| row.starts_with(&start));
    let (Some(row), None) = (rows.next(), rows.next()) else { return false };
    let number = |key: &str| -> Option<u64> {
        let (_, rest) = row.split_once(&format!("\"{key}\":"))?;
        rest.split([',', '}']).next()?.parse().ok()
    };
    let events = number("events");
    events > Some(1000)
        && number("delivered") == events
        && number("missing") == Some(0)
        && number("rejected") == Some(0)
        // Enough for the faults to meet.
        && number("requests") > Some(30)
}
