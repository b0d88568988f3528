//! Moments on the driver's clock.

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

/// A moment on the driver's clock, in nanoseconds since a start the driver chose.
///
/// Only differences mean anything. Two timestamps compare only if one clock made both. Arithmetic saturates:
/// a sum stops at 584 years, a difference at zero.
///
/// ```
/// use core::time::Duration;
/// use portcullis::Timestamp;
///
/// let start = Timestamp::from_nanos(0);
/// let later = start + Duration::from_secs(2);
/// assert_eq!(later - start, Duration::from_secs(2));
/// assert_eq!(start - later, Duration::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    nanos: u64,
}

impl Timestamp {
    /// The start of the clock.
    pub const ZERO: Self = Self { nanos: 0 };
    /// The last moment that a timestamp can hold, 584 years after the start.
    pub const MAX: Self = Self { nanos: u64::MAX };

    /// The moment `nanos` nanoseconds after the start of the clock.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self { nanos }
    }

    /// The moment `span` after the start of the clock.
    #[must_use]
    pub fn since_start(span: Duration) -> Self {
        Self::ZERO + span
    }

    /// Nanoseconds since the start of the clock.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.nanos
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Self { nanos: self.nanos.saturating_add(nanos) }
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }
}

/// Seconds with milliseconds: `t+27.104`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.nanos / 1_000_000;
        write!(f, "t+{}.{:03}", millis / 1000, millis % 1000)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn sums_and_differences_saturate() {
        assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
        assert_eq!(Timestamp::ZERO + Duration::MAX, Timestamp::MAX);
        assert_eq!(Timestamp::ZERO - Timestamp::MAX, Duration::ZERO);
    }

    #[test]
    fn prints_seconds_and_milliseconds() {
        assert_eq!((Timestamp::ZERO + Duration::from_micros(27_104_900)).to_string(), "t+27.104");
    }
}
