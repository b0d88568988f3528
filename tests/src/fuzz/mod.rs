//! The bodies of the fuzz targets, as plain functions: `fuzz/` calls them with any bytes, `tests/fuzz_seeds.rs` with its seeds.

mod frame;
mod inflate;
mod machine;
mod plain;
pub mod websocket;

pub use frame::frame;
pub use inflate::inflate;
pub use machine::machine;
pub use websocket::{websocket, websocket_differential, websocket_handshake};

use portcullis::machine::{Action, Input, Phase};
use portcullis::{GatewayMachine, Timestamp};

/// Gives an input, and checks what holds for every call: it returns, its actions are bounded, and its `Wait` is last, after now,
/// and equal to the deadline.
fn give(machine: &mut GatewayMachine, now: Timestamp, input: Input) -> Vec<Action> {
    let actions: Vec<Action> = machine.handle(now, input).collect();
    let until = match actions.last() {
        Some(Action::Wait { until, .. }) => Some(*until),
        _ => None,
    };
    let waits = actions.iter().filter(|action| matches!(action, Action::Wait { .. })).count();
    assert_eq!(waits, usize::from(until.is_some()), "one wait, and last: {actions:?}");
    assert_eq!(until, machine.deadline(), "the wait is the deadline: {actions:?}");
    let rests = matches!(machine.phase(), Phase::Idle | Phase::Ended);
    assert_eq!(until.is_none(), rests, "a deadline in every phase: {machine:?}");
    assert!(until.is_none_or(|until| until > now), "what is due is done: {actions:?}");
    actions
}
