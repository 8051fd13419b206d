//! In pages: one address, of their own origin; no TCP, and no Manager.

use super::super::exports::State;
use crate::destination::Now;
use crate::engine::{Engine, TransmitId};
use crate::inlong::{Frame, InLong, Options};

pub(super) struct Net;

/// Nothing but requests is wanted.
pub(super) enum Wanted {}

impl Net {
    pub(super) fn new(_: &Options, _: u64) -> Self {
        Self
    }

    pub(super) fn step(
        &mut self,
        _: &mut Engine<InLong>,
        _: bool,
        _: bool,
        _: Now,
        _: &mut bool,
    ) -> Option<Wanted> {
        None
    }

    pub(super) fn next_wake(&self, _: bool) -> u64 {
        u64::MAX
    }

    pub(super) fn send(&mut self, _: TransmitId, _: Frame, _: u64, _: bool, _: Now) {}
}

/// There is no text that matters here.
pub(super) fn read(_: &mut Options, _: &[u8]) {}

pub(super) fn want(_: &mut State, wanted: Wanted) -> u32 {
    match wanted {}
}
