//! The checks of the repository itself.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::root;
use crate::steps::{Counts, StepResult, output};

/// The longest a file that people write may be, in lines.
const MAX_LINES: usize = 800;

/// What counts as written by people.
const WRITTEN: [&str; 12] = ["rs", "go", "toml", "md", "ts", "mjs", "js", "css", "html", "py", "java", "sh"];

/// Marks that must not be committed in Rust: stubs, tests that are not run, allowances for whole files.
const NOT_IN_RUST: [&str; 5] = [
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
    concat!("#[ign", "ore"),
    concat!("#![al", "low("),
    concat!("db", "g!("),
];

/// `cargo xtask tidy`.
pub(crate) fn main() -> ExitCode {
    match check() {
        Ok(counts) => {
            println!("{} passed, 0 failed", counts.passed);
            ExitCode::SUCCESS
        }
        Err(found) => {
            println!("{}\n0 passed, {} failed", found.join("\n"), found.len());
            ExitCode::FAILURE
        }
    }
}

/// The same as a step of `cargo xtask test`.
pub(crate) fn step() -> StepResult {
    check().map_err(|found| found.join("\n"))
}

/// Looks at every tracked file; the errors name file, line and problem.
fn check() -> Result<Counts, Vec<String>> {
    let files = files();
    let mut found = Vec::new();
    for path in &files {
        let name = path.to_string_lossy().replace('\\', "/");
        if name.starts_with("tests/vectors/") || name.starts_with("tests/data/") && !name.ends_with(".md") {
            continue;
        }
        let Ok(text) = fs::read_to_string(root().join(path)) else { continue };
        let extension = path.extension().map(|extension| extension.to_string_lossy().into_owned());
        let extension = extension.as_deref().unwrap_or_default();
        let lines = text.lines().count();
        if WRITTEN.contains(&extension) && lines > MAX_LINES {
            found.push(format!("{name}: {lines} lines, more than {MAX_LINES}; split it by meaning"));
        }
        match extension {
            "rs" => rust(&name, &text, &mut found),
            "md" => links(path, &text, &mut found),
            _ if name.ends_with("package-lock.json") && text.contains("\"resolved\": \"http") => {
                found.push(format!(
                    "{name}: names a registry; `npm install` with this project's .npmrc leaves it out"
                ));
            }
            _ => {}
        }
    }
    let readme = fs::read_to_string(root().join("README.md")).unwrap_or_default();
    for command in ["cargo xtask demo", "cargo xtask test"] {
        if !readme.contains(command) {
            found.push(format!("README.md does not show `{command}`"));
        }
    }
    if found.is_empty() { Ok(Counts { passed: files.len() as u64, ..Counts::default() }) } else { Err(found) }
}

fn rust(name: &str, text: &str, found: &mut Vec<String>) {
    for (number, line) in text.lines().enumerate() {
        for mark in
            NOT_IN_RUST.iter().filter(|mark| line.contains(**mark) && !line.trim_start().starts_with("//"))
        {
            found.push(format!("{name}:{}: `{mark}`", number + 1));
        }
    }
}

/// Relative links of a page must lead to files that exist.
fn links(path: &Path, text: &str, found: &mut Vec<String>) {
    let mut in_code = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for link in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let link = link.split([' ', '#']).next().unwrap_or_default();
            if link.is_empty() || link.contains(':') {
                continue;
            }
            let leads_to = normal(&path.parent().unwrap_or(Path::new("")).join(link));
            if !root().join(&leads_to).exists() {
                found.push(format!("{}:{}: the link to {link} leads nowhere", path.display(), number + 1));
            }
        }
    }
}

/// The path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// The files that git knows or would add; without git, those in the folders that hold sources.
fn files() -> Vec<PathBuf> {
    let listed = output(Command::new("git").current_dir(root()).args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]));
    if let Some(listed) = listed {
        return listed.lines().map(PathBuf::from).filter(|path| root().join(path).is_file()).collect();
    }
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if [".git", "target", "node_modules", "dist"].iter().any(|skip| name == *skip) {
                continue;
            }
            let path = folder.join(name);
            if entry.path().is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let mut found = Vec::new();
        super::links(Path::new("docs/x.md"), "see [a](../Cargo.toml) and [b](nowhere.md#x)", &mut found);
        assert_eq!(found, ["docs/x.md:1: the link to nowhere.md leads nowhere"]);
    }
}
