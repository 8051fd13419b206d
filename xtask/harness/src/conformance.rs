//! `cargo xtask conformance SYSTEM DIR`: captured exchanges of the vendors' clients and servers, replayed through ours.
//!
//! Each `*.json` of DIR is a case, which runs wherever it can: natively, through the npm package's wasm build in Node,
//! against the collector. It gets a line that says how it ended in each place. Ends with each place's totals and then,
//! over all, `N passed, N failed, N skipped`.

mod growingio;
mod inlong;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) use growingio::plain;

/// How a case ended in one place.
enum Verdict {
    Ok,
    Failed(String),
    /// Need not be matched, and why.
    Skipped(&'static str),
}

/// How many cases ended how.
#[derive(Default)]
struct Totals {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// What is said of the cases, and their totals for each place.
#[derive(Default)]
struct Report(Vec<(&'static str, Totals)>);

/// A system's cases.
struct System {
    name: &'static str,
    run: fn(&[PathBuf], &mut Report) -> Result<(), String>,
}

const SYSTEMS: [System; 2] =
    [System { name: "growingio", run: growingio::run }, System { name: "inlong", run: inlong::run }];

/// Runs the chore; `arguments` are the system and the folder.
pub fn main(arguments: &[String]) -> ExitCode {
    let [system, folder] = arguments else {
        eprintln!("usage: cargo xtask conformance SYSTEM DIR");
        return ExitCode::from(2);
    };
    let Some(system) = SYSTEMS.iter().find(|known| known.name == system) else {
        let known: Vec<&str> = SYSTEMS.iter().map(|known| known.name).collect();
        eprintln!("there are no conformance cases for `{system}`; there are for {}", known.join(", "));
        return ExitCode::from(2);
    };
    let mut report = Report::default();
    match files(Path::new(folder)).and_then(|files| (system.run)(&files, &mut report)) {
        Ok(()) => report.finish(),
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    if files.is_empty() { Err(format!("{} holds no *.json", folder.display())) } else { Ok(files) }
}

impl Report {
    /// A case's end in each place where it ran.
    fn case(&mut self, file: &Path, verdicts: &[(&'static str, Verdict)]) {
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let any = |is: fn(&Verdict) -> bool| verdicts.iter().any(|(_, verdict)| is(verdict));
        let mark = match () {
            () if any(|verdict| matches!(verdict, Verdict::Failed(_))) => "FAILED",
            () if any(|verdict| matches!(verdict, Verdict::Ok)) => "ok",
            () => "skipped",
        };
        let said: Vec<_> = verdicts.iter().map(|(place, verdict)| format!("{place} {verdict}")).collect();
        println!("{mark} {name}: {}", said.join("; "));
        for (place, verdict) in verdicts {
            let known = self.0.iter().position(|(known, _)| known == place);
            let at = known.unwrap_or_else(|| {
                self.0.push((place, Totals::default()));
                self.0.len() - 1
            });
            self.0[at].1.add(verdict);
        }
    }

    fn finish(self) -> ExitCode {
        let mut all = Totals::default();
        for (place, totals) in &self.0 {
            println!("{place}: {totals}");
            all.passed += totals.passed;
            all.failed += totals.failed;
            all.skipped += totals.skipped;
        }
        println!("{all}");
        if all.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

impl Totals {
    fn add(&mut self, verdict: &Verdict) {
        *match verdict {
            Verdict::Ok => &mut self.passed,
            Verdict::Failed(_) => &mut self.failed,
            Verdict::Skipped(_) => &mut self.skipped,
        } += 1;
    }
}

impl From<Result<(), String>> for Verdict {
    fn from(result: Result<(), String>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Ok)
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
            Self::Skipped(why) => write!(f, "skipped ({why})"),
        }
    }
}
