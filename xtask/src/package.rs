//! The npm package: what it is built with, the build, and the project that has it installed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::SystemTime;

use crate::steps::run;
use crate::tools;
use crate::{root, target_dir};

/// What the package is made of.
const SOURCES: [&str; 12] = [
    "src",
    "pkg/src",
    "pkg/build.mjs",
    "pkg/builds.mjs",
    "pkg/panics.mjs",
    "pkg/spell.mjs",
    "pkg/package.json",
    "pkg/tsconfig.json",
    "wasm-pack.toml",
    "Cargo.toml",
    "Cargo.lock",
    "package-lock.json",
];

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

/// `cargo xtask setup [chromium]`: what the chores need that run the package, where it is missing or out of date. The last
/// line says where it is.
pub(crate) fn setup_main(arguments: &[String]) -> ExitCode {
    let done = match arguments {
        [] => setup().map(|project| println!("project: {}", project.display())),
        [what] if what == "chromium" => {
            tools::chromium().map(|path| println!("chromium: {}", path.display()))
        }
        _ => Err(format!("there is nothing to set up by `{}`", arguments.join(" "))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Sees to it that the package is built from the sources as they are, and gives back a project that has it installed.
pub(crate) fn setup() -> Result<PathBuf, String> {
    dependencies()?;
    let built = newest(&root().join("pkg/dist"));
    let sources = SOURCES.iter().filter_map(|path| newest(&root().join(path))).max();
    // The build's start counts: a source that changed while it ran is newer.
    let stamp = modified(&stamp("built"));
    if built.is_none() || stamp < sources {
        build()?;
    }
    install()
}

/// What `package-lock.json` names, from the registry, where that has not been done yet.
pub(crate) fn dependencies() -> Result<(), String> {
    tools::node()?;
    let locked =
        fs::read(root().join("package-lock.json")).map_err(|why| format!("package-lock.json: {why}"))?;
    let note = root().join("node_modules/.installed");
    if fs::read(&note).is_ok_and(|installed| installed == locked) {
        return Ok(());
    }
    run(npm().current_dir(root()).args(["ci", "--no-fund", "--no-audit"])).map_err(|why| {
        format!("what the package is built with could not be fetched: npm (it comes with Node) and its registry are needed: {why}")
    })?;
    fs::write(&note, locked).map_err(|why| format!("{}: {why}", note.display()))
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
    let start = SystemTime::now();
    let mut node = Command::new("node");
    node.current_dir(root()).arg("pkg/build.mjs").env("CARGO_TARGET_DIR", target_dir());
    run(&mut node)?;
    touch(&stamp("built"), start)
}

/// The packed tarball in a project of its own, as an application has it.
fn install() -> Result<PathBuf, String> {
    let project = target_dir().join("npm-project");
    let stamp = stamp("installed");
    let packed = ["pkg/dist", "pkg/package.json"].iter().filter_map(|path| newest(&root().join(path))).max();
    if project.join("node_modules/trackwire/package.json").is_file() && modified(&stamp) > packed {
        return Ok(project);
    }
    let start = SystemTime::now();
    let _ = fs::remove_dir_all(&project);
    let file = |why| format!("{}: {why}", project.display());
    fs::create_dir_all(project.join("node_modules")).map_err(file)?;
    fs::write(project.join("package.json"), r#"{ "private": true, "type": "module" }"#).map_err(file)?;
    let pack = ["pack", "--silent", "--pack-destination"];
    run(npm().current_dir(root().join("pkg")).args(pack).arg(&project))?;
    let listed = fs::read_dir(&project).map_err(file)?.flatten().map(|entry| entry.file_name());
    let tarball = listed.map(|name| name.to_string_lossy().into_owned()).find(|name| name.ends_with(".tgz"));
    let tarball = tarball.ok_or("`npm pack` left no tarball")?;
    let install = ["install", "--silent", "--offline", "--no-audit", "--no-fund"];
    run(npm().current_dir(&project).args(install).arg(format!("./{tarball}")))?;
    touch(&stamp, start)?;
    Ok(project)
}

fn npm() -> Command {
    Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
}

/// The file whose age says when something was done last.
fn stamp(what: &str) -> PathBuf {
    target_dir().join(format!("npm-{what}.stamp"))
}

fn touch(stamp: &Path, at: SystemTime) -> Result<(), String> {
    File::create(stamp)
        .and_then(|file| file.set_modified(at))
        .map_err(|why| format!("{}: {why}", stamp.display()))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// When something in a folder changed last.
fn newest(path: &Path) -> Option<SystemTime> {
    if !path.is_dir() {
        return modified(path);
    }
    fs::read_dir(path).ok()?.flatten().filter_map(|entry| newest(&entry.path())).max()
}
