//! The arguments.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use super::units;
use crate::Value;
use crate::collector::BasicAuth;
use crate::growingio::Format;

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
    Collect(CollectArgs),
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
    /// Who may ask the Manager for nodes; without it, everyone
    #[arg(long, value_name = "ID:KEY", value_parser = units::basic_auth, env = "TRACKWIRE_COLLECT_INLONG_AUTH",
        hide_env_values = true, help_heading = "InLong")]
    pub(super) inlong_auth: Option<BasicAuth>,
    /// The longest frame and the longest posted body
    #[arg(long, value_name = "SIZE", value_parser = units::bytes, default_value = "512KiB", help_heading = "InLong")]
    pub(super) inlong_max_frame: usize,
    /// What the Manager says as maxPacketLength; without it, null
    #[arg(long, value_name = "BYTES", help_heading = "InLong")]
    pub(super) inlong_max_packet: Option<u32>,
    /// A group, or one stream of it, that has no topic: its messages are refused with code 115; may be repeated
    #[arg(long, value_name = "GROUP[/STREAM]", help_heading = "InLong")]
    pub(super) inlong_unknown: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum System {
    /// Send a file of events to GrowingIO CDP.
    Growingio(Box<GrowingioArgs>),
}

const SEND_HELP: &str = "\
The input is NDJSON in the neutral form, one event a line:
  {\"track\":\"add_to_cart\",\"user\":\"u1\",\"time\":1710325284000,\"attributes\":{\"price\":9.5}}
  {\"user\":\"u1\",\"attributes\":{\"cohort\":\"2024-01\"}}
  {\"item\":\"sku-1\",\"key\":\"product\",\"attributes\":{\"title\":\"Kettle\"}}
  {\"mapping\":{\"email\":\"a@b.example\",\"phone\":\"5550100\"}}

A line that cannot be used stops nothing. Ctrl-C stops reading and delivers what was read; a second one gives up.

Exit status: 0 everything was delivered, 1 a line was rejected or an event was not delivered, 2 unusable arguments.";

/// Durations are `500ms`, `5s`, `2m`, `24h` or `7d`; sizes are `64KiB` or `16MiB`.
#[derive(Debug, clap::Args)]
#[command(after_help = SEND_HELP)]
pub(super) struct GrowingioArgs {
    /// NDJSON, plain or gzip (told by its first bytes); `-` is the standard input
    #[arg(value_name = "FILE|-")]
    pub(super) input: PathBuf,

    /// The project (account) id
    #[arg(long, value_name = "ID", env = "TRACKWIRE_GROWINGIO_PRODUCT_ID", hide_env_values = true)]
    pub(super) product_id: String,
    /// The data source id
    #[arg(long, value_name = "ID", env = "TRACKWIRE_GROWINGIO_DATA_SOURCE_ID", hide_env_values = true)]
    pub(super) data_source_id: String,
    /// The collector's base URL
    #[arg(long, value_name = "URL", env = "TRACKWIRE_GROWINGIO_SERVER_HOST", hide_env_values = true)]
    pub(super) server_host: String,

    /// The wire form: json, snappy, snappy-crypt, protobuf, protobuf-snappy-crypt, simple
    #[arg(long, value_name = "FORMAT", default_value_t = Format::Json, help_heading = "Sending")]
    pub(super) format: Format,
    /// When events go out
    #[arg(long, value_enum, value_name = "STRATEGY", default_value_t = Strategy::Async, help_heading = "Sending")]
    pub(super) consumer: Strategy,
    /// Events in a request, for `async` and `buffered`
    #[arg(long, value_name = "N", default_value_t = 500, help_heading = "Sending")]
    pub(super) max_size: usize,
    /// How long an event waits for others, for `async`
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "10s", help_heading = "Sending")]
    pub(super) flush_after: Duration,
    /// At most this many events a second, e.g. 500/s or 30/min
    #[arg(long, value_name = "N/s", value_parser = units::rate, help_heading = "Sending")]
    pub(super) rate: Option<f64>,
    /// Requests under way at a time [default: 8]
    #[arg(long, value_name = "N", help_heading = "Sending")]
    pub(super) max_in_flight: Option<usize>,
    /// The largest request before compression [default: 2MiB]
    #[arg(long, value_name = "SIZE", value_parser = units::bytes, help_heading = "Sending")]
    pub(super) max_request_bytes: Option<usize>,
    /// Pause reading while this many events wait [default: 1000000]
    #[arg(long, value_name = "N", help_heading = "Sending")]
    pub(super) max_queue_events: Option<u64>,
    /// Pause reading while this much waits
    #[arg(long, value_name = "SIZE", value_parser = units::bytes, default_value = "16MiB", help_heading = "Sending")]
    pub(super) max_queue_bytes: usize,

    /// Quick retries of a request, before its batch is probed for with growing pauses
    #[arg(long, value_name = "N", default_value_t = 3, help_heading = "Failures")]
    pub(super) retry_limit: u32,
    /// The quick retries' unit of waiting, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0.25, help_heading = "Failures")]
    pub(super) retry_backoff_factor: f64,
    /// What happens to a batch once its quick retries are used up
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = Exhausted::Keep, help_heading = "Failures")]
    pub(super) on_exhausted: Exhausted,
    /// How long an event is tried for at most
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "24h", help_heading = "Failures")]
    pub(super) max_age: Duration,
    /// How long a request may take
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "5s", help_heading = "Failures")]
    pub(super) request_timeout: Duration,
    /// How long to wait for the next delivery once the input has ended; after Ctrl-C, for all that is pending
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "60s", help_heading = "Failures")]
    pub(super) timeout: Duration,

    /// Send a header with every request; may be repeated
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = units::header, help_heading = "Connection")]
    pub(super) headers: Vec<(String, String)>,
    /// Send through this proxy
    #[arg(long, value_name = "URL", help_heading = "Connection")]
    pub(super) proxy: Option<String>,
    /// Do not verify the server's certificate
    #[arg(long, help_heading = "Connection")]
    pub(super) insecure: bool,

    /// Give every track event this attribute unless it has its own; may be repeated
    #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = units::attribute, help_heading = "Events")]
    pub(super) attributes: Vec<(String, Value<'static>)>,
    /// What the sender calls itself in every event
    #[arg(long, value_name = "NAME", help_heading = "Events")]
    pub(super) platform: Option<String>,
    /// The sender's version in every event
    #[arg(long, value_name = "VERSION", help_heading = "Events")]
    pub(super) sdk_version: Option<String>,
    /// Send what validation would refuse
    #[arg(long, help_heading = "Events")]
    pub(super) no_validate: bool,

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

/// The vendor's sending strategies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Strategy {
    /// Every event in a request of its own
    Default,
    /// Requests of --max-size events; items in requests of their own
    Buffered,
    /// Requests of --max-size events, or fewer after --flush-after
    Async,
    /// As default, and prints what it sends
    Debug,
}

/// What happens to a batch whose quick retries are used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Exhausted {
    /// It stays until it is delivered or --max-age is over
    Keep,
    /// It is given up, as the vendor's clients do
    Drop,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }
}
