//! How long to wait between connections.

use crate::rng::{Rng, Seed};
use core::time::Duration;

/// The wait before each connection but the first.
///
/// The first reconnect after a lost connection waits a random part of `spread`. After that the waits grow from `base`
/// by `factor_percent` up to `cap`, each less a random part of up to `jitter_percent`. The count starts again only
/// after a connection that was in session for `stable`: not at a handshake, not at Ready.
///
/// ```
/// use core::time::Duration;
/// use portcullis::machine::Backoff;
///
/// let patient = Backoff { cap: Duration::from_secs(300), ..Backoff::STANDARD };
/// # assert_eq!(patient.base, Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first reconnect after a connection that lived is drawn from `[0, spread)`: so that many shards which lose
    /// their connections in one moment do not come back in one.
    pub spread: Duration,
    /// The wait before the second attempt without progress.
    pub base: Duration,
    /// How much longer each next one is, in percent: 200 doubles.
    pub factor_percent: u32,
    /// The longest wait.
    pub cap: Duration,
    /// How much of a wait is random, in percent of it, at most 100. It only shortens: the cap holds.
    pub jitter_percent: u32,
    /// The most attempts without progress after the first connect; `None` goes on for ever.
    pub attempts: Option<u32>,
    /// How long a session must have lived before the count starts again at one.
    pub stable: Duration,
}

impl Backoff {
    /// 1 s doubling to 60 s, half of it random, unlimited.
    pub const STANDARD: Self = Self {
        spread: Duration::from_secs(2),
        base: Duration::from_secs(1),
        factor_percent: 200,
        cap: Duration::from_secs(60),
        jitter_percent: 50,
        attempts: None,
        stable: Duration::from_secs(60),
    };
    /// Ten attempts, 1 s doubling to 60 s, a quarter of it random.
    pub const TEN_ATTEMPTS: Self = Self { jitter_percent: 25, attempts: Some(10), ..Self::STANDARD };
    /// 5, 10, 20, 40 s and then 40 s for ever, a tenth of it random.
    pub const STEPS_TO_FORTY: Self =
        Self { base: Duration::from_secs(5), cap: Duration::from_secs(40), jitter_percent: 10, ..Self::STANDARD };

    /// The wait before each attempt without progress; there are as many as [`attempts`](Self::attempts), or no end of
    /// them. For what is tried beside a machine, and should wait as one does.
    ///
    /// ```
    /// use core::time::Duration;
    /// use portcullis::Seed;
    /// use portcullis::machine::Backoff;
    ///
    /// assert_eq!(Backoff::TEN_ATTEMPTS.waits(Seed(7)).count(), 10);
    /// assert!(Backoff::STANDARD.waits(Seed(7)).take(1000).all(|wait| wait <= Duration::from_secs(60)));
    /// ```
    pub fn waits(self, seed: Seed) -> impl Iterator<Item = Duration> + Send {
        let mut rng = Rng::new(seed);
        (1..=self.attempts.unwrap_or(u32::MAX)).map(move |attempt| self.wait(attempt, &mut rng))
    }

    /// The wait before attempt `attempt` without progress, the first being 1.
    pub(super) fn wait(&self, attempt: u32, rng: &mut Rng) -> Duration {
        if attempt <= 1 {
            return rng.below(self.spread);
        }
        let mut wait = self.base.min(self.cap);
        for _ in 2..attempt {
            if wait >= self.cap {
                break;
            }
            wait = wait.saturating_mul(self.factor_percent).checked_div(100).unwrap_or(wait).min(self.cap);
        }
        self.jittered(wait, rng)
    }

    /// The longest wait, less its jitter.
    pub(super) fn at_cap(&self, rng: &mut Rng) -> Duration {
        self.jittered(self.cap, rng)
    }

    fn jittered(&self, wait: Duration, rng: &mut Rng) -> Duration {
        wait.saturating_sub(rng.below(wait.saturating_mul(self.jitter_percent.min(100)) / 100))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::STANDARD
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn seconds(backoff: &Backoff, attempts: impl IntoIterator<Item = u32>) -> Vec<u64> {
        let mut rng = Rng::new(Seed(3));
        let exact = Backoff { jitter_percent: 0, ..*backoff };
        attempts.into_iter().map(|attempt| exact.wait(attempt, &mut rng).as_secs()).collect()
    }

    #[test]
    fn waits_double_up_to_the_cap() {
        assert_eq!(seconds(&Backoff::STANDARD, 2..10), [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(seconds(&Backoff::STEPS_TO_FORTY, 2..7), [5, 10, 20, 40, 40]);
    }

    #[test]
    fn scenario_65_delays_stay_at_the_cap_whatever_the_count() {
        assert_eq!(seconds(&Backoff::STANDARD, [64, 100, u32::MAX]), [60, 60, 60]);
    }

    #[test]
    fn every_wait_has_jitter_and_none_is_above_the_cap() {
        for backoff in [Backoff::STANDARD, Backoff::TEN_ATTEMPTS, Backoff::STEPS_TO_FORTY] {
            let mut rng = Rng::new(Seed(9));
            for attempt in [1, 2, 3, 20] {
                let waits: Vec<_> = (0..50).map(|_| backoff.wait(attempt, &mut rng)).collect();
                assert!(waits.iter().any(|wait| *wait != waits[0]), "attempt {attempt} is always {:?}", waits[0]);
                assert!(waits.iter().all(|wait| *wait <= backoff.cap));
            }
        }
    }
}
