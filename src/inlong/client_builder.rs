//! Makes clients.

use std::fmt;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::callback::Callbacks;
use super::carrier::InLongCarrier;
use super::client::{Client, Inner};
use super::delivery::{InLong, LocalTime};
use super::{ConfigError, Mapping, Notice, OptionError, Options};
use crate::destination::Now;
use crate::driver::native::{Shared, WallClock, fresh_seed, system_clock};
use crate::driver::teller::{OnOutcome, Telling};
use crate::engine::{Engine, OnExhausted, Outcome, RestoreError};
use crate::transport::HttpTransport;
use crate::transport::reqwest::{ClientOptions, Reqwest};

/// Makes a [`Client`].
#[must_use]
pub struct ClientBuilder {
    options: Options,
    mapping: Mapping,
    notices: Vec<Notice>,
    on_exhausted: OnExhausted,
    on_outcome: Option<OnOutcome>,
    clock: Option<WallClock>,
    runtime: Option<tokio::runtime::Handle>,
    transport: Option<Arc<dyn HttpTransport>>,
    verify_cert: bool,
    restore: Option<Vec<u8>>,
    seed: Option<u64>,
}

/// Why a client could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// The configuration file could not be read.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration file holds something that cannot be used.
    Config {
        /// Which.
        path: PathBuf,
        /// What.
        source: ConfigError,
    },
    /// An option cannot be used.
    Option(OptionError),
    /// The HTTP client could not be made.
    Client(reqwest::Error),
    /// The client's thread could not be started.
    Thread(std::io::Error),
    /// The exported messages could not be restored.
    Restore(RestoreError),
}

impl ClientBuilder {
    pub(super) fn new(options: Options) -> Self {
        Self {
            options,
            mapping: Mapping::default(),
            notices: Vec::new(),
            on_exhausted: OnExhausted::default(),
            on_outcome: None,
            clock: None,
            runtime: None,
            transport: None,
            verify_cert: true,
            restore: None,
            seed: None,
        }
    }

    /// By the vendor's configuration file.
    pub fn from_config_file(path: impl AsRef<Path>) -> Result<Self, BuildError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|source| BuildError::File { path: path.to_owned(), source })?;
        let (options, notices) = Options::from_config(&text)
            .map_err(|source| BuildError::Config { path: path.to_owned(), source })?;
        Ok(Self { notices, ..Self::new(options) })
    }

    /// Changes options, such as those that the vendor's file does not have.
    pub fn options(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self
    }

    /// Where events go that are sent with [`Client::track`], and what they look like. Default: nowhere.
    pub fn mapping(mut self, mapping: Mapping) -> Self {
        self.mapping = mapping;
        self
    }

    /// What the configuration file holds that has no effect.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// What happens to a pack whose quick retries (`retry_times`) are used up. Default: it is kept, and tried again at
    /// growing intervals until it is too old.
    pub fn on_exhausted(mut self, on_exhausted: OnExhausted) -> Self {
        self.on_exhausted = on_exhausted;
        self
    }

    /// Called with every outcome, in order, on a thread of its own, those of messages with callbacks of their own too. It may
    /// send, but not wait. While 10,000 [`Outcome`]s wait for it, nothing new is sent.
    pub fn on_outcome(mut self, callback: impl Fn(&Outcome) + Send + Sync + 'static) -> Self {
        self.on_outcome = Some(Arc::new(callback));
        self
    }

    /// The tokio runtime that drives the client, instead of a thread of its own. It must have I/O and time enabled, and run
    /// until the client is closed: what is pending when it ends is lost, each message with its outcome.
    pub fn runtime(mut self, runtime: tokio::runtime::Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// The wall clock, ms since the Unix epoch, for tests.
    pub fn clock(mut self, clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// What carries HTTP requests, to the Manager and to message endpoints, instead of reqwest.
    pub fn transport(mut self, transport: impl HttpTransport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Whether the Manager's certificate is checked. Default: `true`.
    pub fn verify_cert(mut self, verify_cert: bool) -> Self {
        self.verify_cert = verify_cert;
        self
    }

    /// Takes over the messages that another client exported or was suspended with, of the same protocol and message type.
    /// Restore the same bytes once, or their messages are sent twice.
    pub fn restore(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.restore = Some(bytes.into());
        self
    }

    /// Fixes what is otherwise random: jitter, ids of packs, the order of nodes. For tests.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Starts the client. A Manager that cannot be reached delays messages and is no error.
    pub fn build(mut self) -> Result<Client, BuildError> {
        for notice in &self.notices {
            log::warn!("trackwire: {notice}");
        }
        self.mapping.check().map_err(BuildError::Option)?;
        if self.options.ser_ip.is_none() {
            self.options.ser_ip = own_address();
        }
        for (option, url) in
            [("manager_url", Some(&self.options.manager_url)), ("http_url", self.options.http_url.as_ref())]
        {
            let is_used = option != "manager_url" || self.options.asks_manager();
            if url.is_some_and(|url| is_used && reqwest::Url::parse(url).is_err()) {
                let problem = "is not a URL: give e.g. http://manager.example:8083/path";
                return Err(BuildError::Option(OptionError { option, problem: problem.into() }));
            }
        }
        let seed = self.seed.unwrap_or_else(fresh_seed);
        let limits = self.options.limits(self.on_exhausted);
        let destination = InLong::new(self.options.clone(), seed, LocalTime::new(utc_offset))
            .map_err(BuildError::Option)?;
        let options = self.options;
        for group in &options.inlong_group_ids {
            destination.know_group(group);
        }
        let transport = match self.transport {
            Some(transport) => transport,
            None => {
                let client = ClientOptions { verify_cert: self.verify_cert, proxy: None, connections: 8 };
                let client = Reqwest::client(&client).map_err(BuildError::Client)?;
                Arc::new(Reqwest::new(client, Vec::new()))
            }
        };
        let clock = self.clock.unwrap_or_else(system_clock);
        let engine = match &self.restore {
            None => Engine::new(destination, limits, seed),
            Some(bytes) => {
                let now = Now { mono: 0, wall: clock() };
                Engine::restore(destination, limits, seed, bytes, now).map_err(BuildError::Restore)?
            }
        };
        let destination = engine.destination().clone();
        let callbacks = Arc::new(Callbacks::new(fresh_seed()));
        let client_ip: Arc<str> = options.client_ip().into();
        let (told, on_outcome) = (callbacks.clone(), self.on_outcome);
        let telling = match on_outcome {
            None => Telling::Tagged(Arc::new(move |outcome| told.tell(&destination, &client_ip, outcome))),
            Some(on_outcome) => Telling::All(Arc::new(move |outcome| {
                told.tell(&destination, &client_ip, outcome);
                on_outcome(outcome);
            })),
        };
        let request_timeout = Duration::from_millis(options.request_timeout);
        let carrier = InLongCarrier::new(&options, seed, transport);
        let shared =
            Shared::start(engine, carrier, telling, clock, self.runtime).map_err(BuildError::Thread)?;
        Ok(Client::new(Inner { shared, callbacks, mapping: self.mapping, request_timeout }))
    }
}

/// The address that this machine is reached at from outside. Nothing is sent.
fn own_address() -> Option<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // An address of documentation, which is on no network of this machine.
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified() && !address.is_loopback()).then(|| address.to_string())
}

fn utc_offset(ms: u64) -> i32 {
    let time = jiff::Timestamp::from_millisecond(ms.min(i64::MAX as u64) as i64).unwrap_or_default();
    jiff::tz::TimeZone::system().to_offset(time).seconds() / 60
}

impl BuildError {
    /// The vendor's return code for a client that cannot be made (`kErrorInit`).
    pub fn code(&self) -> i32 {
        super::SdkCode::ErrorInit.code()
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, source } => write!(f, "{} cannot be read: {source}", path.display()),
            Self::Config { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Option(error) => error.fmt(f),
            Self::Client(error) => write!(f, "the HTTP client could not be made: {error}"),
            Self::Thread(error) => write!(f, "the client's thread could not be started: {error}"),
            Self::Restore(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BuildError {
    // What is behind the error that is shown with this one.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } | Self::Thread(source) => source.source(),
            Self::Config { source, .. } => source.source(),
            Self::Option(error) => error.source(),
            Self::Client(error) => error.source(),
            Self::Restore(error) => error.source(),
        }
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("options", &self.options).finish_non_exhaustive()
    }
}
