//! The Java reader of packs (`inlong-common`), given what the collector keeps of type 7 frames. Each frame is brought into
//! the form in which a DataProxy stores it by `xtask/vendors/inlong/InLongReader.java`.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::{Case, Cases, Places, maven};
use crate::collector::Collector;
use crate::inlong::answer::Answer;
use crate::inlong::frame::Frame;
use crate::inlong::{attributes, read};
use crate::json::Json;

/// Set by the server.
const OWN: [&str; 3] = ["rtms", "node2ip", "rtime2"];

/// Message and attributes as the reader has them.
type Record = (BTreeMap<String, String>, Vec<u8>);

/// Fetches the reader and gives back the command to run, or says what is missing.
pub(super) fn prepare(places: &Places) -> Result<Command, String> {
    let libraries = places.work.join("inlong-java");
    let sources = places.sources.join("inlong");
    maven(&sources.join("pom.xml"), &libraries)?;
    let mut command = Command::new("java");
    command.arg("-cp").arg(libraries.join("*")).arg(sources.join("InLongReader.java"));
    Ok(command)
}

/// Sends, collects, has all read.
pub(super) fn run(mut reader: Command) -> Result<Cases, String> {
    let collector = Collector::start_with("127.0.0.1:0", "vendors", &["--inlong-listen", "127.0.0.1:0"])?;
    let (mut names, mut sent) = (Vec::new(), Vec::new());
    for (name, frame) in captured()? {
        let mut connection = TcpStream::connect(collector.node()?).map_err(|error| error.to_string())?;
        connection.write_all(&frame).map_err(|error| error.to_string())?;
        let answer = read(&mut connection).map_err(|error| error.to_string())?;
        let answer = answer.ok_or_else(|| format!("{name}: no answer"))?;
        if Answer::decode(&answer)?.code() == 0 {
            names.push(name);
            sent.push(frame);
        }
    }
    let kept = collector.frames()?;
    let lines: Vec<String> = kept.iter().map(|frame| BASE64_STANDARD.encode(frame)).collect();
    let mut child = reader
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("java: {error}"))?;
    let mut input = child.stdin.take().ok_or("the reader has no input")?;
    input.write_all(lines.join("\n").as_bytes()).map_err(|error| error.to_string())?;
    drop(input);
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("ended with {}:\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    let said =
        String::from_utf8_lossy(&output.stdout).lines().map(Json::parse).collect::<Result<Vec<_>, _>>()?;
    if said.len() != sent.len() || kept.len() != sent.len() {
        return Err(format!("{} frames sent, {} kept, {} read", sent.len(), kept.len(), said.len()));
    }
    let mut cases = Cases::new();
    for (name, ((sent, kept), said)) in names.into_iter().zip(sent.iter().zip(&kept).zip(&said)) {
        let case: &mut Case = cases.entry(format!("reader: {name}")).or_default();
        let expected = expected(&Frame::decode(sent)?)?;
        case.expected += expected.len();
        if sent != kept {
            case.wrong.push("the collector does not keep the frame as it was sent".to_owned());
        }
        let got = records(said)?;
        if expected != got {
            case.wrong.push(format!("sent {expected:?}, read {got:?}"));
        }
    }
    Ok(cases)
}

/// Frames of type 7 that the vendor's clients sent, with their cases' names.
fn captured() -> Result<Vec<(String, Vec<u8>)>, String> {
    let root = env::var_os("TRACKWIRE_ROOT").ok_or("run this through `cargo xtask`")?;
    let folder = Path::new(&root).join("tests/vectors/inlong");
    let listed = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let is_json = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    let mut files: Vec<_> = listed.flatten().map(|entry| entry.path()).filter(is_json).collect();
    files.sort();
    let mut frames = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let json = Json::parse(&text)?;
        let exchanges = json.get("exchanges").map(Json::elements).unwrap_or_default();
        for exchange in exchanges.iter().filter(|exchange| exchange.get("response_base64").is_some()) {
            let frame = exchange.text_of("request_base64").unwrap_or_default();
            let frame = BASE64_STANDARD.decode(frame).map_err(|error| error.to_string())?;
            if frame.get(4).is_some_and(|kind| kind & 0x1f == 7) {
                frames.push((json.text_of("name").unwrap_or_default().to_owned(), frame));
            }
        }
    }
    Ok(frames)
}

/// What the reader must make of a frame, sorted.
fn expected(frame: &Frame) -> Result<Vec<Record>, String> {
    let mut records = Vec::new();
    for message in frame.messages()? {
        let mut all = attributes(message.attributes.as_deref().unwrap_or_default());
        all.extend(frame.attributes.clone());
        all.push(("dt".to_owned(), (u64::from(frame.dt) * 1000).to_string()));
        all.push(("cnt".to_owned(), frame.cnt.max(1).to_string()));
        records.push((all.into_iter().filter(is_sent).collect(), message.data));
    }
    records.sort();
    Ok(records)
}

/// What the reader said, sorted.
fn records(said: &Json) -> Result<Vec<Record>, String> {
    let mut records = Vec::new();
    for record in said.get("records").map(Json::elements).unwrap_or_default() {
        let data = BASE64_STANDARD.decode(record.text_of("base64").unwrap_or_default());
        let all = attributes(record.text_of("attributes").unwrap_or_default());
        records.push((all.into_iter().filter(is_sent).collect(), data.map_err(|error| error.to_string())?));
    }
    records.sort();
    Ok(records)
}

fn is_sent((key, _): &(String, String)) -> bool {
    !OWN.contains(&key.as_str())
}
