//! Memory to inflate payloads in: one scratch for all shards that a thread polls, so that an idle shard holds none.

use core::cell::RefCell;
use portcullis::codec::{Inflater, Scratch};
use portcullis::dialect::Dialect;
use portcullis::machine::Actions;
use portcullis::{GatewayMachine, Input, Timestamp};

/// Whose scratch a shard inflates in.
#[derive(Clone, Copy)]
pub(super) enum ScratchOwner {
    Thread,
    /// `miniz_oxide` inflates into memory that holds its own history, which a shared scratch would have it copy in and
    /// out with each message.
    Shard,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl ScratchOwner {
    pub(super) fn for_machine<D: Dialect>(machine: &GatewayMachine<D>) -> Self {
        match machine.config().inflater.unwrap_or_default() {
            Inflater::Miniz => Self::Shard,
            _ => Self::Thread,
        }
    }

    pub(super) fn handle<D: Dialect>(
        self,
        machine: &mut GatewayMachine<D>,
        now: Timestamp,
        input: Input,
    ) -> Actions<'_> {
        match self {
            Self::Shard => machine.handle(now, input),
            Self::Thread => {
                // A thread that is ending has none, and needs none.
                let mut scratch = SCRATCH.try_with(RefCell::take).unwrap_or_default();
                let actions = machine.handle_with(now, input, &mut scratch);
                let _ = SCRATCH.try_with(|spare| spare.replace(scratch));
                actions
            }
        }
    }
}
