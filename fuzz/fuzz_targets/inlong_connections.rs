//! The connections to InLong's nodes, with answers of any kind in any course of events: no panic, each attempt is answered
//! once, nothing is done in circles.

#![no_main]

#[path = "../../tests/inlong_connections/feed.rs"]
mod feed;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| feed::feed(input));
