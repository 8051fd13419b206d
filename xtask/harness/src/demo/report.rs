//! What the runs came to, as a table for people and as JSON.

/// One run.
pub(super) struct Run {
    pub(super) runtime: &'static str,
    pub(super) faults: bool,
    pub(super) events: u64,
    pub(super) delivered: u64,
    pub(super) missing: u64,
    pub(super) duplicates: u64,
    /// Records of a content that was never sent.
    pub(super) unknown: u64,
    pub(super) rejected: u64,
    pub(super) requests: u64,
    pub(super) plain_bytes: u64,
    pub(super) sent_bytes: u64,
    pub(super) maybe_duplicated: u64,
    pub(super) resent: u64,
    pub(super) seconds: f64,
}

impl Run {
    /// What is wrong with the run; a duplicate is right where the sender said that there may be one.
    pub(super) fn wrong(&self) -> Option<String> {
        let mut wrong = Vec::new();
        if self.missing > 0 {
            wrong.push(format!("{} events are missing", self.missing));
        }
        let (got, most) = (self.duplicates, self.maybe_duplicated + self.resent);
        if got > most {
            wrong.push(format!("{got} duplicates, where the sender expects at most {most}"));
        }
        if self.unknown > 0 {
            wrong.push(format!("{} records that were never sent so", self.unknown));
        }
        let faults = if self.faults { " with faults" } else { "" };
        (!wrong.is_empty()).then(|| format!("{}{faults}: {}", self.runtime, wrong.join("; ")))
    }

    /// The run in a sentence.
    pub(super) fn said(&self) -> String {
        let Self { runtime, seconds, .. } = self;
        let [events, delivered, requests, twice] =
            [self.events, self.delivered, self.requests, self.duplicates].map(grouped);
        let faults = if self.faults { " with faults" } else { "" };
        format!(
            "{runtime}{faults}: {delivered} of {events} delivered in {seconds:.2} s, {requests} requests, {twice} duplicates"
        )
    }

    fn cells(&self) -> [String; 12] {
        let per_second = if self.seconds > 0.0 { self.events as f64 / self.seconds } else { 0.0 };
        [
            self.runtime.to_owned(),
            if self.faults { "yes" } else { "no" }.to_owned(),
            grouped(self.events),
            grouped(self.delivered),
            grouped(self.missing),
            grouped(self.duplicates),
            grouped(self.rejected),
            grouped(self.requests),
            grouped(self.plain_bytes),
            grouped(self.sent_bytes),
            format!("{:.2}", self.seconds),
            grouped(per_second as u64),
        ]
    }
}

const HEADER: [&str; 12] = [
    "runtime",
    "faults",
    "events",
    "delivered",
    "missing",
    "duplicates",
    "rejected",
    "requests",
    "plain bytes",
    "sent bytes",
    "seconds",
    "events/s",
];

/// The runs below one another.
pub(super) fn table(runs: &[Run]) -> String {
    let mut rows = vec![HEADER.map(str::to_owned)];
    rows.extend(runs.iter().map(Run::cells));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADER.len()).map(width).collect();
    let line = |row: &[String; 12]| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The runs as one line of JSON.
pub(super) fn json(runs: &[Run]) -> String {
    let run = |run: &Run| {
        format!(
            "{{\"runtime\":\"{}\",\"faults\":{},\"events\":{},\"delivered\":{},\"missing\":{},\"duplicates\":{},\
             \"rejected\":{},\"requests\":{},\"plain_bytes\":{},\"sent_bytes\":{},\"seconds\":{:.3}}}",
            run.runtime,
            run.faults,
            run.events,
            run.delivered,
            run.missing,
            run.duplicates,
            run.rejected,
            run.requests,
            run.plain_bytes,
            run.sent_bytes,
            run.seconds
        )
    };
    format!("{{\"runs\":[{}]}}", runs.iter().map(run).collect::<Vec<_>>().join(","))
}

/// 31106 as `31,106`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([7, 123, 1234, 31_106_000].map(grouped), ["7", "123", "1,234", "31,106,000"]);
    }
}
