//! What is refused beforehand, and what is bounded.

use crate::stage::Stage;
use portcullis::dialect::CommandError;
use portcullis::dialect::discord::{Intents, RequestChannelInfo, RequestGuildMembers, RequestSoundboardSounds};
use portcullis::machine::{Config, EventFilter, Limits, SendError};
use portcullis::requests::{RequestError, RequestPolicy};
use portcullis_tests::rig::prompt;
use portcullis_tests::{frames, seconds};

fn prefix(text: &str) -> RequestGuildMembers {
    RequestGuildMembers::by_query(1, text, 100)
}

#[test]
fn a_request_that_needs_an_intent_is_refused_without_it() {
    let refusal = |intents, request: RequestGuildMembers| Stage::refusal(intents, EventFilter::All, request);
    let missing = |intent| RequestError::MissingIntent { intent };
    assert_eq!(refusal(Intents::UNPRIVILEGED, RequestGuildMembers::all(1)), missing("GUILD_MEMBERS"));
    assert_eq!(refusal(Intents::GUILD_MEMBERS, prefix("a").with_presences()), missing("GUILD_PRESENCES"));
    // A search and a list of ids need none.
    let stage = Stage::refusal(Intents::empty(), EventFilter::All, RequestGuildMembers::by_user_ids(1, []));
    assert_eq!(stage, RequestError::Send(SendError::Command(CommandError::NoUserIds)));
}

#[test]
fn a_request_whose_answer_the_filter_keeps_out_is_refused() {
    let filtered = |event| RequestError::Filtered { event };
    let all = Intents::all();
    for (filter, event) in [
        (EventFilter::only(["MESSAGE_CREATE"]), "GUILD_MEMBERS_CHUNK"),
        (EventFilter::only(["GUILD_MEMBERS_CHUNK"]), "RATE_LIMITED"),
        (EventFilter::except(["RATE_LIMITED"]), "RATE_LIMITED"),
    ] {
        assert_eq!(Stage::refusal(all, filter, RequestGuildMembers::all(1)), filtered(event));
    }
    let only = EventFilter::only(["GUILD_MEMBERS_CHUNK", "RATE_LIMITED"]);
    let sounds = RequestSoundboardSounds::new([1]);
    assert_eq!(Stage::refusal(all, only.clone(), sounds), filtered("SOUNDBOARD_SOUNDS"));
    let error = Stage::refusal(all, only, RequestChannelInfo::all(1));
    assert_eq!(error.to_string(), "events keeps CHANNEL_INFO out, which the answer needs; let it through");
}

#[test]
fn a_request_that_breaks_a_limit_of_the_gateway_is_refused_before_anything_is_sent() {
    let refusal = |request: RequestGuildMembers| Stage::refusal(Intents::all(), EventFilter::All, request);
    let command = |error: CommandError| RequestError::Send(SendError::Command(error));
    assert_eq!(refusal(RequestGuildMembers::all(0)), command(CommandError::ZeroId { name: "guild_id" }));
    let too_many = CommandError::TooManyUserIds { len: 101, max: 100 };
    assert_eq!(refusal(RequestGuildMembers::by_user_ids(1, [7; 101])), command(too_many));
    let search = CommandError::SearchLimit { limit: 0, max: 100 };
    assert_eq!(refusal(RequestGuildMembers::by_query(1, "a", 0)), command(search));
}

#[test]
fn a_request_that_is_too_long_to_send_ends_with_that() {
    let mut stage = Stage::online();
    stage.ask(prefix(&"a".repeat(5000)));
    let Err(RequestError::Send(SendError::TooLong { max, .. })) = &stage.results[0].1 else {
        panic!("{:?}", stage.results)
    };
    assert_eq!(*max, 4096);
}

#[test]
fn so_many_requests_may_be_open_and_no_more() {
    let mut stage = Stage::with(prompt(), RequestPolicy { requests: 2, ..RequestPolicy::default() });
    stage.ask(prefix("a"));
    stage.ask(prefix("b"));
    assert_eq!(stage.requests.ask(prefix("c")), Err(RequestError::TooManyRequests { limit: 2 }));
    stage.chunk(0, 0, 1);
    stage.ask(prefix("c"));
    assert_eq!(stage.requests.open(), 2);
}

#[test]
fn answers_that_are_too_large_together_end_the_request_that_is_one_too_many() {
    let mut stage = Stage::online();
    stage.ask(prefix("a"));
    stage.ask(prefix("b"));
    // A chunk of this shape has about 250 bytes, which bounds how many are kept.
    stage.requests.set_policy(RequestPolicy { bytes: 1200, ..RequestPolicy::default() });
    stage.chunk(0, 0, 9).chunk(1, 0, 9).chunk(0, 1, 9).chunk(1, 1, 9).chunk(1, 2, 9).chunk(0, 2, 9);
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+0.000 > members of 1, nonce 1
         t+0.000 = 1: open answers are above 1200 bytes; ask for less at a time, or raise the limit",
    );
    // What the one had is free for the other.
    stage.chunk(0, 3, 9).chunk(0, 4, 9);
    stage.assert("t+0.000 = 0: open answers are above 1200 bytes; ask for less at a time, or raise the limit");
    stage.ask(prefix("c"));
    stage.chunk(2, 0, 1).assert("t+0.000 > members of 1, nonce 2\nt+0.000 = 2: members 0");
}

#[test]
fn requests_beyond_the_outbox_wait_for_room_in_it() {
    let limits = Limits { outbox: 2, ..Limits::default() };
    let mut stage = Stage::with(Config { limits, ..prompt() }, RequestPolicy::default());
    stage.rig.lose();
    for text in ["a", "b", "c", "d", "e", "f"] {
        stage.ask(prefix(text));
    }
    stage.assert("");
    stage.act(|rig| rig.next().open().message(frames::hello("40000")));
    stage.resumed();
    let sent = stage.rig.sends.iter().filter(|(_, message)| message.bytes().starts_with(br#"{"op":8"#)).count();
    assert_eq!(sent, 6);
    stage.advance(seconds(30));
    assert_eq!(stage.results.len(), 6);
    assert!(stage.results.iter().all(|(_, result)| matches!(result, Err(RequestError::Unanswered { .. }))));
}
