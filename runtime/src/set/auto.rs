//! As many shards as the gateway recommends.

use super::ShardSet;
use crate::builder::{BuildError, Builder};
use crate::driver::Driver;
use crate::identify::SharedIdentify;
use crate::rest::{AskError, GatewayBot, Rest};
use crate::runtime::Runtime;
use core::fmt;
use core::time::Duration;
use portcullis::Discord;
use portcullis::dialect::discord::{DiscordError, Intents};
use portcullis::dialect::{ShardId, ShardIdError};
use portcullis::identify::Rules;
use portcullis::token::Token;

impl<R: Runtime + Default> ShardSet<Driver<Discord, R>> {
    /// Asks the gateway how many shards a bot should have, and makes them: [`Builder::build_all`] with what suits most.
    ///
    /// # Errors
    /// [`AutoError`]: a token that is refused among others.
    pub async fn auto(token: impl Into<String>, intents: Intents) -> Result<Self, AutoError> {
        Builder::new(R::default(), token, intents).build_all().await
    }
}

/// More shards than any bot has: what is above is an answer that cannot be meant, and would cost the memory of as many.
const SHARDS_MAX: u32 = 16_384;
/// How often the API is asked, when it does not answer or is overloaded.
const TRIES_MAX: u32 = 5;
/// The first wait, when it does not say how long; each further one is twice as long.
const WAIT: Duration = Duration::from_secs(1);
/// The longest that it may have us wait.
const WAIT_MAX: Duration = Duration::from_secs(300);

impl<R: Runtime> Builder<R> {
    /// Asks Discord's API how many shards the bot should have, and makes them all with these settings. They connect when
    /// the set is polled, and share what rations their identifies ([`ShardSet::identify`]).
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
    /// # Errors
    /// [`AutoError`], when the API refuses the token, is not reached five times in a row, or a setting is wrong.
    pub async fn build_all(self) -> Result<ShardSet<Driver<Discord, R>>, AutoError> {
        let rest = Rest::new(self.runtime().clone(), self.whole_network()?);
        self.build_all_by(&rest).await
    }

    /// The same by another API: at another base, or through another HTTP client.
    ///
    /// # Errors
    /// [`AutoError`].
    pub async fn build_all_by(self, rest: &Rest) -> Result<ShardSet<Driver<Discord, R>>, AutoError> {
        let token = Token::new(self.token()).map_err(|error| AutoError::Build(DiscordError::from(error).into()))?;
        let bot = ask(self.runtime(), rest, &token).await?;
        if bot.shards > SHARDS_MAX {
            return Err(AutoError::TooMany { shards: bot.shards, most: SHARDS_MAX });
        }
        let identify = SharedIdentify::new(self.runtime(), bot.session_start_limit, Rules::default());
        let mut template = self.or_gateway(&bot.url).identify(&identify);
        let mut sessions = template.take_sessions();
        let mut set = ShardSet::new();
        for id in 0..bot.shards {
            let shard = ShardId::new(id, bot.shards)?;
            set.add(template.clone().of_many(shard, sessions.remove(&Some(shard))).build()?);
        }
        set.identify = Some(identify);
        Ok(set)
    }
}

async fn ask<R: Runtime>(runtime: &R, rest: &Rest, token: &Token) -> Result<GatewayBot, AutoError> {
    let mut wait = WAIT;
    for _ in 1..TRIES_MAX {
        let error = match rest.gateway_bot(token).await {
            Ok(bot) => return Ok(bot),
            Err(error) if !error.may_pass() => return Err(error.into()),
            Err(error) => error,
        };
        let pause = match error {
            AskError::RateLimited { retry_after: Some(after) } if after > WAIT_MAX => return Err(error.into()),
            AskError::RateLimited { retry_after: Some(after) } => after,
            _ => wait,
        };
        wait *= 2;
        runtime.sleep_until(runtime.now() + pause).await;
    }
    Ok(rest.gateway_bot(token).await?)
}

/// Why there are no shards.
#[non_exhaustive]
pub enum AutoError {
    /// The API did not say how many.
    Ask(AskError),
    /// The API named a count that cannot be.
    Count(ShardIdError),
    /// The API named more shards than can be meant. None was made.
    TooMany {
        /// How many it named.
        shards: u32,
        /// The most that are made.
        most: u32,
    },
    /// A setting is wrong.
    Build(BuildError),
}

impl fmt::Display for AutoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask(error) => error.fmt(f),
            Self::Count(error) => write!(f, "the API recommends a number of shards that cannot be: {error}"),
            Self::TooMany { shards, most } => {
                write!(
                    f,
                    "the API recommends {shards} shards, more than {most}: check its base, or add shards one by one"
                )
            }
            Self::Build(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for AutoError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Ask(error) => error.source(),
            Self::Count(error) => Some(error),
            Self::TooMany { .. } => None,
            Self::Build(error) => error.source(),
        }
    }
}

impl From<AskError> for AutoError {
    fn from(error: AskError) -> Self {
        Self::Ask(error)
    }
}

impl From<ShardIdError> for AutoError {
    fn from(error: ShardIdError) -> Self {
        Self::Count(error)
    }
}

impl From<BuildError> for AutoError {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}
