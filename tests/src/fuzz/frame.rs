//! Any bytes as a frame, in each phase of a machine, compared with a plain parse.

use super::give;
use super::plain::Plain;
use crate::frames;
use crate::rig::{config, discord};
use bytes::Bytes;
use portcullis::dialect::discord::Discord;
use portcullis::machine::{Action, Event, Input, Phase};
use portcullis::{CloseReason, ConnectionId, GatewayMachine, Message, Seed, Timestamp};
use std::sync::LazyLock;

/// Gives the bytes as a frame to a machine in each phase, and compares its reading with a plain parse.
///
/// # Panics
/// If an invariant does not hold.
pub fn frame(bytes: &[u8]) {
    static DISCORD: LazyLock<Discord> = LazyLock::new(discord);

    let plain = Plain::read(bytes);
    if let Some(plain) = &plain {
        plain.assert_read_alike(&DISCORD, bytes);
    }
    let frame = Bytes::copy_from_slice(bytes);
    for phase in Phase::ALL {
        let (mut machine, connection) = in_phase(phase);
        let actions = give(&mut machine, Timestamp::ZERO, Input::Message(connection, Message::Text(frame.clone())));
        // A frame causes at most a fault, a gap, an event, a write, a close, and the actions of a lost session.
        assert!(actions.len() <= 9, "{} actions in {phase:?}: {actions:?}", actions.len());
        for action in &actions {
            if let (Action::Event(event), Some(plain)) = (action, &plain) {
                dispatched_alike(event, plain);
            }
        }
        live_on(machine);
    }
}

fn dispatched_alike(event: &Event, plain: &Plain) {
    if let Event::Dispatch(dispatch) | Event::Ready(dispatch) | Event::Resumed(dispatch) = event {
        plain.assert_dispatched_alike(dispatch);
        let _ = (dispatch.text(), dispatch.id(), format!("{dispatch:?}"));
    }
}

/// Asserts that the machine continues after the frame: from deadline to deadline, at a gateway that sends nothing more.
fn live_on(mut machine: GatewayMachine) {
    for _ in 0..4 {
        let Some(deadline) = machine.deadline() else { return };
        give(&mut machine, deadline, Input::Tick);
    }
    machine.handle(Timestamp::MAX, Input::Tick).for_each(drop);
}

/// A machine in this phase, and its connection.
fn in_phase(phase: Phase) -> (GatewayMachine, ConnectionId) {
    let connection = ConnectionId(1);
    let mut machine = GatewayMachine::new(discord(), config(), Seed(7)).unwrap();
    let message = |message: Message| Input::Message(connection, message);
    let inputs = [
        Input::Start,
        Input::Opened(connection),
        message(frames::hello("40000")),
        Input::Sent(connection),
        Input::IdentifyGranted(connection),
        Input::Sent(connection),
        message(frames::ready("5e551011", 1)),
    ];
    let taken = match phase {
        Phase::Idle => 0,
        Phase::Connecting => 1,
        Phase::AwaitingHello => 2,
        Phase::AwaitingIdentify => 4,
        Phase::Identifying => 6,
        _ => 7,
    };
    for input in inputs.into_iter().take(taken) {
        give(&mut machine, Timestamp::ZERO, input);
    }
    match phase {
        Phase::Backoff => drop(give(&mut machine, Timestamp::ZERO, Input::Closed(connection, CloseReason::Eof))),
        Phase::Closing => drop(give(&mut machine, Timestamp::ZERO, message(frames::reconnect()))),
        Phase::Ended => {
            machine.shutdown(Timestamp::ZERO, portcullis::machine::Shutdown::KeepSession);
            give(&mut machine, Timestamp::ZERO, Input::Tick);
            give(&mut machine, Timestamp::ZERO, Input::Closed(connection, CloseReason::Eof));
        }
        Phase::Resuming => return (resuming(machine), ConnectionId(2)),
        _ => {}
    }
    assert_eq!(machine.phase(), phase);
    (machine, connection)
}

/// The same machine after it lost its connection and sent a Resume. Its clock is at the end of the wait.
fn resuming(mut machine: GatewayMachine) -> GatewayMachine {
    give(&mut machine, Timestamp::ZERO, Input::Closed(ConnectionId(1), CloseReason::Eof));
    let now = machine.deadline().unwrap();
    let connection = ConnectionId(2);
    for input in [
        Input::Tick,
        Input::Opened(connection),
        Input::Message(connection, frames::hello("40000")),
        Input::Sent(connection),
    ] {
        give(&mut machine, now, input);
    }
    give(&mut machine, now, Input::Sent(connection));
    assert_eq!(machine.phase(), Phase::Resuming);
    machine
}
