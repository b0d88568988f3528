//! A connection's way out: its packer, the dispatches that wait behind a delayed Ready or Resumed, and the messages that
//! are to leave together. Faults strike here.
//!
//! It decides how a message leaves, never whether: what a connection is sent is the gateway's matter. Where a fault cuts
//! the stream, or too much waits, it says so ([`Sent::Cut`]), and the gateway ends the connection.

use crate::clock::Timer;
use crate::context::Context;
use crate::damage::scattered;
use crate::event::EventKind;
use crate::faults::{Fault, FaultKind, Who};
use crate::input::{Action, ConnectionId, Delivery, Piece};
use crate::pack::Packer;
use crate::rules::Rule;
use crate::script::Cue;
use core::time::Duration;
use portcullis::Message;
use std::borrow::Cow;
use std::collections::VecDeque;

/// How long a message waits for others that are to leave with it.
const BATCH_WAIT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Outgoing {
    id: ConnectionId,
    packer: Packer,
    dispatches: Dispatches,
    batch: Option<Batch>,
}

/// Whether the connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Sent {
    Whole,
    /// The stream is to be cut now.
    Cut,
}

/// The way of dispatches. Other frames do not wait.
#[derive(Clone, Debug)]
enum Dispatches {
    Open,
    /// A delayed Ready or Resumed is in front; the others wait behind it, in order.
    Held {
        waiting: VecDeque<Message>,
        cue: Cue,
    },
}

/// Messages that wait to leave together.
#[derive(Clone, Debug)]
struct Batch {
    joined: Joined,
    held: Vec<Packed>,
    /// How many more are to come.
    more: u32,
}

/// How the messages of a batch leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joined {
    /// In one write.
    Write,
    /// In one WebSocket message.
    Message,
}

/// A message, and its bytes as they are sent.
#[derive(Clone, Debug)]
struct Packed {
    plain: Message,
    sent: Message,
}

impl Outgoing {
    pub(super) const fn new(id: ConnectionId, packer: Packer) -> Self {
        Self { id, packer, dispatches: Dispatches::Open, batch: None }
    }

    /// The same once more; none where its compressor cannot be copied.
    pub(super) fn fork(&self) -> Option<Self> {
        let packer = self.packer.fork()?;
        Some(Self { id: self.id, packer, dispatches: self.dispatches.clone(), batch: self.batch.clone() })
    }

    /// A client's message as JSON.
    pub(super) fn unpack<'a>(&self, message: &'a Message) -> Result<Cow<'a, [u8]>, Rule> {
        self.packer.unpack(message)
    }

    /// Compresses larger payloads from now on, if nothing else compresses them.
    pub(super) fn compress_payloads(&mut self) {
        self.packer.compress_payloads();
    }

    /// Where a fault wants it, the stream goes on with a context that the client does not have.
    pub(super) fn begin(&mut self, cx: &mut Context, who: Who) {
        if self.packer.is_stream() && cx.strike(FaultKind::KeepContext, who).is_some() {
            self.packer.keep_context();
        }
    }

    /// Sends a message now, in one piece unless a fault splits it.
    pub(super) fn send(&mut self, cx: &mut Context, who: Who, message: Message) -> Sent {
        let sent = self.packer.pack(&message);
        self.send_packed(cx, who, Packed { plain: message, sent })
    }

    /// Sends this many blanks in few bytes; nothing where nothing is compressed.
    pub(super) fn send_bomb(&mut self, cx: &mut Context, who: Who, blanks: u32) -> Sent {
        let Some(bomb) = self.packer.bomb(blanks) else { return Sent::Whole };
        cx.log.counters.bombs += 1;
        let message = Message::Binary(bomb.into());
        self.send_packed(cx, who, Packed { plain: message.clone(), sent: message })
    }

    /// Sends a dispatch, behind those that are held. More than a ring's worth of them is a lost client.
    pub(super) fn send_dispatch(&mut self, cx: &mut Context, who: Who, message: Message) -> Sent {
        match &mut self.dispatches {
            Dispatches::Open => self.send(cx, who, message),
            Dispatches::Held { waiting, .. } if waiting.len() > cx.config.ring => Sent::Cut,
            Dispatches::Held { waiting, .. } => {
                waiting.push_back(message);
                Sent::Whole
            }
        }
    }

    /// Holds this dispatch, and those that come behind it, for a time. The cue is due when it leaves.
    pub(super) fn hold(&mut self, cx: &mut Context, message: Message, cue: Cue, delay: Duration) {
        self.dispatches = Dispatches::Held { waiting: [message].into(), cue };
        cx.clock.after(Timer::Held(self.id), delay);
    }

    /// Sends the dispatches that were held, and gives the cue that is due then.
    pub(super) fn send_held(&mut self, cx: &mut Context, who: Who) -> Option<(Cue, Sent)> {
        let held = core::mem::replace(&mut self.dispatches, Dispatches::Open);
        let Dispatches::Held { waiting, cue } = held else { return None };
        for message in waiting {
            if self.send(cx, who, message) == Sent::Cut {
                return Some((cue, Sent::Cut));
            }
        }
        Some((cue, Sent::Whole))
    }

    /// Drops the dispatches that are held: they were a session's that is no longer on this connection.
    pub(super) fn drop_held(&mut self, cx: &mut Context) {
        self.dispatches = Dispatches::Open;
        cx.clock.cancel(Timer::Held(self.id));
    }

    /// Joins all that is sent from now on in one write, until [`Outgoing::release`].
    pub(super) fn join_all(&mut self) {
        if self.batch.is_none() {
            self.batch = Some(Batch { joined: Joined::Write, held: Vec::new(), more: u32::MAX });
        }
    }

    /// Sends what waits to leave together.
    pub(super) fn release(&mut self, cx: &mut Context, who: Who) {
        cx.clock.cancel(Timer::Batch(self.id));
        let Some(Batch { joined, mut held, .. }) = self.batch.take() else { return };
        match joined {
            Joined::Message => self.merge(cx, who, held),
            Joined::Write => {
                let last = held.pop();
                for packed in held {
                    self.emit(cx, packed, Delivery::Joined);
                }
                if let Some(packed) = last {
                    self.emit(cx, packed, Delivery::Whole);
                }
            }
        }
    }

    /// Sends a message whose bytes are made, unless a fault makes something else of them.
    fn send_packed(&mut self, cx: &mut Context, who: Who, packed: Packed) -> Sent {
        let packed = self.damaged(cx, who, packed);
        if let Some(Fault::Cut { bytes }) = cx.strike(FaultKind::Cut, who) {
            let bytes = bytes.min(packed.sent.bytes().len().saturating_sub(1));
            self.emit(cx, packed, Delivery::Cut { bytes });
            return Sent::Cut;
        }
        if let Some(packed) = self.join(cx, who, packed) {
            self.send_alone(cx, who, packed);
        }
        Sent::Whole
    }

    /// Sends what leaves by itself, or what was merged.
    fn send_alone(&self, cx: &mut Context, who: Who, packed: Packed) {
        let packed = self.scatter(cx, who, packed);
        let delivery = delivery(cx, who, &packed.sent);
        self.emit(cx, packed, delivery);
    }

    fn damaged(&self, cx: &mut Context, who: Who, packed: Packed) -> Packed {
        let fits = |fault: &Fault| {
            if let Fault::Damage(damage) = fault { damage.fits(&self.packer, &packed.sent) } else { false }
        };
        if !cx.faults.armed(FaultKind::Damage, who).is_some_and(fits) {
            return packed;
        }
        match cx.strike(FaultKind::Damage, who) {
            Some(Fault::Damage(damage)) => Packed { sent: damage.done_to(&packed.sent), ..packed },
            Some(_) | None => packed,
        }
    }

    /// Sends all but the last message of a payload that comes in several, and gives that.
    fn scatter(&self, cx: &mut Context, who: Who, packed: Packed) -> Packed {
        let (true, Message::Binary(bytes)) = (self.packer.is_stream(), &packed.sent) else { return packed };
        let Some(Fault::Scatter { messages, last }) = cx.strike(FaultKind::Scatter, who) else { return packed };
        let mut pieces = scattered(bytes, messages, last);
        let last = pieces.pop().unwrap_or_default();
        for piece in pieces {
            let message = Message::Binary(piece);
            cx.order(Action::Send { connection: self.id, message, delivery: Delivery::Whole });
        }
        Packed { sent: Message::Binary(last), ..packed }
    }

    /// Keeps a message that is to leave with others; gives back one that is not.
    fn join(&mut self, cx: &mut Context, who: Who, packed: Packed) -> Option<Packed> {
        if self.batch.is_none() {
            let Some((joined, more)) = self.begin_batch(cx, who, &packed) else { return Some(packed) };
            cx.clock.after(Timer::Batch(self.id), BATCH_WAIT);
            self.batch = Some(Batch { joined, held: Vec::new(), more });
        }
        let batch = self.batch.as_mut()?;
        batch.held.push(packed);
        batch.more = batch.more.saturating_sub(1);
        if batch.more == 0 {
            self.release(cx, who);
        }
        None
    }

    /// Whether a fault wants this message to leave with others: how, and with how many in all.
    fn begin_batch(&self, cx: &mut Context, who: Who, first: &Packed) -> Option<(Joined, u32)> {
        if let Some(Fault::Coalesce { frames }) = cx.strike(FaultKind::Coalesce, who) {
            return Some((Joined::Write, frames));
        }
        if self.packer.is_stream()
            && matches!(first.sent, Message::Binary(_))
            && let Some(Fault::Merge { payloads }) = cx.strike(FaultKind::Merge, who)
        {
            return Some((Joined::Message, payloads));
        }
        None
    }

    /// Sends several payloads in one message.
    fn merge(&self, cx: &mut Context, who: Who, mut held: Vec<Packed>) {
        let Some(last) = held.pop() else { return };
        let mut merged = Vec::new();
        for Packed { plain, sent } in held {
            merged.extend_from_slice(sent.bytes());
            cx.tell(self.id, || EventKind::Sent { message: plain, delivery: Delivery::Joined });
        }
        merged.extend_from_slice(last.sent.bytes());
        self.send_alone(cx, who, Packed { sent: Message::Binary(merged.into()), ..last });
    }

    fn emit(&self, cx: &mut Context, Packed { plain, sent }: Packed, delivery: Delivery) {
        cx.tell(self.id, || EventKind::Sent { message: plain, delivery: delivery.clone() });
        cx.order(Action::Send { connection: self.id, message: sent, delivery });
    }
}

/// How a message leaves, as a fault wants it: stopped in its middle, late, in fragments.
fn delivery(cx: &mut Context, who: Who, message: &Message) -> Delivery {
    if let Some(Fault::Stall { bytes, pause }) = cx.strike(FaultKind::Stall, who) {
        return Delivery::Stalled { bytes, pause };
    }
    if let Some(Fault::Lag(after)) = cx.strike(FaultKind::Lag, who) {
        return Delivery::Pieces(vec![Piece { after, bytes: message.bytes().clone() }]);
    }
    match cx.strike(FaultKind::Split, who) {
        Some(Fault::Split { pieces, gap }) => split(message, pieces, gap),
        Some(_) | None => Delivery::Whole,
    }
}

fn split(message: &Message, pieces: u32, gap: Duration) -> Delivery {
    let bytes = message.bytes();
    let count = usize::try_from(pieces).unwrap_or(usize::MAX).clamp(1, bytes.len().max(1));
    let (size, longer) = (bytes.len() / count, bytes.len() % count);
    let mut rest = bytes.clone();
    let pieces = (0..count)
        .map(|index| Piece {
            after: if index == 0 { Duration::ZERO } else { gap },
            bytes: rest.split_to(size + usize::from(index < longer)),
        })
        .collect();
    Delivery::Pieces(pieces)
}
