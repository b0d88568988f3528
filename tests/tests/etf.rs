//! The external term format, both ways.

use portcullis::codec::{Compression, Encoding, Format};
use portcullis::dialect::discord::{
    Activity, Command, Discord, DiscordError, Presence, RequestGuildMembers, Status, UpdateVoiceState,
};
use portcullis::dialect::{CommandError, RawCommand};
use portcullis::machine::{Limits, SendError};
use portcullis::{Action, Event, Message};
use portcullis_tests::etf;
use portcullis_tests::pair::discord_in;
use portcullis_tests::rig::{TOKEN, config, discord, prompt};
use portcullis_tests::{Pair, Rig, frames};
use serde_json::{Value, json};

const FORMAT: Format = Format { compression: Compression::None, encoding: Encoding::Etf };

/// Decodes a binary message that the client sent.
fn sent(message: &Message) -> Value {
    let Message::Binary(bytes) = message else { panic!("text in a connection of terms: {message:?}") };
    etf::read(bytes, etf::Keys::Binaries).expect("a term with binary keys: others are a close 4002")
}

#[test]
fn etf_is_asked_for_in_the_url_of_every_link() {
    let format = Format { compression: Compression::ZlibStream, encoding: Encoding::Etf };
    let mut rig = Rig::of(discord_in(format), prompt());
    rig.start().assert_kinds("t+0.000 > connect 1 wss://gateway.discord.gg/?v=10&encoding=etf&compress=zlib-stream");
    let mut pair = Pair::online(format, prompt());
    pair.rig.lose();
    pair.rig.story.clear();
    pair.rig.next();
    let resume = "connect 2 wss://gateway-us-east1-b.discord.gg/?v=10&encoding=etf&compress=zlib-stream";
    assert_eq!(pair.rig.story.of_kind('>'), [resume]);
}

#[test]
fn what_the_machine_sends_is_a_term_with_binary_keys() {
    let mut pair = Pair::online(FORMAT, config());
    pair.rig.next().lose();
    pair.rig.next().open();
    pair.say(&frames::hello("40000"));
    let sent: Vec<Value> = pair.rig.sends.iter().map(|(_, message)| sent(message)).collect();
    let properties = json!({ "os": "linux", "browser": "portcullis", "device": "portcullis" });
    let identify = &sent[1];
    assert_eq!(sent[0], json!({ "op": 1, "d": null }));
    assert_eq!((&identify["op"], &identify["d"]["token"]), (&json!(2), &json!(TOKEN)));
    assert_eq!((&identify["d"]["properties"], &identify["d"]["shard"]), (&properties, &json!([0, 1])));
    assert_eq!(sent[2], json!({ "op": 1, "d": 1 }));
    assert_eq!(sent[3], json!({ "op": 6, "d": { "token": TOKEN, "session_id": "5e551011", "seq": 1 } }));
}

#[test]
fn commands_are_sent_as_terms_with_their_ids_as_text() {
    let mut pair = Pair::online(FORMAT, config());
    let mut presence = Presence::new(Status::Idle);
    presence.activities.push(Activity::watching("the gate"));
    let commands = [
        Command::UpdatePresence(presence),
        Command::RequestGuildMembers(RequestGuildMembers::by_user_ids(1, [41_771_983_423_143_937])),
        Command::UpdateVoiceState(UpdateVoiceState::leave(41_771_983_423_143_937)),
        Command::Raw(RawCommand::new(&json!({ "op": 31, "d": { "guild_ids": ["1"] } })).unwrap()),
    ];
    let before = pair.rig.sends.len();
    for command in commands {
        let json: Value = serde_json::from_slice(&command.encode().unwrap()).unwrap();
        pair.rig.send(command).unwrap();
        assert_eq!(sent(&pair.rig.sends.last().unwrap().1), json);
    }
    assert_eq!(pair.rig.sends.len(), before + 4);
}

#[test]
fn the_limit_of_a_frame_is_judged_by_what_is_sent() {
    // Small numbers are longer in JSON than as terms, keys are shorter.
    let numbers = |count: usize| RawCommand::new(&json!({ "op": 99, "d": vec![255; count] })).unwrap();
    let command = |raw| Command::Raw(raw);
    let mut plain = Rig::online(config());
    let mut terms = Pair::online(FORMAT, config());
    let long = numbers(1200);
    assert_eq!(
        plain.send(command(long.clone())),
        Err(SendError::TooLong { len: long.bytes().len(), max: Discord::PAYLOAD_MAX })
    );
    assert!(terms.rig.send(command(long)).is_ok());
    let bools = RawCommand::new(&json!({ "op": 99, "d": vec![true; 700] })).unwrap();
    assert!(plain.send(command(bools.clone())).is_ok());
    let refused = terms.rig.send(command(bools));
    assert!(matches!(refused, Err(SendError::TooLong { len: 4201..4300, max: 4096 })), "{refused:?}");
}

#[test]
fn a_command_that_is_no_term_is_refused() {
    let mut deep = json!(0);
    for _ in 0..200 {
        deep = json!([deep]);
    }
    let command = Command::Raw(RawCommand::new(&json!({ "op": 99, "d": deep })).unwrap());
    let mut terms = Pair::online(FORMAT, config());
    assert_eq!(terms.rig.send(command), Err(SendError::Command(CommandError::NotJson)));
}

#[test]
fn compressed_payloads_go_with_json_only() {
    let error = Err(DiscordError::PayloadCompression);
    let terms = discord().with_encoding(Encoding::Etf).unwrap();
    assert_eq!(terms.with_compression(Compression::ZlibPayload).map(|_| ()), error);
    let payloads = discord().with_compression(Compression::ZlibPayload).unwrap();
    assert_eq!(payloads.with_encoding(Encoding::Etf).map(|_| ()), error);
}

#[test]
fn ids_come_as_strings_whatever_they_came_as() {
    let mut pair = Pair::online(FORMAT, config());
    let data = r#"{"id":"41771983423143937","author":{"id":"80351110224678912"},"roles":[],"shard":[0,1],"kind":7}"#;
    pair.say(&frames::dispatch("MESSAGE_CREATE", 2, data));
    let dispatch = pair.rig.dispatches.last().unwrap();
    assert_eq!(dispatch.decode::<Value>().unwrap(), serde_json::from_str::<Value>(data).unwrap());
    assert_eq!(dispatch.text().unwrap().as_bytes(), dispatch.raw());
    assert!(dispatch.frame().starts_with(br#"{"t":"MESSAGE_CREATE","s":2,"op":0,"d":{"#), "it can be scanned");
}

#[test]
fn a_term_that_cannot_be_read_is_reported_and_the_next_one_comes() {
    for format in [FORMAT, Format { compression: Compression::ZlibStream, ..FORMAT }] {
        let mut pair = Pair::online(format, prompt());
        let mut term = etf::written(&json!({ "t": "X", "s": 2, "op": 0, "d": null }));
        // A pid in place of a null.
        let at = term.windows(5).position(|bytes| bytes == b"s\x03nil").unwrap();
        term.splice(at..at + 5, [103]);
        let bytes = pair.packer.compress(&term);
        pair.give(bytes);
        pair.say(&frames::message_create(3));
        pair.rig.assert_kinds(&format!(
            "t+0.000 ! faulted: malformed frame: not a valid term near byte {}
             t+0.000 * gap after 1, got 3
             t+0.000 * MESSAGE_CREATE 3",
            at + 1
        ));
    }
}

#[test]
fn compressed_terms_are_read_within_a_stream_and_without() {
    let inner = etf::written(&json!({ "t": "X", "s": 2, "op": 0, "d": { "a": [1, 2], "b": "c".repeat(1000) } }));
    let zlib = portcullis_tests::pack::finished(&inner[1..]);
    let size = u32::try_from(inner.len() - 1).unwrap().to_be_bytes();
    let term = [&[131, 80], &size[..], &zlib].concat();
    for format in [FORMAT, Format { compression: Compression::ZlibStream, ..FORMAT }] {
        let mut pair = Pair::online(format, prompt());
        let bytes = pair.packer.compress(&term);
        pair.give(bytes);
        pair.say(&frames::message_create(3));
        pair.rig.assert_kinds("t+0.000 * X 2\nt+0.000 * MESSAGE_CREATE 3");
        assert_eq!(pair.told()[1].2["b"], json!("c".repeat(1000)));
    }
    // And one whose stated size is above the limit.
    let mut pair = Pair::online(
        FORMAT,
        portcullis::machine::Config { limits: Limits { inflated: 1000, ..Limits::default() }, ..prompt() },
    );
    pair.give(term);
    pair.assert_left_for("undecodable message: payload above 1000 bytes once inflated", 1);
}

#[test]
fn faults_that_nobody_takes_are_bounded() {
    let limits = Limits { undrained: 10_000, ..Limits::default() };
    let mut pair = Pair::online(FORMAT, portcullis::machine::Config { limits, ..prompt() });
    let (connection, now) = (pair.rig.connection(), pair.rig.now);
    for _ in 0..1000 {
        let input = portcullis::Input::Message(connection, Message::Binary(vec![131].into()));
        drop(pair.rig.machine.handle(now, input));
    }
    let untaken = pair.rig.machine.actions().count();
    assert!((10..1000).contains(&untaken), "{untaken} actions");
    assert_eq!(pair.rig.machine.health().counts.connections, 1);
    assert_ne!(pair.rig.machine.phase(), portcullis::machine::Phase::Active);
}

#[test]
fn a_raw_event_of_terms_is_handed_on_as_json() {
    let mut pair = Pair::online(FORMAT, prompt());
    let term = etf::written(&json!({ "op": 99, "d": { "a": 1 } }));
    let (connection, now) = (pair.rig.connection(), pair.rig.now);
    let input = portcullis::Input::Message(connection, Message::Binary(term.into()));
    let unknown = pair.rig.machine.handle(now, input).find_map(|action| match action {
        Action::Event(Event::Unknown(frame)) => Some(frame),
        _ => None,
    });
    assert_eq!(unknown.unwrap().frame(), &br#"{"op":99,"d":{"a":1}}"#[..]);
}
