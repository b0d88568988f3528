//! Hello to Ready, resumption and replay, and what ends a session.

use crate::world::{World, frames, identify, identify_shard, millis, resume, seconds};
use portcullis_fake::{FakeConfig, Shard, Target};

#[test]
fn a_session_begins_with_hello_ready_and_its_guilds() {
    let mut world = World::new(FakeConfig { guilds: 3, guilds_unavailable: 1, ..FakeConfig::default() });
    let connection = world.connect_to("/?v=10&encoding=json");
    world.assert_story(&["t+0.000 1 accept", "t+0.000 1 op 10"]);
    world.say(connection, &identify(1));
    world.assert_story(&[
        "t+0.000 1 READY 1",
        "t+0.000 1 GUILD_CREATE 2",
        "t+0.000 1 GUILD_CREATE 3",
        "t+0.000 1 GUILD_DELETE 4",
    ]);
    let frames = frames(&world);
    let ready = &frames[1]["d"];
    let session = world.gateway.sessions().next().unwrap();
    assert_eq!(ready["session_id"], session.id.to_string());
    assert_eq!(ready["session_id"].as_str().unwrap().len(), 32);
    assert_eq!(ready["resume_gateway_url"], "ws://fake.invalid");
    assert_eq!(ready["v"], 10);
    assert!(ready.get("shard").is_none());
    assert_eq!(ready["guilds"].as_array().unwrap().len(), 3);
    assert_eq!(ready["guilds"][0]["id"], frames[2]["d"]["id"]);
    assert_eq!(frames[4]["d"]["unavailable"], true);
}

#[test]
fn without_the_guilds_intent_no_guild_comes_and_ready_lists_them() {
    let mut world = World::new(FakeConfig::default());
    let connection = world.connect();
    world.say(connection, &identify(0));
    world.assert_story(&["t+0.000 1 READY 1"]);
    assert_eq!(frames(&world)[1]["d"]["guilds"].as_array().unwrap().len(), 2);
}

#[test]
fn ready_echoes_the_shard_and_lists_its_guilds_only() {
    let mut world = World::new(FakeConfig { guilds: 6, ..FakeConfig::default() });
    let connection = world.connect();
    world.say(connection, &identify_shard(1, 1, 3));
    let frames = frames(&world);
    assert_eq!(frames[1]["d"]["shard"].to_string(), "[1,3]");
    assert_eq!(frames[1]["d"]["guilds"].as_array().unwrap().len(), 2);
    assert_eq!(world.gateway.sessions().next().unwrap().shard, Some(Shard { id: 1, count: 3 }));
}

#[test]
fn heartbeats_are_acked_before_and_after_identify() {
    let mut world = World::plain();
    let connection = world.connect();
    world.say(connection, r#"{"op":1,"d":null}"#);
    world.say(connection, &identify(0));
    world.say(connection, r#"{"d":1,"op":1}"#);
    world.assert_story(&["t+0.000 1 op 11", "t+0.000 1 READY 1", "t+0.000 1 op 11"]);
}

#[test]
fn a_dropped_session_buffers_and_a_resume_replays_what_was_missed() {
    // given: a session that saw one message before its connection was lost
    let mut world = World::plain();
    let (first, session) = world.online(512);
    world.gateway.dispatch(world.now, Target::All, "MESSAGE_CREATE", r#"{"guild_id":"1","id":"2"}"#);
    world.tick();
    world.leave(first, None);
    world.story();

    // when: two more are dispatched and the client resumes from the first
    for _ in 0..2 {
        world.gateway.dispatch(world.now, Target::All, "MESSAGE_CREATE", r#"{"guild_id":"1","id":"3"}"#);
    }
    world.tick();
    world.assert_story(&[]);
    let second = world.connect();
    world.say(second, &resume(session, 2));

    // then: both are replayed, Resumed has the next number, and live ones go on from there
    world.assert_story(&["t+0.000 2 MESSAGE_CREATE 3", "t+0.000 2 MESSAGE_CREATE 4", "t+0.000 2 RESUMED 5"]);
    world.gateway.dispatch(world.now, Target::Session(session), "TYPING_START", "{}");
    world.gateway.dispatch(world.now, Target::Session(session), "USER_UPDATE", "{}");
    world.tick();
    world.assert_story(&["t+0.000 2 USER_UPDATE 6"]);
}

#[test]
fn a_replay_is_byte_for_byte_what_was_sent() {
    let mut world = World::new(FakeConfig { guilds: 1, ..FakeConfig::default() });
    let (first, session) = world.online(1);
    let sent = frames(&world);
    world.leave(first, Some(4000));
    let second = world.connect();
    let before = frames(&world).len();
    world.say(second, &resume(session, 0));
    assert_eq!(frames(&world)[before..before + 2], sent[1..3]);
}

#[test]
fn a_resume_closes_the_sessions_older_connection() {
    let mut world = World::plain();
    let (_, session) = world.online(0);
    let second = world.connect();
    world.say(second, &resume(session, 1));
    world.assert_story(&["t+0.000 1 close 4000 Resumed on another connection.", "t+0.000 2 RESUMED 2"]);
    assert_eq!(world.gateway.sessions().next().unwrap().connection, Some(second));
}

#[test]
fn a_client_that_closes_with_1000_or_1001_ends_its_session_and_others_keep_it() {
    for (code, sessions) in [(Some(1000), 0), (Some(1001), 0), (Some(4000), 1), (Some(1006), 1), (None, 1)] {
        let mut world = World::plain();
        let (connection, _) = world.online(0);
        world.leave(connection, code);
        assert_eq!(world.gateway.sessions().count(), sessions, "{code:?}");
    }
}

#[test]
fn a_session_without_a_connection_expires() {
    let mut world = World::plain();
    let (first, session) = world.online(0);
    world.leave(first, None);
    world.advance(millis(179_999));
    assert_eq!(world.gateway.sessions().count(), 1);
    world.advance(millis(1));
    assert_eq!(world.gateway.sessions().count(), 0);
    let second = world.connect();
    world.say(second, &resume(session, 1));
    world.assert_story(&["t+180.000 2 op 9"]);
}

#[test]
fn a_resume_of_what_left_the_ring_is_refused_and_ends_the_session() {
    let mut world = World::new(FakeConfig { guilds: 0, ring: 2, ..FakeConfig::default() });
    let (first, session) = world.online(0);
    world.leave(first, None);
    for _ in 0..3 {
        world.gateway.dispatch(world.now, Target::All, "USER_UPDATE", "{}");
    }
    let second = world.connect();
    world.say(second, &resume(session, 1));
    world.assert_story(&["t+0.000 2 op 9"]);
    assert_eq!(world.gateway.sessions().count(), 0);
    // and: the connection is still open for an Identify
    world.advance(seconds(5));
    world.say(second, &identify(0));
    world.assert_story(&["t+5.000 2 READY 1"]);
}

#[test]
fn a_resume_from_the_rings_edge_is_granted() {
    let mut world = World::new(FakeConfig { guilds: 0, ring: 2, ..FakeConfig::default() });
    let (first, session) = world.online(0);
    world.leave(first, None);
    for _ in 0..2 {
        world.gateway.dispatch(world.now, Target::All, "USER_UPDATE", "{}");
    }
    let second = world.connect();
    world.say(second, &resume(session, 1));
    world.assert_story(&["t+0.000 2 USER_UPDATE 2", "t+0.000 2 USER_UPDATE 3", "t+0.000 2 RESUMED 4"]);
}

#[test]
fn an_unknown_session_and_one_of_another_token_get_op_9_false() {
    let mut world = World::plain();
    let (first, session) = world.online(0);
    world.leave(first, None);
    let second = world.connect();
    let foreign = resume(session, 1).replace("\"T\"", "\"another\"");
    world.say(second, &foreign);
    world.say(second, &resume(portcullis_fake::SessionId(7), 1));
    world.say(second, r#"{"op":6,"d":{"token":"T","session_id":"not hex","seq":1}}"#);
    world.assert_story(&["t+0.000 2 op 9", "t+0.000 2 op 9", "t+0.000 2 op 9"]);
    world.say(second, &resume(session, 1).replace("\"T\"", "\"Bot T\""));
    world.assert_story(&["t+0.000 2 RESUMED 2"]);
}

#[test]
fn a_frame_in_a_binary_message_counts_as_well() {
    let mut world = World::plain();
    let connection = world.connect();
    let message = portcullis::Message::Binary(identify(0).into_bytes().into());
    let input = portcullis_fake::Input::Message(connection, message);
    assert_eq!(world.gateway.handle(world.now, input).count(), 2);
    assert_eq!(world.gateway.sessions().count(), 1);
}

#[test]
fn the_same_calls_give_the_same_bytes() {
    let run = |seed| {
        let mut world = World::new(FakeConfig { seed, ..FakeConfig::default() });
        let (first, session) = world.online(513);
        world.gateway.dispatch(world.now, Target::All, "MESSAGE_CREATE", r#"{"guild_id":"1"}"#);
        world.advance(seconds(3));
        world.leave(first, None);
        let second = world.connect();
        world.say(second, &resume(session, 2));
        world.advance(seconds(100));
        world.actions
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
