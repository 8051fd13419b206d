//! Whether what trackers are told can be used, whatever drives them.

use super::OptionError;
use crate::engine::Limits;

/// Headers that say how the events are sent, or frame the request.
const OWN_HEADERS: [&str; 7] = [
    "content-type",
    "x-compress-codec",
    "x-crypt-codec",
    "x-timestamp",
    "content-length",
    "host",
    "transfer-encoding",
];

/// Checks what no engine could work with.
pub(super) fn check_limits(
    limits: &Limits,
    retry_backoff_factor: f64,
    sample_rate: Option<f64>,
) -> Result<(), OptionError> {
    if !(0.0..=3_600.0).contains(&retry_backoff_factor) {
        return problem("retry_backoff_factor", "must be a number of seconds from 0 to 3,600");
    }
    if sample_rate.is_some_and(|rate| !(0.0..=1.0).contains(&rate)) {
        return problem("sample_rate", "must be a share from 0 to 1");
    }
    if limits.request_timeout == 0 {
        return problem("request_timeout", "is 0: a request needs some time");
    }
    if limits.max_in_flight == 0 {
        return problem("max_in_flight", "is 0: nothing could ever be sent");
    }
    if limits.max_queue_bytes < 4_096 || limits.max_queue_events == 0 {
        return problem(
            "max_queue_bytes",
            "and `max_queue_events` must leave room: at least 4,096 bytes and 1 event",
        );
    }
    Ok(())
}

/// Checks that a header is not one that the tracker sets itself.
pub(super) fn check_header(name: &str) -> Result<(), OptionError> {
    match OWN_HEADERS.iter().find(|own| own.eq_ignore_ascii_case(name)) {
        Some(own) => problem(
            "header",
            &format!("cannot be `{own}`, which the tracker sets itself: leave it out, see `format`"),
        ),
        None => Ok(()),
    }
}

fn problem(option: &'static str, problem: &str) -> Result<(), OptionError> {
    Err(OptionError { option, problem: problem.into() })
}
