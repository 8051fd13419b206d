//! The npm package: what it is built with, and the build.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::steps::run;
use crate::tools;
use crate::{root, target_dir};

/// `cargo xtask build`.
pub(crate) fn main(_: &[String]) -> ExitCode {
    match dependencies().and_then(|()| build()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("build: {why}");
            ExitCode::FAILURE
        }
    }
}

/// What `package-lock.json` names, from the registry.
pub(crate) fn dependencies() -> Result<(), String> {
    tools::node()?;
    run(npm().current_dir(root()).args(["ci", "--no-fund", "--no-audit"])).map(drop)
}

/// `cargo xtask size [--own]`: weighs an application with the package, beside its peers unless `--own` is given.
pub(crate) fn size(arguments: &[String]) -> ExitCode {
    let weigh = || {
        dependencies()?;
        build()?;
        if arguments.is_empty() {
            peers()?;
        }
        run(Command::new("node").current_dir(root()).arg("benches/js/size.mjs").args(arguments)).map(drop)
    };
    if !matches!(arguments, [] | [_]) || arguments.iter().any(|argument| argument != "--own") {
        eprintln!("usage: cargo xtask size [--own]");
        return ExitCode::from(2);
    }
    match weigh() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("size: {why}");
            ExitCode::FAILURE
        }
    }
}

/// What the benchmarks of the package need: the package, its peers, and a Chromium, whose path this is.
pub(crate) fn for_bench() -> Result<PathBuf, String> {
    dependencies()?;
    build()?;
    peers()?;
    tools::chromium()
}

/// The clients that the package is measured against.
fn peers() -> Result<(), String> {
    let folder = root().join("benches/js");
    run(npm().current_dir(folder).args(["ci", "--ignore-scripts", "--no-fund", "--no-audit"])).map(drop)
}

/// Builds `pkg/dist`: the wasm module, the bundles and the types.
pub(crate) fn build() -> Result<(), String> {
    tools::target("wasm32-unknown-unknown")?;
    let mut node = Command::new("node");
    node.current_dir(root()).arg("pkg/build.mjs").env("CARGO_TARGET_DIR", target_dir());
    run(&mut node).map(drop)
}

fn npm() -> Command {
    Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
}
