//! What goes to `tracing`: each transition and fault, and at `TRACE` each frame by kind and size. Never a token,
//! never a payload.

#[cfg(feature = "tracing")]
mod on {
    use crate::dialect::{Reading, Signal};
    use crate::machine::cause::Transition;
    use crate::machine::event::Fault;
    use crate::message::{ConnectionId, Sequence};

    pub(in crate::machine) fn transition(made: &Transition) {
        let Transition { cause, from, to, .. } = *made;
        tracing::debug!(connection = made.connection(), %cause, %from, %to, "transition");
    }

    pub(in crate::machine) fn fault(connection: ConnectionId, fault: &Fault) {
        tracing::warn!(connection = connection.0, %fault, "fault");
    }

    pub(in crate::machine) fn frame_out(
        connection: ConnectionId,
        op: &'static str,
        sequence: Option<Sequence>,
        size: usize,
    ) {
        let sequence = sequence.map(|sequence| sequence.0);
        tracing::trace!(connection = connection.0, op, sequence, size, "frame out");
    }

    pub(in crate::machine) fn frame_unread(connection: ConnectionId, size: usize) {
        tracing::trace!(connection = connection.0, op = "unreadable", size, "frame in");
    }

    pub(in crate::machine) fn frame_in(connection: ConnectionId, frame: &[u8], reading: &Reading) {
        // The name is looked up only when someone listens: this is the hot path.
        if !tracing::enabled!(tracing::Level::TRACE) {
            return;
        }
        let size = frame.len();
        let op = kind(&reading.signal);
        match &reading.signal {
            Signal::Dispatch(spans) | Signal::Ready(_, spans) | Signal::Resumed(spans) => {
                let written = reading.rewritten.as_deref().unwrap_or(frame);
                let name = core::str::from_utf8(spans.name.of(written)).unwrap_or_default();
                let sequence = spans.sequence.map(|sequence| sequence.0);
                tracing::trace!(connection = connection.0, op, name, sequence, size, "frame in");
            }
            Signal::Hello(_)
            | Signal::HeartbeatRequest
            | Signal::HeartbeatAck
            | Signal::Beat
            | Signal::Reconnect { .. }
            | Signal::InvalidSession(_)
            | Signal::TokenExpiring
            | Signal::Unknown { .. } => tracing::trace!(connection = connection.0, op, size, "frame in"),
        }
    }

    const fn kind(signal: &Signal) -> &'static str {
        match signal {
            Signal::Hello(_) => "hello",
            Signal::Ready(..) => "ready",
            Signal::Resumed(_) => "resumed",
            Signal::Dispatch(_) => "dispatch",
            Signal::HeartbeatRequest => "heartbeat_request",
            Signal::HeartbeatAck => "heartbeat_ack",
            Signal::Beat => "beat",
            Signal::Reconnect { .. } => "reconnect",
            Signal::InvalidSession(_) => "invalid_session",
            Signal::TokenExpiring => "token_expiring",
            Signal::Unknown { .. } => "unknown",
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use crate::dialect::Reading;
    use crate::machine::cause::Transition;
    use crate::machine::event::Fault;
    use crate::message::{ConnectionId, Sequence};

    pub(in crate::machine) const fn transition(_: &Transition) {}
    pub(in crate::machine) const fn fault(_: ConnectionId, _: &Fault) {}
    pub(in crate::machine) const fn frame_out(_: ConnectionId, _: &'static str, _: Option<Sequence>, _: usize) {}
    pub(in crate::machine) const fn frame_unread(_: ConnectionId, _: usize) {}
    pub(in crate::machine) const fn frame_in(_: ConnectionId, _: &[u8], _: &Reading) {}
}

#[cfg(not(feature = "tracing"))]
pub(super) use off::{fault, frame_in, frame_out, frame_unread, transition};
#[cfg(feature = "tracing")]
pub(super) use on::{fault, frame_in, frame_out, frame_unread, transition};
