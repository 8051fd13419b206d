//! The Java SDK, fetched by Maven and run from a single source file.

use std::process::{Command, Stdio};

use super::Places;

pub(super) fn prepare(places: &Places) -> Result<Command, String> {
    let runs = |program: &str| {
        let version =
            Command::new(program).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    };
    let missing: Vec<&str> = ["java", "javac", "mvn"].into_iter().filter(|program| !runs(program)).collect();
    if !missing.is_empty() {
        return Err(format!(
            "{}; the vendor's Java SDK needs a JDK (11 or later) and Maven",
            missing.join(", ")
        ));
    }
    let libraries = places.work.join("java");
    let fetched = Command::new("mvn")
        .args(["--quiet", "--batch-mode", "dependency:copy-dependencies", "--file"])
        .arg(places.sources.join("pom.xml"))
        .arg(format!("-DoutputDirectory={}", libraries.display()))
        .status();
    if !fetched.is_ok_and(|status| status.success()) {
        return Err("Maven could not fetch growingio-java-sdk 1.0.16-cdp".to_owned());
    }
    let mut command = Command::new("java");
    command.arg("-cp").arg(libraries.join("*")).arg(places.sources.join("GrowingioSdkClient.java"));
    Ok(command)
}
