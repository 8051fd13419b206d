//! Which users are in a sample.

use crate::codec::fnv::fnv;
use crate::engine::splitmix;

/// Whether a user is in the sample: the same answer for the same user, everywhere and always. The hash is 64-bit
/// FNV-1a of the id's UTF-8 bytes, mixed by SplitMix64's finalizer; its upper 53 bits as a fraction are compared
/// with the rate.
pub(crate) fn is_sampled(user: &str, rate: f64) -> bool {
    let hash = fnv(user.as_bytes());
    let fraction = (splitmix(hash) >> 11) as f64 / (1u64 << 53) as f64;
    fraction < rate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampling_is_stable_and_near_its_rate() {
        let kept = (0..10_000).filter(|n| is_sampled(&format!("user-{n}"), 0.25)).count();
        assert!((2_300..2_700).contains(&kept), "{kept}");
        assert!((0..100).all(|n| is_sampled(&n.to_string(), 1.0) && !is_sampled(&n.to_string(), 0.0)));
        // Pinned, so that no release moves users in or out of a sample.
        let first: String =
            (0..16).map(|n| if is_sampled(&format!("u{n}"), 0.5) { '1' } else { '0' }).collect();
        assert_eq!(first, PINNED);
    }

    const PINNED: &str = "1011011111010010";
}
