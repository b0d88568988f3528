//! The cooldowns of guilds: the gateway answers one request for all members of a guild in 30 s. *(source: Gateway Events,
//! Request Guild Members)*

use crate::machine::{CommandId, Outcome};
use crate::time::Timestamp;
use alloc::collections::BTreeMap;
use core::time::Duration;

/// How long the gateway refuses another request for all members of a guild.
const WINDOW: Duration = Duration::from_secs(30);

/// Bounded: a guild is in it only because of a request of ours, and each addition removes the cooldowns that are over.
#[derive(Clone, Debug)]
pub(super) struct GuildCooldowns {
    by_guild: BTreeMap<u64, Cooldown>,
}

#[derive(Clone, Copy, Debug)]
enum Cooldown {
    /// A request is in the outbox: the 30 s start when it is sent.
    Queued(CommandId),
    Until(Timestamp),
}

impl GuildCooldowns {
    pub(super) const fn new() -> Self {
        Self { by_guild: BTreeMap::new() }
    }

    /// When the next request for all members of the guild may be sent, as far as known.
    pub(super) fn free_at(&self, guild_id: u64, now: Timestamp) -> Timestamp {
        match self.by_guild.get(&guild_id) {
            None => now,
            Some(Cooldown::Queued(_)) => now + WINDOW,
            Some(Cooldown::Until(until)) => now.max(*until),
        }
    }

    pub(super) fn take(&mut self, now: Timestamp, guild_id: u64, command: CommandId) {
        self.forget(now);
        self.by_guild.insert(guild_id, Cooldown::Queued(command));
    }

    /// Whether the guild has a cooldown that was not removed yet.
    pub(super) fn knows(&self, guild_id: u64) -> bool {
        self.by_guild.contains_key(&guild_id)
    }

    /// Notes the outcome of a command, of a cancelled request too: the gateway counts what was sent.
    pub(super) fn on_outcome(&mut self, now: Timestamp, command: CommandId, outcome: Outcome) {
        let is_its = |cooldown: &Cooldown| matches!(cooldown, Cooldown::Queued(taken) if *taken == command);
        match outcome {
            Outcome::Sent => {
                if let Some(cooldown) = self.by_guild.values_mut().find(|cooldown| is_its(cooldown)) {
                    *cooldown = Cooldown::Until(now + WINDOW);
                }
            }
            Outcome::Returned(_) | Outcome::Unknown => self.by_guild.retain(|_, cooldown| !is_its(cooldown)),
        }
    }

    /// Sets the cooldown that the gateway named in a `RATE_LIMITED`, unless a request is in the outbox: its outcome sets the
    /// cooldown.
    pub(super) fn hold(&mut self, now: Timestamp, guild_id: u64, until: Timestamp) {
        self.forget(now);
        if !matches!(self.by_guild.get(&guild_id), Some(Cooldown::Queued(_))) {
            self.by_guild.insert(guild_id, Cooldown::Until(until));
        }
    }

    fn forget(&mut self, now: Timestamp) {
        self.by_guild.retain(|_, cooldown| !matches!(cooldown, Cooldown::Until(until) if *until <= now));
    }
}
