//! The Java reader of packs (`inlong-common`), given what the collector keeps of type 7 frames. Each frame is brought into
//! the form in which a DataProxy stores it by `xtask/vendors/inlong/InLongReader.java`.

mod ours;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, thread};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::{Cases, Places, maven};
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

/// A frame of type 7 as it was sent, and as the collector keeps it.
struct Kept {
    case: String,
    sent: Vec<u8>,
    kept: Vec<u8>,
}

/// Sends, collects, has all read.
pub(super) fn run(reader: Command) -> Result<Cases, String> {
    let collector = Collector::start_with("127.0.0.1:0", "vendors", &["--inlong-listen", "127.0.0.1:0"])?;
    let mut kept = theirs(&collector)?;
    let mut cases = Cases::new();
    ours::send_all(&collector, &mut kept, &mut cases)?;
    let said = read_all(reader, &kept)?;
    for (kept, said) in kept.iter().zip(&said) {
        let case = cases.entry(format!("reader: {}", kept.case)).or_default();
        let expected = expected(&Frame::decode(&kept.sent)?)?;
        case.expected += expected.len();
        if kept.sent != kept.kept {
            case.wrong.push("the collector does not keep the frame as it was sent".to_owned());
        }
        if expected != *said {
            case.wrong.push(format!("sent {expected:?}, read {said:?}"));
        }
    }
    Ok(cases)
}

/// Plays what the vendor's clients sent.
fn theirs(collector: &Collector) -> Result<Vec<Kept>, String> {
    let mut kept = Vec::new();
    for (case, sent) in captured()? {
        collector.reset()?;
        let mut connection = TcpStream::connect(collector.node()?).map_err(|error| error.to_string())?;
        connection.write_all(&sent).map_err(|error| error.to_string())?;
        let answer = read(&mut connection).map_err(|error| error.to_string())?;
        let answer = answer.ok_or_else(|| format!("{case}: no answer"))?;
        if Answer::decode(&answer)?.code() == 0 {
            let frames = collector.frames()?;
            kept.extend(frames.into_iter().map(|kept| Kept { case: case.clone(), sent: sent.clone(), kept }));
        }
    }
    Ok(kept)
}

/// What the reader makes of each frame, sorted.
fn read_all(mut reader: Command, kept: &[Kept]) -> Result<Vec<Vec<Record>>, String> {
    let mut child = reader
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("java: {error}"))?;
    let mut input = child.stdin.take().ok_or("the reader has no input")?;
    let lines: String = kept.iter().map(|kept| BASE64_STANDARD.encode(&kept.kept) + "\n").collect();
    // Beside: it answers before it has read everything.
    let feeding = thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let _ = feeding.join();
    if !output.status.success() {
        return Err(format!("ended with {}:\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let said: Vec<_> =
        said.lines().map(|line| records(&Json::parse(line)?)).collect::<Result<_, String>>()?;
    if said.len() == kept.len() {
        Ok(said)
    } else {
        Err(format!("{} frames, {} read", kept.len(), said.len()))
    }
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
