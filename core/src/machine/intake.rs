//! From a message to what its frames do: limits, the connection's codec, the dialect's reading.

use super::cause::Cause;
use super::config::MalformedPolicy;
use super::disconnect::CloseMode;
use super::event::Fault;
use super::frame::Frame;
use super::limits::Limits;
use super::steps::Machine;
use super::trace;
use crate::codec::{Codec, CodecError, Scratch, Undecoded};
use crate::dialect::{FrameError, Signal};
use crate::message::{ConnectionId, Message};

impl Machine {
    /// Takes a message of a connection, if it is the current one.
    pub(super) fn message(&mut self, id: ConnectionId, message: Message, mut scratch: Option<&mut Scratch>) {
        let cx = &mut self.context;
        let Some(connection) = self.state.connection_mut().filter(|connection| connection.id == id) else {
            cx.counts.stale += 1;
            return;
        };
        let len = message.bytes().len();
        cx.counts.bytes_in += len as u64;
        if len > cx.config.limits.message {
            cx.counts.frames_in += 1;
            let limit = cx.config.limits.message;
            return self.leave(Fault::TooLarge { len, limit }, Cause::TooLarge);
        }
        if let Some(frame) = connection.codec.take(message) {
            return self.frame(id, Frame::Own(frame));
        }
        // It is out of its connection while what it lends is read.
        let mut codec = core::mem::take(&mut connection.codec);
        if let Some(scratch) = scratch.as_deref_mut() {
            codec.lend(scratch);
        }
        self.unpack(id, &mut codec);
        if let Some(scratch) = scratch {
            codec.give_back(scratch);
        }
        if let Some(connection) = self.state.connection_mut().filter(|connection| connection.id == id) {
            connection.codec = codec;
        }
    }

    /// Gives on each payload of a packed message, while its connection is open.
    fn unpack(&mut self, id: ConnectionId, codec: &mut Codec) {
        let Limits { inflated, payloads: limit, .. } = self.context.config.limits;
        let (mut count, before) = (0, self.context.actions.len());
        while let Some(payload) = codec.next(inflated) {
            count += 1;
            // Some payloads give several actions, a Ready in the place of another three: what comes of a message is
            // bounded as what is in it.
            let given = self.context.actions.len() - before;
            match payload {
                Ok(_) | Err(Undecoded::Malformed(_)) if count > limit || given > limit => {
                    self.leave(Fault::Undecodable(CodecError::TooMany { limit }), Cause::Undecodable);
                }
                Ok(frame) => self.frame(id, Frame::Lent(frame)),
                Err(Undecoded::Malformed(_)) if self.context.is_full() => self.undrained(),
                Err(Undecoded::Malformed(error)) => {
                    self.context.counts.frames_in += 1;
                    self.malformed(error);
                }
                Err(Undecoded::Broken(error)) => self.leave(Fault::Undecodable(error), Cause::Undecodable),
            }
            if self.state.connection().is_none_or(|connection| connection.id != id) {
                return;
            }
        }
    }

    fn frame(&mut self, id: ConnectionId, frame: Frame<'_>) {
        let cx = &mut self.context;
        cx.counts.frames_in += 1;
        if cx.actions.bytes() + frame.len() > cx.config.limits.undrained {
            return self.undrained();
        }
        match cx.dialect.read(&frame) {
            Ok(reading) => {
                trace::frame_in(id, &frame, &reading);
                if let Signal::Ready(start, _) = &reading.signal
                    && let Some(error) = start.unfit()
                {
                    return self.malformed(error);
                }
                let frame = reading.rewritten.map_or(frame, |bytes| Frame::Own(bytes.into()));
                self.transition(|state, cx| state.on_frame(reading.signal, frame, cx));
            }
            Err(error) => {
                trace::frame_unread(id, frame.len());
                self.malformed(error);
            }
        }
    }

    fn malformed(&mut self, error: FrameError) {
        self.context.counts.malformed += 1;
        match (error, self.context.config.malformed) {
            // A handshake that lacks what it needs leads nowhere: no use in waiting for its deadline.
            (FrameError::Field { .. } | FrameError::FieldTooLong { .. }, _) | (_, MalformedPolicy::Reconnect) => {
                self.leave(Fault::Malformed(error), Cause::Malformed);
            }
            (_, MalformedPolicy::Report) => self.context.fault(Fault::Malformed(error)),
        }
    }

    /// Closes the connection for what came on it. The session is kept.
    fn leave(&mut self, fault: Fault, cause: Cause) {
        self.transition(|state, cx| state.fail(fault, CloseMode::Close(cx.limits.close_keep), cause, cx));
    }

    /// Drops the connection of a caller that takes no events: a close handshake would only bring more of them.
    fn undrained(&mut self) {
        let fault = Fault::Undrained { limit: self.context.config.limits.undrained };
        self.transition(|state, cx| state.fail(fault, CloseMode::Abort, Cause::Undrained, cx));
    }
}
