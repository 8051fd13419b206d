//! `cargo xtask differential [LINES] [SEED]`: random lines of the neutral form, natively and through the npm package's wasm
//! build in Node. Both must refuse the same lines for the same reason and send the same bytes, before they are compressed.
//!
//! The wasm build leaves numbers and dates as text to JavaScript, which is the main reason to look.

mod lines;

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use lines::Lines;
use trackwire::growingio::{Format, TrackError, Tracker};

use crate::capture::{Capture, Request};
use crate::conformance::plain;
use crate::json::Json;
use crate::npm::{Package, Script};

const FORMATS: [&str; 5] = ["json", "snappy", "snappy_crypt", "protobuf", "protobuf_snappy_crypt"];

/// Lines between two flushes.
const ROUND: usize = 100;

/// The clock of both.
const NOW: u64 = 1_710_325_274_123;

const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the chore.
pub fn main(arguments: &[String]) -> ExitCode {
    let numbers: Option<Vec<u64>> = arguments.iter().map(|argument| argument.parse().ok()).collect();
    let (count, seed) = match numbers.as_deref() {
        Some([]) => (2_000, 1),
        Some([count]) => (*count, 1),
        Some([count, seed]) => (*count, *seed),
        _ => {
            eprintln!("usage: cargo xtask differential [LINES] [SEED]");
            return ExitCode::from(2);
        }
    };
    match run(count as usize, seed) {
        Ok(Tally { same, refused, different }) => {
            println!("{} lines with seed {seed}, {refused} of them refused by both", same + different.len());
            for why in different.iter().take(20) {
                println!("FAILED {why}");
            }
            println!("{same} passed, {} failed, 0 skipped", different.len());
            if different.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Tally {
    same: usize,
    refused: usize,
    different: Vec<String>,
}

fn run(count: usize, seed: u64) -> Result<Tally, String> {
    let mut script = Package::setup()?.start("conformance.mjs", &[])?;
    let mut lines = Lines::new(seed);
    let mut tally = Tally::default();
    let rounds = count.div_ceil(ROUND);
    for round in 0..rounds {
        let lines: Vec<String> = (0..ROUND.min(count - round * ROUND)).map(|_| lines.line()).collect();
        // Each round one of the formats, validated or not.
        let format = FORMATS[round % FORMATS.len()];
        self::round(&lines, format, round % 2 == 0, &mut script, &mut tally)?;
    }
    Ok(tally)
}

fn round(
    lines: &[String],
    format: &str,
    validate: bool,
    script: &mut Script,
    tally: &mut Tally,
) -> Result<(), String> {
    let mut taken = Vec::new();
    let (native, wasm) = (Capture::start(&[])?, Capture::start(&[])?);
    let tracker = tracker(&native.url(), format, validate)?;
    let options = format!(
        r#"{{"productId":"p","dataSourceId":"d","serverHost":"{}","format":"{}","validate":{validate},
        "platform":"t","sdkVersion":"1"}}"#,
        wasm.url(),
        format.replace('_', "-")
    );
    ask(script, "make", Json::parse(&options)?)?;
    ask(script, "clock", Json::Number(NOW.to_string()))?;
    for line in lines {
        let ours = match tracker.track_json(line) {
            Ok(()) => None,
            Err(TrackError::Invalid(invalid)) => Some(said(invalid.code(), &invalid.field)),
            Err(error) => return Err(error.to_string()),
        };
        let theirs = ask(script, "track", Json::String(line.clone()))?;
        if ours != theirs {
            let or_taken = |said: Option<String>| said.unwrap_or("taken".to_owned());
            tally.different.push(format!("native: {}; wasm: {}: {line}", or_taken(ours), or_taken(theirs)));
            // What follows cannot be compared.
            tally.same += taken.len();
            return Ok(());
        }
        match ours {
            None => taken.push(line),
            Some(_) => {
                tally.refused += 1;
                tally.same += 1;
            }
        }
    }
    // Each event in a request of its own, before a close can put some together.
    if !(native.wait(taken.len(), PATIENCE) && wasm.wait(taken.len(), PATIENCE)) {
        return Err(format!("not all of {} requests arrived", taken.len()));
    }
    tracker.close_blocking(PATIENCE).map_err(|error| error.to_string())?;
    ask(script, "close", Json::Number(PATIENCE.as_millis().to_string()))?;
    match difference(&native.requests(), &wasm.requests())? {
        None => tally.same += taken.len(),
        Some(why) => tally.different.push(format!("{format}, validate {validate}: {why}")),
    }
    Ok(())
}

fn tracker(url: &str, format: &str, validate: bool) -> Result<Tracker, String> {
    let format: Format = format.parse().map_err(|error| format!("format: {error}"))?;
    Tracker::builder("p", "d", url)
        .format(format)
        .validate(validate)
        .platform(Some("t".to_owned()))
        .sdk_version(Some("1".to_owned()))
        .clock(|| NOW)
        .build()
        .map_err(|error| error.to_string())
}

/// Has the script do one thing; what it raised, as code and field.
fn ask(script: &mut Script, what: &str, with: Json) -> Result<Option<String>, String> {
    script.say(&Json::Array(vec![Json::String(what.to_owned()), with]))?;
    let answer = script.hear()?.ok_or("the script ended")?;
    let text = |key| answer.text_of(key).unwrap_or_default();
    Ok(answer.get("raised").map(|_| said(text("code"), text("field"))))
}

/// Why a line was refused. Beyond a zero character the package does not name the field.
fn said(code: &str, field: &str) -> String {
    format!("{code} {}", field.split('\0').next().unwrap_or_default())
}

/// Where the requests differ once XOR and snappy are undone: of the many ways to compress, the module has one of its own.
/// Requests may come in any order.
fn difference(native: &[Request], wasm: &[Request]) -> Result<Option<String>, String> {
    if native.len() != wasm.len() {
        return Ok(Some(format!("{} requests natively, {} by wasm", native.len(), wasm.len())));
    }
    let (native, wasm) = (Sent::all(native)?, Sent::all(wasm)?);
    Ok(native.iter().zip(&wasm).find_map(|(a, b)| {
        if (a.path, a.query, &a.layers) != (b.path, b.query, &b.layers) {
            return Some(format!("{a}, and by wasm {b}"));
        }
        let at = a.plain.iter().zip(&b.plain).position(|(a, b)| a != b);
        let at = at.or((a.plain.len() != b.plain.len()).then(|| a.plain.len().min(b.plain.len())))?;
        let near = |body: &[u8]| {
            let part = body.get(at.saturating_sub(100)..(at + 100).min(body.len())).unwrap_or_default();
            String::from_utf8_lossy(part).into_owned()
        };
        Some(format!("{a} differs at byte {at}: {}\n  and by wasm: {}", near(&a.plain), near(&b.plain)))
    }))
}

/// What a request says.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Sent<'r> {
    path: &'r str,
    plain: Vec<u8>,
    query: &'r [(String, String)],
    layers: Vec<&'static str>,
}

impl<'r> Sent<'r> {
    fn all(requests: &'r [Request]) -> Result<Vec<Self>, String> {
        let mut all = Vec::new();
        for request in requests {
            let (plain, layers) = plain(request)?;
            all.push(Self { path: &request.path, plain, query: &request.query, layers });
        }
        all.sort();
        Ok(all)
    }
}

impl fmt::Display for Sent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {}", self.path, self.query, self.layers.join(" "))
    }
}
