//! A shard of a Discord bot, from its settings.

use crate::build_error::BuildError;
use crate::driver::{Driver, HostSleep};
use crate::identify::{Gates, IdentifyGate, SharedIdentify};
use crate::network::Network;
use crate::proxy::Proxy;
use crate::runtime::Runtime;
use crate::tls::Tls;
use crate::websocket::WebSocketLayer;
use core::fmt;
use core::time::Duration;
use portcullis::codec::{Compression, Encoding, Format, Inflater};
use portcullis::dialect::ShardId;
use portcullis::dialect::discord::{ForeignGuilds, IdentifyProperties, Intents, Presence};
use portcullis::machine::{Config, ResumeFrom, Session};
use portcullis::{Discord, GatewayMachine, Seed};
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

/// The settings of a shard of a Discord bot. The defaults suit a bot of one shard in production.
#[derive(Clone)]
pub struct Builder<R: Runtime> {
    runtime: R,
    token: String,
    intents: Intents,
    shard: ShardId,
    gateway: Option<String>,
    foreign_guilds: ForeignGuilds,
    presence: Option<Presence>,
    properties: Option<IdentifyProperties>,
    large_threshold: Option<u8>,
    format: Format,
    config: Config,
    resume: Vec<ResumeFrom>,
    network: Network,
    tls: Option<Tls>,
    proxy: Option<String>,
    user_agent: Option<String>,
    websocket: Option<WebSocketLayer>,
    headers: Vec<(String, String)>,
    seed: Option<Seed>,
    host_sleep: HostSleep,
    gates: Option<Gates>,
}

impl<R: Runtime + Default> Driver<Discord, R> {
    /// Begins a shard from the bot's token, with or without `Bot ` before it, and the intents: which events it wants.
    pub fn builder(token: impl Into<String>, intents: Intents) -> Builder<R> {
        Builder::new(R::default(), token, intents)
    }
}

impl<R: Runtime> Builder<R> {
    /// The same on any runtime.
    pub fn new(runtime: R, token: impl Into<String>, intents: Intents) -> Self {
        Self {
            runtime,
            token: token.into(),
            intents,
            shard: ShardId::ONE,
            gateway: None,
            presence: None,
            foreign_guilds: ForeignGuilds::default(),
            properties: None,
            large_threshold: None,
            format: Format::default(),
            config: Config::default(),
            resume: Vec::new(),
            network: Network::default(),
            tls: None,
            proxy: None,
            user_agent: None,
            websocket: None,
            headers: Vec::new(),
            seed: None,
            host_sleep: HostSleep::default(),
            gates: None,
        }
    }

    /// One of several shards, in place of the only one.
    #[must_use]
    pub fn shard(mut self, shard: ShardId) -> Self {
        self.shard = shard;
        self
    }

    /// Another gateway: a gateway proxy, or a fake one on this machine.
    ///
    /// A resume URL of another host, as of a gateway proxy that passes on Discord's, is reported
    /// (`Fault::ForeignResumeUrl`) and not dialed: the token stays with the host that it was given to, and the session
    /// is resumed there. For the query of the URL see [`Discord::with_gateway`].
    #[must_use]
    pub fn gateway(mut self, url: impl Into<String>) -> Self {
        self.gateway = Some(url.into());
        self
    }

    /// Whether commands about guilds of other shards are sent: they are refused unless set, since this shard's
    /// connection would get no answer to them.
    #[must_use]
    pub fn foreign_guilds(mut self, foreign_guilds: ForeignGuilds) -> Self {
        self.foreign_guilds = foreign_guilds;
        self
    }

    /// The presence to come online with.
    #[must_use]
    pub fn presence(mut self, presence: Presence) -> Self {
        self.presence = Some(presence);
        self
    }

    /// Other identify properties than the crate's.
    #[must_use]
    pub fn properties(mut self, properties: IdentifyProperties) -> Self {
        self.properties = Some(properties);
        self
    }

    /// From how many members on, 50 to 250, a guild comes without its offline members: 50 unless set.
    #[must_use]
    pub fn large_threshold(mut self, members: u8) -> Self {
        self.large_threshold = Some(members);
        self
    }

    /// How the gateway compresses what it sends: not at all unless set.
    ///
    /// `zlib-stream` makes most traffic a fifth to a tenth of its size. The events are the same.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.format.compression = compression;
        self
    }

    /// How payloads are written, both ways: as JSON unless set. Events come as JSON all the same.
    #[must_use]
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.format.encoding = encoding;
        self
    }

    /// Time-outs, policies and limits. Where it names no inflater, zlib is inflated by `zlib-rs` if the feature of that
    /// name is on, as it is by default.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// A session of an earlier run, to be resumed first, and how long ago it was exported: with `None` (unknown) it is
    /// tried once. For [`build_all`](Self::build_all) call it once for each shard.
    #[must_use]
    pub fn resume(mut self, session: Session, age: impl Into<Option<Duration>>) -> Self {
        self.resume.push(ResumeFrom { session, age: age.into() });
        self
    }

    /// How to reach the network, shared with other shards: see [`Network`]. A proxy, header, user agent or TLS
    /// configuration that is set on the builder as well applies to this shard only, whichever is set first.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Connects through a proxy: `http://user:password@host:port`, or `socks5://…`. See [`Proxy::parse`].
    #[must_use]
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Some(url.into());
        self
    }

    /// One more header for the gateway: see [`Network::with_header`].
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Another `User-Agent` than [`Network::USER_AGENT`].
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }

    /// Another implementation of WebSocket than the native one.
    #[must_use]
    pub fn websocket(mut self, layer: WebSocketLayer) -> Self {
        self.websocket = Some(layer);
        self
    }

    /// What to trust in place of the built-in certificate authorities.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// A fixed seed for jitter, so that a run can be repeated. Unless set it is drawn at random.
    #[must_use]
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = Some(seed);
        self
    }

    /// What to do when the host was asleep: unless set, connections that cannot have outlived the sleep are aborted.
    #[must_use]
    pub fn host_sleep(mut self, sleep: HostSleep) -> Self {
        self.host_sleep = sleep;
        self
    }

    /// The identify queue that all the bot's shards share, in place of a queue for this shard alone.
    #[must_use]
    pub fn identify(mut self, shared: &SharedIdentify) -> Self {
        self.gates = Some(Gates::Shared(shared.clone()));
        self
    }

    /// The application's own gates to identify through, one for each shard that is made: for a bot whose shards live in
    /// several processes.
    ///
    /// ```
    /// # use portcullis::{Intents, ShardId};
    /// # use portcullis_runtime::{BuildError, Builder, IdentifyGate, Runtime};
    /// # fn run<R: Runtime, G: IdentifyGate>(runtime: R, service: impl Fn(ShardId) -> G + Send + Sync + 'static) -> Result<(), BuildError> {
    /// // Shards 16 to 31 of 64; other processes have the others, and all ask one service.
    /// let builder = Builder::new(runtime, "a.bot.token", Intents::GUILDS);
    /// let shards = builder.identify_by(move |shard| service(shard)).build_shards(16..32, 64)?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn identify_by<G: IdentifyGate>(mut self, gate: impl Fn(ShardId) -> G + Send + Sync + 'static) -> Self {
        self.gates = Some(Gates::Own(Arc::new(move |shard| Box::new(gate(shard)))));
        self
    }

    pub(crate) fn runtime(&self) -> &R {
        &self.runtime
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) const fn gates(&self) -> Option<&Gates> {
        self.gates.as_ref()
    }

    pub(crate) fn seed_or_draw(&self) -> Seed {
        self.seed.unwrap_or_else(draw_seed)
    }

    /// The network, and what was set beside it.
    pub(crate) fn whole_network(&self) -> Result<Network, BuildError> {
        let mut network = self.network.clone();
        if let Some(tls) = &self.tls {
            network = network.with_tls(tls.clone());
        }
        if let Some(url) = &self.proxy {
            network = network.with_proxy(Proxy::parse(url)?);
        }
        if let Some(user_agent) = &self.user_agent {
            network = network.with_user_agent(user_agent)?;
        }
        if let Some(layer) = self.websocket {
            network = network.with_websocket(layer);
        }
        for (name, value) in &self.headers {
            network = network.with_header(name, value)?;
        }
        Ok(network)
    }

    /// The gateway that was named, or else this one.
    pub(crate) fn or_gateway(mut self, url: &str) -> Self {
        self.gateway.get_or_insert_with(|| url.to_owned());
        self
    }

    /// Takes the sessions to resume, each for its shard: the last that was given for it.
    pub(crate) fn take_sessions(&mut self) -> BTreeMap<Option<ShardId>, ResumeFrom> {
        let sessions = core::mem::take(&mut self.resume);
        sessions.into_iter().map(|resume| (resume.session.shard(), resume)).collect()
    }

    /// One of the shards that are made together, and its own session to resume, if it has one.
    pub(crate) fn of_many(mut self, shard: ShardId, session: Option<ResumeFrom>) -> Self {
        self.resume.extend(session);
        self.shard(shard)
    }

    /// Makes the shard. It connects at its first poll.
    ///
    /// # Errors
    /// [`BuildError`] names the setting that is wrong. Nothing was sent anywhere.
    pub fn build(self) -> Result<Driver<Discord, R>, BuildError> {
        let (network, seed) = (self.whole_network()?, self.seed_or_draw());
        let mut discord =
            Discord::new(self.token, self.intents)?.with_shard(self.shard).with_foreign_guilds(self.foreign_guilds);
        if let Some(url) = &self.gateway {
            discord = discord.with_gateway(url)?;
        }
        if let Some(properties) = self.properties {
            discord = discord.with_properties(properties)?;
        }
        if let Some(members) = self.large_threshold {
            discord = discord.with_large_threshold(members)?;
        }
        if let Some(presence) = &self.presence {
            discord = discord.with_presence(presence)?;
        }
        discord = discord.with_compression(self.format.compression)?.with_encoding(self.format.encoding)?;
        let mut config = self.config;
        config.inflater.get_or_insert(INFLATER);
        if let Some(resume_from) = self.resume.into_iter().next_back() {
            config.resume_from = Some(resume_from);
        }
        let machine = GatewayMachine::new(discord, config, seed)?;
        let shard = Driver::new(machine, self.runtime, network).with_host_sleep(self.host_sleep);
        Ok(match self.gates {
            Some(gates) => shard.with_gate(gates.gate(self.shard)),
            None => shard,
        })
    }
}

/// Prints what is set, never the token.
impl<R: Runtime> fmt::Debug for Builder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("intents", &self.intents)
            .field("shard", &self.shard)
            .field("format", &self.format)
            .field("resume", &self.resume)
            .finish_non_exhaustive()
    }
}

/// What inflates zlib where the config does not say.
#[cfg(feature = "zlib-rs")]
const INFLATER: Inflater = Inflater::ZlibRs;
#[cfg(not(feature = "zlib-rs"))]
const INFLATER: Inflater = Inflater::Miniz;

/// Draws a seed from the system, for jitter.
#[must_use]
pub fn draw_seed() -> Seed {
    // The keys of a map's hasher are random. That is enough for jitter, which need not be secret, and saves a crate.
    Seed(RandomState::new().hash_one(0_u8))
}
