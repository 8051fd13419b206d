//! The command line, as a library so that the binary stays thin: `trackwire collect` and `trackwire send`.
//!
//! Exit status: 0 full success, 1 partial (a line or an event did not make it), 2 unusable arguments.

mod args;
mod balance;
mod collect;
mod input;
mod log;
mod pace;
mod progress;
mod rejects;
mod send;
mod signals;
mod units;

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use signals::Signals;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let args = Args::parse();
    log::start(args.verbose);
    match args.command {
        Command::Collect(options) => collect::run(*options),
        Command::Send { system } => send::run(system),
    }
}

/// Some of the input was not delivered.
const PARTIAL: u8 = 1;
/// The arguments cannot be used.
const USAGE: u8 = 2;

/// Says why the arguments cannot be used.
fn unusable(problem: impl Display) -> ExitCode {
    tell(format_args!("trackwire: {problem}"));
    ExitCode::from(USAGE)
}

/// Writes a line to the standard error. Whoever reads that may be gone, which changes nothing about the work.
fn tell(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}
