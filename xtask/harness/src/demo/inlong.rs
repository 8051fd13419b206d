//! InLong through the crate, as a Rust server uses it.

use std::time::Instant;

use trackwire::inlong::{Client, Options, SendError};

use super::purchases::TARGET;
use super::{Job, PATIENCE, Sent};

/// Packs so small that the small file, too, makes requests for every fault to meet.
const PACK_SIZE: usize = 2_000;
/// An answer that never comes is not waited for long.
const REQUEST_TIMEOUT_MS: u64 = 2_000;

/// Sends the messages over TCP and waits until each has an outcome.
pub(super) fn send(job: &Job<'_>) -> Result<Sent, String> {
    let mut options = Options::new(format!("{}/inlong/manager/openapi/dataproxy/getIpList", job.url));
    options.pack_size = Some(PACK_SIZE);
    options.request_timeout = REQUEST_TIMEOUT_MS;
    // So that much is under way when the node is killed.
    options.max_in_flight = 8;
    let client =
        Client::builder(options).build().map_err(|error| format!("the client cannot be made: {error}"))?;
    let (group, stream) = TARGET;
    let start = Instant::now();
    for (place, message) in job.messages.iter().enumerate() {
        if place == job.messages.len() / 2 {
            (job.halfway)()?;
        }
        loop {
            match client.send(group, stream, &**message) {
                Ok(()) => break,
                Err(SendError::RecvBufferFull { .. }) => {
                    client.ready_blocking().map_err(|error| error.to_string())?;
                }
                Err(error) => return Err(format!("a message was refused: {error}")),
            }
        }
    }
    client.close_blocking(PATIENCE).map_err(|error| format!("close: {error}"))?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(Sent::of(&client.stats(), seconds))
}
