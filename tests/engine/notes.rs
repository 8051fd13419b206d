//! A small system to deliver to: notes, one a line. What comes before the colon is the lane, and the endpoint.

use std::sync::Arc;

use trackwire::destination::{
    BatchId, Batching, Cause, Destination, Now, Records, TransportError, TransportErrorKind, Verdict,
};
use trackwire::engine::{
    Engine, Fate, Limits, Outcome, Output, RecordError, Recorded, Tag, Transmit, TransmitId,
};
use trackwire::{Invalid, InvalidKind};

/// Batches of three notes, or what came within a second. Routed, what comes before the colon stands for several
/// endpoints, which are opened.
pub(crate) struct Notes<const ROUTED: bool = false>;

/// A lane.
pub(crate) type Topic = String;

pub(crate) struct Sealed(Vec<u8>);

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Post {
    pub(crate) batch: u64,
    pub(crate) body: String,
    pub(crate) to: Topic,
}

impl<const ROUTED: bool> Destination for Notes<ROUTED> {
    type Record<'a> = &'a str;
    type Lane = Topic;
    type Endpoint = Topic;
    type Sealed = Sealed;
    type Request = Post;
    type Response = Verdict;
    const PARTLY: bool = true;
    const ROUTED: bool = ROUTED;

    fn route(&self, record: &&str) -> Result<Topic, Invalid> {
        match record.split_once(':') {
            Some((topic, _)) => Ok(topic.to_owned()),
            None => Err(Invalid::new("topic", InvalidKind::Missing, "put a topic and a colon in front")),
        }
    }

    fn encode(&self, record: &&str, _now: Now, out: &mut Vec<u8>) -> Result<(), Invalid> {
        out.extend_from_slice(record.as_bytes());
        Ok(())
    }

    fn batching(&self, lane: &Topic) -> Batching {
        let urgent = lane == "urgent";
        Batching {
            max_events: 3,
            max_bytes: 1_000,
            max_wait: Some(1_000),
            triggers_flush: urgent,
            flush_events: 0,
        }
    }

    fn endpoint(&self, lane: &Topic, _id: BatchId, _attempt: u32) -> Topic {
        lane.clone()
    }

    /// The time of sealing is in the body, so that sealing anew would show.
    fn seal(&self, _lane: &Topic, records: Records<'_>, id: BatchId, now: Now) -> Sealed {
        let mut body = format!("batch {} of {}\n", id.0, now.wall).into_bytes();
        for record in records.iter() {
            body.extend_from_slice(record);
            body.push(b'\n');
        }
        Sealed(body)
    }

    fn sealed_bytes(&self, sealed: &Sealed) -> usize {
        sealed.0.len()
    }

    fn request(&self, sealed: &Sealed, to: &Topic, _attempt: u32, _now: Now) -> Post {
        let body = String::from_utf8_lossy(&sealed.0).into_owned();
        let batch = body.split(' ').nth(1).and_then(|number| number.parse().ok()).unwrap_or_default();
        Post { batch, body, to: to.clone() }
    }

    fn judge(&self, _sealed: &Sealed, response: &Verdict, _now: Now) -> Verdict {
        response.clone()
    }

    fn save_lane(&self, lane: &Topic, out: &mut Vec<u8>) {
        out.extend_from_slice(lane.as_bytes());
    }

    fn load_lane(&self, bytes: &[u8]) -> Option<Topic> {
        String::from_utf8(bytes.to_vec()).ok()
    }

    fn save_sealed(&self, sealed: &Sealed, out: &mut Vec<u8>) {
        out.extend_from_slice(&sealed.0);
    }

    fn load_sealed(&self, _lane: &Topic, bytes: &[u8]) -> Option<Sealed> {
        Some(Sealed(bytes.to_vec()))
    }
}

/// An engine and a clock, with topics that are endpoints.
pub(crate) type Desk = DeskOf<false>;

/// An engine and a clock.
pub(crate) struct DeskOf<const ROUTED: bool> {
    pub(crate) engine: Engine<Notes<ROUTED>>,
    pub(crate) now: Now,
}

/// What the engine wanted done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) sent: Vec<Transmit<Post>>,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) until: Option<u64>,
}

pub(crate) const START: Now = Now { mono: 1_000, wall: 1_700_000_000_000 };

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }
}

impl<const ROUTED: bool> DeskOf<ROUTED> {
    pub(crate) fn with(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        Self { engine: Engine::new(Arc::new(Notes), limits, 7), now: START }
    }

    pub(crate) fn record(&mut self, note: &str) -> Result<Recorded, RecordError> {
        self.engine.record(&note, None, self.now)
    }

    pub(crate) fn tagged(&mut self, note: &str, tag: impl Into<Tag>) {
        self.engine.record(&note, Some(tag.into()), self.now).expect("there is room");
    }

    /// Records these and sends what is full.
    pub(crate) fn notes<const N: usize>(&mut self, notes: [&str; N]) -> Done {
        for note in notes {
            self.record(note).expect("there is room");
        }
        self.drive()
    }

    pub(crate) fn later(&mut self, ms: u64) -> Done {
        self.now = Now { mono: self.now.mono + ms, wall: self.now.wall + ms };
        self.drive()
    }

    pub(crate) fn drive(&mut self) -> Done {
        let mut done = Done::default();
        loop {
            match self.engine.poll(self.now) {
                Output::Transmit(transmit) => done.sent.push(transmit),
                Output::Outcome(outcome) => done.outcomes.push(outcome),
                Output::Wait(until) => {
                    done.until = until;
                    return done;
                }
                other => panic!("{other:?} is new to this test"),
            }
        }
    }

    pub(crate) fn answer(&mut self, id: TransmitId, verdict: Verdict) -> Done {
        self.engine.answer(id, Ok(&verdict), self.now);
        self.drive()
    }

    pub(crate) fn lose(&mut self, id: TransmitId, kind: TransportErrorKind) -> Done {
        self.engine.answer(id, Err(TransportError::new(kind, "lost")), self.now);
        self.drive()
    }

    pub(crate) fn balance(&self) {
        let stats = self.engine.stats();
        let sum = stats.delivered + stats.rejected + stats.expired + stats.dropped + stats.pending;
        assert_eq!(stats.accepted, sum, "{stats:?}");
    }
}

impl Done {
    /// The bodies sent, without their first lines.
    pub(crate) fn bodies(&self) -> Vec<String> {
        let body = |transmit: &Transmit<Post>| {
            let lines: Vec<&str> = transmit.request.body.lines().skip(1).collect();
            lines.join(" ")
        };
        self.sent.iter().map(body).collect()
    }

    pub(crate) fn only(&self) -> TransmitId {
        assert_eq!(self.sent.len(), 1, "{:?}", self.sent);
        self.sent[0].id
    }

    pub(crate) fn fates(&self) -> Vec<(Fate, u64)> {
        self.outcomes.iter().map(|outcome| (outcome.fate.clone(), outcome.count)).collect()
    }
}

pub(crate) fn not_now(after: Option<u64>) -> Verdict {
    Verdict::Retry { after, maybe_accepted: false, cause: Cause::new(503, "later") }
}

pub(crate) fn refused() -> Cause {
    Cause::new(400, "no")
}
