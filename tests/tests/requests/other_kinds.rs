//! Soundboard sounds and channel info: answers without a nonce.

use crate::stage::{Member, Stage};
use portcullis::dialect::discord::{ChannelInfoField, RequestChannelInfo, RequestSoundboardSounds};
use portcullis::requests::{Answer, RequestError};
use portcullis_tests::{Rig, seconds};
use serde::Deserialize;

#[test]
fn sounds_are_whole_when_each_guild_has_answered() {
    let mut stage = Stage::online();
    stage.ask(RequestSoundboardSounds::new([3, 1, 2]));
    stage.sounds(r#""2""#).sounds("1").sounds(r#""9""#).sounds("2").advance(seconds(29)).sounds(r#""3""#);
    stage.assert(
        r#"t+0.000 > sounds of ["1","2","3"]
           t+29.000 = 0: sounds of [1, 2, 3], not of []"#,
    );
    let Ok(Answer::SoundboardSounds(answer)) = &stage.results[0].1 else { panic!("{:?}", stage.results) };
    assert_eq!(answer.sounds::<Member>().unwrap().len(), 3);
}

#[test]
fn guilds_that_say_nothing_are_named_by_what_the_others_said() {
    let mut stage = Stage::online();
    stage.ask(RequestSoundboardSounds::new([1, 2]));
    stage.advance(seconds(1)).sounds("2").advance(seconds(30));
    stage.assert(
        r#"t+0.000 > sounds of ["1","2"]
           t+31.000 = 0: sounds of [2], not of [1]"#,
    );
    stage.ask(RequestSoundboardSounds::new([1, 2]));
    stage.advance(seconds(30));
    assert_eq!(stage.results[1].1, Err(RequestError::Unanswered { received: 0, expected: Some(2) }));
}

#[test]
fn one_answer_is_for_all_who_asked() {
    let mut stage = Stage::online();
    stage.ask(RequestSoundboardSounds::new([1]));
    stage.ask(RequestSoundboardSounds::new([1, 2]));
    stage.sounds("1").sounds("2");
    stage.assert(
        r#"t+0.000 > sounds of ["1"]
           t+0.000 > sounds of ["1","2"]
           t+0.000 = 0: sounds of [1], not of []
           t+0.000 = 1: sounds of [1, 2], not of []"#,
    );
}

#[test]
fn an_answer_before_the_question_is_none() {
    let mut stage = Stage::online();
    stage.rig.hold_writes();
    stage.ask(RequestChannelInfo::all(1));
    stage.dispatch("CHANNEL_INFO", r#"{"guild_id":"1","channels":[]}"#);
    stage.assert(r#"t+0.000 > channels of "1""#);
    stage.act(Rig::sent);
    stage.dispatch("CHANNEL_INFO", r#"{"guild_id":"1","channels":[]}"#).assert("t+0.000 = 0: channels of 1");
}

#[test]
fn channel_info_is_one_event_of_the_guild() {
    #[derive(Debug, Deserialize, PartialEq, Eq)]
    struct Channel<'a> {
        id: &'a str,
        status: Option<&'a str>,
        voice_start_time: Option<u64>,
    }
    let mut stage = Stage::online();
    stage.ask(RequestChannelInfo::new(1, [ChannelInfoField::Status, ChannelInfoField::VoiceStartTime]));
    stage.dispatch("CHANNEL_INFO", r#"{"guild_id":"2","channels":[]}"#);
    let channels = r#"[{"id":"5","status":"standup","voice_start_time":1776303416},{"id":"6","status":null}]"#;
    stage.dispatch("CHANNEL_INFO", &format!(r#"{{"guild_id":1,"channels":{channels}}}"#));
    stage.assert("t+0.000 > channels of \"1\"\nt+0.000 = 0: channels of 1");
    let Ok(Answer::ChannelInfo(answer)) = &stage.results[0].1 else { panic!("{:?}", stage.results) };
    assert_eq!(answer.dispatch().name(), "CHANNEL_INFO");
    let five = Channel { id: "5", status: Some("standup"), voice_start_time: Some(1_776_303_416) };
    let six = Channel { id: "6", status: None, voice_start_time: None };
    assert_eq!(answer.channels::<Channel<'_>>(), Ok(vec![five, six]));
}

#[test]
fn a_refusal_of_such_a_request_is_known_by_its_guild() {
    let mut stage = Stage::online();
    stage.ask(RequestChannelInfo::all(1));
    stage.ask(RequestSoundboardSounds::new([1, 2]));
    stage.dispatch("RATE_LIMITED", r#"{"opcode":43,"retry_after":2,"meta":{"guild_id":"1"}}"#);
    stage.dispatch("RATE_LIMITED", r#"{"opcode":31,"retry_after":3,"meta":{"guild_id":"2"}}"#);
    stage.advance(seconds(3));
    stage.assert(
        r#"t+0.000 > channels of "1"
           t+0.000 > sounds of ["1","2"]
           t+2.000 > channels of "1"
           t+3.000 > sounds of ["1","2"]"#,
    );
}

#[test]
fn sounds_go_on_over_a_resume_as_chunks_do() {
    let mut stage = Stage::online();
    stage.ask(RequestSoundboardSounds::new([1, 2]));
    stage.ask(RequestChannelInfo::all(1));
    stage.sounds("1").resume().sounds("2").resumed();
    stage.assert(
        r#"t+0.000 > sounds of ["1","2"]
           t+0.000 > channels of "1"
           t+0.000 = 0: sounds of [1, 2], not of []
           t+0.000 > channels of "1""#,
    );
}
