//! Randomness from a seed.

/// SplitMix64: small, quick, and the same everywhere.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xA24B_AED4_963E_E407).wrapping_add(0x9FB2_1C65_1E98_DF25))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From `low` up to and including `high`.
    pub(crate) fn within(&mut self, low: u64, high: u64) -> u64 {
        low + ((u128::from(self.next()) * u128::from(high - low + 1)) >> 64) as u64
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.within(0, end - 1)
    }

    /// True in so many of a thousand cases.
    pub(crate) fn in_1000(&mut self, cases: u64) -> bool {
        self.below(1_000) < cases
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// One of these, as often as its weight says.
    pub(crate) fn weighed<T: Copy>(&mut self, from: &[(u64, T)]) -> T {
        let mut left = self.below(from.iter().map(|(weight, _)| weight).sum());
        for &(weight, choice) in from {
            if left < weight {
                return choice;
            }
            left -= weight;
        }
        unreachable!("the weights sum to more than was drawn")
    }

    /// From 1 to `high`, all orders of magnitude alike.
    pub(crate) fn magnitude(&mut self, high: u64) -> u64 {
        let bits = self.within(0, 63 - u64::from(high.max(1).leading_zeros()));
        self.within(1, 1 << bits).min(high)
    }
}
