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
mod usage;
mod wasm_app;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A chore: its name, what it takes, what it does, and the function that does it.
struct Chore {
    name: &'static str,
    arguments: &'static str,
    /// Whether these are arguments of it: asked before anything is built.
    takes: fn(&[String]) -> bool,
    about: &'static str,
    run: fn(&[String]) -> ExitCode,
}

/// The systems that there are vectors for.
const SYSTEMS: [&str; 2] = ["growingio", "inlong"];

const CHORES: &[Chore] = &[
    Chore {
        name: "test",
        arguments: "[STEP…]",
        takes: |_| true,
        about: "everything that must hold: format, lints, tests, conformance, page, oldest Rust",
        run: test::main,
    },
    Chore {
        name: "tidy",
        arguments: "",
        takes: <[String]>::is_empty,
        about: "the checks of the repository itself: file sizes, lock files, links (part of test)",
        run: |_| tidy::main(),
    },
    Chore {
        name: "build",
        arguments: "",
        takes: <[String]>::is_empty,
        about: "the npm package, into pkg/dist (needs Node)",
        run: package::main,
    },
    Chore {
        name: "size",
        arguments: "[--own]",
        takes: |given| given.len() < 2 && usage::fits(given, &["--own"], &[], &[]),
        about: "what an application weighs with the npm package, against its budget and its peers (needs npm)",
        run: package::size,
    },
    Chore {
        name: "setup",
        arguments: "[chromium]",
        takes: |given| given.len() < 2 && usage::fits(given, &[], &[], &["chromium"]),
        about: "what conformance and demo run the npm package with, where it is missing or out of date (they do it themselves)",
        run: package::setup_main,
    },
    Chore {
        name: "conformance",
        arguments: "growingio|inlong DIR",
        takes: |given| matches!(given, [system, _] if SYSTEMS.contains(&system.as_str())),
        about: "replay every vector in DIR, natively, through the npm package, to the collector",
        run: |arguments| harness::run("conformance", arguments, harness::Profile::DebugWithCommand),
    },
    Chore {
        name: "differential",
        arguments: "[LINES] [SEED]",
        takes: |given| given.len() < 3 && given.iter().all(|number| number.parse::<u64>().is_ok()),
        about: "random events, natively and through the npm package: the same bytes, the same refusals",
        run: |arguments| harness::run("differential", arguments, harness::Profile::Debug),
    },
    Chore {
        name: "demo",
        arguments: "[--input FILE] [--purchases FILE] [--listen ADDR] [--only RUNTIME,…] [--once] [--json]",
        takes: |given| {
            usage::fits(given, &["--once", "--json"], &["--input", "--purchases", "--listen", "--only"], &[])
        },
        about: "a real clickstream from Rust, Node, a Worker and Chromium, and real purchases to InLong, into the local collector, plain and with faults",
        run: |arguments| harness::run("demo", arguments, harness::Profile::Release),
    },
    Chore {
        name: "bench",
        arguments: "[--write] [--quick] [--only NAME] [record] [deliver] [memory] [vendor] [inlong] [node] [browser] [workerd]",
        takes: bench::takes,
        about: "the library and its peers, measured side by side; --write keeps the results in benches/",
        run: bench::main,
    },
    Chore {
        name: "vendors",
        arguments: "[python] [java] [inlong-go] [inlong-reader]",
        takes: |given| usage::fits(given, &[], &[], &["python", "java", "inlong-go", "inlong-reader"]),
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
            Some(chore) if usage::is_asked(rest) => {
                println!("{}\n\n{}", chore.usage(), chore.about);
                ExitCode::SUCCESS
            }
            Some(chore) if !(chore.takes)(rest) => {
                eprintln!("{}", chore.usage());
                ExitCode::from(2)
            }
            Some(chore) => (chore.run)(rest),
            None => {
                eprintln!("there is no chore `{name}`\n\n{}", help());
                ExitCode::from(2)
            }
        },
    }
}

impl Chore {
    fn usage(&self) -> String {
        format!("usage: cargo xtask {} {}", self.name, self.arguments).trim_end().to_owned()
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

#[cfg(test)]
mod tests {
    use super::CHORES;

    #[test]
    fn arguments_are_checked_before_anything_runs() {
        let takes = |words: &str| {
            let mut words = words.split(' ').map(str::to_owned);
            let name = words.next().unwrap_or_default();
            let chore = CHORES.iter().find(|chore| chore.name == name).expect("a chore");
            (chore.takes)(&words.collect::<Vec<_>>())
        };
        for good in [
            "test",
            "test page",
            "tidy",
            "build",
            "size --own",
            "setup chromium",
            "conformance inlong tests/vectors/inlong",
            "differential 100 7",
            "demo --once --only rust,node --purchases file",
            "bench --quick --only x record inlong",
            "vendors java inlong-go",
        ] {
            assert!(takes(good), "{good}");
        }
        for bad in [
            "tidy up",
            "build fast",
            "size --all",
            "setup chromium chromium",
            "conformance",
            "conformance inlong",
            "conformance datahub tests",
            "differential many",
            "demo --twice",
            "demo --input",
            "bench page",
            "vendors rust",
        ] {
            assert!(!takes(bad), "{bad}");
        }
    }
}
