//! The Java SDK, fetched by Maven and run from a single source file.

use std::process::Command;

use super::super::{Places, maven};

pub(super) fn prepare(places: &Places) -> Result<Command, String> {
    let libraries = places.work.join("java");
    maven(&places.sources.join("pom.xml"), &libraries)?;
    let mut command = Command::new("java");
    command.arg("-cp").arg(libraries.join("*")).arg(places.sources.join("GrowingioSdkClient.java"));
    Ok(command)
}
