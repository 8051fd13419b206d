//! What the library logs, on the standard error.

use log::{LevelFilter, Log, Metadata, Record};

struct StandardError;

/// Shows warnings, and with `verbose` also what fails and is tried again.
pub(super) fn start(verbose: bool) {
    // Fails only where the process has a logger already; then that one shows it.
    if log::set_logger(&StandardError).is_ok() {
        log::set_max_level(if verbose { LevelFilter::Debug } else { LevelFilter::Warn });
    }
}

impl Log for StandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("trackwire")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            eprintln!("{}", record.args());
        }
    }

    fn flush(&self) {}
}
