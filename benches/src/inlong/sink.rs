//! A process that plays Manager and DataProxy on one port and does next to nothing with what it gets: frames of types 5
//! and 7 are counted and answered as the vendor's server does, their attributes echoed behind its address. It ends with the
//! process that started it, whose end closes its standard input.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use super::pinned;
use crate::Failure;

/// A sink that runs.
#[derive(Debug)]
pub(super) struct Sink {
    process: Child,
    address: String,
}

/// What a sink got since it was last asked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) frames: u64,
    /// Of frames, with their length fields.
    pub(super) bytes: u64,
    pub(super) messages: u64,
    /// Frames with a compressed body.
    pub(super) compressed: u64,
}

#[derive(Debug, Default)]
struct Totals {
    frames: AtomicU64,
    bytes: AtomicU64,
    messages: AtomicU64,
    compressed: AtomicU64,
}

impl Sink {
    /// Starts one on a free loopback port, on this core.
    pub(super) fn start(core: usize) -> Result<Self, Failure> {
        let mut process = pinned(core, &env::current_exe()?)
            .arg("__inlong_sink")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().ok_or("the sink has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        Ok(Self { process, address: line.trim().to_owned() })
    }

    /// Where node lists are asked for.
    pub(super) fn manager(&self) -> String {
        format!("http://{}/inlong/manager/openapi/dataproxy/getIpList", self.address)
    }

    /// What it got since this was last called.
    pub(super) fn take_counts(&self) -> Result<Counts, Failure> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.write_all(b"GET /counts HTTP/1.1\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let body = answer.split("\r\n\r\n").nth(1).ok_or("the sink answered nothing")?;
        let mut numbers = body.split_whitespace().map(str::parse::<u64>);
        let mut next = || numbers.next().ok_or("the sink's answer is too short");
        Ok(Counts { frames: next()??, bytes: next()??, messages: next()??, compressed: next()?? })
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

/// The sink itself.
pub(super) fn serve() -> Result<(), Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let mut output = io::stdout();
    writeln!(output, "{address}")?;
    output.flush()?;
    let totals = Arc::new(Totals::default());
    let done = Arc::new(AtomicBool::new(false));
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
            let _ = converse(connection, &totals, address);
        });
    }
    Ok(())
}

fn converse(connection: TcpStream, totals: &Totals, address: SocketAddr) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut answers = connection.try_clone()?;
    let mut reader = BufReader::with_capacity(256 << 10, connection);
    // A frame begins with the upper byte of its length, a request with a letter.
    if reader.fill_buf()?.first().is_some_and(u8::is_ascii_alphabetic) {
        return http(reader, answers, totals, address);
    }
    let (mut frame, mut out) = (Vec::new(), Vec::new());
    loop {
        let mut length = [0; 4];
        if reader.buffer().len() < length.len() {
            // Before it waits for more it says what it has to say.
            answers.write_all(&out)?;
            out.clear();
            if reader.fill_buf()?.is_empty() {
                return Ok(());
            }
        }
        reader.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if reader.buffer().len() < length && !out.is_empty() {
            answers.write_all(&out)?;
            out.clear();
        }
        frame.resize(length, 0);
        reader.read_exact(&mut frame)?;
        answer(&frame, totals, &mut out).ok_or_else(|| io::Error::other("a frame that is not understood"))?;
    }
}

/// Counts a frame without its length field, and answers it.
fn answer(frame: &[u8], totals: &Totals, out: &mut Vec<u8>) -> Option<()> {
    const OWN: &[u8] = b"dpIp=127.0.0.1&";
    let number = |at: usize| Some(u32::from_be_bytes(frame.get(at..at + 4)?.try_into().ok()?));
    let kind = *frame.first()?;
    let total = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let (messages, compressed) = match kind & 0x1f {
        7 => {
            let end = 21 + number(17)? as usize;
            let attributes = frame.get(end + 2..frame.len().checked_sub(2)?)?;
            let length = OWN.len() + attributes.len();
            out.extend(total(9 + length));
            out.push(7);
            out.extend(frame.get(13..17)?);
            out.extend(u16::try_from(length).ok()?.to_be_bytes());
            out.extend(OWN);
            out.extend(attributes);
            out.extend([0xee, 0x01]);
            (u64::from(u16::from_be_bytes(frame.get(11..13)?.try_into().ok()?)), kind & 0x20 != 0)
        }
        5 => {
            let end = 5 + number(1)? as usize;
            let attributes = frame.get(end + 4..)?;
            let length = OWN.len() + attributes.len();
            out.extend(total(10 + length));
            out.push(5);
            out.extend([0, 0, 0, 1, b'2']);
            out.extend(total(length));
            out.extend(OWN);
            out.extend(attributes);
            let value =
                |key: &[u8]| attributes.split(|byte| *byte == b'&').find_map(|item| item.strip_prefix(key));
            let count = std::str::from_utf8(value(b"cnt=")?).ok()?.parse().ok()?;
            (count, value(b"cp=").is_some())
        }
        1 => {
            out.extend([0, 0, 0, 1, 1]);
            return Some(());
        }
        8 => {
            // The time and the version, the unknown load, no attributes.
            out.extend(total(16));
            out.push(8);
            out.extend(frame.get(1..6)?);
            out.extend([0, 0, 0, 2, 0xff, 0xff, 0, 0, 0xee, 0x01]);
            return Some(());
        }
        _ => return None,
    };
    totals.frames.fetch_add(1, Relaxed);
    totals.bytes.fetch_add(4 + frame.len() as u64, Relaxed);
    totals.messages.fetch_add(messages, Relaxed);
    totals.compressed.fetch_add(u64::from(compressed), Relaxed);
    Some(())
}

/// One request: the counts, or a node list that names this sink.
fn http(
    mut reader: BufReader<TcpStream>,
    mut answers: TcpStream,
    totals: &Totals,
    address: SocketAddr,
) -> io::Result<()> {
    let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut first)?;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
    let body = if first.starts_with("GET /counts") {
        let counts = [&totals.frames, &totals.bytes, &totals.messages, &totals.compressed];
        counts.map(|total| total.swap(0, Relaxed).to_string()).join(" ")
    } else {
        let port = address.port();
        format!(
            r#"{{"success":true,"errMsg":null,"data":{{"clusterId":1,"reportSourceType":null,"isIntranet":null,"isSwitch":null,"load":20,"maxPacketLength":null,"nodeList":[{{"id":1,"ip":"127.0.0.1","port":{port},"protocolType":"TCP","nodeLoad":-1}}]}}}}"#
        )
    };
    let length = body.len();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
    answers.write_all(format!("{head}content-length: {length}\r\n\r\n{body}").as_bytes())
}
