//! The examples of `docs/rust-wasm.md`, word for word.

pub mod page;
pub mod testing;
pub mod worker;
