//! Our client's options and messages, from the configuration and the frames of the vendor's client.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use trackwire::inlong::Options;

use super::super::vector::{Exchange, ManagerRequest, Producer, Vector};
use super::NO_ANSWER;
use crate::inlong::frame::Frame;
use crate::json::Json;

/// Ext field: attributes for each message; all messages in one item.
const OWN_ATTRIBUTES: u16 = 0x1;
const TEXT_IDS: u16 = 0x4;
const LINES: u16 = 0x20;

/// Longer than any case takes, ms.
pub(super) const PACK_TIMEOUT: u64 = 60_000;

/// Attributes that are the protocol's, or that say which SDK it was.
pub(super) const PROTOCOL: [&str; 15] = [
    "groupId",
    "streamId",
    "dt",
    "cnt",
    "cp",
    "mid",
    "sid",
    "wid",
    "messageId",
    "rtms",
    "sdkVersion",
    "msgUUID",
    "auditVersion",
    "node1ip",
    "rtime1",
];

/// A message and the data time that goes with it.
pub(super) type Timed = (Vec<u8>, Option<u64>);

/// The options with which our client is to send what the vendor's sent.
pub(super) fn of(
    vector: &Vector,
    exchanges: &[Exchange],
    frames: &[Frame],
    manager: &str,
) -> Result<Options, String> {
    let path = "/inlong/manager/openapi/dataproxy/getIpList";
    let frame = frames.iter().find(|frame| !frame.is_heartbeat());
    let mut options = match vector.producer() {
        Producer::Cpp => {
            let text = with_manager(&vector.config, &format!("{manager}{path}")).to_string();
            let (mut options, _) = Options::from_config(&text).map_err(|error| error.to_string())?;
            // Here a node's port is given in any case, and a file would outlive the case.
            options.cache_file = None;
            options
        }
        producer => {
            let mut options = Options::new(format!("{manager}{path}"));
            options.pack_size = Some(4 << 20);
            options.ext_pack_size = 4 << 20;
            if let Some(frame) = frame {
                options.msg_type = frame.kind;
                options.extend_field = frame.ext & !TEXT_IDS;
                options.min_zip_len = match producer {
                    Producer::Go => 256,
                    _ => java_threshold(frame)?,
                };
            }
            options.enable_zip = vector.config.get("compress") != Some(&Json::Bool(false));
            options
        }
    };
    // A pack is to hold what is sent together, however slow the machine: it closes at a flush.
    options.pack_timeout = PACK_TIMEOUT;
    if let Some(request) = vector.manager_requests.first() {
        authorise(&mut options, request)?;
    }
    options.is_ack = frame.is_none_or(|frame| frame.attribute("isAck") != Some("false"));
    if frames.iter().any(Frame::is_heartbeat) && vector.producer() != Producer::Cpp {
        options.heart_beat_interval = 300;
    }
    let unanswered = |exchange: &Exchange| exchange.answer.is_none();
    if exchanges.iter().any(unanswered) {
        options.request_timeout = u64::try_from(NO_ANSWER.as_millis()).unwrap_or(u64::MAX);
    }
    Ok(options)
}

/// The Java client compresses from 120 bytes of messages on; ours above a number of bytes of the body.
fn java_threshold(frame: &Frame) -> Result<usize, String> {
    let lengths = if frame.kind == 3 || frame.ext & LINES != 0 { 0 } else { 4 * frame.messages()?.len() };
    Ok(119 + lengths)
}

/// Credentials as a request to the Manager has them.
pub(super) fn authorise(options: &mut Options, request: &ManagerRequest) -> Result<(), String> {
    let Some(header) = request.header("authorization") else { return Ok(()) };
    let pair = header.strip_prefix("Basic ").ok_or("an authorization that is not Basic")?;
    let pair = BASE64_STANDARD.decode(pair).map_err(|error| error.to_string())?;
    let pair = String::from_utf8(pair).map_err(|error| error.to_string())?;
    let (id, key) = pair.split_once(':').ok_or("credentials without a colon")?;
    options.need_auth = true;
    options.auth_id = Some(id.to_owned());
    options.auth_key = Some(key.into());
    Ok(())
}

/// The messages that a frame was made of, with data time where the frame tells the caller's.
pub(super) fn messages(vector: &Vector, frame: &Frame) -> Result<Vec<Timed>, String> {
    let mut messages: Vec<Vec<u8>> = frame.messages()?.into_iter().map(|message| message.data).collect();
    if frame.ext & LINES != 0 {
        let lines = |item: Vec<u8>| item.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
        messages = messages.into_iter().flat_map(lines).collect();
    }
    let own = frame.kind == 6 || frame.ext & OWN_ATTRIBUTES != 0;
    let whole = (!vector.is_volatile("dt")).then(|| match frame.attribute("dt") {
        Some(dt) => dt.parse().ok(),
        None => Some(u64::from(frame.dt) * 1_000),
    });
    let time_of = |data: &[u8]| if own { call_time(vector, data) } else { whole.flatten() };
    Ok(messages.into_iter().map(|data| (time_of(&data), data)).map(|(time, data)| (data, time)).collect())
}

/// The data time that a message of the C++ client was sent with: `["send", group, stream, message, ms]`.
pub(super) fn call_time(vector: &Vector, data: &[u8]) -> Option<u64> {
    let of = |call: &&Json| call.elements().get(3).and_then(Json::text).map(str::as_bytes) == Some(data);
    let call = vector.calls.iter().find(of)?;
    call.elements().get(4).and_then(Json::int).and_then(|ms| u64::try_from(ms).ok())
}

/// The attributes that the application gave.
pub(super) fn attributes_of(frame: &Frame) -> Vec<(String, String)> {
    let given = |(key, _): &&(String, String)| !PROTOCOL.contains(&key.as_str()) && key != "isAck";
    frame.attributes.iter().filter(given).cloned().collect()
}

/// The vendor's configuration with another Manager.
fn with_manager(config: &Json, url: &str) -> Json {
    let Json::Object(members) = config else { return config.clone() };
    let changed = |(key, value): &(String, Json)| {
        let value = match key.as_str() {
            "manager_url" => Json::String(url.to_owned()),
            _ => with_manager(value, url),
        };
        (key.clone(), value)
    };
    Json::Object(members.iter().map(changed).collect())
}
