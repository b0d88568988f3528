//! 34, a part of 37 and one of issue 11: outcomes of commands whose connection died, presences whose outcomes the application
//! does not take, and the time that commands waited.

use portcullis::dialect::discord::{Activity, Command, Presence, Status, UpdateVoiceState};
use portcullis::machine::{CommandId, Config, Limits, Outcome, ReturnReason, SendError, SessionLostPolicy, Shutdown};
use portcullis::{Action, Event};
use portcullis_tests::rig::{config, prompt};
use portcullis_tests::{Rig, frames, seconds};

fn presence(status: Status) -> Command {
    Command::UpdatePresence(Presence::new(status))
}

fn voice() -> Command {
    Command::UpdateVoiceState(UpdateVoiceState::leave(1))
}

/// The outcomes, by command.
fn outcomes(rig: &Rig) -> Vec<(u64, Outcome)> {
    let outcomes = rig.events.iter().filter_map(|(_, event)| match event {
        Event::Command(CommandId(id), outcome) => Some((*id, *outcome)),
        _ => None,
    });
    outcomes.collect()
}

/// A shard whose connection died while it wrote a presence, and that waits to resume.
fn died_writing_a_presence(config: Config) -> Rig {
    let mut rig = Rig::online(config);
    rig.hold_writes().send(presence(Status::Idle)).unwrap();
    rig.lose().free_writes();
    assert_eq!(outcomes(&rig), []);
    rig
}

#[test]
fn found_34_a_presence_that_may_have_left_is_unknown_when_the_shard_ends() {
    let mut rig = died_writing_a_presence(prompt());
    rig.shutdown(Shutdown::KeepSession);
    assert_eq!(outcomes(&rig), [(0, Outcome::Unknown)]);
}

#[test]
fn found_34_a_presence_that_may_have_left_is_unknown_when_a_later_one_takes_its_place() {
    let mut rig = died_writing_a_presence(prompt());
    rig.send(presence(Status::Dnd)).unwrap();
    assert_eq!(outcomes(&rig), [(0, Outcome::Unknown)]);
    // A command that was never sent is returned, as before.
    rig.send(presence(Status::Online)).unwrap();
    assert_eq!(outcomes(&rig)[1..], [(1, Outcome::Returned(ReturnReason::Superseded))]);
}

#[test]
fn found_34_an_identify_that_broke_off_makes_the_presence_it_carried_unknown() {
    let mut rig = Rig::new(prompt());
    rig.machine.send(rig.now, presence(Status::Idle)).unwrap();
    rig.start().open().hold_writes().message(frames::hello("40000")).sent();
    assert_eq!(rig.story.of_kind('>').last(), Some(&"identify with presence idle"));
    rig.lose().shutdown(Shutdown::EndSession);
    assert_eq!(outcomes(&rig), [(0, Outcome::Unknown)]);
}

#[test]
fn found_34_a_presence_that_goes_out_whole_at_the_second_try_is_sent() {
    let mut rig = died_writing_a_presence(prompt());
    rig.next().open().message(frames::hello("40000")).message(frames::resumed(3));
    assert_eq!(outcomes(&rig), [(0, Outcome::Sent)]);
}

#[test]
fn found_34_a_command_that_stands_is_either_returned_or_carried_by_the_next_identify() {
    for policy in [SessionLostPolicy::ReturnAll, SessionLostPolicy::ByKind, SessionLostPolicy::KeepAll] {
        // given: a presence and a voice state that wait when their session is lost
        let mut rig = Rig::resuming(Config { on_session_lost: policy, ..prompt() });
        rig.send(presence(Status::Idle)).unwrap();
        rig.send(voice()).unwrap();
        rig.message(frames::invalid_session("false")).close(1000).next();
        rig.story.clear();

        // when: the next session begins; then: its Identify carries the presence, which counts as sent and is never returned
        rig.open().message(frames::hello("40000")).message(frames::ready("0ther", 1));
        assert!(rig.story.of_kind('>').contains(&"identify with presence idle"), "{policy:?}");
        let of_presence: Vec<_> = outcomes(&rig).into_iter().filter(|(id, _)| *id == 0).collect();
        assert_eq!(of_presence, [(0, Outcome::Sent)], "{policy:?}");
        let of_voice: Vec<_> = outcomes(&rig).into_iter().filter(|(id, _)| *id == 1).collect();
        let expected = match policy {
            SessionLostPolicy::KeepAll => Outcome::Sent,
            SessionLostPolicy::ByKind | SessionLostPolicy::ReturnAll => Outcome::Returned(ReturnReason::SessionLost),
        };
        assert_eq!(of_voice, [(1, expected)], "{policy:?}");
    }
}

#[test]
fn found_37_presences_whose_outcomes_nobody_takes_are_refused_when_the_outbox_is_full_of_them() {
    // given: an application that keeps changing its presence without a tick
    let mut rig = Rig::online(config());
    let mut refused = 0;
    for number in 0..20_000 {
        match rig.machine.send(rig.now, presence(Status::Idle)) {
            Ok(_) => assert_eq!(refused, 0, "{number}"),
            Err(SendError::QueueFull { limit: 256 }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }

    // then: the outbox is full and says that it has no room
    assert_eq!((refused, rig.machine.room()), (20_000 - 257, 0));
    assert_eq!(rig.machine.send(rig.now, voice()), Err(SendError::QueueFull { limit: 256 }));

    // when: it takes the outcomes; then: OutboxDrained comes behind the last one, and the latest presence was sent
    rig.tick();
    let told = rig.story.of_kind('*');
    assert_eq!(told[..2], ["command 0 returned: superseded", "command 1 returned: superseded"]);
    assert_eq!(told[256..], ["outbox drained", "command 256 sent"]);
    assert_eq!(rig.machine.room(), 256);
    rig.send(presence(Status::Dnd)).unwrap();
}

#[test]
fn found_37_outcomes_that_are_not_taken_never_outgrow_the_outbox() {
    // given: an application that sends and ticks, and takes no actions
    let limits = Limits { outbox: 8, ..Limits::default() };
    let mut rig = Rig::online(Config { limits, ..config() });
    let mut accepted = 0;
    for _ in 0..1000 {
        for command in [presence(Status::Idle), voice()] {
            accepted += usize::from(rig.machine.send(rig.now, command).is_ok());
        }
        drop(rig.machine.handle(rig.now, portcullis::Input::Tick));
        drop(rig.machine.handle(rig.now, portcullis::Input::Sent(rig.connection())));
    }
    let waiting = rig.machine.actions().filter(|action| matches!(action, Action::Event(Event::Command(..)))).count();
    assert!(accepted <= 16 && waiting <= 16, "{accepted} accepted, {waiting} outcomes wait");
}

#[test]
fn found_37_an_outbox_of_one_still_takes_a_later_presence_when_the_outcomes_are_taken() {
    let limits = Limits { outbox: 1, ..Limits::default() };
    let mut rig = Rig::in_phase(portcullis::machine::Phase::Backoff, Config { limits, ..config() });
    for status in [Status::Idle, Status::Dnd].into_iter().cycle().take(9) {
        rig.send(presence(status)).unwrap();
    }
    assert_eq!(outcomes(&rig).len(), 8);
}

#[test]
fn found_11_7_the_time_without_a_connection_is_not_told_as_a_wait_for_the_send_limit() {
    // given: a command that the send limit holds back, and a connection that is lost 10 s later
    let mut rig = Rig::online(prompt());
    rig.ack_beats();
    for _ in 0..120 {
        rig.send(voice()).unwrap();
    }
    rig.advance(seconds(10)).lose();
    rig.story.clear();

    // when: the session comes back after 50 s, with a whole window
    rig.pass(seconds(50)).tick().open().message(frames::hello("40000")).message(frames::resumed(3));

    // then: the command goes out at once, and no Event::Paced says that it waited for the limit
    assert!(rig.story.of_kind('*').iter().all(|line| !line.starts_with("paced")), "{}", rig.story.text());
    assert_eq!(rig.machine.room(), 256);
}

#[test]
fn found_11_7_a_presence_that_its_own_limit_holds_over_a_loss_tells_the_wait_on_the_new_connection() {
    let mut rig = Rig::online(prompt());
    rig.ack_beats();
    for number in 0..6 {
        let mut presence = Presence::new(Status::Online);
        presence.activities.push(Activity::custom(number.to_string()));
        rig.send(Command::UpdatePresence(presence)).unwrap();
    }
    rig.advance(seconds(2)).lose().pass(seconds(8)).tick().open();
    rig.message(frames::hello("40000")).message(frames::resumed(3)).story.clear();
    rig.advance(seconds(15)).assert("t+20.000 * paced 10 s\nt+20.000 > presence online\nt+20.000 * command 5 sent");
}
