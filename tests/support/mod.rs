//! A scripted HTTP server on loopback, for tests that look at exact requests.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What to do with a request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Status(u16, Vec<(&'static str, String)>),
    /// Cut the connection after the request was read.
    Cut,
    /// Never answer.
    Hang,
}

#[derive(Default)]
struct State {
    answers: VecDeque<Answer>,
    seen: Vec<Seen>,
}

/// Answers with 204 unless told otherwise.
#[derive(Clone)]
pub(crate) struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub(crate) fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { answers: answers.into_iter().collect(), seen: Vec::new() };
        let server = Self { address, state: Arc::new(Mutex::new(state)) };
        let shared = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }

    /// Waits until `count` requests have come in.
    fn serve(&self, mut stream: TcpStream) {
        let mut input = BufReader::new(stream.try_clone().unwrap());
        while let Some(request) = read(&mut input) {
            let mut state = self.state.lock().unwrap();
            state.seen.push(request);
            let answer = state.answers.pop_front().unwrap_or(Answer::Status(204, Vec::new()));
            drop(state);
            match answer {
                Answer::Status(status, headers) => {
                    let mut text = format!("HTTP/1.1 {status} X\r\n");
                    for (name, value) in headers {
                        text.push_str(&format!("{name}: {value}\r\n"));
                    }
                    if status != 204 {
                        text.push_str("content-length: 0\r\n");
                    }
                    text.push_str("\r\n");
                    if stream.write_all(text.as_bytes()).is_err() {
                        return;
                    }
                }
                Answer::Cut => return,
                Answer::Hang => {
                    // Until the client goes away.
                    let _ = input.read(&mut [0]);
                    return;
                }
            }
        }
    }
}

fn read(input: &mut impl BufRead) -> Option<Seen> {
    let mut line = String::new();
    input.read_line(&mut line).ok().filter(|&read| read > 0)?;
    let mut headers = Vec::new();
    let mut length = 0;
    loop {
        let mut header = String::new();
        input.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
        if name == "content-length" {
            length = value.parse().unwrap();
        }
        headers.push((name, value));
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    Some(Seen { line: line.trim_end().to_owned(), headers, body })
}
