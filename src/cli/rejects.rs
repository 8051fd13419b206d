//! Lines that did not make it, with number and reason.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::Invalid;

/// How many are shown on the standard error when no file was asked for.
const SHOWN: u64 = 10;

/// Keeps rejects in a file, else shows the first of them. Used from the reading and the delivering thread.
pub(super) struct Rejects {
    state: Mutex<State>,
}

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
    /// `rejected` by trackwire or by the `server`, `expired` or `dropped`.
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
    /// The line, while it is at hand; cut when it was too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
}

impl Rejects {
    /// Writes to a new file at `path`; without one, the first rejects are shown on the standard error.
    pub(super) fn open(path: Option<&Path>) -> io::Result<Self> {
        let file = path.map(File::create).transpose()?.map(BufWriter::new);
        Ok(Self { state: Mutex::new(State { file, shown: 0, failed: None }) })
    }

    pub(super) fn add(&self, reject: &Reject<'_>, show: impl FnOnce(&str)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        if let Some(file) = &mut state.file {
            let written = serde_json::to_writer(&mut *file, reject).map_err(io::Error::from);
            if let Err(error) = written.and_then(|()| file.write_all(b"\n")) {
                state.failed.get_or_insert(error);
            }
            return;
        }
        state.shown += 1;
        if state.shown <= SHOWN {
            show(&format!("line {}: {}", reject.line, reject.reason));
        }
        if state.shown == SHOWN {
            show("more of these are only counted; --rejects FILE keeps them all");
        }
    }

    /// Brings everything to the file and says whether it got there.
    pub(super) fn finish(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = state.failed.take() {
            return Err(error);
        }
        state.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl<'a> Reject<'a> {
    /// A line that trackwire cannot use.
    pub(super) fn line(line: u64, reason: impl Into<String>, text: &'a str) -> Self {
        Self {
            line,
            fate: "rejected",
            field: None,
            code: None,
            reason: reason.into(),
            possibly_delivered: false,
            text: Some(text),
        }
    }

    /// A line that holds no valid event.
    pub(super) fn invalid(line: u64, invalid: &'a Invalid, text: &'a str) -> Self {
        Self {
            field: Some(&invalid.field),
            code: Some(invalid.code()),
            ..Self::line(line, invalid.to_string(), text)
        }
    }
}
