//! How far it is: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::balance::grouped;
use super::tell;
use crate::engine::Stats;

/// How often a plain line is written.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows how far it is; from any thread.
pub(super) enum Progress {
    Quiet,
    Bar(ProgressBar),
    Lines { last: Mutex<Instant> },
}

impl Progress {
    /// How often to call [`Self::show`].
    pub(super) const EVERY: Duration = Duration::from_millis(200);

    /// On the standard error; `size` is the input's size in bytes, when known.
    pub(super) fn new(quiet: bool, size: Option<u64>) -> Self {
        if quiet {
            return Self::Quiet;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines { last: Mutex::new(Instant::now()) };
        }
        let (bar, template) = match size {
            Some(size) => (ProgressBar::new(size), "{bar:32} {percent:>3} %  {msg}"),
            None => (ProgressBar::new_spinner(), "{spinner} {msg}"),
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self::Bar(bar.with_style(style))
    }

    pub(super) fn show(&self, position: u64, rejected_lines: u64, stats: &Stats) {
        let text = || {
            let rejected = rejected_lines + stats.rejected;
            let counts = [(stats.delivered, "delivered"), (stats.pending, "pending"), (rejected, "rejected")];
            counts.map(|(count, what)| format!("{} {what}", grouped(count))).join("  ")
        };
        match self {
            Self::Quiet => {}
            Self::Bar(bar) => {
                bar.set_position(position);
                bar.set_message(text());
            }
            Self::Lines { last } => {
                let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                if last.elapsed() >= LINE_EVERY {
                    *last = Instant::now();
                    tell(text());
                }
            }
        }
    }

    /// Writes a line without disturbing the bar. Also when quiet: it is for what must be known.
    pub(super) fn say(&self, text: &str) {
        match self {
            Self::Bar(bar) => bar.suspend(|| tell(text)),
            _ => tell(text),
        }
    }

    pub(super) fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
