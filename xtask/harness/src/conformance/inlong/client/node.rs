//! A node of this program's own: it keeps every frame as it came and answers by a script.

use std::collections::VecDeque;
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::super::vector::Exchange;
use crate::inlong::answer::Answer;
use crate::inlong::frame::Frame;
use crate::inlong::read;

/// What the node does with a frame.
#[derive(Clone)]
pub(super) enum Reply {
    /// Answers it as the vendor's server answered the vendor's frame.
    As(Exchange),
    /// Says nothing.
    Nothing,
}

/// The node. Stops when it is dropped.
pub(super) struct Node {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// With messages.
    frames: Vec<Vec<u8>>,
    heartbeats: Vec<Vec<u8>>,
    /// For the next frames with messages; those behind are accepted.
    replies: VecDeque<Reply>,
    /// To the next heartbeat, before its own.
    aside: Vec<u8>,
    connections: Vec<TcpStream>,
    stopped: bool,
}

impl Node {
    /// Listens on a free port of the loopback.
    pub(super) fn start() -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let accepting = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut state = accepting.lock();
                if state.stopped {
                    return;
                }
                state.connections.extend(stream.try_clone());
                drop(state);
                let serving = accepting.clone();
                thread::spawn(move || serving.serve(stream));
            }
        });
        Ok(Self { address, shared })
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// What is done with the next frames that carry messages.
    pub(super) fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.lock().replies = replies.into_iter().collect();
    }

    /// Bytes that are sent before the answer to the next heartbeat.
    pub(super) fn aside(&self, bytes: &[u8]) {
        self.shared.lock().aside = bytes.to_vec();
    }

    /// The frames with messages that have come.
    pub(super) fn frames(&self) -> Vec<Vec<u8>> {
        self.shared.lock().frames.clone()
    }

    /// Waits until so many heartbeats have come; those that have.
    pub(super) fn heartbeats(&self, count: usize, timeout: Duration) -> Vec<Vec<u8>> {
        let deadline = Instant::now() + timeout;
        let mut state = self.shared.lock();
        while state.heartbeats.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.heartbeats.clone()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.stopped = true;
        for connection in &state.connections {
            let _ = connection.shutdown(Shutdown::Both);
        }
        drop(state);
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        while let Ok(Some(bytes)) = read(&mut stream) {
            let answer = self.keep(bytes);
            if stream.write_all(&answer).is_err() {
                return;
            }
        }
    }

    /// Keeps a frame; what is answered.
    fn keep(&self, bytes: Vec<u8>) -> Vec<u8> {
        let frame = Frame::decode(&bytes);
        let mut state = self.lock();
        let answer = match &frame {
            Ok(frame) if frame.is_heartbeat() => {
                state.heartbeats.push(bytes);
                let aside = std::mem::take(&mut state.aside);
                [aside, heartbeat(frame)].concat()
            }
            Ok(frame) => {
                state.frames.push(bytes);
                match state.replies.pop_front() {
                    Some(Reply::As(exchange)) => answer(&exchange, frame),
                    Some(Reply::Nothing) => Vec::new(),
                    None => accepted(frame).encode(),
                }
            }
            // What cannot be read is found when the frames are compared.
            Err(_) => {
                state.frames.push(bytes);
                Vec::new()
            }
        };
        drop(state);
        self.changed.notify_all();
        answer
    }
}

/// The answer to a heartbeat, of a server that does not know its load.
fn heartbeat(frame: &Frame) -> Vec<u8> {
    let body = if frame.kind == 8 { vec![0xff, 0xff] } else { Vec::new() };
    Answer {
        kind: frame.kind,
        dt: frame.dt,
        version: frame.version,
        body,
        attribute_text: frame.attribute_text.clone(),
        ..Answer::default()
    }
    .encode()
}

fn accepted(frame: &Frame) -> Answer {
    let body = if frame.kind == 7 { Vec::new() } else { b"2".to_vec() };
    let attribute_text = format!("dpIp=127.0.0.1&{}", frame.attribute_text);
    Answer { kind: frame.kind, uniq: frame.uniq, body, attribute_text, ..Answer::default() }
}

/// The vendor's answer with our frame echoed in it where the vendor's was.
fn answer(exchange: &Exchange, ours: &Frame) -> Vec<u8> {
    let (Some(answer), Ok(theirs)) = (&exchange.answer, Frame::decode(&exchange.request)) else {
        return Vec::new();
    };
    let Ok(mut answer) = Answer::decode(answer) else { return Vec::new() };
    if let Some(own) = answer.attribute_text.strip_suffix(&theirs.attribute_text) {
        answer.attribute_text = format!("{own}{}", ours.attribute_text);
    }
    answer.uniq = ours.uniq;
    answer.encode()
}
