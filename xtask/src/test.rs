//! `cargo xtask test`: everything that must hold, in one command.
//!
//! Cargo is asked for few distinct feature sets, because on a cold machine each costs a rebuild of what depends on them:
//! all features (lints, tests, conformance), the core alone, and the defaults on the oldest supported Rust.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::{env, fs};

use crate::steps::{Counts, StepResult, Steps, output, run, run_tests};
use crate::tools::{self, cargo};
use crate::{package, root, target_dir, tidy, wasm_app};

const WASM: &str = "wasm32-unknown-unknown";

/// What the core is: every system, nothing that does I/O.
const CORE: [&str; 3] = ["--no-default-features", "--features", "growingio"];

/// Crates that the core must not pull in, by the start of their name.
const NOT_IN_CORE: [&str; 7] =
    ["tokio", "hyper", "reqwest", "wasm-bindgen", "web-sys", "js-sys", "gloo-timers"];

/// A step's name and what it does.
type Step = (&'static str, fn() -> StepResult);

/// The steps, in the order they run.
const STEPS: [Step; 16] = [
    ("repository", tidy::step),
    ("format", format),
    ("lints", lints),
    ("lints for wasm32", lints_wasm),
    ("documentation", documentation),
    ("unit, integration and doc tests", tests),
    ("conformance: growingio", conformance_growingio),
    ("conformance: inlong", conformance_inlong),
    ("differential", differential),
    ("demo", demo),
    ("page", page),
    ("npm package", npm_package),
    ("npm size", npm_size),
    ("Rust application in wasm", rust_wasm),
    ("core without I/O", core),
    ("oldest supported Rust", oldest_rust),
];

/// `cargo xtask test [STEP…]`: all steps, or those whose name holds one of the words given. A failure does not keep the
/// later steps from running.
pub(crate) fn main(arguments: &[String]) -> ExitCode {
    let wanted = |name: &str| match arguments {
        [] => true,
        words => words.iter().any(|word| name.contains(word.as_str())),
    };
    if !STEPS.iter().any(|(name, _)| wanted(name)) {
        let names = STEPS.map(|(name, _)| name).join("\n  ");
        eprintln!("no step is called {}; there are\n  {names}", arguments.join(" or "));
        return ExitCode::from(2);
    }
    let mut steps = Steps::default();
    for (name, run) in STEPS.iter().filter(|(name, _)| wanted(name)) {
        steps.step(name, run);
    }
    steps.finish()
}

fn tests() -> StepResult {
    run_tests(cargo().args(["test", "--locked", "--workspace", "--all-features", "--no-fail-fast"]))
}

fn format() -> StepResult {
    tools::component("rustfmt", "fmt")?;
    let mut counts = run(cargo().args(["fmt", "--all", "--check"]))?;
    // Workspaces of their own, because they have dependencies that nothing else needs.
    let own = ["benches/Cargo.toml", "fuzz/Cargo.toml", wasm_app::MANIFEST];
    for own in own.iter().filter(|path| root().join(path).is_file()) {
        counts += run(cargo().args(["fmt", "--all", "--manifest-path", own, "--check"]))?;
    }
    Ok(counts)
}

fn lints() -> StepResult {
    tools::component("clippy", "clippy")?;
    let targets = ["--workspace", "--all-targets", "--all-features"];
    let counts = run(cargo().args(["clippy", "--locked"]).args(targets).args(["--", "-D", "warnings"]))?;
    // Servers that use one system alone.
    for features in ["growingio,native", "inlong,native"] {
        let mut clippy = cargo();
        clippy.args(["clippy", "--locked", "--package", "trackwire", "--lib", "--no-default-features"]);
        run(clippy.args(["--features", features, "--", "-D", "warnings"]))?;
    }
    Ok(counts)
}

fn lints_wasm() -> StepResult {
    tools::target(WASM)?;
    // The core, the module of the npm package, and what applications that are wasm themselves use.
    for features in ["growingio", "js,growingio", "js,inlong", "js-page,inlong", "growingio,wasm"] {
        let mut clippy = cargo();
        clippy.args(["clippy", "--locked", "--package", "trackwire", "--lib", "--target", WASM]);
        run(clippy.args(["--no-default-features", "--features", features, "--", "-D", "warnings"]))?;
    }
    Ok(Counts { passed: 5, ..Counts::default() })
}

fn documentation() -> StepResult {
    let mut counts = Counts::default();
    let wasm = ["--no-default-features", "--features", "growingio,wasm", "--target", WASM];
    for what in [&["--all-features"][..], &wasm[..]] {
        let arguments = ["doc", "--locked", "--package", "trackwire", "--lib", "--no-deps"];
        counts += run(cargo().env("RUSTDOCFLAGS", "-D warnings").args(arguments).args(what))?;
    }
    Ok(counts)
}

/// Natively, and through the npm package in Node.
fn conformance_growingio() -> StepResult {
    package::setup()?;
    conformance("growingio")
}

/// Natively, through the npm package in Node, and to the collector.
fn conformance_inlong() -> StepResult {
    package::setup()?;
    collector()?;
    conformance("inlong")
}

fn conformance(system: &str) -> StepResult {
    let vectors = root().join("tests/vectors").join(system);
    let mut test = cargo();
    test.args(["test", "--locked", "--workspace", "--all-features", "--test", "conformance", "--"]);
    run_tests(for_harness(&mut test).env("TRACKWIRE_BIN", binary()).arg(system).arg(vectors))
}

/// Random events: the npm package's wasm build does what the crate does.
fn differential() -> StepResult {
    package::setup()?;
    let mut test = cargo();
    test.args(["test", "--locked", "--workspace", "--all-features", "--test", "differential"]);
    run_tests(for_harness(&mut test))
}

/// The demo, once, with every runtime.
fn demo() -> StepResult {
    tools::chromium()?;
    package::setup()?;
    collector()?;
    let mut test = cargo();
    test.args(["test", "--locked", "--workspace", "--all-features", "--test", "demo"]);
    run_tests(for_harness(&mut test).env("TRACKWIRE_BIN", binary()))
}

fn page() -> StepResult {
    // Its playground tracks with the package.
    package::setup()?;
    node_tests(&["tests/page"])
}

/// The npm package, built, packed and installed in throwaway projects: Node, Deno, Bun, workerd, Chromium; and the examples
/// of the documentation.
fn npm_package() -> StepResult {
    package::setup()?;
    // The module as its tests of traps want it.
    let mut trap = cargo();
    trap.args(["rustc", "--locked", "--lib", "--crate-type", "cdylib", "--target", WASM]);
    run(trap.args(["--no-default-features", "--features", "__test-panic,growingio"]))?;
    let mut trap = cargo();
    trap.args(["rustc", "--locked", "--lib", "--crate-type", "cdylib", "--target", WASM, "--target-dir"]);
    let features = ["--no-default-features", "--features", "__test-panic,inlong"];
    run(trap.arg(target_dir().join("trap-inlong")).args(features))?;
    let folders =
        ["node", "servers", "workers", "browser", "docs"].map(|folder| format!("tests/runtimes/{folder}"));
    node_tests(&folders.each_ref().map(String::as_str))
}

/// The package within the budgets of `wasm-pack.toml`, weighed in an application that calls everything.
fn npm_size() -> StepResult {
    package::setup()?;
    let test = "tests/runtimes/size/size.test.mjs";
    run_tests(Command::new("node").current_dir(root()).args(["--test", "--test-reporter=tap", test]))
}

/// A Rust application that is wasm itself, in workerd and Chromium.
fn rust_wasm() -> StepResult {
    package::dependencies()?;
    tools::target(WASM)?;
    wasm_app::build()?;
    node_tests(&["tests/runtimes/rust"])
}

/// The tests of these folders, with Chromium and the collector at hand.
fn node_tests(folders: &[&str]) -> StepResult {
    let chromium = tools::chromium()?;
    collector()?;
    let mut files = Vec::new();
    for folder in folders {
        let listed = fs::read_dir(root().join(folder)).map_err(|error| format!("{folder}: {error}"))?;
        let paths = listed.filter_map(|entry| Some(entry.ok()?.path()));
        files.extend(paths.filter(|path| path.to_string_lossy().ends_with(".test.mjs")));
    }
    files.sort();
    let mut node = Command::new("node");
    // One file at a time: some of them time what they see.
    node.current_dir(root()).args(["--test", "--test-concurrency=1", "--test-timeout=300000"]);
    node.arg("--test-reporter=tap").args(files);
    node.env("CHROMIUM", chromium).env("TRACKWIRE_BIN", binary());
    node.env("TRACKWIRE_TRAP", target_dir().join(WASM).join("debug").join("trackwire.wasm"));
    let trap = target_dir().join("trap-inlong").join(WASM).join("debug").join("trackwire.wasm");
    node.env("TRACKWIRE_TRAP_INLONG", trap);
    node.env("TRACKWIRE_WASM_APP", wasm_app::folder());
    let counts = run_tests(&mut node)?;
    match counts.skipped {
        0 => Ok(counts),
        n => Err(format!("{n} of the tests were skipped")),
    }
}

/// Builds the collector that tests talk to: the binary that integration tests are given, from the same build.
fn collector() -> Result<(), String> {
    run(cargo().args(["test", "--locked", "--workspace", "--all-features", "--test", "cli", "--no-run"]))
        .map(drop)
}

fn binary() -> PathBuf {
    target_dir().join("debug").join("trackwire")
}

/// What the harness is told when `cargo xtask` starts it.
fn for_harness(command: &mut Command) -> &mut Command {
    command.env("TRACKWIRE_ROOT", root()).env("TRACKWIRE_XTASK", env::current_exe().unwrap_or_default())
}

/// The core builds for the host and for wasm32, and its dependency tree holds nothing that does I/O; nor does feature `js`
/// bring any of that, nor feature `wasm` where there is no wasm.
fn core() -> StepResult {
    tools::target(WASM)?;
    let host = host()?;
    let mut counts = Counts::default();
    let trees = [
        (&*host, "growingio"),
        (WASM, "growingio"),
        (WASM, "js,growingio"),
        (WASM, "js,inlong"),
        (&*host, "growingio,wasm"),
    ];
    for (target, features) in trees {
        let mut tree = cargo();
        tree.args(["tree", "--locked", "--package", "trackwire", "--edges", "normal", "--prefix", "none"]);
        tree.args(["--no-default-features", "--features", features, "--target", target]);
        let tree = output(&mut tree).ok_or("`cargo tree` failed")?;
        let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
        let wrong: Vec<&str> =
            names.iter().copied().filter(|name| NOT_IN_CORE.iter().any(|no| name.starts_with(no))).collect();
        if !wrong.is_empty() {
            return Err(format!("for {target} with {features} there are {}", wrong.join(", ")));
        }
        println!("for {target} with {features} there are {}", names.join(", "));
        counts += Counts::ONE;
    }
    for target in [&*host, WASM] {
        let mut build = cargo();
        build.args(["build", "--locked", "--package", "trackwire", "--lib"]).args(CORE);
        if target != host {
            build.args(["--target", target]);
        }
        counts += run(&mut build)?;
    }
    Ok(counts)
}

/// The library, with its default features and as the core alone, on the Rust that Cargo.toml declares.
fn oldest_rust() -> StepResult {
    let manifest =
        fs::read_to_string(root().join("Cargo.toml")).map_err(|error| format!("Cargo.toml: {error}"))?;
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "))
        .ok_or("Cargo.toml declares no rust-version")?
        .trim_matches('"');
    let toolchain = tools::toolchain(version)?;
    let mut counts = Counts::default();
    for features in [&[][..], &CORE[..]] {
        let mut check = Command::new("rustup");
        check.current_dir(root()).args(["run", &toolchain, "cargo", "check", "--locked"]);
        counts += run(check.args(["--package", "trackwire", "--lib"]).args(features))?;
    }
    Ok(counts)
}

fn host() -> Result<String, String> {
    output(Command::new("rustc").current_dir(root()).arg("-vV"))
        .and_then(|text| Some(text.lines().find_map(|line| line.strip_prefix("host: "))?.to_owned()))
        .ok_or_else(|| "`rustc -vV` does not name the host".to_owned())
}
