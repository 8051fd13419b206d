//! GrowingIO as a destination: lanes, sealing, requests, and what its answers mean.

#[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
use super::address::{Address, describe};
#[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
use super::events::EventRecords;
use super::options::{Consumer, Format};
#[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
use super::options::{OptionError, Options};
use super::transcode::Common;
use crate::codec::bytes::{owned, put, put_byte};
use crate::codec::packed::packed;
use crate::codec::xor::xor;
use crate::destination::{BatchId, Batching, Cause, Destination, Now, Records, Verdict};
use crate::http::Body;
#[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
use crate::http::Response;
#[cfg(all(feature = "js", not(feature = "wasm"), target_family = "wasm"))]
use crate::js::Answer;
use crate::{Event, Invalid};

/// GrowingIO CDP as the engine sees it.
#[derive(Debug)]
pub struct GrowingIo {
    pub(super) format: Format,
    consumer: Consumer,
    pub(super) validate: bool,
    max_request_bytes: usize,
    flush_size: usize,
    flush_only: bool,
    /// For events as such. The npm package brings text only.
    #[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
    records: EventRecords,
    pub(super) common: Common,
    /// Where requests go. The npm package's shell knows itself.
    #[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
    address: Address,
}

/// What keeps requests apart: each lane has its own path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lane {
    /// Custom events and user attributes.
    Events,
    /// Items.
    Items,
    /// User id mappings.
    Mappings,
}

/// A sealed batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub(crate) lane: Lane,
    /// The wall clock at sealing, ms. It is in the URL and, by its last byte, the XOR key, so retries keep it.
    pub(crate) stm: u64,
    pub(crate) body: Body,
}

/// Bytes that a record takes at least, for how many could be in one request.
const MIN_RECORD: usize = 64;

/// What the shell gives, checked.
#[cfg(all(feature = "js", not(feature = "wasm"), target_family = "wasm"))]
pub(crate) struct Parts<'a> {
    pub(crate) format: Format,
    pub(crate) consumer: Consumer,
    pub(crate) validate: bool,
    pub(crate) max_request_bytes: usize,
    pub(crate) flush_size: usize,
    pub(crate) flush_only: bool,
    /// Product id, data source id, platform and sdk version.
    pub(crate) texts: [Option<&'a str>; 4],
}

#[cfg(all(feature = "js", not(feature = "wasm"), target_family = "wasm"))]
impl From<Parts<'_>> for GrowingIo {
    fn from(parts: Parts<'_>) -> Self {
        let Parts { format, consumer, validate, max_request_bytes, flush_size, flush_only, texts } = parts;
        let common = Common::new(texts);
        Self { format, consumer, validate, max_request_bytes, flush_size, flush_only, common }
    }
}

impl GrowingIo {
    /// A destination with these options.
    #[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
    pub fn new(options: &Options) -> Result<Self, OptionError> {
        options.check()?;
        let Options { product_id, data_source_id, platform, sdk_version, .. } = options;
        let texts =
            [Some(&**product_id), Some(&**data_source_id), platform.as_deref(), sdk_version.as_deref()];
        Ok(Self {
            format: options.format,
            consumer: options.consumer,
            validate: options.validate,
            max_request_bytes: options.max_request_bytes,
            flush_size: options.flush_size,
            flush_only: options.flush_only,
            records: EventRecords::new(options),
            common: Common::new(texts),
            address: Address::new(options),
        })
    }

    /// Writes records as one list.
    fn frame(&self, records: Records<'_>, out: &mut Vec<u8>) {
        if self.format.is_protobuf() {
            return records.pieces().for_each(|piece| put(out, piece));
        }
        for (place, record) in records.iter().enumerate() {
            put_byte(out, if place == 0 { b'[' } else { b',' });
            put(out, record);
        }
        put_byte(out, b']');
    }

    fn frame_compressed(&self, records: Records<'_>) -> Vec<u8> {
        packed(|plain| self.frame(records, plain), |_, packed| owned(packed))
    }

    /// The URL a lane's records go to, without query.
    #[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
    pub fn url(&self, lane: Lane) -> &str {
        self.address.url(lane)
    }

    /// What stands in the bytes of every record: exported events are restored only where it is the same.
    fn identity(&self) -> &[u8] {
        #[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
        return self.address.identity();
        #[cfg(all(feature = "js", not(feature = "wasm"), target_family = "wasm"))]
        return &[];
    }
}

impl Sealed {
    /// The lane the batch is of.
    pub fn lane(&self) -> Lane {
        self.lane
    }
}

impl Destination for GrowingIo {
    type Record<'a> = Event<'a>;
    type Lane = Lane;
    /// All lanes share one origin, and so one retry clock.
    type Endpoint = ();
    type Sealed = Sealed;
    #[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
    type Request = crate::http::Request;
    /// The shell makes a request of it.
    #[cfg(all(feature = "js", not(feature = "wasm"), target_family = "wasm"))]
    type Request = Sealed;
    #[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
    type Response = Response;
    #[cfg(all(feature = "js", not(feature = "wasm"), target_family = "wasm"))]
    type Response = Answer;
    const PARTLY: bool = false;
    const MANY_LANES: bool = false;

    fn route(&self, record: &Event<'_>) -> Result<Lane, Invalid> {
        Ok(match record {
            Event::Track(_) | Event::User(_) => Lane::Events,
            Event::Item(_) => Lane::Items,
            Event::Mapping(_) => Lane::Mappings,
        })
    }

    #[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
    fn encode(&self, record: &Event<'_>, now: Now, out: &mut Vec<u8>) -> Result<(), Invalid> {
        self.records.encode(record, self.validate, now, out)
    }

    // The npm package brings text only, which is transcoded.
    #[cfg(all(feature = "js", not(feature = "wasm"), target_family = "wasm"))]
    fn encode(&self, record: &Event<'_>, now: Now, out: &mut Vec<u8>) -> Result<(), Invalid> {
        let mut text = String::new();
        record.to_json(&mut text);
        self.transcode(&text, now, out).map(drop)
    }

    fn batching(&self, lane: &Lane) -> Batching {
        // More records than these never fit: each has its envelope.
        let most = |max_size: usize| max_size.min(self.max_request_bytes / MIN_RECORD).max(1);
        let (max_size, flush_after) = match self.consumer {
            // The bound is the vendor's own.
            Consumer::Buffered { max_size } if *lane == Lane::Events => (max_size.min(2_000), None),
            Consumer::Async { max_size, flush_after } => (max_size, Some(flush_after)),
            _ => (1, None),
        };
        let max_events = most(max_size);
        let flush_events = if self.flush_size > 0 { most(self.flush_size) } else { 0 };
        // Each record but the first costs a comma, and the brackets cost two bytes.
        let max_bytes = self.max_request_bytes.saturating_sub(max_events.max(flush_events) + 2);
        let flush_after = flush_after.filter(|_| !self.flush_only);
        Batching {
            max_events: if self.flush_only { usize::MAX } else { max_events },
            max_bytes,
            max_wait: flush_after.map(|wait| {
                wait.as_secs().saturating_mul(1_000).saturating_add(u64::from(wait.subsec_millis()))
            }),
            triggers_flush: flush_after.is_some() && *lane == Lane::Items,
            flush_events,
        }
    }

    fn endpoint(&self, _: &Lane, _: BatchId, _: u32) {}

    fn seal(&self, lane: &Lane, records: Records<'_>, _: BatchId, now: Now) -> Sealed {
        let stm = now.wall;
        let body = match self.format {
            Format::Json | Format::Protobuf | Format::Simple => {
                let mut body = Vec::new();
                body.reserve_exact(records.bytes() + records.len() + 1);
                self.frame(records, &mut body);
                body
            }
            Format::JsonSnappy => self.frame_compressed(records),
            Format::JsonSnappyCrypt | Format::ProtobufSnappyCrypt => {
                let mut body = self.frame_compressed(records);
                xor(&mut body, stm as u8);
                body
            }
        };
        Sealed { lane: *lane, stm, body: body.into() }
    }

    fn sealed_bytes(&self, sealed: &Sealed) -> usize {
        sealed.body.len()
    }

    fn sealed_bound(&self, plain: usize, count: usize) -> usize {
        let framed = plain.saturating_add(count).saturating_add(1);
        match self.format {
            Format::Json | Format::Protobuf | Format::Simple => framed,
            // What snappy makes of noise.
            _ => framed.saturating_add(framed / 6).saturating_add(32),
        }
    }

    fn request(&self, sealed: &Sealed, (): &(), _: u32, _: Now) -> Self::Request {
        #[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
        return self.address.request(self.format, sealed);
        #[cfg(all(feature = "js", not(feature = "wasm"), target_family = "wasm"))]
        return sealed.clone();
    }

    #[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
    fn judge(&self, _: &Sealed, response: &Response, now: Now) -> Verdict {
        let cause = |status| Cause::new(u32::from(status), describe(response));
        verdict(response.status, cause, || response.retry_after_ms(now.wall))
    }

    #[cfg(all(feature = "js", not(feature = "wasm"), target_family = "wasm"))]
    fn judge(&self, _: &Sealed, answer: &Answer, _: Now) -> Verdict {
        let cause = |status| Cause::new(u32::from(status), answer.said.clone());
        match answer.status {
            0 => Verdict::Retry { after: None, maybe_accepted: answer.maybe_accepted, cause: cause(0) },
            status => verdict(status, cause, || answer.after),
        }
    }

    fn save_lane(&self, lane: &Lane, out: &mut Vec<u8>) {
        out.push(*lane as u8);
        out.extend_from_slice(self.identity());
    }

    fn load_lane(&self, bytes: &[u8]) -> Option<Lane> {
        let (&lane, identity) = bytes.split_first()?;
        let lanes = [Lane::Events, Lane::Items, Lane::Mappings];
        lanes.into_iter().find(|known| *known as u8 == lane && identity == self.identity())
    }

    fn save_sealed(&self, sealed: &Sealed, out: &mut Vec<u8>) {
        out.push(self.format as u8);
        out.extend_from_slice(&sealed.stm.to_le_bytes());
        out.extend_from_slice(&sealed.body);
    }

    fn load_sealed(&self, lane: &Lane, bytes: &[u8]) -> Option<Sealed> {
        let (&format, rest) = bytes.split_first()?;
        let (stm, body) = rest.split_first_chunk::<8>()?;
        let stm = u64::from_le_bytes(*stm);
        (format == self.format as u8).then(|| Sealed { lane: *lane, stm, body: body.to_vec().into() })
    }
}

/// What a status means.
fn verdict(status: u16, cause: impl FnOnce(u16) -> Cause, after: impl FnOnce() -> Option<u64>) -> Verdict {
    if matches!(status, 200..=299) {
        return Verdict::Delivered;
    }
    let cause = cause(status);
    match status {
        413 => Verdict::Split(cause),
        408 | 429 | 500..=599 => Verdict::Retry {
            after: after(),
            // "Not now" (408, 429, 503) refuses the records. Any other failure may have come after they were taken: a
            // server that fell over at the end, a gateway that lost its upstream's answer.
            maybe_accepted: !matches!(status, 408 | 429 | 503),
            cause,
        },
        _ => Verdict::Rejected(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn no_size_of_a_batch_is_too_large_to_be_asked_for() {
        for max_size in [1, 500, 32_768, 2_090_000, 3_000_000, usize::MAX] {
            let mut options = Options::new("p", "d", "http://localhost");
            options.consumer = Consumer::Async { max_size, flush_after: Duration::from_secs(1) };
            for flush_size in [0, max_size] {
                options.flush_size = flush_size;
                let batching = GrowingIo::new(&options).unwrap().batching(&Lane::Events);
                assert_eq!(batching.max_events, max_size.min(32_768));
                assert!(batching.max_bytes > 1_900_000, "{batching:?}");
            }
            let destination = GrowingIo::new(&options).unwrap();
            assert!(destination.sealed_bound(usize::MAX, max_size) > 0);
        }
    }
}
