//! What became of the input, for people and for programs.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::engine::Stats;

/// The books of one run. `lines = accepted + rejected_lines`, and
/// `accepted = delivered + rejected + expired + dropped + pending`.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Balance {
    /// Lines with something in them that were dealt with.
    pub(super) lines: u64,
    /// Lines that could not be used.
    pub(super) rejected_lines: u64,
    pub(super) accepted: u64,
    pub(super) delivered: u64,
    /// Events that the server refused.
    pub(super) rejected: u64,
    pub(super) expired: u64,
    pub(super) dropped: u64,
    pub(super) pending: u64,
    pub(super) requests: u64,
    pub(super) retries: u64,
    pub(super) maybe_duplicated: u64,
    /// Of the records in all requests, those sent again included, before framing and compression.
    pub(super) plain_bytes: u64,
    /// Of the same requests, as they went out.
    pub(super) sent_bytes: u64,
    pub(super) seconds: f64,
    /// Delivered events per second.
    pub(super) events_per_second: f64,
    /// Whether the input was left before its end, by Ctrl-C or because it could not be read on.
    pub(super) interrupted: bool,
}

impl Balance {
    pub(super) fn new(
        lines: u64,
        rejected_lines: u64,
        stats: &Stats,
        time: Duration,
        interrupted: bool,
    ) -> Self {
        let seconds = time.as_secs_f64();
        Self {
            lines,
            rejected_lines,
            accepted: stats.accepted,
            delivered: stats.delivered,
            rejected: stats.rejected,
            expired: stats.expired,
            dropped: stats.dropped,
            pending: stats.pending,
            requests: stats.requests,
            retries: stats.retries,
            maybe_duplicated: stats.maybe_duplicated,
            plain_bytes: stats.plain_bytes,
            sent_bytes: stats.sent_bytes,
            seconds: (seconds * 1000.0).round() / 1000.0,
            events_per_second: if seconds > 0.0 { (stats.delivered as f64 / seconds).round() } else { 0.0 },
            interrupted,
        }
    }

    /// Whether the whole input was delivered.
    pub(super) fn is_complete(&self) -> bool {
        !self.interrupted && self.rejected_lines == 0 && self.delivered == self.lines
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |f: &mut fmt::Formatter<'_>, name: &str, count: u64, note: &str| {
            writeln!(f, "{}", format!("{name:<20}{:>14}   {note}", grouped(count)).trim_end())
        };
        let stopped = if self.interrupted { "the input was not read to its end" } else { "" };
        row(f, "lines", self.lines, stopped)?;
        row(f, "  rejected lines", self.rejected_lines, "")?;
        row(f, "  accepted", self.accepted, "")?;
        row(f, "    delivered", self.delivered, "")?;
        row(f, "    rejected", self.rejected, if self.rejected > 0 { "refused by the server" } else { "" })?;
        row(f, "    expired", self.expired, "")?;
        row(f, "    dropped", self.dropped, "")?;
        row(f, "    pending", self.pending, "")?;
        row(f, "maybe duplicated", self.maybe_duplicated, "")?;
        row(f, "requests", self.requests, &format!("{} of them again", grouped(self.retries)))?;
        let share = 100.0 * self.sent_bytes as f64 / self.plain_bytes.max(1) as f64;
        let again = if self.retries > 0 { ", repeats in both" } else { "" };
        let sent = format!("{} as sent ({share:.0} %){again}", grouped(self.sent_bytes));
        row(f, "plain bytes", self.plain_bytes, &sent)?;
        let speed = grouped(self.events_per_second as u64);
        write!(f, "{:<20}{:>14.3}   {speed} events/s", "seconds", self.seconds)
    }
}

/// Digits in groups of three.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_well() {
        let balance = Balance {
            lines: 4_001,
            rejected_lines: 1,
            accepted: 4_000,
            delivered: 3_990,
            rejected: 10,
            requests: 9,
            retries: 1,
            plain_bytes: 1_200_000,
            sent_bytes: 300_000,
            seconds: 0.5,
            events_per_second: 7_980.0,
            ..Balance::default()
        };
        let expected = "\
lines                        4,001
  rejected lines                 1
  accepted                   4,000
    delivered                3,990
    rejected                    10   refused by the server
    expired                      0
    dropped                      0
    pending                      0
maybe duplicated                 0
requests                         9   1 of them again
plain bytes              1,200,000   300,000 as sent (25 %), repeats in both
seconds                      0.500   7,980 events/s";
        assert_eq!(balance.to_string(), expected);
        assert!(!balance.is_complete());
        assert!(Balance::default().is_complete());
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
