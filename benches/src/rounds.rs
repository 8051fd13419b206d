//! Interleaved rounds.

use std::fmt;

use crate::{Effort, Failure};

/// One thing that is measured.
pub(crate) struct Contender<'c, M> {
    pub(crate) name: String,
    run: Box<dyn FnMut() -> Result<M, Failure> + 'c>,
}

impl<'c, M> Contender<'c, M> {
    pub(crate) fn new(name: impl Into<String>, run: impl FnMut() -> Result<M, Failure> + 'c) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }
}

/// Runs every contender once a round, each round beginning with another one; the first round warms up and does not
/// count.
pub(crate) fn interleave<M>(
    what: &str,
    effort: Effort<'_>,
    contenders: &mut [Contender<'_, M>],
) -> Result<Vec<Vec<M>>, Failure> {
    let rounds = effort.rounds;
    let mut measured: Vec<Vec<M>> = contenders.iter().map(|_| Vec::with_capacity(rounds)).collect();
    for round in 0..=rounds {
        eprint!("\r{what}: round {round} of {rounds} ");
        for turn in 0..contenders.len() {
            let place = (turn + round) % contenders.len();
            let contender = &mut contenders[place];
            if effort.only.is_some_and(|only| !contender.name.contains(only)) {
                continue;
            }
            let value = (contender.run)().map_err(|error| format!("{}: {error}", contender.name))?;
            if round > 0 {
                measured[place].push(value);
            }
        }
    }
    eprint!("\r{:width$}\r", "", width = what.len() + 30);
    Ok(measured)
}

/// The least, the middle and the most of some numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { at(middle) } else { (at(middle.wrapping_sub(1)) + at(middle)) / 2.0 };
        Self { min: at(0), median, max: at(values.len().wrapping_sub(1)) }
    }
}

impl fmt::Display for Spread {
    /// `median (min to max)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [min, median, max] = [self.min, self.median, self.max].map(number);
        write!(f, "{median} ({min} to {max})")
    }
}

/// A number with three digits that say something, thousands grouped.
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() {
        return "-".into();
    }
    let decimals = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 && digit.is_ascii_digit() {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}
