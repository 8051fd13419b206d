//! The `trackwire` command: a local collector, and sending files of events.

use std::process::ExitCode;

fn main() -> ExitCode {
    trackwire::cli::main()
}
