//! A shard and its gateway, driven step by step.

use crate::memory::{Alarm, Gateway, Memory};
use core::future::Future as _;
use core::pin::pin;
use core::task::{Context, Poll};
use portcullis::dialect::discord::Intents;
use portcullis::machine::Phase;
use portcullis::{Discord, Event, Seed};
use portcullis_runtime::{Builder, Driver, IdentifyGate};
use std::sync::Arc;
use std::task::Waker;

/// More steps than any story here has.
const STEPS: usize = 10_000;

pub(crate) struct Stage {
    pub(crate) memory: Memory,
    pub(crate) gateway: Gateway,
    pub(crate) shard: Driver<Discord, Memory>,
    pub(crate) alarm: Arc<Alarm>,
    pub(crate) events: Vec<Event>,
    /// Whether the shard has ended.
    pub(crate) is_over: bool,
}

/// What the last step was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Event,
    Quiet,
    Over,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(Memory::new(), |builder| builder)
    }

    pub(crate) fn with(memory: Memory, set: impl FnOnce(Builder<Memory>) -> Builder<Memory>) -> Self {
        let builder = Builder::new(memory.clone(), "a.bot.token", Intents::GUILDS).gateway("ws://127.0.0.1:9");
        let shard = set(builder.seed(Seed(7))).build().unwrap();
        let alarm = Arc::new(Alarm::default());
        // The first poll comes without a wake-up.
        Waker::from(Arc::clone(&alarm)).wake();
        Self { gateway: Gateway::new(&memory), memory, shard, alarm, events: Vec::new(), is_over: false }
    }

    /// The same with another gate to identify through.
    pub(crate) fn gated(self, gate: impl IdentifyGate) -> Self {
        Self { shard: self.shard.with_identify(gate), ..self }
    }

    /// Polls one `next_event()` once, and drops it.
    pub(crate) fn poll(&mut self) -> Step {
        let waker = Waker::from(Arc::clone(&self.alarm));
        let polled = pin!(self.shard.next_event()).poll(&mut Context::from_waker(&waker));
        match polled {
            Poll::Pending => Step::Quiet,
            Poll::Ready(None) => {
                self.is_over = true;
                Step::Over
            }
            Poll::Ready(Some(event)) => {
                self.events.push(event);
                Step::Event
            }
        }
    }

    /// Lets both sides do what they can at this moment: the shard only when it was woken. An application that has
    /// taken an event asks for the next.
    pub(crate) fn run_until_idle(&mut self) {
        for _ in 0..STEPS {
            let was_woken = self.alarm.take();
            let has_moved = was_woken && !self.is_over && {
                while self.poll() == Step::Event {}
                true
            };
            if !self.gateway.step() && !has_moved {
                return;
            }
        }
        panic!("it spins: {:?}", self.shard);
    }

    /// Lets time pass until the condition holds.
    pub(crate) fn until(&mut self, mut condition: impl FnMut(&Self) -> bool) {
        for _ in 0..STEPS {
            self.run_until_idle();
            if condition(self) {
                return;
            }
            assert!(!self.is_over && self.memory.advance(), "stands still: {:?}\n{:?}", self.shard, self.events);
        }
        panic!("never came: {:?}\n{:?}", self.shard, self.events);
    }

    pub(crate) fn reach(&mut self, phase: Phase) {
        self.until(|stage| stage.shard.phase() == phase);
    }

    /// The names of the dispatches that were taken, Ready and Resumed among them.
    pub(crate) fn taken(&self) -> Vec<&str> {
        let names = self.events.iter().filter_map(|event| match event {
            Event::Ready(dispatch) | Event::Resumed(dispatch) | Event::Dispatch(dispatch) => Some(dispatch.name()),
            _ => None,
        });
        names.collect()
    }
}
