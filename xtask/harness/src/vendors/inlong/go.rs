//! The Go client: a program around it (`xtask/vendors/inlong/main.go`) is told what to send and says what became of it.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::{Case, Cases, Places, is_there};
use crate::collector::Collector;
use crate::json::Json;

/// One way of sending.
#[derive(Default)]
struct Sending {
    case: &'static str,
    /// More arguments for the collector.
    collector: &'static [&'static str],
    /// Its plan of faults.
    faults: &'static str,
    /// Id and key for the Manager.
    auth: Option<(&'static str, &'static str)>,
    columns: &'static [(&'static str, &'static str)],
    /// One packs all messages of a stream together.
    workers: u32,
    /// Stream and text.
    messages: Vec<(String, String)>,
    /// The error code that each is told, from the first on; 0 for those behind.
    codes: &'static [i64],
    /// Whether the packs must come compressed.
    snappy: bool,
    /// How many nodes must have got some.
    nodes: usize,
}

const GROUP: &str = "vendor_go";

fn sendings() -> Vec<Sending> {
    let texts = |stream: &str, texts: &[&str]| -> Vec<(String, String)> {
        texts.iter().map(|text| (stream.to_owned(), (*text).to_owned())).collect()
    };
    let long = "The quick brown fox jumps over the lazy dog. ".repeat(12);
    let spread =
        |count: usize| (0..count).map(|at| (format!("s{}", at % 5), format!("message {at}"))).collect();
    vec![
        Sending { case: "single", messages: texts("s1", &["hello"]), ..one() },
        Sending {
            case: "several, with unicode",
            messages: texts("s1", &["plain", "中文 héllo — ñ", "🚀 \"quotes\" \\ \t|", "a=b&c=d%20+"]),
            ..one()
        },
        Sending { case: "snappy", messages: texts("s1", &[&long, "short"]), snappy: true, ..one() },
        Sending { case: "several streams", messages: spread(500), workers: 4, ..one() },
        Sending {
            case: "newlines",
            messages: texts("s1", &["ends\n", "ends twice\n\n", "in\nside", "\nstarts", "cr\r\n"]),
            ..one()
        },
        Sending {
            case: "extra columns",
            columns: &[("__addcol1__worldid", "7"), ("__addcol2__zone", "eu-1")],
            messages: texts("s1", &["a", "b"]),
            ..one()
        },
        Sending {
            case: "auth to the Manager",
            collector: &["--inlong-auth", "admin:inlong"],
            auth: Some(("admin", "inlong")),
            messages: texts("s1", &["let in"]),
            ..one()
        },
        Sending {
            case: "code 2, service closed",
            faults: r#"{"system":"inlong","code":2,"count":1}"#,
            messages: texts("s1", &["refused"]),
            codes: &[2],
            ..one()
        },
        Sending {
            case: "code 114, queue full",
            faults: r#"{"system":"inlong","code":114,"count":1}"#,
            messages: texts("s1", &["refused", "refused too"]),
            codes: &[114, 114],
            ..one()
        },
        Sending {
            case: "code 115, no topic",
            faults: r#"{"system":"inlong","code":115,"count":1}"#,
            messages: texts("s1", &["refused"]),
            codes: &[115],
            ..one()
        },
        Sending {
            case: "several nodes",
            collector: &["--inlong-nodes", "3"],
            messages: spread(600),
            workers: 6,
            nodes: 3,
            ..one()
        },
    ]
}

fn one() -> Sending {
    Sending { workers: 1, ..Sending::default() }
}

/// Builds the program and gives back its path, or says what is missing.
pub(super) fn prepare(places: &Places) -> Result<PathBuf, String> {
    let usual = ["go", "/usr/local/go/bin/go"];
    let go = usual.into_iter().find(|go| is_there(go, "version"));
    let go = go.ok_or("Go is not installed (1.22 or later); the vendor's Go client needs it")?;
    let program = places.work.join(format!("inlong-go{}", env::consts::EXE_SUFFIX));
    let built = Command::new(go)
        .current_dir(places.sources.join("inlong"))
        .args(["build", "-mod=readonly", "-o"])
        .arg(&program)
        .status();
    match built {
        Ok(status) if status.success() => Ok(program),
        _ => {
            Err("Go could not build the vendor's client; are its modules to be had from the proxy?"
                .to_owned())
        }
    }
}

/// Runs every case.
pub(super) fn run(program: &Path) -> Result<Cases, String> {
    let mut cases = Cases::new();
    for sending in sendings() {
        let wrong = match check(program, &sending) {
            Ok(wrong) => wrong,
            Err(why) => vec![why],
        };
        let expected = sending.messages.len();
        cases.insert(format!("go: {}", sending.case), Case { expected, wrong });
    }
    Ok(cases)
}

/// Sends, and says what is not as it should be.
fn check(program: &Path, sending: &Sending) -> Result<Vec<String>, String> {
    let arguments = [&["--inlong-listen", "127.0.0.1:0"][..], sending.collector].concat();
    let collector = Collector::start_with("127.0.0.1:0", "vendors", &arguments)?;
    collector.set_faults(&Json::parse(&format!(r#"{{"faults":[{}]}}"#, sending.faults))?)?;
    let mut wrong = Vec::new();
    let mut expected = Vec::new();
    for (at, (outcome, message)) in
        send(program, &collector, sending)?.iter().zip(&sending.messages).enumerate()
    {
        let code = sending.codes.get(at).copied().unwrap_or(0);
        if outcome.get("code").and_then(Json::int) != Some(code) {
            wrong.push(format!("the client was told {outcome} of message {at}, code {code} was expected"));
        }
        if code == 0 {
            // The client cuts one line feed from each message.
            let (stream, text) = message;
            expected.push((stream.clone(), text.strip_suffix('\n').unwrap_or(text).to_owned()));
        }
    }
    let mut held = collector.records("good", None)?;
    let nodes: BTreeSet<&str> = held.iter().filter_map(node).collect();
    if nodes.len() < sending.nodes {
        wrong.push(format!("{} of {} nodes were used", nodes.len(), sending.nodes));
    }
    for (stream, text) in expected {
        match held.iter().position(|record| is(record, sending, &stream, &text)) {
            Some(found) => drop(held.remove(found)),
            None => wrong.push(format!("the collector does not hold {text:?} of {stream}")),
        }
    }
    wrong.extend(held.iter().map(|record| format!("held, but never sent so: {record}")));
    Ok(wrong)
}

/// Whether a record is this message, sent as it had to be.
fn is(record: &Json, sending: &Sending, stream: &str, text: &str) -> bool {
    let attribute = |key: &str| record.get("attributes").and_then(|attributes| attributes.text_of(key));
    let layers = record.get("request").and_then(|request| request.get("layers")).map(Json::elements);
    let is_snappy = layers.is_some_and(|layers| layers.iter().any(|layer| layer.text() == Some("snappy")));
    record.get("raw").and_then(|raw| raw.text_of("text")) == Some(text)
        && attribute("groupId") == Some(GROUP)
        && attribute("streamId") == Some(stream)
        && sending.columns.iter().all(|(key, value)| attribute(key) == Some(value))
        && (!sending.snappy || is_snappy)
}

/// The number of the node that a record came to.
fn node(record: &Json) -> Option<&str> {
    record.get("request")?.get("headers")?.text_of("node")
}

/// Runs the program; an outcome for each message.
fn send(program: &Path, collector: &Collector, sending: &Sending) -> Result<Vec<Json>, String> {
    let text = |text: &str| Json::String(text.to_owned());
    let message = |(stream, body): &(String, String)| {
        let base64 = text(&BASE64_STANDARD.encode(body));
        Json::Object(vec![("stream".to_owned(), text(stream)), ("base64".to_owned(), base64)])
    };
    let columns = sending.columns.iter().map(|(key, value)| ((*key).to_owned(), text(value)));
    let (id, key) = sending.auth.unwrap_or_default();
    let manager = format!("{}/inlong/manager/openapi/dataproxy/getIpList", collector.url());
    let task = BTreeMap::from([
        ("manager", text(&manager)),
        ("group", text(GROUP)),
        ("id", text(id)),
        ("key", text(key)),
        ("columns", Json::Object(columns.collect())),
        ("workers", Json::Number(sending.workers.to_string())),
        ("messages", Json::Array(sending.messages.iter().map(message).collect())),
    ]);
    let task = Json::Object(task.into_iter().map(|(key, value)| (key.to_owned(), value)).collect());
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let mut input = child.stdin.take().ok_or("the program has no input")?;
    input.write_all(task.to_string().as_bytes()).map_err(|error| error.to_string())?;
    drop(input);
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let outcomes =
        String::from_utf8_lossy(&output.stdout).lines().map(Json::parse).collect::<Result<Vec<_>, _>>()?;
    if outcomes.len() == sending.messages.len() && output.status.success() {
        return Ok(outcomes);
    }
    Err(format!("it ended with {}:\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
}
