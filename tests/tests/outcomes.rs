//! Invariant 9: outcomes of commands whose connection dies, and of standing commands.

#![allow(clippy::unwrap_used)]

use portcullis::dialect::discord::{Command, Presence, RequestGuildMembers, Status};
use portcullis::machine::Shutdown;
use portcullis_tests::rig::{config, prompt};
use portcullis_tests::{Rig, frames, seconds};

fn presence(status: Status) -> Command {
    Command::UpdatePresence(Presence::new(status))
}

fn members() -> Command {
    Command::RequestGuildMembers(RequestGuildMembers::all(1))
}

/// A rig whose connection died while this command was being written, with the session at hand.
fn died_writing(command: Command) -> Rig {
    let mut rig = Rig::online(prompt());
    rig.hold_writes().send(command).unwrap();
    rig
}

/// Resumes on the next connection.
fn resume(rig: &mut Rig) {
    rig.free_writes().next().open().message(frames::hello("40000")).message(frames::ack());
    rig.story.clear();
    rig.message(frames::resumed(3));
}

/// Begins a new session in place of the old one.
fn begin_anew(rig: &mut Rig) {
    rig.free_writes().next().open().message(frames::hello("40000")).message(frames::invalid_session("false"));
    rig.close(1000).next();
    rig.story.clear();
    rig.open().message(frames::hello("40000")).message(frames::ready("2", 1));
}

#[test]
fn invariant_9_a_command_whose_link_died_during_its_write_is_unknown_and_never_sent_again() {
    let mut rig = died_writing(members());
    rig.lose();
    assert_eq!(rig.story.of_kind('*'), ["closed 1: end of stream", "command 0 unknown"]);
    resume(&mut rig);
    rig.assert("t+0.000 * resumed 3");
}

#[test]
fn invariant_9_a_command_whose_write_timed_out_is_unknown() {
    let mut rig = died_writing(members());
    rig.story.clear();
    rig.advance(seconds(10)).assert(
        "t+10.000 ! faulted: timed out: write
         t+10.000 > abort
         t+10.000 * command 0 unknown
         t+10.000 ~ reconnect in 0 s, resume: timed_out_write",
    );
}

#[test]
fn invariant_9_a_command_that_is_written_while_we_close_has_its_outcome_when_the_socket_takes_it() {
    // given: a command in the socket, and a gateway that asks to reconnect
    let mut rig = died_writing(members());
    rig.message(frames::reconnect()).assert("t+0.000 > request members");

    // when: the socket takes it; then: it is sent, and the close frame may go
    rig.sent().assert("t+0.000 * command 0 sent\nt+0.000 > close 4000");
}

#[test]
fn invariant_9_a_command_that_is_never_written_while_we_close_is_unknown() {
    let mut rig = died_writing(members());
    rig.message(frames::reconnect()).advance(seconds(5)).assert(
        "t+0.000 > request members
         t+5.000 > abort
         t+5.000 * command 0 unknown
         t+5.000 ~ reconnect in 0 s, resume: reconnect_requested",
    );
}

#[test]
fn invariant_9_at_the_end_what_waits_comes_back_and_what_is_being_written_is_told_first() {
    let mut rig = died_writing(members());
    rig.send(members()).unwrap();
    rig.shutdown(Shutdown::KeepSession).assert("t+0.000 > request members");
    rig.lose().assert(
        "t+0.000 * closed 1: end of stream
         t+0.000 * command 0 unknown
         t+0.000 * command 1 returned: ended
         t+0.000 * ended: shut down",
    );
}

#[test]
fn a_presence_whose_link_died_during_its_write_goes_out_once_on_the_resumed_session() {
    let mut rig = died_writing(presence(Status::Idle));
    rig.send(members()).unwrap();
    rig.lose();
    resume(&mut rig);
    rig.assert(
        "t+0.000 * resumed 3
         t+0.000 > presence idle
         t+0.000 * command 0 sent
         t+0.000 > request members
         t+0.000 * command 1 sent",
    );
}

#[test]
fn a_presence_whose_link_died_during_its_write_goes_into_the_next_identify_and_not_behind_it() {
    let mut rig = died_writing(presence(Status::Idle));
    rig.lose();
    begin_anew(&mut rig);
    rig.assert(
        "t+1.067 > ask identify
         t+1.067 > heartbeat null
         t+1.067 > identify with presence idle
         t+1.067 * command 0 sent
         t+1.067 * ready 1",
    );
}

#[test]
fn a_presence_whose_write_failed_makes_room_for_a_later_one_that_waits_already() {
    // given: a presence that is being written, and a later one behind it
    let mut rig = died_writing(presence(Status::Idle));
    rig.send(presence(Status::Dnd)).unwrap();

    // when: the connection dies; then: only the later one is sent again, and the older one's outcome is Unknown
    rig.lose();
    assert_eq!(rig.story.of_kind('*'), ["closed 1: end of stream", "command 0 unknown"]);
    resume(&mut rig);
    rig.assert(
        "t+0.000 * resumed 3
         t+0.000 > presence dnd
         t+0.000 * command 1 sent",
    );
}

#[test]
fn a_sent_presence_stands_and_goes_into_each_identify_to_come() {
    let mut rig = Rig::online(prompt());
    rig.send(presence(Status::Idle)).unwrap();
    rig.send(presence(Status::Dnd)).unwrap();
    rig.lose();
    begin_anew(&mut rig);
    rig.assert(
        "t+1.067 > ask identify
         t+1.067 > heartbeat null
         t+1.067 > identify with presence dnd
         t+1.067 * ready 1",
    );
}

#[test]
fn a_sent_presence_is_not_sent_again_on_a_resumed_session() {
    let mut rig = Rig::online(prompt());
    rig.send(presence(Status::Idle)).unwrap();
    rig.lose();
    resume(&mut rig);
    rig.assert("t+0.000 * resumed 3");
}

#[test]
fn a_presence_that_came_after_the_identify_was_written_goes_out_behind_ready() {
    // given: an Identify with a presence, in the socket, and a later presence
    let mut rig = Rig::new(config());
    rig.machine.send(rig.now, presence(Status::Idle)).unwrap();
    rig.start().open().hold_writes().message(frames::hello("40000")).sent();
    rig.send(presence(Status::Dnd)).unwrap();
    assert_eq!(rig.story.of_kind('>').last(), Some(&"identify with presence idle"));
    rig.story.clear();

    // when: the Identify is sent, and Ready comes
    rig.free_writes().sent().message(frames::ready("5e551011", 1));

    // then: the Identify carried the first presence, and the later one follows
    rig.assert(
        "t+0.000 * command 0 sent
         t+0.000 * ready 1
         t+0.000 > presence dnd
         t+0.000 * command 1 sent",
    );
}

#[test]
fn a_standing_presence_that_no_identify_could_carry_out_is_carried_by_the_next() {
    // given: a connection that dies while its Identify, with a presence in it, is being written
    let mut rig = Rig::new(prompt());
    rig.machine.send(rig.now, presence(Status::Idle)).unwrap();
    rig.start().open().hold_writes().message(frames::hello("40000")).sent();
    rig.lose().free_writes().next();
    rig.story.clear();

    // then: the next Identify has it, and only then is the command sent
    rig.open().message(frames::hello("40000")).assert(
        "t+0.000 > ask identify
         t+0.000 > heartbeat null
         t+0.000 > identify with presence idle
         t+0.000 * command 0 sent",
    );
}
