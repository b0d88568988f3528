//! What the fake remembers of its clients, and that it never keeps a token.

use crate::world::{World, identify, identify_shard, resume, seconds};
use portcullis_fake::{AcceptedToken, ClientFrame, ConnectionId, FakeConfig, Input, SessionId, Shard};

#[test]
fn received_frames_are_kept_decoded_with_time_and_size() {
    let mut world = World::plain();
    let connection = world.connect();
    world.say(connection, &identify_shard(513, 1, 2));
    world.advance(seconds(2));
    world.say(connection, r#"{"op":1,"d":1}"#);
    world.say(connection, r#"{"op":31,"d":{"guild_ids":["5"]}}"#);
    let received: Vec<_> = world.gateway.received().collect();
    let ClientFrame::Identify(identify) = &received[0].frame else { panic!("{:?}", received[0]) };
    assert_eq!((identify.intents, identify.shard), (Some(513), Some(Shard { id: 1, count: 2 })));
    assert_eq!(identify.properties.as_str(), "{}");
    assert_eq!(received[1].frame, ClientFrame::Heartbeat { sequence: Some(1) });
    assert_eq!((received[1].at, received[1].connection, received[1].size), (world.now, connection, 14));
    let ClientFrame::Command { op, data } = &received[2].frame else { panic!("{:?}", received[2]) };
    assert_eq!((*op, data.as_str()), (31, r#"{"guild_ids":["5"]}"#));
    let counters = world.gateway.counters();
    assert_eq!((counters.frames, counters.identifies, counters.heartbeats, counters.commands), (3, 1, 1, 1));
}

#[test]
fn arrivals_show_the_path_and_query_of_granted_and_refused_ones() {
    let mut world = World::new(FakeConfig { connections_max: 1, ..FakeConfig::default() });
    world.connect_to("/resume?v=10");
    world.connect_to(&"ä".repeat(600));
    let seen: Vec<_> = world.gateway.arrivals().map(|arrival| arrival.path_and_query.clone()).collect();
    assert_eq!(seen, ["/resume?v=10", &"ä".repeat(512)]);
}

#[test]
fn the_record_forgets_its_oldest_and_counts_them() {
    let mut world = World::new(FakeConfig { record_max: 2, ..FakeConfig::default() });
    let connection = world.connect();
    for sequence in 1..=5 {
        world.say(connection, &format!(r#"{{"op":1,"d":{sequence}}}"#));
    }
    let kept: Vec<_> = world.gateway.received().map(|received| received.frame.clone()).collect();
    assert_eq!(kept, [4, 5].map(|sequence| ClientFrame::Heartbeat { sequence: Some(sequence) }));
    assert_eq!(world.gateway.counters().forgotten, 3);
}

#[test]
fn a_token_is_in_no_debug_output() {
    let secret = "hush-hush";
    let token = AcceptedToken::Only(secret.into());
    let mut world = World::new(FakeConfig { token, ..FakeConfig::default() });
    let connection = world.connect();
    world.say(connection, &resume(SessionId(1), 1).replace("\"T\"", &format!("\"{secret}\"")));
    world.say(connection, &identify(0).replace("\"T\"", &format!("\"{secret}\"")));
    world.say(connection, &format!(r#"{{"op":98,"d":"{secret}"}}"#));
    assert_eq!(world.gateway.received().count(), 3);
    assert!(!format!("{:?}", world.gateway).contains(secret));
}

#[test]
fn inputs_of_connections_that_are_not_open_are_counted_and_passed_over() {
    let mut world = World::plain();
    world.say(ConnectionId(9), r#"{"op":1,"d":null}"#);
    world.leave(ConnectionId(9), None);
    let (connection, _) = world.online(0);
    let again = Input::Upgrade { connection, path_and_query: "/?v=10".into() };
    assert_eq!(world.gateway.handle(world.now, again).count(), 1);
    assert_eq!(world.gateway.counters().strays, 3);
    assert_eq!(world.gateway.sessions().count(), 1);
}

#[test]
fn a_clock_that_steps_back_counts_as_the_newest_seen() {
    let mut world = World::plain();
    let (connection, _) = world.online(0);
    world.advance(seconds(30));
    world.now = portcullis::Timestamp::ZERO;
    let heartbeat = portcullis::Message::Text(br#"{"op":1,"d":1}"#.as_slice().into());
    let actions = world.gateway.handle(world.now, Input::Message(connection, heartbeat)).count();
    assert_eq!(actions, 2);
    assert_eq!(world.gateway.received().last().unwrap().at, portcullis::Timestamp::ZERO + seconds(30));
}
