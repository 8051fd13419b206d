//! What a tracker for GrowingIO can be told.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Where and how records go.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// The project (account) id. Part of the URL's path.
    pub product_id: String,
    /// The data source id. Part of every record.
    pub data_source_id: String,
    /// The collector's base URL, with scheme; it may have a path prefix.
    pub server_host: String,
    /// The wire form. Default: [`Format::Json`].
    pub format: Format,
    /// When events go out. Default: [`Consumer::Default`].
    pub consumer: Consumer,
    /// What the sender calls itself in every event; `None` sends nothing. Default: `rust`.
    pub platform: Option<String>,
    /// The sender's version in every event; `None` sends nothing. Default: this crate's version.
    pub sdk_version: Option<String>,
    /// Whether events are validated before they are taken. Default: `true`.
    pub validate: bool,
    /// The largest request, bytes before compression. A single event may not be larger either. Default: 2 MiB.
    pub max_request_bytes: usize,
    /// Events in a request that a flush sends; 0 as many as the consumer puts in one. Default 0. For pages and Workers,
    /// where a flush has a moment only.
    pub flush_size: usize,
    /// Whether nothing leaves but by a flush, whatever the consumer. Default: `false`.
    pub flush_only: bool,
}

/// The wire form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Format {
    /// JSON.
    #[default]
    Json,
    /// JSON, compressed with snappy.
    JsonSnappy,
    /// JSON, compressed with snappy, then XORed. The XOR is obfuscation, not security.
    JsonSnappyCrypt,
    /// Protobuf.
    Protobuf,
    /// Protobuf, compressed with snappy, then XORed. The XOR is obfuscation, not security.
    ProtobufSnappyCrypt,
    /// JSON as a browser's simple request: `text/plain` and no headers of its own, so no CORS preflight.
    Simple,
}

/// When events go out: the vendor's four sending strategies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Consumer {
    /// Every event in a request of its own, at once.
    #[default]
    Default,
    /// Events and user attributes when `max_size` of them wait, or at a flush; items at once, one in a request.
    Buffered {
        /// Events in a request, at most 2,000 and at most one for every 64 bytes of `max_request_bytes`.
        max_size: usize,
    },
    /// When `max_size` events wait, when the first has waited for `flush_after`, when an item is recorded, or at
    /// a flush.
    Async {
        /// Events in a request, at most one for every 64 bytes of `max_request_bytes`.
        max_size: usize,
        /// How long an event waits at most.
        flush_after: Duration,
    },
    /// As `Default`, and prints what it sends.
    Debug,
}

/// An option that cannot be used: which, why, and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptionError {
    /// The option.
    pub option: &'static str,
    /// What is wrong and what to do about it.
    pub problem: String,
}

/// A name that no format or consumer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    name: String,
    known: &'static str,
}

impl Options {
    /// Options with defaults for everything but the three that have none.
    pub fn new(
        product_id: impl Into<String>,
        data_source_id: impl Into<String>,
        server_host: impl Into<String>,
    ) -> Self {
        Self {
            product_id: product_id.into(),
            data_source_id: data_source_id.into(),
            server_host: server_host.into(),
            format: Format::default(),
            consumer: Consumer::default(),
            platform: Some("rust".into()),
            sdk_version: Some(env!("CARGO_PKG_VERSION").into()),
            validate: true,
            max_request_bytes: 2 << 20,
            flush_size: 0,
            flush_only: false,
        }
    }

    #[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
    pub(super) fn check(&self) -> Result<(), OptionError> {
        let problem = |option, problem: &str| Err(OptionError { option, problem: problem.into() });
        if self.product_id.is_empty() {
            return problem("product_id", "is empty: give the project's id");
        }
        if self.product_id.chars().any(char::is_control) {
            return problem(
                "product_id",
                "holds a control character: give the project's id as the platform shows it",
            );
        }
        if self.product_id == "." || self.product_id == ".." {
            return problem(
                "product_id",
                "is a path of its own: give the project's id as the platform shows it",
            );
        }
        if self.data_source_id.is_empty() {
            return problem("data_source_id", "is empty: give the data source's id");
        }
        let authority =
            ["http://", "https://"].iter().find_map(|scheme| self.server_host.strip_prefix(scheme));
        match authority {
            None => {
                return problem(
                    "server_host",
                    "begins with neither https:// nor http://: give e.g. https://collector.example",
                );
            }
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                return problem("server_host", "names no host: give e.g. https://collector.example");
            }
            Some(rest)
                if rest.contains(|c: char| c.is_control() || c.is_whitespace() || "?#".contains(c)) =>
            {
                return problem("server_host", "may have a path, but no query, fragment or blanks");
            }
            Some(_) => {}
        }
        if self.max_request_bytes > 1 << 30 {
            return problem("max_request_bytes", "is above 1 GiB: the compressor takes no more at once");
        }
        if self.max_request_bytes < 1_024 {
            return problem("max_request_bytes", "is below 1,024: a request must be able to hold an event");
        }
        match self.consumer {
            Consumer::Buffered { max_size: 0 } | Consumer::Async { max_size: 0, .. } => {
                problem("max_size", "is 0: a request holds at least one event")
            }
            _ => Ok(()),
        }
    }
}

impl Consumer {
    /// [`Consumer::Buffered`] with the vendor's default of 500.
    pub fn buffered() -> Self {
        Self::Buffered { max_size: 500 }
    }

    /// [`Consumer::Async`] with the vendor's defaults of 500 and 10 s.
    pub fn async_() -> Self {
        Self::Async { max_size: 500, flush_after: Duration::from_secs(10) }
    }
}

impl Format {
    const KNOWN: &str = "json, snappy, snappy-crypt, protobuf, protobuf-snappy-crypt, simple";

    /// The format's name, as options and the command line spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::JsonSnappy => "snappy",
            Self::JsonSnappyCrypt => "snappy-crypt",
            Self::Protobuf => "protobuf",
            Self::ProtobufSnappyCrypt => "protobuf-snappy-crypt",
            Self::Simple => "simple",
        }
    }

    pub(super) fn is_protobuf(self) -> bool {
        matches!(self, Self::Protobuf | Self::ProtobufSnappyCrypt)
    }
}

impl FromStr for Format {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Ok(match name.replace('_', "-").as_str() {
            "json" => Self::Json,
            "snappy" => Self::JsonSnappy,
            "snappy-crypt" => Self::JsonSnappyCrypt,
            "protobuf" => Self::Protobuf,
            "protobuf-snappy-crypt" => Self::ProtobufSnappyCrypt,
            "simple" => Self::Simple,
            _ => return Err(UnknownName { name: name.into(), known: Self::KNOWN }),
        })
    }
}

impl FromStr for Consumer {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Ok(match name {
            "default" => Self::Default,
            "buffered" => Self::buffered(),
            "async" => Self::async_(),
            "debug" => Self::Debug,
            _ => return Err(UnknownName { name: name.into(), known: "default, buffered, async, debug" }),
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Buffered { .. } => "buffered",
            Self::Async { .. } => "async",
            Self::Debug => "debug",
        })
    }
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.option, self.problem)
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not known: choose one of {}", self.name, self.known)
    }
}

impl std::error::Error for OptionError {}
impl std::error::Error for UnknownName {}
