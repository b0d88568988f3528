//! Scenarios 27, 28, 50 to 54, 80, 81 and 85: when a command goes out, and its outcome.

#![allow(clippy::unwrap_used)]

use portcullis::dialect::RawCommand;
use portcullis::dialect::discord::{
    Activity, Command, Presence, RequestChannelInfo, RequestGuildMembers, RequestSoundboardSounds, Status,
    UpdateVoiceState,
};
use portcullis::machine::{CommandId, Config, Limits, Phase, SendError, SessionLostPolicy};
use portcullis_tests::rig::{config, prompt};
use portcullis_tests::{Rig, frames, seconds};
use serde_json::json;

fn presence(status: Status) -> Command {
    Command::UpdatePresence(Presence::new(status))
}

fn members() -> Command {
    Command::RequestGuildMembers(RequestGuildMembers::all(1))
}

fn voice() -> Command {
    Command::UpdateVoiceState(UpdateVoiceState::leave(1))
}

fn raw() -> Command {
    Command::Raw(RawCommand::new(&json!({"op": 43, "d": {"guild_id": "1", "fields": ["status"]}})).unwrap())
}

/// A presence whose frame has this many bytes.
fn presence_of(len: usize) -> Command {
    let of_text = |text: usize| {
        let mut presence = Presence::new(Status::Online);
        presence.activities.push(Activity::playing("a").with_state("a".repeat(text)));
        Command::UpdatePresence(presence)
    };
    let without_text = of_text(0).encode().unwrap().len();
    of_text(len - without_text)
}

#[test]
fn a_command_of_an_online_shard_goes_out_at_once_and_is_sent_when_the_socket_has_it() {
    let mut rig = Rig::online(config());
    assert_eq!(rig.hold_writes().send(presence(Status::Idle)), Ok(CommandId(0)));
    rig.assert("t+0.000 > presence idle");
    rig.pass(seconds(2)).sent().assert("t+2.000 * command 0 sent");
}

#[test]
fn scenario_27_a_command_of_the_time_without_a_link_goes_out_when_the_session_is_resumed() {
    // given: a command of each kind while there is no connection
    let mut rig = Rig::online(prompt());
    rig.lose();
    for command in [presence(Status::Idle), members(), voice(), raw()] {
        rig.send(command).unwrap();
    }
    rig.next().open().message(frames::hello("40000")).message(frames::ack());
    rig.story.clear();

    // when: the session is resumed, without a Ready
    rig.message(frames::resumed(3));

    // then: each goes out once, in order
    rig.assert(
        "t+0.000 * resumed 3
         t+0.000 > presence idle
         t+0.000 * command 0 sent
         t+0.000 > request members
         t+0.000 * command 1 sent
         t+0.000 > voice state
         t+0.000 * command 2 sent
         t+0.000 > op 43
         t+0.000 * command 3 sent",
    );
}

/// The actions of a shard whose session is refused while a command of each kind waits, from the refusal to Ready.
fn refused_with_commands_waiting(policy: SessionLostPolicy) -> Rig {
    let mut rig = Rig::resuming(Config { on_session_lost: policy, ..prompt() });
    for command in [presence(Status::Idle), members(), voice(), raw()] {
        rig.send(command).unwrap();
    }
    rig.message(frames::invalid_session("false")).close(1000).next();
    rig.open().message(frames::hello("40000")).message(frames::ready("2", 1));
    rig
}

#[test]
fn scenario_28_by_kind_a_new_session_gets_presence_and_raw_and_the_rest_comes_back() {
    let mut rig = refused_with_commands_waiting(SessionLostPolicy::ByKind);
    rig.assert(
        "t+0.000 * session lost: invalid_session_lost
         t+0.000 * command 1 returned: session lost
         t+0.000 * command 2 returned: session lost
         t+0.000 > close 1000
         t+0.000 * closed 2: close 1000
         t+0.000 ~ reconnect in 1.067 s, identify: invalid_session_lost
         t+1.067 * connecting 3, identify
         t+1.067 > connect 3 wss://gateway.discord.gg/?v=10&encoding=json
         t+1.067 > ask identify
         t+1.067 > heartbeat null
         t+1.067 > identify with presence idle
         t+1.067 * command 0 sent
         t+1.067 * ready 1
         t+1.067 > op 43
         t+1.067 * command 3 sent",
    );
}

#[test]
fn scenario_28_requests_whose_answer_was_the_sessions_come_back_with_it() {
    let mut rig = Rig::resuming(prompt());
    rig.send(Command::RequestSoundboardSounds(RequestSoundboardSounds::new([1]))).unwrap();
    rig.send(Command::RequestChannelInfo(RequestChannelInfo::all(1))).unwrap();
    rig.message(frames::invalid_session("false"));
    rig.assert_kinds(
        "t+0.000 * session lost: invalid_session_lost
         t+0.000 * command 0 returned: session lost
         t+0.000 * command 1 returned: session lost",
    );
}

#[test]
fn scenario_28_keep_all_gives_a_new_session_every_command() {
    let mut rig = refused_with_commands_waiting(SessionLostPolicy::KeepAll);
    rig.assert(
        "t+0.000 * session lost: invalid_session_lost
         t+0.000 > close 1000
         t+0.000 * closed 2: close 1000
         t+0.000 ~ reconnect in 1.067 s, identify: invalid_session_lost
         t+1.067 * connecting 3, identify
         t+1.067 > connect 3 wss://gateway.discord.gg/?v=10&encoding=json
         t+1.067 > ask identify
         t+1.067 > heartbeat null
         t+1.067 > identify with presence idle
         t+1.067 * command 0 sent
         t+1.067 * ready 1
         t+1.067 > request members
         t+1.067 * command 1 sent
         t+1.067 > voice state
         t+1.067 * command 2 sent
         t+1.067 > op 43
         t+1.067 * command 3 sent",
    );
}

#[test]
fn scenario_28_return_all_hands_back_every_command_but_the_presence_which_stands() {
    let mut rig = refused_with_commands_waiting(SessionLostPolicy::ReturnAll);
    rig.assert(
        "t+0.000 * session lost: invalid_session_lost
         t+0.000 * command 1 returned: session lost
         t+0.000 * command 2 returned: session lost
         t+0.000 * command 3 returned: session lost
         t+0.000 > close 1000
         t+0.000 * closed 2: close 1000
         t+0.000 ~ reconnect in 1.067 s, identify: invalid_session_lost
         t+1.067 * connecting 3, identify
         t+1.067 > connect 3 wss://gateway.discord.gg/?v=10&encoding=json
         t+1.067 > ask identify
         t+1.067 > heartbeat null
         t+1.067 > identify with presence idle
         t+1.067 * command 0 sent
         t+1.067 * ready 1",
    );
}

#[test]
fn scenario_80_a_command_above_the_limit_is_refused_with_its_size_and_the_link_stays() {
    let mut rig = Rig::online(config());
    assert_eq!(rig.send(presence_of(4097)), Err(SendError::TooLong { len: 4097, max: 4096 }));
    assert_eq!(
        rig.send(presence_of(4097)).unwrap_err().to_string(),
        "the command is 4097 bytes, the gateway takes 4096; shorten it"
    );
    assert_eq!((rig.machine.phase(), rig.machine.room()), (Phase::Active, 256));
    rig.assert("");
    rig.send(presence_of(4096)).unwrap();
    rig.assert("t+0.000 > presence online\nt+0.000 * command 0 sent");
    assert_eq!(rig.sends.last().unwrap().1.bytes().len(), 4096);
}

#[test]
fn scenario_81_a_command_before_ready_waits_for_it() {
    // given: a command in each phase before Active
    let mut rig = Rig::new(config());
    rig.hold_identify();
    rig.machine.send(rig.now, members()).unwrap();
    rig.start().send(members()).unwrap();
    rig.open().send(members()).unwrap();
    rig.message(frames::hello("40000")).send(members()).unwrap();
    rig.give(portcullis::Input::IdentifyGranted(rig.connection())).send(members()).unwrap();
    rig.assert(
        "t+0.000 * connecting 1, identify
         t+0.000 > connect 1 wss://gateway.discord.gg/?v=10&encoding=json
         t+0.000 > ask identify
         t+0.000 > heartbeat null
         t+0.000 > identify",
    );

    // when: Ready comes
    rig.message(frames::ready("5e551011", 1));

    // then: all go out, in order
    rig.assert(
        "t+0.000 * ready 1
         t+0.000 > request members
         t+0.000 * command 0 sent
         t+0.000 > request members
         t+0.000 * command 1 sent
         t+0.000 > request members
         t+0.000 * command 2 sent
         t+0.000 > request members
         t+0.000 * command 3 sent
         t+0.000 > request members
         t+0.000 * command 4 sent",
    );
}

#[test]
fn scenario_81_a_command_before_resumed_waits_for_it() {
    let mut rig = Rig::resuming(prompt());
    rig.send(voice()).unwrap();
    rig.message(frames::message_create(3)).assert("t+0.000 * MESSAGE_CREATE 3, replayed");
    rig.message(frames::resumed(4)).assert(
        "t+0.000 * resumed 4
         t+0.000 > voice state
         t+0.000 * command 0 sent",
    );
}

#[test]
fn scenario_85_a_command_sent_from_the_ready_callback_goes_out_with_the_next_tick() {
    let mut rig = Rig::in_phase(Phase::Identifying, config());
    let connection = rig.connection();
    let ready = portcullis::Input::Message(connection, frames::ready("5e551011", 1));

    // when: the application sends while the actions of Ready are being carried out
    let actions: Vec<_> = rig.machine.handle(rig.now, ready).collect();
    assert!(matches!(actions[0], portcullis::Action::Event(portcullis::Event::Ready(_))), "{actions:?}");
    rig.machine.send(rig.now, voice()).unwrap();
    assert_eq!(rig.machine.deadline(), Some(rig.now), "it is due at once");

    // then: it goes out
    rig.tick().assert("t+0.000 > voice state\nt+0.000 * command 0 sent");
}

#[test]
fn scenario_82_of_twenty_presences_while_none_can_leave_one_is_sent_the_last() {
    let mut rig = Rig::online(config());
    rig.hold_writes().send(voice()).unwrap();
    for status in [Status::Idle, Status::Dnd].into_iter().cycle().take(20) {
        rig.send(presence(status)).unwrap();
    }
    let superseded: Vec<String> = (1..20).map(|id| format!("t+0.000 * command {id} returned: superseded")).collect();
    rig.assert(&format!("t+0.000 > voice state\n{}", superseded.join("\n")));
    rig.sent().sent().assert(
        "t+0.000 * command 0 sent
         t+0.000 > presence dnd
         t+0.000 * command 20 sent",
    );
}

#[test]
fn scenario_54_a_million_commands_are_bounded_and_the_caller_sees_it_is_full() {
    let mut rig = Rig::in_phase(Phase::Backoff, prompt());
    let (mut full, command) = (0, raw());
    for _ in 0..1_000_000 {
        match rig.machine.send(rig.now, command.clone()) {
            Ok(_) => assert_eq!(full, 0),
            Err(SendError::QueueFull { limit: 256 }) => full += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((full, rig.machine.room()), (1_000_000 - 256, 0));
}

#[test]
fn who_was_turned_away_is_told_once_when_half_the_outbox_is_free() {
    // given: an outbox of four, and a fifth command that was refused
    let limits = Limits { outbox: 4, ..Limits::default() };
    let mut rig = Rig::online(Config { limits, ..config() });
    rig.hold_writes().send(voice()).unwrap();
    for _ in 0..4 {
        rig.send(voice()).unwrap();
    }
    assert_eq!(rig.send(voice()), Err(SendError::QueueFull { limit: 4 }));
    assert_eq!(
        SendError::QueueFull { limit: 4 }.to_string(),
        "4 commands wait already; send again when the outbox drained"
    );
    rig.story.clear();

    // when: three leave
    rig.sent().sent().sent();

    // then: OutboxDrained comes when two are left, and not again
    rig.assert(
        "t+0.000 * command 0 sent
         t+0.000 > voice state
         t+0.000 * command 1 sent
         t+0.000 > voice state
         t+0.000 * outbox drained
         t+0.000 * command 2 sent
         t+0.000 > voice state",
    );
}

#[test]
fn who_was_turned_away_is_told_of_room_that_a_lost_session_made() {
    // given: an outbox full of commands for this session only, and one that was refused
    let limits = Limits { outbox: 2, ..Limits::default() };
    let mut rig = Rig::resuming(Config { limits, ..prompt() });
    rig.send(voice()).unwrap();
    rig.send(voice()).unwrap();
    assert_eq!(rig.send(voice()), Err(SendError::QueueFull { limit: 2 }));

    // when: the session is lost; then: they come back, and there is room
    rig.message(frames::invalid_session("false")).assert(
        "t+0.000 * session lost: invalid_session_lost
         t+0.000 * command 0 returned: session lost
         t+0.000 * command 1 returned: session lost
         t+0.000 * outbox drained
         t+0.000 > close 1000",
    );
}

#[test]
fn who_was_turned_away_is_told_of_room_that_an_identify_made() {
    // given: an outbox of one with a presence in it, and one command that was refused
    let limits = Limits { outbox: 1, ..Limits::default() };
    let mut rig = Rig::new(Config { limits, ..config() });
    rig.machine.send(rig.now, presence(Status::Idle)).unwrap();
    assert_eq!(rig.machine.send(rig.now, voice()), Err(SendError::QueueFull { limit: 1 }));
    rig.start().open();
    rig.story.clear();

    // when: the Identify carries it; then: there is room
    rig.message(frames::hello("40000")).assert(
        "t+0.000 > ask identify
         t+0.000 > heartbeat null
         t+0.000 > identify with presence idle
         t+0.000 * outbox drained
         t+0.000 * command 0 sent",
    );
}

#[test]
fn a_command_after_the_end_is_refused() {
    let mut rig = Rig::in_phase(Phase::Ended, config());
    assert_eq!(rig.send(voice()), Err(SendError::Ended));
    assert_eq!(SendError::Ended.to_string(), "the shard is over; start another");
    rig.assert("");
}
