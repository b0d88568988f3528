//! The Discord gateway, API v10.

mod channel_info;
mod close;
mod command;
mod envelope;
mod error;
mod events;
mod guilds;
mod intents;
pub(crate) mod opcode;
mod payload;
mod presence;
mod read;
mod soundboard;
mod trace;

use super::{
    CloseRow, CommandError, Dialect, Encoded, Extras, FrameError, GatewayLimits, IdentifyFrame, OnNewSession,
    PaceLimit, Reading, Repeat, ShardId, Standing, StandingKey, TokenSource,
};
use crate::frame::{Compression, Encoding, Format};
use crate::message::{CloseCode, Sequence};
use crate::session::Session;
use crate::token::Token;
use crate::url::GatewayUrl;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;
use core::time::Duration;
pub(crate) use guilds::OwnGuilds;
use serde_json::value::{RawValue, to_raw_value};

pub use channel_info::{ChannelInfoField, RequestChannelInfo};
pub use close::{CLOSE_CODES, NO_CODE, UNKNOWN_CODE};
pub use command::{Command, RequestGuildMembers, UpdateVoiceState};
pub use error::DiscordError;
pub use guilds::ForeignGuilds;
pub use intents::{Intents, IntentsError};
pub use payload::IdentifyProperties;
pub use presence::{Activity, ActivityKind, Presence, Status};
pub use soundboard::RequestSoundboardSounds;

/// The Discord gateway, API v10, as one shard of a bot speaks it.
///
/// ```
/// use portcullis::dialect::ShardId;
/// use portcullis::dialect::discord::{Activity, Discord, Intents, Presence, Status};
///
/// let mut presence = Presence::new(Status::Online);
/// presence.activities.push(Activity::watching("the gate"));
/// let discord = Discord::new("a.bot.token", Intents::GUILDS | Intents::GUILD_MESSAGES)?
///     .with_shard(ShardId::new(0, 2)?)
///     .with_presence(&presence)?
///     .with_large_threshold(250)?;
/// # let _ = discord;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Discord {
    token: Token,
    intents: Intents,
    shard: ShardId,
    properties: IdentifyProperties,
    large_threshold: u8,
    presence: Option<Box<RawValue>>,
    foreign_guilds: ForeignGuilds,
    base: GatewayUrl,
    format: Format,
}

impl Discord {
    /// The URL that bots connect to when no other is configured.
    pub const GATEWAY: &'static str = "wss://gateway.discord.gg/";
    /// The API version of this dialect. Each connection asks for it, unless the gateway's URL names another.
    pub const VERSION: &'static str = "10";
    /// The most bytes a frame to the gateway may have. *(source: Gateway, Sending events)*
    pub const PAYLOAD_MAX: usize = 4096;

    /// A bot with one shard.
    ///
    /// # Errors
    /// [`DiscordError::Token`] when the token cannot be valid. It is checked here, without asking Discord.
    pub fn new(token: impl Into<String>, intents: Intents) -> Result<Self, DiscordError> {
        trace::undocumented(intents);
        Ok(Self {
            token: Token::new(token)?,
            intents,
            shard: ShardId::ONE,
            properties: IdentifyProperties::default(),
            large_threshold: 50,
            presence: None,
            foreign_guilds: ForeignGuilds::default(),
            base: GatewayUrl::parse(Self::GATEWAY)?,
            format: Format::default(),
        })
    }

    /// Sets which of several shards this is.
    #[must_use]
    pub fn with_shard(self, shard: ShardId) -> Self {
        Self { shard, ..self }
    }

    /// Sets the presence of each Identify. A later `UpdatePresence` replaces it, in the sessions to come too.
    ///
    /// # Errors
    /// [`DiscordError::Presence`] for a presence that the gateway is known to refuse, [`DiscordError::TooLong`] when it makes
    /// the Identify too long.
    pub fn with_presence(self, presence: &Presence) -> Result<Self, DiscordError> {
        presence.check().map_err(DiscordError::Presence)?;
        let presence = to_raw_value(presence).map_err(|_| DiscordError::TooLong { max: Self::PAYLOAD_MAX })?;
        Self { presence: Some(presence), ..self }.fitting()
    }

    /// Sets the identify properties.
    ///
    /// # Errors
    /// [`DiscordError::TooLong`] when they make the Identify too long.
    pub fn with_properties(self, properties: IdentifyProperties) -> Result<Self, DiscordError> {
        Self { properties, ..self }.fitting()
    }

    /// Sets the number of members, 50 to 250, above which a guild's `GUILD_CREATE` lists only its online members. The default
    /// is 50.
    ///
    /// # Errors
    /// [`DiscordError::LargeThreshold`] for any other number.
    pub fn with_large_threshold(self, members: u8) -> Result<Self, DiscordError> {
        match members {
            50..=250 => Ok(Self { large_threshold: members, ..self }),
            asked => Err(DiscordError::LargeThreshold { asked }),
        }
    }

    /// Sets what is done with commands about guilds of other shards. By default they are refused.
    #[must_use]
    pub fn with_foreign_guilds(self, foreign_guilds: ForeignGuilds) -> Self {
        Self { foreign_guilds, ..self }
    }

    /// Sets another gateway, such as a proxy or a fake for tests. The machine then accepts resume URLs of this host only.
    ///
    /// A `v` in its query is kept, for resumes too: a gateway that is not Discord's may number its versions
    /// differently. Discord's own gateway is asked for [`VERSION`](Self::VERSION) only. Other keys stay as they are.
    ///
    /// ```
    /// use portcullis::Discord;
    /// use portcullis::dialect::Dialect as _;
    /// use portcullis::dialect::discord::Intents;
    ///
    /// let discord = Discord::new("a.bot.token", Intents::GUILDS)?.with_gateway("wss://proxy.example/?v=1&key=k")?;
    /// let url = discord.connect_url(discord.base_url());
    /// assert_eq!(url.as_str(), "wss://proxy.example/?key=k&v=1&encoding=json");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DiscordError::Url`] when it is not a WebSocket URL; [`DiscordError::Version`] when it asks Discord for another
    /// version; [`DiscordError::Query`] when it asks for a compression, or for an encoding other than `json`: call
    /// [`with_compression`](Self::with_compression) or [`with_encoding`](Self::with_encoding) for that.
    pub fn with_gateway(self, url: &str) -> Result<Self, DiscordError> {
        let base = GatewayUrl::parse(url)?;
        if base.is_of(DOMAIN) && base.query("v").is_some_and(|version| version != Self::VERSION) {
            return Err(DiscordError::Version);
        }
        if base.query("compress").is_some() {
            return Err(DiscordError::Query { key: "compress", method: "with_compression" });
        }
        if base.query("encoding").is_some_and(|encoding| encoding != "json") {
            return Err(DiscordError::Query { key: "encoding", method: "with_encoding" });
        }
        Ok(Self { base, ..self })
    }

    /// Sets the compression of what the gateway sends. The URL asks for it, or the Identify for
    /// [`Compression::ZlibPayload`]. What we send is never compressed.
    ///
    /// # Errors
    /// [`DiscordError::TooLong`] when asking makes the Identify too long, [`DiscordError::PayloadCompression`] for
    /// [`Compression::ZlibPayload`] with ETF.
    pub fn with_compression(self, compression: Compression) -> Result<Self, DiscordError> {
        Self { format: Format { compression, ..self.format }, ..self }.fitting()
    }

    /// Sets the encoding of both directions.
    ///
    /// # Errors
    /// [`DiscordError::TooLong`] when the Identify is too long in this encoding, [`DiscordError::PayloadCompression`] for ETF
    /// with [`Compression::ZlibPayload`].
    pub fn with_encoding(self, encoding: Encoding) -> Result<Self, DiscordError> {
        Self { format: Format { encoding, ..self.format }, ..self }.fitting()
    }

    /// The intents that the Identify asks for.
    #[must_use]
    pub const fn intents(&self) -> Intents {
        self.intents
    }

    /// The guilds that commands of this shard may be about.
    pub(crate) const fn own_guilds(&self) -> OwnGuilds {
        OwnGuilds { shard: self.shard, foreign: self.foreign_guilds }
    }

    fn fitting(self) -> Result<Self, DiscordError> {
        let identify = self.write_identify(self.presence.as_deref());
        if self.format.encoding == Encoding::Etf && self.format.compression == Compression::ZlibPayload {
            Err(DiscordError::PayloadCompression)
        } else if !self.fits(&identify) {
            Err(DiscordError::TooLong { max: Self::PAYLOAD_MAX })
        } else {
            Ok(self)
        }
    }

    fn fits(&self, frame: &[u8]) -> bool {
        self.format.encoding.len_sent(frame).is_some_and(|len| len <= Self::PAYLOAD_MAX)
    }

    fn write_identify(&self, presence: Option<&RawValue>) -> Vec<u8> {
        payload::identify(&payload::Identify {
            token: &self.token,
            intents: self.intents,
            properties: &self.properties,
            large_threshold: self.large_threshold,
            shard: self.shard,
            presence,
            compression: self.format.compression,
        })
    }
}

impl Dialect for Discord {
    type Command = Command;

    fn encode(&self, command: Command) -> Result<Encoded, CommandError> {
        let encoded = Encoded::once(command.encode()?.into());
        self.own_guilds().check(&command)?;
        Ok(match command {
            Command::UpdatePresence(_) => {
                let (standing, pace) = (Standing::Set(presence_key()), Some(PRESENCE_PACE));
                Encoded { standing, pace, repeat: Repeat::Harmless, ..encoded }
            }
            Command::RequestGuildMembers(_)
            | Command::RequestSoundboardSounds(_)
            | Command::RequestChannelInfo(_)
            | Command::UpdateVoiceState(_) => Encoded { on_new_session: OnNewSession::Return, ..encoded },
            Command::Raw(_) => encoded,
        })
    }

    fn name(&self) -> &'static str {
        "discord"
    }

    fn limits(&self) -> GatewayLimits {
        GatewayLimits {
            pace: Some(PaceLimit { frames: 120, window: Duration::from_secs(60) }),
            payload: Self::PAYLOAD_MAX,
            invalid_session_wait: (Duration::from_secs(1), Duration::from_secs(5)),
            session_life: Duration::from_secs(180),
            close_keep: CloseCode(4000),
            close_end: CloseCode::NORMAL,
        }
    }

    fn shard(&self) -> Option<ShardId> {
        Some(self.shard)
    }

    fn base_url(&self) -> &GatewayUrl {
        &self.base
    }

    fn connect_url(&self, url: &GatewayUrl) -> GatewayUrl {
        let encoding = match self.format.encoding {
            Encoding::Json => "json",
            Encoding::Etf => "etf",
        };
        let version = self.base.query("v").filter(|version| !version.is_empty());
        let query = [("v", version.as_deref().unwrap_or(Self::VERSION)), ("encoding", encoding)];
        match self.format.compression {
            Compression::None | Compression::ZlibPayload => url.without_query(&["compress"]).with_query(&query),
            Compression::ZlibStream => url.with_query(&[query[0], query[1], ("compress", "zlib-stream")]),
            #[cfg(feature = "zstd")]
            Compression::ZstdStream => url.with_query(&[query[0], query[1], ("compress", "zstd-stream")]),
        }
    }

    fn format(&self) -> Format {
        self.format
    }

    fn is_own_host(&self, url: &GatewayUrl) -> bool {
        url.same_site(&self.base, Some(DOMAIN))
    }

    fn token_source(&self) -> TokenSource {
        TokenSource::Held
    }

    fn events(&self) -> Option<&'static [&'static str]> {
        Some(events::ALL)
    }

    fn missing_intent(&self, event: &str) -> Option<&'static str> {
        events::missing_intent(event, self.intents)
    }

    fn read(&self, frame: &[u8]) -> Result<Reading, FrameError> {
        read::read(frame)
    }

    fn identify(&self, _: Option<&Token>, extras: Extras<'_>) -> IdentifyFrame {
        let Extras::Standing(standing) = extras else {
            return IdentifyFrame { payload: self.write_identify(None).into(), carried: Vec::new() };
        };
        let key = presence_key();
        let latest = standing.iter().find(|(standing, _)| *standing == key);
        let latest = latest.and_then(|(_, frame)| command::data_of(frame));
        let with_latest = latest.map(|presence| self.write_identify(Some(presence)));
        match with_latest {
            Some(payload) if self.fits(&payload) => {
                IdentifyFrame { payload: payload.into(), carried: alloc::vec![key] }
            }
            Some(_) => IdentifyFrame { payload: self.write_identify(None).into(), carried: Vec::new() },
            None => {
                let payload = self.write_identify(self.presence.as_deref());
                IdentifyFrame { payload: payload.into(), carried: Vec::new() }
            }
        }
    }

    fn resume(&self, _: Option<&Token>, session: &Session) -> Bytes {
        let sequence = session.sequence().unwrap_or(Sequence(0));
        payload::resume(&self.token, session.id().unwrap_or_default(), sequence).into()
    }

    fn heartbeat(&self, sequence: Option<Sequence>) -> Bytes {
        payload::heartbeat(sequence).into()
    }

    fn beat_answer(&self) -> Bytes {
        payload::heartbeat(None).into()
    }

    fn close_row(&self, code: Option<CloseCode>) -> &'static CloseRow {
        close::close_row(code)
    }
}

/// Prints shard, intents and URL, never the token.
impl fmt::Debug for Discord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discord")
            .field("shard", &self.shard)
            .field("intents", &self.intents)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// The domain of Discord's own gateways.
const DOMAIN: &str = "discord.gg";

/// How often a presence may change: the gateway ignores what comes sooner. *(source: Gateway, Sending Events; the number is
/// observed, not documented)*
const PRESENCE_PACE: PaceLimit = PaceLimit { frames: 5, window: Duration::from_secs(20) };

fn presence_key() -> StandingKey {
    StandingKey("presence".into())
}
