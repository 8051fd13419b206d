//! The keys of the vendor's configuration file, and ours.

use crate::inlong::options::{CACHE_FILE, MAX_FRAME, MESSAGE_OVERHEAD, OptionError, Options, Secret};

/// How a key's value is taken.
pub(super) enum Take {
    Text(fn(&mut Options, &str) -> Result<(), OptionError>),
    Flag(fn(&mut Options, bool) -> Result<(), OptionError>),
    /// From, to.
    Int(u64, u64, fn(&mut Options, u64)),
    Texts(fn(&mut Options, Vec<(String, String)>)),
}

/// What the value of a key without effect must be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Flag,
    /// From, to.
    Int(u64, u64),
    Any,
}

/// The vendor's numbers have 32 bits, and so have the lengths of WebAssembly.
const MOST: u64 = i32::MAX as u64;

const fn positive(set: fn(&mut Options, u64)) -> Take {
    Take::Int(1, MOST, set)
}

const fn count(set: fn(&mut Options, u64)) -> Take {
    Take::Int(0, MOST, set)
}

macro_rules! flag {
    ($option:ident) => {
        Take::Flag(|options, flag| {
            options.$option = flag;
            Ok(())
        })
    };
}

macro_rules! text {
    ($option:ident) => {
        Take::Text(|options, text| {
            options.$option = Some(text.into());
            Ok(())
        })
    };
}

/// The keys that have an effect. The last ones are ours.
pub(super) const LIVE: &[(&str, Take)] = &[
    (
        "inlong_group_ids",
        Take::Text(|options, text| {
            options.inlong_group_ids = list(text).map(String::from).collect();
            Ok(())
        }),
    ),
    (
        "manager_url",
        Take::Text(|options, text| {
            options.manager_url = text.into();
            Ok(())
        }),
    ),
    ("manager_update_interval", positive(|options, minutes| options.manager_update_interval = minutes)),
    ("manager_url_timeout", positive(|options, seconds| options.manager_url_timeout = seconds)),
    ("msg_type", Take::Int(1, 8, |options, kind| options.msg_type = kind as u8)),
    ("max_proxy_num", positive(|options, nodes| options.max_proxy_num = nodes as usize)),
    ("proxy_repeat_times", count(|options, times| options.proxy_repeat_times = times as usize)),
    ("isolation_level", positive(|options, level| options.isolation_level = level as u32)),
    ("enable_pack", flag!(enable_pack)),
    ("pack_size", Take::Int(1, MAX_FRAME as u64, |options, bytes| options.pack_size = Some(bytes as usize))),
    ("pack_timeout", positive(|options, ms| options.pack_timeout = ms)),
    (
        "ext_pack_size",
        Take::Int(MESSAGE_OVERHEAD as u64 + 1, MAX_FRAME as u64, |options, bytes| {
            options.ext_pack_size = bytes as usize;
        }),
    ),
    ("enable_zip", flag!(enable_zip)),
    ("min_zip_len", count(|options, bytes| options.min_zip_len = bytes as usize)),
    ("recv_buf_size", positive(|options, bytes| options.recv_buf_size = bytes as usize)),
    ("send_buf_size", positive(|options, bytes| options.send_buf_size = bytes as usize)),
    ("max_group_id_num", positive(|options, groups| options.max_group_id_num = groups as usize)),
    ("max_stream_id_num", positive(|options, streams| options.max_stream_id_num = streams as usize)),
    ("tcp_detection_interval", positive(|options, ms| options.tcp_detection_interval = ms)),
    ("tcp_idle_time", positive(|options, ms| options.tcp_idle_time = ms)),
    ("heart_beat_interval", positive(|options, ms| options.heart_beat_interval = ms)),
    ("enable_balance", flag!(enable_balance)),
    ("load_balance_interval", positive(|options, ms| options.load_balance_interval = ms)),
    ("retry_times", positive(|options, times| options.retry_times = times as u32)),
    (
        "enable_local_cache",
        Take::Flag(|options, on| {
            // Where `cache_file` stands in the file too, it says which, in any order.
            options.cache_file = match (on, options.cache_file.take()) {
                (true, None) => Some(CACHE_FILE.into()),
                (true, named) => named,
                (false, _) => None,
            };
            Ok(())
        }),
    ),
    ("need_auth", flag!(need_auth)),
    ("auth_id", text!(auth_id)),
    (
        "auth_key",
        Take::Text(|options, text| {
            options.auth_key = Some(Secret::new(text));
            Ok(())
        }),
    ),
    (
        "ser_ip",
        Take::Text(|options, text| {
            options.ser_ip = (!text.is_empty()).then(|| text.into());
            Ok(())
        }),
    ),
    ("extend_field", Take::Int(0, 65_535, |options, bits| options.extend_field = bits as u16)),
    (
        "extend_report",
        Take::Flag(|_, on| match on {
            true => Err(OptionError::new(
                "extend_report",
                "is true: the Manager it speaks to is not supported; set false",
            )),
            false => Ok(()),
        }),
    ),
    (
        "nodes",
        Take::Text(|options, text| {
            options.nodes = list(text).map(str::parse).collect::<Result<_, _>>()?;
            Ok(())
        }),
    ),
    (
        "protocol",
        Take::Text(|options, text| {
            options.protocol = text.parse()?;
            Ok(())
        }),
    ),
    ("http_url", text!(http_url)),
    ("cache_file", text!(cache_file)),
    ("attributes", Take::Texts(|options, pairs| options.attributes = pairs)),
    ("is_ack", flag!(is_ack)),
    ("request_timeout", positive(|options, ms| options.request_timeout = ms)),
    ("max_in_flight", positive(|options, frames| options.max_in_flight = frames as usize)),
    ("max_age", Take::Int(1, u64::MAX, |options, ms| options.max_age = ms)),
];

const POSITIVE: Kind = Kind::Int(1, MOST);
const COUNT: Kind = Kind::Int(0, MOST);

/// The keys that have no effect, and why.
pub(super) const DEAD: &[(&str, Kind, &str)] = &[
    ("per_groupid_thread_nums", POSITIVE, THREADS),
    ("dispatch_interval_zip", POSITIVE, AT_ONCE),
    ("dispatch_interval_send", POSITIVE, AT_ONCE),
    ("max_cache_num", COUNT, "has no effect: `recv_buf_size` and `send_buf_size` bound what is held"),
    ("enable_share_msg", Kind::Flag, "has no effect: messages lie in one memory for all groups"),
    (
        "enable_tcp_nagle",
        Kind::Flag,
        "has no effect: packs are written without delay, as by the vendor's client",
    ),
    ("log_num", COUNT, LOG),
    ("log_size", COUNT, LOG),
    ("log_level", Kind::Int(0, 4), LOG),
    ("log_path", Kind::Text, LOG),
    ("ser_port", Kind::Int(0, 65_535), "has no effect, as in the vendor's client"),
    ("enable_setaffinity", Kind::Flag, THREADS),
    ("mask_cpuaffinity", COUNT, THREADS),
    ("max_instance", POSITIVE, "has no effect: there may be any number of clients"),
    ("is_internal", Kind::Any, "has no effect, as in the vendor's client"),
];

const THREADS: &str = "has no effect: there is one thread for all groups";
const AT_ONCE: &str = "has no effect: packs leave when they are due, not at intervals";
const LOG: &str = "has no effect: what there is to say goes to the application's own log";

/// The keys of the vendor's documentation that its clients no longer know, and what to use.
pub(super) const OLD: &[(&str, &str)] = &[
    ("thread_num", "is no longer known and has no effect: leave it out"),
    ("enable_groupId_isolation", "is no longer known: use `isolation_level`"),
    ("buffer_num_per_groupId", "is no longer known: use `recv_buf_size`"),
    ("enable_retry", "is no longer known: use `retry_times`"),
    (
        "retry_ms",
        "is no longer known and has no effect: leave it out, waits between retries grow by themselves",
    ),
    ("retry_num", "is no longer known: use `retry_times`"),
    ("max_active_proxy", "is no longer known: use `max_proxy_num`"),
    ("max_buf_pool", "is no longer known: use `recv_buf_size`"),
    ("log_file_type", "is no longer known and has no effect: leave it out"),
    ("proxy_update_interval", "is no longer known: use `manager_update_interval`"),
    ("min_ziplen", "is no longer known: use `min_zip_len`"),
];

/// What stands between commas, without blanks around.
fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}
