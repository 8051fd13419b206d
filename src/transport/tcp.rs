//! TCP connections on tokio: a task for each, which reads and writes at the same time.

use std::io::{self, IoSlice};
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::http::Body;

/// Connections by number, and what happens on them.
pub(crate) struct Sockets {
    sockets: Vec<Socket>,
    events: mpsc::Receiver<(u32, Event)>,
    sender: mpsc::Sender<(u32, Event)>,
    /// Came in while it was waited for.
    first: Option<(u32, Event)>,
    /// Whether to say what was written.
    tells_writes: bool,
}

/// What happened on a connection.
pub(crate) enum Event {
    Connected,
    Received(Vec<u8>),
    /// So many writes are done, counted from the beginning.
    Written(u64),
    /// It is no more; why.
    Closed(String),
}

struct Socket {
    number: u32,
    writes: mpsc::UnboundedSender<Body>,
    task: AbortHandle,
}

/// Events that may wait; a connection that brings more is not read meanwhile.
const MOST_EVENTS: usize = 256;
/// The most that is read at once.
const READ: usize = 16 << 10;
/// How long a connection that cannot be written to any more is read from.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The most writes that go out in one call.
const TOGETHER: usize = 32;

impl Sockets {
    pub(crate) fn new(tells_writes: bool) -> Self {
        let (sender, events) = mpsc::channel(MOST_EVENTS);
        Self { sockets: Vec::new(), events, sender, first: None, tells_writes }
    }

    /// Connects. Nothing is there before [`Event::Connected`].
    pub(crate) fn connect(&mut self, number: u32, host: &str, port: u16) {
        let (writes, queue) = mpsc::unbounded_channel();
        let (address, events, tells_writes) =
            ((host.to_owned(), port), self.sender.clone(), self.tells_writes);
        let task = tokio::spawn(async move {
            let why = match run(number, address, queue, &events, tells_writes).await {
                Ok(()) => "the node closed it".to_owned(),
                Err(error) => error.to_string(),
            };
            let _ = events.send((number, Event::Closed(why))).await;
        });
        self.sockets.push(Socket { number, writes, task: task.abort_handle() });
    }

    /// Writes, after what was written before.
    pub(crate) fn write(&self, number: u32, bytes: Body) {
        if let Some(socket) = self.sockets.iter().find(|socket| socket.number == number) {
            // One that has ended says so by an event.
            let _ = socket.writes.send(bytes);
        }
    }

    /// Closes a connection at once. It brings no more events.
    pub(crate) fn close(&mut self, number: u32) {
        self.sockets.retain(|socket| socket.number != number);
    }

    /// Something that has happened.
    pub(crate) fn next(&mut self) -> Option<(u32, Event)> {
        loop {
            let (number, event) = self.first.take().or_else(|| self.events.try_recv().ok())?;
            let is_known = self.sockets.iter().any(|socket| socket.number == number);
            if matches!(event, Event::Closed(_)) {
                self.close(number);
            }
            if is_known {
                return Some((number, event));
            }
        }
    }

    /// Waits until something has happened.
    pub(crate) async fn ready(&mut self) {
        if self.first.is_none() {
            self.first = self.events.recv().await;
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(
    number: u32,
    address: (String, u16),
    writes: mpsc::UnboundedReceiver<Body>,
    events: &mpsc::Sender<(u32, Event)>,
    tells_writes: bool,
) -> io::Result<()> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    if events.send((number, Event::Connected)).await.is_err() {
        return Ok(());
    }
    let (from, to) = stream.into_split();
    let mut reading = pin!(read(number, from, events));
    tokio::select! {
        read = &mut reading => read,
        written = write(number, to, writes, events, tells_writes) => {
            // What the node has answered before is still to be heard.
            let _ = tokio::time::timeout(LAST_WORDS, reading).await;
            written
        }
    }
}

async fn read(number: u32, mut from: OwnedReadHalf, events: &mpsc::Sender<(u32, Event)>) -> io::Result<()> {
    let mut buffer = vec![0; READ];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 || events.send((number, Event::Received(buffer[..read].to_vec()))).await.is_err() {
            return Ok(());
        }
    }
}

async fn write(
    number: u32,
    mut to: OwnedWriteHalf,
    mut writes: mpsc::UnboundedReceiver<Body>,
    events: &mpsc::Sender<(u32, Event)>,
    tells_writes: bool,
) -> io::Result<()> {
    let mut bodies = Vec::with_capacity(TOGETHER);
    let mut done = 0;
    while writes.recv_many(&mut bodies, TOGETHER).await > 0 {
        let mut slices: Vec<IoSlice<'_>> = bodies.iter().map(|body| IoSlice::new(body)).collect();
        let mut rest = &mut slices[..];
        while !rest.is_empty() {
            let written = to.write_vectored(rest).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            IoSlice::advance_slices(&mut rest, written);
        }
        done += bodies.len() as u64;
        bodies.clear();
        if tells_writes && events.send((number, Event::Written(done))).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}
