//! The permit to identify: where this shard's request stands, and the gate that answers it.

use crate::identify::{GateAnswer, IdentifyGate};
use core::task::{Context, Poll};
use core::time::Duration;
use portcullis::dialect::ShardId;
use portcullis::machine::Phase;
use portcullis::{ConnectionId, Input};

pub(super) struct Permits {
    gate: Box<dyn IdentifyGate>,
    shard: Option<ShardId>,
    permit: Permit,
}

#[derive(Clone, Copy)]
enum Permit {
    None,
    Requested,
    Granted(ConnectionId),
}

/// What the machine wants of the gate.
#[derive(Clone, Copy)]
pub(super) enum PermitCall {
    Request(ConnectionId),
    Release(ConnectionId),
}

impl Permits {
    pub(super) fn new(gate: Box<dyn IdentifyGate>, shard: Option<ShardId>) -> Self {
        Self { gate, shard, permit: Permit::None }
    }

    pub(super) fn set_gate(&mut self, gate: Box<dyn IdentifyGate>) {
        self.gate = gate;
    }

    pub(super) fn carry_out(&mut self, call: PermitCall) {
        match call {
            PermitCall::Request(connection) => {
                self.permit = Permit::Requested;
                self.gate.ask(connection, self.shard);
            }
            PermitCall::Release(connection) => {
                self.permit = Permit::None;
                self.gate.give_back(connection);
            }
        }
    }

    /// Called after each input to the machine: a permit that was granted may be used by now, or useless.
    pub(super) fn note(&mut self, phase: Phase) {
        let Permit::Granted(connection) = self.permit else { return };
        match phase {
            Phase::AwaitingIdentify => {}
            Phase::Identifying => {
                self.permit = Permit::None;
                self.gate.spent(connection);
            }
            // The connection was lost while the grant was on its way: the permit must go back, or it counts as used
            // until its lease ends.
            _ => self.carry_out(PermitCall::Release(connection)),
        }
    }

    pub(super) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Input> {
        let Permit::Requested = self.permit else { return Poll::Pending };
        self.gate.poll_answer(cx).map(|answer| {
            match answer {
                GateAnswer::Granted(connection) => self.permit = Permit::Granted(connection),
                GateAnswer::Later(..) => self.permit = Permit::None,
                GateAnswer::Exhausted(..) => {}
            }
            answer.into()
        })
    }

    /// How long until the gate is to be polled again.
    pub(super) fn wait(&self) -> Option<Duration> {
        match self.permit {
            Permit::Requested => self.gate.wait(),
            Permit::None | Permit::Granted(_) => None,
        }
    }
}
