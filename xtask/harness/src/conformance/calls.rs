//! Replaying a case's calls through the public API.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use trackwire::engine::OnExhausted;
use trackwire::growingio::{Consumer, Format, TrackError, Tracker};
use trackwire::{Event, Item, Mapping, ResourceItem, Track, UserAttributes, Value};

use super::capture::{Capture, Request};
use super::decode::is_event_field;
use super::vector::{Peer, Vector};
use crate::json::Json;

/// How long a request that is due may take to arrive, and a flush to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of the calls.
pub(super) struct Seen {
    /// What arrived, in order.
    pub(super) requests: Vec<Request>,
    /// The calls that raised, by index, and how.
    pub(super) raised: Vec<(usize, String)>,
    /// A request that was due and did not arrive.
    pub(super) late: Option<String>,
    /// What arrived up to the tracker's end, with what a peer would have left in its buffer.
    pub(super) at_end: Vec<Request>,
    /// How many events the tracker took.
    pub(super) taken: usize,
}

/// Makes the calls and gives back what arrived.
pub(super) fn replay(vector: &Vector) -> Result<Seen, String> {
    let server = Capture::start(&vector.answers)?;
    let clock = Arc::new(AtomicU64::new(wall_clock()));
    let tracker = tracker(vector, &server, &clock)?;
    let mut due = Due::of(vector);
    let mut seen =
        Seen { requests: Vec::new(), raised: Vec::new(), late: None, at_end: Vec::new(), taken: 0 };
    for (index, call) in vector.calls.iter().enumerate() {
        if let Some(at) = call.at_ms {
            clock.store(at, Ordering::SeqCst);
        }
        for _ in 0..call.repeat {
            match call.op.as_str() {
                "flush" => {
                    tracker.flush_blocking(PATIENCE).map_err(|error| format!("flush: {error}"))?;
                    due.flush();
                }
                "wait_requests" => due.requests = due.requests.max(call.count),
                op => match record(&tracker, op, &call.args)? {
                    Ok(()) => {
                        seen.taken += 1;
                        due.event(op);
                    }
                    Err(why) => seen.raised.push((index, why)),
                },
            }
            // A request belongs to the moment of the call that caused it, so it must be out before the clock moves on.
            if seen.late.is_none() && !server.wait(due.requests, PATIENCE) {
                let arrived = server.requests().len();
                seen.late =
                    Some(format!("after call {index}: {} requests are due, {arrived} arrived", due.requests));
            }
        }
    }
    // Closing sends what an exact peer would leave in its buffer, so its requests are those from before.
    seen.requests = server.requests();
    tracker.close_blocking(PATIENCE).map_err(|error| format!("close: {error}"))?;
    seen.at_end = server.requests();
    if vector.peer == Peer::Java {
        seen.requests = seen.at_end.clone();
    }
    Ok(seen)
}

fn tracker(vector: &Vector, server: &Capture, clock: &Arc<AtomicU64>) -> Result<Tracker, String> {
    let host = server.url() + vector.config("server_host_suffix").unwrap_or_default();
    let text = |key| vector.config(key).unwrap_or_default();
    let format: Format =
        vector.config("format").unwrap_or("json").parse().map_err(|error| format!("format: {error}"))?;
    let max_size = vector.config_number("max_size").unwrap_or(500) as usize;
    let consumer = match (vector.config("consumer"), vector.peer) {
        (None, Peer::Java) | (Some("buffered"), _) => Consumer::Buffered { max_size },
        (Some("async"), _) => {
            let seconds = vector.config_number("flush_after").unwrap_or(10);
            Consumer::Async { max_size, flush_after: Duration::from_secs(seconds) }
        }
        (Some("debug"), _) => Consumer::Debug,
        (None | Some("default"), _) => Consumer::Default,
        (Some(other), _) => return Err(format!("an unknown consumer: {other}")),
    };
    let clock = Arc::clone(clock);
    Tracker::builder(text("product_id"), text("data_source_id"), host)
        .format(format)
        .consumer(consumer)
        .platform(vector.config("platform").map(str::to_owned))
        .sdk_version(vector.config("sdk_version").map(str::to_owned))
        .validate(vector.peer == Peer::Java)
        .retry_limit(if vector.peer == Peer::Java { 3 } else { 0 })
        .on_exhausted(OnExhausted::Drop)
        .debug_printer(|line| eprintln!("{line}"))
        .clock(move || clock.load(Ordering::SeqCst))
        .build()
        .map_err(|error| format!("the tracker cannot be built: {error}"))
}

/// Makes one call; the inner error is what the call raised.
fn record(tracker: &Tracker, op: &str, args: &Json) -> Result<Result<(), String>, String> {
    if !["custom_event", "user", "item", "user_mapping"].contains(&op) {
        return Err(format!("an unknown call: {op}"));
    }
    let result = match event(op, args) {
        Some(event) => tracker.track(event),
        // What has no place in the typed API, such as a number for an id, is offered as the JSON it came as.
        None => tracker.track_json(&neutral(op, args).to_string()),
    };
    Ok(result.map_err(|error: TrackError| error.to_string()))
}

/// The event of a call; `None` when an argument has a type that the API does not take.
fn event<'a>(op: &str, args: &'a Json) -> Option<Event<'a>> {
    let text = |key: &str| match args.get(key) {
        None => Some(None),
        Some(value) => value.text().map(Some),
    };
    let time = match args.get("event_time") {
        None => None,
        Some(value) => Some(value.int()?),
    };
    Some(match op {
        "custom_event" => {
            let mut track = Track::new(text("event_name")?.unwrap_or_default());
            track.user = text("login_user_id")?.map(Into::into);
            track.user_key = text("login_user_key")?.map(Into::into);
            track.anonymous = text("anonymous_id")?.map(Into::into);
            track.time = time;
            track.attributes = attributes(args)?.unwrap_or_default();
            if let Some(item) = args.get("resource_item") {
                let mut resource = ResourceItem::new(
                    item.text_of("id").unwrap_or_default(),
                    item.text_of("key").unwrap_or_default(),
                );
                resource.attributes = attributes(item)?.unwrap_or_default();
                track = track.resource_item(resource);
            }
            let own = ["event_name", "attributes", "resource_item"];
            for (name, field) in args.members() {
                if is_event_field(name) && !own.contains(&name.as_str()) && *field != Json::Null {
                    track = track.field(name.as_str(), value(field)?);
                }
            }
            track.into()
        }
        "user" => {
            let mut user = UserAttributes::default();
            user.user = text("login_user_id")?.map(Into::into);
            user.user_key = text("login_user_key")?.map(Into::into);
            user.anonymous = text("anonymous_id")?.map(Into::into);
            user.time = time;
            user.attributes = attributes(args)?.unwrap_or_default();
            user.into()
        }
        "item" => {
            let (id, key) = (text("item_id")?.unwrap_or_default(), text("item_key")?.unwrap_or_default());
            let mut item = Item::new(id, key);
            item.attributes = attributes(args)?;
            item.into()
        }
        _ => {
            let mut mapping = Mapping::new();
            mapping.time = time;
            for (key, id) in args.get("identities").map(Json::members).unwrap_or_default() {
                mapping = mapping.identity(key.as_str(), id.text()?);
            }
            mapping.into()
        }
    })
}

type Attributes<'a> = Vec<trackwire::Attribute<'a>>;

/// The attributes of a call, in their order; Java's bulk setter is the same to us.
fn attributes(args: &Json) -> Option<Option<Attributes<'_>>> {
    let mut all = None;
    for members in [args.get("attributes"), args.get("attributes_map")].into_iter().flatten() {
        let Json::Object(members) = members else { return None };
        let all = all.get_or_insert_with(Vec::new);
        for (key, attribute) in members {
            all.push((key.as_str().into(), value(attribute)?));
        }
    }
    Some(all)
}

/// A number with `.` or an exponent is a double, else an integer of any size.
fn value(json: &Json) -> Option<Value<'_>> {
    Some(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) if number.contains(['.', 'e', 'E']) => Value::Double(number.parse().ok()?),
        Json::Number(number) => match number.parse() {
            Ok(int) => Value::Int(int),
            Err(_) => Value::BigInt(number.as_str().into()),
        },
        Json::String(text) => Value::String(text.as_str().into()),
        Json::Array(elements) => Value::List(elements.iter().map(value).collect::<Option<_>>()?),
        Json::Object(members) => {
            let members = members.iter().map(|(key, json)| Some((key.as_str().into(), value(json)?)));
            Value::Map(members.collect::<Option<_>>()?)
        }
    })
}

/// The same call in the neutral JSON form.
fn neutral(op: &str, args: &Json) -> Json {
    const NAMES: [(&str, &str); 8] = [
        ("event_name", "track"),
        ("item_id", "item"),
        ("item_key", "key"),
        ("identities", "mapping"),
        ("login_user_id", "user"),
        ("login_user_key", "user_key"),
        ("anonymous_id", "anonymous"),
        ("event_time", "time"),
    ];
    let mut members = Vec::new();
    for (key, value) in args.members() {
        let name = NAMES.iter().find(|(arg, _)| arg == key).map_or(key.as_str(), |(_, name)| name);
        members.push((name.to_owned(), value.clone()));
    }
    if op == "custom_event" && args.get("event_name").is_none() {
        members.push(("track".to_owned(), Json::String(String::new())));
    }
    Json::Object(members)
}

fn wall_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// How many requests the peer's sending strategy has caused so far.
struct Due {
    strategy: Strategy,
    max_size: usize,
    /// Events that wait for company.
    waiting: usize,
    requests: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Strategy {
    EachAtOnce,
    /// Items at once, events when the buffer is full.
    Buffered,
    /// An item sends everything.
    Async,
    /// Nothing can be said before the end.
    Open,
}

impl Due {
    fn of(vector: &Vector) -> Self {
        let strategy = match (vector.peer, vector.config("consumer")) {
            (Peer::Java, _) => Strategy::Open,
            (_, Some("buffered")) => Strategy::Buffered,
            (_, Some("async")) => Strategy::Async,
            _ => Strategy::EachAtOnce,
        };
        let max_size = vector.config_number("max_size").unwrap_or(500).max(1) as usize;
        Self { strategy, max_size, waiting: 0, requests: 0 }
    }

    fn event(&mut self, op: &str) {
        match (self.strategy, op) {
            (Strategy::Open, _) => {}
            (Strategy::EachAtOnce, _) | (Strategy::Buffered, "item" | "user_mapping") => self.requests += 1,
            (Strategy::Async, "item" | "user_mapping") => {
                self.flush();
                self.requests += 1;
            }
            (Strategy::Buffered | Strategy::Async, _) => {
                self.waiting += 1;
                if self.waiting >= self.max_size {
                    self.flush();
                }
            }
        }
    }

    fn flush(&mut self) {
        self.requests += usize::from(self.waiting > 0);
        self.waiting = 0;
    }
}
