//! The local collector: stands in for the vendors while developing and testing.
//!
//! It accepts what the SDKs send, keeps it in a bounded window in memory or in an SQLite file, tells what
//! arrived by a JSON interface and a live page, and plays sick by a plan of faults. `docs/collector.md` in
//! the repository describes the interface.
//!
//! ```no_run
//! use trackwire::collector::{Collector, Options};
//!
//! let collector = Collector::spawn(Options::default())?;
//! println!("events go to {}", collector.url());
//! collector.stop();
//! # Ok::<(), trackwire::collector::CollectorError>(())
//! ```

mod answer;
mod api;
mod body;
mod error;
mod faults;
mod handle;
mod ingest;
mod inlong;
mod package;
mod page;
mod query;
mod server;
mod service;
mod store;
mod stream;
mod systems;
mod watchdog;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::inlong::collect::{self, manager::Nodes};
pub use error::CollectorError;
pub use faults::{Faults, PlanError};
pub use handle::Handle;
pub use inlong::BasicAuth;
use server::Entrance;
use service::State;
use store::Store;

/// How a collector runs. The defaults suit development: loopback, any free port, in memory.
///
/// Use `..Options::default()`, as options may be added.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; `127.0.0.1:0`, a free port of the loopback interface, by default. The interface has
    /// no passwords: listen elsewhere only where everyone who can connect may read and reset everything.
    pub listen: SocketAddr,
    /// The SQLite file that keeps what arrives, created when missing; without it a window in memory does.
    pub store: Option<PathBuf>,
    /// The folder of the npm package, installed or its `dist`: the live page's playground loads the build from it. It
    /// need not hold one yet. Without it the playground says how to come by one.
    pub package: Option<PathBuf>,
    /// How many records the window in memory holds at least before the oldest requests leave it; 200,000 by default.
    pub window_records: usize,
    /// How many bytes the window in memory may take; 256 MiB by default.
    pub window_bytes: usize,
    /// How many connections are served at a time; more wait. 1,024 by default.
    pub max_connections: usize,
    /// How long to wait for the head of a request, between requests of a connection as well; 75 s by default.
    pub head_timeout: Duration,
    /// How long a body may take to arrive; 30 s by default.
    pub body_timeout: Duration,
    /// How long a client may leave an answer unread; 30 s by default.
    pub write_timeout: Duration,
    /// Where the first InLong node takes frames; port 0 is a free one for each node, another one that port and those behind
    /// it. Without it there are no nodes, and the Manager names none for TCP.
    pub inlong_listen: Option<SocketAddr>,
    /// How many InLong nodes there are; 1 by default.
    pub inlong_nodes: usize,
    /// Where InLong's forms are taken and nothing else, as at the vendor's server, which has a port of its own for them: the
    /// Manager names it for HTTP. Without it that is where the collector listens.
    pub inlong_http_listen: Option<SocketAddr>,
    /// Who may ask the Manager for nodes; everyone by default.
    pub inlong_auth: Option<BasicAuth>,
    /// The longest frame in bytes with its length field, and the longest posted body: the server's `max-msg-length`. 524,288
    /// by default, brought into 1 to 20,971,520.
    pub inlong_max_frame: usize,
    /// What the Manager says as `maxPacketLength`, in bytes; null by default.
    pub inlong_max_packet: Option<u32>,
    /// Groups, and streams as `group/stream`, that have no topic: their messages are refused with code 115.
    pub inlong_unknown: Vec<String>,
    /// How long an InLong connection may say nothing; 180 s by default.
    pub inlong_read_idle: Duration,
}

/// A collector that listens; [`serve`](Self::serve) makes it answer.
pub struct Collector {
    listener: TcpListener,
    local_addr: SocketAddr,
    inlong: Vec<TcpListener>,
    forms: Option<TcpListener>,
    state: Arc<State>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            store: None,
            package: None,
            window_records: 200_000,
            window_bytes: 256 << 20,
            max_connections: 1_024,
            head_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            inlong_listen: None,
            inlong_nodes: 1,
            inlong_http_listen: None,
            inlong_auth: None,
            inlong_max_frame: collect::MAX_FRAME,
            inlong_max_packet: None,
            inlong_unknown: Vec::new(),
            inlong_read_idle: Duration::from_millis(collect::READ_IDLE_MS),
        }
    }
}

impl Collector {
    /// Opens the store and listens. Needs a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// When the address cannot be listened on, the store cannot be opened, or the package's folder is none.
    pub async fn bind(options: Options) -> Result<Self, CollectorError> {
        package::check(options.package.as_deref())?;
        let store = Store::open(&options)?;
        let listen = |source| CollectorError::Listen { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(listen)?;
        let local_addr = listener.local_addr().map_err(listen)?;
        let (inlong, tcp) = inlong::listen(&options).await?;
        let (forms, http) = inlong::listen_for_forms(&options).await?.unzip();
        let http = vec![http.unwrap_or(local_addr)];
        let nodes = Nodes { tcp, http, max_packet: options.inlong_max_packet };
        Ok(Self { listener, local_addr, inlong, forms, state: Arc::new(State::new(store, options, nodes)) })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where its InLong nodes take frames, in the order of their numbers.
    pub fn inlong_addrs(&self) -> &[SocketAddr] {
        &self.state.nodes.tcp
    }

    /// Where InLong's forms are taken: [`Options::inlong_http_listen`], else where everything is.
    pub fn inlong_http_addr(&self) -> SocketAddr {
        self.state.nodes.http[0]
    }

    /// The plan of faults, to change it without a request.
    pub fn faults(&self) -> Faults {
        self.state.faults.clone()
    }

    /// Answers until `shutdown` completes, then gives running requests 3 s to end.
    ///
    /// # Errors
    /// None at present; a connection that fails is that connection's matter.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), CollectorError> {
        let nodes = inlong::run(self.inlong, self.state.clone());
        let forms = async {
            if let Some(listener) = self.forms {
                let stopped = self.state.until_stopped();
                server::run(listener, Entrance::Forms, self.state.clone(), stopped).await;
            }
        };
        tokio::join!(server::run(self.listener, Entrance::All, self.state.clone(), shutdown), nodes, forms);
        Ok(())
    }

    /// Runs a collector on a thread of its own until the handle is stopped or dropped.
    ///
    /// # Errors
    /// Those of [`bind`](Self::bind), and when no thread or runtime can be started.
    pub fn spawn(options: Options) -> Result<Handle, CollectorError> {
        handle::spawn(options)
    }
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").field("local_addr", &self.local_addr).finish_non_exhaustive()
    }
}
