//! Every text of a peer that we keep has a bound in bytes.

use portcullis::machine::{Event, Input, Phase};
use portcullis::{CloseCode, CloseFrame, CloseReason};
use portcullis_tests::memory::{asked, note_anew};
use portcullis_tests::rig::prompt;
use portcullis_tests::toy::{Sessions, Toy};
use portcullis_tests::{Rig, frames};

const LONG: usize = 1 << 20;

#[test]
fn found_31_names_too_long_for_an_event_are_counted_as_one() {
    let mut rig = Rig::online(prompt());
    let name = |index: usize, len: usize| format!("{index:08}{}", "N".repeat(len - 8));
    note_anew();
    for index in 0..64 {
        let frame = frames::dispatch(&name(index, LONG), 3 + index as u64, "{}");
        let input = Input::Message(rig.connection(), frame);
        rig.machine.handle(rig.now, input).for_each(drop);
    }
    let held = asked().live;
    assert!(held < 1 << 20, "{held} bytes are held");
    let events = rig.machine.health().events;
    assert_eq!((events.others(), events.of(&name(0, LONG))), (64, 0));

    // Up to 128 bytes a name counts by itself.
    for (sequence, len, count) in [(100, 128, 1), (101, 129, 0)] {
        rig.message(frames::dispatch(&name(7, len), sequence, "{}"));
        assert_eq!(rig.machine.health().events.of(&name(7, len)), count, "{len} bytes");
    }
}

#[test]
fn found_31_a_session_id_too_long_to_be_kept_makes_a_ready_malformed() {
    let mut rig = Rig::in_phase(Phase::Identifying, prompt());
    rig.message(frames::ready(&"5".repeat(4096), 1));
    assert_eq!(rig.machine.phase(), Phase::Active);

    for len in [4097, LONG] {
        let mut rig = Rig::in_phase(Phase::Identifying, prompt());
        rig.message(frames::ready(&"5".repeat(len), 1));
        assert_eq!(rig.machine.phase(), Phase::Closing);
        let faults = rig.story.of_kind('!');
        let expected = format!("malformed frame: field session_id has {len} bytes, at most 4096 are kept");
        assert!(faults.len() == 1 && faults[0].contains(&expected), "{faults:?}");
        assert_eq!(rig.machine.session(), None);
    }

    // For every dialect.
    let mut rig = toy();
    rig.message(frames::text(format!(
        r#"{{"event":"logged_in","data":{{"session":"{}"}},"cursor":"c0"}}"#,
        "s".repeat(4097)
    )));
    assert_eq!(rig.machine.phase(), Phase::Closing);
}

#[test]
fn found_31_a_resume_url_too_long_to_be_kept_is_not_used() {
    let mut rig = Rig::in_phase(Phase::Identifying, prompt());
    let url = format!("wss://gateway-x.discord.gg/{}", "x".repeat(LONG));
    rig.message(frames::dispatch("READY", 1, &format!(r#"{{"session_id":"5e55","resume_gateway_url":"{url}"}}"#)));
    assert_eq!(rig.machine.phase(), Phase::Active);
    assert_eq!(rig.machine.session().unwrap().resume_url(), None);
}

#[test]
fn found_31_a_position_too_long_to_be_kept_moves_no_session() {
    let mut rig = toy();
    rig.message(frames::text(r#"{"event":"logged_in","data":{"session":"s1"},"cursor":"c0"}"#));
    let news = |cursor: &str| frames::text(format!(r#"{{"event":"news","data":{{}},"cursor":"{cursor}"}}"#));
    rig.message(news("c1")).message(news(&"c".repeat(4097)));
    assert_eq!(rig.machine.session().unwrap().position().len(), 2);
    rig.message(news("c2"));
    assert_eq!(rig.machine.session().unwrap().position(), &b"c2"[..]);
}

#[test]
fn found_31_a_close_reason_is_kept_as_far_as_a_close_frame_can_have_one() {
    for (reason, kept) in [
        ("r".repeat(123), "r".repeat(123)),
        ("r".repeat(LONG), "r".repeat(123)),
        // A letter is kept whole or not at all.
        ("é".repeat(100), "é".repeat(61)),
    ] {
        let mut rig = Rig::online(prompt());
        let frame = CloseFrame { code: Some(CloseCode(4000)), reason };
        rig.give(Input::Closed(rig.connection(), CloseReason::Frame(frame)));
        let told = rig.events.iter().find_map(|(_, event)| match event {
            Event::Closed { reason: CloseReason::Frame(frame), .. } => Some(frame.reason.clone()),
            _ => None,
        });
        assert_eq!(told, Some(kept));
    }
}

/// A toy that has logged in and waits for the answer.
fn toy() -> Rig<Toy> {
    let mut rig = Rig::of(Toy::new(Sessions::Kept), prompt());
    let token = portcullis::token::Token::new("t1").unwrap();
    rig.start().give(Input::Token(token, core::time::Duration::from_secs(3600))).open();
    rig.message(frames::text(r#"{"event":"welcome","data":{"silent_after":30}}"#));
    rig
}
