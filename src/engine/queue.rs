//! Where a lane's records live: fixed segments from a shared pool.
//!
//! A record is written once and never moved. Its number counts up within its lane; a segment holds consecutive
//! numbers and returns to the pool when none of its records is live any more.

use std::collections::VecDeque;
use std::ops::Range;

use super::outcome::Tag;
use crate::destination::Chunk;

/// The records of one lane.
#[derive(Debug, Default)]
pub(super) struct Queue {
    segments: VecDeque<Segment>,
    end: u64,
}

/// Spare segments, so that a steady flow allocates nothing.
#[derive(Debug)]
pub(super) struct Pool {
    spare: Vec<Segment>,
    segment_bytes: usize,
}

#[derive(Debug, Default)]
struct Segment {
    first: u64,
    data: Vec<u8>,
    ends: Vec<u32>,
    /// From this record on, accepted at this time (ms on the monotonic clock; before 0 when restored).
    times: Vec<(u32, i64)>,
    tags: Vec<(u32, Tag)>,
    live: u32,
}

const SPARE_SEGMENTS: usize = 16;

impl Queue {
    /// The number the next record gets.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn push(&mut self, pool: &mut Pool, record: &[u8], at: i64, tag: Option<Tag>) -> u64 {
        let fits = self.segments.back().is_some_and(|last| {
            last.first + last.ends.len() as u64 == self.end
                && last.data.capacity() - last.data.len() >= record.len()
        });
        if !fits {
            let mut segment = pool.take(record.len());
            segment.first = self.end;
            self.segments.push_back(segment);
        }
        let number = self.end;
        self.end += 1;
        if let Some(segment) = self.segments.back_mut() {
            segment.push(record, at, tag);
        }
        number
    }

    /// When a live record was accepted.
    pub(super) fn accepted_at(&self, number: u64) -> i64 {
        let segment = &self.segments[self.index(number)];
        let place = (number - segment.first) as u32;
        let mark = segment.times.partition_point(|&(from, _)| from <= place);
        segment.times[mark - 1].1
    }

    /// The earliest time at which a record of these ranges was accepted.
    pub(super) fn oldest(&self, ranges: &[Range<u64>]) -> i64 {
        let mut oldest = i64::MAX;
        for range in ranges {
            let mut number = range.start;
            while number < range.end {
                let segment = &self.segments[self.index(number)];
                let from = (number - segment.first) as u32;
                let to = (range.end.min(segment.end()) - segment.first) as u32;
                let mark = segment.times.partition_point(|&(first, _)| first <= from) - 1;
                let marks = segment.times[mark..].iter().take_while(|&&(first, _)| first < to);
                oldest = marks.map(|&(_, at)| at).fold(oldest, i64::min);
                number = segment.end();
            }
        }
        oldest
    }

    /// The bytes of one live record.
    pub(super) fn record(&self, number: u64) -> &[u8] {
        let segment = &self.segments[self.index(number)];
        let place = (number - segment.first) as usize;
        &segment.data[segment.start(place)..segment.ends[place] as usize]
    }

    /// The tag of one live record.
    pub(super) fn tag(&self, number: u64) -> Option<&Tag> {
        let segment = &self.segments[self.index(number)];
        let place = (number - segment.first) as u32;
        let at = segment.tags.binary_search_by_key(&place, |&(at, _)| at).ok()?;
        Some(&segment.tags[at].1)
    }

    /// How many records from `from` on fit into `max_bytes` and `max_events` (always at least one), and their bytes.
    pub(super) fn measure(&self, from: u64, max_events: usize, max_bytes: usize) -> (u64, usize) {
        let (mut count, mut bytes, mut number) = (0u64, 0usize, from);
        while number < self.end && (count as usize) < max_events {
            let segment = &self.segments[self.index(number)];
            let place = (number - segment.first) as usize;
            let mut start = segment.start(place);
            for &end in &segment.ends[place..] {
                let len = end as usize - start;
                start = end as usize;
                if count as usize == max_events || (count > 0 && bytes + len > max_bytes) {
                    return (count, bytes);
                }
                count += 1;
                bytes += len;
            }
            number = segment.end();
        }
        (count, bytes)
    }

    /// The memory these live records lie in.
    pub(super) fn chunks(&self, ranges: &[Range<u64>]) -> Vec<Chunk<'_>> {
        let mut chunks = Vec::with_capacity(ranges.len() + 1);
        for range in ranges {
            let mut number = range.start;
            while number < range.end {
                let segment = &self.segments[self.index(number)];
                let from = (number - segment.first) as usize;
                let to = (range.end.min(segment.end()) - segment.first) as usize;
                let start = segment.start(from) as u32;
                chunks.push(Chunk { data: &segment.data, start, ends: &segment.ends[from..to] });
                number = segment.end();
            }
        }
        chunks
    }

    /// Lets go of live records, hands out their tags, and says how many bytes they were.
    pub(super) fn finish(
        &mut self,
        pool: &mut Pool,
        range: Range<u64>,
        mut tagged: impl FnMut(Tag),
    ) -> usize {
        let (mut bytes, mut number) = (0, range.start);
        while number < range.end {
            let index = self.index(number);
            let segment = &mut self.segments[index];
            let from = (number - segment.first) as usize;
            let to = (range.end.min(segment.end()) - segment.first) as usize;
            number = segment.end();
            bytes += segment.ends[to - 1] as usize - segment.start(from);
            let first = segment.tags.partition_point(|&(at, _)| (at as usize) < from);
            let last = segment.tags.partition_point(|&(at, _)| (at as usize) < to);
            segment.tags.drain(first..last).for_each(|(_, tag)| tagged(tag));
            segment.live -= (to - from) as u32;
            if segment.live == 0
                && let Some(segment) = self.segments.remove(index)
            {
                pool.give(segment);
            }
        }
        bytes
    }

    fn index(&self, number: u64) -> usize {
        self.segments.partition_point(|segment| segment.first <= number) - 1
    }
}

impl Segment {
    fn push(&mut self, record: &[u8], at: i64, tag: Option<Tag>) {
        let place = self.ends.len() as u32;
        self.data.extend_from_slice(record);
        self.ends.push(self.data.len() as u32);
        if self.times.last().is_none_or(|&(_, last)| last != at) {
            self.times.push((place, at));
        }
        if let Some(tag) = tag {
            self.tags.push((place, tag));
        }
        self.live += 1;
    }

    fn start(&self, place: usize) -> usize {
        if place == 0 { 0 } else { self.ends[place - 1] as usize }
    }

    fn end(&self) -> u64 {
        self.first + self.ends.len() as u64
    }
}

impl Pool {
    pub(super) fn new(segment_bytes: usize) -> Self {
        Self { spare: Vec::new(), segment_bytes: segment_bytes.clamp(1, 1 << 30) }
    }

    fn take(&mut self, at_least: usize) -> Segment {
        if at_least <= self.segment_bytes
            && let Some(segment) = self.spare.pop()
        {
            return segment;
        }
        Segment { data: Vec::with_capacity(at_least.max(self.segment_bytes)), ..Segment::default() }
    }

    fn give(&mut self, mut segment: Segment) {
        if self.spare.len() < SPARE_SEGMENTS && segment.data.capacity() <= 2 * self.segment_bytes {
            segment.data.clear();
            segment.ends.clear();
            segment.times.clear();
            segment.tags.clear();
            segment.live = 0;
            self.spare.push(segment);
        }
    }
}
