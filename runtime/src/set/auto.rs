//! As many shards as the gateway recommends.

use super::ShardSet;
use crate::build_error::BuildError;
use crate::builder::Builder;
use crate::driver::Driver;
use crate::identify::Gates;
use crate::rest::{AskError, GatewayBot, Rest};
use crate::runtime::Runtime;
use core::time::Duration;
use portcullis::dialect::ShardIdError;
use portcullis::dialect::discord::{DiscordError, Intents};
use portcullis::token::Token;
use portcullis::{Discord, Seed};

impl<R: Runtime + Default> ShardSet<Driver<Discord, R>> {
    /// Asks the gateway how many shards a bot should have, and makes them: [`Builder::build_all`] with what suits most.
    ///
    /// # Errors
    /// [`AutoError`]: a token that is refused among others.
    pub async fn auto(token: impl Into<String>, intents: Intents) -> Result<Self, AutoError> {
        Builder::new(R::default(), token, intents).build_all().await
    }
}

/// More shards than any bot has, at 2,500 guilds each 41 million guilds. An answer above is a mistake, and to follow it
/// would cost the memory of that many shards.
const SHARDS_MAX: u32 = 16_384;
/// The shortest wait, whatever the backoff says: an API that fails at once must not be flooded.
const WAIT_MIN: Duration = Duration::from_millis(250);
/// The longest `Retry-After` that is kept to where the attempts have a bound: a caller who set a bound wants an error
/// rather than a wait of an hour.
const WAIT_MAX: Duration = Duration::from_secs(300);
/// The longest `Retry-After` that is kept to at all: the API's longest limit, that of Identifies, lasts a day.
const DAY: Duration = Duration::from_secs(86_400);

impl<R: Runtime> Builder<R> {
    /// Asks Discord's API how many shards the bot should have, and makes them all with these settings. They connect
    /// when the set is polled, and share one identify queue ([`ShardSet::identify`]): the queue of
    /// [`identify`](Self::identify), which is told what the API allows, the gates of
    /// [`identify_by`](Self::identify_by), or a queue of the set's own.
    ///
    /// A shard resumes the session that was given for it ([`resume`](Self::resume)); a shard of another count is not
    /// among them. The gateway is the one that the API names, unless [`gateway`](Self::gateway) names one.
    ///
    /// ```no_run
    /// # use portcullis::Event;
    /// # use portcullis::dialect::discord::Intents;
    /// # use portcullis_runtime::{Builder, Runtime};
    /// # async fn run<R: Runtime>(runtime: R) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut shards = Builder::new(runtime, "a.bot.token", Intents::GUILDS).build_all().await?;
    /// while let Some((key, event)) = shards.next_event().await {
    ///     println!("{key:?}: {event:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// An API that is not reached is asked again for some minutes, as [`Rest::BACKOFF`] says, since a bot may start
    /// before its network is up. [`Rest::with_backoff`] changes that.
    ///
    /// # Errors
    /// [`AutoError`], when the API refuses the token, is not reached in all that time, or a setting is wrong.
    pub async fn build_all(self) -> Result<ShardSet<Driver<Discord, R>>, AutoError> {
        let rest = self.rest()?;
        self.build_all_by(&rest).await
    }

    /// The API as [`build_all`](Self::build_all) asks it, over this builder's network: to be set otherwise, and given
    /// to [`build_all_by`](Self::build_all_by).
    ///
    /// # Errors
    /// [`BuildError`], when the proxy or a header is wrong.
    pub fn rest(&self) -> Result<Rest, BuildError> {
        Ok(Rest::new(self.runtime().clone(), self.whole_network()?))
    }

    /// The same by another API: at another base, through another HTTP client, or with another backoff.
    ///
    /// # Errors
    /// [`AutoError`].
    pub async fn build_all_by(self, rest: &Rest) -> Result<ShardSet<Driver<Discord, R>>, AutoError> {
        let token = Token::new(self.token()).map_err(|error| AutoError::Build(DiscordError::from(error).into()))?;
        let bot = ask(self.runtime(), rest, self.seed_or_draw(), &token).await?;
        if bot.shards > SHARDS_MAX {
            return Err(AutoError::TooMany { shards: bot.shards, most: SHARDS_MAX });
        }
        if let Some(Gates::Shared(identify)) = self.gates() {
            identify.update(bot.session_start_limit);
        }
        Ok(self.or_gateway(&bot.url).build_fleet(0..bot.shards, bot.shards, bot.session_start_limit)?)
    }
}

/// Asks until there is an answer, an error that does not pass, or the last attempt.
async fn ask<R: Runtime>(runtime: &R, rest: &Rest, seed: Seed, token: &Token) -> Result<GatewayBot, AskError> {
    let backoff = rest.backoff();
    let mut waits = backoff.waits(seed);
    loop {
        let error = match rest.gateway_bot(token).await {
            Err(error) if error.may_pass() => error,
            answer => return answer,
        };
        let Some(wait) = waits.next() else { return Err(error) };
        let wait = match error {
            AskError::RateLimited { retry_after: Some(after) } if after > WAIT_MAX && backoff.attempts.is_some() => {
                return Err(error);
            }
            AskError::RateLimited { retry_after: Some(after) } => after.min(DAY),
            _ => wait,
        };
        runtime.sleep_until(runtime.now() + wait.max(WAIT_MIN)).await;
    }
}

/// Why [`Builder::build_all`] made no shards.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum AutoError {
    /// The API did not say how many shards there should be.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The API named a count of shards that is not possible.
    #[error("the API recommends a number of shards that is not possible, check its base: {0}")]
    Count(#[from] ShardIdError),
    /// The API named more shards than any bot has. None was made.
    #[error("the API recommends {shards} shards, more than {most}: check its base, or add shards one by one")]
    TooMany {
        /// How many it named.
        shards: u32,
        /// The most that are made.
        most: u32,
    },
    /// A setting is wrong.
    #[error(transparent)]
    Build(#[from] BuildError),
}
