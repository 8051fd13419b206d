//! The vendor's return codes, and the errors of a send that carry them.

use std::fmt;

use crate::Invalid;

macro_rules! sdk_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal;)*) => {
        /// What the vendor's C++ client and its Python wrapper return (`SdkCode`), with their numbers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum SdkCode {
            $($(#[$doc])* $variant = $code,)*
        }

        impl SdkCode {
            /// The code of this number, if there is one.
            pub fn from_code(code: i32) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The vendor's name, e.g. `kMsgTooLong`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

sdk_codes! {
    /// Taken.
    Success = 0, "kSuccess";
    /// Initialised a second time.
    MultiInit = 4, "kMultiInit";
    /// The configuration cannot be used.
    ErrorInit = 5, "kErrorInit";
    /// A message is longer than `ext_pack_size` allows.
    MsgTooLong = 6, "kMsgTooLong";
    /// A group, stream, message or attribute cannot be sent.
    InvalidInput = 7, "kInvalidInput";
    /// The queue is full.
    RecvBufferFull = 8, "kRecvBufferFull";
    /// There is no connection. The vendor's never returns it.
    FailGetConn = 9, "kFailGetConn";
    /// Sent after the client was closed.
    SendAfterClose = 10, "kSendAfterClose";
    /// Closed a second time. The vendor's never returns it.
    MultiExits = 11, "kMultiExits";
    /// The vendor's never returns it.
    InvalidBid = 12, "kInvalidBid";
    /// The vendor's never returns it.
    FailGetBufferPool = 13, "kFailGetBufferPool";
    /// The vendor's never returns it.
    FailGetSendBuf = 14, "kFailGetSendBuf";
    /// The vendor's never returns it.
    MsgEmpty = 15, "kMsgEmpty";
    /// The Manager was not reached. The vendor's never returns it.
    ErrorCurl = 16, "kErrorCURL";
    /// The Manager's answer is not JSON. The vendor's never returns it.
    ErrorParseJson = 17, "kErrorParseJson";
    /// Too many groups.
    FailGetRevGroup = 18, "kFailGetRevGroup";
    /// The vendor's never returns it.
    FailGetProxyConf = 19, "kFailGetProxyConf";
    /// The vendor's never returns it.
    FailSendProxy = 20, "kFailSendProxy";
    /// The vendor's never returns it.
    FailParseResponse = 21, "kFailSParseResponse";
    /// Sent before the client was initialised.
    SendBeforeInit = 22, "kSendBeforeInit";
    /// The vendor's never returns it.
    FailMallocBuf = 23, "kFailMallocBuf";
    /// The vendor's never returns it.
    MsgSizeLargerThanPackSize = 24, "kMsgSizeLargerThanPackSize";
    /// The vendor's never returns it.
    SendBufferFull = 25, "kSendBufferFull";
    /// The vendor's never returns it.
    BufferManagerFull = 26, "kBufferManagerFull";
}

/// Why a message was not taken. Nothing of it was queued.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// A group, stream, message or attribute cannot be sent; the field and the reason.
    InvalidInput(Invalid),
    /// The message is too long.
    MsgTooLong {
        /// Its length, bytes.
        bytes: usize,
        /// What is allowed, bytes.
        limit: usize,
    },
    /// The message would not fit even if the queue were empty. It has the number of a full queue, as with the vendor; waiting
    /// does not help.
    LargerThanQueue {
        /// Its length, bytes.
        bytes: usize,
        /// What the queue has room for, bytes.
        limit: usize,
    },
    /// The queue is full.
    RecvBufferFull {
        /// What it may hold, bytes.
        limit: usize,
    },
    /// The client is closed.
    SendAfterClose,
    /// More groups than `max_group_id_num` and `max_stream_id_num` allow.
    TooManyGroups {
        /// How many are allowed.
        limit: usize,
    },
    /// The client is not initialised.
    SendBeforeInit,
}

/// Why not all of several messages were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendAllError {
    /// How many were, before.
    pub taken: usize,
    /// Why the next was not.
    pub source: SendError,
}

impl SdkCode {
    /// The number.
    pub fn code(self) -> i32 {
        self as i32
    }
}

impl SendError {
    /// The vendor's return code. A send after close is 10 here, where the vendor's client says 22.
    pub fn sdk_code(&self) -> SdkCode {
        match self {
            Self::InvalidInput(_) => SdkCode::InvalidInput,
            Self::MsgTooLong { .. } => SdkCode::MsgTooLong,
            Self::RecvBufferFull { .. } | Self::LargerThanQueue { .. } => SdkCode::RecvBufferFull,
            Self::SendAfterClose => SdkCode::SendAfterClose,
            Self::TooManyGroups { .. } => SdkCode::FailGetRevGroup,
            Self::SendBeforeInit => SdkCode::SendBeforeInit,
        }
    }

    /// The number of [`sdk_code`](Self::sdk_code).
    pub fn code(&self) -> i32 {
        self.sdk_code().code()
    }
}

impl fmt::Display for SendAllError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} were taken, the next was not: {}", self.taken, self.source)
    }
}

impl std::error::Error for SendAllError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.source()
    }
}

impl From<Invalid> for SendError {
    fn from(invalid: Invalid) -> Self {
        Self::InvalidInput(invalid)
    }
}

impl fmt::Display for SdkCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.code())
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidInput(invalid) => invalid.fmt(f),
            Self::MsgTooLong { bytes, limit } => {
                write!(
                    f,
                    "the message of {bytes} bytes is too long: {limit} are allowed, by `ext_pack_size` and by what a frame \
                     may take: the Manager's `maxPacketLength` once it has answered, else 65,536 bytes or what `pack_size` asks for"
                )
            }
            Self::LargerThanQueue { bytes, limit } => {
                write!(
                    f,
                    "the message of {bytes} bytes does not fit even an empty queue, which takes {limit}: raise \
                     `recv_buf_size` and `send_buf_size`"
                )
            }
            Self::RecvBufferFull { limit } => {
                write!(f, "the queue of {limit} bytes is full: send later, or raise `recv_buf_size`")
            }
            Self::SendAfterClose => f.write_str("the client is closed: make a new one"),
            Self::TooManyGroups { limit } => {
                write!(f, "more than {limit} groups: raise `max_group_id_num` or `max_stream_id_num`")
            }
            Self::SendBeforeInit => {
                f.write_str("the client is not initialised: give it its configuration first")
            }
        }
    }
}

impl std::error::Error for SendError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InvalidKind;

    #[test]
    fn numbers_and_names_are_the_vendors() {
        let named = |code| SdkCode::from_code(code).map(SdkCode::name);
        assert_eq!(named(0), Some("kSuccess"));
        assert_eq!(named(8), Some("kRecvBufferFull"));
        assert_eq!(named(26), Some("kBufferManagerFull"));
        for code in -1..40 {
            let known = code == 0 || (4..=26).contains(&code);
            assert_eq!(SdkCode::from_code(code).map(SdkCode::code), known.then_some(code));
        }
    }

    #[test]
    fn errors_keep_their_number() {
        let invalid = Invalid::new("stream_id", InvalidKind::Empty, "name the stream");
        let errors = [
            (SendError::from(invalid), 7),
            (SendError::MsgTooLong { bytes: 9, limit: 8 }, 6),
            (SendError::RecvBufferFull { limit: 8 }, 8),
            (SendError::LargerThanQueue { bytes: 9, limit: 8 }, 8),
            (SendError::SendAfterClose, 10),
            (SendError::TooManyGroups { limit: 50 }, 18),
            (SendError::SendBeforeInit, 22),
        ];
        for (error, code) in errors {
            assert_eq!(error.code(), code, "{error}");
        }
        assert_eq!(SdkCode::MsgTooLong.to_string(), "kMsgTooLong (6)");
    }
}
