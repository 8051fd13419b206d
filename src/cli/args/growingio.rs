//! The arguments of `trackwire send growingio`.

use std::time::Duration;

use clap::ValueEnum;

use super::SendArgs;
use crate::Value;
use crate::cli::units;
use crate::growingio::Format;

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
pub(in crate::cli) struct GrowingioArgs {
    #[command(flatten)]
    pub(in crate::cli) common: SendArgs,

    /// The project (account) id
    #[arg(long, value_name = "ID", env = "TRACKWIRE_GROWINGIO_PRODUCT_ID", hide_env_values = true)]
    pub(in crate::cli) product_id: String,
    /// The data source id
    #[arg(long, value_name = "ID", env = "TRACKWIRE_GROWINGIO_DATA_SOURCE_ID", hide_env_values = true)]
    pub(in crate::cli) data_source_id: String,
    /// The collector's base URL
    #[arg(long, value_name = "URL", env = "TRACKWIRE_GROWINGIO_SERVER_HOST", hide_env_values = true)]
    pub(in crate::cli) server_host: String,

    /// The wire form: json, snappy, snappy-crypt, protobuf, protobuf-snappy-crypt, simple
    #[arg(long, value_name = "FORMAT", default_value_t = Format::Json, help_heading = "Sending")]
    pub(in crate::cli) format: Format,
    /// When events go out
    #[arg(long, value_enum, value_name = "STRATEGY", default_value_t = Strategy::Async, help_heading = "Sending")]
    pub(in crate::cli) consumer: Strategy,
    /// Events in a request, for `async` and `buffered`
    #[arg(long, value_name = "N", default_value_t = 500, help_heading = "Sending")]
    pub(in crate::cli) max_size: usize,
    /// How long an event waits for others, for `async`
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "10s", help_heading = "Sending")]
    pub(in crate::cli) flush_after: Duration,
    /// Requests under way at a time [default: 8]
    #[arg(long, value_name = "N", help_heading = "Sending")]
    pub(in crate::cli) max_in_flight: Option<usize>,
    /// The largest request before compression [default: 2MiB]
    #[arg(long, value_name = "SIZE", value_parser = units::bytes, help_heading = "Sending")]
    pub(in crate::cli) max_request_bytes: Option<usize>,
    /// Pause reading while this many events wait [default: 1000000]
    #[arg(long, value_name = "N", help_heading = "Sending")]
    pub(in crate::cli) max_queue_events: Option<u64>,
    /// Pause reading while this much waits
    #[arg(long, value_name = "SIZE", value_parser = units::bytes, default_value = "16MiB", help_heading = "Sending")]
    pub(in crate::cli) max_queue_bytes: usize,

    /// Quick retries of a request, before its batch is probed for with growing pauses
    #[arg(long, value_name = "N", default_value_t = 3, help_heading = "Failures")]
    pub(in crate::cli) retry_limit: u32,
    /// The quick retries' unit of waiting, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0.25, help_heading = "Failures")]
    pub(in crate::cli) retry_backoff_factor: f64,
    /// How long an event is tried for at most
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "24h", help_heading = "Failures")]
    pub(in crate::cli) max_age: Duration,
    /// How long a request may take
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "5s", help_heading = "Failures")]
    pub(in crate::cli) request_timeout: Duration,
    /// Send a header with every request; may be repeated
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = units::header, help_heading = "Connection")]
    pub(in crate::cli) headers: Vec<(String, String)>,
    /// Send through this proxy
    #[arg(long, value_name = "URL", help_heading = "Connection")]
    pub(in crate::cli) proxy: Option<String>,
    /// Do not verify the server's certificate
    #[arg(long, help_heading = "Connection")]
    pub(in crate::cli) insecure: bool,

    /// Give every track event this attribute unless it has its own; may be repeated
    #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = units::attribute, help_heading = "Events")]
    pub(in crate::cli) attributes: Vec<(String, Value<'static>)>,
    /// What the sender calls itself in every event
    #[arg(long, value_name = "NAME", help_heading = "Events")]
    pub(in crate::cli) platform: Option<String>,
    /// The sender's version in every event
    #[arg(long, value_name = "VERSION", help_heading = "Events")]
    pub(in crate::cli) sdk_version: Option<String>,
    /// Send what validation would refuse
    #[arg(long, help_heading = "Events")]
    pub(in crate::cli) no_validate: bool,
}

/// The vendor's sending strategies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Strategy {
    /// Every event in a request of its own
    Default,
    /// Requests of --max-size events; items in requests of their own
    Buffered,
    /// Requests of --max-size events, or fewer after --flush-after
    Async,
    /// As default, and prints what it sends
    Debug,
}
