//! The turn to identify: where this shard's question stands, and the gate that answers it.

use crate::identify::{GateAnswer, IdentifyGate};
use core::task::{Context, Poll};
use core::time::Duration;
use portcullis::dialect::ShardId;
use portcullis::machine::Phase;
use portcullis::{Input, LinkId};

pub(super) struct Turns {
    gate: Box<dyn IdentifyGate>,
    shard: Option<ShardId>,
    turn: Turn,
}

#[derive(Clone, Copy)]
enum Turn {
    None,
    Asked,
    Granted(LinkId),
}

/// What the machine wants of the gate.
#[derive(Clone, Copy)]
pub(super) enum Wish {
    Ask(LinkId),
    GiveBack(LinkId),
}

impl Turns {
    pub(super) fn new(gate: Box<dyn IdentifyGate>, shard: Option<ShardId>) -> Self {
        Self { gate, shard, turn: Turn::None }
    }

    pub(super) fn set_gate(&mut self, gate: Box<dyn IdentifyGate>) {
        self.gate = gate;
    }

    pub(super) fn carry_out(&mut self, wish: Wish) {
        match wish {
            Wish::Ask(link) => {
                self.turn = Turn::Asked;
                self.gate.ask(link, self.shard);
            }
            Wish::GiveBack(link) => {
                self.turn = Turn::None;
                self.gate.give_back(link);
            }
        }
    }

    /// The machine was told something: a turn that was granted may be in use now, or of no use.
    pub(super) fn note(&mut self, phase: Phase) {
        let Turn::Granted(link) = self.turn else { return };
        match phase {
            Phase::Queued => {}
            Phase::Identifying => {
                self.turn = Turn::None;
                self.gate.spent(link);
            }
            // The answer came when its link was gone.
            _ => self.carry_out(Wish::GiveBack(link)),
        }
    }

    pub(super) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Input> {
        let Turn::Asked = self.turn else { return Poll::Pending };
        self.gate.poll_answer(cx).map(|answer| {
            match answer {
                GateAnswer::Granted(link) => self.turn = Turn::Granted(link),
                GateAnswer::Later(..) => self.turn = Turn::None,
                GateAnswer::Exhausted(..) => {}
            }
            answer.into()
        })
    }

    /// How long until the gate is to be polled again.
    pub(super) fn wait(&self) -> Option<Duration> {
        match self.turn {
            Turn::Asked => self.gate.wait(),
            Turn::None | Turn::Granted(_) => None,
        }
    }
}
