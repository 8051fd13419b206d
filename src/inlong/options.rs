//! What a client for InLong can be told.
//!
//! Where an option of the vendor's configuration file lives on it has the vendor's name, unit and default.

use std::fmt;
use std::str::FromStr;

use super::check;
use super::codes::SdkCode;
use crate::codec::bytes::has;
use crate::codec::number::write_unsigned;
#[cfg(any(feature = "native", feature = "js"))]
use crate::engine::{Limits, OnExhausted, RetryPolicy};

/// The largest frame that a DataProxy takes as shipped without configuration, bytes.
pub const DEFAULT_MAX_FRAME: usize = 65_536;
/// The largest frame that any DataProxy can be configured to take, bytes.
pub const MAX_FRAME: usize = 20_971_520;
/// What the vendor counts for a message beyond its own bytes, in `ext_pack_size` and `pack_size`.
pub const MESSAGE_OVERHEAD: usize = 10;

/// Whether this is the module of the npm package for pages, which knows HTTP alone.
pub(super) const PAGE: bool = cfg!(all(feature = "js-page", not(feature = "wasm"), target_family = "wasm"));

/// The vendor's name of the file that keeps node lists.
pub(super) const CACHE_FILE: &str = ".proxy_list.ini";

/// Where and how messages go.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The groups whose nodes are asked for at the start; others are when they are first sent to. Default: none.
    pub inlong_group_ids: Vec<String>,
    /// The Manager's address of node lists; a group id is appended. Not used with `nodes` or `http_url`. Default:
    /// `http://127.0.0.1:8099/inlong/manager/openapi/dataproxy/getIpList`.
    pub manager_url: String,
    /// Between two node lists, minutes. Default 2.
    pub manager_update_interval: u64,
    /// How long a request to the Manager may take, seconds. Default 5.
    pub manager_url_timeout: u64,
    /// Sends `auth_id` and `auth_key` to the Manager. Default: `false`.
    pub need_auth: bool,
    /// Who asks the Manager.
    pub auth_id: Option<String>,
    /// The secret of `auth_id`.
    pub auth_key: Option<Secret>,
    /// The nodes, for use without a Manager. Default: none, the Manager is asked.
    pub nodes: Vec<NodeAddress>,
    /// What nodes are spoken to in. Default: [`Protocol::Tcp`].
    pub protocol: Protocol,
    /// The one address that messages are posted to, for use without a Manager: absolute, or in a page a path of its own
    /// origin. Needs [`Protocol::Http`]. Default: none.
    pub http_url: Option<String>,
    /// Where node lists are kept for a start without a Manager. The vendor's client always writes `.proxy_list.ini` to the
    /// working directory; a library should leave files only where it is told to, so the default is none, and
    /// `enable_local_cache: true` in the file names the vendor's.
    pub cache_file: Option<String>,

    /// The message type of packs: 2, 3, 5, 6 or 7. Default 7.
    pub msg_type: u8,
    /// Bits for the ext field of type 7: 0x1 attributes for each message, 0x2 trace, 0x20 messages joined by LF; 0x4 is
    /// set whether given or not. Default 0.
    pub extend_field: u16,
    /// Attributes of all packs, after those of the protocol. Default: none.
    pub attributes: Vec<(String, String)>,
    /// Asks for answers. Without, what was written counts as delivered, unconfirmed. Default: `true`.
    pub is_ack: bool,
    /// The address of this machine, for the Manager, for attributes and callbacks. Default: none, the driver finds it,
    /// else `127.0.0.1`.
    pub ser_ip: Option<String>,

    /// Puts several messages in a pack. Default: `true`. The vendor's client reads it and packs in any case.
    pub enable_pack: bool,
    /// A pack closes at this size before compression, bytes; `None` for 409,600 within what frames may take, see
    /// [`max_frame`](Self::max_frame). Default: `None`.
    pub pack_size: Option<usize>,
    /// How long a message waits for its pack to fill, ms. Default 3,000.
    pub pack_timeout: u64,
    /// The largest message, with [`MESSAGE_OVERHEAD`], bytes. Default 409,600.
    pub ext_pack_size: usize,
    /// Compresses packs with snappy. Default: `true`.
    pub enable_zip: bool,
    /// From above how many bytes packs are compressed. Default 512.
    pub min_zip_len: usize,

    /// What may wait in all, bytes; full refuses. Default 10,240,000.
    pub recv_buf_size: usize,
    /// What may be on its way unanswered in all, bytes. Default 10,240,000.
    pub send_buf_size: usize,
    /// Groups; the larger of this and `max_stream_id_num` holds, as with the vendor. Default 50.
    pub max_group_id_num: usize,
    /// See `max_group_id_num`. Default 50.
    pub max_stream_id_num: usize,
    /// Frames on their way unanswered on one connection. Default 64.
    pub max_in_flight: usize,
    /// How long a message is kept for delivery, ms. Default 24 h.
    pub max_age: u64,

    /// Nodes that are connected to at a time. Default 8.
    pub max_proxy_num: usize,
    /// Connections to each of them; 0 as 1. Default 1.
    pub proxy_repeat_times: usize,
    /// What shares connections: 1 a group's packs, above 1 those of a cluster. Default 2.
    pub isolation_level: u32,
    /// How long an answer may take, ms, once those to the packs before it on its connection have come. Default 20,000.
    pub request_timeout: u64,
    /// Quick retries after the first attempt; afterwards a pack is kept and tried at growing intervals. Default 1.
    pub retry_times: u32,
    /// Between heartbeats on a connection, ms; what is above 120,000 counts as that, because servers close at 180,000.
    /// Default 60,000.
    pub heart_beat_interval: u64,
    /// Moves from nodes with much load to such with little. Default: `true`.
    pub enable_balance: bool,
    /// Between looks at the loads, ms. Default 300,000.
    pub load_balance_interval: u64,
    /// Between looks for idle connections, ms. Default 60,000.
    pub tcp_detection_interval: u64,
    /// How long a connection without traffic is kept, ms. Default 600,000.
    pub tcp_idle_time: u64,
}

/// What nodes are spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Protocol {
    /// Frames on TCP connections.
    #[default]
    Tcp,
    /// Forms posted to the message endpoint.
    Http,
}

/// Where a node listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NodeAddress {
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// An option that cannot be used: which, why, and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptionError {
    /// The option.
    pub option: &'static str,
    /// What is wrong and what to do about it.
    pub problem: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            inlong_group_ids: Vec::new(),
            // The npm package's shell asks the Manager itself.
            manager_url: match crate::NPM {
                true => String::new(),
                false => "http://127.0.0.1:8099/inlong/manager/openapi/dataproxy/getIpList".into(),
            },
            manager_update_interval: 2,
            manager_url_timeout: 5,
            need_auth: false,
            auth_id: None,
            auth_key: None,
            nodes: Vec::new(),
            protocol: Protocol::default(),
            http_url: None,
            cache_file: None,
            msg_type: 7,
            extend_field: 0,
            attributes: Vec::new(),
            is_ack: true,
            ser_ip: None,
            enable_pack: true,
            pack_size: None,
            pack_timeout: 3_000,
            ext_pack_size: 409_600,
            enable_zip: true,
            min_zip_len: 512,
            recv_buf_size: 10_240_000,
            send_buf_size: 10_240_000,
            max_group_id_num: 50,
            max_stream_id_num: 50,
            max_in_flight: 64,
            max_age: 24 * 60 * 60 * 1_000,
            max_proxy_num: 8,
            proxy_repeat_times: 1,
            isolation_level: 2,
            request_timeout: 20_000,
            retry_times: 1,
            heart_beat_interval: 60_000,
            enable_balance: true,
            load_balance_interval: 300_000,
            tcp_detection_interval: 60_000,
            tcp_idle_time: 600_000,
        }
    }
}

impl Options {
    /// Options for the nodes that the Manager at `manager_url` names; defaults for the rest.
    pub fn new(manager_url: impl Into<String>) -> Self {
        Self { manager_url: manager_url.into(), ..Self::default() }
    }

    /// Whether nodes are posted to. The module of the npm package for pages can do nothing else.
    pub(crate) fn is_http(&self) -> bool {
        PAGE || self.protocol == Protocol::Http
    }

    /// Whether node lists come from the Manager.
    pub fn asks_manager(&self) -> bool {
        self.nodes.is_empty() && self.http_url.is_none()
    }

    /// Where a pack closes, bytes of messages before compression: `pack_size`, else 409,600.
    pub fn pack_bytes(&self) -> usize {
        self.pack_size.unwrap_or(409_600)
    }

    /// The largest frame, bytes with its length field: what the Manager's `maxPacketLength` allows, else 65,536, or what
    /// `pack_size` and `ext_pack_size` need if `pack_size` is given.
    pub fn max_frame(&self, max_packet_length: Option<u32>) -> usize {
        // Room for the head, the ids and the attributes of one frame.
        const HEAD: usize = 4_096;
        match (max_packet_length, self.pack_size) {
            (Some(most), _) => (most as usize).min(MAX_FRAME),
            (None, Some(pack)) => (pack.max(self.ext_pack_size) + HEAD).clamp(DEFAULT_MAX_FRAME, MAX_FRAME),
            (None, None) => DEFAULT_MAX_FRAME,
        }
    }

    /// The longest message, bytes.
    pub fn max_message(&self) -> usize {
        self.ext_pack_size.saturating_sub(MESSAGE_OVERHEAD)
    }

    /// How many groups there may be.
    pub fn max_groups(&self) -> usize {
        self.max_group_id_num.max(self.max_stream_id_num)
    }

    /// Connections to each node in use.
    pub fn connections_per_node(&self) -> usize {
        self.proxy_repeat_times.max(1)
    }

    /// Between heartbeats on a connection, ms.
    pub fn heartbeat_ms(&self) -> u64 {
        self.heart_beat_interval.min(120_000)
    }

    /// The address of this machine as far as it is known.
    pub fn client_ip(&self) -> &str {
        self.ser_ip.as_deref().unwrap_or("127.0.0.1")
    }

    /// The bounds of a client's engine. What happens to a pack whose quick retries are used up, the vendor's file does not say.
    pub(crate) fn limits(&self, on_exhausted: OnExhausted) -> Limits {
        let retry = RetryPolicy {
            retry_limit: self.retry_times,
            backoff_factor: 200,
            on_exhausted,
            ..RetryPolicy::default()
        };
        Limits {
            // In a page a third of it is kept for copies on their way.
            max_queue_bytes: match PAGE {
                true => self.recv_buf_size.saturating_add(self.recv_buf_size / 2),
                false => self.recv_buf_size.saturating_add(self.send_buf_size),
            },
            max_plain_bytes: self.recv_buf_size,
            max_queue_events: u64::MAX,
            // With attributes of its own, or escaped for a form.
            max_event_bytes: self.max_message().saturating_mul(3).saturating_add(32 << 10),
            max_in_flight: self.max_in_flight.saturating_mul(self.connections_per_node()),
            request_timeout: self.request_timeout,
            max_age: self.max_age,
            retry,
            ..Limits::default()
        }
    }

    /// Whether its names can be used; the shell of the npm package has checked the rest.
    #[cfg(all(feature = "js", not(feature = "wasm"), target_family = "wasm"))]
    pub(crate) fn check_names(&self) -> Result<(), crate::Invalid> {
        if PAGE {
            return Ok(());
        }
        for id in &self.inlong_group_ids {
            if let Err(invalid) = check::group_id(id) {
                return Err(crate::Invalid::new("inlong_group_ids", invalid.kind, invalid.hint));
            }
        }
        for (key, value) in &self.attributes {
            check::attribute(key, value)?;
        }
        Ok(())
    }

    /// Whether the options can be used.
    pub fn check(&self) -> Result<(), OptionError> {
        check::check(self)
    }
}

impl NodeAddress {
    /// As in an URL.
    pub(crate) fn text(&self) -> String {
        let (open, close) = if has(self.host.as_bytes(), b':') { ("[", "]:") } else { ("", ":") };
        let mut text = [open, &self.host, close].concat().into_bytes();
        write_unsigned(&mut text, self.port.into());
        String::from_utf8(text).unwrap_or_default()
    }

    /// Where messages are posted to over HTTP.
    pub(crate) fn message_url(&self) -> String {
        ["http://", &self.text(), "/dataproxy/message"].concat()
    }

    /// An address of its two parts.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }
}

impl Protocol {
    /// The name that the Manager knows it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Http => "HTTP",
        }
    }
}

impl Secret {
    /// Keeps `text` out of what is printed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl OptionError {
    pub(super) fn new(option: &'static str, problem: impl Into<String>) -> Self {
        Self { option, problem: problem.into() }
    }

    /// The vendor's return code of a configuration that cannot be used, 5.
    pub fn code(&self) -> i32 {
        SdkCode::ErrorInit.code()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl FromStr for NodeAddress {
    type Err = OptionError;

    /// Reads `host:port` or `[v6]:port`.
    fn from_str(text: &str) -> Result<Self, OptionError> {
        let split = text.rsplit_once(':').map(|(host, port)| {
            let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
            (host, port.parse().ok().filter(|&port| port != 0))
        });
        match split {
            Some((host, Some(port))) if check::is_host(host) => Ok(Self::new(host, port)),
            _ => {
                Err(OptionError::new("nodes", format!("holds `{text}`: give host:port, e.g. 10.0.0.1:46801")))
            }
        }
    }
}

impl FromStr for Protocol {
    type Err = OptionError;

    fn from_str(name: &str) -> Result<Self, OptionError> {
        match name {
            _ if name.eq_ignore_ascii_case("tcp") => Ok(Self::Tcp),
            _ if name.eq_ignore_ascii_case("http") => Ok(Self::Http),
            _ => Err(OptionError::new("protocol", format!("is `{name}`: choose tcp or http"))),
        }
    }
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.option, self.problem)
    }
}

impl std::error::Error for OptionError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_a_bound() {
        let mut options = Options::default();
        assert_eq!(options.max_frame(None), 65_536);
        assert_eq!(options.max_frame(Some(524_288)), 524_288);
        assert_eq!(options.max_frame(Some(u32::MAX)), MAX_FRAME);
        options.pack_size = Some(1_024);
        assert_eq!(options.max_frame(None), 409_600 + 4_096);
        assert_eq!(options.max_frame(Some(32_768)), 32_768, "what the Manager says holds in any case");
        options.ext_pack_size = 2_048;
        assert_eq!(options.max_frame(None), 65_536);
        options.pack_size = Some(MAX_FRAME);
        assert_eq!(options.max_frame(None), MAX_FRAME);
        assert_eq!(options.max_message(), 2_038);
    }

    #[test]
    fn addresses_are_read_and_shown() {
        for text in ["10.0.0.1:46801", "proxy-1.example:1", "[::1]:65535"] {
            assert_eq!(text.parse::<NodeAddress>().map(|address| address.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "host", ":1", "host:0", "host:65536", "a b:1", "a/b:1", "host:-1", "[]:1"] {
            let error = text.parse::<NodeAddress>().expect_err(text);
            assert_eq!(error.option, "nodes");
        }
    }

    #[test]
    fn secrets_stay_out_of_what_is_printed() {
        let options = Options { auth_key: Some("letmein".into()), ..Options::default() };
        assert!(!format!("{options:?}").contains("letmein"));
    }
}
