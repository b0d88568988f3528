//! From a message to what its frames do: limits, the link's codec, the dialect's reading.

use super::GatewayMachine;
use super::config::MalformedPolicy;
use super::event::Fault;
use super::limits::Limits;
use super::link::Happening;
use super::trace;
use crate::codec::{Codec, CodecError, Scratch, Undecoded};
use crate::dialect::{Dialect, FrameError, Signal};
use crate::message::{LinkId, Message};
use bytes::Bytes;
use core::ops::Deref;

impl<D: Dialect> GatewayMachine<D> {
    /// Takes a message of a link, if it is the current one.
    pub(super) fn message(&mut self, link: LinkId, message: Message, mut scratch: Option<&mut Scratch>) {
        let desk = &mut self.desk;
        let Some(wire) = self.link.wire_mut().filter(|wire| wire.link == link) else {
            desk.counts.stale += 1;
            return;
        };
        let len = message.bytes().len();
        desk.counts.bytes_in += len as u64;
        if len > desk.config.limits.message {
            desk.counts.frames_in += 1;
            return self.step(Happening::TooLarge { len });
        }
        if let Some(frame) = wire.codec.take(message) {
            return self.frame(link, Frame::Own(frame));
        }
        // It is out of its wire while what it lends is read.
        let mut codec = core::mem::take(&mut wire.codec);
        if let Some(scratch) = scratch.as_deref_mut() {
            codec.lend(scratch);
        }
        self.unpack(link, &mut codec);
        if let Some(scratch) = scratch {
            codec.give_back(scratch);
        }
        if let Some(wire) = self.link.wire_mut().filter(|wire| wire.link == link) {
            wire.codec = codec;
        }
    }

    /// Gives on each payload of a packed message, while its link is open.
    fn unpack(&mut self, link: LinkId, codec: &mut Codec) {
        let Limits { inflated, payloads: limit, .. } = self.desk.config.limits;
        let (mut count, before) = (0, self.desk.tray.len());
        while let Some(payload) = codec.next(inflated) {
            count += 1;
            // Some payloads give several actions, a Ready in the place of another three: what comes of a message is
            // bounded as what is in it.
            let given = self.desk.tray.len() - before;
            match payload {
                Ok(_) | Err(Undecoded::Malformed(_)) if count > limit || given > limit => {
                    self.step(Happening::Undecodable(CodecError::TooMany { limit }));
                }
                Ok(frame) => self.frame(link, Frame::Lent(frame)),
                Err(Undecoded::Malformed(_)) if self.desk.is_full() => self.step(Happening::Undrained),
                Err(Undecoded::Malformed(error)) => {
                    self.desk.counts.frames_in += 1;
                    self.malformed(error);
                }
                Err(Undecoded::Broken(error)) => self.step(Happening::Undecodable(error)),
            }
            if self.link.wire().is_none_or(|wire| wire.link != link) {
                return;
            }
        }
    }

    fn frame(&mut self, link: LinkId, frame: Frame<'_>) {
        let desk = &mut self.desk;
        desk.counts.frames_in += 1;
        if desk.tray.bytes() + frame.len() > desk.config.limits.undrained {
            return self.step(Happening::Undrained);
        }
        match desk.dialect.read(&frame) {
            Ok(reading) => {
                trace::frame_in(link, &frame, &reading);
                if let Signal::Ready(start, _) = &reading.signal
                    && let Some(error) = start.unfit()
                {
                    return self.malformed(error);
                }
                let written = reading.rewritten.as_deref().unwrap_or(&frame);
                if self.link.pass_over(&reading.signal, written, desk) {
                    return;
                }
                let frame = reading.rewritten.map_or_else(|| frame.into_bytes(), Bytes::from);
                if let Some((signal, frame)) = self.link.stay(reading.signal, frame, desk) {
                    self.step(Happening::Frame(signal, frame));
                }
            }
            Err(error) => {
                trace::frame_unread(link, frame.len());
                self.malformed(error);
            }
        }
    }

    fn malformed(&mut self, error: FrameError) {
        self.desk.counts.malformed += 1;
        match (error, self.desk.config.malformed) {
            // A handshake that lacks what it needs leads nowhere: no use in waiting for its deadline.
            (FrameError::Field { .. } | FrameError::FieldTooLong { .. }, _) | (_, MalformedPolicy::Reconnect) => {
                self.step(Happening::Malformed(error));
            }
            (_, MalformedPolicy::Report) => self.desk.fault(Fault::Malformed(error)),
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
