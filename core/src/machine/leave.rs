//! The way out of a link: what it had in hand, what is decided about it, and what comes after the socket is gone.

use super::action::Action;
use super::asked::Shutdown;
use super::cause::Cause;
use super::desk::Desk;
use super::event::{EndReason, Event};
use super::link::{Link, TokenWait};
use super::resumption::{Handshake, Resumption};
use crate::dialect::{Dialect, Plan, TokenFate};
use crate::message::{CloseCode, Closure, LinkId};
use crate::session::Session;
use core::time::Duration;

/// How a link is left.
#[derive(Clone, Debug)]
pub(super) enum Exit {
    /// We send a close frame, and wait for the socket to go.
    Close(CloseCode),
    /// We drop the socket.
    Abort,
    /// The socket is gone already.
    Gone(Closure),
}

/// What is decided about a link that is left.
#[derive(Clone, Debug)]
pub(super) struct Departure {
    pub(super) cause: Cause,
    pub(super) verdict: Verdict,
    /// The least wait before the next link.
    pub(super) floor: Duration,
    /// How often the session may still be tried.
    pub(super) tries: u32,
    pub(super) pacing: Pacing,
}

/// What becomes of the session, or of the machine.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// The session is kept, if there is one and its tries are not used up.
    Keep,
    /// The session is dropped.
    Lose,
    /// There is no next link.
    End { reason: EndReason, kept: Option<Session> },
}

/// Whether a departure counts towards the backoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pacing {
    /// It does.
    Counted,
    /// It was asked for, and does not.
    Asked,
}

impl Departure {
    pub(super) const fn keep(cause: Cause) -> Self {
        Self { cause, verdict: Verdict::Keep, floor: Duration::ZERO, tries: u32::MAX, pacing: Pacing::Counted }
    }

    pub(super) fn lose(cause: Cause) -> Self {
        Self { verdict: Verdict::Lose, ..Self::keep(cause) }
    }

    pub(super) const fn end(reason: EndReason, kept: Option<Session>, cause: Cause) -> Self {
        let verdict = Verdict::End { reason, kept };
        Self { cause, verdict, floor: Duration::ZERO, tries: 0, pacing: Pacing::Counted }
    }

    /// What a close code asks for, by the config and the dialect's table.
    pub(super) fn of_code<D: Dialect>(code: Option<CloseCode>, cause: Cause, desk: &mut Desk<D>) -> Self {
        let recovery = desk.recovery(code);
        if code.is_some() && desk.dialect.close_row(code).code.is_none() {
            desk.counts.unknown_codes += 1;
        }
        if recovery.token == TokenFate::Renew {
            desk.renew_token();
        }
        let pause = desk.pause(code, &recovery);
        let keep = Self { floor: desk.asked_wait(pause), tries: recovery.tries, ..Self::keep(cause) };
        match (recovery.plan, code) {
            (Plan::Resume, _) => keep,
            (Plan::Identify, _) => Self { verdict: Verdict::Lose, ..keep },
            (Plan::End, code) => {
                let row = desk.dialect.close_row(code);
                let code = code.unwrap_or(ABNORMAL);
                let reason = EndReason::Refused { code, name: row.name, advice: row.advice };
                Self::end(reason, None, cause)
            }
        }
    }
}

/// What a link had in hand when it was left.
#[derive(Clone, Debug)]
pub(super) enum Hold {
    /// What it was for; it did not come to try it.
    Untried(Handshake),
    /// A session that was tried and not resumed.
    Tried(Resumption),
    /// A live session.
    Live(Session),
}

impl Hold {
    /// What comes after the link.
    pub(super) fn after<D: Dialect>(self, departure: Departure, desk: &mut Desk<D>) -> After {
        let Departure { cause, verdict, floor, tries, pacing } = departure;
        let in_hand = match self {
            Self::Untried(Handshake::Identify) => None,
            Self::Untried(Handshake::Resume(mut resumption)) => {
                match (cause, pacing) {
                    (_, Pacing::Asked) => {}
                    (Cause::ReconnectRequested, Pacing::Counted) => resumption.tries.note_moved(desk.now),
                    (_, Pacing::Counted) => resumption.tries.note_unreachable(),
                }
                Some(resumption)
            }
            Self::Tried(mut resumption) => {
                match (cause, pacing) {
                    (_, Pacing::Asked) => {}
                    (Cause::ReconnectRequested, Pacing::Counted) => resumption.tries.note_moved(desk.now),
                    (_, Pacing::Counted) => resumption.tries.note_refused(desk.now),
                }
                Some(resumption)
            }
            Self::Live(session) => Some(Resumption::fresh(session)),
        };
        let plan = match (verdict, in_hand) {
            (Verdict::End { reason, kept }, _) => return After::End { reason, kept },
            (_, None) => Handshake::Identify,
            (Verdict::Lose, Some(_)) => {
                desk.lose_session(cause);
                Handshake::Identify
            }
            (Verdict::Keep, Some(mut resumption)) => {
                resumption.tries.at_most(tries);
                if !resumption.session.is_resumable() {
                    desk.lose_session(cause);
                    Handshake::Identify
                } else if resumption.tries.may_go_on(desk.now, &desk.config.resume) {
                    Handshake::Resume(resumption)
                } else {
                    desk.lose_session(Cause::ResumesExhausted);
                    Handshake::Identify
                }
            }
        };
        After::Reconnect { plan, floor, pacing, cause }
    }
}

/// What comes after the socket is gone.
#[derive(Clone, Debug)]
pub(super) enum After {
    Reconnect { plan: Handshake, floor: Duration, pacing: Pacing, cause: Cause },
    End { reason: EndReason, kept: Option<Session> },
}

impl After {
    /// The socket is gone: what comes after it, comes now.
    pub(super) fn rest<D: Dialect>(self, desk: &mut Desk<D>) -> Link {
        let (reason, kept) = match self {
            Self::End { reason, kept } => (reason, kept),
            Self::Reconnect { plan, floor, pacing, cause } => {
                if pacing == Pacing::Counted {
                    desk.attempts = desk.attempts.saturating_add(1);
                }
                match desk.config.backoff.attempts {
                    Some(most) if desk.attempts > most => {
                        desk.cause = Cause::AttemptsExhausted;
                        (EndReason::AttemptsExhausted { attempts: most }, plan.into_session())
                    }
                    Some(_) | None => return Self::wait(plan, floor, pacing, cause, desk),
                }
            }
        };
        desk.end(reason.clone());
        Link::Ended { reason, kept }
    }

    fn wait<D: Dialect>(plan: Handshake, floor: Duration, pacing: Pacing, cause: Cause, desk: &mut Desk<D>) -> Link {
        let attempt = match pacing {
            Pacing::Counted => desk.attempts,
            Pacing::Asked => 1,
        };
        let after = desk.config.backoff.wait(attempt, &mut desk.rng).max(floor);
        let until = desk.now + after;
        let plan = match plan {
            // The session's time runs out in the wait.
            Handshake::Resume(resumption) if !resumption.tries.may_go_on(until, &desk.config.resume) => {
                desk.lose_session(Cause::ResumesExhausted);
                Handshake::Identify
            }
            plan @ (Handshake::Resume(_) | Handshake::Identify) => plan,
        };
        desk.event(Event::Reconnecting { after, plan: plan.plan(), cause });
        Link::Waiting { until, plan, token: TokenWait::NotAsked }
    }

    /// The same, or what a close code of the peer's own says, where that is worse.
    pub(super) fn outvoted_by<D: Dialect>(self, theirs: Option<CloseCode>, desk: &mut Desk<D>) -> Self {
        let Some(code) = theirs else { return self };
        let departure = Departure::of_code(Some(code), Cause::Closed(code), desk);
        match (self, departure.verdict) {
            (Self::Reconnect { .. }, Verdict::End { reason, kept }) => Self::End { reason, kept },
            (Self::Reconnect { plan, floor, pacing, cause }, verdict) => {
                let floor = floor.max(departure.floor);
                match (plan, verdict) {
                    (Handshake::Resume(_), Verdict::Lose) => {
                        desk.lose_session(Cause::Closed(code));
                        Self::Reconnect { plan: Handshake::Identify, floor, pacing, cause }
                    }
                    (plan, _) => Self::Reconnect { plan, floor, pacing, cause },
                }
            }
            (end @ Self::End { .. }, _) => end,
        }
    }

    /// The application asks to stop while the link is being closed.
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
    pub(super) fn tell<D: Dialect>(self, link: LinkId, desk: &mut Desk<D>) -> Self {
        match self {
            Self::Owed(code) => {
                desk.tray.push(Action::Close { link, code, reason: "" });
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

impl Link {
    /// Leaves an open link; any other phase stays as it is.
    pub(super) fn leave<D: Dialect>(self, exit: Exit, departure: Departure, desk: &mut Desk<D>) -> Self {
        if let Self::Identifying { .. } = &self {
            desk.note_identify_ended(departure.cause);
        }
        let (wire, hold) = match self {
            Self::Greeting { wire, plan, .. } => (wire, Hold::Untried(plan)),
            Self::Queued { wire, .. } | Self::Identifying { wire, .. } => (wire, Hold::Untried(Handshake::Identify)),
            Self::Resuming { live, tries, .. } => (live.wire, Hold::Tried(Resumption { session: live.session, tries })),
            Self::Online { live, since } => {
                let lived = desk.now - since;
                desk.time_online = desk.time_online.saturating_add(lived);
                if lived >= desk.config.backoff.stable {
                    desk.attempts = 0;
                }
                (live.wire, Hold::Live(live.session))
            }
            other => return other,
        };
        desk.end_repeated();
        desk.cause = departure.cause;
        let after = hold.after(departure, desk);
        let give_up = desk.now + desk.config.timeouts.close;
        match exit {
            Exit::Close(code) => {
                let (link, write) = wire.leave(desk);
                let step = CloseStep::Owed(code);
                let step = if matches!(write, super::wire::Write::Idle) { step.tell(link, desk) } else { step };
                Self::Closing { link, write, step, after, give_up }
            }
            Exit::Abort => {
                desk.tray.push(Action::Abort { link: wire.link });
                wire.gone(desk);
                after.rest(desk)
            }
            Exit::Gone(closure) => {
                desk.event(Event::Closed { link: wire.link, closure });
                wire.gone(desk);
                after.rest(desk)
            }
        }
    }
}

/// What a connection that ended without a code is called where a code must be named (RFC 6455 §7.4.1).
const ABNORMAL: CloseCode = CloseCode(1006);
