//! The application that is wasm itself, for its tests in workerd and Chromium.

use std::path::PathBuf;
use std::process::Command;

use crate::steps::run;
use crate::target_dir;
use crate::tools::cargo;

/// A workspace of its own, so that what makes JavaScript around wasm stays out of the project's lockfile.
pub(crate) const MANIFEST: &str = "tests/runtimes/rust/Cargo.toml";

/// Where the module and its JavaScript are.
pub(crate) fn folder() -> PathBuf {
    target_dir().join("wasm-app")
}

/// Builds both. wasm-bindgen's own command would take minutes to install, and as a library it has the version of the
/// lockfile in any case.
pub(crate) fn build() -> Result<(), String> {
    let target = "wasm32-unknown-unknown";
    let build = |package: &str, more: &[&str]| {
        let mut build = cargo();
        build.args(["build", "--locked", "--manifest-path", MANIFEST, "--package", package]).args(more);
        run(build.arg("--target-dir").arg(target_dir()))
    };
    build("trackwire-test-bindgen", &[])?;
    build("trackwire-test-app", &["--target", target])?;
    let module = target_dir().join(target).join("debug/trackwire_test_app.wasm");
    let bindgen = target_dir().join("debug/trackwire-test-bindgen");
    run(Command::new(bindgen).arg(module).arg(folder())).map(drop)
}
