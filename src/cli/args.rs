//! The arguments.

mod growingio;
mod inlong;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use super::units;
use crate::collector::BasicAuth;
use crate::engine::OnExhausted;

pub(super) use growingio::{GrowingioArgs, Strategy};
pub(super) use inlong::{Form, InlongArgs};

/// Track events once, deliver them anywhere.
#[derive(Debug, Parser)]
#[command(name = "trackwire", version, max_term_width = 100, after_help = EXIT_STATUS)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Command,
    /// Say on the standard error whatever fails and is tried again, not only now and then
    #[arg(long, short, global = true)]
    pub(super) verbose: bool,
}

const EXIT_STATUS: &str = "Exit status: 0 full success, 1 partial, 2 unusable arguments.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a local collector: it stands in for the vendors and shows what arrives.
    Collect(Box<CollectArgs>),
    /// Send a file of events.
    Send {
        #[command(subcommand)]
        system: System,
    },
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Ctrl-C ends it.")]
pub(super) struct CollectArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9090")]
    pub(super) listen: SocketAddr,
    /// Keep what arrives in this SQLite file; without it, a bounded window in memory
    #[arg(long, value_name = "FILE")]
    pub(super) store: Option<PathBuf>,
    /// The npm package, e.g. node_modules/trackwire: the page's playground tracks with it
    #[arg(long, value_name = "DIR")]
    pub(super) package: Option<PathBuf>,

    /// Take InLong frames here; port 0 takes a free one for each node
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = "InLong")]
    pub(super) inlong_listen: Option<SocketAddr>,
    /// How many InLong nodes there are, at ports in a row
    #[arg(long, value_name = "N", default_value_t = 1, requires = "inlong_listen", help_heading = "InLong",
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=100))]
    pub(super) inlong_nodes: usize,
    /// Take InLong's forms here and nothing else, as the vendor's server does at a port of its own
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = "InLong")]
    pub(super) inlong_http_listen: Option<SocketAddr>,
    /// Who may ask the Manager for nodes; without it, everyone
    #[arg(long, value_name = "ID:KEY", value_parser = units::basic_auth, env = "TRACKWIRE_COLLECT_INLONG_AUTH",
        hide_env_values = true, help_heading = "InLong")]
    pub(super) inlong_auth: Option<BasicAuth>,
    /// The longest frame and the longest posted body
    #[arg(long, value_name = "SIZE", value_parser = units::bytes, default_value = "512KiB", help_heading = "InLong")]
    pub(super) inlong_max_frame: usize,
    /// What the Manager says as maxPacketLength; without it, null
    #[arg(long, value_name = "SIZE", value_parser = units::bytes_u32, help_heading = "InLong")]
    pub(super) inlong_max_packet: Option<u32>,
    /// A group, or one stream of it, that has no topic: its messages are refused with code 115; may be repeated
    #[arg(long, value_name = "GROUP[/STREAM]", help_heading = "InLong")]
    pub(super) inlong_unknown: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum System {
    /// Send a file of events to GrowingIO CDP.
    Growingio(Box<GrowingioArgs>),
    /// Send a file of messages or events to Apache InLong DataProxy.
    Inlong(Box<InlongArgs>),
}

/// What sending to any system takes. Durations are `500ms`, `5s`, `2m`, `24h` or `7d`; sizes are `64KiB` or `16MiB`.
#[derive(Debug, clap::Args)]
pub(super) struct SendArgs {
    /// The lines to send, plain or gzip (told by its first bytes); `-` is the standard input
    #[arg(value_name = "FILE|-")]
    pub(super) input: PathBuf,

    /// At most this many lines a second, e.g. 500/s or 30/min
    #[arg(long, value_name = "N/s", value_parser = units::rate, help_heading = "Sending")]
    pub(super) rate: Option<f64>,

    /// What happens to a batch once its quick retries are used up
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = Exhausted::Keep, help_heading = "Failures")]
    pub(super) on_exhausted: Exhausted,
    /// How long to wait for the next delivery once the input has ended; after Ctrl-C, for all that is pending
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "60s", help_heading = "Failures")]
    pub(super) timeout: Duration,

    /// Write lines that were refused or not delivered to this file, with number and reason
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(super) rejects: Option<PathBuf>,
    /// Print the balance as one JSON object
    #[arg(long, help_heading = "Reports")]
    pub(super) json: bool,
    /// Show no progress
    #[arg(long, short, help_heading = "Reports")]
    pub(super) quiet: bool,
}

/// What happens to a batch whose quick retries are used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Exhausted {
    /// It stays until it is delivered or --max-age is over
    Keep,
    /// It is given up, as the vendor's clients do
    Drop,
}

impl From<Exhausted> for OnExhausted {
    fn from(policy: Exhausted) -> Self {
        match policy {
            Exhausted::Keep => Self::Keep,
            Exhausted::Drop => Self::Drop,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }
}
