//! The project's chores: `cargo xtask NAME`.
//!
//! This program has no dependencies and starts at once. Chores that use the library itself (conformance, demo,
//! vendors) live in the `xtask-harness` program, which is built when one of them is asked for.

mod bench;
mod harness;
mod package;
mod steps;
mod test;
mod tidy;
mod tools;
mod wasm_app;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A chore: its name, what it takes, what it does, and the function that does it.
struct Chore {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&[String]) -> ExitCode,
}

const CHORES: &[Chore] = &[
    Chore {
        name: "test",
        arguments: "[STEP…]",
        about: "everything that must hold: format, lints, tests, conformance, page, oldest Rust",
        run: test::main,
    },
    Chore {
        name: "tidy",
        arguments: "",
        about: "the checks of the repository itself: file sizes, lock files, links (part of test)",
        run: |_| tidy::main(),
    },
    Chore {
        name: "build",
        arguments: "",
        about: "the npm package, into pkg/dist (needs Node)",
        run: package::main,
    },
    Chore {
        name: "size",
        arguments: "[--own]",
        about: "what an application weighs with the npm package, against its budget and its peers (needs npm)",
        run: package::size,
    },
    Chore {
        name: "setup",
        arguments: "[chromium]",
        about: "what conformance and demo run the npm package with, where it is missing or out of date (they do it themselves)",
        run: package::setup_main,
    },
    Chore {
        name: "conformance",
        arguments: "SYSTEM DIR",
        about: "replay every vector in DIR, natively, through the npm package, to the collector; SYSTEM is `growingio` or `inlong`",
        run: |arguments| harness::run("conformance", arguments, harness::Profile::DebugWithCommand),
    },
    Chore {
        name: "differential",
        arguments: "[LINES] [SEED]",
        about: "random events, natively and through the npm package: the same bytes, the same refusals",
        run: |arguments| harness::run("differential", arguments, harness::Profile::Debug),
    },
    Chore {
        name: "demo",
        arguments: "[--input FILE] [--listen ADDR] [--only RUNTIME,…] [--once] [--json]",
        about: "a real clickstream into the local collector from Rust, Node, a Worker and Chromium, plain and with faults",
        run: |arguments| harness::run("demo", arguments, harness::Profile::Release),
    },
    Chore {
        name: "bench",
        arguments: "[--write] [--quick] [--only NAME] [record] [deliver] [memory] [vendor] [inlong] [node] [browser] [workerd]",
        about: "the library and its peers, measured side by side; --write keeps the results in benches/",
        run: bench::main,
    },
    Chore {
        name: "vendors",
        arguments: "[python] [java] [inlong-go] [inlong-reader]",
        about: "the vendors' own clients into our collector, and their readers on what it keeps (need Python, Java or Go)",
        run: |arguments| harness::run("vendors", arguments, harness::Profile::Release),
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.split_first() {
        None => {
            println!("{}", help());
            ExitCode::SUCCESS
        }
        Some((name, _)) if ["help", "--help", "-h"].contains(&name.as_str()) => {
            println!("{}", help());
            ExitCode::SUCCESS
        }
        Some((name, rest)) => match CHORES.iter().find(|chore| chore.name == name) {
            Some(chore) => (chore.run)(rest),
            None => {
                eprintln!("there is no chore `{name}`\n\n{}", help());
                ExitCode::from(2)
            }
        },
    }
}

fn help() -> String {
    let mut text = String::from("usage: cargo xtask CHORE [ARGUMENTS]\n\nchores:\n");
    for chore in CHORES {
        text += &format!("  {:<12} {}\n", chore.name, chore.about);
        if !chore.arguments.is_empty() {
            text += &format!("  {:<12} cargo xtask {} {}\n", "", chore.name, chore.arguments);
        }
    }
    text.trim_end().to_owned()
}

/// The project's root folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The folder cargo builds into: this program lies in one of its profiles' folders.
fn target_dir() -> PathBuf {
    env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.parent()?.to_owned()))
        .unwrap_or_else(|| root().join("target"))
}
