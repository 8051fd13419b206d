//! The client: what a Rust application uses.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::callback::{Callback, Callbacks};
use super::delivery::{InLong, Lane};
use super::{
    Body, BuildError, ClientBuilder, Delivery, Group, Mapping, Message, Options, SendAllError, SendError,
    check,
};
use crate::destination::Now;
use crate::driver::DriverError;
use crate::driver::native::{Shared, close, flush, suspend};
use crate::driver::scratch::with_scratch;
use crate::driver::waiters::Wanted;
use crate::engine::{Engine, RecordError, Report, Stats, Tag};
use crate::{Event, Invalid, InvalidKind};

/// Sends messages to InLong DataProxy in the background.
///
/// Cheap to clone; every clone is the same client, and a process may have several that know nothing of each other. Use it
/// from any thread, inside or outside an async runtime of any kind. Sending never blocks and never waits: when the queue
/// is full it says so.
///
/// ```no_run
/// use std::time::Duration;
/// use trackwire::inlong::Client;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::from_config_file("config.json")?;
/// client.send("test_group", "test_stream", "a message")?;
/// let report = client.close_blocking(Duration::from_secs(10))?;
/// assert_eq!(report.dropped, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) shared: Arc<Shared<InLong>>,
    pub(super) callbacks: Arc<Callbacks>,
    pub(super) mapping: Mapping,
    pub(super) request_timeout: Duration,
}

impl Client {
    /// A client by the vendor's configuration file, `{"init-param": {…}}`. What it holds that has no effect is named in
    /// the log.
    pub fn from_config_file(path: impl AsRef<Path>) -> Result<Self, BuildError> {
        ClientBuilder::from_config_file(path)?.build()
    }

    /// A client with these options.
    pub fn builder(options: Options) -> ClientBuilder {
        ClientBuilder::new(options)
    }

    pub(super) fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// Sends a message to a stream of a group. When this returns `Ok`, the message is in the books and ends in exactly one
    /// outcome.
    ///
    /// # Errors
    /// Those of the vendor's client, with its numbers: see [`SendError::code`].
    pub fn send<'a>(
        &self,
        group_id: &'a str,
        stream_id: &'a str,
        message: impl Into<Body<'a>>,
    ) -> Result<(), SendError> {
        self.send_message(&Message::new(group_id, stream_id, message))
    }

    /// Sends a message with data time or attributes.
    pub fn send_message(&self, message: &Message<'_>) -> Result<(), SendError> {
        self.push(message, false, |_, _| None)
    }

    /// Sends a message whose outcome is reported with this tag to
    /// [`on_outcome`](ClientBuilder::on_outcome). Numbers from 2^63 on are the client's own.
    pub fn send_tagged(&self, message: &Message<'_>, tag: impl Into<Tag>) -> Result<(), SendError> {
        let tag = tag.into();
        if matches!(tag, Tag::Number(number) if number >= Callbacks::FIRST) {
            return Err(Invalid::new("tag", InvalidKind::OutOfRange, "numbers of tags are below 2^63").into());
        }
        self.push(message, false, |_, _| Some(tag))
    }

    /// Sends a message and calls back if it fails for good, as the vendor's client does.
    pub fn send_with(
        &self,
        message: &Message<'_>,
        on_failure: impl FnOnce(Delivery) + Send + 'static,
    ) -> Result<(), SendError> {
        self.call_back(message, false, Box::new(on_failure))
    }

    /// Sends a message and calls back when it has ended, also when it was delivered. Callbacks run one after the other on a
    /// thread of their own; sending in one is fine, waiting is an error.
    pub fn send_reported(
        &self,
        message: &Message<'_>,
        on_end: impl FnOnce(Delivery) + Send + 'static,
    ) -> Result<(), SendError> {
        self.call_back(message, true, Box::new(on_end))
    }

    /// Sends a message; the future ends when the message has. It need not be polled for that.
    ///
    /// # Errors
    /// As for [`send`](Self::send), at the call.
    pub fn deliver(
        &self,
        message: &Message<'_>,
    ) -> Result<impl Future<Output = Option<Delivery>> + Send + use<>, SendError> {
        let (sender, receiver) = oneshot::channel();
        self.call_back(message, true, Box::new(move |delivery| drop(sender.send(delivery))))?;
        Ok(async move { receiver.await.ok() })
    }

    /// Sends an event to the stream that the client's [`Mapping`] names for its kind.
    ///
    /// # Errors
    /// As for [`send`](Self::send); also when its kind has no stream, or when it cannot be written in the form that the
    /// stream has.
    pub fn track<'e>(&self, event: impl Into<Event<'e>>) -> Result<(), SendError> {
        self.send_message(&self.message(event)?)
    }

    /// The message that [`track`](Self::track) sends for an event: for sending it with a tag, a data time or a callback.
    pub fn message<'e>(&self, event: impl Into<Event<'e>>) -> Result<Message<'_>, SendError> {
        let now = self.inner.shared.now().wall;
        self.inner.mapping.message(event.into(), now).map_err(|invalid| self.refuse(invalid.into()))
    }

    /// Sends messages in order until one is refused.
    ///
    /// # Errors
    /// How many were taken before, and why the next was not.
    pub fn send_all<'a>(
        &self,
        messages: impl IntoIterator<Item = Message<'a>>,
    ) -> Result<usize, SendAllError> {
        let mut taken = 0;
        for message in messages {
            self.send_message(&message).map_err(|source| SendAllError { taken, source })?;
            taken += 1;
        }
        Ok(taken)
    }

    /// Waits until the queue has room again. For producers that would rather wait than be refused. Lets other tasks of
    /// its thread run in any case.
    pub async fn ready(&self) {
        self.inner.shared.ready().await;
    }

    /// As [`ready`](Self::ready), by blocking the thread.
    pub fn ready_blocking(&self) -> Result<(), DriverError> {
        self.inner.shared.ready_blocking()
    }

    /// Waits until the nodes of a group have been named, and with them the longest frame that they take; `false` if they were
    /// not within `timeout`. For messages that are longer than any node takes without being asked.
    ///
    /// # Errors
    /// The group id cannot be sent to.
    pub async fn nodes_known(&self, group_id: &str, timeout: Duration) -> Result<bool, SendError> {
        let group = self.group(group_id)?;
        if !group.is_listed() {
            self.inner.shared.wait(listed(&group), timeout).await;
        }
        Ok(group.is_listed())
    }

    /// As [`nodes_known`](Self::nodes_known), by blocking the thread; `false` also where that would never end.
    pub fn nodes_known_blocking(&self, group_id: &str, timeout: Duration) -> Result<bool, SendError> {
        let group = self.group(group_id)?;
        if !group.is_listed() {
            let _ = self.inner.shared.wait_blocking(listed(&group), timeout);
        }
        Ok(group.is_listed())
    }

    /// Sends what waits, and returns when everything sent before has ended, or after `timeout`; `pending` says how much is
    /// left. The report counts what was pending at the call; what had ended by then is in [`stats`](Self::stats) only.
    pub async fn flush(&self, timeout: Duration) -> Report {
        self.inner.shared.wait(flush, timeout).await
    }

    /// As [`flush`](Self::flush), by blocking the thread.
    pub fn flush_blocking(&self, timeout: Duration) -> Result<Report, DriverError> {
        self.inner.shared.wait_blocking(flush, timeout)
    }

    /// Takes no more messages, delivers what it can within `max_wait`, returns as soon as that is done, and drops the rest,
    /// which is in the report and told like every outcome. Once called it goes on, even if the future is dropped.
    pub async fn close(&self, max_wait: Duration) -> Report {
        self.inner.shared.wait(close, max_wait).await
    }

    /// As [`close`](Self::close), by blocking the thread.
    pub fn close_blocking(&self, max_wait: Duration) -> Result<Report, DriverError> {
        self.inner.shared.wait_blocking(close, max_wait)
    }

    /// Takes no more messages, delivers what it can within `timeout` (zero: sends nothing more), and exports the rest for
    /// [`ClientBuilder::restore`]. In the report, `pending` is how many that are. Their callbacks are not called. What was
    /// under way at the end may arrive although it was exported, and is then delivered twice.
    pub async fn suspend(&self, timeout: Duration) -> (Report, Vec<u8>) {
        let report = self.inner.shared.wait(|engine| suspend(engine, timeout), timeout).await;
        self.inner.callbacks.clear();
        (report, self.export())
    }

    /// As [`suspend`](Self::suspend), by blocking the thread.
    pub fn suspend_blocking(&self, timeout: Duration) -> Result<(Report, Vec<u8>), DriverError> {
        let report = self.inner.shared.wait_blocking(|engine| suspend(engine, timeout), timeout)?;
        self.inner.callbacks.clear();
        Ok((report, self.export()))
    }

    /// A copy of everything pending, for [`ClientBuilder::restore`]; the client goes on. For an application that keeps the
    /// latest copy against a crash: what was delivered between the copy and the crash is delivered again.
    pub fn export(&self) -> Vec<u8> {
        let now = self.inner.shared.now();
        self.inner.shared.engine().export(now)
    }

    /// The books.
    pub fn stats(&self) -> Stats {
        self.inner.shared.engine().stats()
    }

    /// The options of the client.
    pub fn options(&self) -> &Options {
        self.inner.shared.destination().options()
    }

    /// A group, which is asked for from now on.
    fn group(&self, group_id: &str) -> Result<Arc<Group>, SendError> {
        check::group_id(group_id)?;
        let destination = self.inner.shared.destination();
        let group = destination.know_group(group_id).and_then(|number| destination.group(number));
        group.ok_or(SendError::TooManyGroups { limit: self.options().max_groups() })
    }

    fn call_back(&self, message: &Message<'_>, always: bool, callback: Callback) -> Result<(), SendError> {
        let callbacks = &self.inner.callbacks;
        let mut number = None;
        let sent = self.push(message, true, |lane, wall| {
            let report_time = message.time.unwrap_or(wall);
            let added = callbacks.add(&lane.target, report_time, always, callback);
            Some(Tag::Number(*number.insert(added)))
        });
        if let (Err(_), Some(number)) = (&sent, number) {
            callbacks.forget(number);
        }
        sent
    }

    fn push(
        &self,
        message: &Message<'_>,
        wants_wall: bool,
        tag: impl FnOnce(&Lane, u64) -> Option<Tag>,
    ) -> Result<(), SendError> {
        let shared = &*self.inner.shared;
        let destination = shared.destination();
        let lane = destination.admit(message).map_err(|error| self.refuse(error))?;
        let mut now = Now { mono: shared.mono(), wall: 0 };
        if wants_wall || destination.tells_time() {
            now = shared.now();
        }
        let tag = tag(&lane, now.wall);
        let pushed = with_scratch(|scratch| {
            destination.put(message, now, scratch);
            let mut engine = shared.engine();
            shared.dated(now);
            engine.push(&lane, scratch, tag, now)
        });
        match pushed {
            Ok(recorded) => {
                if recorded.wake {
                    shared.wake();
                }
                Ok(())
            }
            Err(RecordError::Full) => {
                Err(SendError::RecvBufferFull { limit: destination.options().recv_buf_size })
            }
            Err(RecordError::Closed) => Err(SendError::SendAfterClose),
            Err(RecordError::Invalid(invalid)) => Err(SendError::InvalidInput(invalid)),
        }
    }

    /// Counts what was refused. A client that is closed says that in any case.
    fn refuse(&self, error: SendError) -> SendError {
        let invalid = Invalid::new("message", InvalidKind::Malformed, "refused");
        let is_closed = matches!(self.inner.shared.engine().refuse_invalid(invalid), RecordError::Closed);
        if matches!(error, SendError::MsgTooLong { .. }) {
            // The Manager may say that nodes take more. A group that was not known so far is asked for.
            self.inner.shared.wake();
        }
        if is_closed { SendError::SendAfterClose } else { error }
    }
}

/// The list of a group's nodes, to be waited for.
fn listed(group: &Arc<Group>) -> impl FnOnce(&mut Engine<InLong>) -> Wanted + use<> {
    let group = group.clone();
    |_| Wanted::Until(Arc::new(move || group.is_listed()))
}

impl Drop for Inner {
    fn drop(&mut self) {
        let Some(pending) = self.shared.left_open() else { return };
        if pending > 0 {
            log::warn!(
                "trackwire: the last client was dropped without close, with {pending} messages pending; what is not \
                 sent within {:?} is lost",
                self.request_timeout
            );
        }
        self.shared.close_unattended(self.request_timeout);
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
