//! The way out of a connection: what it had in hand, what is decided about it, and what comes after the socket is gone.

use super::action::Action;
use super::cause::Cause;
use super::context::Context;
use super::event::{EndReason, Event};
use super::requested::Shutdown;
use super::resumption::{Handshake, Resumption};
use super::state::{State, TokenWait};
use crate::dialect::{Dialect, Plan, TokenFate};
use crate::message::{CloseCode, CloseReason, ConnectionId};
use crate::session::Session;
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

/// What is decided about a connection that is left.
#[derive(Clone, Debug)]
pub(super) struct Disconnect {
    pub(super) cause: Cause,
    pub(super) session_fate: SessionFate,
    /// The least wait before the next connection.
    pub(super) floor: Duration,
    /// How often the session may still be tried.
    pub(super) tries: u32,
    pub(super) pacing: Pacing,
}

/// What becomes of the session, or of the machine.
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
pub(super) enum Pacing {
    /// It does.
    Counted,
    /// It was asked for, and does not.
    Requested,
}

impl Disconnect {
    pub(super) const fn keep(cause: Cause) -> Self {
        Self { cause, session_fate: SessionFate::Keep, floor: Duration::ZERO, tries: u32::MAX, pacing: Pacing::Counted }
    }

    pub(super) fn lose(cause: Cause) -> Self {
        Self { session_fate: SessionFate::Lose, ..Self::keep(cause) }
    }

    pub(super) const fn end(reason: EndReason, kept: Option<Session>, cause: Cause) -> Self {
        let session_fate = SessionFate::End { reason, kept };
        Self { cause, session_fate, floor: Duration::ZERO, tries: 0, pacing: Pacing::Counted }
    }

    /// What a close code asks for, by the config and the dialect's table.
    pub(super) fn of_code<D: Dialect>(code: Option<CloseCode>, cause: Cause, cx: &mut Context<D>) -> Self {
        let recovery = cx.recovery(code);
        if code.is_some() && cx.dialect.close_row(code).code.is_none() {
            cx.counts.unknown_codes += 1;
        }
        if recovery.token == TokenFate::Renew {
            cx.renew_token();
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
    /// What it was for; it did not come to try it.
    Untried(Handshake),
    /// A session that was tried and not resumed.
    Tried(Resumption),
    /// A live session.
    Live(Session),
}

impl InHand {
    /// What comes after the connection.
    pub(super) fn after<D: Dialect>(self, disconnect: Disconnect, cx: &mut Context<D>) -> NextState {
        let Disconnect { cause, session_fate, floor, tries, pacing } = disconnect;
        let in_hand = match self {
            Self::Untried(Handshake::Identify) => None,
            Self::Untried(Handshake::Resume(mut resumption)) => {
                match (cause, pacing) {
                    (_, Pacing::Requested) => {}
                    (Cause::ReconnectRequested, Pacing::Counted) => resumption.tries.note_moved(cx.now),
                    (_, Pacing::Counted) => resumption.tries.note_unreachable(),
                }
                Some(resumption)
            }
            Self::Tried(mut resumption) => {
                match (cause, pacing) {
                    (_, Pacing::Requested) => {}
                    (Cause::ReconnectRequested, Pacing::Counted) => resumption.tries.note_moved(cx.now),
                    (_, Pacing::Counted) => resumption.tries.note_refused(cx.now),
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
        NextState::Reconnect { plan, floor, pacing, cause }
    }
}

/// What comes after the socket is gone.
#[derive(Clone, Debug)]
pub(super) enum NextState {
    Reconnect { plan: Handshake, floor: Duration, pacing: Pacing, cause: Cause },
    End { reason: EndReason, kept: Option<Session> },
}

impl NextState {
    /// The socket is gone: what comes after it, comes now.
    pub(super) fn enter<D: Dialect>(self, cx: &mut Context<D>) -> State {
        let (reason, kept) = match self {
            Self::End { reason, kept } => (reason, kept),
            Self::Reconnect { plan, floor, pacing, cause } => {
                if pacing == Pacing::Counted {
                    cx.attempts = cx.attempts.saturating_add(1);
                }
                match cx.config.backoff.attempts {
                    Some(most) if cx.attempts > most => {
                        cx.cause = Cause::AttemptsExhausted;
                        (EndReason::AttemptsExhausted { attempts: most }, plan.into_session())
                    }
                    Some(_) | None => return Self::wait(plan, floor, pacing, cause, cx),
                }
            }
        };
        cx.end(reason.clone());
        State::Ended { reason, kept }
    }

    fn wait<D: Dialect>(plan: Handshake, floor: Duration, pacing: Pacing, cause: Cause, cx: &mut Context<D>) -> State {
        let attempt = match pacing {
            Pacing::Counted => cx.attempts,
            Pacing::Requested => 1,
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
        State::Backoff { until, plan, token: TokenWait::NotRequested }
    }

    /// The same, or what a close code of the peer's own says, where that is worse.
    pub(super) fn outvoted_by<D: Dialect>(self, theirs: Option<CloseCode>, cx: &mut Context<D>) -> Self {
        let Some(code) = theirs else { return self };
        let disconnect = Disconnect::of_code(Some(code), Cause::Closed(code), cx);
        match (self, disconnect.session_fate) {
            (Self::Reconnect { .. }, SessionFate::End { reason, kept }) => Self::End { reason, kept },
            (Self::Reconnect { plan, floor, pacing, cause }, session_fate) => {
                let floor = floor.max(disconnect.floor);
                match (plan, session_fate) {
                    (Handshake::Resume(_), SessionFate::Lose) => {
                        cx.lose_session(Cause::Closed(code));
                        Self::Reconnect { plan: Handshake::Identify, floor, pacing, cause }
                    }
                    (plan, _) => Self::Reconnect { plan, floor, pacing, cause },
                }
            }
            (end @ Self::End { .. }, _) => end,
        }
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

/// Whether the close frame has gone out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseStep {
    /// It waits for the outstanding write.
    Owed(CloseCode),
    /// The driver was told.
    Told(CloseCode),
}

impl CloseStep {
    /// The write is free: the close frame goes out.
    pub(super) fn tell<D: Dialect>(self, connection: ConnectionId, cx: &mut Context<D>) -> Self {
        match self {
            Self::Owed(code) => {
                cx.actions.push(Action::Close { connection, code, reason: "" });
                Self::Told(code)
            }
            Self::Told(_) => self,
        }
    }

    /// A close frame that has not gone out yet may still end the session.
    pub(super) fn shut_down(self, shutdown: Shutdown, close_end: CloseCode) -> Self {
        match (self, shutdown) {
            (Self::Owed(_), Shutdown::EndSession) => Self::Owed(close_end),
            (step, _) => step,
        }
    }

    /// Whether a close code of the peer's is only the answer to ours.
    pub(super) fn is_echo(self, theirs: CloseCode) -> bool {
        match self {
            Self::Told(ours) => ours == theirs || theirs == CloseCode::NORMAL,
            Self::Owed(_) => false,
        }
    }
}

impl State {
    /// Leaves an open connection; any other phase stays as it is.
    pub(super) fn leave<D: Dialect>(self, mode: CloseMode, disconnect: Disconnect, cx: &mut Context<D>) -> Self {
        if let Self::Identifying { .. } = &self {
            cx.note_identify_ended(disconnect.cause);
        }
        let (connection, hold) = match self {
            Self::AwaitingHello { connection, plan, .. } => (connection, InHand::Untried(plan)),
            Self::AwaitingIdentify { connection, .. } | Self::Identifying { connection, .. } => {
                (connection, InHand::Untried(Handshake::Identify))
            }
            Self::Resuming { live, tries, .. } => {
                (live.connection, InHand::Tried(Resumption { session: live.session, tries }))
            }
            Self::Active { live, since } => {
                let lived = cx.now - since;
                cx.time_online = cx.time_online.saturating_add(lived);
                if lived >= cx.config.backoff.stable {
                    cx.attempts = 0;
                }
                (live.connection, InHand::Live(live.session))
            }
            other => return other,
        };
        cx.end_repeated();
        cx.cause = disconnect.cause;
        let after = hold.after(disconnect, cx);
        let give_up = cx.now + cx.config.timeouts.close;
        match mode {
            CloseMode::Close(code) => {
                let (connection, write) = connection.leave(cx);
                let step = CloseStep::Owed(code);
                let step =
                    if matches!(write, super::connection::Write::Idle) { step.tell(connection, cx) } else { step };
                Self::Closing { connection, write, step, after, give_up }
            }
            CloseMode::Abort => {
                cx.actions.push(Action::Abort { connection: connection.id });
                connection.gone(cx);
                after.enter(cx)
            }
            CloseMode::Gone(reason) => {
                cx.event(Event::Closed { connection: connection.id, reason });
                connection.gone(cx);
                after.enter(cx)
            }
        }
    }
}

/// What a connection that ended without a code is called where a code must be named (RFC 6455 §7.4.1).
const ABNORMAL: CloseCode = CloseCode(1006);
