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

pub use error::CollectorError;
pub use faults::{Faults, PlanError};
pub use handle::Handle;
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
}

/// A collector that listens; [`serve`](Self::serve) makes it answer.
pub struct Collector {
    listener: TcpListener,
    local_addr: SocketAddr,
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
        Ok(Self { listener, local_addr, state: Arc::new(State::new(store, options)) })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
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
        server::run(self.listener, self.state, shutdown).await;
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
