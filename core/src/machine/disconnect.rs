//! The way out of a connection: what it had in hand, what is decided about it, and what comes after the socket is gone.

use super::cause::Cause;
use super::closing::Ended;
use super::context::Context;
use super::event::{EndReason, Event};
use super::idle::{InBackoff, TokenWait};
use super::requested::Shutdown;
use super::resumption::{Handshake, Resumption};
use super::state::State;
use crate::dialect::{Plan, TokenFate};
use crate::message::{CloseCode, CloseReason};
use crate::session::Session;
use alloc::boxed::Box;
use core::time::Duration;

/// How a connection is left.
#[derive(Clone, Debug)]
pub(super) enum CloseMode {
    /// We send a close frame, and wait for the socket to go.
    Close(CloseCode),
    /// We drop the socket.
    Abort,
    /// The socket is gone already.
    Gone(CloseReason),
}

/// How a connection was lost or left, and the rules for the next.
#[derive(Clone, Debug)]
pub(super) struct Disconnect {
    pub(super) cause: Cause,
    pub(super) session_fate: SessionFate,
    /// The least wait before the next connection.
    pub(super) floor: Duration,
    /// The most Resumes that the session may still be tried with.
    pub(super) tries: u32,
    pub(super) count: BackoffCount,
}

/// What happens to the session, or that the machine ends.
#[derive(Clone, Debug)]
pub(super) enum SessionFate {
    /// The session is kept, if there is one and its tries are not used up.
    Keep,
    /// The session is dropped.
    Lose,
    /// There is no next connection.
    End { reason: EndReason, kept: Option<Session> },
}

/// Whether a disconnect counts towards the backoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BackoffCount {
    /// It does.
    Counted,
    /// It was asked for, and does not.
    Exempt,
}

impl Disconnect {
    pub(super) const fn keep(cause: Cause) -> Self {
        Self {
            cause,
            session_fate: SessionFate::Keep,
            floor: Duration::ZERO,
            tries: u32::MAX,
            count: BackoffCount::Counted,
        }
    }

    pub(super) fn lose(cause: Cause) -> Self {
        Self { session_fate: SessionFate::Lose, ..Self::keep(cause) }
    }

    pub(super) const fn end(reason: EndReason, kept: Option<Session>, cause: Cause) -> Self {
        let session_fate = SessionFate::End { reason, kept };
        Self { cause, session_fate, floor: Duration::ZERO, tries: 0, count: BackoffCount::Counted }
    }

    /// What a close code asks for, by the config and the dialect's table.
    pub(super) fn of_code(code: Option<CloseCode>, cause: Cause, cx: &mut Context) -> Self {
        let recovery = cx.recovery(code);
        if code.is_some() && cx.dialect.close_row(code).code.is_none() {
            cx.counts.unknown_codes += 1;
        }
        if recovery.token == TokenFate::Renew {
            cx.token.refuse();
        }
        let pause = cx.pause(code, &recovery);
        let keep = Self { floor: cx.asked_wait(pause), tries: recovery.tries, ..Self::keep(cause) };
        match (recovery.plan, code) {
            (Plan::Resume, _) => keep,
            (Plan::Identify, _) => Self { session_fate: SessionFate::Lose, ..keep },
            (Plan::End, code) => {
                let row = cx.dialect.close_row(code);
                let code = code.unwrap_or(ABNORMAL);
                let reason = EndReason::Refused { code, name: row.name, advice: row.advice };
                Self::end(reason, None, cause)
            }
        }
    }
}

/// What a connection had in hand when it was left.
#[derive(Clone, Debug)]
pub(super) enum InHand {
    /// The connection ended before a Resume was sent on it; or it was one that identifies.
    Untried(Handshake),
    /// A Resume was sent, and led to no Resumed.
    Tried(Resumption),
    /// A live session.
    Live(Session),
}

impl InHand {
    /// What comes after the connection.
    pub(super) fn after(self, disconnect: Disconnect, cx: &mut Context) -> NextState {
        let Disconnect { cause, session_fate, floor, tries, count } = disconnect;
        let in_hand = match self {
            Self::Untried(Handshake::Identify) => None,
            Self::Untried(Handshake::Resume(mut resumption)) => {
                match (cause, count) {
                    (_, BackoffCount::Exempt) => {}
                    (Cause::ReconnectRequested, BackoffCount::Counted) => resumption.tries.note_moved(cx.now),
                    (_, BackoffCount::Counted) => resumption.tries.note_unreachable(),
                }
                Some(resumption)
            }
            Self::Tried(mut resumption) => {
                match (cause, count) {
                    (_, BackoffCount::Exempt) => {}
                    (Cause::ReconnectRequested, BackoffCount::Counted) => resumption.tries.note_moved(cx.now),
                    (_, BackoffCount::Counted) => resumption.tries.note_unanswered(cx.now),
                }
                Some(resumption)
            }
            Self::Live(session) => Some(Resumption::fresh(session)),
        };
        let plan = match (session_fate, in_hand) {
            (SessionFate::End { reason, kept }, _) => return NextState::End { reason, kept },
            (_, None) => Handshake::Identify,
            (SessionFate::Lose, Some(_)) => {
                cx.lose_session(cause);
                Handshake::Identify
            }
            (SessionFate::Keep, Some(mut resumption)) => {
                resumption.tries.at_most(tries);
                if !resumption.session.is_resumable() {
                    cx.lose_session(cause);
                    Handshake::Identify
                } else if resumption.tries.may_go_on(cx.now, &cx.config.resume) {
                    Handshake::Resume(resumption)
                } else {
                    cx.lose_session(Cause::ResumesExhausted);
                    Handshake::Identify
                }
            }
        };
        NextState::Reconnect { plan, floor, count, cause }
    }
}

/// What comes after the socket is gone.
#[derive(Clone, Debug)]
pub(super) enum NextState {
    Reconnect { plan: Handshake, floor: Duration, count: BackoffCount, cause: Cause },
    End { reason: EndReason, kept: Option<Session> },
}

impl NextState {
    /// Ends a machine that has no connection to leave.
    pub(super) fn finish(reason: EndReason, kept: Option<Session>, cause: Cause, cx: &mut Context) -> State {
        cx.cause = cause;
        Self::End { reason, kept }.enter(cx)
    }

    /// The socket is gone: what comes after it, comes now.
    pub(super) fn enter(self, cx: &mut Context) -> State {
        let (reason, kept) = match self {
            Self::End { reason, kept } => (reason, kept),
            Self::Reconnect { plan, floor, count, cause } => {
                if count == BackoffCount::Counted {
                    cx.attempts = cx.attempts.saturating_add(1);
                }
                match cx.config.backoff.attempts {
                    Some(most) if cx.attempts > most => {
                        cx.cause = Cause::AttemptsExhausted;
                        (EndReason::AttemptsExhausted { attempts: most }, plan.into_session())
                    }
                    Some(_) | None => return Self::wait(plan, floor, count, cause, cx),
                }
            }
        };
        cx.end(reason.clone());
        State::Ended(Box::new(Ended { reason, kept }))
    }

    fn wait(plan: Handshake, floor: Duration, count: BackoffCount, cause: Cause, cx: &mut Context) -> State {
        let attempt = match count {
            BackoffCount::Counted => cx.attempts,
            BackoffCount::Exempt => 1,
        };
        let after = cx.config.backoff.wait(attempt, &mut cx.rng).max(floor);
        let until = cx.now + after;
        let plan = match plan {
            // The session's time runs out in the wait.
            Handshake::Resume(resumption) if !resumption.tries.may_go_on(until, &cx.config.resume) => {
                cx.lose_session(Cause::ResumesExhausted);
                Handshake::Identify
            }
            plan @ (Handshake::Resume(_) | Handshake::Identify) => plan,
        };
        cx.event(Event::Reconnecting { after, plan: plan.plan(), cause });
        State::Backoff(Box::new(InBackoff { until, plan, token: TokenWait::NotRequested }))
    }

    /// Applies the peer's own close code, which crossed ours, where it asks for something worse: an Identify, the end, a
    /// longer wait. How often a Resume may be tried stays: the connection was left by our own decision.
    pub(super) fn merge_peer_code(self, theirs: Option<CloseCode>, cx: &mut Context) -> Self {
        let Some(code) = theirs else { return self };
        let Disconnect { session_fate, floor: theirs, .. } = Disconnect::of_code(Some(code), Cause::Closed(code), cx);
        let (plan, floor, count, cause) = match self {
            Self::End { .. } => return self,
            Self::Reconnect { plan, floor, count, cause } => (plan, floor.max(theirs), count, cause),
        };
        let plan = match (session_fate, plan) {
            (SessionFate::End { reason, kept }, _) => return Self::End { reason, kept },
            (SessionFate::Lose, Handshake::Resume(_)) => {
                cx.lose_session(Cause::Closed(code));
                Handshake::Identify
            }
            (SessionFate::Lose, Handshake::Identify) => Handshake::Identify,
            (SessionFate::Keep, plan) => plan,
        };
        Self::Reconnect { plan, floor, count, cause }
    }

    /// The application asks to stop while the connection is being closed.
    pub(super) fn shut_down(self, shutdown: Shutdown) -> Self {
        match (self, shutdown) {
            (Self::Reconnect { plan: Handshake::Resume(resumption), .. }, Shutdown::KeepSession) => {
                Self::End { reason: EndReason::Shutdown, kept: Some(resumption.session) }
            }
            (Self::Reconnect { .. }, _) => Self::End { reason: EndReason::Shutdown, kept: None },
            (Self::End { reason, .. }, Shutdown::EndSession) => Self::End { reason, kept: None },
            (end @ Self::End { .. }, Shutdown::KeepSession) => end,
        }
    }

    pub(super) const fn session(&self) -> Option<&Session> {
        match self {
            Self::Reconnect { plan: Handshake::Resume(resumption), .. } => Some(&resumption.session),
            Self::Reconnect { plan: Handshake::Identify, .. } => None,
            Self::End { kept, .. } => kept.as_ref(),
        }
    }
}

/// What a connection that ended without a code is called where a code must be named (RFC 6455 §7.4.1).
const ABNORMAL: CloseCode = CloseCode(1006);
