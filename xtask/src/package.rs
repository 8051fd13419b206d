//! The npm package: what it is built with, and the build.

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
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    run(Command::new(npm).current_dir(root()).args(["ci", "--no-fund", "--no-audit"])).map(drop)
}

/// Builds `pkg/dist`: the wasm module, the bundles and the types.
pub(crate) fn build() -> Result<(), String> {
    tools::target("wasm32-unknown-unknown")?;
    let mut node = Command::new("node");
    node.current_dir(root()).arg("pkg/build.mjs").env("CARGO_TARGET_DIR", target_dir());
    run(&mut node).map(drop)
}
