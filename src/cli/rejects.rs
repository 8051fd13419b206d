//! Lines that did not make it, with number and reason.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::progress::Progress;
use crate::Invalid;

/// How many are shown on the standard error when no file was asked for.
const SHOWN: u64 = 10;

/// Keeps rejects in a file, else shows the first of them. Used from the reading and the delivering thread.
#[derive(Default)]
pub(super) struct Rejects {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    file: Option<BufWriter<File>>,
    shown: u64,
    failed: Option<io::Error>,
}

/// One line of the file.
#[derive(Debug, Serialize)]
pub(super) struct Reject<'a> {
    /// The number of the input line, from 1.
    pub(super) line: u64,
    /// Who ended it: `line` (not usable), `server` (refused), `expired`, `dropped`.
    pub(super) fate: &'static str,
    /// The field at fault, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<&'a str>,
    /// What is wrong with it, for matching on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<&'a str>,
    /// Why, for people.
    pub(super) reason: String,
    /// Whether the system may have it all the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) possibly_delivered: bool,
    /// The line; its beginning when it was too long. Absent when it was accepted and did not arrive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
}

impl Rejects {
    /// Writes them to a new file from now on.
    pub(super) fn open(&self, path: &Path) -> io::Result<()> {
        let file = File::create(path)?;
        self.state().file = Some(BufWriter::new(file));
        Ok(())
    }

    pub(super) fn add(&self, reject: &Reject<'_>, progress: &Progress) {
        let mut state = self.state();
        let state = &mut *state;
        let Some(file) = &mut state.file else {
            return state.show(&format!("line {}: {}", reject.line, reject.reason), progress);
        };
        let written = serde_json::to_writer(&mut *file, reject).map_err(io::Error::from);
        if let Err(error) = written.and_then(|()| file.write_all(b"\n")) {
            state.failed.get_or_insert(error);
        }
    }

    /// Shows something that has no line number, if not too much was shown yet.
    pub(super) fn show(&self, text: &str, progress: &Progress) {
        self.state().show(text, progress);
    }

    /// Brings everything to the file and says whether it got there.
    pub(super) fn finish(&self) -> io::Result<()> {
        let mut state = self.state();
        match state.failed.take() {
            Some(error) => Err(error),
            None => state.file.as_mut().map_or(Ok(()), Write::flush),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn show(&mut self, text: &str, progress: &Progress) {
        self.shown += 1;
        if self.shown <= SHOWN {
            progress.say(text);
        } else if self.shown == SHOWN + 1 {
            progress.say("more of these are only counted; --rejects FILE keeps them all");
        }
    }
}

impl<'a> Reject<'a> {
    /// A line that cannot be used.
    pub(super) fn line(line: u64, reason: impl Into<String>, text: &'a str) -> Self {
        Self { text: Some(text), ..Self::event(line, reason.into()) }
    }

    /// A line that holds no valid event.
    pub(super) fn invalid(line: u64, invalid: &'a Invalid, text: &'a str) -> Self {
        let (field, code) = (Some(&*invalid.field), Some(invalid.code()));
        Self { field, code, ..Self::line(line, invalid.to_string(), text) }
    }

    /// An accepted event that did not arrive.
    pub(super) fn event(line: u64, reason: String) -> Self {
        Self { line, fate: "line", field: None, code: None, reason, possibly_delivered: false, text: None }
    }
}
