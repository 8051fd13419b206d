//! The differential run as a test program, so that it shares the build of the other tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    xtask_harness::differential::main(&arguments)
}
