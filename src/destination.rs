//! What a system implements so that the engine can deliver to it: encode one record, seal a batch, judge an answer.
//!
//! A destination is data and pure functions. It opens no sockets and reads no clock; the engine calls it, a driver
//! carries its requests.

use std::borrow::Cow;
use std::fmt::{self, Debug};
use std::hash::Hash;

use crate::Invalid;

/// The moment of a call, by two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// A clock that never goes back, in ms from any start: for deadlines and ages.
    pub mono: u64,
    /// The wall clock, in ms since the Unix epoch: for timestamps and signatures. It may jump.
    pub wall: u64,
}

/// A batch's number: unique within an engine and the engines restored from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// A system that events are delivered to.
pub trait Destination {
    /// What the application records.
    type Record<'a>;
    /// What keeps batches apart: records of different lanes never share a request.
    type Lane: Clone + Eq + Hash + Debug;
    /// What shares a retry clock and an in-flight limit: an origin, a node, a shard.
    type Endpoint: Clone + Eq + Hash + Debug;
    /// A batch in its final form. Everything that must not change between attempts is in here.
    type Sealed;
    /// What a driver sends.
    type Request;
    /// What a driver brings back.
    type Response;
    /// Whether answers may judge record by record ([`Verdict::Partly`]). The code for it is left out where they never do.
    const PARTLY: bool;
    /// Whether there may be more than a few lanes. The code to find one among many is left out where there are not.
    const MANY_LANES: bool = true;
    /// Whether an application can ask for [`WhenFull::DropOldest`](crate::engine::WhenFull). The code for it is left out where
    /// it cannot.
    const DROPS_OLDEST: bool = true;
    /// Whether an endpoint that [`endpoint`](Self::endpoint) names stands for several, which the driver
    /// [opens](crate::engine::Engine::open): a cluster of nodes. Else it is the one that requests go to.
    const ROUTED: bool = false;
    /// Whether outcomes of tagged records may give their bytes back.
    const RETURNS_RECORDS: bool = false;

    /// Names the lane of a record.
    fn route(&self, record: &Self::Record<'_>) -> Result<Self::Lane, Invalid>;

    /// Validates a record and appends its final bytes to `out`; on an error the caller discards what was appended.
    fn encode(&self, record: &Self::Record<'_>, now: Now, out: &mut Vec<u8>) -> Result<(), Invalid>;

    /// When a lane's batches close.
    fn batching(&self, lane: &Self::Lane) -> Batching;

    /// Names the endpoint of an attempt, or with [`ROUTED`](Self::ROUTED) what stands for several. A retry may go
    /// elsewhere.
    fn endpoint(&self, lane: &Self::Lane, id: BatchId, attempt: u32) -> Self::Endpoint;

    /// Frames, compresses and otherwise finishes a batch. The same arguments must give the same bytes: when memory is
    /// short the engine lets go of the sealed copy of a waiting batch and has it made again, with the same `now`.
    fn seal(&self, lane: &Self::Lane, records: Records<'_>, id: BatchId, now: Now) -> Self::Sealed;

    /// The bytes a sealed batch holds, for the engine's memory limit.
    fn sealed_bytes(&self, sealed: &Self::Sealed) -> usize;

    /// The most bytes that sealing `count` records of `plain` bytes together can make. The engine keeps that much
    /// room free. The default is snappy's worst case over one byte of framing for each record.
    fn sealed_bound(&self, plain: usize, count: usize) -> usize {
        let framed = plain.saturating_add(count).saturating_add(64);
        framed.saturating_add(framed / 6)
    }

    /// Builds the request of one attempt (1 for the first): only what must be fresh may differ between attempts.
    /// `endpoint` is the one it goes to.
    fn request(
        &self,
        sealed: &Self::Sealed,
        endpoint: &Self::Endpoint,
        attempt: u32,
        now: Now,
    ) -> Self::Request;

    /// Says what an answer means.
    fn judge(&self, sealed: &Self::Sealed, response: &Self::Response, now: Now) -> Verdict;

    /// Whether the outcome of a record with this tag gives its bytes back; `taken`: the system has taken it. See
    /// [`RETURNS_RECORDS`](Self::RETURNS_RECORDS).
    fn returns_record(&self, tag: &crate::engine::Tag, taken: bool) -> bool {
        let _ = (tag, taken);
        false
    }

    /// Writes a lane's key for export.
    fn save_lane(&self, lane: &Self::Lane, out: &mut Vec<u8>);

    /// Reads back what [`save_lane`](Self::save_lane) wrote; `None` if it cannot be.
    fn load_lane(&self, bytes: &[u8]) -> Option<Self::Lane>;

    /// Writes a sealed batch for export.
    fn save_sealed(&self, sealed: &Self::Sealed, out: &mut Vec<u8>);

    /// Reads back what [`save_sealed`](Self::save_sealed) wrote; `None` makes the engine seal the batch anew.
    fn load_sealed(&self, lane: &Self::Lane, bytes: &[u8]) -> Option<Self::Sealed>;
}

/// When a lane's batches close: on the first of these that is reached, or by a flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// Records in a batch; 1 sends every record alone.
    pub max_events: usize,
    /// Plain bytes in a batch. A single record may be larger.
    pub max_bytes: usize,
    /// How long the first record waits at most, ms; `None` waits for the other limits or a flush.
    pub max_wait: Option<u64>,
    /// Whether a record in this lane makes everything recorded so far go out.
    pub triggers_flush: bool,
    /// Records in a batch that a flush sends; 0 for `max_events`.
    pub flush_events: usize,
}

/// What an answer means for its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The system has taken every record.
    Delivered,
    /// The request was carried out, but the system does not say whether it has taken the records.
    Unconfirmed,
    /// Not now.
    Retry {
        /// How long the system asks to wait, ms.
        after: Option<u64>,
        /// Whether the system may have taken the records all the same (a gateway lost its answer).
        maybe_accepted: bool,
        /// Why.
        cause: Cause,
    },
    /// Not now, and if the system says so a second time, never: it does not say whether sending it again can help.
    RetryOnce(Cause),
    /// Never: sending it again cannot help.
    Rejected(Cause),
    /// The request is too large; halves of it may fit.
    Split(Cause),
    /// Each record has its own verdict. Records that are not named are delivered.
    Partly {
        /// Positions in the batch to send again, ascending.
        retry: Vec<u32>,
        /// Positions in the batch that are refused for good, ascending.
        rejected: Vec<(u32, Cause)>,
        /// How long the system asks to wait before the retry, ms.
        after: Option<u64>,
    },
}

/// Why something failed: the system's own code and words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cause {
    /// The system's code (for HTTP the status), 0 when there is none.
    pub code: u32,
    /// What it said.
    pub message: Cow<'static, str>,
}

/// Why a request got no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransportError {
    /// What happened.
    pub kind: TransportErrorKind,
    /// Whether the other side may have taken the request all the same. When in doubt, `true`.
    pub maybe_accepted: bool,
    /// What the failure is laid to.
    pub blame: Blame,
    /// For people.
    pub message: Cow<'static, str>,
}

/// What a request without an answer tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Blame {
    /// Of its endpoint: nothing else is sent there until it has answered a probe.
    Endpoint,
    /// Of nothing: it was one of several on a connection that was lost, and the endpoint was well until then.
    Nothing,
    /// Of itself: the connection was lost at this very request. Such a request is sent
    /// [alone](crate::engine::Transmit::alone) from then on, is halved after the third time, and rejected if it holds
    /// one record.
    Request,
}

/// What kept a request from being answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No answer in time.
    Timeout,
    /// No connection could be made.
    Connect,
    /// The connection broke.
    Reset,
    /// The driver ended the request, e.g. because its page or its request went away.
    Aborted,
    /// Anything else.
    Other,
}

/// The plain records of a batch, in order.
#[derive(Debug, Clone, Copy)]
pub struct Records<'a> {
    pub(crate) chunks: &'a [Chunk<'a>],
    pub(crate) len: usize,
    pub(crate) bytes: usize,
}

/// Consecutive records in one piece of memory: `ends[i]` is where record `i` ends, the first begins at `start`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chunk<'a> {
    pub(crate) data: &'a [u8],
    pub(crate) start: u32,
    pub(crate) ends: &'a [u32],
}

impl<'a> Records<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Their bytes together.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Each record's bytes.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.chunks.iter().flat_map(|chunk| {
            let mut start = chunk.start as usize;
            chunk.ends.iter().map(move |&end| {
                let record = &chunk.data[start..end as usize];
                start = end as usize;
                record
            })
        })
    }

    /// Consecutive records' bytes, without the bounds between them: for forms that need no separator.
    pub fn pieces(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.chunks.iter().filter_map(|chunk| {
            let end = *chunk.ends.last()? as usize;
            Some(&chunk.data[chunk.start as usize..end])
        })
    }
}

impl Cause {
    /// A cause with the system's code and words.
    pub fn new(code: u32, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }
}

impl TransportError {
    /// An error of this kind. All kinds but [`Connect`](TransportErrorKind::Connect) leave open whether the
    /// request was taken.
    pub fn new(kind: TransportErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        let maybe_accepted = kind != TransportErrorKind::Connect;
        Self { kind, maybe_accepted, blame: Blame::Endpoint, message: message.into() }
    }

    /// The same, laid to something else than the endpoint.
    #[must_use]
    pub fn blaming(self, blame: Blame) -> Self {
        Self { blame, ..self }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TransportError {}
