//! Running steps one after the other: a heading each, a summary at the end.

use std::io::{BufRead, BufReader};
use std::ops::AddAssign;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// What a step may end with: how much it checked, or why it failed.
pub(crate) type StepResult = Result<Counts, String>;

/// How many checks passed, failed, and were not run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

/// The steps done so far.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<Done>,
}

struct Done {
    name: &'static str,
    took: Duration,
    counts: Counts,
    error: Option<String>,
}

impl Steps {
    /// Runs one step under its heading. A failure is noted and the next step may run all the same.
    pub(crate) fn step(&mut self, name: &'static str, run: impl FnOnce() -> StepResult) {
        println!("\n==> {name}");
        let start = Instant::now();
        let (counts, error) = match run() {
            Ok(counts) if counts.failed == 0 => (counts, None),
            Ok(counts) => (counts, Some(format!("{} failed", counts.failed))),
            Err(why) => (Counts { failed: 1, ..Counts::default() }, Some(why)),
        };
        let took = start.elapsed();
        match &error {
            None => println!("==> {name}: ok ({})", seconds(took)),
            Some(why) => println!("==> {name}: FAILED ({}): {why}", seconds(took)),
        }
        self.done.push(Done { name, took, counts, error });
    }

    /// Prints the summary, `N passed, N failed` last.
    pub(crate) fn finish(self) -> ExitCode {
        println!("\n==> summary");
        let mut sum = Counts::default();
        for Done { name, took, counts, error } in &self.done {
            let mark = if error.is_none() { "ok    " } else { "FAILED" };
            let skipped = match counts.skipped {
                0 => String::new(),
                n => format!(", {n} skipped"),
            };
            println!("{mark} {name:<34} {:>5} passed{skipped} {:>8}", counts.passed, seconds(*took));
            if let Some(why) = error {
                println!("       {}", why.lines().collect::<Vec<_>>().join("\n       "));
            }
            sum += *counts;
        }
        let took = self.done.iter().map(|done| done.took).sum();
        println!("{} steps in {}", self.done.len(), seconds(took));
        println!("{} passed, {} failed", sum.passed, sum.failed);
        if sum.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

impl Counts {
    /// One thing checked.
    pub(crate) const ONE: Self = Self { passed: 1, failed: 0, skipped: 0 };

    /// Reads the closing line of a test program: Rust's, Node's (TAP or spec) or our own conformance runner's.
    fn of_line(line: &str) -> Option<Self> {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("test result: ") {
            let number = |word: &str| number_before(rest, word);
            return Some(Self {
                passed: number("passed")?,
                failed: number("failed")?,
                skipped: number("ignored")?,
            });
        }
        if let Some(rest) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) {
            let (word, number) = rest.split_once(' ')?;
            let number = number.parse().ok()?;
            return match word {
                "pass" => Some(Self { passed: number, ..Self::default() }),
                "fail" | "cancelled" => Some(Self { failed: number, ..Self::default() }),
                "skipped" | "todo" => Some(Self { skipped: number, ..Self::default() }),
                _ => None,
            };
        }
        let parts: Vec<&str> = line.split(", ").collect();
        let [passed, failed, skipped] = parts[..] else { return None };
        Some(Self {
            passed: passed.strip_suffix(" passed")?.parse().ok()?,
            failed: failed.strip_suffix(" failed")?.parse().ok()?,
            skipped: skipped.strip_suffix(" skipped")?.parse().ok()?,
        })
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Runs a command to its end with its output shown.
pub(crate) fn run(command: &mut Command) -> StepResult {
    let text = show(command);
    println!("$ {text}");
    let status = command.status().map_err(|error| format!("`{text}` did not start: {error}"))?;
    if status.success() { Ok(Counts::ONE) } else { Err(format!("`{text}` ended with {status}")) }
}

/// Runs a test program with its output shown, and adds up what its closing lines say.
pub(crate) fn run_tests(command: &mut Command) -> StepResult {
    let text = show(command);
    println!("$ {text}");
    let mut child =
        command.stdout(Stdio::piped()).spawn().map_err(|error| format!("`{text}` did not start: {error}"))?;
    let mut counts = Counts::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            println!("{line}");
            counts += Counts::of_line(&line).unwrap_or_default();
        }
    }
    let status = child.wait().map_err(|error| format!("`{text}`: {error}"))?;
    match (status.success(), counts) {
        (true, Counts { passed: 0, failed: 0, .. }) => Err(format!("`{text}` ran no tests")),
        (true, _) | (false, Counts { failed: 1.., .. }) => Ok(counts),
        (false, _) => Err(format!("`{text}` ended with {status}")),
    }
}

/// The standard output of a command that succeeded; `None` when it failed or is not there.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn show(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

fn number_before(text: &str, word: &str) -> Option<u64> {
    let before = text.split(word).next()?.trim_end();
    before.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn closing_lines_are_read() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(Counts::of_line(line), Some(Counts { passed: 12, failed: 3, skipped: 1 }));
        assert_eq!(Counts::of_line("# pass 7"), Some(Counts { passed: 7, failed: 0, skipped: 0 }));
        assert_eq!(Counts::of_line("ℹ fail 2"), Some(Counts { passed: 0, failed: 2, skipped: 0 }));
        assert_eq!(Counts::of_line("# duration_ms 12.5"), None);
        assert_eq!(
            Counts::of_line("57 passed, 0 failed, 7 skipped"),
            Some(Counts { passed: 57, failed: 0, skipped: 7 })
        );
        assert_eq!(Counts::of_line("ok json_minimal"), None);
    }
}
