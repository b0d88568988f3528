//! How a machine fares, in numbers.

use super::event_counts::EventCounts;
use super::phase::Phase;
use crate::message::Sequence;
use crate::session::Shortened;
use crate::time::Timestamp;
use alloc::borrow::Cow;
use core::fmt;
use core::time::Duration;

/// How a machine fares, at one moment.
#[derive(Clone)]
#[non_exhaustive]
pub struct Health<'a> {
    /// Where it stands.
    pub phase: Phase,
    /// Whether events flow.
    pub is_ready: bool,
    /// Whether it will connect again when its connection is lost.
    pub can_reconnect: bool,
    /// How long the current connection has been open.
    pub connection_age: Option<Duration>,
    /// How long it was in session, all connections together.
    pub time_online: Duration,
    /// Connects in a row without a session that lived.
    pub attempts: u32,
    /// The last sequence received.
    pub sequence: Option<Sequence>,
    /// The session's id. It prints shortened.
    pub session_id: Option<Cow<'a, str>>,
    /// The latency of the last acknowledged heartbeat.
    pub latency: Option<Duration>,
    /// The latency, smoothed: each new one counts an eighth.
    pub latency_smoothed: Option<Duration>,
    /// When the last heartbeat was acknowledged.
    pub last_ack: Option<Timestamp>,
    /// Counts since the start.
    pub counts: Counts,
    /// Events by name.
    pub events: Cow<'a, EventCounts>,
}

impl Health<'_> {
    /// The same, for keeping: it borrows nothing from the machine.
    #[must_use]
    pub fn into_owned(self) -> Health<'static> {
        Health {
            session_id: self.session_id.map(|id| Cow::Owned(id.into_owned())),
            events: Cow::Owned(self.events.into_owned()),
            ..self
        }
    }
}

impl fmt::Debug for Health<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health")
            .field("phase", &self.phase)
            .field("connection_age", &self.connection_age)
            .field("attempts", &self.attempts)
            .field("sequence", &self.sequence)
            .field("session_id", &self.session_id.as_deref().map(Shortened))
            .field("latency", &self.latency)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

/// Counts since a machine's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Connections that were opened.
    pub connections: u64,
    /// Frames received.
    pub frames_in: u64,
    /// Bytes received in frames.
    pub bytes_in: u64,
    /// Frames sent.
    pub frames_out: u64,
    /// Bytes sent in frames.
    pub bytes_out: u64,
    /// Heartbeats sent.
    pub beats_sent: u64,
    /// Heartbeats acknowledged.
    pub beats_acked: u64,
    /// Heartbeat requests that the send limit left no room to answer.
    pub beats_refused: u64,
    /// Identifies sent.
    pub identifies: u64,
    /// Resumes that succeeded.
    pub resumes: u64,
    /// Times that sequences were skipped.
    pub gaps: u64,
    /// Dispatches that came again and were dropped; [`Fault::Repeated`](super::Fault::Repeated) tells of them.
    pub duplicates: u64,
    /// Dispatches that [`Config::events`](super::Config::events) kept from the application.
    pub filtered: u64,
    /// Frames that could not be read.
    pub malformed: u64,
    /// Close codes that the dialect's table does not know.
    pub unknown_codes: u64,
    /// Inputs of an old connection, or out of their phase, that were ignored.
    pub stale: u64,
}

/// The latency of heartbeats.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Latency {
    pub(super) last: Option<Duration>,
    pub(super) smoothed: Option<Duration>,
    pub(super) acked_at: Option<Timestamp>,
}

impl Latency {
    pub(super) fn note(&mut self, now: Timestamp, latency: Duration) {
        self.last = Some(latency);
        self.acked_at = Some(now);
        self.smoothed = Some(self.smoothed.map_or(latency, |smoothed| (smoothed * 7).saturating_add(latency) / 8));
    }
}
