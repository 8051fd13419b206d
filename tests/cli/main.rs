//! The `trackwire` binary against a real collector.

#![cfg(feature = "cli")]

mod growingio;
mod inlong;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn trackwire() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trackwire"));
    for name in ["PRODUCT_ID", "DATA_SOURCE_ID", "SERVER_HOST"] {
        command.env_remove(format!("TRACKWIRE_GROWINGIO_{name}"));
    }
    for name in ["ID", "KEY"] {
        command.env_remove(format!("TRACKWIRE_INLONG_AUTH_{name}"));
    }
    command.env("NO_PROXY", "127.0.0.1").stdin(Stdio::null());
    command
}

fn file(dir: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

#[track_caller]
fn run(command: &mut Command, status: i32) -> Output {
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "stdout: {out}\nstderr: {err}");
    output
}

/// Runs with `--json` and gives the balance, whose sums are checked.
#[track_caller]
fn balance(command: &mut Command, status: i32) -> Value {
    let output = run(command.arg("--json"), status);
    let balance: Value = serde_json::from_slice(&output.stdout).unwrap();
    check(&balance);
    balance
}

#[track_caller]
fn check(balance: &Value) {
    let sum = |names: &[&str]| names.iter().map(|name| balance[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum(&["lines"]), sum(&["accepted", "rejected_lines"]), "{balance}");
    let ends = sum(&["delivered", "rejected", "expired", "dropped", "pending"]);
    assert_eq!(sum(&["accepted"]), ends, "{balance}");
}

fn rejects(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the collector says at `path`.
fn get(url: &str, path: &str) -> Value {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{head}");
    serde_json::from_str(body).unwrap()
}

fn good(url: &str) -> u64 {
    get(url, "/trackwire/stats")["good"].as_u64().unwrap()
}
