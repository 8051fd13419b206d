//! Finding what the chores need on this machine, and fetching what is missing where that is allowed.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::root;
use crate::steps::{output, run};

/// `cargo`, in the project's folder.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // What cargo told this process about `xtask` is not true of what is built now, and would have it built again.
    for (name, _) in env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            command.env_remove(name);
        }
    }
    // A relative one holds from where this program was started, whose builds are looked for there.
    if let (Some(folder), Ok(here)) = (env::var_os("CARGO_TARGET_DIR"), env::current_dir()) {
        command.env("CARGO_TARGET_DIR", here.join(folder));
    }
    command
}

/// Makes a part of the toolchain (`rustfmt`, `clippy`) available.
pub(crate) fn component(name: &str, subcommand: &str) -> Result<(), String> {
    if output(cargo().args([subcommand, "--version"])).is_some() {
        return Ok(());
    }
    run(Command::new("rustup").args(["component", "add", name]))
        .map(drop)
        .map_err(|why| format!("`cargo {subcommand}` is missing and could not be fetched: {why}"))
}

/// Makes a compilation target available.
pub(crate) fn target(triple: &str) -> Result<(), String> {
    let sysroot =
        output(Command::new("rustc").current_dir(root()).args(["--print", "sysroot"])).unwrap_or_default();
    if Path::new(sysroot.trim()).join("lib/rustlib").join(triple).join("lib").is_dir() {
        return Ok(());
    }
    run(Command::new("rustup").current_dir(root()).args(["target", "add", triple]))
        .map(drop)
        .map_err(|why| format!("Rust's target {triple} is missing and could not be fetched: {why}"))
}

/// The name of an installed toolchain of this version, fetched through rustup when there is none.
pub(crate) fn toolchain(version: &str) -> Result<String, String> {
    let list = output(Command::new("rustup").args(["toolchain", "list"])).ok_or_else(|| {
        format!("Rust {version} is checked through rustup, which is not installed; install rustup to run this step")
    })?;
    let (exact, patch) = (format!("{version}-"), format!("{version}."));
    let installed = list.split_whitespace().find(|name| name.starts_with(&exact) || name.starts_with(&patch));
    if let Some(name) = installed {
        return Ok(name.to_owned());
    }
    run(Command::new("rustup").args(["toolchain", "install", version, "--profile", "minimal"]))
        .map(|_| version.to_owned())
        .map_err(|why| format!("Rust {version} is not installed and could not be fetched: {why}"))
}

const NODE: &str = "the npm package and the tests need Node 20 or later with npm: https://nodejs.org has it, and so have \
                    most systems' package managers";

/// Node, recent enough for the npm package and the page's tests.
pub(crate) fn node() -> Result<(), String> {
    let version = output(Command::new("node").arg("--version"))
        .ok_or_else(|| format!("Node is not installed: {NODE}"))?;
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    match major {
        Some(20u32..) => Ok(()),
        _ => Err(format!("Node {} is too old: {NODE}", version.trim())),
    }
}

/// A Chromium, from `CHROMIUM`, from where they usually are, or through the system's package manager.
pub(crate) fn chromium() -> Result<PathBuf, String> {
    if let Some(named) = env::var_os("CHROMIUM") {
        let path = PathBuf::from(named);
        return if path.is_file() {
            Ok(path)
        } else {
            Err(format!("CHROMIUM names {}, which is not a file", path.display()))
        };
    }
    if let Some(found) = find_chromium() {
        return Ok(found);
    }
    let how = "the tests and the demo need Chromium: install it (`apt-get install chromium`, `dnf install chromium`, \
               `brew install --cask chromium`) or name one in the environment variable CHROMIUM";
    let may = output(Command::new("id").arg("-u")).is_some_and(|id| id.trim() == "0")
        && output(Command::new("apt-get").arg("--version")).is_some();
    if !may {
        return Err(how.to_owned());
    }
    println!("Chromium is missing; fetching it through the system's package manager");
    let install = |arguments: &[&str]| {
        run(Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
            .map_err(|why| format!("{how} ({why})"))
    };
    install(&["update", "-qq"])?;
    install(&["install", "-y", "-qq", "--no-install-recommends", "chromium"])?;
    find_chromium().ok_or_else(|| how.to_owned())
}

fn find_chromium() -> Option<PathBuf> {
    const NAMES: [&str; 5] =
        ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
    const PLACES: [&str; 2] = [
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ];
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let in_path = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    in_path.chain(PLACES.iter().map(PathBuf::from)).find(|path| path.is_file())
}
