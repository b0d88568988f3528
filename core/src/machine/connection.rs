//! What lives and dies with one connection: its write, its send limit, its permit to identify.
//!
//! # Invariants
//! * `one-write`: at most one `Send` is outstanding.
//! * `two-exits`: a connection ends through [`Connection::leave`] (we close) or [`Connection::gone`] (the socket is no more), and they
//!   alone give a permit back or a command its outcome.

use super::action::Action;
use super::context::Context;
use super::event::Fault;
use super::heart::{BeatKind, Heart};
use super::outbox::Pending;
use super::outcome::Outcome;
use super::pace::Pace;
use super::timer::Timer;
use crate::codec::Codec;
use crate::dialect::{Repeat, StandingKey};
use crate::message::{ConnectionId, Sequence};
use crate::time::Timestamp;
use alloc::vec::Vec;
use bytes::Bytes;

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) opened: Timestamp,
    write: Write,
    pub(super) permit: Permit,
    pub(super) pace: Pace,
    pub(super) codec: Codec,
    owed_answers: u32,
    refusing: Refusing,
}

/// Whether the last heartbeat request was left unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusing {
    No,
    Yes,
}

/// The outstanding `Send`.
#[derive(Clone, Debug)]
pub(super) enum Write {
    Idle,
    Busy { what: Writing, give_up: Timestamp },
}

/// What is being written.
#[derive(Clone, Debug)]
pub(super) enum Writing {
    Beat {
        sequence: Option<Sequence>,
    },
    /// With the standing commands that it carries.
    Identify {
        commands: Vec<Pending>,
    },
    Resume {
        sequence: Option<Sequence>,
    },
    Standing(StandingKey),
    Command(Pending),
}

/// The permit to identify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permit {
    None,
    Requested,
    Denied { until: Timestamp },
    Granted,
}

impl Connection {
    pub(super) fn new(id: ConnectionId, cx: &Context) -> Self {
        let pace = Pace::new(cx.limits.pace);
        let codec = Codec::new(cx.dialect.format(), cx.config.inflater.unwrap_or_default());
        Self {
            id,
            opened: cx.now,
            write: Write::Idle,
            permit: Permit::None,
            pace,
            codec,
            owed_answers: 0,
            refusing: Refusing::No,
        }
    }

    /// Starts a write. The caller has seen that none is outstanding and that the pace allows it.
    pub(super) fn start(&mut self, payload: Bytes, what: Writing, cx: &mut Context) {
        debug_assert!(self.is_idle(), "one-write: a second send on {}", self.id);
        self.pace.stamp(cx.now);
        cx.counts.frames_out += 1;
        let message = cx.dialect.format().encoding.message(payload);
        let len = message.bytes().len();
        cx.counts.bytes_out += len as u64;
        super::trace::frame_out(self.id, what.name(), what.sequence(), len);
        cx.actions.push(Action::Send { connection: self.id, message });
        self.write = Write::Busy { what, give_up: cx.now + cx.config.timeouts.write };
    }

    /// The socket has taken the outstanding write. A `Sent` without one is stale.
    pub(super) fn sent(&mut self, cx: &mut Context) {
        match core::mem::replace(&mut self.write, Write::Idle) {
            Write::Idle => cx.counts.stale += 1,
            Write::Busy { what, .. } => {
                self.pace.restamp(cx.now);
                what.sent(cx);
            }
        }
    }

    /// Sends the beat that is due or owed, if the write is free.
    pub(super) fn beat(&mut self, heart: &mut Heart, sequence: Option<Sequence>, cx: &mut Context) {
        if !self.may_write(cx.now) {
            return;
        }
        match heart {
            Heart::Ours(ours) if ours.due() <= cx.now => {
                ours.beat(cx.now, BeatKind::Periodic, cx.counts.bytes_in);
                self.codec.rest();
            }
            Heart::Ours(ours) if self.owed_answers > 0 => {
                if !self.pace.take_answer(cx.now) {
                    // There was room when they were asked for; a beat that fell due before them has it.
                    let owed = core::mem::take(&mut self.owed_answers);
                    return self.refuse_answers(owed, cx);
                }
                self.owed_answers -= 1;
                ours.beat(cx.now, BeatKind::Requested, cx.counts.bytes_in);
            }
            Heart::Theirs { .. } if self.owed_answers > 0 => {
                self.owed_answers -= 1;
                let answer = cx.dialect.beat_answer();
                return self.start(answer, Writing::Beat { sequence: None }, cx);
            }
            Heart::Ours(_) | Heart::Theirs { .. } => return,
        }
        cx.counts.beats_sent += 1;
        let beat = cx.dialect.heartbeat(sequence);
        self.start(beat, Writing::Beat { sequence }, cx);
    }

    /// The gateway wants a beat, or its own answered. Beyond what the send limit has room for it is refused.
    pub(super) fn owe_answer(&mut self, heart: &Heart, cx: &mut Context) {
        let may = match heart {
            Heart::Ours(_) => self.pace.may_answer(cx.now, self.owed_answers),
            Heart::Theirs { .. } => self.owed_answers < super::pace::ANSWERS,
        };
        if may {
            self.owed_answers = self.owed_answers.saturating_add(1);
            self.refusing = Refusing::No;
        } else {
            self.refuse_answers(1, cx);
        }
    }

    /// Leaves heartbeat requests unanswered. The first of a run is told: a gateway that asks on and on gives no more.
    fn refuse_answers(&mut self, count: u32, cx: &mut Context) {
        cx.counts.beats_refused += u64::from(count);
        if self.refusing == Refusing::No {
            self.refusing = Refusing::Yes;
            cx.fault(Fault::RequestUnanswered);
        }
    }

    /// Tells when write and heart are due.
    pub(super) fn timers(&self, heart: &Heart, now: Timestamp, due: &mut impl FnMut(Timestamp, Timer)) {
        match (&self.write, heart) {
            (Write::Busy { give_up, .. }, Heart::Theirs { .. }) => due(*give_up, Timer::Write),
            (Write::Busy { give_up, .. }, Heart::Ours(ours)) => {
                due(*give_up, Timer::Write);
                // What is due behind a write goes out when the write has come to its end.
                if ours.due() > now {
                    due(ours.due(), Timer::Heartbeat);
                }
            }
            (Write::Idle, _) if self.owed_answers > 0 => due(self.pace.beat_at(now), Timer::Heartbeat),
            (Write::Idle, Heart::Ours(ours)) => due(ours.due().max(self.pace.beat_at(now)), Timer::Heartbeat),
            (Write::Idle, Heart::Theirs { .. }) => {}
        }
        if let Heart::Theirs { give_up, .. } = heart {
            due(give_up.at(), Timer::Silence);
        }
    }

    /// Whether something of ours that is no command may be written now: nothing is being written, and the send limit has
    /// room, the reserve for heartbeats included.
    pub(super) fn may_write(&self, now: Timestamp) -> bool {
        self.is_idle() && self.pace.beat_at(now) <= now
    }

    /// Whether the socket has not taken the outstanding write in time.
    pub(super) fn write_is_late(&self, now: Timestamp) -> bool {
        match self.write {
            Write::Idle => false,
            Write::Busy { give_up, .. } => now >= give_up,
        }
    }

    /// Asks for leave to identify.
    pub(super) fn request_permit(&mut self, cx: &mut Context) {
        cx.actions.push(Action::RequestIdentify { connection: self.id });
        self.permit = Permit::Requested;
    }

    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.write, Write::Idle)
    }

    /// We send a close frame: the permit is released, and the outstanding write goes on, to be settled in Closing.
    pub(super) fn leave(self, cx: &mut Context) -> (ConnectionId, Write) {
        self.end(cx);
        (self.id, self.write)
    }

    /// The socket is gone, or we abort it: the permit is released, and the outstanding write is settled.
    pub(super) fn gone(self, cx: &mut Context) {
        self.end(cx);
        self.write.gone(cx);
    }

    fn end(&self, cx: &mut Context) {
        cx.outbox.end_hold();
        if matches!(self.permit, Permit::Requested | Permit::Granted) {
            cx.actions.push(Action::ReleaseIdentify { connection: self.id });
        }
    }
}

impl Write {
    /// The socket is no more: what was being written has its outcome, or goes first again.
    pub(super) fn gone(self, cx: &mut Context) {
        match self {
            Self::Busy { what: Writing::Command(pending), .. } => Self::settle_interrupted(pending, cx),
            Self::Busy { what: Writing::Identify { commands }, .. } => {
                for pending in commands.into_iter().rev() {
                    Self::settle_interrupted(pending, cx);
                }
            }
            Self::Busy { what: Writing::Standing(key), .. } => cx.outbox.put_back_standing(key),
            Self::Idle | Self::Busy { what: Writing::Beat { .. } | Writing::Resume { .. }, .. } => {}
        }
    }

    /// Settles a command whose connection died during its write. It goes first again if it is `Repeat::Harmless` and no
    /// newer command of its key waits; otherwise it ends as `Outcome::Unknown`, since bytes of it may have left.
    fn settle_interrupted(pending: Pending, cx: &mut Context) {
        // Its session was lost before this: with it went the commands that waited, and this one is of their kind.
        let is_of_another_session = pending.epoch != cx.epoch();
        let over = match pending.repeat {
            Repeat::Harmless
                if is_of_another_session && cx.outbox.ends_with_session(&pending, cx.config.on_session_lost) =>
            {
                Some(pending.id)
            }
            Repeat::Harmless => cx.outbox.put_back(pending),
            Repeat::Never => Some(pending.id),
        };
        if let Some(id) = over {
            cx.report_outcome(id, Outcome::Unknown);
        }
    }
}

impl Writing {
    /// The socket has all of it.
    pub(super) fn sent(self, cx: &mut Context) {
        match self {
            Self::Command(pending) => {
                if let Some(key) = &pending.key {
                    cx.outbox.restamp(key, cx.now);
                }
                cx.report_outcome(pending.id, Outcome::Sent);
            }
            Self::Identify { commands } => {
                for pending in commands {
                    cx.report_outcome(pending.id, Outcome::Sent);
                }
            }
            Self::Standing(key) => cx.outbox.restamp(&key, cx.now),
            Self::Beat { .. } | Self::Resume { .. } => {}
        }
    }

    /// The sequence that the frame tells the gateway.
    const fn sequence(&self) -> Option<Sequence> {
        match self {
            Self::Beat { sequence } | Self::Resume { sequence } => *sequence,
            Self::Identify { .. } | Self::Standing(_) | Self::Command(_) => None,
        }
    }

    /// The frame's kind, for traces.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Beat { .. } => "heartbeat",
            Self::Identify { .. } => "identify",
            Self::Resume { .. } => "resume",
            Self::Standing(_) | Self::Command(_) => "command",
        }
    }
}
