//! Our client's options and messages, from the configuration and the frames of the vendor's client.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use trackwire::inlong::{self, Options};

use super::super::vector::{Exchange, ManagerRequest, Producer, Vector};
use super::NO_ANSWER;
use crate::http::unescape;
use crate::inlong::frame::Frame;
use crate::json::Json;

/// Ext field: attributes for each message; all messages in one item.
const OWN_ATTRIBUTES: u16 = 0x1;
const TEXT_IDS: u16 = 0x4;
pub(super) const LINES: u16 = 0x20;

/// Longer than any case takes, ms.
pub(super) const PACK_TIMEOUT: u64 = 60_000;

/// Attributes that are the protocol's, or that say which SDK it was: an application cannot give them.
pub(super) const PROTOCOL: [&str; 33] = [
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
    // Answers that wait for the queue are not asked for, and nodes are told nothing about whom they serve.
    "syncSend",
    "proxySend",
    "partitionKey",
    "rt",
    "node2ip",
    "rtime2",
    "dpIp",
    "mt",
    "topic",
    "uniq",
    "NodeIP",
    "_userName",
    "_clientIP",
    "_signature",
    "_timeStamp",
    "_nonce",
    "_encyVersion",
    "_encyAesKey",
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
            let usable = usable(with_manager(&vector.config, &format!("{manager}{path}")))?;
            let mut options = read(&usable)?;
            config = Some(usable);
            // Here a node's port is given in any case, and a file would outlive the case.
            options.cache_file = None;
            // The vendor's client packs in any case.
            options.enable_pack = true;
            options.recv_buf_size = options.recv_buf_size.max(Options::default().recv_buf_size);
            options
        }
        producer => {
            let mut options = Options::new(format!("{manager}{path}"));
            options.ext_pack_size = 4 << 20;
            if let Some(frame) = frame {
                options.msg_type = frame.kind;
                options.extend_field = frame.ext & !TEXT_IDS;
            }
            options.min_zip_len = if producer == Producer::Go { 256 } else { 119 };
            compress(&mut options, frames)?;
            options
        }
    };
    // A pack is to hold what is sent together, however slow the machine: it closes at a flush.
    options.pack_timeout = PACK_TIMEOUT;
    options.pack_size = Some(4 << 20);
    // All that the vendor's client asked for, whoever told it to.
    for request in &vector.manager_requests {
        let group =
            unescape(request.path.split('?').next().and_then(|path| path.rsplit('/').next()).unwrap_or(""));
        if !group.is_empty() && !options.inlong_group_ids.contains(&group) {
            options.inlong_group_ids.push(group);
        }
    }
    options.is_ack = frame.is_none_or(|frame| frame.attribute("isAck") != Some("false"));
    if frames.iter().any(Frame::is_heartbeat) {
        options.heart_beat_interval = options.heart_beat_interval.min(300);
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
fn shown(options: &Options) -> [(&'static str, Json); 16] {
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
        ("enablePack", Json::Bool(options.enable_pack)),
        ("recvBufSize", bytes(options.recv_buf_size)),
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

/// From where on the vendor's client compressed. Go looks at the body, as ours does; Java at the messages without their
/// lengths, so what it took for a limit is read off its frames.
fn compress(options: &mut Options, frames: &[Frame]) -> Result<(), String> {
    let (mut least, mut most) = (usize::MAX, 0);
    for frame in frames.iter().filter(|frame| !frame.is_heartbeat()) {
        let len = frame.plain()?.len();
        if frame.is_compressed() { least = least.min(len) } else { most = most.max(len) }
    }
    options.enable_zip = least < usize::MAX || most <= options.min_zip_len;
    if !(most..least).contains(&options.min_zip_len) {
        options.min_zip_len = most.min(least - 1);
    }
    Ok(())
}

/// Why our client does not take the configuration, where that is on purpose.
pub(super) fn refused(vector: &Vector) -> Option<&'static str> {
    if vector.producer() != Producer::Cpp || usable(vector.config.clone()).is_ok() {
        return None;
    }
    let of = |key: &str| vector.config.get("init-param").and_then(|param| param.get(key)).cloned();
    match () {
        () if of("extend_report") == Some(Json::Bool(true)) => {
            Some("the Manager that `extend_report` speaks to is refused in the configuration")
        }
        () if of("msg_type").is_some() => {
            Some("message types without messages are refused in the configuration")
        }
        () if of("extend_field").is_some() => {
            Some("ext bits that servers refuse are refused in the configuration")
        }
        () => None,
    }
}

/// The configuration without what is of the wrong type or out of range: the vendor's client takes the default there without
/// a word, where ours names the key.
fn usable(mut config: Json) -> Result<Json, String> {
    loop {
        let error = match Options::from_config(&config.to_string()) {
            Ok(_) => return Ok(config),
            Err(error) => error,
        };
        let inlong::ConfigError::Option(wrong) = &error else { return Err(error.to_string()) };
        let Some(Json::Object(members)) = config.member_mut("init-param") else {
            return Err(error.to_string());
        };
        // Without one of the two there are no credentials.
        let name = if wrong.option.starts_with("auth_") { "need_auth" } else { wrong.option };
        let is_choice =
            |value: &Json| name == "msg_type" && value.int().is_some_and(|kind| (1..=8).contains(&kind));
        let is_taken = |value: &Json| match name {
            "extend_field" => value.int().is_some(),
            "extend_report" => *value == Json::Bool(true),
            _ => is_choice(value),
        };
        let before = members.len();
        members.retain(|(key, value)| key != name || is_taken(value));
        if members.len() == before {
            return Err(error.to_string());
        }
    }
}

/// The messages that a frame was made of, with data time where the frame tells the caller's.
pub(super) fn messages(vector: &Vector, frame: &Frame) -> Result<Vec<Timed>, String> {
    let mut messages: Vec<Vec<u8>> = frame.messages()?.into_iter().map(|message| message.data).collect();
    // Where there are more lines than messages, some of them hold line feeds: the calls tell which.
    if matches!(frame.kind, 2 | 3)
        && frame.attribute("cnt").is_some_and(|count| count != messages.len().to_string())
    {
        messages = called(vector, &frame.plain()?).unwrap_or(messages);
    }
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

/// Messages of calls in a row that a text of lines was made of.
fn called(vector: &Vector, text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let message = |call: &Json| {
        call.text().or_else(|| call.elements().get(3)?.text()).map(|text| text.as_bytes().to_vec())
    };
    let calls: Vec<Vec<u8>> = vector.calls.iter().filter_map(message).collect();
    let runs = (0..calls.len()).flat_map(|from| (from + 1..=calls.len()).map(move |to| from..to));
    runs.map(|run| &calls[run]).find(|run| run.join(&b'\n') == text).map(<[_]>::to_vec)
}

/// The messages that go together in a pack of ours. One with a line feed travels alone where messages are lines; empty ones,
/// and those that end in a line feed there, are refused at the call.
pub(super) fn parts(frame: &Frame, messages: &[Timed]) -> Vec<Vec<Timed>> {
    let is_line = matches!(frame.kind, 2 | 3);
    let mut parts: Vec<Vec<Timed>> = Vec::new();
    let mut is_open = false;
    let is_refused = |data: &[u8]| data.is_empty() || is_line && data.ends_with(b"\n");
    for message in messages.iter().filter(|(data, _)| !is_refused(data)) {
        let is_alone = is_line && message.0.contains(&b'\n');
        match parts.last_mut() {
            Some(last) if is_open && !is_alone => last.push(message.clone()),
            _ => parts.push(vec![message.clone()]),
        }
        is_open = !is_alone;
    }
    parts
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
    let mut config = config.clone();
    if let Some(Json::Object(members)) = config.member_mut("init-param") {
        members.retain(|(key, _)| key != "manager_url");
        members.push(("manager_url".to_owned(), Json::String(url.to_owned())));
    }
    config
}

#[cfg(test)]
mod tests {
    use trackwire::inlong::Options;

    use super::super::super::vector::Vector;
    use super::{Settings, called, compress, parts, read, refused, usable};
    use crate::inlong::frame::Frame;
    use crate::json::Json;

    fn vector(param: &str) -> Vector {
        let calls = r#"[["send","g","s","a\nb"],["send","g","s","c"],"d"]"#;
        let text = format!(r#"{{"exchanges":[],"config":{{"init-param":{param}}},"calls":{calls}}}"#);
        Vector::parse(&text).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn what_the_vendors_client_passes_over_is_left_out() {
        let left = |param| usable(vector(param).config).map(|config| config.to_string());
        let wrong = r#"{"msg_type":9,"pack_timeout":"x","retry_times":0,"need_auth":true,"auth_id":"a","min_zip_len":7}"#;
        let expected = r#"{"init-param":{"auth_id":"a","min_zip_len":7}}"#;
        assert_eq!(left(wrong).as_deref(), Ok(expected));
        for param in [r#"{"msg_type":4}"#, r#"{"extend_field":8}"#, r#"{"extend_report":true}"#] {
            assert!(left(param).is_err() && refused(&vector(param)).is_some(), "{param}");
        }
        assert_eq!(refused(&vector("{}")), None);
    }

    #[test]
    fn lines_with_line_feeds_are_found_in_the_calls_and_travel_alone() {
        let messages = called(&vector("{}"), b"a\nb\nc").unwrap_or_default();
        assert_eq!(messages, [&b"a\nb"[..], b"c"]);
        assert_eq!(called(&vector("{}"), b"a\nc"), None);
        let mut all: Vec<_> = messages.into_iter().map(|data| (data, None)).collect();
        all.extend([(b"".to_vec(), None), (b"e\n".to_vec(), None), (b"f".to_vec(), None)]);
        let lengths = |kind| {
            let frame = Frame { kind, ..Frame::default() };
            parts(&frame, &all).iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!((lengths(3), lengths(7)), (vec![1, 2], vec![4]));
    }

    #[test]
    fn the_limit_of_compression_is_read_off_the_frames() -> Result<(), String> {
        let frame = |len: usize, flags: u8| {
            let plain = vec![b'x'; len];
            let body = match flags {
                0 => plain,
                _ => snap::raw::Encoder::new().compress_vec(&plain).unwrap_or_default(),
            };
            Frame { kind: 7, flags, body, ..Frame::default() }
        };
        for (frames, expected) in [
            (vec![], (true, 256)),
            (vec![frame(256, 0), frame(257, 0x20)], (true, 256)),
            (vec![frame(300, 0)], (false, 300)),
            (vec![frame(127, 0), frame(128, 0x20)], (true, 127)),
            (vec![frame(300, 0), frame(301, 0x20)], (true, 300)),
        ] {
            let mut options = Options::default();
            options.min_zip_len = 256;
            compress(&mut options, &frames)?;
            assert_eq!((options.enable_zip, options.min_zip_len), expected);
        }
        Ok(())
    }

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
