//! Whether the host has slept since the driver last looked.

use core::time::Duration;

/// What a shard does when the host was asleep: a laptop, a suspended virtual machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum HostSleep {
    /// The shard aborts a connection that cannot have outlived the sleep at once, and resumes the session. Otherwise it
    /// would find the connection dead one or two heartbeat intervals later.
    #[default]
    Noticed,
    /// The shard does not look for it.
    Ignored,
}

pub(super) struct SuspendDetector {
    sleep: HostSleep,
    /// The sleep that was reported so far, in total.
    known: Duration,
}

/// The two clocks that are compared are read one after the other, so they differ a little on a host that was awake. A
/// shorter sleep breaks no connection; it is added to the next.
const SLEPT_MIN: Duration = Duration::from_secs(1);

impl SuspendDetector {
    pub(super) const fn after(slept: Duration) -> Self {
        Self { sleep: HostSleep::Noticed, known: slept }
    }

    pub(super) const fn set(&mut self, sleep: HostSleep) {
        self.sleep = sleep;
    }

    /// The sleep that was not reported yet.
    pub(super) fn since(&mut self, slept: impl FnOnce() -> Duration) -> Option<Duration> {
        if self.sleep == HostSleep::Ignored {
            return None;
        }
        let slept = slept().checked_sub(self.known)?;
        if slept < SLEPT_MIN {
            return None;
        }
        self.known += slept;
        Some(slept)
    }
}
