//! The machine: its parts, and the one call that drives them.
//!
//! `connections` and `sessions` each own their state; `context` is what belongs to neither. Whatever needs several of
//! them is a method here: `lifecycle.rs` (upgrades, closes), `receive.rs` and `handshake.rs` (clients' frames),
//! `delivery.rs` (frames to clients), `control.rs` and `perform.rs` (what a test or a script does), `inspect.rs`.

use crate::clock::Timer;
use crate::config::{AcceptedToken, FakeConfig, SessionFate};
use crate::connections::Connections;
use crate::context::Context;
use crate::guilds::Guilds;
use crate::identify_limit::IdentifyLimit;
use crate::input::{Actions, Input};
use crate::late::LateFrames;
use crate::members_limit::MembersLimit;
use crate::perform::Acted;
use crate::rules::Rule;
use crate::script::{Play, Script};
use crate::sessions::Sessions;
use portcullis::{CloseCode, Timestamp};

/// The server's side of the gateway, without I/O: many connections and sessions of one application.
///
/// Same config and same calls give the same actions, byte for byte.
#[derive(Debug)]
pub struct FakeGateway {
    pub(super) context: Context,
    pub(super) connections: Connections,
    pub(super) sessions: Sessions,
    pub(super) late: LateFrames,
    pub(super) identify_limit: IdentifyLimit,
    pub(super) members_limit: MembersLimit,
    pub(super) guilds: Guilds,
    pub(super) script: Box<Play>,
}

impl FakeGateway {
    /// A gateway without connections.
    #[must_use]
    pub fn new(config: FakeConfig) -> Self {
        Self {
            connections: Connections::default(),
            sessions: Sessions::new(config.seed),
            late: LateFrames::default(),
            identify_limit: IdentifyLimit::default(),
            members_limit: MembersLimit::default(),
            guilds: Guilds::default(),
            script: Box::new(Play::new(Timestamp::ZERO, Script::default(), config.seed)),
            context: Context::new(config),
        }
    }

    /// Takes what happened, does what is due, and says what to do.
    ///
    /// Never fails and never panics: a `now` older than one already seen counts as the newest seen, and inputs of
    /// connections that are not open are counted and passed over.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Actions<'_> {
        self.context.clock.see(now);
        match input {
            Input::Upgrade { connection, path_and_query } => self.upgrade(connection, &path_and_query),
            Input::Message(connection, message) => self.message(connection, &message),
            Input::Malformed(connection, why) => self.malformed(connection, why),
            Input::Closed(connection, code) => self.closed(connection, code),
            Input::Confirmed(connection) => self.pour(connection),
            Input::Tick => {}
        }
        self.settle();
        let wait = self.context.clock.first();
        Actions { queue: &mut self.context.actions, wait }
    }

    /// When to call with [`Input::Tick`] at the latest. At once, the newest moment seen, while actions wait to be
    /// taken: so a deed done between two calls is carried out by a driver that only keeps deadlines.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        if self.context.actions.is_empty() { self.context.clock.first() } else { Some(self.context.now()) }
    }

    /// A gateway equal to this one, which goes on as this one would; `None` while a connection has a compressor, whose
    /// state cannot be copied. With [`Blocks::Stored`](crate::Blocks::Stored) none has.
    #[must_use]
    pub fn fork(&self) -> Option<Self> {
        Some(Self {
            context: self.context.clone(),
            connections: self.connections.fork()?,
            sessions: self.sessions.clone(),
            late: self.late.clone(),
            identify_limit: self.identify_limit.clone(),
            members_limit: self.members_limit.clone(),
            guilds: self.guilds.clone(),
            script: self.script.clone(),
        })
    }

    /// Which token opens a session from now on, with a new day's budget of Identifies. Sessions that live go on.
    pub fn accept_token(&mut self, token: AcceptedToken) {
        self.context.config.token = token;
        self.identify_limit.renew();
    }

    /// Does what is due, and what a script makes of it, until nothing is.
    fn settle(&mut self) {
        loop {
            match self.context.clock.pop_due() {
                Some(timer) => self.due(timer),
                None if self.act() == Acted::Nothing => return,
                None => {}
            }
        }
    }

    fn due(&mut self, timer: Timer) {
        match timer {
            Timer::Late(number) => {
                if let Some((connection, message)) = self.late.take(number) {
                    self.send(connection, message);
                }
            }
            Timer::Held(connection) => self.send_held(connection),
            Timer::Batch(connection) => self.release(connection),
            Timer::Heartbeat(connection) => self.breach(connection, Rule::SessionTimedOut),
            Timer::Reconnect(connection) => {
                self.end(connection, Some(CloseCode(4000)), "Reconnect.", SessionFate::Kept);
            }
            Timer::Expiry(key) => self.sessions.end(&mut self.context, key),
            // What a script has due is done in `settle`, behind all timers.
            Timer::Script => {}
        }
    }
}
