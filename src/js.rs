//! The wasm module of the npm package: the engine of one tracker, nothing but translation.
//!
//! The TypeScript shell owns `fetch`, timers and the page. There is no glue between the two, so nothing has to be
//! generated: it calls plain exports on numbers.

mod exports;
pub(crate) mod host;
mod memory;

/// What the shell brings of an attempt.
#[derive(Debug)]
pub struct Answer {
    /// The status; 0 when there was no answer.
    pub(crate) status: u16,
    /// Without an answer: whether the request may have arrived.
    pub(crate) maybe_accepted: bool,
    /// What `Retry-After` asks for, ms.
    pub(crate) after: Option<u64>,
    /// What an outcome is to say of a failure.
    pub(crate) said: String,
}
