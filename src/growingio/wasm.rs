//! The tracker for applications that are wasm themselves: in pages (Leptos, Yew, Dioxus, plain wasm-bindgen) and in
//! Cloudflare Workers.
//!
//! It sends by the host's `fetch` and needs `wasm32-unknown-unknown` with wasm-bindgen. It belongs to one thread: it is
//! neither `Send` nor `Sync`, and so may its hooks be.

mod builder;
mod tracker;

pub use crate::driver::Mode;
pub use builder::TrackerBuilder;
pub use tracker::Tracker;
