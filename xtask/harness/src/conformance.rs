//! `cargo xtask conformance SYSTEM DIR`: captured calls of the vendors' clients, replayed through the public API over HTTP.
//!
//! Each `*.json` of DIR names calls and the requests that must follow. The calls go to a tracker that talks to a capture
//! server of this program's own; what arrives is decoded and compared as values. Each case runs natively and through the
//! npm package's wasm build in Node, with a line for both. Ends with each one's totals and then, over both,
//! `N passed, N failed, N skipped`.

mod calls;
mod client;
mod compare;
mod decode;
mod vector;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use client::Runtime;
use vector::Vector;

pub(crate) use decode::plain;

/// How a case ended in one runtime.
enum Verdict {
    Ok,
    Failed(String),
    Skipped,
}

/// How many cases ended how.
#[derive(Default)]
struct Totals {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// Runs the chore; `arguments` are the system and the folder.
pub fn main(arguments: &[String]) -> ExitCode {
    let [system, folder] = arguments else {
        eprintln!("usage: cargo xtask conformance SYSTEM DIR");
        return ExitCode::from(2);
    };
    if system != "growingio" {
        eprintln!("there are no conformance cases for `{system}` yet; the system known is `growingio`");
        return ExitCode::from(2);
    }
    let prepared = vectors(Path::new(folder)).and_then(|files| Ok((files, Runtime::npm()?)));
    let (files, npm) = match prepared {
        Ok(prepared) => prepared,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    let mut runtimes = [Runtime::Native, npm];
    let mut totals = [Totals::default(), Totals::default()];
    for file in &files {
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let verdicts = case(file, &mut runtimes);
        let mark = match &verdicts {
            verdicts if verdicts.iter().any(|verdict| matches!(verdict, Verdict::Failed(_))) => "FAILED",
            [Verdict::Skipped, _] => "skipped",
            _ => "ok",
        };
        let said =
            runtimes.iter().zip(&verdicts).map(|(runtime, verdict)| format!("{} {verdict}", runtime.name()));
        println!("{mark} {name}: {}", said.collect::<Vec<_>>().join("; "));
        for (totals, verdict) in totals.iter_mut().zip(&verdicts) {
            totals.add(verdict);
        }
    }
    for (runtime, totals) in runtimes.iter().zip(&totals) {
        println!("{}: {totals}", runtime.name());
    }
    let [native, wasm] = totals;
    let both = Totals {
        passed: native.passed + wasm.passed,
        failed: native.failed + wasm.failed,
        skipped: native.skipped + wasm.skipped,
    };
    println!("{both}");
    if both.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn vectors(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    if files.is_empty() { Err(format!("{} holds no *.json", folder.display())) } else { Ok(files) }
}

fn case(file: &Path, runtimes: &mut [Runtime; 2]) -> [Verdict; 2] {
    let vector =
        fs::read_to_string(file).map_err(|error| error.to_string()).and_then(|text| Vector::parse(&text));
    runtimes.each_mut().map(|runtime| match &vector {
        Ok(vector) if vector.quirk => Verdict::Skipped,
        Ok(vector) => match calls::replay(vector, runtime).and_then(|seen| compare::compare(vector, &seen)) {
            Ok(()) => Verdict::Ok,
            Err(why) => Verdict::Failed(why),
        },
        Err(why) => Verdict::Failed(why.clone()),
    })
}

impl Totals {
    fn add(&mut self, verdict: &Verdict) {
        *match verdict {
            Verdict::Ok => &mut self.passed,
            Verdict::Failed(_) => &mut self.failed,
            Verdict::Skipped => &mut self.skipped,
        } += 1;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Failed(why) => write!(f, "FAILED: {why}"),
            Self::Skipped => f.write_str("skipped (quirk)"),
        }
    }
}
