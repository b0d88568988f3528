//! Habits of clients in the wild that are to be served, as far as the machine sees them. `loopback.rs` has the rest.

use crate::world::{World, identify, resume, seconds};
use portcullis::Message;
use portcullis_fake::{AcceptedToken, FakeConfig, Input, Resumable, Script, Target};

fn plain() -> World {
    World::plain()
}

#[test]
fn json_in_binary_frames_is_json() {
    let mut world = plain();
    let connection = world.connect();
    for text in [identify(0), r#"{"op":1,"d":1}"#.to_owned()] {
        world.input(Input::Message(connection, Message::Binary(text.into_bytes().into())));
    }
    world.assert_story(&["t+0.000 1 READY 1", "t+0.000 1 op 11"]);
}

#[test]
fn after_op_9_the_same_connection_may_identify_or_resume_again() {
    let mut world = plain();
    world.gateway.play(world.now, Script::parse("on the first identify: deny identify with op 9 false").unwrap());
    let connection = world.connect();
    world.say(connection, &identify(0));
    world.say(connection, &identify(0));
    world.assert_story(&["t+0.000 1 op 9", "t+0.000 1 READY 1"]);
    let session = world.gateway.sessions().next().unwrap().id;
    world.gateway.invalid_session(world.now, Target::All, Resumable::Yes);
    world.say(connection, &resume(session, 1));
    world.assert_story(&["t+0.000 1 op 9", "t+0.000 1 RESUMED 2"]);
    world.gateway.invalid_session(world.now, Target::All, Resumable::No);
    world.advance(seconds(5));
    world.say(connection, &identify(0));
    world.assert_story(&["t+0.000 1 op 9", "t+5.000 1 READY 1"]);
}

#[test]
fn a_token_may_have_the_word_bot_in_front_or_not_and_may_lose_it_in_between() {
    let token = AcceptedToken::Only("Bot hush".into());
    let mut world = World::new(FakeConfig { token, guilds: 0, ..FakeConfig::default() });
    let first = world.connect();
    world.say(first, &identify(0).replace("\"T\"", "\"Bot hush\""));
    world.leave(first, None);
    let session = world.gateway.sessions().next().unwrap().id;
    let second = world.connect();
    world.story();
    world.say(second, &resume(session, 1).replace("\"T\"", "\"hush\""));
    world.assert_story(&["t+0.000 2 RESUMED 2"]);
}

#[test]
fn the_query_may_be_appended_to_a_url_that_has_one() {
    for target in ["/?v=10&encoding=json/?v=10&encoding=json", "/?v=10&encoding=json?v=10&encoding=json", "?v=10"] {
        let mut world = plain();
        world.connect_to(target);
        world.assert_story(&["t+0.000 1 accept", "t+0.000 1 op 10"]);
    }
}

#[test]
fn properties_may_have_dollars_and_intents_may_be_zero_but_not_absent() {
    let identify = |intents: &str| {
        let properties = r#"{"$os":"linux","$browser":"x","$device":"x"}"#;
        format!(
            r#"{{"op":2,"d":{{"token":"T"{intents},"properties":{properties},"guild_subscriptions":true,"v":10}}}}"#
        )
    };
    let mut world = plain();
    let connection = world.connect();
    world.say(connection, &identify(r#","intents":0"#));
    world.assert_story(&["t+0.000 1 READY 1"]);
    let second = world.connect();
    world.say(second, &identify(""));
    world.assert_story(&["t+0.000 2 close 4013 Invalid intent(s)."]);
}

#[test]
fn heartbeats_may_come_before_identify_and_frames_may_have_s_and_t() {
    let mut world = plain();
    let connection = world.connect();
    world.say(connection, r#"{"op":1}"#);
    world.say(connection, r#"{"t":null,"s":null,"op":1,"d":null}"#);
    world.say(connection, "  {\"d\":251,\"op\":1}\n");
    assert_eq!(world.story().len(), 3);
    assert_eq!(world.gateway.breaches().count(), 0);
}

#[test]
fn a_command_that_crosses_op_9_on_the_wire_is_no_breach() {
    let mut world = plain();
    let (connection, _) = world.online(0);
    world.gateway.invalid_session(world.now, Target::All, Resumable::No);
    world.say(connection, r#"{"op":31,"d":{"guild_ids":[]}}"#);
    world.assert_story(&["t+0.000 1 op 9"]);
    assert_eq!(world.gateway.breaches().count(), 0);
}
