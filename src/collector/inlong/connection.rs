//! One connection of a node. Frames that are there together are kept together; their answers leave in their order unless
//! the plan of faults says otherwise.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::node::Node;
use super::{SYSTEM, max_frame};
use crate::collector::faults::{Ack, Action, Asked, Cut, On};
use crate::collector::ingest::{KEPT, counted, now, object};
use crate::collector::service::State;
use crate::collector::store::{Arrival, Outcome, RequestInfo};
use crate::inlong::collect::{self, LOAD_UNKNOWN, Malformed, Pack, Reader, Received, Refused, codes};

/// How much is read at a time.
const PIECE: usize = 16 << 10;

/// The frames that are kept together: so many, or so many bytes.
const GROUP: usize = 128;
const GROUP_BYTES: usize = 1 << 20;

/// What a frame may take without asking for room, in bytes.
const FREE: usize = 64 << 10;

/// How many bytes of answers may be held back for later; no more is read while there are more.
const MAX_LATE: usize = 4 << 20;

/// How long an answer waits for the one that is to leave before it, when the plan says nothing.
const SWAP: Duration = Duration::from_secs(1);

pub(super) async fn serve(mut stream: TcpStream, client: SocketAddr, node: Node, state: Arc<State>) {
    let _ = stream.set_nodelay(true);
    // Of a node that listens everywhere, the address that this client found it at.
    let address = stream.local_addr().unwrap_or(node.address);
    let mut connection = Connection {
        reader: Reader::new(max_frame(&state.options)),
        node: Node { address, ..node },
        client,
        action: None,
        out: Vec::new(),
        late: BTreeMap::new(),
        late_bytes: 0,
        sent: 0,
        swapped: None,
        room: None,
        state: &state,
    };
    let mut stopped = std::pin::pin!(state.until_stopped());
    let mut piece = vec![0; PIECE];
    let mut heard = Instant::now();
    loop {
        tokio::select! {
            biased;
            () = &mut stopped => break,
            () = sleep_until(connection.due().unwrap_or(heard)), if connection.due().is_some() => connection.take_due(),
            read = stream.read(&mut piece), if connection.late_bytes < MAX_LATE => match read {
                Ok(0) | Err(_) => break,
                Ok(len) => {
                    heard = Instant::now();
                    connection.reader.push(&piece[..len]);
                }
            },
            () = sleep_until(heard + state.options.inlong_read_idle) => break,
        }
        let ends = connection.work().await;
        let out = std::mem::take(&mut connection.out);
        if !out.is_empty() {
            // A client that does not read its answers must not hold them in memory for ever.
            match timeout(state.options.write_timeout, stream.write_all(&out)).await {
                Ok(Ok(())) => {}
                _ => break,
            }
        }
        if let Some(pause) = ends {
            sleep(pause).await;
            break;
        }
        if !connection.has_room() {
            log::warn!(
                "a connection of {client} is closed: frames that are under way take all of their room"
            );
            break;
        }
    }
    let _ = stream.shutdown().await;
}

struct Connection<'a> {
    reader: Reader,
    node: Node,
    client: SocketAddr,
    /// What happens to the frame whose beginning is there.
    action: Option<Action>,
    /// What is written next.
    out: Vec<u8>,
    /// Answers for later, by their time and number.
    late: BTreeMap<(Instant, u64), Vec<u8>>,
    late_bytes: usize,
    sent: u64,
    /// An answer that waits for the next one to leave before it, at most until then.
    swapped: Option<(Instant, Vec<u8>)>,
    room: Option<OwnedSemaphorePermit>,
    state: &'a State,
}

/// A frame whose answer is known, once its arrival is kept.
struct Done {
    arrival: Option<Arrival>,
    answer: Option<Vec<u8>>,
    /// The answer should the store fail.
    failure: Option<Vec<u8>>,
    action: Action,
    is_pack: bool,
}

impl Connection<'_> {
    /// Takes the frames that are there. When the connection is to end, how long that is to wait.
    async fn work(&mut self) -> Option<Duration> {
        loop {
            let mut group = Vec::new();
            let mut bytes = 0;
            let mut ends = None;
            while group.len() < GROUP && bytes < GROUP_BYTES {
                match self.next(&mut bytes) {
                    Ok(Some(done)) => group.push(done),
                    Ok(None) => break,
                    Err(end) => {
                        ends = Some(end);
                        break;
                    }
                }
            }
            let is_full = group.len() >= GROUP || bytes >= GROUP_BYTES;
            if let Some(pause) = self.finish(group).await {
                return Some(pause);
            }
            match ends {
                Some(End::Cut(pause, is_pack)) => {
                    if is_pack {
                        counted(self.state.store.count(SYSTEM, 0).await);
                    }
                    return Some(pause);
                }
                Some(End::Malformed(malformed, head, frame)) => {
                    let arrival = self.malformed(malformed, head, frame);
                    if let Err(error) = self.state.store.append(arrival).await {
                        log::error!("{error}");
                    }
                    return Some(Duration::ZERO);
                }
                None if is_full => {}
                None => return None,
            }
        }
    }

    /// The next frame, or how the connection ends.
    fn next(&mut self, bytes: &mut usize) -> Result<Option<Done>, End> {
        let malformed = |malformed, rest: &[u8]| {
            End::Malformed(malformed, Vec::new(), rest[..rest.len().min(KEPT)].to_vec())
        };
        let head = match self.reader.head() {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(None),
            Err(error) => return Err(malformed(error, self.reader.rest())),
        };
        let is_pack = !matches!(head.kind, 1 | 8);
        if self.action.is_none() {
            let on = if is_pack { On::Messages } else { On::Heartbeats };
            let action = self.state.faults.decide(&Asked::frame(SYSTEM, on, self.node.number));
            if action.drop == Some(Cut::Before) {
                return Err(End::Cut(action.delay, is_pack));
            }
            self.action = Some(action);
        }
        let arrival = collect::Arrival {
            node: self.node.address,
            now: now(),
            load: self.action.as_ref().and_then(|action| action.load).unwrap_or(LOAD_UNKNOWN),
            unknown: &self.state.options.inlong_unknown,
        };
        let Ok(Some(frame)) = self.reader.next_frame() else { return Ok(None) };
        *bytes += frame.len();
        let received = collect::receive(frame, &arrival);
        let action = self.action.take().unwrap_or_default();
        let pack = match received {
            Received::Heartbeat(answer) => {
                return Ok(Some(Done {
                    arrival: None,
                    answer: Some(answer),
                    failure: None,
                    action,
                    is_pack,
                }));
            }
            Received::Closed(error) => return Err(malformed(error, frame)),
            Received::Pack(pack) => *pack,
        };
        let frame = frame.to_vec();
        Ok(Some(self.decide(pack, frame, action, arrival.now)))
    }

    /// What becomes of a pack and what is answered.
    fn decide(&self, pack: Pack, frame: Vec<u8>, action: Action, received_at: i64) -> Done {
        let Pack { head, format, is_snappy, plain_bytes, reply, is_whole, result } = pack;
        let (answer, outcome) = match (result, action.number()) {
            (Ok(_), Some(code)) => (reply.planned(code), None),
            // So a server in that state says it, whatever else is wrong.
            (Err(_), Some(code)) if is_whole && !codes::is_late(code) => (reply.planned(code), None),
            (Ok(records), None) => (reply.accepted(), Some(Outcome::Good(records))),
            (Err(refused), _) => {
                let bad = Outcome::Bad {
                    reason: refused.reason(),
                    status: u16::try_from(refused.code).unwrap_or(u16::MAX),
                    body: frame[..frame.len().min(KEPT)].to_vec(),
                };
                (reply.refused(&refused), Some(bad))
            }
        };
        let is_good = matches!(outcome, Some(Outcome::Good(_)));
        let failure = reply.refused(&Refused::bare(codes::SEND_FAILED));
        let arrival = outcome.map(|outcome| Arrival {
            system: Some(SYSTEM),
            received_at,
            request: RequestInfo {
                bytes: frame.len() as u64,
                plain_bytes: plain_bytes.map(|bytes| bytes as u64),
                format: Some(format),
                layers: if is_snappy { "[\"snappy\"]".into() } else { "[]".into() },
                frame: is_good.then_some(frame),
                ..self.request(head)
            },
            outcome,
        });
        Done { arrival, answer, failure, action, is_pack: true }
    }

    fn malformed(&self, malformed: Malformed, head: Head, body: Vec<u8>) -> Arrival {
        Arrival {
            system: Some(SYSTEM),
            received_at: now(),
            request: RequestInfo { bytes: body.len() as u64, ..self.request(head) },
            outcome: Outcome::Bad { reason: format!("closed: {malformed}"), status: 0, body },
        }
    }

    fn request(&self, head: Head) -> RequestInfo {
        let mut headers: Vec<(String, String)> =
            head.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        headers.push(("node".to_owned(), self.node.number.to_string()));
        headers.push(("client".to_owned(), self.client.to_string()));
        RequestInfo {
            method: "TCP".to_owned(),
            path: self.node.address.to_string(),
            query: "{}".to_owned(),
            headers: object(&headers),
            bytes: 0,
            plain_bytes: None,
            format: None,
            layers: "[]".to_owned(),
            frame: None,
        }
    }

    /// Keeps what came and answers. When the connection is to end, how long that is to wait.
    async fn finish(&mut self, mut group: Vec<Done>) -> Option<Duration> {
        let kept: Vec<usize> =
            group.iter().enumerate().filter(|(_, done)| done.arrival.is_some()).map(|(at, _)| at).collect();
        let arrivals = group.iter_mut().filter_map(|done| done.arrival.take()).collect();
        for (at, result) in kept.into_iter().zip(self.state.store.append_all(arrivals).await) {
            if let Err(error) = result {
                log::error!("{error}");
                group[at].answer = group[at].failure.take();
            }
        }
        for Done { answer, action, is_pack, .. } in group {
            if is_pack && action.number().is_some() {
                counted(self.state.store.count(SYSTEM, 0).await);
            }
            match action.drop {
                Some(Cut::After | Cut::Before) => return Some(action.delay),
                Some(Cut::Midway) => {
                    let answer = answer.unwrap_or_default();
                    self.out.extend_from_slice(&answer[..answer.len() / 2]);
                    return Some(action.delay);
                }
                None => {}
            }
            if let Some(answer) = answer {
                self.answer(answer, &action);
            }
        }
        None
    }

    fn answer(&mut self, answer: Vec<u8>, action: &Action) {
        match action.ack {
            Some(Ack::Never) => {}
            Some(Ack::Swapped) if self.swapped.is_none() => {
                let wait = if action.delay.is_zero() { SWAP } else { action.delay };
                self.late_bytes += answer.len();
                self.swapped = Some((Instant::now() + wait, answer));
            }
            _ if !action.delay.is_zero() => {
                self.sent += 1;
                self.late_bytes += answer.len();
                self.late.insert((Instant::now() + action.delay, self.sent), answer);
            }
            _ => {
                self.out.extend_from_slice(&answer);
                self.take_swapped();
            }
        }
    }

    fn take_swapped(&mut self) {
        if let Some((_, answer)) = self.swapped.take() {
            self.late_bytes -= answer.len();
            self.out.extend_from_slice(&answer);
        }
    }

    /// When the next answer that was held back is due.
    fn due(&self) -> Option<Instant> {
        let late = self.late.first_key_value().map(|((due, _), _)| *due);
        let swapped = self.swapped.as_ref().map(|(due, _)| *due);
        late.into_iter().chain(swapped).min()
    }

    fn take_due(&mut self) {
        let now = Instant::now();
        while let Some(entry) = self.late.first_entry().filter(|entry| entry.key().0 <= now) {
            let answer = entry.remove();
            self.late_bytes -= answer.len();
            self.out.extend_from_slice(&answer);
            self.take_swapped();
        }
        if self.swapped.as_ref().is_some_and(|(due, _)| *due <= now) {
            self.take_swapped();
        }
    }

    /// Takes room for what waits, from what all connections share.
    fn has_room(&mut self) -> bool {
        let wanted = self.reader.waiting().saturating_sub(FREE).div_ceil(1024);
        let held = self.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if wanted == 0 {
            self.room = None;
        } else if wanted > held {
            let Some(more) = self.state.bodies.share(wanted - held) else { return false };
            match &mut self.room {
                Some(room) => room.merge(more),
                None => self.room = Some(more),
            }
        }
        true
    }
}

type Head = Vec<(&'static str, String)>;

/// How a connection ends by what came.
enum End {
    /// By the plan of faults, so much later; whether it was a pack that it cut.
    Cut(Duration, bool),
    Malformed(Malformed, Head, Vec<u8>),
}
