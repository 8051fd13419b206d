//! The wasm module of the npm package: the engine of one tracker, nothing but translation.
//!
//! The TypeScript shell owns `fetch`, timers and the page. There is no glue between the two, so nothing has to be
//! generated: it calls plain exports on numbers.

mod exports;
pub(crate) mod host;
mod memory;
