//! 10: how long a shard waits after 4008. The limit is per connection, so the next connection has a whole window.

use core::time::Duration;
use portcullis::CloseCode;
use portcullis::dialect::Recovery;
use portcullis::machine::Config;
use portcullis_tests::rig::config;
use portcullis_tests::{Rig, frames, seconds};

/// Closes with `code`, and continues until the session is resumed: how long the shard waited.
fn wait_after(rig: &mut Rig, code: u16) -> Duration {
    let closed = rig.now;
    rig.close(code).next();
    let waited = rig.now - closed;
    let sequence = rig.machine.health().sequence.map_or(0, |sequence| sequence.0);
    rig.open().message(frames::hello("40000")).message(frames::resumed(sequence + 1)).message(frames::ack());
    waited
}

/// Whole seconds of each wait, without the jitter of at most 2 s and the backoff.
fn waits(rig: &mut Rig, codes: &[u16]) -> Vec<u64> {
    codes.iter().map(|code| wait_after(rig, *code).as_secs()).collect()
}

#[test]
fn found_10_the_first_4008_pauses_5_s_and_each_further_one_for_longer() {
    let mut rig = Rig::online(config());
    let waits = waits(&mut rig, &[4008; 8]);
    let expected = [5, 10, 20, 40, 80, 160, 300, 300];
    for (waited, least) in waits.iter().zip(expected) {
        assert!((least..least + 2).contains(waited), "{waits:?}");
    }
}

#[test]
fn found_10_a_shard_that_was_calm_for_a_while_begins_at_5_s_again() {
    let mut rig = Rig::online(config());
    rig.ack_beats();
    assert_eq!(waits(&mut rig, &[4008, 4008]).iter().map(|wait| wait / 5).collect::<Vec<_>>(), [1, 2]);
    rig.advance(seconds(200));
    assert_eq!(
        wait_after(&mut rig, 4008).as_secs() / 5,
        4,
        "a minute without one is not calm: it takes one to earn it"
    );
    rig.advance(seconds(400));
    assert_eq!(wait_after(&mut rig, 4008).as_secs() / 5, 1);
}

#[test]
fn found_10_another_code_between_two_does_not_forgive_the_first() {
    let mut rig = Rig::online(config());
    let waits = waits(&mut rig, &[4008, 4000, 4008]);
    assert!(waits[0] / 5 == 1 && waits[2] / 5 == 2, "{waits:?}");
}

#[test]
fn found_10_a_4008_that_crosses_our_close_counts_as_any() {
    let mut rig = Rig::online(config());
    rig.message(frames::reconnect()).close(4008);
    rig.assert_kinds("t+0.000 ~ reconnect in 5.779 s, resume: reconnect_requested");
    rig.next().open().message(frames::hello("40000")).message(frames::resumed(3));
    assert_eq!(wait_after(&mut rig, 4008).as_secs() / 5, 2);
}

#[test]
fn found_10_a_row_of_the_config_grows_only_where_it_says_up_to_what() {
    let steady = Recovery { wait_min: seconds(7), ..Recovery::RESUME };
    let growing = Recovery { wait_max: seconds(9), ..steady };
    for (row, expected) in [(steady, [7, 7, 7]), (growing, [7, 9, 9])] {
        let mut rig = Rig::online(Config { recoveries: vec![(CloseCode(4008), row)], ..config() });
        let waits = waits(&mut rig, &[4008; 3]);
        for (waited, least) in waits.iter().zip(expected) {
            assert!((least..least + 2).contains(waited), "{waits:?}");
        }
    }
}
