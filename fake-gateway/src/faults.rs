//! What can be made to go wrong, for whom, and for how long.

use crate::damage::{Damage, LastPiece};
use crate::frames::Resumable;
use crate::input::ConnectionId;
use crate::session::{SessionId, Shard};
use core::time::Duration;
use portcullis::{CloseCode, Message};

/// Whom a deed or a fault concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Everyone.
    All,
    /// One connection.
    Connection(ConnectionId),
    /// One session, on whatever connection it is.
    Session(SessionId),
    /// The sessions of one shard. An Identify without a shard is `[0, 1]`.
    Shard(Shard),
    /// The sessions whose shard has this guild.
    Guild(u64),
}

/// How long a fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// The next time only.
    Next,
    /// The next times, this many.
    Times(u32),
    /// Until [`FakeGateway::lift`](crate::FakeGateway::lift).
    UntilLifted,
}

/// What goes wrong, each time its moment comes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The upgrade is answered with an HTTP status.
    RefuseUpgrade {
        /// The status.
        status: u16,
        /// The `Retry-After` header, if there is to be one.
        retry_after: Option<Duration>,
    },
    /// Hello is left out, late, or another message.
    Hello(Fate),
    /// An ack is left out, late, or another message.
    HeartbeatAck(Fate),
    /// Ready is left out, late, unnumbered, or another message; its session begins all the same.
    Ready(Fate),
    /// Resumed is left out, late, unnumbered, or another message; the replay before it is sent all the same.
    Resumed(Fate),
    /// An Identify that broke no rule of shape is not granted.
    Identify(Rebuff),
    /// A Resume that broke no rule of shape is not granted.
    Resume(Rebuff),
    /// Ready has another resume URL, or none.
    ResumeUrl(ResumeUrl),
    /// A live dispatch has a wrong number.
    Sequence(SequenceFault),
    /// A message is written in pieces.
    Split {
        /// In how many; no more than it has bytes, no fewer than one.
        pieces: u32,
        /// How long to wait before each but the first.
        gap: Duration,
    },
    /// The stream is cut within a message.
    Cut {
        /// How many bytes of the message leave; fewer than it has.
        bytes: usize,
    },
    /// Several messages leave in one write; what waits for more for a second leaves with what there is.
    Coalesce {
        /// How many.
        frames: u32,
    },
    /// A message leaves later, and what is sent behind it waits.
    Lag(Duration),
    /// A message stops within its WebSocket frame, and what is sent behind it waits.
    Stall {
        /// How many bytes of it leave first.
        bytes: usize,
        /// After what time the rest leaves; `None`: never.
        pause: Option<Duration>,
    },
    /// A payload of `zlib-stream` or `zstd-stream` comes in several WebSocket messages.
    Scatter {
        /// In how many; no more than it has bytes, nor than 10,000.
        messages: u32,
        /// How long the last of them is.
        last: LastPiece,
    },
    /// Several payloads of `zlib-stream` or `zstd-stream` come in one WebSocket message; what waits for more for a
    /// second leaves with what there is.
    Merge {
        /// How many.
        payloads: u32,
    },
    /// The bytes of a message are wrong.
    Damage(Damage),
    /// A new connection with `zlib-stream` or `zstd-stream` goes on with a context that its client does not have.
    KeepContext,
}

/// What happens to one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is left out; what comes after it comes.
    Omit,
    /// It comes this much later. Dispatches behind a Ready or Resumed wait with it; acks do not.
    Delay(Duration),
    /// It comes with `s` null and takes no number. Nothing changes for Hello and acks, which have none.
    Unnumbered,
    /// This comes instead.
    Instead(Message),
}

/// How a handshake is turned down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebuff {
    /// By op 9. The connection stays open.
    InvalidSession(Resumable),
    /// By a close frame, with a code or without.
    Close(Option<CloseCode>),
    /// By silence: the stream is cut.
    Drop,
    /// Not at all: no answer comes.
    Ignore,
}

/// What Ready says instead of the configured resume URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResumeUrl {
    /// The key is absent.
    Omit,
    /// Another URL.
    Instead(String),
    /// The configured one with this behind it: a path, a query.
    Extended(String),
}

/// What is wrong with a dispatch's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceFault {
    /// The dispatch comes twice, with the same number.
    Repeat,
    /// This many numbers before it are never used.
    Skip(u64),
}

/// Which fault, without its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// [`Fault::RefuseUpgrade`].
    RefuseUpgrade,
    /// [`Fault::Hello`].
    Hello,
    /// [`Fault::HeartbeatAck`].
    HeartbeatAck,
    /// [`Fault::Ready`].
    Ready,
    /// [`Fault::Resumed`].
    Resumed,
    /// [`Fault::Identify`].
    Identify,
    /// [`Fault::Resume`].
    Resume,
    /// [`Fault::ResumeUrl`].
    ResumeUrl,
    /// [`Fault::Sequence`].
    Sequence,
    /// [`Fault::Split`].
    Split,
    /// [`Fault::Cut`].
    Cut,
    /// [`Fault::Coalesce`].
    Coalesce,
    /// [`Fault::Lag`].
    Lag,
    /// [`Fault::Stall`].
    Stall,
    /// [`Fault::Scatter`].
    Scatter,
    /// [`Fault::Merge`].
    Merge,
    /// [`Fault::Damage`].
    Damage,
    /// [`Fault::KeepContext`].
    KeepContext,
}

impl FaultKind {
    /// Its stable name: lower case, words joined by hyphens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RefuseUpgrade => "refuse-upgrade",
            Self::Hello => "hello",
            Self::HeartbeatAck => "heartbeat-ack",
            Self::Ready => "ready",
            Self::Resumed => "resumed",
            Self::Identify => "identify",
            Self::Resume => "resume",
            Self::ResumeUrl => "resume-url",
            Self::Sequence => "sequence",
            Self::Split => "split",
            Self::Cut => "cut",
            Self::Coalesce => "coalesce",
            Self::Lag => "lag",
            Self::Stall => "stall",
            Self::Scatter => "scatter",
            Self::Merge => "merge",
            Self::Damage => "damage",
            Self::KeepContext => "keep-context",
        }
    }
}

impl Fault {
    /// Which one it is.
    #[must_use]
    pub const fn kind(&self) -> FaultKind {
        match self {
            Self::RefuseUpgrade { .. } => FaultKind::RefuseUpgrade,
            Self::Hello(_) => FaultKind::Hello,
            Self::HeartbeatAck(_) => FaultKind::HeartbeatAck,
            Self::Ready(_) => FaultKind::Ready,
            Self::Resumed(_) => FaultKind::Resumed,
            Self::Identify(_) => FaultKind::Identify,
            Self::Resume(_) => FaultKind::Resume,
            Self::ResumeUrl(_) => FaultKind::ResumeUrl,
            Self::Sequence(_) => FaultKind::Sequence,
            Self::Split { .. } => FaultKind::Split,
            Self::Cut { .. } => FaultKind::Cut,
            Self::Coalesce { .. } => FaultKind::Coalesce,
            Self::Lag(_) => FaultKind::Lag,
            Self::Stall { .. } => FaultKind::Stall,
            Self::Scatter { .. } => FaultKind::Scatter,
            Self::Merge { .. } => FaultKind::Merge,
            Self::Damage(_) => FaultKind::Damage,
            Self::KeepContext => FaultKind::KeepContext,
        }
    }
}

/// Who stands at a connection, to be matched with a [`Target`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Who {
    pub(super) connection: Option<ConnectionId>,
    pub(super) session: Option<(SessionId, Shard)>,
}

impl Target {
    pub(super) fn meets(self, who: Who) -> bool {
        match self {
            Self::All => true,
            Self::Connection(connection) => who.connection == Some(connection),
            Self::Session(id) => who.session.is_some_and(|(session, _)| session == id),
            Self::Shard(shard) => who.session.is_some_and(|(_, own)| own == shard),
            Self::Guild(guild) => who.session.is_some_and(|(_, own)| own.holds(guild)),
        }
    }
}

/// The faults that are armed, in the order they were; one of each kind for a target.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    armed: Vec<Armed>,
}

#[derive(Clone, Debug)]
struct Armed {
    target: Target,
    fault: Fault,
    span: Span,
}

impl Faults {
    pub(super) fn arm(&mut self, target: Target, fault: Fault, span: Span) {
        self.armed.retain(|armed| armed.target != target || armed.fault.kind() != fault.kind());
        if span != Span::Times(0) {
            self.armed.push(Armed { target, fault, span });
        }
    }

    pub(super) fn lift(&mut self, target: Target, kind: FaultKind) {
        self.armed.retain(|armed| armed.fault.kind() != kind || (target != Target::All && armed.target != target));
    }

    pub(super) fn lift_all(&mut self) {
        self.armed.clear();
    }

    /// Disarms what was armed for a connection that is no more.
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        self.armed.retain(|armed| armed.target != Target::Connection(connection));
    }

    /// The fault of this kind that would strike now.
    pub(super) fn armed(&self, kind: FaultKind, who: Who) -> Option<&Fault> {
        let meets = |armed: &&Armed| armed.fault.kind() == kind && armed.target.meets(who);
        self.armed.iter().find(meets).map(|armed| &armed.fault)
    }

    /// The fault of this kind that now strikes, used up by one.
    pub(super) fn strike(&mut self, kind: FaultKind, who: Who) -> Option<Fault> {
        let meets = |armed: &Armed| armed.fault.kind() == kind && armed.target.meets(who);
        let index = self.armed.iter().position(meets)?;
        let armed = &mut self.armed[index];
        match armed.span {
            Span::UntilLifted => Some(armed.fault.clone()),
            Span::Times(times) if times > 1 => {
                armed.span = Span::Times(times - 1);
                Some(armed.fault.clone())
            }
            Span::Next | Span::Times(_) => Some(self.armed.remove(index).fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACKS: Fault = Fault::HeartbeatAck(Fate::Omit);

    fn at(connection: u64) -> Who {
        Who { connection: Some(ConnectionId(connection)), session: None }
    }

    #[test]
    fn a_fault_strikes_as_often_as_its_span_says() {
        for (span, strikes) in [(Span::Next, 1), (Span::Times(0), 0), (Span::Times(3), 3), (Span::UntilLifted, 9)] {
            let mut faults = Faults::default();
            faults.arm(Target::All, ACKS, span);
            let struck = (0..9).filter(|_| faults.strike(FaultKind::HeartbeatAck, at(1)).is_some()).count();
            assert_eq!(struck, strikes, "{span:?}");
        }
    }

    #[test]
    fn a_fault_strikes_its_target_only_until_it_is_lifted() {
        let mut faults = Faults::default();
        let one = Target::Connection(ConnectionId(1));
        faults.arm(one, ACKS, Span::UntilLifted);
        assert_eq!(faults.strike(FaultKind::HeartbeatAck, at(2)), None);
        assert_eq!(faults.strike(FaultKind::Hello, at(1)), None);
        assert_eq!(faults.strike(FaultKind::HeartbeatAck, at(1)), Some(ACKS));
        faults.lift(Target::Connection(ConnectionId(2)), FaultKind::HeartbeatAck);
        assert_eq!(faults.strike(FaultKind::HeartbeatAck, at(1)), Some(ACKS));
        faults.lift(Target::All, FaultKind::HeartbeatAck);
        assert_eq!(faults.strike(FaultKind::HeartbeatAck, at(1)), None);
    }
}
