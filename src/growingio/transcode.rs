//! From the neutral form straight to a record: the text is read once, and no [`Event`](crate::Event) is built.
//!
//! The scan writes the text as canonical JSON onto a tape, where every string and number has one spelling, and notes
//! where the members' values are. A record is then written by copying: JSON as it is, protobuf without quotes and escapes.

mod check;
pub(crate) mod problem;
mod scan;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod write;

use problem::{Parent, Problem, Result};
use scan::{Scan, Slots, Span};
use table::{
    ANONYMOUS, ATTRIBUTES, ITEM, KEY, MAPPING, RESOURCE_ITEM, TIME, TIMESTAMP, TRACK, USER, USER_KEY,
};
use text::put_escaped;
use write::Writer;

use super::{GrowingIo, Lane};
use crate::Invalid;
use crate::codec::bytes::{byte_at, put, put_byte};
use crate::codec::number::write_unsigned;
use crate::destination::Now;

/// What every record of a destination has.
#[derive(Debug)]
pub(super) struct Common {
    tape: Vec<u8>,
    slots: Slots,
}

/// Why an event was refused. The name that it is about follows what was in the buffer, as canonical JSON.
pub(crate) struct Refused {
    pub(crate) problem: Problem,
    pub(crate) parent: Parent,
    /// Where reading stopped.
    pub(crate) at: usize,
}

/// The user key that lifts the rule that a custom event needs an id.
const NO_USER: &[u8] = b"\"$notuser\"";

/// Which keys a line of each kind may have.
const USER_KEYS: u64 = keys(&[USER, USER_KEY, ANONYMOUS, TIME, ATTRIBUTES]);
const TRACK_KEYS: u64 = USER_KEYS | keys(&[TRACK, RESOURCE_ITEM]);
const ITEM_KEYS: u64 = keys(&[ITEM, KEY, ATTRIBUTES]);
const MAPPING_KEYS: u64 = keys(&[MAPPING, TIME]);

const fn keys(slots: &[u8]) -> u64 {
    let (mut keys, mut at) = (0, 0);
    while at < slots.len() {
        keys |= 1 << slots[at];
        at += 1;
    }
    keys
}

impl Common {
    /// Of product id, data source id, platform and sdk version.
    pub(super) fn new(texts: [Option<&str>; 4]) -> Self {
        let mut common = Self { tape: Vec::new(), slots: [Span::default(); table::SLOTS] };
        // No place on the tape is 0: that says that there is nothing.
        put_byte(&mut common.tape, b' ');
        let slots = [table::PROJECT, table::DATA_SOURCE, table::PLATFORM, table::SDK_VERSION];
        for (slot, text) in slots.into_iter().zip(texts) {
            common.add(slot, text);
        }
        common
    }

    fn add(&mut self, slot: u8, text: Option<&str>) {
        let Some(text) = text else { return };
        let start = self.tape.len();
        put_byte(&mut self.tape, b'"');
        put_escaped(&mut self.tape, text.as_bytes());
        put_byte(&mut self.tape, b'"');
        self.slots[usize::from(slot)] = Span { start, end: self.tape.len() };
    }
}

impl GrowingIo {
    /// Appends the record of an event in the neutral form (see [`Event::from_json`](crate::Event::from_json)), and says
    /// its lane. The record is the one that [`encode`](crate::destination::Destination::encode) writes for that event,
    /// in JSON up to the order of the members. It takes much less code and memory, and about the same time.
    ///
    /// # Errors
    ///
    /// Those of `from_json` and of `encode`; what was appended is then to be discarded.
    pub fn transcode(&self, text: &str, now: Now, out: &mut Vec<u8>) -> std::result::Result<Lane, Invalid> {
        let start = out.len();
        self.transcode_or_refuse(text.as_bytes(), now, out)
            .map_err(|refused| refused.tell(out.get(start..).unwrap_or_default()))
    }

    /// As [`transcode`](Self::transcode); what is wrong is not put into words.
    #[inline(never)]
    pub(crate) fn transcode_or_refuse(
        &self,
        text: &[u8],
        now: Now,
        out: &mut Vec<u8>,
    ) -> std::result::Result<Lane, Refused> {
        let Common { tape, slots } = &self.common;
        let protobuf = self.format.is_protobuf();
        let mut scan = Scan::new(text, tape, slots, protobuf);
        let lane = scan.event().and_then(|()| self.judge(&mut scan));
        let lane = match lane {
            Ok(lane) => lane,
            Err(problem) => {
                put(out, scan.tape(scan.name));
                return Err(Refused { problem, parent: scan.parent, at: scan.at });
            }
        };
        let (number, table): (u8, &[u8]) = match lane {
            Lane::Events => {
                scan.complete(protobuf, now);
                (1, &table::EVENT)
            }
            Lane::Items => (2, &table::ITEM_RECORD),
            Lane::Mappings => (1, &table::MAPPING_RECORD),
        };
        let mut writer = Writer { tape: &scan.tape, slots: &scan.slots, out, protobuf };
        writer.object(number, table, lane == Lane::Events);
        Ok(lane)
    }

    /// Says of which kind the event is, and what the kind does not have or lacks.
    #[inline(never)]
    fn judge(&self, scan: &mut Scan<'_>) -> Result<Lane> {
        let given = |slot| scan.len_of(slot) > 0;
        let (track, item, mapping) = (given(TRACK), given(ITEM), given(MAPPING));
        let (allowed, lane, takes) = match (track, item, mapping) {
            (false, false, false) => (USER_KEYS, Lane::Events, Problem::UserTakes),
            (true, false, false) => (TRACK_KEYS, Lane::Events, Problem::TrackTakes),
            (false, true, false) => (ITEM_KEYS, Lane::Items, Problem::ItemTakes),
            (false, false, true) => (MAPPING_KEYS, Lane::Mappings, Problem::MappingTakes),
            _ => {
                scan.blame(if mapping { MAPPING } else { ITEM });
                return Err(Problem::Kinds);
            }
        };
        let mut at = 0;
        while at < table::KEYS.len() {
            let head = table::head(&table::KEYS, at);
            if allowed >> head.slot & 1 == 0 && scan.len_of(head.slot) > 0 {
                scan.blame(head.slot);
                return Err(takes);
            }
            at += table::HEAD + usize::from(head.len);
        }
        scan.parent = Parent::None;
        if track {
            if scan.twice.start != 0 {
                scan.name = scan.twice;
                return Err(Problem::Twice);
            }
        } else if scan.unknown.start != 0 {
            scan.name = scan.unknown;
            return Err(takes);
        }
        if item && scan.len_of(KEY) == 0 {
            return Err(Problem::Key);
        }
        if lane == Lane::Events {
            scan.drop_empty(ATTRIBUTES);
        }
        if self.validate {
            validate(scan, lane, track)?;
        }
        if track {
            scan.name = scan.late_name;
            scan.late?;
        }
        Ok(lane)
    }
}

/// What the platform would not be able to use.
fn validate(scan: &Scan<'_>, lane: Lane, track: bool) -> Result {
    let blank = |slot| scan.len_of(slot) <= 2;
    match lane {
        Lane::Events => {
            if track && blank(TRACK) {
                return Err(Problem::EventName);
            }
            if blank(USER) && blank(ANONYMOUS) && !(track && scan.value_of(USER_KEY) == NO_USER) {
                return Err(Problem::UserId);
            }
            if !track && blank(ATTRIBUTES) {
                return Err(Problem::Attributes);
            }
        }
        Lane::Items if blank(ITEM) => return Err(Problem::ItemId),
        Lane::Items if blank(KEY) => return Err(Problem::ItemKey),
        Lane::Mappings if blank(MAPPING) => return Err(Problem::Identities),
        _ => {}
    }
    Ok(())
}

impl Scan<'_> {
    /// Fills in what an event has without being told.
    fn complete(&mut self, protobuf: bool, now: Now) {
        let track = self.len_of(TRACK) > 0;
        let start = self.tape.len();
        let name: &[u8] = match (track, protobuf) {
            (true, false) => b"\"CUSTOM\"",
            (false, false) => b"\"LOGIN_USER_ATTRIBUTES\"",
            (true, true) => b"1",
            (false, true) => b"3",
        };
        put(&mut self.tape, name);
        let end = self.tape.len();
        self.slots[usize::from(table::TYPE)] = Span { start, end };
        let time = self.slots[usize::from(TIME)];
        self.slots[usize::from(TIMESTAMP)] = if time.end > time.start {
            time
        } else {
            write_unsigned(&mut self.tape, now.wall.min(i64::MAX as u64));
            Span { start: end, end: self.tape.len() }
        };
    }

    /// Makes a key that has a value what an error is about.
    #[cold]
    fn blame(&mut self, slot: u8) {
        self.parent = Parent::None;
        // `"key":` stands in front of the value; these keys hold no quotes.
        let end = self.slots[usize::from(slot) % table::SLOTS].start - 1;
        let mut start = end - 2;
        while byte_at(&self.tape, start) != b'"' {
            start -= 1;
        }
        self.name = Span { start, end };
    }
}
