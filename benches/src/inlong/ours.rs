//! Our client on the lines of a file, in a process of its own: the counterpart of `go/main.go`, with the same arguments and
//! figures.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use trackwire::engine::{Fate, Outcome, Tag};
use trackwire::inlong::{Client, Message, Options, SendError};

use crate::Failure;
use crate::clock::Stopwatch;

/// Messages that may wait for their answer at a time, as their bytes.
const WINDOW: usize = 20_000;

const GROUP: &str = "bench_group";
const STREAM: &str = "bench_stream";

/// What a message's length adds to it in a pack, bytes.
const LENGTH: usize = 4;

/// What the Go client compresses from, bytes of a body.
const MIN_ZIP: usize = 256;

/// When each message was sent, then how long it took, µs since the start.
struct Times {
    start: Instant,
    /// Looking at the clock costs something.
    is_kept: bool,
    sent: Vec<AtomicU64>,
    failed: Mutex<Option<String>>,
}

impl Times {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn told(&self, outcome: &Outcome) {
        let Some(Tag::Number(number)) = outcome.tag else { return };
        if self.is_kept {
            let sent = &self.sent[number as usize];
            sent.store(self.now().saturating_sub(sent.load(Relaxed)), Relaxed);
        }
        if outcome.fate != Fate::Delivered {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            *failed = Some(format!("{:?}", outcome.fate));
        }
    }
}

/// `MANAGER FILE MESSAGES RATE PACK_BYTES PACK_MS TYPE`; prints the figures.
pub(super) fn child(arguments: &[String]) -> Result<(), Failure> {
    let [manager, file, numbers @ ..] = arguments else { return Err("wrong arguments".into()) };
    let numbers: Vec<usize> = numbers.iter().map(|number| number.parse()).collect::<Result<_, _>>()?;
    let [messages, rate, pack_bytes, pack_ms, msg_type] = numbers[..] else {
        return Err("wrong arguments".into());
    };
    let text = fs::read_to_string(file)?;
    let lines: Vec<&str> = text.lines().collect();
    let mean = text.len() / lines.len();
    let mut options = Options::new(manager);
    options.msg_type = u8::try_from(msg_type)?;
    options.pack_size = Some(pack_bytes * (mean + LENGTH) / mean);
    options.pack_timeout = pack_ms as u64;
    options.min_zip_len = MIN_ZIP;
    options.recv_buf_size = WINDOW * (mean + LENGTH);
    let times = Arc::new(Times {
        start: Instant::now(),
        is_kept: rate > 0,
        sent: (0..messages).map(|_| AtomicU64::new(0)).collect(),
        failed: Mutex::default(),
    });
    let told = times.clone();
    let client = Client::builder(options).on_outcome(move |outcome| told.told(outcome)).build()?;
    let start = Instant::now();
    let watch = Stopwatch::start();
    for at in 0..messages {
        // A thousandth of a second's messages at a time.
        if let Some(due) = (at * 1_000).checked_div(rate) {
            let due = start + Duration::from_millis(due as u64);
            let ahead = due.saturating_duration_since(Instant::now());
            if !ahead.is_zero() {
                thread::sleep(ahead);
            }
        }
        let message = Message::new(GROUP, STREAM, lines[at % lines.len()]);
        if times.is_kept {
            times.sent[at].store(times.now(), Relaxed);
        }
        while let Err(error) = client.send_tagged(&message, at as u64) {
            match error {
                SendError::RecvBufferFull { .. } => client.ready_blocking()?,
                error => return Err(error.into()),
            }
        }
    }
    client.flush_blocking(Duration::from_secs(60))?;
    let took = watch.stop(Duration::ZERO);
    client.close_blocking(Duration::from_secs(60))?;
    if let Some(failed) = times.failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(failed.into());
    }
    let mut waits: Vec<u64> = times.sent.iter().map(|time| time.load(Relaxed)).collect();
    waits.sort_unstable();
    let ms = |share: usize| waits[messages * share / 100] as f64 / 1e3;
    println!(
        "{{\"wall\":{},\"cpu\":{},\"peak\":{},\"median\":{},\"p99\":{}}}",
        took.wall.as_secs_f64(),
        took.cpu.as_secs_f64(),
        peak()?,
        ms(50),
        ms(99)
    );
    Ok(())
}

/// The high-water mark of resident memory, bytes.
fn peak() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes << 10)
}
