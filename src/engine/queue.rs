//! Where a lane's records live: fixed segments from a shared pool.
//!
//! A record is written once. Its number counts up within its lane; a segment holds consecutive numbers and returns to
//! the pool when none of its records is live any more. Where few live on among many that have ended, the
//! gaps in a segment are closed, so that what is held stays within twice what lives and a few segments.

use std::ops::Range;

use super::outcome::Tag;
use crate::destination::Chunk;

/// The records of one lane.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Ascending. There are about as many as there are MiB, times 16.
    #[allow(clippy::vec_box, reason = "code that moves a segment is smaller when it moves a pointer")]
    segments: Vec<Box<Segment>>,
    end: u64,
    /// Of the next segment, bytes.
    next_size: usize,
}

/// Spare segments, so that a steady flow allocates nothing.
#[derive(Debug)]
pub(super) struct Pool {
    #[allow(clippy::vec_box, reason = "they come from and go to queues, which move them")]
    spare: Vec<Box<Segment>>,
    segment_bytes: usize,
    /// Of a lane's first segment, bytes.
    first_size: usize,
    /// Bytes of all segments that hold records.
    held: usize,
}

#[derive(Debug, Default)]
struct Segment {
    first: u64,
    data: Vec<u8>,
    /// Where each record ends, and by [`ENDED`] whether it has.
    ends: Vec<u32>,
    /// From this record on, accepted at this time (ms on the monotonic clock; before 0 when restored).
    times: Vec<(u32, i64)>,
    tags: Vec<(u32, Tag)>,
    live: u32,
    live_bytes: usize,
}

/// Of the end of a record that is no more.
const ENDED: u32 = 1 << 31;

const SPARE_SEGMENTS: usize = 16;
/// Only where there is a system with many lanes.
const SMALL_FIRST: bool = cfg!(feature = "inlong");
/// Not in the npm package's module: its allocator keeps what comes back itself.
const SPARES: bool = !crate::NPM;

impl Queue {
    /// The number the next record gets.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Whether no record lives.
    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    pub(super) fn push(&mut self, pool: &mut Pool, record: &[u8], at: i64, tag: Option<Tag>) -> u64 {
        let fits = self.segments.last().is_some_and(|last| {
            last.first + last.ends.len() as u64 == self.end
                && last.data.capacity() - last.data.len() >= record.len()
        });
        if !fits {
            // Small at first where there may be many lanes, most of which may hold little.
            let mut size = pool.segment_bytes;
            if SMALL_FIRST {
                size = self.next_size.clamp(pool.first_size, size);
                self.next_size = size * 2;
            }
            let mut segment = pool.take(record.len().max(size));
            segment.first = self.end;
            self.segments.push(segment);
        }
        let number = self.end;
        self.end += 1;
        if let Some(segment) = self.segments.last_mut() {
            segment.push(record, at, tag);
        }
        number
    }

    /// When a live record was accepted.
    pub(super) fn accepted_at(&self, number: u64) -> i64 {
        let segment = &self.segments[self.index(number)];
        segment.accepted_at((number - segment.first) as usize)
    }

    /// The bytes of one live record.
    pub(super) fn record(&self, number: u64) -> &[u8] {
        let segment = &self.segments[self.index(number)];
        let place = (number - segment.first) as usize;
        &segment.data[segment.start(place)..segment.ends[place] as usize]
    }

    /// The bytes of live records.
    pub(super) fn bytes(&self, ranges: &[Range<u64>]) -> usize {
        let mut bytes = 0;
        for range in ranges {
            for number in range.start..range.end {
                bytes += self.record(number).len();
            }
        }
        bytes
    }

    /// The tag of one live record.
    pub(super) fn tag(&self, number: u64) -> Option<&Tag> {
        let segment = &self.segments[self.index(number)];
        let place = (number - segment.first) as u32;
        let at = segment.tags.binary_search_by_key(&place, |&(at, _)| at).ok()?;
        Some(&segment.tags[at].1)
    }

    /// Hands out the bytes of those live records that have tags, in order.
    pub(super) fn tagged(&self, range: Range<u64>, each: &mut dyn FnMut(&Tag, &[u8])) {
        let mut number = range.start;
        while number < range.end {
            let segment = &self.segments[self.index(number)];
            let from = (number - segment.first) as u32;
            let to = (range.end.min(segment.end()) - segment.first) as u32;
            let first = segment.tags.partition_point(|&(at, _)| at < from);
            for (place, tag) in segment.tags[first..].iter().take_while(|&&(at, _)| at < to) {
                let place = *place as usize;
                each(tag, &segment.data[segment.start(place)..segment.ends[place] as usize]);
            }
            number = segment.end();
        }
    }

    /// The bytes of the text tags of live records.
    pub(super) fn tag_bytes(&self, ranges: &[Range<u64>]) -> usize {
        let mut bytes = 0;
        for range in ranges {
            for number in range.start..range.end {
                bytes += self.tag(number).map_or(0, Tag::bytes);
            }
        }
        bytes
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
        let mut chunks = Vec::new();
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
    pub(super) fn finish(&mut self, pool: &mut Pool, range: Range<u64>, tags: &mut Vec<Tag>) -> usize {
        let (mut bytes, mut number) = (0, range.start);
        while number < range.end {
            let index = self.index(number);
            let segment = &mut self.segments[index];
            let from = (number - segment.first) as usize;
            let to = (range.end.min(segment.end()) - segment.first) as usize;
            number = segment.end();
            let ended = segment.start(to) - segment.start(from);
            bytes += ended;
            if !segment.tags.is_empty() {
                let first = segment.tags.partition_point(|&(at, _)| (at as usize) < from);
                let last = segment.tags.partition_point(|&(at, _)| (at as usize) < to);
                for (_, tag) in segment.tags.drain(first..last) {
                    tags.push(tag);
                }
            }
            segment.live -= (to - from) as u32;
            segment.live_bytes -= ended;
            if segment.live > 0 {
                segment.ends[from..to].iter_mut().for_each(|end| *end |= ENDED);
            } else {
                pool.give(self.segments.remove(index));
            }
        }
        bytes
    }

    /// Closes the gaps in segments of which less than half is live.
    pub(super) fn compact(&mut self, pool: &mut Pool) {
        let full = self.segments.len().saturating_sub(1);
        for segment in self.segments.iter_mut().take(full) {
            let held = segment.data.capacity();
            if segment.live_bytes * 2 < held {
                segment.compact();
                pool.held -= held - segment.data.capacity();
            }
        }
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
        self.live_bytes += record.len();
    }

    /// Keeps only the bytes of live records. The others stay as empty ones, so that numbers stay what they are.
    fn compact(&mut self) {
        let mut data = Vec::new();
        data.reserve_exact(self.live_bytes);
        let mut start = 0;
        for end in &mut self.ends {
            let to = (*end & !ENDED) as usize;
            if *end & ENDED == 0 {
                data.extend_from_slice(&self.data[start..to]);
            }
            start = to;
            *end = *end & ENDED | data.len() as u32;
        }
        self.data = data;
    }

    fn accepted_at(&self, place: usize) -> i64 {
        let mark = self.times.partition_point(|&(from, _)| from as usize <= place);
        self.times[mark - 1].1
    }

    fn start(&self, place: usize) -> usize {
        if place == 0 { 0 } else { (self.ends[place - 1] & !ENDED) as usize }
    }

    fn end(&self) -> u64 {
        self.first + self.ends.len() as u64
    }
}

impl Pool {
    pub(super) fn new(segment_bytes: usize, first_size: usize) -> Self {
        let segment_bytes = segment_bytes.clamp(1, 1 << 30);
        Self { spare: Vec::new(), segment_bytes, first_size: first_size.min(segment_bytes), held: 0 }
    }

    /// Whether segments hold so much more than the `live` bytes in them that compacting is worth while.
    pub(super) fn is_sparse(&self, live: usize, lanes: usize) -> bool {
        self.held > 2 * live + (SPARE_SEGMENTS + lanes) * self.segment_bytes
    }

    fn take(&mut self, at_least: usize) -> Box<Segment> {
        let spare = if at_least <= self.segment_bytes { self.spare.pop() } else { None };
        let segment = spare.unwrap_or_else(|| {
            let mut data = Vec::new();
            data.reserve_exact(at_least);
            Box::new(Segment { data, ..Segment::default() })
        });
        self.held += segment.data.capacity();
        segment
    }

    fn give(&mut self, mut segment: Box<Segment>) {
        self.held -= segment.data.capacity();
        let range = self.segment_bytes..=2 * self.segment_bytes;
        if SPARES && self.spare.len() < SPARE_SEGMENTS && range.contains(&segment.data.capacity()) {
            segment.data.clear();
            segment.ends.clear();
            segment.times.clear();
            segment.tags.clear();
            (segment.live, segment.live_bytes) = (0, 0);
            self.spare.push(segment);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    proptest::proptest! {
        /// Records come and end in any order; what lives reads the same, and little more than that is held.
        #[test]
        fn the_living_survive_compaction(turns in proptest::collection::vec((0u8..9, 0usize..300), 1..600)) {
            let mut pool = Pool::new(1_000, 100);
            let mut queue = Queue::default();
            let mut living: BTreeMap<u64, (Vec<u8>, i64, Option<Tag>)> = BTreeMap::new();
            for (turn, (what, size)) in turns.into_iter().enumerate() {
                if what < 5 {
                    let record = vec![turn as u8; size + 1];
                    let tag = (what < 2).then_some(Tag::Number(turn as u64));
                    let at = (turn / 3) as i64;
                    let number = queue.push(&mut pool, &record, at, tag.clone());
                    living.insert(number, (record, at, tag));
                } else if let Some(&number) = living.keys().nth(size % living.len().max(1)) {
                    let (record, _, tag) = living.remove(&number).unwrap();
                    let mut tags = Vec::new();
                    let bytes = queue.finish(&mut pool, number..number + 1, &mut tags);
                    assert_eq!((bytes, tags.pop(), tags.len()), (record.len(), tag, 0));
                }
                let live = living.values().map(|(record, ..)| record.len()).sum();
                if pool.is_sparse(live, 1) || what == 8 {
                    queue.compact(&mut pool);
                }
                assert!(!pool.is_sparse(live, 1), "{} bytes are held for {live}", pool.held);
                for (&number, (record, at, tag)) in &living {
                    assert_eq!(queue.record(number), record);
                    assert_eq!(queue.accepted_at(number), *at);
                    assert_eq!(queue.tag(number), tag.as_ref());
                }
            }
        }
    }
}
