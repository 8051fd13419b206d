//! `trackwire send`: a file of events, delivered and accounted for.

use std::cell::Cell;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::args::{Exhausted, GrowingioArgs, Strategy};
use super::balance::{Balance, grouped};
use super::input::{Input, LONGEST_LINE, Piece};
use super::pace::Pace;
use super::progress::Progress;
use super::rejects::{Reject, Rejects};
use super::{PARTIAL, Signals, tell, unusable};
use crate::Event;
use crate::engine::{DropReason, Fate, OnExhausted, Outcome, RecordError, Tag};
use crate::growingio::{Consumer, Tracker, TrackerBuilder};

pub(super) fn run(options: Box<GrowingioArgs>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return unusable(format_args!("cannot start: {error}")),
    };
    runtime.block_on(async {
        // Opening may wait, for the other end of a pipe; until then Ctrl-C just ends the process.
        let (send, input) = match Send::prepare(&options) {
            Ok(prepared) => prepared,
            Err(problem) => return unusable(problem),
        };
        match Signals::new() {
            Ok(signals) => send.run(input, &options, signals).await,
            Err(error) => unusable(format_args!("cannot listen for Ctrl-C: {error}")),
        }
    })
}

/// How long the queue may stay full before what waits in it is sent as it is.
const FULL: Duration = Duration::from_millis(100);

struct Send {
    tracker: Tracker,
    /// Whether every event carries its line's number, so that its own end can be reported.
    tagged: bool,
    rejects: Arc<Rejects>,
    progress: Arc<Progress>,
    position: Arc<AtomicU64>,
    lines: Cell<u64>,
    rejected_lines: Cell<u64>,
}

impl Send {
    /// Opens everything; the file of rejects last, because opening it empties it.
    fn prepare(options: &GrowingioArgs) -> Result<(Self, Input), String> {
        let name = options.input.display();
        let input = Input::open(&options.input).map_err(|error| format!("cannot open {name}: {error}"))?;
        if let Some(path) = &options.rejects
            && (input.is_file_at(path) || is_same_path(path, &options.input))
        {
            return Err(format!("--rejects names the input, {name}: choose another file"));
        }
        let progress =
            Arc::new(Progress::new(options.quiet || options.consumer == Strategy::Debug, input.size));
        super::log::around(&progress);
        let rejects = Arc::new(Rejects::default());
        let (to_rejects, to_progress) = (rejects.clone(), progress.clone());
        let tracker = builder(options)
            .on_outcome(move |outcome| lost(outcome, &to_rejects, &to_progress))
            .build()
            .map_err(|error| error.to_string())?;
        if let Some(path) = &options.rejects {
            let problem = |error| format!("cannot write {}: {error}", path.display());
            rejects.open(path).map_err(problem)?;
        }
        let position = input.position.clone();
        let tagged = options.rejects.is_some();
        let (lines, rejected_lines) = Default::default();
        Ok((Self { tracker, tagged, rejects, progress, position, lines, rejected_lines }, input))
    }

    async fn run(self, input: Input, options: &GrowingioArgs, mut signals: Signals) -> ExitCode {
        let started = Instant::now();
        let name = options.input.display();
        let complete = match input.start() {
            Ok(pieces) => match self.read(pieces, Pace::new(options.rate), &mut signals).await {
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
        let balance = Balance::new(lines, rejected, &self.tracker.stats(), started.elapsed(), !complete);
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
        pace: Pace,
        signals: &mut Signals,
    ) -> Result<bool, String> {
        let reading = self.pump(pieces, pace);
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
                        self.line(number, before[..length].trim_ascii(), &mut pace).await;
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
        if bytes.is_empty() {
            return;
        }
        if bytes.len() > LONGEST_LINE {
            return self.too_long(number, &bytes[..1_024]);
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            let text = String::from_utf8_lossy(bytes);
            return self.reject(&Reject::line(number, "the line is not UTF-8", &text));
        };
        let (mut paced, mut hurried) = (false, false);
        loop {
            let recorded = match Event::from_json(text) {
                Err(invalid) => Err(RecordError::Invalid(invalid)),
                Ok(event) => {
                    if !std::mem::replace(&mut paced, true) {
                        pace.turn().await;
                    }
                    self.room().await;
                    match self.tagged {
                        true => self.tracker.track_tagged(event, number),
                        false => self.tracker.track(event),
                    }
                }
            };
            match recorded {
                Ok(()) => return self.lines.set(self.lines.get() + 1),
                Err(RecordError::Invalid(invalid)) => {
                    return self.reject(&Reject::invalid(number, &invalid, text));
                }
                // There is room in general, but not for this event: until some of what waits has left.
                Err(RecordError::Full) => {
                    if !std::mem::replace(&mut hurried, true) {
                        self.tracker.flush(Duration::ZERO).await;
                    }
                    sleep(Duration::from_millis(10)).await;
                }
                Err(error) => return self.reject(&Reject::line(number, error.to_string(), text)),
            }
        }
    }

    /// Waits for room in the queue.
    async fn room(&self) {
        let ready = self.tracker.ready();
        tokio::pin!(ready);
        tokio::select! {
            biased;
            () = &mut ready => return,
            () = sleep(FULL) => {}
        }
        // What waits for company in a request gets none while the queue is full.
        self.tracker.flush(Duration::ZERO).await;
        ready.await;
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
        let pending = grouped(self.tracker.stats().pending);
        self.progress.say(&format!("stopping: {pending} events pending; Ctrl-C again gives them up"));
    }

    /// Delivers what is pending, for as long as something of it ends within `patience`; whether something is left
    /// that Ctrl-C asked to bring to an end.
    async fn drain(&self, patience: Duration, signals: &mut Signals) -> bool {
        let flushing = self.tracker.flush(Duration::MAX);
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
        self.tracker.close(Duration::ZERO).await;
        false
    }

    /// Delivers what is pending, until `timeout` or the next Ctrl-C; what is left then is dropped.
    async fn close(&self, timeout: Duration, signals: &mut Signals) {
        let closing = self.tracker.close(timeout);
        tokio::pin!(closing);
        let mut tick = ticks();
        loop {
            tokio::select! {
                _ = &mut closing => break,
                () = signals.next() => {
                    self.tracker.close(Duration::ZERO).await;
                    break;
                }
                _ = tick.tick() => self.show(),
            }
        }
    }

    /// How many events have come to an end, whichever.
    fn ended(&self) -> u64 {
        let stats = self.tracker.stats();
        stats.accepted - stats.pending
    }

    fn show(&self) {
        self.progress.show(self.position.load(Relaxed), self.rejected_lines.get(), &self.tracker.stats());
    }
}

fn is_same_path(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn builder(options: &GrowingioArgs) -> TrackerBuilder {
    // A request never holds more than the queue.
    let room = options.max_queue_events.and_then(|events| usize::try_from(events).ok()).unwrap_or(usize::MAX);
    let max_size = options.max_size.min(room.max(1));
    let mut builder = Tracker::builder(&*options.product_id, &*options.data_source_id, &*options.server_host)
        .format(options.format)
        .consumer(match options.consumer {
            Strategy::Default => Consumer::Default,
            Strategy::Buffered => Consumer::Buffered { max_size },
            Strategy::Async => Consumer::Async { max_size, flush_after: options.flush_after },
            Strategy::Debug => Consumer::Debug,
        })
        .retry_limit(options.retry_limit)
        .retry_backoff_factor(options.retry_backoff_factor)
        .on_exhausted(match options.on_exhausted {
            Exhausted::Keep => OnExhausted::Keep,
            Exhausted::Drop => OnExhausted::Drop,
        })
        .max_age(options.max_age)
        .request_timeout(options.request_timeout)
        .max_queue_bytes(options.max_queue_bytes)
        .verify_cert(!options.insecure)
        .validate(!options.no_validate)
        // The standard output is for the balance.
        .debug_printer(|line| tell(line));
    if let Some(requests) = options.max_in_flight {
        builder = builder.max_in_flight(requests);
    }
    if let Some(bytes) = options.max_request_bytes {
        builder = builder.max_request_bytes(bytes);
    }
    if let Some(events) = options.max_queue_events {
        builder = builder.max_queue_events(events);
    }
    if let Some(proxy) = &options.proxy {
        builder = builder.proxy(proxy);
    }
    if let Some(platform) = &options.platform {
        builder = builder.platform(Some(platform.clone()));
    }
    if let Some(version) = &options.sdk_version {
        builder = builder.sdk_version(Some(version.clone()));
    }
    for (name, value) in &options.headers {
        builder = builder.header(name, value);
    }
    for (key, value) in &options.attributes {
        builder = builder.default_attribute(key, value.clone());
    }
    builder
}

/// Keeps what was accepted and not delivered: a line each when they are tagged, else a batch each.
fn lost(outcome: &Outcome, rejects: &Rejects, progress: &Progress) {
    let (fate, reason) = match &outcome.fate {
        Fate::Delivered | Fate::Unconfirmed => return,
        Fate::Rejected(cause) => ("server", format!("the server refused it: {cause}")),
        Fate::Expired => ("expired", "it was not delivered within --max-age".to_owned()),
        Fate::Dropped(DropReason::Closed) => {
            ("dropped", "it was not delivered when the time was over".to_owned())
        }
        Fate::Dropped(DropReason::Exhausted(cause)) => {
            ("dropped", format!("the retries are used up: {cause}"))
        }
        Fate::Dropped(why) => ("dropped", format!("it was given up: {why:?}")),
    };
    let possibly_delivered = outcome.possibly_delivered;
    match outcome.tag {
        Some(Tag::Number(line)) => {
            rejects.add(&Reject { fate, possibly_delivered, ..Reject::event(line, reason) }, progress);
        }
        _ => rejects.show(&format!("{} events: {reason}", grouped(outcome.count)), progress),
    }
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(Progress::EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
