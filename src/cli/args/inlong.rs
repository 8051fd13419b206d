//! The arguments of `trackwire send inlong`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, ValueEnum};

use super::SendArgs;
use crate::cli::units;
use crate::inlong::{NodeAddress, Protocol};

const SEND_HELP: &str = "\
The input is one message a line. With --format ndjson it is events in the neutral form, one a line, which are sent as
JSON, or with --fields as delimited text.

A line that cannot be used stops nothing. Ctrl-C stops reading and delivers what was read; a second one gives up.

Exit status: 0 everything was delivered, 1 a line was rejected or a message was not delivered, 2 unusable arguments.";

/// Without these, the options are those of the configuration file, else the library's defaults.
#[derive(Debug, clap::Args)]
#[command(after_help = SEND_HELP)]
#[command(group(
    ArgGroup::new("where_to").args(["config", "manager", "nodes", "http_url"]).required(true).multiple(true)
))]
pub(in crate::cli) struct InlongArgs {
    #[command(flatten)]
    pub(in crate::cli) common: SendArgs,

    /// The vendor's configuration file, {"init-param": {…}}; not needed with --manager, --node or --http-url
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
    /// The group id
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) group: String,
    /// The stream id
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) stream: String,

    /// The Manager's address of node lists; a group id is appended
    #[arg(long, value_name = "URL", value_parser = units::manager_url, conflicts_with_all = ["nodes", "http_url"],
        help_heading = "Connection")]
    pub(in crate::cli) manager: Option<String>,
    /// A node, for use without a Manager; may be repeated
    #[arg(long = "node", value_name = "HOST:PORT", conflicts_with = "http_url", help_heading = "Connection")]
    pub(in crate::cli) nodes: Vec<NodeAddress>,
    /// The one address that messages are posted to, for use without a Manager
    #[arg(long, value_name = "URL", value_parser = units::message_url, help_heading = "Connection")]
    pub(in crate::cli) http_url: Option<String>,
    /// What nodes are spoken to in: tcp, http [default: the file's, or tcp; http with --http-url]
    #[arg(long, value_name = "PROTOCOL", help_heading = "Connection")]
    pub(in crate::cli) protocol: Option<Protocol>,
    /// Who asks the Manager (auth_id)
    #[arg(
        long,
        value_name = "ID",
        env = "TRACKWIRE_INLONG_AUTH_ID",
        hide_env_values = true,
        help_heading = "Connection"
    )]
    pub(in crate::cli) auth_id: Option<String>,
    /// The secret of --auth-id (auth_key); in the environment other users of the machine do not see it
    #[arg(
        long,
        value_name = "KEY",
        env = "TRACKWIRE_INLONG_AUTH_KEY",
        hide_env_values = true,
        help_heading = "Connection"
    )]
    pub(in crate::cli) auth_key: Option<String>,
    /// Do not verify the certificate of the Manager or the address posted to
    #[arg(long, help_heading = "Connection")]
    pub(in crate::cli) insecure: bool,

    /// What a line is
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Form::Lines, help_heading = "Messages")]
    pub(in crate::cli) format: Form,
    /// With ndjson: send the values of these fields with a delimiter between them instead of JSON, e.g.
    /// time,event,user,attributes.price
    #[arg(long, value_name = "FIELD,…", value_delimiter = ',', help_heading = "Messages")]
    pub(in crate::cli) fields: Vec<String>,
    /// What stands between fields
    #[arg(
        long,
        value_name = "CHARACTER",
        default_value_t = '|',
        requires = "fields",
        help_heading = "Messages"
    )]
    pub(in crate::cli) delimiter: char,
    /// What stands before a delimiter, an LF or itself within a field; without it, such a line is rejected
    #[arg(long, value_name = "CHARACTER", requires = "fields", help_heading = "Messages")]
    pub(in crate::cli) escape: Option<char>,

    /// Give all packs this attribute; may be repeated
    #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = units::text_attribute,
        help_heading = "Messages")]
    pub(in crate::cli) attributes: Vec<(String, String)>,

    /// The message type of packs: 2, 3, 5, 6 or 7 [default: the file's, or 7]
    #[arg(long, value_name = "N", help_heading = "Sending")]
    pub(in crate::cli) msg_type: Option<u8>,
    /// A pack closes at this size before compression (pack_size) [default: the file's, or 400KiB within what a frame
    /// takes]
    #[arg(long, value_name = "SIZE", value_parser = units::bytes, help_heading = "Sending")]
    pub(in crate::cli) pack_size: Option<usize>,
    /// How long a message waits for others (pack_timeout) [default: the file's, or 3s]
    #[arg(long, value_name = "TIME", value_parser = units::duration, help_heading = "Sending")]
    pub(in crate::cli) flush_after: Option<Duration>,
    /// Packs under way at a time on a connection [default: the file's, or 64]
    #[arg(long, value_name = "N", help_heading = "Sending")]
    pub(in crate::cli) max_in_flight: Option<usize>,
    /// Pause reading while this much waits (recv_buf_size) [default: the file's, or 10240000]
    #[arg(long, value_name = "SIZE", value_parser = units::bytes, help_heading = "Sending")]
    pub(in crate::cli) max_queue_bytes: Option<usize>,

    /// Quick retries of a pack, before it is tried with growing pauses [default: the file's, or 1]
    #[arg(long, value_name = "N", help_heading = "Failures")]
    pub(in crate::cli) retry_times: Option<u32>,
    /// How long a message is tried for at most [default: the file's, or 24h]
    #[arg(long, value_name = "TIME", value_parser = units::duration, help_heading = "Failures")]
    pub(in crate::cli) max_age: Option<Duration>,
    /// How long an answer may take [default: the file's, or 20s]
    #[arg(long, value_name = "TIME", value_parser = units::duration, help_heading = "Failures")]
    pub(in crate::cli) request_timeout: Option<Duration>,
}

/// What a line of the input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Form {
    /// A message, as it stands
    Lines,
    /// An event in the neutral form
    Ndjson,
}
