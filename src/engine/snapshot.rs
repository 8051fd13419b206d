//! Export and restore: pending events as versioned bytes, the seam for every durable store.
//!
//! ```text
//! "TWQ1" | wall clock at export, ms | next batch number | lanes | fnv-1a of all before, 8 bytes
//! lane   = key | n batches | batch… | n records | record…
//! batch  = number | attempts | flags | when first sealed (2 clocks, ms) | sealed | n records | record…
//! record = age, ms | tag | bytes
//! ```
//! Numbers are LEB128; byte strings carry their length in front. What flags rule out is left out.

use std::fmt;
use std::hash::Hasher;
use std::ops::Range;
use std::sync::Arc;

use super::Fnv;
use super::planted::Bug;
use super::settle::age;
use super::{Engine, Limits, State, Tag};
use crate::destination::{BatchId, Destination, Now};

const MAGIC: &[u8] = b"TWQ1";
const LOST: u64 = 1;
const UNCOUNTED: u64 = 2;
const EXHAUSTED: u64 = 4;
const SEALED: u64 = 8;
const SEALED_AT: u64 = 16;

/// Why exported bytes cannot be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoreError {
    /// They are of a version that this release does not know.
    Version,
    /// They are damaged.
    Damaged,
    /// They name a lane that the destination does not know.
    UnknownLane,
}

impl<D: Destination> Engine<D> {
    /// Everything pending as bytes, for [`restore`](Self::restore). What is under way counts as
    /// possibly delivered; what was [discarded](Self::discard) meanwhile is left out.
    pub fn export(&self, now: Now) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        put(&mut out, now.wall);
        put(&mut out, self.next_batch);
        put(&mut out, self.lanes.len() as u64);
        let mut blob = Vec::new();
        for (index, lane) in self.lanes.iter().enumerate() {
            blob.clear();
            self.destination.save_lane(&lane.key, &mut blob);
            put_bytes(&mut out, &blob);
            let batches = || {
                self.batches.iter().filter(|(_, batch)| {
                    batch.lane == index
                        && !batch.discarded
                        && !(self.planted.has(Bug::ExportForgetsInFlight)
                            && matches!(batch.state, State::InFlight(_)))
                })
            };
            put(&mut out, batches().count() as u64);
            for (id, batch) in batches() {
                let under_way = matches!(batch.state, State::InFlight(_));
                let not_sent_yet = u32::from(matches!(batch.state, State::Sealing(_)));
                let flag = |set: bool, flag: u64| if set { flag } else { 0 };
                put(&mut out, id.0);
                put(&mut out, u64::from(batch.attempts - not_sent_yet));
                let flags = flag(batch.maybe_delivered || under_way, LOST)
                    | flag(batch.uncounted_loss || under_way, UNCOUNTED)
                    | flag(batch.exhausted, EXHAUSTED)
                    | flag(batch.sealed_at.is_some(), SEALED_AT)
                    | flag(batch.sealed.is_some(), SEALED);
                put(&mut out, flags);
                if let Some(at) = batch.sealed_at {
                    put(&mut out, at.mono);
                    put(&mut out, at.wall);
                }
                if let Some(sealed) = &batch.sealed {
                    blob.clear();
                    self.destination.save_sealed(sealed, &mut blob);
                    put_bytes(&mut out, &blob);
                }
                self.put_records(&mut out, index, &batch.ranges, now);
            }
            self.put_records(&mut out, index, std::slice::from_ref(&(lane.head..lane.queue.end())), now);
        }
        let sum = fnv(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// An engine with everything that was exported pending again, under its batch numbers and with its ages; the
    /// time between export and restore counts, by the wall clock. Restored events count as accepted.
    pub fn restore(
        destination: impl Into<Arc<D>>,
        limits: Limits,
        seed: u64,
        bytes: &[u8],
        now: Now,
    ) -> Result<Self, RestoreError> {
        Self::new(destination, limits, seed).load(bytes, now)
    }

    /// As [`restore`](Self::restore), with a bug.
    #[cfg(feature = "__planted-bugs")]
    #[doc(hidden)]
    pub fn restore_with(
        destination: impl Into<Arc<D>>,
        limits: Limits,
        seed: u64,
        bytes: &[u8],
        now: Now,
        bug: Option<Bug>,
    ) -> Result<Self, RestoreError> {
        let mut engine = Self::new(destination, limits, seed);
        engine.planted.bug = bug;
        engine.load(bytes, now)
    }

    fn load(mut self, bytes: &[u8], now: Now) -> Result<Self, RestoreError> {
        let damaged = RestoreError::Damaged;
        let (body, sum) = bytes.split_last_chunk::<8>().ok_or(damaged)?;
        if !body.starts_with(MAGIC) {
            return Err(RestoreError::Version);
        }
        if fnv(body) != u64::from_le_bytes(*sum) {
            return Err(damaged);
        }
        let mut input = Reader(&body[MAGIC.len()..]);
        let exported_at = input.number()?;
        let away = match self.planted.has(Bug::RestoreForgetsAge) {
            false => now.wall.saturating_sub(exported_at),
            true => 0,
        };
        self.next_batch = input.number()?;
        if self.next_batch == 0 || self.next_batch > u64::MAX / 2 {
            return Err(damaged);
        }
        for _ in 0..input.number()? {
            let key = self.destination.load_lane(input.bytes()?).ok_or(RestoreError::UnknownLane)?;
            if self.known_lane(&key).is_some() {
                return Err(damaged);
            }
            let lane = self.lane(&key);
            for _ in 0..input.number()? {
                self.load_batch(lane, &mut input, now, away)?;
            }
            let (range, plain) = self.load_records(lane, &mut input, now, away)?;
            let lane = &mut self.lanes[lane];
            lane.advance(range.start);
            lane.bytes = plain;
            if D::ROUTED && !lane.queue.is_empty() {
                self.live.lanes += 1;
            }
        }
        if !input.0.is_empty() {
            return Err(damaged);
        }
        for id in self.batches.ids() {
            let sealed = self.batches.get_mut(id).and_then(|batch| batch.sealed.take());
            self.wait(id, 0);
            if let Some(sealed) = sealed {
                self.set_sealed(id, sealed);
            }
        }
        Ok(self)
    }

    fn load_batch(
        &mut self,
        lane: usize,
        input: &mut Reader<'_>,
        now: Now,
        away: u64,
    ) -> Result<(), RestoreError> {
        let id = BatchId(input.number()?);
        let attempts = u32::try_from(input.number()?).unwrap_or(u32::MAX);
        let flags = input.number()?;
        let sealed_at = match flags & SEALED_AT {
            0 => None,
            _ => Some(Now { mono: input.number()?, wall: input.number()? }),
        };
        let sealed = match flags & SEALED {
            0 => None,
            _ => self.destination.load_sealed(&self.lanes[lane].key, input.bytes()?),
        };
        let (range, plain) = self.load_records(lane, input, now, away)?;
        if range.is_empty() || id.0 >= self.next_batch || self.batches.get(id).is_some() {
            return Err(RestoreError::Damaged);
        }
        let next = std::mem::replace(&mut self.next_batch, id.0);
        self.new_batch(lane, vec![range], plain);
        self.next_batch = next;
        if let Some(batch) = self.batches.get_mut(id) {
            batch.attempts = attempts;
            batch.sealed_at = sealed_at;
            batch.maybe_delivered = flags & LOST != 0;
            batch.uncounted_loss = flags & UNCOUNTED != 0;
            batch.exhausted = flags & EXHAUSTED != 0;
        }
        if let Some(sealed) = sealed {
            self.set_sealed(id, sealed);
        }
        Ok(())
    }

    fn load_records(
        &mut self,
        lane: usize,
        input: &mut Reader<'_>,
        now: Now,
        away: u64,
    ) -> Result<(Range<u64>, usize), RestoreError> {
        let first = self.lanes[lane].queue.end();
        let mut plain = 0;
        for _ in 0..input.number()? {
            let age = input.number()?.saturating_add(away);
            let tag = input.tag()?;
            let record = input.bytes()?;
            if record.is_empty() {
                return Err(RestoreError::Damaged);
            }
            let at = (now.mono.min(i64::MAX as u64) as i64).saturating_sub_unsigned(age);
            self.live.tags += tag.as_ref().map_or(0, Tag::bytes);
            self.lanes[lane].queue.push(&mut self.pool, record, at, tag);
            plain += record.len();
            self.live.events += 1;
            self.stats.accepted += 1;
        }
        self.live.plain += plain;
        Ok((first..self.lanes[lane].queue.end(), plain))
    }

    fn put_records(&self, out: &mut Vec<u8>, lane: usize, ranges: &[Range<u64>], now: Now) {
        let queue = &self.lanes[lane].queue;
        put(out, ranges.iter().map(|range| range.end - range.start).sum());
        for number in ranges.iter().cloned().flatten() {
            put(out, age(now.mono, queue.accepted_at(number)));
            match queue.tag(number) {
                None => put(out, 0),
                Some(Tag::Number(number)) => {
                    put(out, 1);
                    put(out, *number);
                }
                Some(Tag::Text(text)) => {
                    put(out, 2);
                    put_bytes(out, text.as_bytes());
                }
            }
            put_bytes(out, queue.record(number));
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Result<u64, RestoreError> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(RestoreError::Damaged)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(RestoreError::Damaged)
    }

    fn bytes(&mut self) -> Result<&'a [u8], RestoreError> {
        let len = usize::try_from(self.number()?).map_err(|_| RestoreError::Damaged)?;
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(RestoreError::Damaged)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn tag(&mut self) -> Result<Option<Tag>, RestoreError> {
        match self.number()? {
            0 => Ok(None),
            1 => Ok(Some(Tag::Number(self.number()?))),
            2 => {
                let text = std::str::from_utf8(self.bytes()?).map_err(|_| RestoreError::Damaged)?;
                Ok(Some(Tag::Text(text.into())))
            }
            _ => Err(RestoreError::Damaged),
        }
    }
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn fnv(bytes: &[u8]) -> u64 {
    let mut fnv = Fnv::default();
    fnv.write(bytes);
    fnv.finish()
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => {
                "these bytes were not exported by this version: export and restore with one version"
            }
            Self::Damaged => "the exported bytes are damaged: discard them, or take an older copy",
            Self::UnknownLane => {
                "the exported bytes are of another destination: restore them with the one they are of"
            }
        })
    }
}

impl std::error::Error for RestoreError {}
