//! The Python tracker, in a virtual environment of its own.

use std::process::Command;

use super::super::{Places, is_there};

/// The tracker, and what its snappy and protobuf formats need: its generated code is too old for newer protobuf.
const PACKAGES: [&str; 3] = ["growingio-tracker==1.0.5", "python-snappy", "protobuf<3.21"];

pub(super) fn prepare(places: &Places) -> Result<Command, String> {
    let system = ["python3", "python"].into_iter().find(|name| is_there(name, "--version"));
    let system = system.ok_or("Python 3 is not installed; the vendor's Python tracker needs it")?;
    let venv = places.work.join("python");
    let python = venv.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let ran = |command: &mut Command| command.status().is_ok_and(|status| status.success());
    if !python.is_file() && !ran(Command::new(system).args(["-m", "venv"]).arg(&venv)) {
        return Err(format!("`{system} -m venv` failed; is Python's venv module installed?"));
    }
    let client = places.sources.join("growingio_tracker_client.py");
    if !ran(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES)) {
        return Err(format!("pip could not install {}", PACKAGES.join(", ")));
    }
    let mut command = Command::new(python);
    command.arg(client).env("PYTHONIOENCODING", "utf-8");
    Ok(command)
}
