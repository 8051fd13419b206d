//! Where a case's client is: in this program, or in the npm package in Node.

mod native;
mod npm;

use std::time::Duration;

use super::options::{Settings, Timed};
use crate::npm::{Package, Script};

/// A client that a case's calls are made on.
pub(in super::super) trait Client {
    /// Sends messages and waits until each has ended; how they did.
    fn send(&mut self, to: &Target, messages: &[Timed]) -> Result<Vec<Ended>, String>;
    /// Sends one and waits for nothing; the inner error is why it was refused.
    fn offer(&mut self, group: &str, stream: &str, message: &str) -> Result<Result<(), Refused>, String>;
    /// Sends what waits.
    fn flush(&mut self, timeout: Duration) -> Result<Flushed, String>;
    /// Sends what waits and ends.
    fn close(&mut self, timeout: Duration) -> Result<(), String>;
}

/// Where messages go, and their attributes.
pub(in super::super) struct Target {
    pub(super) group: String,
    pub(super) stream: String,
    pub(super) attributes: Vec<(String, String)>,
}

/// How a message ended.
#[derive(Debug)]
pub(in super::super) enum Ended {
    Delivered,
    Unconfirmed,
    /// With the server's code.
    Rejected(u32),
    /// Some other way, in the client's words.
    Otherwise(String),
}

/// Why a message was refused: in words, and by the vendor's number.
pub(in super::super) struct Refused {
    pub(super) why: String,
    pub(super) code: Option<i32>,
}

/// What became of what was waiting at a flush.
#[derive(Debug)]
pub(in super::super) struct Flushed {
    pub(super) delivered: u64,
    pub(super) pending: u64,
}

/// What clients are made in.
pub(in super::super) enum Runtime {
    /// The crate.
    Native,
    /// The npm package in Node.
    Npm(Script),
}

impl Runtime {
    /// Starts Node with the package.
    pub(in super::super) fn npm() -> Result<Self, String> {
        Package::setup()?.start("conformance-inlong.mjs", &[]).map(Self::Npm)
    }

    /// What it is called in the report.
    pub(in super::super) fn name(&self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Npm(_) => "npm",
        }
    }

    /// A client with these settings.
    pub(super) fn client<'a>(&'a mut self, settings: &Settings) -> Result<Box<dyn Client + 'a>, String> {
        Ok(match self {
            Self::Native => Box::new(native::Native::new(settings)?),
            Self::Npm(script) => Box::new(npm::Npm::new(script, settings)?),
        })
    }
}
