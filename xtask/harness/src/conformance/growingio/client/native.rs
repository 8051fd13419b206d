//! The crate itself, through its typed API.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use trackwire::engine::OnExhausted;
use trackwire::growingio::{Consumer, Format, Tracker};
use trackwire::{Event, Item, Mapping, ResourceItem, Track, UserAttributes, Value};

use super::super::calls::PATIENCE;
use super::super::decode::is_event_field;
use super::super::vector::{Peer, Vector};
use super::{Client, neutral};
use crate::json::Json;

/// A tracker whose clock the case sets.
pub(super) struct Native {
    tracker: Tracker,
    clock: Arc<AtomicU64>,
}

impl Native {
    pub(super) fn new(vector: &Vector, url: &str) -> Result<Self, String> {
        let clock = Arc::new(AtomicU64::new(wall_clock()));
        Ok(Self { tracker: tracker(vector, url, &clock)?, clock })
    }
}

impl Client for Native {
    fn set_clock(&mut self, at: u64) -> Result<(), String> {
        self.clock.store(at, Ordering::SeqCst);
        Ok(())
    }

    fn record(&mut self, op: &str, args: &Json) -> Result<Result<(), String>, String> {
        let recorded = match event(op, args) {
            Some(event) => self.tracker.track(event),
            // What has no place in the typed API, such as a number for an id, is offered as JSON.
            None => self.tracker.track_json(&neutral::line(op, args)),
        };
        Ok(recorded.map_err(|error| error.to_string()))
    }

    fn flush(&mut self) -> Result<(), String> {
        self.tracker.flush_blocking(PATIENCE).map(drop).map_err(|error| format!("flush: {error}"))
    }

    fn close(&mut self) -> Result<(), String> {
        self.tracker.close_blocking(PATIENCE).map(drop).map_err(|error| format!("close: {error}"))
    }
}

fn tracker(vector: &Vector, url: &str, clock: &Arc<AtomicU64>) -> Result<Tracker, String> {
    let host = url.to_owned() + vector.config("server_host_suffix").unwrap_or_default();
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

fn wall_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
