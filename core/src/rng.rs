//! The seeded generator of all jitter. It is predictable, so nothing secret may come from it.

use core::time::Duration;

/// The seed of a machine's generator, its only source of randomness.
///
/// A driver takes it from the system's generator, so that shards spread; a test sets it, so that a run repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seed(pub u64);

/// `SplitMix64` (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators): one word of state, and the same sequence on
/// every platform, which a replay needs.
#[derive(Clone, Debug)]
pub(crate) struct Rng {
    state: u64,
}

impl Rng {
    pub(crate) fn new(seed: Seed) -> Self {
        Self { state: seed.0 }
    }

    /// A duration in `[0, limit)`; zero for a limit of zero.
    pub(crate) fn below(&mut self, limit: Duration) -> Duration {
        let limit = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        // The high half of a 128-bit product. Its bias is far below what jitter needs, and it uses no division.
        let scaled = (u128::from(self.next()) * u128::from(limit)) >> 64;
        Duration::from_nanos(u64::try_from(scaled).unwrap_or(u64::MAX))
    }

    /// A duration in `[least, most)`; `least` if the two are equal or swapped.
    pub(crate) fn between(&mut self, least: Duration, most: Duration) -> Duration {
        least + self.below(most.saturating_sub(least))
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_in_their_range_and_repeat_with_their_seed() {
        let (mut one, mut two) = (Rng::new(Seed(7)), Rng::new(Seed(7)));
        for _ in 0..1000 {
            let drawn = one.between(Duration::from_secs(1), Duration::from_secs(5));
            assert_eq!(drawn, two.between(Duration::from_secs(1), Duration::from_secs(5)));
            assert!((Duration::from_secs(1)..Duration::from_secs(5)).contains(&drawn));
        }
        assert_eq!(one.below(Duration::ZERO), Duration::ZERO);
        assert_eq!(one.between(Duration::from_secs(2), Duration::from_secs(1)), Duration::from_secs(2));
    }

    #[test]
    fn draws_cover_their_range_evenly() {
        let mut rng = Rng::new(Seed(1));
        let mut tenths = [0_u32; 10];
        for _ in 0..10_000 {
            tenths[usize::try_from(rng.below(Duration::from_secs(10)).as_secs()).unwrap()] += 1;
        }
        assert!(tenths.iter().all(|&count| (850..1150).contains(&count)), "{tenths:?}");
    }
}
