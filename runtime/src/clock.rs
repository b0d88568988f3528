//! The clock of a process: an `Instant` as origin. And how long the host slept meanwhile, which an `Instant` does not
//! count.
//!
//! The sleep is told by the system's second monotonic clock, the one that goes on while the host sleeps. The wall clock
//! would tell it as well, but also leaps when it is set, which no reading of it can tell from a sleep.

use core::time::Duration;
use portcullis::Timestamp;
use std::time::Instant;

/// Turns the system's monotonic clock into [`Timestamp`]s, and back. Copies share their origin.
///
/// ```
/// use portcullis_runtime::Clock;
///
/// let clock = Clock::start();
/// let now = clock.now();
/// assert_eq!(clock.at(clock.instant(now)), now);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    /// One moment on the clock that stands still while the host sleeps, and on the one that does not.
    awake_at: Instant,
    asleep_too: Duration,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self::starting_at(Instant::now())
    }

    /// A clock that started at `origin`.
    #[must_use]
    pub fn starting_at(origin: Instant) -> Self {
        // In this order here and the other one in `slept`: a process that is stopped between the two readings has its
        // host seem to sleep less, not more.
        let awake_at = Instant::now();
        Self { origin, awake_at, asleep_too: with_sleep() }
    }

    /// How long the host has slept since the clock was made. Linux, Android and Apple's systems tell it; on others,
    /// where an `Instant` counts a sleep itself or nothing tells it, this is zero.
    #[must_use]
    pub fn slept(&self) -> Duration {
        let all = with_sleep().saturating_sub(self.asleep_too);
        all.saturating_sub(self.awake_at.elapsed())
    }

    /// The time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.at(Instant::now())
    }

    /// The time it was, or will be, at an instant. What lies before the origin is the origin.
    #[must_use]
    pub fn at(&self, instant: Instant) -> Timestamp {
        Timestamp::since_start(instant.saturating_duration_since(self.origin))
    }

    /// The instant of a time, for timers. What no `Instant` can hold is a hundred years away.
    #[must_use]
    pub fn instant(&self, time: Timestamp) -> Instant {
        let span = Duration::from_nanos(time.as_nanos());
        self.origin.checked_add(span).unwrap_or_else(|| self.origin + FAR.min(span))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::start()
    }
}

/// The time on the system's clock that goes on while the host sleeps.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn with_sleep() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    #[cfg(not(target_vendor = "apple"))]
    const CLOCK: ClockId = ClockId::Boottime;
    // There the plain one goes on, and an `Instant` is of another.
    #[cfg(target_vendor = "apple")]
    const CLOCK: ClockId = ClockId::Monotonic;
    clock_gettime(CLOCK).try_into().unwrap_or_default()
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
const fn with_sleep() -> Duration {
    Duration::ZERO
}

/// A hundred years, which every platform's `Instant` can hold.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_stands_at_zero_before_its_origin() {
        let origin = Instant::now() + Duration::from_secs(60);
        assert_eq!(Clock::starting_at(origin).now(), Timestamp::ZERO);
        assert_eq!(Clock::starting_at(origin).at(origin + Duration::from_secs(2)), {
            Timestamp::since_start(Duration::from_secs(2))
        });
    }

    #[test]
    fn a_host_that_is_awake_has_not_slept() {
        let clock = Clock::starting_at(Instant::now() + Duration::from_secs(3600));
        for _ in 0..1000 {
            assert!(clock.slept() < Duration::from_secs(1), "{:?}", clock.slept());
        }
    }

    #[test]
    fn a_timer_without_end_can_be_set() {
        assert!(Clock::start().instant(Timestamp::MAX) > Instant::now() + Duration::from_secs(3600));
    }
}
