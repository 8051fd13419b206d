//! `cargo xtask bench`: builds the benchmarks' own workspace and runs it.

use std::process::{Command, ExitCode};

use crate::tools::cargo;
use crate::{root, target_dir};

/// Builds with cargo's progress shown, then measures.
pub(crate) fn main(arguments: &[String]) -> ExitCode {
    let manifest = root().join("benches/Cargo.toml");
    let folder = target_dir().join("bench");
    let mut build = cargo();
    build
        .args(["build", "--release", "--locked", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&folder);
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
    let program = folder.join("release/trackwire-bench");
    match Command::new(&program).args(arguments).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}: {error}", program.display());
            ExitCode::FAILURE
        }
    }
}
