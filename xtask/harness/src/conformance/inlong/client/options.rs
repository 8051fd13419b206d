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

/// How our client is set up.
pub(super) struct Settings {
    pub(super) options: Options,
    /// The vendor's configuration, where that is what `options` were read from.
    config: Option<Json>,
    /// Who asks the Manager, and the secret: what keeps `options` from being all, because they do not show it.
    credentials: Option<(String, String)>,
}

/// A message and the data time that goes with it.
pub(super) type Timed = (Vec<u8>, Option<u64>);

/// The options with which our client is to send what the vendor's sent.
pub(super) fn of(
    vector: &Vector,
    exchanges: &[Exchange],
    frames: &[Frame],
    manager: &str,
) -> Result<Settings, String> {
    let path = "/inlong/manager/openapi/dataproxy/getIpList";
    let frame = frames.iter().find(|frame| !frame.is_heartbeat());
    let mut config = None;
    let mut options = match vector.producer() {
        Producer::Cpp => {
            let with_manager = with_manager(&vector.config, &format!("{manager}{path}"));
            let mut options = read(&with_manager)?;
            config = Some(with_manager);
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
    options.is_ack = frame.is_none_or(|frame| frame.attribute("isAck") != Some("false"));
    if frames.iter().any(Frame::is_heartbeat) && vector.producer() != Producer::Cpp {
        options.heart_beat_interval = 300;
    }
    let unanswered = |exchange: &Exchange| exchange.answer.is_none();
    if exchanges.iter().any(unanswered) {
        options.request_timeout = u64::try_from(NO_ANSWER.as_millis()).unwrap_or(u64::MAX);
    }
    let mut settings = Settings { config, ..Settings::new(options) };
    if let Some(request) = vector.manager_requests.first() {
        settings.authorise(request)?;
    }
    Ok(settings)
}

impl Settings {
    pub(super) fn new(options: Options) -> Self {
        Self { options, config: None, credentials: None }
    }

    /// Takes the credentials that a request to the Manager has.
    pub(super) fn authorise(&mut self, request: &ManagerRequest) -> Result<(), String> {
        let Some(header) = request.header("authorization") else { return Ok(()) };
        let pair = header.strip_prefix("Basic ").ok_or("an authorization that is not Basic")?;
        let pair = BASE64_STANDARD.decode(pair).map_err(|error| error.to_string())?;
        let pair = String::from_utf8(pair).map_err(|error| error.to_string())?;
        let (id, key) = pair.split_once(':').ok_or("credentials without a colon")?;
        self.options.need_auth = true;
        self.options.auth_id = Some(id.to_owned());
        self.options.auth_key = Some(key.into());
        self.credentials = Some((id.to_owned(), key.to_owned()));
        Ok(())
    }

    /// The options of the npm package: the vendor's configuration as it is, and beside it what differs from what it says,
    /// or else from the defaults.
    pub(super) fn to_json(&self) -> Result<Json, String> {
        let base = self.config.as_ref().map_or_else(|| Ok(Options::default()), read)?;
        let text = |text: &str| Json::String(text.to_owned());
        let mut members = Vec::new();
        members.extend(self.config.clone().map(|config| ("config", config)));
        for ((name, value), (_, otherwise)) in shown(&self.options).into_iter().zip(shown(&base)) {
            if value != otherwise {
                members.push((name, value));
            }
        }
        if let Some((id, key)) = &self.credentials {
            members.extend([("needAuth", Json::Bool(true)), ("authId", text(id)), ("authKey", text(key))]);
        }
        Ok(Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
    }
}

/// What cases set, by the names of the npm package.
fn shown(options: &Options) -> [(&'static str, Json); 14] {
    let text = |text: &str| Json::String(text.to_owned());
    let number = |number: u64| Json::Number(number.to_string());
    let bytes = |bytes: usize| Json::Number(bytes.to_string());
    let groups = options.inlong_group_ids.iter().map(|group| text(group)).collect();
    [
        ("inlongGroupIds", Json::Array(groups)),
        ("managerUrl", text(&options.manager_url)),
        ("protocol", text(&options.protocol.name().to_lowercase())),
        ("msgType", number(options.msg_type.into())),
        ("extendField", number(options.extend_field.into())),
        ("isAck", Json::Bool(options.is_ack)),
        ("packSize", options.pack_size.map_or(Json::Null, bytes)),
        ("packTimeout", number(options.pack_timeout)),
        ("extPackSize", bytes(options.ext_pack_size)),
        ("enableZip", Json::Bool(options.enable_zip)),
        ("minZipLen", bytes(options.min_zip_len)),
        ("requestTimeout", number(options.request_timeout)),
        ("heartBeatInterval", number(options.heart_beat_interval)),
        ("enableLocalCache", Json::Bool(options.cache_file.is_some())),
    ]
}

fn read(config: &Json) -> Result<Options, String> {
    Options::from_config(&config.to_string()).map(|(options, _)| options).map_err(|error| error.to_string())
}

/// The Java client compresses from 120 bytes of messages on; ours above a number of bytes of the body.
fn java_threshold(frame: &Frame) -> Result<usize, String> {
    let lengths = if frame.kind == 3 || frame.ext & LINES != 0 { 0 } else { 4 * frame.messages()?.len() };
    Ok(119 + lengths)
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

#[cfg(test)]
mod tests {
    use trackwire::inlong::Options;

    use super::{Settings, read};
    use crate::json::Json;

    #[test]
    fn beside_the_configuration_stands_what_differs_from_it() -> Result<(), String> {
        let config =
            r#"{"init-param":{"manager_url":"http://127.0.0.1:1/x","msg_type":5,"pack_timeout":100}}"#;
        let config = Json::parse(config)?;
        let mut options = read(&config)?;
        options.pack_timeout = 200;
        let settings = Settings { config: Some(config.clone()), ..Settings::new(options) };
        assert_eq!(settings.to_json()?.to_string(), format!(r#"{{"config":{config},"packTimeout":200}}"#));
        let mut options = Options::new("http://127.0.0.1:1/x");
        options.msg_type = 5;
        let expected = r#"{"managerUrl":"http://127.0.0.1:1/x","msgType":5}"#;
        assert_eq!(Settings::new(options).to_json()?.to_string(), expected);
        Ok(())
    }
}
