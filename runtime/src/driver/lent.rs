//! Memory to unpack payloads in: one for all shards that are polled by a thread.

use core::cell::RefCell;
use portcullis::codec::{Inflater, Scratch};
use portcullis::dialect::Dialect;
use portcullis::machine::Actions;
use portcullis::{GatewayMachine, Input, Timestamp};

/// Whether a shard borrows it.
#[derive(Clone, Copy)]
pub(super) enum Memory {
    OfTheThread,
    /// `miniz_oxide` would have its history copied in and out with each message.
    ItsOwn,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Memory {
    pub(super) fn suits<D: Dialect>(machine: &GatewayMachine<D>) -> Self {
        match machine.config().inflater.unwrap_or_default() {
            Inflater::Miniz => Self::ItsOwn,
            _ => Self::OfTheThread,
        }
    }

    pub(super) fn handle<D: Dialect>(
        self,
        machine: &mut GatewayMachine<D>,
        now: Timestamp,
        input: Input,
    ) -> Actions<'_> {
        match self {
            Self::ItsOwn => machine.handle(now, input),
            Self::OfTheThread => {
                // A thread that is ending has none, and needs none.
                let mut scratch = SCRATCH.try_with(RefCell::take).unwrap_or_default();
                let actions = machine.handle_with(now, input, &mut scratch);
                let _ = SCRATCH.try_with(|spare| spare.replace(scratch));
                actions
            }
        }
    }
}
