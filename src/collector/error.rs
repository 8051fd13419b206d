//! What can go wrong with a collector as a whole.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a collector could not be started.
#[derive(Debug)]
#[non_exhaustive]
pub enum CollectorError {
    /// The address cannot be listened on: it is in use, not of this machine, or not permitted.
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The SQLite file cannot be opened, or is not one of the collector's.
    Store {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// What is to be the npm package is no folder.
    Package {
        /// What was given.
        path: PathBuf,
    },
    /// No thread or runtime could be started.
    Runtime(io::Error),
}

impl fmt::Display for CollectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { address, source } => {
                write!(
                    f,
                    "cannot listen on {address}: {source}; choose another address, or port 0 for a free port"
                )
            }
            Self::Store { path, problem } => {
                write!(f, "cannot use {} as the store: {problem}", path.display())
            }
            Self::Package { path } => {
                write!(f, "cannot use {} as the npm package: it is no folder", path.display())
            }
            Self::Runtime(source) => write!(f, "cannot start the collector's thread: {source}"),
        }
    }
}

impl std::error::Error for CollectorError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen { source, .. } | Self::Runtime(source) => Some(source),
            Self::Store { .. } | Self::Package { .. } => None,
        }
    }
}
