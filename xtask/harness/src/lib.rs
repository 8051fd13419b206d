//! The chores that use the library itself. `cargo xtask` builds and runs them.

pub mod conformance;
pub mod demo;
pub mod differential;
pub mod vendors;

mod capture;
mod collector;
mod http;
mod inlong;
mod json;
mod npm;
