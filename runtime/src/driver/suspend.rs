//! Whether the host has slept since the driver last looked.

use core::time::Duration;

/// What a shard makes of a host that slept: a laptop, a suspended virtual machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum HostSleep {
    /// A connection that cannot have outlived the sleep is left at once, and the session resumed. Without that it would be
    /// found dead a heartbeat interval or two later.
    #[default]
    Noticed,
    /// It is not looked for.
    Ignored,
}

pub(super) struct SuspendDetector {
    sleep: HostSleep,
    /// All that was slept so far, as far as it was told.
    known: Duration,
}

/// Less is no sleep worth telling, and is added to the next.
const SLEPT_MIN: Duration = Duration::from_secs(1);

impl SuspendDetector {
    pub(super) const fn after(slept: Duration) -> Self {
        Self { sleep: HostSleep::Noticed, known: slept }
    }

    pub(super) const fn set(&mut self, sleep: HostSleep) {
        self.sleep = sleep;
    }

    /// A sleep that was not told yet, from all that was slept.
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
