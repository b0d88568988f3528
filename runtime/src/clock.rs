//! The clock of a process: an `Instant` as origin.

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
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self::starting_at(Instant::now())
    }

    /// A clock that started at `origin`.
    #[must_use]
    pub const fn starting_at(origin: Instant) -> Self {
        Self { origin }
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
    fn a_timer_without_end_can_be_set() {
        assert!(Clock::start().instant(Timestamp::MAX) > Instant::now() + Duration::from_secs(3600));
    }
}
