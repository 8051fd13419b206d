//! `cargo xtask conformance SYSTEM DIR`: captured calls of the vendors' clients, replayed through the public API over HTTP.
//!
//! Each `*.json` of DIR names calls and the requests that must follow. The calls go to a tracker that talks to a capture
//! server of this program's own; what arrives is decoded and compared as values. Ends with `N passed, N failed, N skipped`.

mod calls;
mod capture;
mod compare;
mod decode;
mod vector;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use vector::Vector;

/// How a case ended.
enum Verdict {
    Ok,
    Failed(String),
    Skipped,
}

/// Runs the chore; `arguments` are the system and the folder.
pub fn main(arguments: &[String]) -> ExitCode {
    let [system, folder] = arguments else {
        eprintln!("usage: cargo xtask conformance SYSTEM DIR");
        return ExitCode::from(2);
    };
    if system != "growingio" {
        eprintln!("there are no conformance cases for `{system}` yet; the system known is `growingio`");
        return ExitCode::from(2);
    }
    let files = match vectors(Path::new(folder)) {
        Ok(files) => files,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for file in &files {
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        match case(file) {
            Verdict::Ok => {
                passed += 1;
                println!("ok {name}");
            }
            Verdict::Failed(why) => {
                failed += 1;
                println!("FAILED {name}: {why}");
            }
            Verdict::Skipped => {
                skipped += 1;
                println!("skipped {name} (quirk)");
            }
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn vectors(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    if files.is_empty() { Err(format!("{} holds no *.json", folder.display())) } else { Ok(files) }
}

fn case(file: &Path) -> Verdict {
    let vector =
        fs::read_to_string(file).map_err(|error| error.to_string()).and_then(|text| Vector::parse(&text));
    match vector {
        Ok(vector) if vector.quirk => Verdict::Skipped,
        Ok(vector) => match calls::replay(&vector).and_then(|seen| compare::compare(&vector, &seen)) {
            Ok(()) => Verdict::Ok,
            Err(why) => Verdict::Failed(why),
        },
        Err(why) => Verdict::Failed(why),
    }
}
