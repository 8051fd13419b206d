//! `trackwire collect`: the local collector, until Ctrl-C.

use std::io::{self, Write};
use std::process::ExitCode;

use super::args::CollectArgs;
use super::{PARTIAL, Signals, tell, unusable};
use crate::collector::{Collector, Options};

pub(super) fn run(options: CollectArgs) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return unusable(format_args!("cannot start: {error}")),
    };
    runtime.block_on(async {
        let mut signals = match Signals::new() {
            Ok(signals) => signals,
            Err(error) => return unusable(format_args!("cannot listen for Ctrl-C: {error}")),
        };
        let options = Options {
            listen: options.listen,
            store: options.store,
            package: options.package,
            inlong_listen: options.inlong_listen,
            inlong_nodes: options.inlong_nodes,
            inlong_http_listen: options.inlong_http_listen,
            inlong_auth: options.inlong_auth,
            inlong_max_frame: options.inlong_max_frame,
            inlong_max_packet: options.inlong_max_packet,
            inlong_unknown: options.inlong_unknown,
            ..Options::default()
        };
        let takes_forms_apart = options.inlong_http_listen.is_some();
        let collector = match Collector::bind(options).await {
            Ok(collector) => collector,
            Err(error) => return unusable(error),
        };
        // Whoever started it may not read; it serves all the same.
        for (at, address) in collector.inlong_addrs().iter().enumerate() {
            let _ = writeln!(io::stdout(), "InLong node {} on {address}", at + 1);
        }
        if takes_forms_apart {
            let _ = writeln!(io::stdout(), "InLong forms on http://{}", collector.inlong_http_addr());
        }
        let _ = writeln!(io::stdout(), "listening on http://{}", collector.local_addr());
        match collector.serve(async move { signals.next().await }).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tell(format_args!("trackwire: {error}"));
                ExitCode::from(PARTIAL)
            }
        }
    })
}
