//! From a message to what its frames do: limits, the connection's codec, the dialect's reading.

use super::GatewayMachine;
use super::config::MalformedPolicy;
use super::event::Fault;
use super::limits::Limits;
use super::state::Happening;
use super::trace;
use crate::codec::{Codec, CodecError, Scratch, Undecoded};
use crate::dialect::{Dialect, FrameError, Signal};
use crate::message::{ConnectionId, Message};
use bytes::Bytes;
use core::ops::Deref;

impl<D: Dialect> GatewayMachine<D> {
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
            return self.step(Happening::TooLarge { len });
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
                    self.step(Happening::Undecodable(CodecError::TooMany { limit }));
                }
                Ok(frame) => self.frame(id, Frame::Lent(frame)),
                Err(Undecoded::Malformed(_)) if self.context.is_full() => self.step(Happening::Undrained),
                Err(Undecoded::Malformed(error)) => {
                    self.context.counts.frames_in += 1;
                    self.malformed(error);
                }
                Err(Undecoded::Broken(error)) => self.step(Happening::Undecodable(error)),
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
            return self.step(Happening::Undrained);
        }
        match cx.dialect.read(&frame) {
            Ok(reading) => {
                trace::frame_in(id, &frame, &reading);
                if let Signal::Ready(start, _) = &reading.signal
                    && let Some(error) = start.unfit()
                {
                    return self.malformed(error);
                }
                let written = reading.rewritten.as_deref().unwrap_or(&frame);
                if self.state.pass_over(&reading.signal, written, cx) {
                    return;
                }
                let frame = reading.rewritten.map_or_else(|| frame.into_bytes(), Bytes::from);
                if let Some((signal, frame)) = self.state.stay(reading.signal, frame, cx) {
                    self.step(Happening::Frame(signal, frame));
                }
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
                self.step(Happening::Malformed(error));
            }
            (_, MalformedPolicy::Report) => self.context.fault(Fault::Malformed(error)),
        }
    }
}

/// A frame, as it came or as its codec lends it.
enum Frame<'a> {
    Own(Bytes),
    Lent(&'a [u8]),
}

impl Frame<'_> {
    /// The frame in memory of its own, of exactly its size where it was lent.
    fn into_bytes(self) -> Bytes {
        match self {
            Self::Own(bytes) => bytes,
            Self::Lent(bytes) => Bytes::copy_from_slice(bytes),
        }
    }
}

impl Deref for Frame<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Lent(bytes) => bytes,
        }
    }
}
