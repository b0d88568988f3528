//! 7: a proxy that numbers each connection for itself, and dispatches that come again and again.

use portcullis::machine::{Config, EventFilter, Fault};
use portcullis::{Event, Message, Sequence};
use portcullis_tests::rig::config;
use portcullis_tests::{Rig, frames};

/// A shard whose session stands at 400, and that has sent its Resume.
fn resuming_at_400(config: Config) -> Rig {
    let mut rig = Rig::online(config);
    (3..=400).for_each(|sequence| _ = rig.message(frames::message_create(sequence)));
    rig.lose().next().open().message(frames::hello("40000"));
    rig.story.clear();
    rig.events.clear();
    rig
}

fn repeated(rig: &Rig) -> Vec<u64> {
    let counts = rig.events.iter().filter_map(|(_, event)| match event {
        Event::Faulted(Fault::Repeated { count }) => Some(*count),
        _ => None,
    });
    counts.collect()
}

fn sequences(rig: &Rig) -> Vec<u64> {
    let dispatches = rig.events.iter().filter_map(|(_, event)| match event {
        Event::Dispatch(dispatch) => dispatch.sequence().map(|sequence| sequence.0),
        _ => None,
    });
    dispatches.collect()
}

#[test]
fn found_07_a_resumed_below_the_session_s_sequence_begins_the_count_anew() {
    // given: a proxy that numbers each connection from 1
    let mut rig = resuming_at_400(config());

    // when: it resumes the session with number 1, and goes on from there
    rig.message(frames::resumed(1));
    (2..=400).for_each(|sequence| _ = rig.message(frames::message_create(sequence)));

    // then: no dispatch is dropped, and no gap is reported
    assert_eq!(sequences(&rig), (2..=400).collect::<Vec<_>>());
    assert_eq!(rig.machine.health().counts.duplicates, 0);
    assert_eq!((rig.machine.health().counts.gaps, repeated(&rig)), (0, vec![]));

    // and: the export and the Resume have the new count
    assert_eq!(rig.machine.session().and_then(|session| session.sequence()), Some(Sequence(400)));
    rig.message(frames::message_create(401)).lose().next().open().story.clear();
    rig.message(frames::hello("40000"));
    assert_eq!(rig.story.of_kind('>'), ["resume s#401", "heartbeat 401"]);
}

#[test]
fn found_07_the_export_follows_the_new_count_at_once() {
    let mut rig = resuming_at_400(config());
    rig.message(frames::resumed(1));
    assert_eq!(rig.machine.session().and_then(|session| session.sequence()), Some(Sequence(1)));
    assert_eq!(rig.machine.session_at(&rig.dispatches.last().unwrap().mark()), rig.machine.session());
    let before = rig.dispatches[rig.dispatches.len() - 2].mark();
    assert_eq!(rig.machine.session_at(&before), None, "a number of the old count means nothing in the new");
}

#[test]
fn found_07_a_resumed_below_its_own_replay_only_does_not_bring_the_replay_again() {
    // A gateway that numbers Resumed by where the Resume began: its count is the same.
    let mut rig = resuming_at_400(config());
    rig.message(frames::message_create(401)).message(frames::message_create(402)).message(frames::resumed(400));
    rig.message(frames::message_create(402)).message(frames::message_create(403));
    assert_eq!(sequences(&rig), [401, 402, 403]);
    assert_eq!(rig.machine.health().counts.gaps, 0);
}

#[test]
fn found_07_duplicates_that_are_dropped_are_told_with_their_count() {
    // given: a gateway that repeats 399 dispatches, and then sends new ones
    let mut rig = resuming_at_400(config());
    rig.message(frames::resumed(401));
    (1..=399).for_each(|sequence| _ = rig.message(frames::message_create(sequence)));

    // then: a fault reports it soon, and less and less often while it continues
    assert_eq!(repeated(&rig), [1, 2, 4, 8, 16, 32, 64, 128, 256]);

    // when: a new dispatch comes; then: the whole count is reported before it
    rig.story.clear();
    rig.message(frames::message_create(402)).assert(
        "t+0.779 ! faulted: 399 dispatches came again and were dropped
         t+0.779 * MESSAGE_CREATE 402",
    );
    rig.message(frames::message_create(402)).message(frames::message_create(403));
    assert_eq!(repeated(&rig)[9..], [399, 1], "a run that was told in full is not told twice");
}

#[test]
fn found_07_a_run_that_ends_with_its_connection_is_told_in_full() {
    let mut rig = Rig::online(config());
    (0..3).for_each(|_| _ = rig.message(frames::message_create(2)));
    rig.lose();
    assert_eq!(repeated(&rig), [1, 2, 3]);
    rig.next().open().message(frames::hello("40000")).message(frames::message_create(2));
    assert_eq!(repeated(&rig), [1, 2, 3, 1]);
}

#[test]
fn found_07_duplicates_that_the_filter_would_keep_out_count_as_any() {
    let events = EventFilter::only(["TYPING_START"]);
    let mut rig = Rig::online(Config { events, ..config() });
    let again = |rig: &mut Rig, message: fn(u64) -> Message| _ = rig.message(message(2));
    (0..4).for_each(|_| again(&mut rig, frames::message_create));
    assert_eq!(repeated(&rig), [1, 2, 4]);
}
