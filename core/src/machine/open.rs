//! What every phase with an open connection does alike: it writes, it can be left, it survives a short sleep.
//!
//! Each of these phases lists every signal in its own `on_frame`. Inputs go to [`Open::on_any`], which lists every one; only
//! `AwaitingIdentify` answers some itself, those about its permit. There is one way out, [`Open::leave`]: it takes the phase apart and ends its
//! connection by one of the two exits of [`Connection`].

use super::action::{Action, TokenReason};
use super::cause::Cause;
use super::closing::Closing;
use super::connection::Connection;
use super::context::Context;
use super::disconnect::{BackoffCount, CloseMode, Disconnect, InHand};
use super::event::{EndReason, Event, Fault, FrameKind};
use super::frame::Frame;
use super::heart::{Heart, ReadState};
use super::input::Input;
use super::requested::Requested;
use super::state::State;
use super::timer::Timer;
use crate::dialect::{Fate, HeartRate};
use crate::dispatch::UnknownFrame;
use crate::message::CloseReason;
use crate::session::Session;
use alloc::boxed::Box;
use core::time::Duration;

/// A phase with an open connection.
pub(super) trait Open: Sized {
    /// The phase goes on.
    fn stay(self: Box<Self>) -> State;

    fn connection(&mut self) -> &mut Connection;

    /// The session that a shutdown may keep.
    fn session(&self) -> Option<&Session>;

    /// The longest sleep of the host that the connection may have survived.
    fn sleep_max(&self, cx: &Context) -> Duration;

    /// Takes the phase apart, as its connection is left for this cause: the connection, and what it had in hand. What the
    /// context counts about the phase (time online, attempts, refused Identifies) is counted here.
    fn take_apart(self: Box<Self>, cause: Cause, cx: &mut Context) -> (Connection, InHand);

    /// An input that every open phase takes alike.
    fn on_any(mut self: Box<Self>, input: Input, cx: &mut Context) -> State {
        match input {
            Input::Sent(_) => {
                self.connection().sent(cx);
                self.stay()
            }
            Input::Closed(_, reason) => self.closed(reason, cx),
            Input::Token(token, lifetime) => {
                cx.token.put(token, lifetime, cx.now);
                self.stay()
            }
            Input::TokenDenied(None) => {
                let disconnect = Disconnect::end(EndReason::TokenDenied, None, Cause::TokenDenied);
                self.leave(CloseMode::Close(cx.limits.close_end), disconnect, cx)
            }
            Input::Suspended(span) if span > self.sleep_max(cx) => {
                self.fail(Fault::Suspended { span }, CloseMode::Abort, Cause::Suspended, cx)
            }
            // A token is asked for again when the next connection needs it.
            Input::TokenDenied(Some(_))
            | Input::Suspended(_)
            | Input::Message(..)
            | Input::Tick
            | Input::TickUnread => self.stay(),
            Input::Start
            | Input::Opened(_)
            | Input::ConnectFailed(..)
            | Input::IdentifyGranted(_)
            | Input::IdentifyDenied(..)
            | Input::BudgetExhausted(..) => cx.ignore(self.stay()),
        }
    }

    /// The application asks for a new connection, or to stop. A session that is to be kept is not ended by our close code.
    fn on_request(self: Box<Self>, requested: Requested, cx: &mut Context) -> State {
        match requested {
            Requested::Reconnect(cause) => {
                let disconnect = Disconnect { count: BackoffCount::Exempt, ..Disconnect::keep(cause) };
                self.leave(CloseMode::Close(cx.limits.close_keep), disconnect, cx)
            }
            Requested::Shutdown(shutdown) => {
                let kept = shutdown.kept(self.session().cloned());
                let code = if kept.is_some() { cx.limits.close_keep } else { cx.limits.close_end };
                let disconnect = Disconnect::end(EndReason::Shutdown, kept, Cause::Shutdown);
                self.leave(CloseMode::Close(code), disconnect, cx)
            }
        }
    }

    fn closed(self: Box<Self>, reason: CloseReason, cx: &mut Context) -> State {
        let disconnect = Disconnect::of_code(reason.code(), Cause::from(&reason), cx);
        self.leave(CloseMode::Gone(reason), disconnect, cx)
    }

    /// The gateway asks us to connect again: the session goes on there.
    fn move_away(self: Box<Self>, after: Duration, cx: &mut Context) -> State {
        let floor = cx.asked_wait(after);
        let disconnect = Disconnect { floor, ..Disconnect::keep(Cause::ReconnectRequested) };
        self.leave(CloseMode::Close(cx.limits.close_keep), disconnect, cx)
    }

    /// The session is called invalid. The wait is the gateway's rule: a random 1 to 5 s on Discord, since a fleet that
    /// loses its sessions in one moment must not come back in one.
    fn session_invalid(self: Box<Self>, fate: Fate, cx: &mut Context) -> State {
        let (least, most) = cx.limits.invalid_session_wait;
        let floor = cx.rng.between(least, most);
        let (disconnect, code) = match fate {
            Fate::Resumable => (Disconnect::keep(Cause::InvalidSessionResumable), cx.limits.close_keep),
            Fate::Lost => (Disconnect::lose(Cause::InvalidSessionLost), cx.limits.close_end),
        };
        self.leave(CloseMode::Close(code), Disconnect { floor, ..disconnect }, cx)
    }

    /// A frame that has no meaning in this phase. It is reported and does no harm: a gateway that sends one is not worth
    /// a connection.
    fn out_of_place(self: Box<Self>, frame: FrameKind, cx: &mut Context) -> State {
        cx.fault(Fault::OutOfPlace { frame });
        self.stay()
    }

    /// A frame that the dialect does not know goes to the application.
    fn unknown(self: Box<Self>, op: Option<u64>, frame: Frame<'_>, cx: &mut Context) -> State {
        cx.event(Event::Unknown(UnknownFrame { frame: frame.into_bytes(), op }));
        self.stay()
    }

    fn timed_out(self: Box<Self>, timer: Timer, mode: CloseMode, cx: &mut Context) -> State {
        self.fail(Fault::TimedOut { timer }, mode, Cause::TimedOut(timer), cx)
    }

    /// Reports a fault and leaves the connection for it, the session kept.
    fn fail(self: Box<Self>, fault: Fault, mode: CloseMode, cause: Cause, cx: &mut Context) -> State {
        cx.fault(fault);
        self.leave(mode, Disconnect::keep(cause), cx)
    }

    /// Leaves the connection.
    fn leave(self: Box<Self>, mode: CloseMode, disconnect: Disconnect, cx: &mut Context) -> State {
        let (connection, in_hand) = self.take_apart(disconnect.cause, cx);
        cx.end_repeated();
        cx.cause = disconnect.cause;
        let after = in_hand.after(disconnect, cx);
        match mode {
            CloseMode::Close(code) => Closing::enter(connection, code, after, cx),
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

/// An open phase after Hello, with a heart.
pub(super) trait Beating: Open {
    fn beating(&mut self) -> (&mut Connection, &mut Heart);

    /// What any phase with a heart does first when something may be due: it gives up a write that hangs, and leaves a
    /// connection whose heart is found dead.
    ///
    /// # Errors
    /// The phase that follows, where this one is over.
    fn check_alive(mut self: Box<Self>, read: ReadState, cx: &mut Context) -> Result<Box<Self>, State> {
        let (connection, heart) = self.beating();
        if connection.write_is_late(cx.now) {
            return Err(self.timed_out(Timer::Write, CloseMode::Abort, cx));
        }
        match heart.missed(read, cx) {
            None => Ok(self),
            Some((fault, cause)) => Err(self.fail(fault, CloseMode::Close(cx.limits.close_keep), cause, cx)),
        }
    }

    /// A Hello on a connection that has a heart already: its interval holds from now on, its beats and what is awaited
    /// stay.
    fn greeted_again(mut self: Box<Self>, rate: HeartRate, cx: &mut Context) -> State {
        let Some(next) = Heart::of_hello(rate, cx) else {
            return self.leave(CloseMode::Close(cx.limits.close_keep), Disconnect::keep(Cause::Malformed), cx);
        };
        let (connection, heart) = self.beating();
        connection.pace.keep_reserve(next.interval());
        heart.succeed(next);
        self.stay()
    }

    fn acknowledged(mut self: Box<Self>, cx: &mut Context) -> State {
        self.beating().1.acknowledged(cx);
        self.stay()
    }

    fn heartbeat_requested(mut self: Box<Self>, cx: &mut Context) -> State {
        let (connection, heart) = self.beating();
        connection.owe_answer(heart, cx);
        self.stay()
    }

    /// The connection lives on its old token; the next one needs another.
    fn token_expiring(self: Box<Self>, cx: &mut Context) -> State {
        cx.actions.push(Action::RequestToken { reason: TokenReason::Expiring });
        self.stay()
    }
}
