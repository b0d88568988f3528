//! When all members of a guild may be asked for: once in 30 s, by the whole bot *(documented)*.

use core::time::Duration;
use portcullis::Timestamp;
use std::collections::BTreeMap;

const SPACING: Duration = Duration::from_secs(30);
/// How many guilds are remembered; the requests for more are not limited.
const GUILDS_MAX: usize = 10_000;

#[derive(Clone, Debug, Default)]
pub(super) struct MembersLimit {
    /// When a request was granted, by the guild as it stood in the request.
    granted: BTreeMap<String, Timestamp>,
}

impl MembersLimit {
    /// How long it is until all members of this guild may be asked for again; none if now.
    pub(super) fn wait(&self, now: Timestamp, guild: &str) -> Option<Duration> {
        let since = now - *self.granted.get(guild)?;
        (since < SPACING).then(|| SPACING.saturating_sub(since))
    }

    /// A request is granted: the next one for its guild has to wait.
    pub(super) fn open(&mut self, now: Timestamp, guild: &str) {
        self.granted.retain(|_, &mut last| now - last < SPACING);
        if self.granted.len() < GUILDS_MAX {
            self.granted.insert(guild.to_owned(), now);
        }
    }

    /// The next request for this guild need not wait.
    pub(super) fn close(&mut self, guild: &str) {
        self.granted.remove(guild);
    }
}
