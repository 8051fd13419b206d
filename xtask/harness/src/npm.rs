//! The npm package, as an application has it: installed from its tarball, and run in Node by the scripts of `xtask/js`.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::json::Json;

/// A project that has the package installed.
pub(crate) struct Package {
    project: PathBuf,
    scripts: PathBuf,
}

impl Package {
    /// Has `cargo xtask` fetch and build what is missing; progress goes to standard error.
    pub(crate) fn setup() -> Result<Self, String> {
        let root =
            env::var_os("TRACKWIRE_ROOT").map(PathBuf::from).ok_or("run this through `cargo xtask`")?;
        Ok(Self { project: xtask(&["setup"])?, scripts: root.join("xtask/js") })
    }

    /// Starts a script; it is given the project's path, then `arguments`.
    pub(crate) fn start(&self, script: &str, arguments: &[&OsStr]) -> Result<Script, String> {
        Script::start(Command::new("node").arg(self.scripts.join(script)).arg(&self.project).args(arguments))
    }
}

/// Where Chromium is, which is fetched when that is allowed.
pub(crate) fn chromium() -> Result<PathBuf, String> {
    xtask(&["setup", "chromium"])
}

/// Runs `cargo xtask` and gives back the path that its last line names.
fn xtask(arguments: &[&str]) -> Result<PathBuf, String> {
    let program = env::var_os("TRACKWIRE_XTASK").ok_or("run this through `cargo xtask`")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cargo xtask: {error}"))?;
    let mut last = String::new();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Standard output is for results.
            eprintln!("{line}");
            last = line;
        }
    }
    let status = child.wait().map_err(|error| format!("cargo xtask: {error}"))?;
    match last.split_once(": ") {
        Some((_, path)) if status.success() => Ok(PathBuf::from(path)),
        _ => Err(format!("`cargo xtask {}` failed: it says above what is missing", arguments.join(" "))),
    }
}

/// A running script, which is talked to in lines of JSON. It ends when its input does, so with this program too.
pub(crate) struct Script {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Script {
    fn start(command: &mut Command) -> Result<Self, String> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("Node did not start: {error}"))?;
        let output = child.stdout.take().ok_or("the script has no output")?;
        Ok(Self { input: child.stdin.take(), child, output: BufReader::new(output).lines() })
    }

    /// Writes a line.
    pub(crate) fn say(&mut self, json: &Json) -> Result<(), String> {
        let input = self.input.as_mut().ok_or("the script's input is closed")?;
        input.write_all(format!("{json}\n").as_bytes()).map_err(|error| format!("the script ended: {error}"))
    }

    /// Waits for the next line; `None` when the script has ended.
    pub(crate) fn hear(&mut self) -> Result<Option<Json>, String> {
        let line = self.output.next().transpose().map_err(|error| format!("the script: {error}"))?;
        line.map(|line| Json::parse(&line)).transpose()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
