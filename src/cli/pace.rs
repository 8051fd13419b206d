//! Sending no faster than a given rate.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Spreads events evenly; after a stall it goes on at the same rate rather than catching up.
pub(super) struct Pace {
    gap: Option<Duration>,
    next: Instant,
}

impl Pace {
    /// At most this far behind is made up for, because timers are late by about a millisecond.
    const SLACK: Duration = Duration::from_millis(20);

    /// Ten years, which any clock can be moved forward by.
    const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

    /// At most `rate` events per second; without one, as fast as they come.
    pub(super) fn new(rate: Option<f64>) -> Self {
        let gap = rate.map(|rate| {
            Duration::try_from_secs_f64(1.0 / rate).map_or(Self::LONGEST, |gap| gap.min(Self::LONGEST))
        });
        Self { gap, next: Instant::now() }
    }

    /// Waits until the next event may leave.
    pub(super) async fn turn(&mut self) {
        let Some(gap) = self.gap else { return };
        let now = Instant::now();
        if self.next > now {
            sleep_until(self.next).await;
        }
        let earliest = now.checked_sub(Self::SLACK).unwrap_or(now);
        let start = self.next.max(earliest);
        self.next = start.checked_add(gap).unwrap_or(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn events_are_spread_and_a_stall_is_not_made_up_for() {
        let start = Instant::now();
        let mut pace = Pace::new(Some(100.0));
        for _ in 0..101 {
            pace.turn().await;
        }
        assert_eq!(start.elapsed().as_millis(), 1000);
        tokio::time::advance(Duration::from_secs(60)).await;
        let start = Instant::now();
        for _ in 0..100 {
            pace.turn().await;
        }
        assert!(start.elapsed() >= Duration::from_millis(950), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn the_smallest_rates_are_kept_as_well() {
        for rate in [1e-300, 1e-9, 1e-6] {
            let start = Instant::now();
            let mut pace = Pace::new(Some(rate));
            pace.turn().await;
            let second = tokio::time::timeout(Duration::from_secs(86_400), pace.turn()).await;
            assert!(second.is_err(), "{rate}: after {:?}", start.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_nothing_waits() {
        let start = Instant::now();
        let mut pace = Pace::new(None);
        for _ in 0..1000 {
            pace.turn().await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
