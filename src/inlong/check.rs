//! Whether options, ids and attributes can be used.

use super::frame::{EXT_ATTRIBUTES, EXT_LINES, EXT_TEXT_IDS, EXT_TRACE, MsgType};
use super::options::{MAX_FRAME, MESSAGE_OVERHEAD, OptionError, Options, Protocol};
use crate::{Invalid, InvalidKind};

/// Attribute keys with a meaning of their own in the protocol.
const RESERVED: [&str; 36] = [
    "groupId",
    "streamId",
    "dt",
    "cnt",
    "cp",
    "mid",
    "wid",
    "messageId",
    "sid",
    "isAck",
    "syncSend",
    "proxySend",
    "rtms",
    "rt",
    "node1ip",
    "rtime1",
    "node2ip",
    "rtime2",
    "dpIp",
    "errCode",
    "errMsg",
    "msgUUID",
    "auditVersion",
    "mt",
    "uniq",
    "NodeIP",
    "sdkVersion",
    "partitionKey",
    "topic",
    "_userName",
    "_clientIP",
    "_signature",
    "_timeStamp",
    "_nonce",
    "_encyVersion",
    "_encyAesKey",
];

/// The most bytes of the attributes of all packs together: those of messages come on top, and the length of all has 15 bits.
const MAX_OPTION_ATTRIBUTES: usize = 8_192;

/// Keys that the client gives each message, where messages have attributes of their own.
pub(super) const OF_MESSAGES: [&str; 2] = ["__addcol1__reptime", "__addcol2__ip"];

/// Whether text can stand in an attribute, as a group or stream id or as a key or value: the server splits at `&` and `=`,
/// trims blanks and miscounts what is not ASCII.
pub(super) fn text(field: &str, text: &str) -> Result<(), Invalid> {
    text_of("", field, text)
}

/// The same, of a field whose name has two parts.
fn text_of(of: &str, field: &str, text: &str) -> Result<(), Invalid> {
    let refuse = |kind, hint: &'static str| Err(Invalid::new([of, field].concat(), kind, hint));
    if text.is_empty() {
        return refuse(InvalidKind::Empty, "give a text");
    }
    if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'&' && byte != b'=') {
        return refuse(InvalidKind::BadCharacter, "use printable ASCII without `&` and `=`");
    }
    if text.starts_with(' ') || text.ends_with(' ') {
        return refuse(InvalidKind::BadCharacter, "leave out the blanks around it, the server does too");
    }
    if text.len() > 4_096 {
        return refuse(InvalidKind::TooLarge, "use at most 4,096 characters");
    }
    Ok(())
}

/// Whether this is a group id, which stands in a path too.
pub(super) fn group_id(id: &str) -> Result<(), Invalid> {
    text("group_id", id)?;
    if id == "." || id == ".." {
        let hint = "is a path of its own: give the group's id";
        return Err(Invalid::new("group_id", InvalidKind::BadCharacter, hint));
    }
    Ok(())
}

/// Whether this is an attribute that an application may add.
pub(super) fn attribute(key: &str, value: &str) -> Result<(), Invalid> {
    text("attributes", key)?;
    if RESERVED.contains(&key) {
        let hint = "the protocol uses this key itself: choose another";
        return Err(Invalid::new(["attributes.", key].concat(), InvalidKind::UnknownField, hint));
    }
    text_of("attributes.", key, value)
}

/// Whether this can be a host in an address: a name, IPv4, or IPv6 without brackets.
pub(super) fn is_host(host: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'%');
    !host.is_empty() && host.len() <= 255 && host.bytes().all(allowed)
}

/// Whether options can be used.
pub(super) fn check(options: &Options) -> Result<(), OptionError> {
    where_to(options)?;
    what(options)?;
    how_much(options)
}

fn where_to(options: &Options) -> Result<(), OptionError> {
    let problem = |option, problem: &str| Err(OptionError::new(option, problem));
    for id in &options.inlong_group_ids {
        group_id(id).map_err(|invalid| named("inlong_group_ids", id, &invalid))?;
    }
    if options.asks_manager() {
        url("manager_url", &options.manager_url, false)?;
    }
    if let Some(endpoint) = &options.http_url {
        url("http_url", endpoint, true)?;
        if options.protocol != Protocol::Http {
            return problem("http_url", "is given, but the protocol is TCP: set `protocol` to http");
        }
        if !options.nodes.is_empty() {
            return problem("http_url", "is given, and `nodes` too: leave one of them out");
        }
    }
    for node in &options.nodes {
        if !is_host(&node.host) || node.port == 0 {
            let text = format!("holds `{node}`: give a name or an address, and a port from 1 to 65,535");
            return Err(OptionError::new("nodes", text));
        }
    }
    if options.need_auth {
        let part = |option, part: Option<&str>| match part {
            None | Some("") => {
                problem(option, "is missing: `need_auth` is true, so give it, or set that to false")
            }
            Some(text) if text.contains(':') || text.chars().any(char::is_control) => {
                problem(option, "holds a colon or a control character, which the Manager does not take")
            }
            Some(_) => Ok(()),
        };
        part("auth_id", options.auth_id.as_deref())?;
        part("auth_key", options.auth_key.as_ref().map(|key| key.expose()))?;
    }
    match &options.cache_file {
        Some(path) if path.is_empty() => problem("cache_file", "is empty: name a file, or leave it out"),
        _ => Ok(()),
    }
}

fn what(options: &Options) -> Result<(), OptionError> {
    let problem = |option, problem: String| Err(OptionError::new(option, problem));
    if MsgType::from_number(options.msg_type).is_none() {
        let text = format!("is {}: choose 7, 5, 3, 6 or 2, which carry messages", options.msg_type);
        return problem("msg_type", text);
    }
    if options.extend_field & !(EXT_ATTRIBUTES | EXT_TRACE | EXT_TEXT_IDS | EXT_LINES) != 0 {
        let text = format!("is {:#x}: only 0x1, 0x2, 0x4 and 0x20 can be set", options.extend_field);
        return problem("extend_field", text);
    }
    if options.extend_field & EXT_LINES != 0 && options.extend_field & EXT_ATTRIBUTES != 0 {
        let text = format!(
            "is {:#x}: messages that are joined by LF (0x20) have no attributes of their own (0x1), so leave one out",
            options.extend_field
        );
        return problem("extend_field", text);
    }
    for (at, (key, value)) in options.attributes.iter().enumerate() {
        attribute(key, value).map_err(|invalid| named("attributes", key, &invalid))?;
        if options.attributes[..at].iter().any(|(other, _)| other == key) {
            return problem("attributes", format!("holds `{key}` twice: the server refuses that"));
        }
    }
    let bytes: usize = options.attributes.iter().map(|(key, value)| key.len() + value.len() + 2).sum();
    if bytes > MAX_OPTION_ATTRIBUTES {
        return problem(
            "attributes",
            format!("take {bytes} bytes: use at most {MAX_OPTION_ATTRIBUTES} together"),
        );
    }
    if !options.is_ack && options.protocol == Protocol::Http {
        return problem("is_ack", "is false, but over HTTP there is always an answer: leave it out".into());
    }
    match &options.ser_ip {
        Some(ip) if !is_host(ip) => {
            problem("ser_ip", "is no address: give e.g. 10.0.0.1, or leave it out".into())
        }
        _ => Ok(()),
    }
}

fn how_much(options: &Options) -> Result<(), OptionError> {
    /// What a timer takes in all runtimes, ms.
    const TIME: u64 = i32::MAX as u64;
    /// The vendor's numbers have 32 bits.
    const COUNT: u64 = i32::MAX as u64;
    let size = MAX_FRAME as u64;
    let pack_size = options.pack_size.unwrap_or(1) as u64;
    let bounds = [
        ("manager_update_interval", options.manager_update_interval, 1, TIME / 60_000),
        ("manager_url_timeout", options.manager_url_timeout, 1, TIME / 1_000),
        ("pack_size", pack_size, 1, size),
        ("pack_timeout", options.pack_timeout, 1, TIME),
        ("ext_pack_size", options.ext_pack_size as u64, MESSAGE_OVERHEAD as u64 + 1, size),
        ("min_zip_len", options.min_zip_len as u64, 0, COUNT),
        ("recv_buf_size", options.recv_buf_size as u64, 1, u64::MAX),
        ("send_buf_size", options.send_buf_size as u64, 1, u64::MAX),
        ("max_group_id_num", options.max_group_id_num as u64, 1, COUNT),
        ("max_stream_id_num", options.max_stream_id_num as u64, 1, COUNT),
        ("max_in_flight", options.max_in_flight as u64, 1, 65_536),
        ("max_age", options.max_age, 1, u64::MAX),
        ("max_proxy_num", options.max_proxy_num as u64, 1, COUNT),
        ("proxy_repeat_times", options.proxy_repeat_times as u64, 0, 128),
        ("isolation_level", options.isolation_level.into(), 1, COUNT),
        ("request_timeout", options.request_timeout, 1, TIME),
        ("retry_times", options.retry_times.into(), 0, COUNT),
        ("heart_beat_interval", options.heart_beat_interval, 1, TIME),
        ("load_balance_interval", options.load_balance_interval, 1, TIME),
        ("tcp_detection_interval", options.tcp_detection_interval, 1, TIME),
        ("tcp_idle_time", options.tcp_idle_time, 1, TIME),
    ];
    for (option, value, least, most) in bounds {
        if !(least..=most).contains(&value) {
            return Err(OptionError::new(option, out_of_range(value, least, most)));
        }
    }
    Ok(())
}

/// What an error says of a number that is not between its bounds.
pub(super) fn out_of_range(value: impl std::fmt::Display, least: u64, most: u64) -> String {
    match most {
        u64::MAX => format!("is {value}: give {least} or more"),
        most => format!("is {value}: give {least} to {most}"),
    }
}

/// Whether this is an address to post to, or where `relative` a path.
fn url(option: &'static str, url: &str, relative: bool) -> Result<(), OptionError> {
    let problem = |problem: &str| Err(OptionError::new(option, problem));
    let rest = ["http://", "https://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    match rest {
        None if relative && url.starts_with('/') && !url.starts_with("//") => {}
        None if relative => return problem("begins with neither https://, http:// nor /"),
        None => return problem("begins with neither https:// nor http://"),
        Some(rest) if rest.is_empty() || rest.starts_with('/') => return problem("names no host"),
        Some(_) => {}
    }
    if url.contains(|c: char| c.is_control() || c.is_whitespace() || "?#".contains(c)) {
        return problem("may have a path, but no query, fragment or blanks");
    }
    Ok(())
}

fn named(option: &'static str, text: &str, invalid: &Invalid) -> OptionError {
    OptionError::new(option, format!("holds `{}`: {}", text.escape_debug(), invalid.hint))
}

#[cfg(test)]
mod tests {
    use super::super::options::NodeAddress;
    use super::*;

    /// The option that is refused after a change of the defaults, and what is said of it.
    fn refused(change: impl FnOnce(&mut Options)) -> Option<(&'static str, String)> {
        let mut options = Options::default();
        assert_eq!(options.check(), Ok(()), "the defaults can be used");
        change(&mut options);
        options.check().err().map(|error| (error.option, error.to_string()))
    }

    macro_rules! refuses {
        ($option:ident = $value:expr) => {
            let found = refused(|options| options.$option = $value).expect(stringify!($option));
            assert_eq!(found.0, stringify!($option));
            assert!(found.1.starts_with(concat!("`", stringify!($option), "` ")), "{}", found.1);
        };
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        refuses!(inlong_group_ids = vec!["a&b".into()]);
        refuses!(inlong_group_ids = vec!["..".into()]);
        refuses!(manager_url = "manager:8083".into());
        refuses!(manager_url = "http:///x".into());
        refuses!(manager_url = "http://manager/x?y".into());
        refuses!(manager_update_interval = 0);
        refuses!(manager_url_timeout = 0);
        refuses!(nodes = vec![NodeAddress::new("a b", 1)]);
        refuses!(nodes = vec![NodeAddress::new("a", 0)]);
        refuses!(http_url = Some("/dataproxy/message".into()));
        refuses!(cache_file = Some(String::new()));
        refuses!(msg_type = 4);
        refuses!(msg_type = 8);
        refuses!(extend_field = 0x8);
        refuses!(extend_field = 0x11);
        refuses!(attributes = vec![("groupId".into(), "x".into())]);
        refuses!(attributes = vec![("k".into(), "ä".into())]);
        refuses!(attributes = vec![("k".into(), "1".into()), ("k".into(), "2".into())]);
        refuses!(ser_ip = Some("not an address".into()));
        refuses!(pack_size = Some(0));
        refuses!(pack_size = Some(MAX_FRAME + 1));
        refuses!(ext_pack_size = 10);
        refuses!(recv_buf_size = 0);
        refuses!(max_in_flight = 0);
        refuses!(isolation_level = 0);
        refuses!(request_timeout = 0);
        refuses!(heart_beat_interval = 0);
        refuses!(tcp_idle_time = u64::MAX);
    }

    #[test]
    fn an_endpoint_of_ones_own_needs_no_manager() {
        let fixed = |options: &mut Options| {
            options.manager_url.clear();
            options.protocol = Protocol::Http;
            options.http_url = Some("/dataproxy/message".into());
        };
        assert_eq!(refused(fixed), None);
        let both = |options: &mut Options| {
            fixed(options);
            options.nodes = vec![NodeAddress::new("a", 1)];
        };
        assert_eq!(refused(both).map(|found| found.0), Some("http_url"));
        let other_host = |options: &mut Options| {
            fixed(options);
            options.http_url = Some("//elsewhere/dataproxy/message".into());
        };
        assert_eq!(refused(other_host).map(|found| found.0), Some("http_url"));
    }

    #[test]
    fn credentials_are_there_when_they_are_needed() {
        let with = |id: &str, key: &str| {
            refused(|options| {
                options.need_auth = true;
                options.auth_id = Some(id.into());
                options.auth_key = Some(key.into());
            })
        };
        assert_eq!(with("id", "key"), None);
        for (id, key, option) in
            [("", "key", "auth_id"), ("i:d", "key", "auth_id"), ("id", "se:cret", "auth_key")]
        {
            let found = with(id, key).expect(option);
            assert_eq!(found.0, option);
            assert!(!found.1.contains("se:cret"));
        }
        assert_eq!(refused(|options| options.need_auth = true).map(|found| found.0), Some("auth_id"));
    }
}
