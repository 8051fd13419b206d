//! A small HTTP server that keeps every request exactly as it came and answers by a script.

use std::io::{BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::http::{Message, unescape};

/// What the capture server does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Answers with this status and no body.
    Status(u16),
    /// Answers with this status and JSON.
    Body(u16, String),
    /// Cuts the connection after reading the request.
    Cut,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// The server. Stops when it is dropped.
pub(crate) struct Capture {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    requests: Vec<Request>,
    answers: Vec<Answer>,
    connections: Vec<TcpStream>,
    stopped: bool,
}

impl Request {
    /// The value of the first header of this name (lower case).
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The value of the first query parameter of this name.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Capture {
    /// Listens on a free port of the loopback.
    pub(crate) fn start(answers: &[Answer]) -> Result<Self, String> {
        let listen = || {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            Ok((listener.local_addr()?, listener))
        };
        let (address, listener) =
            listen().map_err(|error: std::io::Error| format!("no port to listen on: {error}"))?;
        let state = State {
            requests: Vec::new(),
            answers: answers.to_vec(),
            connections: Vec::new(),
            stopped: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut state = accepting.lock();
                if state.stopped {
                    return;
                }
                state.connections.extend(stream.try_clone());
                drop(state);
                let serving = Arc::clone(&accepting);
                thread::spawn(move || serving.serve(stream));
            }
        });
        Ok(Self { address, shared })
    }

    /// `http://host:port`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Replaces the answers, in the order of all requests.
    pub(crate) fn script(&self, answers: Vec<Answer>) {
        self.shared.lock().answers = answers;
    }

    /// Waits until `count` requests have arrived; false when they did not within `timeout`.
    pub(crate) fn wait(&self, count: usize, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = self.shared.lock();
        while state.requests.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// What has arrived so far, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }
}

impl Drop for Capture {
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
        let Ok(reading) = stream.try_clone() else { return };
        let mut reading = BufReader::new(reading);
        while let Ok(Some(message)) = Message::read(&mut reading) {
            let answer = self.keep(message);
            let (status, body) = match &answer {
                Answer::Status(status) => (status, ""),
                Answer::Body(status, body) => (status, &body[..]),
                Answer::Cut => {
                    let _ = stream.shutdown(Shutdown::Both);
                    return;
                }
            };
            let kind = if body.is_empty() { "" } else { "content-type: application/json;charset=utf-8\r\n" };
            let length = body.len();
            let head = format!("HTTP/1.1 {status} Scripted\r\n{kind}content-length: {length}\r\n\r\n");
            // In one write: several small ones would wait for one another's acknowledgement.
            if stream.write_all(format!("{head}{body}").as_bytes()).is_err() {
                return;
            }
        }
    }

    fn keep(&self, message: Message) -> Answer {
        let mut words = message.start.split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape(key), unescape(value))
        });
        let request = Request {
            method,
            path: path.to_owned(),
            query: query.collect(),
            headers: message.headers,
            body: message.body,
        };
        let mut state = self.lock();
        let answer = state.answers.get(state.requests.len()).cloned().unwrap_or(Answer::Status(204));
        state.requests.push(request);
        drop(state);
        self.changed.notify_all();
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Capture};
    use crate::http::call;
    use std::time::Duration;

    #[test]
    fn requests_are_kept_and_answered_by_the_script() -> Result<(), String> {
        let server = Capture::start(&[Answer::Status(503), Answer::Cut])?;
        let post = || call("POST", &server.url(), "/a%20b?stm=1&x=%41", None);
        assert_eq!(post().map(|(status, _)| status).ok(), Some(503));
        assert!(post().is_err());
        assert_eq!(post().map(|(status, _)| status).ok(), Some(204));
        assert!(server.wait(3, Duration::ZERO));
        let request = server.requests().remove(0);
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/a%20b"));
        assert_eq!(request.parameter("x"), Some("A"));
        Ok(())
    }
}
