//! The npm package, in Node, in a Worker and in Chromium: `xtask/js/demo.mjs` sends what it is given.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use super::report::grouped;
use super::{Job, Load, Sent, System};
use crate::json::Json;
use crate::npm::{self, Package};

/// What the package's rows need. It is fetched and built when the first of them comes.
pub(super) struct Kit {
    /// The events, one a line.
    events: PathBuf,
    /// The messages, one a line.
    messages: PathBuf,
    package: Option<Result<Package, String>>,
    chromium: Option<PathBuf>,
}

impl Kit {
    /// Writes down in `folder` what there is to send.
    pub(super) fn new(folder: &Path, load: &Load) -> Result<Self, String> {
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
            Ok::<_, String>(path)
        };
        let events = write("events.ndjson", load.events.iter().map(|event| event.line() + "\n").collect())?;
        let messages = write("messages.txt", load.messages.join("\n") + "\n")?;
        Ok(Self { events, messages, package: None, chromium: None })
    }

    /// Sees to the package.
    pub(super) fn package(&mut self) -> Result<(), String> {
        let package = self.package.get_or_insert_with(|| {
            eprintln!("the npm package: fetching and building what is missing …");
            Package::setup()
        });
        package.as_ref().map(drop).map_err(String::clone)
    }

    /// Sees to the package and to Chromium.
    pub(super) fn browser(&mut self) -> Result<(), String> {
        self.package()?;
        self.chromium = Some(npm::chromium()?);
        Ok(())
    }
}

/// Sends the events and waits until each has an outcome.
pub(super) fn send(job: &Job<'_>) -> Result<Sent, String> {
    let Some(Ok(package)) = &job.kit.package else { return Err("the package is not there".to_owned()) };
    let mut script = package.start("demo.mjs", &[job.runtime.as_ref()])?;
    let path = |path: &Path| Json::String(path.to_string_lossy().into_owned());
    let members = [
        ("url", Json::String(job.url.to_owned())),
        (
            "events",
            path(match job.system {
                System::GrowingIo => &job.kit.events,
                System::InLong => &job.kit.messages,
            }),
        ),
        ("chromium", job.kit.chromium.as_deref().map_or(Json::Null, path)),
    ];
    script.say(&Json::Object(members.map(|(key, value)| (key.to_owned(), value)).into()))?;
    let mut progress = Progress { of: grouped(job.len() as u64), live: false };
    while let Some(told) = script.hear()? {
        if told.get("halfway").is_some() {
            (job.halfway)()?;
            script.say(&Json::Object(Vec::new()))?;
            continue;
        }
        if let Some(why) = told.text_of("failed") {
            return Err(why.to_owned());
        }
        let Some(stats) = told.get("stats") else {
            progress.show(told.count("delivered"));
            continue;
        };
        if let Some(resent) = told.get("resent").filter(|resent| resent.count("requests") > 0) {
            let (requests, events) = (resent.count("requests"), resent.count("events"));
            eprintln!(
                "{} itself sent {requests} requests again, of {events} events, when a connection it had kept broke",
                job.runtime
            );
        }
        let seconds = match told.get("seconds") {
            Some(Json::Number(seconds)) => seconds.parse().unwrap_or(0.0),
            _ => 0.0,
        };
        return Ok(Sent {
            rejected: stats.count("rejected"),
            requests: stats.count("requests"),
            plain_bytes: stats.count("plainBytes"),
            sent_bytes: stats.count("sentBytes"),
            maybe_duplicated: stats.count("maybeDuplicated"),
            resent: told.get("resent").map_or(0, |resent| resent.count("events")),
            seconds,
        });
    }
    Err("the script ended early".to_owned())
}

/// How far it is: on a terminal one line that changes.
struct Progress {
    of: String,
    live: bool,
}

impl Progress {
    fn show(&mut self, delivered: u64) {
        let said = format!("  {} of {} delivered", grouped(delivered), self.of);
        self.live = std::io::stderr().is_terminal();
        if self.live {
            eprint!("\r{said}");
        } else {
            eprintln!("{said}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.live {
            eprintln!();
        }
    }
}
