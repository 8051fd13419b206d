//! `cargo xtask bench`: builds the benchmarks' own workspace and runs it; for the npm package, that and its peers too.

use std::process::{Command, ExitCode};

use crate::tools::cargo;
use crate::{package, root, target_dir, usage};

/// The parts that measure the crate alone.
const CRATE: [&str; 5] = ["record", "deliver", "memory", "vendor", "inlong"];

/// Those that measure the npm package.
const PACKAGE: [&str; 3] = ["node", "browser", "workerd"];

/// Whether these are arguments of it.
pub(crate) fn takes(arguments: &[String]) -> bool {
    usage::fits(arguments, &["--write", "--quick"], &["--only"], &[&CRATE[..], &PACKAGE].concat())
}

/// Builds with cargo's progress shown, then measures.
pub(crate) fn main(arguments: &[String]) -> ExitCode {
    let named = |parts: &[&str]| arguments.iter().any(|argument| parts.contains(&argument.as_str()));
    let mut chromium = None;
    // All parts run when none is named.
    if named(&PACKAGE) || !named(&CRATE) {
        chromium = match package::for_bench() {
            Ok(path) => Some(path),
            Err(why) => {
                eprintln!("bench: {why}");
                return ExitCode::FAILURE;
            }
        };
    }
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
    let mut bench = Command::new(&program);
    bench.args(arguments).envs(chromium.map(|path| ("CHROMIUM", path)));
    match bench.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}: {error}", program.display());
            ExitCode::FAILURE
        }
    }
}
