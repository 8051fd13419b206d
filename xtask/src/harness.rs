//! Building and running `xtask-harness`, the program with the chores that use the library itself.

use std::process::{Command, ExitCode};

use crate::tools::cargo;
use crate::{root, target_dir};

/// How the harness, and the `trackwire` command where it is needed, are built.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Profile {
    /// Quick to build.
    Debug,
    /// The same, with the `trackwire` command.
    DebugWithCommand,
    /// Quick to run: where something is measured.
    Release,
}

/// Builds what is missing, with cargo's progress shown, and hands over to the harness.
pub(crate) fn run(chore: &str, arguments: &[String], profile: Profile) -> ExitCode {
    // Asked before the build, which may replace this very program.
    let xtask = std::env::current_exe().unwrap_or_default();
    let mut build = cargo();
    build.args(["build", "--package", "xtask-harness"]);
    if profile != Profile::Debug {
        build.args(["--package", "trackwire", "--features", "trackwire/cli", "--bins"]);
    }
    let folder = match profile {
        Profile::Debug | Profile::DebugWithCommand => "debug",
        Profile::Release => {
            build.arg("--release");
            "release"
        }
    };
    match build.status() {
        Ok(status) if status.success() => {}
        Ok(status) => {
            eprintln!("cargo build ended with {status}");
            return ExitCode::FAILURE;
        }
        Err(error) => {
            eprintln!("cargo did not start: {error}");
            return ExitCode::FAILURE;
        }
    }
    let folder = target_dir().join(folder);
    let mut harness = Command::new(folder.join("xtask-harness"));
    harness
        .arg(chore)
        .args(arguments)
        .env("TRACKWIRE_ROOT", root())
        .env("TRACKWIRE_XTASK", xtask)
        .env("TRACKWIRE_BIN", folder.join("trackwire"));
    hand_over(&mut harness)
}

/// Becomes the harness, so that a signal to this program reaches it.
#[cfg(unix)]
fn hand_over(harness: &mut Command) -> ExitCode {
    use std::os::unix::process::CommandExt;
    let error = harness.exec();
    eprintln!("{}: {error}", harness.get_program().display());
    ExitCode::FAILURE
}

#[cfg(not(unix))]
fn hand_over(harness: &mut Command) -> ExitCode {
    match harness.status() {
        Ok(status) => ExitCode::from(status.code().map_or(1, |code| u8::try_from(code).unwrap_or(1))),
        Err(error) => {
            eprintln!("{}: {error}", harness.get_program().display());
            ExitCode::FAILURE
        }
    }
}
