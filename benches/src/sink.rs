//! A process that takes every request and does next to nothing with it: a thread for each connection, the body read
//! and counted. It ends with the process that started it, whose end closes its standard input.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::Failure;

/// A sink that runs.
#[derive(Debug)]
pub(crate) struct Sink {
    process: Child,
    address: String,
}

/// What a sink got since it was last asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    /// Of bodies.
    pub(crate) bytes: u64,
    /// Records; counted in JSON and snappy bodies, and only when asked for.
    pub(crate) events: u64,
}

impl Sink {
    /// Starts one on a free loopback port. Counting events costs it time, so it is asked for.
    pub(crate) fn start(count_events: bool) -> Result<Self, Failure> {
        let mut process = Command::new(env::current_exe()?)
            .arg("__sink")
            .args(count_events.then_some("--count"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().ok_or("the sink has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        Ok(Self { process, address: line.trim().to_owned() })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it got since this was last called.
    pub(crate) fn take_counts(&self) -> Result<Counts, Failure> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.write_all(b"GET /counts HTTP/1.1\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let body = answer.split("\r\n\r\n").nth(1).ok_or("the sink answered nothing")?;
        let mut numbers = body.split_whitespace().map(str::parse::<u64>);
        let mut next = || numbers.next().ok_or("the sink's answer is too short");
        Ok(Counts { requests: next()??, bytes: next()??, events: next()?? })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        if let Err(error) = self.process.wait() {
            eprintln!("bench: the sink did not end: {error}");
        }
    }
}

#[derive(Debug, Default)]
struct Totals {
    requests: AtomicU64,
    bytes: AtomicU64,
    events: AtomicU64,
}

/// The sink itself.
pub(crate) fn serve() -> Result<(), Failure> {
    let count_events = env::args().any(|argument| argument == "--count");
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut output = io::stdout();
    writeln!(output, "{}", listener.local_addr()?)?;
    output.flush()?;
    let totals = Arc::new(Totals::default());
    let done = Arc::new(AtomicBool::new(false));
    let address = listener.local_addr()?;
    let at_end = done.clone();
    std::thread::spawn(move || {
        // Reads until the other end is gone.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        at_end.store(true, Relaxed);
        drop(TcpStream::connect(address));
    });
    for connection in listener.incoming() {
        if done.load(Relaxed) {
            break;
        }
        let (connection, totals) = (connection?, totals.clone());
        std::thread::spawn(move || {
            // A peer that goes away in the middle ends its connection, nothing else.
            let _ = converse(connection, &totals, count_events);
        });
    }
    Ok(())
}

fn converse(connection: TcpStream, totals: &Totals, count_events: bool) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut answers = connection.try_clone()?;
    let mut reader = BufReader::with_capacity(256 << 10, connection);
    let (mut line, mut body, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let asked = line.starts_with(b"GET ");
        let of_growingio = line.windows(10).any(|part| part == b"/projects/");
        let (mut length, mut snappy) = (0usize, false);
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            let header = String::from_utf8_lossy(&line).to_ascii_lowercase();
            let header = header.trim();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            } else if header.starts_with("x-compress-codec:") {
                snappy = header.ends_with('2');
            } else if header.starts_with("expect:") {
                answers.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
        }
        if asked {
            let counts =
                [&totals.requests, &totals.bytes, &totals.events].map(|total| total.swap(0, Relaxed));
            let text = counts.map(|count| count.to_string()).join(" ");
            write!(answers, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len())?;
            return Ok(());
        }
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
        if count_events {
            plain.clear();
            if snappy {
                plain = snap::raw::Decoder::new().decompress_vec(&body).map_err(io::Error::other)?;
            } else {
                plain.extend_from_slice(&body);
            }
            totals.events.fetch_add(records(&plain), Relaxed);
        }
        totals.requests.fetch_add(1, Relaxed);
        totals.bytes.fetch_add(length as u64, Relaxed);
        answers.write_all(if of_growingio {
            b"HTTP/1.1 204 No Content\r\n\r\n"
        } else {
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
        })?;
    }
}

/// How many records a JSON body holds.
fn records(plain: &[u8]) -> u64 {
    const MARK: &[u8] = b"\"eventType\"";
    plain.windows(MARK.len()).filter(|part| *part == MARK).count() as u64
}
