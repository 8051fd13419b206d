//! InLong DataProxy: exchanges of the vendor's clients with its server, played to our client, natively and in the npm package,
//! and to the collector.

mod client;
mod server;
mod vector;

use std::fs;
use std::path::{Path, PathBuf};

use super::{Report, Verdict};
use crate::collector::Collector;
use client::Runtime;
use vector::Vector;

/// Runs every case.
pub(super) fn run(files: &[PathBuf], report: &mut Report) -> Result<(), String> {
    let vectors: Vec<(&PathBuf, Result<Vector, String>)> =
        files.iter().map(|file| (file, read(file))).collect();
    let unknown = server::unknown(vectors.iter().filter_map(|(_, vector)| vector.as_ref().ok()));
    let mut arguments = vec!["--inlong-listen", "127.0.0.1:0", "--inlong-http-listen", "127.0.0.1:0"];
    for target in &unknown {
        arguments.extend(["--inlong-unknown", target]);
    }
    let collector = Collector::start_with("127.0.0.1:0", "conformance", &arguments)?;
    let mut runtimes = [Runtime::Native, Runtime::npm()?];
    for (file, vector) in vectors {
        let mut verdicts: Vec<(&'static str, Verdict)> = Vec::new();
        match &vector {
            Ok(vector) => {
                for runtime in &mut runtimes {
                    let name = runtime.name();
                    verdicts.extend(client::replay(vector, runtime).map(|verdict| (name, verdict)));
                }
                verdicts.extend(server::play(vector, &collector).map(|verdict| ("collector", verdict)));
            }
            Err(why) => verdicts.push(("case", Verdict::Failed(why.clone()))),
        }
        report.case(file, &verdicts);
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vector, String> {
    Vector::parse(&fs::read_to_string(file).map_err(|error| error.to_string())?)
}
