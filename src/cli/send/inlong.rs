//! `trackwire send inlong`: lines as messages.

use std::process::ExitCode;
use std::time::Duration;

use super::{Refusal, Sink, Told, send, utf8};
use crate::cli::args::{Form, InlongArgs};
use crate::engine::Stats;
use crate::inlong::{
    BuildError, Client, ClientBuilder, Mapping, Message, Options, Protocol, Route, SdkCode, SendError,
};
use crate::{Event, Invalid, InvalidKind};

pub(super) fn run(options: &InlongArgs) -> ExitCode {
    send(&options.common, false, |told| Messages::connect(options, told))
}

/// How long the first node list is waited for, because it says how long messages may be.
const FIRST_LIST: Duration = Duration::from_secs(5);

/// The messages of one stream.
struct Messages {
    client: Client,
    group: String,
    stream: String,
    form: Form,
    /// Of each kind of line that cannot be sent as `--fields`, which of them it lacks.
    lacking: Vec<(&'static str, String)>,
    escapes: bool,
}

impl Messages {
    fn connect(options: &InlongArgs, told: Told) -> Result<Self, String> {
        let InlongArgs { group, stream, .. } = options;
        if options.format == Form::Lines && !options.fields.is_empty() {
            return Err("--fields is for events: give --format ndjson too".into());
        }
        // Else each line would be refused for it.
        Message::new(group, stream, "x").check_ids().map_err(|error| error.to_string())?;
        if options.delimiter == '\n' || options.escape == Some('\n') {
            return Err("--delimiter and --escape cannot be LF: choose another".into());
        }
        if options.escape == Some(options.delimiter) {
            return Err("--escape is the same as --delimiter: choose another".into());
        }
        let lacking = lacking(options);
        if lacking.len() == KINDS.len() {
            let each: Vec<_> = lacking.iter().map(|(kind, fields)| format!("{kind} no {fields}")).collect();
            return Err(format!("no line has all of --fields: {}", each.join("; ")));
        }
        let builder = match &options.config {
            Some(path) => ClientBuilder::from_config_file(path).map_err(|error| error.to_string())?,
            None => Client::builder(Options::default()),
        };
        let client = builder
            .options(|known| change(known, options))
            .mapping(mapping(options, &lacking))
            .on_exhausted(options.common.on_exhausted.into())
            .verify_cert(!options.insecure)
            .on_outcome(told)
            .build()
            .map_err(|error| in_flags(&error, options))?;
        let (group, stream, escapes) = (group.clone(), stream.clone(), options.escape.is_some());
        Ok(Self { client, group, stream, form: options.format, lacking, escapes })
    }

    /// Says why an event is no message in words of this command, which knows no mapping.
    fn in_words(&self, kind: &'static str, invalid: Invalid) -> Refusal {
        let lacks = self.lacking.iter().find(|(known, _)| *known == kind).map(|(_, fields)| fields);
        let reason = match (invalid.kind, lacks) {
            (InvalidKind::UnknownField, _) if kind == "mapping" => {
                "InLong takes no line with `mapping`: leave it out".to_owned()
            }
            (InvalidKind::UnknownField, Some(fields)) => {
                format!(
                    "{kind} has no {fields}, which --fields names: send such lines with --fields of their own"
                )
            }
            (InvalidKind::BadCharacter, _) if !self.escapes => {
                format!("the value of `{}` holds the delimiter or LF: give --escape", invalid.field)
            }
            _ => return invalid.into(),
        };
        Refusal::Line { field: Some(invalid.field.to_string()), code: Some(invalid.code()), reason }
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
        let event = Event::from_json(utf8(line)?)?;
        let kind = kind(&event);
        match self.client.message(event) {
            Ok(message) => Ok(Some(message)),
            Err(SendError::InvalidInput(invalid)) => Err(self.in_words(kind, invalid)),
            Err(error) => Err(error.into()),
        }
    }

    fn send(&self, message: Message<'_>, tag: Option<u64>) -> Result<(), Refusal> {
        let sent = match tag {
            Some(tag) => self.client.send_tagged(&message, tag),
            None => self.client.send_message(&message),
        };
        sent.map_err(Refusal::from)
    }

    async fn prepare(&self, timeout: Duration) {
        if self.client.options().asks_manager() {
            // The id was checked, and without a list lines are sent all the same.
            let _ = self.client.nodes_known(&self.group, timeout.min(FIRST_LIST)).await;
        }
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
            SendError::RecvBufferFull { .. } => Self::Full { code: SdkCode::RecvBufferFull.name() },
            SendError::LargerThanQueue { bytes, limit } => {
                let reason = format!(
                    "the message of {bytes} bytes does not fit even an empty queue, which takes {limit}: give a larger \
                     --max-queue-bytes"
                );
                Self::Line { field: None, code: Some(SdkCode::RecvBufferFull.name()), reason }
            }
            error => {
                Self::Line { field: None, code: Some(error.sdk_code().name()), reason: error.to_string() }
            }
        }
    }
}

/// A kind of line that can be a message, as its refusals say it, and how a mapping takes its route.
type Kind = (&'static str, fn(Mapping, Route) -> Mapping);
const KINDS: [Kind; 3] =
    [("a track line", Mapping::track), ("a user line", Mapping::user), ("an item line", Mapping::item)];

fn kind(event: &Event<'_>) -> &'static str {
    match event {
        Event::Track(_) => KINDS[0].0,
        Event::User(_) => KINDS[1].0,
        Event::Item(_) => KINDS[2].0,
        Event::Mapping(_) => "mapping",
    }
}

/// Which of `--fields` the kinds lack, for those that lack some.
fn lacking(options: &InlongArgs) -> Vec<(&'static str, String)> {
    let InlongArgs { group, stream, fields, .. } = options;
    let of = |(kind, set): Kind| {
        let has = |field: &String| {
            let route = Route::delimited(group, stream, '|', [field]);
            set(Mapping::default(), route).check().is_ok()
        };
        let missing: Vec<_> =
            fields.iter().filter(|field| !has(field)).map(|field| format!("`{field}`")).collect();
        (!missing.is_empty()).then(|| (kind, missing.join(", ")))
    };
    KINDS.into_iter().filter_map(of).collect()
}

/// All events go to the one stream: as JSON, or those kinds that have the fields as these.
fn mapping(options: &InlongArgs, lacking: &[(&'static str, String)]) -> Mapping {
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
    let usable = KINDS.iter().filter(|(kind, _)| !lacking.iter().any(|(lacks, _)| lacks == kind));
    usable.fold(Mapping::default(), |mapping, (_, set)| set(mapping, route.clone()))
}

/// An option that cannot be used by the name that it has here, if it was given here.
fn in_flags(error: &BuildError, options: &InlongArgs) -> String {
    let BuildError::Option(wrong) = error else { return error.to_string() };
    let is_authenticated = options.auth_id.is_some() || options.auth_key.is_some();
    let flags = [
        ("manager_url", "--manager", options.manager.is_some()),
        ("nodes", "--node", !options.nodes.is_empty()),
        ("http_url", "--http-url", options.http_url.is_some()),
        ("protocol", "--protocol", options.protocol.is_some()),
        ("auth_id", "--auth-id", is_authenticated),
        ("auth_key", "--auth-key", is_authenticated),
        ("attributes", "--attribute", !options.attributes.is_empty()),
        ("msg_type", "--msg-type", options.msg_type.is_some()),
        ("pack_size", "--pack-size", options.pack_size.is_some()),
        ("pack_timeout", "--flush-after", options.flush_after.is_some()),
        ("max_in_flight", "--max-in-flight", options.max_in_flight.is_some()),
        ("recv_buf_size", "--max-queue-bytes", options.max_queue_bytes.is_some()),
        ("retry_times", "--retry-times", options.retry_times.is_some()),
        ("max_age", "--max-age", options.max_age.is_some()),
        ("request_timeout", "--request-timeout", options.request_timeout.is_some()),
    ];
    match flags.iter().find(|(option, _, is_given)| *option == wrong.option && *is_given) {
        Some((_, flag, _)) => format!("{flag}: {wrong}"),
        None => error.to_string(),
    }
}

/// Changes the options of the configuration file to those of the command line.
fn change(known: &mut Options, options: &InlongArgs) {
    // The one that is sent to, so that its nodes are asked for at once.
    known.inlong_group_ids = vec![options.group.clone()];
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
    if options.auth_id.is_some() || options.auth_key.is_some() {
        known.need_auth = true;
    }
    if options.auth_id.is_some() {
        known.auth_id.clone_from(&options.auth_id);
    }
    if let Some(key) = &options.auth_key {
        known.auth_key = Some(key.as_str().into());
    }
    for (key, value) in &options.attributes {
        known.attributes.retain(|(other, _)| other != key);
        known.attributes.push((key.clone(), value.clone()));
    }
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
