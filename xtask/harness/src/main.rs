//! `xtask-harness CHORE [ARGUMENTS]`, run by `cargo xtask`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (chore, rest) = arguments.split_first().map_or(("", &[][..]), |(chore, rest)| (chore.as_str(), rest));
    match chore {
        "conformance" => xtask_harness::conformance::main(rest),
        "demo" => xtask_harness::demo::main(rest),
        "differential" => xtask_harness::differential::main(rest),
        "vendors" => xtask_harness::vendors::main(rest),
        _ => {
            eprintln!("run this through `cargo xtask`, which lists the chores");
            ExitCode::from(2)
        }
    }
}
