//! Running the real `trackwire collect` and asking it what it holds.

mod inlong;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::{env, fs};

use crate::http::call;
use crate::json::Json;

/// How many records are asked for at once.
const PAGE: usize = 10_000;

/// A running collector. Ends when it is dropped, and with this program however that ends, short of a hard kill.
pub(crate) struct Collector {
    child: Arc<Mutex<Child>>,
    url: String,
    folder: PathBuf,
    /// Reads what it prints, to its end.
    reading: Option<JoinHandle<()>>,
}

impl Collector {
    /// Starts one that keeps what it gets in a fresh store, and waits until it listens.
    pub(crate) fn start(listen: &str, chore: &str) -> Result<Self, String> {
        Self::start_with(listen, chore, &[])
    }

    /// The same, with more arguments for `trackwire collect`.
    pub(crate) fn start_with(listen: &str, chore: &str, arguments: &[&str]) -> Result<Self, String> {
        let program =
            env::var_os("TRACKWIRE_BIN").map(PathBuf::from).ok_or("run this through `cargo xtask`")?;
        let folder = folder(&program, chore)?;
        let mut command = Command::new(&program);
        command
            .args(["collect", "--listen", listen, "--store"])
            .arg(folder.join("events.sqlite"))
            .args(arguments);
        if let Some(root) = env::var_os("TRACKWIRE_ROOT") {
            // For the page's playground, which says so where there is no build yet.
            command.arg("--package").arg(Path::new(&root).join("pkg"));
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("the collector has no output")?).lines();
        let url = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, url) = line.split_once("listening on ")?;
            Some(url.split_whitespace().next()?.trim_end_matches('/').to_owned())
        });
        let Some(url) = url else {
            let status = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
            return Err(format!("the collector did not start ({status})"));
        };
        let child = Arc::new(Mutex::new(child));
        end_on_signal(&child);
        // What else it prints must be read, or it would block once the pipe is full.
        let reading = thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, url, folder, reading: Some(reading) })
    }

    /// Its address, `http://host:port`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Where its store is, with room for files beside it.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everything it holds that is good (`good`) or bad (`bad`), after the record `after`, oldest first; `good?raw=1` with
    /// the frames of InLong.
    pub(crate) fn records(&self, which: &str, after: Option<&str>) -> Result<Vec<Json>, String> {
        let mut records = Vec::new();
        let mut after = after.map(str::to_owned);
        let mark = if which.contains('?') { '&' } else { '?' };
        loop {
            let cursor = after.as_ref().map(|id| format!("&after={id}")).unwrap_or_default();
            let page = self.get(&format!("/trackwire/{which}{mark}limit={PAGE}{cursor}"))?;
            records.extend_from_slice(page.get("records").map(Json::elements).unwrap_or_default());
            match page.get("next") {
                Some(next) => after = Some(next.text().map_or_else(|| next.to_string(), str::to_owned)),
                None => return Ok(records),
            }
        }
    }

    /// Replaces the fault plan.
    pub(crate) fn set_faults(&self, plan: &Json) -> Result<(), String> {
        self.ask("POST", "/trackwire/faults", Some(plan)).map(drop)
    }

    /// The fault plan with what is left of it.
    pub(crate) fn faults(&self) -> Result<Json, String> {
        self.get("/trackwire/faults")
    }

    /// Throws away what it holds.
    pub(crate) fn reset(&self) -> Result<(), String> {
        self.ask("POST", "/trackwire/reset", None).map(drop)
    }

    /// Posts nothing to a path and reads the answer, whatever its status.
    pub(crate) fn post(&self, path: &str) -> Result<Json, String> {
        let (_, body) =
            call("POST", &self.url, path, None).map_err(|error| format!("POST {path}: {error}"))?;
        Json::parse(&String::from_utf8_lossy(&body))
    }

    /// Waits until the collector ends by itself or by Ctrl-C.
    pub(crate) fn wait(mut self) {
        if let Some(reading) = self.reading.take() {
            let _ = reading.join();
        }
    }

    fn get(&self, path: &str) -> Result<Json, String> {
        self.ask("GET", path, None).and_then(|body| Json::parse(&body))
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Json>) -> Result<String, String> {
        let (status, body) =
            call(method, &self.url, path, body).map_err(|error| format!("{method} {path}: {error}"))?;
        let body = String::from_utf8_lossy(&body).into_owned();
        match status {
            200..=299 => Ok(body),
            _ => Err(format!("{method} {path}: status {status}: {body}")),
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let mut child = lock(&self.child);
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn lock(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the collector, then this program, when it is told to end: Ctrl-C reaches both, SIGTERM only this one.
#[cfg(unix)]
fn end_on_signal(child: &Arc<Mutex<Child>>) {
    use tokio::signal::unix::{SignalKind, signal};
    let child = Arc::clone(child);
    thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        let ended = runtime.block_on(async {
            let (mut interrupt, mut terminate) =
                (signal(SignalKind::interrupt()).ok()?, signal(SignalKind::terminate()).ok()?);
            tokio::select! { signal = interrupt.recv() => signal, signal = terminate.recv() => signal }
        });
        if ended.is_some() {
            let mut child = lock(&child);
            let _ = child.kill();
            let _ = child.wait();
            std::process::exit(130);
        }
    });
}

#[cfg(not(unix))]
fn end_on_signal(_: &Arc<Mutex<Child>>) {}

/// A folder below cargo's target folder, with what an earlier run left there removed.
fn folder(program: &Path, chore: &str) -> Result<PathBuf, String> {
    let target = program.parent().and_then(Path::parent).unwrap_or(Path::new("target"));
    let folder = target.join(chore).join(std::process::id().to_string());
    let _ = fs::remove_dir_all(target.join(chore));
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}
