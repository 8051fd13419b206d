//! Where a case's calls are made: natively, and through the npm package in Node.

mod native;
mod neutral;
mod npm;

use super::vector::Vector;
use crate::json::Json;
use crate::npm::{Package, Script};

/// A tracker that a case's calls are made on.
pub(super) trait Client {
    /// What its clock shows from now on, ms since the Unix epoch.
    fn set_clock(&mut self, at: u64) -> Result<(), String>;
    /// Makes one call that records; the inner error is what the call raised.
    fn record(&mut self, op: &str, args: &Json) -> Result<Result<(), String>, String>;
    /// Sends what waits.
    fn flush(&mut self) -> Result<(), String>;
    /// Sends what waits and ends.
    fn close(&mut self) -> Result<(), String>;
}

/// What trackers are made in.
pub(super) enum Runtime {
    /// The crate.
    Native,
    /// The npm package's wasm build in Node.
    Npm(Script),
}

impl Runtime {
    /// Starts Node with the package.
    pub(super) fn npm() -> Result<Self, String> {
        Package::setup()?.start("conformance.mjs", &[]).map(Self::Npm)
    }

    /// What it is called in the report.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Npm(_) => "wasm",
        }
    }

    /// A tracker as the case configures it, that sends to `url`.
    pub(super) fn client<'a>(
        &'a mut self,
        vector: &Vector,
        url: &str,
    ) -> Result<Box<dyn Client + 'a>, String> {
        Ok(match self {
            Self::Native => Box::new(native::Native::new(vector, url)?),
            Self::Npm(script) => Box::new(npm::Npm::new(script, vector, url)?),
        })
    }
}
