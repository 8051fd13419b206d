//! `trackwire send inlong`: lines as messages.

use std::process::ExitCode;
use std::time::Duration;

use super::{Refusal, Sink, Told, send, utf8};
use crate::Event;
use crate::cli::args::{Form, InlongArgs};
use crate::engine::Stats;
use crate::inlong::{Client, ClientBuilder, Mapping, Message, Options, Protocol, Route, SendError};

pub(super) fn run(options: &InlongArgs) -> ExitCode {
    send(&options.common, false, |told| Messages::connect(options, told))
}

/// The messages of one stream.
struct Messages {
    client: Client,
    group: String,
    stream: String,
    form: Form,
}

impl Messages {
    fn connect(options: &InlongArgs, told: Told) -> Result<Self, String> {
        let InlongArgs { group, stream, .. } = options;
        if options.format == Form::Lines && !options.fields.is_empty() {
            return Err("--fields is for events: give --format ndjson too".into());
        }
        // Else each line would be refused for it.
        Message::new(group, stream, "x").check_ids().map_err(|error| error.to_string())?;
        let builder = match &options.config {
            Some(path) => ClientBuilder::from_config_file(path).map_err(|error| error.to_string())?,
            None => Client::builder(Options::default()),
        };
        let client = builder
            .options(|known| change(known, options))
            .mapping(mapping(options))
            .on_exhausted(options.common.on_exhausted.into())
            .verify_cert(!options.insecure)
            .on_outcome(told)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { client, group: group.clone(), stream: stream.clone(), form: options.format })
    }
}

impl Sink for Messages {
    type Record<'a> = Message<'a>;

    fn read<'a>(&'a self, line: &'a [u8]) -> Result<Option<Message<'a>>, Refusal> {
        if self.form == Form::Lines {
            return Ok((!line.is_empty()).then(|| Message::new(&self.group, &self.stream, line)));
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.client.message(Event::from_json(utf8(line)?)?)?))
    }

    fn send(&self, message: Message<'_>, tag: Option<u64>) -> Result<(), Refusal> {
        let sent = match tag {
            Some(tag) => self.client.send_tagged(&message, tag),
            None => self.client.send_message(&message),
        };
        sent.map_err(Refusal::from)
    }

    async fn ready(&self) {
        self.client.ready().await;
    }

    async fn flush(&self, timeout: Duration) {
        self.client.flush(timeout).await;
    }

    async fn close(&self, timeout: Duration) {
        self.client.close(timeout).await;
    }

    fn stats(&self) -> Stats {
        self.client.stats()
    }
}

impl From<SendError> for Refusal {
    fn from(error: SendError) -> Self {
        match error {
            SendError::InvalidInput(invalid) => Self::Invalid(invalid),
            SendError::RecvBufferFull { .. } => Self::Full,
            error => Self::Line { code: Some(error.sdk_code().name()), reason: error.to_string() },
        }
    }
}

/// All events go to the one stream: as JSON, or those kinds that have the fields as these.
fn mapping(options: &InlongArgs) -> Mapping {
    let InlongArgs { group, stream, fields, .. } = options;
    if options.format == Form::Lines {
        return Mapping::default();
    }
    if fields.is_empty() {
        let route = Route::json(group, stream);
        return Mapping::default().track(route.clone()).user(route.clone()).item(route);
    }
    let mut route = Route::delimited(group, stream, options.delimiter, fields);
    if let Some(escape) = options.escape {
        route = route.escape(escape);
    }
    type Set = fn(Mapping, Route) -> Mapping;
    let kinds: [Set; 3] = [Mapping::track, Mapping::user, Mapping::item];
    let has_fields = |set: &Set| set(Mapping::default(), route.clone()).check().is_ok();
    let usable: Vec<_> = kinds.into_iter().filter(has_fields).collect();
    // What no kind has is said of the kind that has most.
    let usable = if usable.is_empty() { &kinds[..1] } else { &usable[..] };
    usable.iter().fold(Mapping::default(), |mapping, set| set(mapping, route.clone()))
}

/// Changes the options of the configuration file to those of the command line.
fn change(known: &mut Options, options: &InlongArgs) {
    if let Some(url) = &options.manager {
        known.manager_url.clone_from(url);
    }
    if options.manager.is_some() || options.http_url.is_some() || !options.nodes.is_empty() {
        known.nodes.clone_from(&options.nodes);
        known.http_url.clone_from(&options.http_url);
    }
    if options.http_url.is_some() {
        known.protocol = Protocol::Http;
    }
    set(&mut known.protocol, options.protocol);
    set(&mut known.msg_type, options.msg_type);
    if options.pack_size.is_some() {
        known.pack_size = options.pack_size;
    }
    set(&mut known.pack_timeout, options.flush_after.map(ms));
    set(&mut known.max_in_flight, options.max_in_flight);
    set(&mut known.recv_buf_size, options.max_queue_bytes);
    set(&mut known.retry_times, options.retry_times);
    set(&mut known.max_age, options.max_age.map(ms));
    set(&mut known.request_timeout, options.request_timeout.map(ms));
}

fn set<T>(option: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *option = value;
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
