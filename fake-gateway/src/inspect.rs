//! What a test asks of the gateway: what came, what was broken, who is there. Nothing here changes what it does.

use crate::config::FakeConfig;
use crate::event::Event;
use crate::gateway::FakeGateway;
use crate::habit::Observation;
use crate::input::ConnectionId;
use crate::record::{Arrival, Breach, Counters, Received};
use crate::rest::{self, HttpAnswer};
use crate::session::SessionStatus;
use portcullis::Timestamp;

impl FakeGateway {
    /// The config it was made with, and what was changed since.
    #[must_use]
    pub const fn config(&self) -> &FakeConfig {
        &self.context.config
    }

    /// The last connections that asked for an upgrade, oldest first.
    #[must_use]
    pub fn arrivals(&self) -> impl DoubleEndedIterator<Item = &Arrival> {
        self.context.log.arrivals()
    }

    /// The last frames received, oldest first.
    #[must_use]
    pub fn received(&self) -> impl DoubleEndedIterator<Item = &Received> {
        self.context.log.received()
    }

    /// The last rules broken, oldest first.
    #[must_use]
    pub fn breaches(&self) -> impl DoubleEndedIterator<Item = &Breach> {
        self.context.log.breaches()
    }

    /// The last habits that clients showed, oldest first: what the documentation forbids and the real gateway takes.
    #[must_use]
    pub fn habits(&self) -> impl DoubleEndedIterator<Item = &Observation> {
        self.context.log.habits()
    }

    /// How often things happened.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.context.log.counters
    }

    /// The connections that are open, by their number.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.connections.ids()
    }

    /// The sessions that live, in the order they began.
    pub fn sessions(&self) -> impl Iterator<Item = SessionStatus> {
        self.sessions.iter().map(|session| SessionStatus {
            id: session.id,
            shard: session.shard,
            intents: session.intents,
            sequence: session.sequence,
            connection: session.connection,
        })
    }

    /// Keeps what happens from now on, for [`FakeGateway::take_events`]: the last 65,536.
    pub fn watch(&mut self) {
        self.context.log.watch();
    }

    /// Takes what happened since the last call, in order. Nothing if it is not watched.
    pub fn take_events(&mut self) -> impl Iterator<Item = Event> + use<> {
        self.context.log.take_events().into_iter()
    }

    /// Answers a request for `GET /gateway`, `/gateway/bot`, `/users/@me` or `/applications/@me`; with 404 or 405 any
    /// other, and with 401 when the `Authorization` header does not have the right token and the path needs one.
    #[must_use]
    pub fn http(&self, now: Timestamp, method: &str, target: &str, authorization: Option<&str>) -> HttpAnswer {
        rest::answer(
            &self.context.config,
            || self.identify_limit.left(now, self.context.config.daily_limit),
            method,
            target,
            authorization,
        )
    }
}
