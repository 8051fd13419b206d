//! GrowingIO: a case names calls and the requests that must follow. The calls go to a tracker that talks to a capture
//! server of this program's own; what arrives is decoded and compared as values. Runs natively and through the npm
//! package's wasm build in Node.

mod calls;
mod client;
mod compare;
mod decode;
mod vector;

use std::fs;
use std::path::{Path, PathBuf};

use super::{Report, Verdict};
use client::Runtime;
use vector::Vector;

pub(crate) use decode::plain;

/// Runs every case.
pub(super) fn run(files: &[PathBuf], report: &mut Report) -> Result<(), String> {
    let mut runtimes = [Runtime::Native, Runtime::npm()?];
    for file in files {
        let vector = read(file);
        let verdicts = runtimes.each_mut().map(|runtime| {
            let name = runtime.name();
            (name, verdict(&vector, runtime))
        });
        report.case(file, &verdicts);
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vector, String> {
    Vector::parse(&fs::read_to_string(file).map_err(|error| error.to_string())?)
}

fn verdict(vector: &Result<Vector, String>, runtime: &mut Runtime) -> Verdict {
    match vector {
        Ok(vector) if vector.quirk => Verdict::Skipped("quirk"),
        Ok(vector) => calls::replay(vector, runtime).and_then(|seen| compare::compare(vector, &seen)).into(),
        Err(why) => Verdict::Failed(why.clone()),
    }
}
