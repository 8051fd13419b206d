//! The system of the simulated world: a destination with its own record and sealed form.
//!
//! ```text
//! record = event id, 4 bytes | lane, 1 byte | filler that follows from the id
//! sealed = batch, 8 bytes | wall clock at sealing, 8 bytes | n (length, 4 bytes | record)
//! ```

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use trackwire::destination::{
    BatchId, Batching, Cause, Destination, Now, Records, TransportError, TransportErrorKind, Verdict,
};
use trackwire::{Invalid, InvalidKind};

pub(crate) const RECORD_HEAD: usize = 5;
const SEALED_HEAD: usize = 16;

#[derive(Debug)]
pub(crate) struct System {
    pub(crate) lanes: Vec<LanePlan>,
    /// The bytes of all sealed batches that exist, wherever they are.
    pub(crate) sealed_bytes: Arc<AtomicUsize>,
    /// The body of the batch that was sealed last.
    pub(crate) last_sealed: Mutex<Arc<Vec<u8>>>,
}

#[derive(Debug, Clone)]
pub(crate) struct LanePlan {
    pub(crate) batching: Batching,
    /// Attempt n goes to the n-th of these, and around again.
    pub(crate) endpoints: Vec<Endpoint>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Lane(pub u8);

pub(crate) type Endpoint = u8;

/// An event before it is encoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draft {
    pub(crate) id: u32,
    pub(crate) lane: Lane,
    pub(crate) len: usize,
    pub(crate) bad: bool,
}

#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) body: Arc<Vec<u8>>,
    bytes: Arc<AtomicUsize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) attempt: u32,
    pub(crate) body: Arc<Vec<u8>>,
}

/// What the server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Response {
    Taken,
    /// Carried out, and nobody may read the answer.
    Opaque,
    Refused(u32),
    TooLarge,
    /// 429 and 5xx. A gateway (502, 504) does not know whether the server has taken the request.
    Failed {
        code: u32,
        after: Option<RetryAfter>,
        gateway: bool,
    },
    Parts {
        retry: Vec<u32>,
        refused: Vec<(u32, u32)>,
        after: Option<RetryAfter>,
    },
}

/// Both forms of `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryAfter {
    Millis(u64),
    /// A point in time by the wall clock, ms.
    Date(u64),
}

impl RetryAfter {
    pub(crate) fn millis(self, now: Now) -> u64 {
        match self {
            Self::Millis(ms) => ms,
            Self::Date(at) => at.saturating_sub(now.wall),
        }
    }
}

/// What an answer means, or a request that got none.
pub(crate) fn verdict(answer: &Result<Response, TransportError>, now: Now) -> Verdict {
    let response = match answer {
        Ok(response) => response,
        Err(error) => {
            let cause = Cause::new(0, error.message.clone());
            return Verdict::Retry { after: None, maybe_accepted: error.maybe_accepted, cause };
        }
    };
    match response {
        Response::Taken => Verdict::Delivered,
        Response::Opaque => Verdict::Unconfirmed,
        Response::Refused(code) => Verdict::Rejected(Cause::new(*code, "refused")),
        Response::TooLarge => Verdict::Split(Cause::new(413, "too large")),
        Response::Failed { code, after, gateway } => Verdict::Retry {
            after: after.map(|after| after.millis(now)),
            maybe_accepted: *gateway,
            cause: Cause::new(*code, "failed"),
        },
        Response::Parts { retry, refused, after } => Verdict::Partly {
            retry: retry.clone(),
            rejected: refused.iter().map(|&(place, code)| (place, Cause::new(code, "refused"))).collect(),
            after: after.map(|after| after.millis(now)),
        },
    }
}

pub(crate) fn lost_by_lease() -> Result<Response, TransportError> {
    Err(TransportError::new(TransportErrorKind::Timeout, "no answer in time"))
}

/// The bytes of an event: they follow from its id, so that a reader can tell whether they arrived unharmed.
pub(crate) fn write_record(id: u32, lane: Lane, len: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&id.to_le_bytes());
    out.push(lane.0);
    out.extend((RECORD_HEAD..len).map(|place| filler(id, place)));
}

fn filler(id: u32, place: usize) -> u8 {
    (id.wrapping_mul(0x9E37_79B1) >> 24) as u8 ^ place as u8
}

/// What a server reads out of a body: the events' ids, lanes and lengths, or `None` if anything is wrong with it.
pub(crate) fn read_body(body: &[u8]) -> Option<Content> {
    let (batch, rest) = body.split_first_chunk::<8>()?;
    let (_, mut rest) = rest.split_first_chunk::<8>()?;
    let mut events = Vec::new();
    let mut lane = None;
    while !rest.is_empty() {
        let (len, tail) = rest.split_first_chunk::<4>()?;
        let (record, tail) = tail.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        let (id, record_tail) = record.split_first_chunk::<4>()?;
        let (&of, fill) = record_tail.split_first()?;
        let id = u32::from_le_bytes(*id);
        let whole = fill.iter().zip(RECORD_HEAD..).all(|(&byte, place)| byte == filler(id, place));
        if !whole || *lane.get_or_insert(of) != of {
            return None;
        }
        events.push((id, record.len()));
        rest = tail;
    }
    Some(Content { sealed: body.len(), batch: u64::from_le_bytes(*batch), lane: Lane(lane?), events })
}

#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) batch: u64,
    pub(crate) lane: Lane,
    pub(crate) sealed: usize,
    /// Ids and lengths.
    pub(crate) events: Vec<(u32, usize)>,
}

impl System {
    fn sealed(&self, body: Vec<u8>) -> Sealed {
        self.sealed_bytes.fetch_add(body.len(), Ordering::Relaxed);
        Sealed { body: Arc::new(body), bytes: Arc::clone(&self.sealed_bytes) }
    }

    pub(crate) fn last_sealed(&self) -> Arc<Vec<u8>> {
        Arc::clone(&self.last_sealed.lock().expect("nobody panics with the lock"))
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        self.bytes.fetch_sub(self.body.len(), Ordering::Relaxed);
    }
}

impl Destination for System {
    type Record<'a> = Draft;
    type Lane = Lane;
    type Endpoint = Endpoint;
    type Sealed = Sealed;
    type Request = Request;
    type Response = Response;
    const PARTLY: bool = true;

    fn route(&self, record: &Draft) -> Result<Lane, Invalid> {
        Ok(record.lane)
    }

    fn encode(&self, record: &Draft, _now: Now, out: &mut Vec<u8>) -> Result<(), Invalid> {
        write_record(record.id, record.lane, record.len, out);
        match record.bad {
            true => Err(Invalid::new("bad", InvalidKind::WrongType, "do not")),
            false => Ok(()),
        }
    }

    fn batching(&self, lane: &Lane) -> Batching {
        self.lanes[usize::from(lane.0)].batching
    }

    fn endpoint(&self, lane: &Lane, _id: BatchId, attempt: u32) -> Endpoint {
        let endpoints = &self.lanes[usize::from(lane.0)].endpoints;
        endpoints[(attempt as usize - 1) % endpoints.len()]
    }

    fn seal(&self, _lane: &Lane, records: Records<'_>, id: BatchId, now: Now) -> Sealed {
        let mut body = Vec::with_capacity(self.sealed_bound(records.bytes(), records.len()));
        body.extend_from_slice(&id.0.to_le_bytes());
        body.extend_from_slice(&now.wall.to_le_bytes());
        for record in records.iter() {
            body.extend_from_slice(&(record.len() as u32).to_le_bytes());
            body.extend_from_slice(record);
        }
        let sealed = self.sealed(body);
        *self.last_sealed.lock().expect("nobody panics with the lock") = Arc::clone(&sealed.body);
        sealed
    }

    fn sealed_bytes(&self, sealed: &Sealed) -> usize {
        sealed.body.len()
    }

    fn sealed_bound(&self, plain: usize, count: usize) -> usize {
        SEALED_HEAD + plain + 4 * count
    }

    fn request(&self, sealed: &Sealed, _to: &Endpoint, attempt: u32, _now: Now) -> Request {
        Request { attempt, body: Arc::clone(&sealed.body) }
    }

    fn judge(&self, _sealed: &Sealed, response: &Response, now: Now) -> Verdict {
        verdict(&Ok(response.clone()), now)
    }

    fn save_lane(&self, lane: &Lane, out: &mut Vec<u8>) {
        out.push(lane.0);
    }

    fn load_lane(&self, bytes: &[u8]) -> Option<Lane> {
        match *bytes {
            [lane] if usize::from(lane) < self.lanes.len() => Some(Lane(lane)),
            _ => None,
        }
    }

    fn save_sealed(&self, sealed: &Sealed, out: &mut Vec<u8>) {
        out.extend_from_slice(&sealed.body);
    }

    fn load_sealed(&self, _lane: &Lane, bytes: &[u8]) -> Option<Sealed> {
        (bytes.len() >= SEALED_HEAD).then(|| self.sealed(bytes.to_vec()))
    }
}
