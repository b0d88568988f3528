//! What the process has used so far.

use core::time::Duration;
use std::io;
use std::time::Instant;

/// A moment, and what was used until then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) at: Instant,
    pub(crate) user: Duration,
    pub(crate) sys: Duration,
    /// The most memory that was resident at once.
    pub(crate) rss_peak_kb: u64,
}

impl Usage {
    #[cfg(unix)]
    pub(crate) fn now() -> io::Result<Self> {
        use nix::sys::resource::{UsageWho, getrusage};
        use nix::sys::time::{TimeVal, TimeValLike as _};

        let span = |time: TimeVal| Duration::from_micros(u64::try_from(time.num_microseconds()).unwrap_or(0));
        let used = getrusage(UsageWho::RUSAGE_SELF)?;
        let peak = u64::try_from(used.max_rss()).unwrap_or(0);
        // Apple counts bytes.
        let rss_peak_kb = if cfg!(target_vendor = "apple") { peak / 1024 } else { peak };
        Ok(Self { at: Instant::now(), user: span(used.user_time()), sys: span(used.system_time()), rss_peak_kb })
    }

    #[cfg(not(unix))]
    pub(crate) fn now() -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this system does not tell what a process has used"))
    }
}
