//! The numbers in `errCode` of an answer and in `code` over HTTP.

/// The queue behind the server is not ready.
pub const SINK_UNREADY: u32 = 1;
/// The service is closed: go to another node.
pub const SERVICE_CLOSED: u32 = 2;
/// The server has no configuration yet.
pub const CONFIG_UNREADY: u32 = 3;
/// HTTP: the request cannot be decoded.
pub const HTTP_DECODE: u32 = 31;
/// HTTP: neither GET nor POST.
pub const HTTP_METHOD: u32 = 32;
/// HTTP: no such path.
pub const HTTP_PATH: u32 = 35;
/// HTTP: not exactly the form's content type.
pub const HTTP_CONTENT_TYPE: u32 = 36;
/// A binary frame does not end in its magic.
pub const MAGIC: u32 = 94;
/// The body is not the snappy it claims to be.
pub const UNCOMPRESS: u32 = 96;
/// No group id.
pub const NO_GROUP: u32 = 100;
/// No stream id.
pub const NO_STREAM: u32 = 101;
/// No body.
pub const NO_BODY: u32 = 103;
/// The body is too long; also: the lengths of a text frame disagree.
pub const TOO_LONG: u32 = 104;
/// The body's length is zero.
pub const EMPTY_BODY: u32 = 105;
/// The body's length is negative.
pub const NEGATIVE_BODY: u32 = 106;
/// The attributes' length is negative.
pub const NEGATIVE_ATTRIBUTES: u32 = 107;
/// The attributes cannot be split.
pub const ATTRIBUTES: u32 = 109;
/// The message is blank.
pub const BLANK: u32 = 111;
/// A bit of the ext field that is not supported.
pub const EXT_FIELD: u32 = 112;
/// The server's queue is full.
pub const QUEUE_FULL: u32 = 114;
/// There is no topic for the group and stream.
pub const NO_TOPIC: u32 = 115;
/// The pack could not be put into the queue.
pub const SEND_FAILED: u32 = 118;
/// The items of the body are invalid.
pub const ITEMS: u32 = 123;
/// `syncSend=true` and `isAck=false`.
pub const SYNC_NO_ACK: u32 = 150;
/// `proxySend=true` and `isAck=false`.
pub const PROXY_NO_ACK: u32 = 151;
/// What the server has no number for.
pub const UNKNOWN: u32 = 2_147_483_647;

macro_rules! put_failure {
    ($what:literal) => {
        concat!(
            "Put ",
            $what,
            " to channel failure: Space for commit to queue couldn't be acquired. Sinks are likely not keeping up with \
             sources, or the buffer size is too tight"
        )
    };
}

/// The text of [`QUEUE_FULL`] over HTTP.
pub const PUT_HTTP_FAILURE: &str = put_failure!("HTTP event");

/// Whether an HTTP answer with this code closes the connection.
pub fn closes(code: u32) -> bool {
    matches!(
        code,
        SINK_UNREADY
            | SERVICE_CLOSED
            | HTTP_DECODE
            | HTTP_METHOD
            | 33
            | 34
            | HTTP_PATH
            | HTTP_CONTENT_TYPE
            | QUEUE_FULL
            | UNKNOWN
    )
}

/// Whether the server finds this out when it has taken the pack in already: then the answer's attributes are those of a
/// success, with the times that it added.
pub fn is_late(code: u32) -> bool {
    matches!(code, QUEUE_FULL | 116..=119)
}

/// The text of [`CONFIG_UNREADY`]: there is no table of numbers for groups.
pub(super) const NO_MAPPING: &str = "GroupId-Mapping configuration is null";

/// The text that the server gives with a code which it is told to answer by, where it gives one.
pub(super) fn text(code: u32) -> Option<&'static str> {
    match code {
        CONFIG_UNREADY => Some(NO_MAPPING),
        QUEUE_FULL => Some(put_failure!("msg event")),
        _ => None,
    }
}

/// What a code means.
pub fn meaning(code: u32) -> &'static str {
    match code {
        0 => "Ok",
        1 => "Service sink not ready",
        2 => "Service closed",
        3 => "Configuration not ready",
        10 => "Ip not allowed",
        31 => "Decode request failure",
        32 => "Only support [GET, POST] methods",
        33 => "Uri is blank",
        34 => "Uri not decodable",
        35 => "Only support [/dataproxy/heartbeat, /dataproxy/message] paths!",
        36 => "Only support [application/x-www-form-urlencoded] content type!",
        94 => "Magic wrong",
        95 => "Length fields disagree",
        96 => "Body cannot be uncompressed",
        100 => "groupId missing",
        101 => "streamId missing",
        102 => "dt missing",
        103 => "Body missing",
        104 => "Body too long",
        105 => "Body length is zero",
        106 => "Body length is negative",
        107 => "Attribute length is negative",
        108 => "Wrong processing logic",
        109 => "Attributes cannot be split",
        110 => "Message type not supported",
        111 => "Empty message",
        112 => "Ext field value not supported",
        113 => "Group or stream not configured",
        114 => "Queue full",
        115 => "Topic not configured",
        116 => "No producer",
        117 => "Producer is null",
        118 => "Send to queue failed",
        119 => "Queue returned an error",
        120 => "Duplicate",
        121 => "Id number not configured",
        122 => "Id text and number differ",
        123 => "Items of the body are invalid",
        150 => "syncSend without an answer wanted",
        151 => "proxySend without an answer wanted",
        _ => "Unknown",
    }
}
