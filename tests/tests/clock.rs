//! Clocks that leap as far as a clock can.

use portcullis::machine::{Action, Input, Phase};
use portcullis::{ConnectionId, GatewayMachine, Seed, Timestamp};
use portcullis_tests::frames;
use portcullis_tests::rig::{config, discord};

#[test]
fn a_clock_that_leaps_to_its_end_breaks_nothing() {
    let connection = ConnectionId(1);
    let mut machine = GatewayMachine::new(discord(), config(), Seed(7)).unwrap();
    for input in [
        Input::Start,
        Input::Tick,
        Input::Opened(connection),
        Input::Message(connection, frames::hello("41250")),
        Input::IdentifyGranted(connection),
        Input::Sent(connection),
        Input::Tick,
    ] {
        let last = machine.handle(Timestamp::MAX, input).last();
        assert!(matches!(last, Some(Action::Wait { .. })), "{last:?}");
    }
    assert_eq!(machine.phase(), Phase::Identifying);
}
