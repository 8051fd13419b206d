//! What the library logs, on the standard error.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use log::{Level, LevelFilter, Log, Metadata, Record};

use super::progress::Progress;
use super::tell;

/// How often a failure that is tried again is told of when not everything was asked for.
const EVERY: Duration = Duration::from_secs(10);

static LOGGER: Logger =
    Logger { verbose: OnceLock::new(), progress: OnceLock::new(), told: Mutex::new(None) };

struct Logger {
    verbose: OnceLock<bool>,
    progress: OnceLock<Arc<Progress>>,
    told: Mutex<Option<Instant>>,
}

/// Shows warnings, and failures that are tried again: all of them with `verbose`, else one now and then.
pub(super) fn start(verbose: bool) {
    let _ = LOGGER.verbose.set(verbose);
    // Fails only where the process has a logger already; then that one shows it.
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
}

/// From now on what is shown goes around this progress.
pub(super) fn around(progress: &Arc<Progress>) {
    let _ = LOGGER.progress.set(progress.clone());
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("trackwire")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) || (record.level() > Level::Warn && !self.is_due()) {
            return;
        }
        let text = record.args().to_string();
        match self.progress.get() {
            Some(progress) => progress.say(&text),
            None => tell(text),
        }
    }

    fn flush(&self) {}
}

impl Logger {
    fn is_due(&self) -> bool {
        if self.verbose.get() == Some(&true) {
            return true;
        }
        // Only sending tells; the collector's connections come and go.
        if self.progress.get().is_none() {
            return false;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let due = told.is_none_or(|told| told.elapsed() >= EVERY);
        if due {
            *told = Some(Instant::now());
        }
        due
    }
}
