//! `trackwire send`: a file of events, delivered and accounted for.

mod growingio;
mod inlong;

use std::cell::Cell;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::args::{SendArgs, System};
use super::balance::{Balance, grouped};
use super::input::{Input, LONGEST_LINE, Piece};
use super::pace::Pace;
use super::progress::Progress;
use super::rejects::{Reject, Rejects};
use super::{PARTIAL, Signals, unusable};
use crate::Invalid;
use crate::engine::{DropReason, Fate, Outcome, Stats, Tag};

pub(super) fn run(system: System) -> ExitCode {
    match system {
        System::Growingio(options) => growingio::run(&options),
        System::Inlong(options) => inlong::run(&options),
    }
}

/// What lines are sent with.
trait Sink {
    /// What is made of a line.
    type Record<'a>;

    /// Reads a line, which comes without its line end; `None` when there is nothing in it.
    fn read<'a>(&'a self, line: &'a [u8]) -> Result<Option<Self::Record<'a>>, Refusal>;

    /// Queues what was read. With a tag, its own end is told.
    fn send(&self, record: Self::Record<'_>, tag: Option<u64>) -> Result<(), Refusal>;

    /// Waits for what decides which lines can be sent, for at most `timeout`.
    async fn prepare(&self, _timeout: Duration) {}

    /// Waits for room in the queue.
    async fn ready(&self);

    /// Sends what waits, and returns when it has ended or `timeout` is over.
    async fn flush(&self, timeout: Duration);

    /// Delivers what it can until `timeout` and drops the rest.
    async fn close(&self, timeout: Duration);

    fn stats(&self) -> Stats;
}

/// Why a line was not taken.
enum Refusal {
    /// It holds nothing that can be sent.
    Invalid(Invalid),
    /// The same in words, and what they are about: the field at fault, a word to match on.
    Line { field: Option<String>, code: Option<&'static str>, reason: String },
    /// There is no room for it yet. Where nothing else waits there never will be: then this is its code.
    Full { code: &'static str },
}

/// Is told of every outcome.
type Told = Box<dyn Fn(&Outcome) + std::marker::Send + Sync>;

/// Sends the input with what `connect` makes. With `prints`, that prints by itself, so no progress is shown.
fn send<S: Sink>(
    options: &SendArgs,
    prints: bool,
    connect: impl FnOnce(Told) -> Result<S, String>,
) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return unusable(format_args!("cannot start: {error}")),
    };
    runtime.block_on(async {
        // Opening may wait, for the other end of a pipe; until then Ctrl-C just ends the process.
        let (send, input) = match Send::prepare(options, prints, connect) {
            Ok(prepared) => prepared,
            Err(problem) => return unusable(problem),
        };
        match Signals::new() {
            Ok(signals) => send.run(input, options, signals).await,
            Err(error) => unusable(format_args!("cannot listen for Ctrl-C: {error}")),
        }
    })
}

/// How long the queue may stay full before what waits in it is sent as it is.
const FULL: Duration = Duration::from_millis(100);

struct Send<S> {
    sink: S,
    /// Whether everything sent carries its line's number, so that its own end can be reported.
    tagged: bool,
    rejects: Arc<Rejects>,
    progress: Arc<Progress>,
    position: Arc<AtomicU64>,
    lines: Cell<u64>,
    rejected_lines: Cell<u64>,
}

impl<S: Sink> Send<S> {
    /// Opens everything; the file of rejects last, because opening it empties it.
    fn prepare(
        options: &SendArgs,
        prints: bool,
        connect: impl FnOnce(Told) -> Result<S, String>,
    ) -> Result<(Self, Input), String> {
        let name = options.input.display();
        let input = Input::open(&options.input).map_err(|error| format!("cannot open {name}: {error}"))?;
        if let Some(path) = &options.rejects
            && (input.is_file_at(path) || is_same_path(path, &options.input))
        {
            return Err(format!("--rejects names the input, {name}: choose another file"));
        }
        let progress = Arc::new(Progress::new(options.quiet || prints, input.size));
        super::log::around(&progress);
        let rejects = Arc::new(Rejects::default());
        let (to_rejects, to_progress) = (rejects.clone(), progress.clone());
        let sink = connect(Box::new(move |outcome| lost(outcome, &to_rejects, &to_progress)))?;
        if let Some(path) = &options.rejects {
            let problem = |error| format!("cannot write {}: {error}", path.display());
            rejects.open(path).map_err(problem)?;
        }
        let position = input.position.clone();
        let tagged = options.rejects.is_some();
        let (lines, rejected_lines) = Default::default();
        Ok((Self { sink, tagged, rejects, progress, position, lines, rejected_lines }, input))
    }

    async fn run(self, input: Input, options: &SendArgs, mut signals: Signals) -> ExitCode {
        let started = Instant::now();
        let name = options.input.display();
        let complete = match input.start() {
            Ok(pieces) => match self.read(pieces, options, &mut signals).await {
                Ok(complete) => complete,
                Err(problem) => {
                    self.progress.say(&format!("trackwire: cannot read on in {name}: {problem}"));
                    false
                }
            },
            Err(error) => {
                self.progress.say(&format!("trackwire: cannot read {name}: {error}"));
                false
            }
        };
        if !complete || self.drain(options.timeout, &mut signals).await {
            self.close(options.timeout, &mut signals).await;
        }
        self.progress.finish();
        let (lines, rejected) = (self.lines.get(), self.rejected_lines.get());
        let balance = Balance::new(lines, rejected, &self.sink.stats(), started.elapsed(), !complete);
        let written = self.rejects.finish();
        if let Err(error) = &written {
            self.progress.say(&format!("trackwire: cannot write the rejects: {error}"));
        }
        let text = match options.json {
            true => serde_json::to_string(&balance).unwrap_or_default(),
            false => balance.to_string(),
        };
        // Whoever reads the balance may be gone; that changes nothing about what was delivered.
        let _ = writeln!(io::stdout(), "{text}");
        if balance.is_complete() && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(PARTIAL) }
    }

    /// Reads to the end (`true`) or until told to stop.
    async fn read(
        &self,
        pieces: mpsc::Receiver<Piece>,
        options: &SendArgs,
        signals: &mut Signals,
    ) -> Result<bool, String> {
        let reading = async {
            self.sink.prepare(options.timeout).await;
            self.pump(pieces, Pace::new(options.rate)).await
        };
        tokio::pin!(reading);
        let mut tick = ticks();
        loop {
            tokio::select! {
                end = &mut reading => return end.map(|()| true),
                () = signals.next() => {
                    self.stopping();
                    return Ok(false);
                }
                _ = tick.tick() => self.show(),
            }
        }
    }

    async fn pump(&self, mut pieces: mpsc::Receiver<Piece>, mut pace: Pace) -> Result<(), String> {
        loop {
            match pieces.recv().await {
                Some(Piece::Lines { first, bytes }) => {
                    let mut rest = &bytes[..];
                    for number in first.. {
                        let before = rest;
                        // On a slice this cannot fail, and it searches faster than a loop over bytes.
                        let length = rest.skip_until(b'\n').unwrap_or_default();
                        if length == 0 {
                            break;
                        }
                        self.line(number, without_end(&before[..length]), &mut pace).await;
                    }
                }
                Some(Piece::TooLong { line, start }) => self.too_long(line, &start),
                Some(Piece::Failed(error)) => return Err(error),
                Some(Piece::End) => return Ok(()),
                None => return Err("its thread ended early".into()),
            }
            tokio::task::yield_now().await;
        }
    }

    async fn line(&self, number: u64, bytes: &[u8], pace: &mut Pace) {
        let bytes = match number {
            1 => bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes),
            _ => bytes,
        };
        if bytes.len() > LONGEST_LINE {
            return self.too_long(number, &bytes[..1_024]);
        }
        let tag = self.tagged.then_some(number);
        let (mut paced, mut hurried, mut alone) = (false, false, false);
        loop {
            let record = match self.sink.read(bytes) {
                Ok(Some(record)) => record,
                Ok(None) => return,
                Err(refusal) => return self.refuse(number, &refusal, bytes),
            };
            if !std::mem::replace(&mut paced, true) {
                pace.turn().await;
            }
            self.room().await;
            match self.sink.send(record, tag) {
                Ok(()) => return self.lines.set(self.lines.get() + 1),
                // No other line adds to the queue, so with nothing in it this one fits or never will.
                Err(Refusal::Full { code }) if alone => {
                    let reason = "it is larger than the queue: give a larger --max-queue-bytes".to_owned();
                    return self.refuse(
                        number,
                        &Refusal::Line { field: None, code: Some(code), reason },
                        bytes,
                    );
                }
                // There is room in general, but not for this: until some of what waits has left.
                Err(Refusal::Full { .. }) => {
                    if !std::mem::replace(&mut hurried, true) {
                        self.sink.flush(Duration::ZERO).await;
                    }
                    alone = self.sink.stats().pending == 0;
                    if !alone {
                        sleep(Duration::from_millis(10)).await;
                    }
                }
                Err(refusal) => return self.refuse(number, &refusal, bytes),
            }
        }
    }

    /// Waits for room in the queue, unless nothing is in it.
    async fn room(&self) {
        let ready = self.sink.ready();
        tokio::pin!(ready);
        tokio::select! {
            biased;
            () = &mut ready => return,
            () = sleep(FULL) => {}
        }
        // What waits for company in a request gets none while the queue is full.
        self.sink.flush(Duration::ZERO).await;
        while self.sink.stats().pending > 0 {
            tokio::select! {
                biased;
                () = &mut ready => return,
                () = sleep(FULL) => {}
            }
        }
    }

    fn refuse(&self, number: u64, refusal: &Refusal, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let reject = match refusal {
            Refusal::Invalid(invalid) => Reject::invalid(number, invalid, &text),
            Refusal::Line { field, code, reason } => {
                Reject { field: field.as_deref(), code: *code, ..Reject::line(number, reason, &text) }
            }
            Refusal::Full { code } => {
                Reject { code: Some(code), ..Reject::line(number, "there is no room for it", &text) }
            }
        };
        self.reject(&reject);
    }

    fn too_long(&self, number: u64, start: &[u8]) {
        let reason = format!("the line is longer than {} MiB", LONGEST_LINE >> 20);
        self.reject(&Reject::line(number, reason, &String::from_utf8_lossy(start)));
    }

    fn reject(&self, reject: &Reject<'_>) {
        self.lines.set(self.lines.get() + 1);
        self.rejected_lines.set(self.rejected_lines.get() + 1);
        self.rejects.add(reject, &self.progress);
    }

    fn stopping(&self) {
        let pending = grouped(self.sink.stats().pending);
        self.progress.say(&format!("stopping: {pending} events pending; Ctrl-C again gives them up"));
    }

    /// Delivers what is pending, for as long as something of it ends within `patience`; whether something is left
    /// that Ctrl-C asked to bring to an end.
    async fn drain(&self, patience: Duration, signals: &mut Signals) -> bool {
        let flushing = self.sink.flush(Duration::MAX);
        tokio::pin!(flushing);
        let mut tick = ticks();
        let mut ended = self.ended();
        let mut since = Instant::now();
        loop {
            tokio::select! {
                _ = &mut flushing => break,
                () = signals.next() => {
                    self.stopping();
                    return true;
                }
                () = sleep(patience.saturating_sub(since.elapsed())) => {}
                _ = tick.tick() => self.show(),
            }
            if ended != self.ended() {
                (ended, since) = (self.ended(), Instant::now());
            } else if since.elapsed() >= patience {
                break;
            }
        }
        self.sink.close(Duration::ZERO).await;
        false
    }

    /// Delivers what is pending, until `timeout` or the next Ctrl-C; what is left then is dropped.
    async fn close(&self, timeout: Duration, signals: &mut Signals) {
        let closing = self.sink.close(timeout);
        tokio::pin!(closing);
        let mut tick = ticks();
        loop {
            tokio::select! {
                _ = &mut closing => break,
                () = signals.next() => {
                    self.sink.close(Duration::ZERO).await;
                    break;
                }
                _ = tick.tick() => self.show(),
            }
        }
    }

    /// How many events have come to an end, whichever.
    fn ended(&self) -> u64 {
        let stats = self.sink.stats();
        stats.accepted - stats.pending
    }

    fn show(&self) {
        self.progress.show(self.position.load(Relaxed), self.rejected_lines.get(), &self.sink.stats());
    }
}

fn is_same_path(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// A line without its LF or CRLF.
fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn utf8(line: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(line).map_err(|_| Refusal::line("the line is not UTF-8"))
}

impl Refusal {
    fn line(reason: impl Into<String>) -> Self {
        Self::Line { field: None, code: None, reason: reason.into() }
    }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

/// Keeps what was accepted and not delivered: a line each when they are tagged, else a batch each.
fn lost(outcome: &Outcome, rejects: &Rejects, progress: &Progress) {
    let (fate, cause, reason) = match &outcome.fate {
        Fate::Delivered | Fate::Unconfirmed => return,
        Fate::Rejected(cause) => ("server", Some(cause), format!("the server refused it: {cause}")),
        Fate::Expired => ("expired", None, "it was not delivered within --max-age".to_owned()),
        Fate::Dropped(DropReason::Closed) => {
            ("dropped", None, "it was not delivered when the time was over".to_owned())
        }
        Fate::Dropped(DropReason::Exhausted(cause)) => {
            ("dropped", Some(cause), format!("the retries are used up: {cause}"))
        }
        Fate::Dropped(why) => ("dropped", None, format!("it was given up: {why:?}")),
    };
    let code = cause.filter(|cause| cause.code != 0).map(|cause| cause.code.to_string());
    let possibly_delivered = outcome.possibly_delivered;
    match outcome.tag {
        Some(Tag::Number(line)) => {
            let code = code.as_deref();
            rejects.add(&Reject { fate, code, possibly_delivered, ..Reject::event(line, reason) }, progress);
        }
        _ => {
            let code = code.map(|code| format!(" (code {code})")).unwrap_or_default();
            rejects.show(&format!("{} events: {reason}{code}", grouped(outcome.count)), progress);
        }
    }
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(Progress::EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
