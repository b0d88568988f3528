//! A part of 37: how many actions one call may return.

use portcullis::codec::{Compression, Format};
use portcullis::machine::{Input, Phase};
use portcullis::{Action, Event, Message};
use portcullis_tests::rig::prompt;
use portcullis_tests::{Pair, frames};

const FORMAT: Format = Format { compression: Compression::ZlibStream, encoding: portcullis::codec::Encoding::Json };

/// A kind of payload, each by its number.
type Kind = (&'static str, fn(u64) -> Message);

/// One message of `count` payloads.
fn many(pair: &mut Pair, count: u64, payload: impl Fn(u64) -> Message) -> Message {
    let bytes: Vec<u8> = (0..count).flat_map(|number| pair.pack(&payload(number))).collect();
    Message::Binary(bytes.into())
}

fn actions_of(pair: &mut Pair, message: Message) -> Vec<Action> {
    let (now, connection) = (pair.rig.now, pair.rig.connection());
    pair.rig.machine.handle(now, Input::Message(connection, message)).collect()
}

#[test]
fn found_37_no_message_gives_more_actions_than_payloads_may_be_in_it_and_a_few() {
    let foreign = |number: u64| {
        let data = format!(r#"{{"session_id":"s{number}","resume_gateway_url":"wss://evil.example"}}"#);
        frames::dispatch("READY", 1, &data)
    };
    let skipping = |number: u64| frames::message_create(10 + number * 2);
    let kinds: [Kind; 4] = [
        ("readies", foreign),
        ("gaps", skipping),
        ("garbage", |_| frames::text("{garbage")),
        ("heartbeat requests", |_| frames::heartbeat_request()),
    ];
    for (name, payload) in kinds {
        let mut pair = Pair::online(FORMAT, prompt());
        let message = many(&mut pair, 4096, payload);
        let actions = actions_of(&mut pair, message);
        assert!(actions.len() <= 4096 + 8, "{name} gave {} actions", actions.len());
        assert!(matches!(actions.last(), Some(Action::Wait { .. })), "{name}");
    }
}

#[test]
fn found_37_a_message_that_is_left_for_what_comes_of_it_keeps_the_session_and_says_so() {
    let mut pair = Pair::online(FORMAT, prompt());
    let message = many(&mut pair, 4096, |number| frames::message_create(10 + number * 2));
    pair.rig.message(message);
    assert_eq!(pair.rig.machine.phase(), Phase::Closing);
    assert_eq!(
        pair.rig.story.of_kind('!'),
        ["faulted: undecodable message: more than 4096 payloads or events in a message"]
    );
    assert!(pair.rig.machine.session().is_some());
}

#[test]
fn found_37_a_message_of_as_many_dispatches_as_may_be_is_given_out_whole() {
    let mut pair = Pair::online(FORMAT, prompt());
    let message = many(&mut pair, 4096, |number| frames::message_create(2 + number));
    let actions = actions_of(&mut pair, message);
    let dispatches = actions.iter().filter(|action| matches!(action, Action::Event(Event::Dispatch(_)))).count();
    assert_eq!((dispatches, pair.rig.machine.phase()), (4096, Phase::Active));
}
