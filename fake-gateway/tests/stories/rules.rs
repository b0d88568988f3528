//! Each rule a client can break, what it costs, and what the record says of it.

use crate::world::{World, frames, identify, identify_shard, millis, resume, seconds};
use portcullis::CloseCode;
use portcullis_fake::{
    AcceptedToken, ClientFrame, FakeConfig, Limits, Rule, SessionFate, SessionId, Shard, Target, Tolerance,
};

/// The close codes the fake gave, and the rules it wrote down.
fn costs(world: &mut World) -> (Vec<String>, Vec<Rule>) {
    let closes = world.story().into_iter().filter_map(|line| line.split_once("close ").map(|(_, tail)| tail.into()));
    (closes.collect(), world.gateway.breaches().map(|breach| breach.rule).collect())
}

fn assert_costs(world: &mut World, close: &str, rule: Rule) {
    assert_eq!(costs(world), (vec![close.to_owned()], vec![rule]));
    let code = rule.close_code().map(|code| code.to_string());
    assert_eq!(code.as_deref(), Some(&close[..4]));
}

#[test]
fn bytes_that_do_not_decode_cost_4002() {
    let mut world = World::plain();
    let connection = world.connect();
    world.say(connection, "\u{1}garbage");
    assert_costs(&mut world, "4002 Error while decoding payload.", Rule::Undecodable);
    assert_eq!(world.gateway.received().map(|received| &received.frame).collect::<Vec<_>>(), [&ClientFrame::Garbage]);
}

#[test]
fn a_frame_above_4096_bytes_costs_4002_and_keeps_the_session() {
    let mut world = World::plain();
    let (connection, _) = world.online(0);
    let padded = |len: usize| format!("{:len$}", r#"{"op":1,"d":1}"#);
    world.say(connection, &padded(4096));
    world.assert_story(&["t+0.000 1 op 11"]);
    world.say(connection, &padded(4097));
    assert_costs(&mut world, "4002 Error while decoding payload.", Rule::TooLong { bytes: 4097 });
    assert_eq!(world.gateway.sessions().count(), 1);
}

#[test]
fn an_unknown_opcode_costs_4001_even_before_identify() {
    let mut world = World::plain();
    let connection = world.connect();
    world.say(connection, r#"{"op":99,"d":{"token":"T"}}"#);
    assert_costs(&mut world, "4001 Unknown opcode.", Rule::UnknownOpcode { op: 99 });
}

#[test]
fn a_malformed_payload_costs_4001_and_keeps_the_session() {
    let mut world = World::plain();
    let (connection, _) = world.online(0);
    world.say(connection, r#"{"op":3,"d":{"since":null,"activities":[],"afk":false}}"#);
    assert_costs(&mut world, "4001 Invalid payload.", Rule::Malformed { op: 3 });
    assert_eq!(world.gateway.sessions().count(), 1);
}

#[test]
fn a_command_before_identify_costs_4003_whatever_its_shape() {
    for text in [r#"{"op":31,"d":{"guild_ids":[]}}"#, r#"{"op":31,"d":null}"#] {
        let mut world = World::plain();
        let connection = world.connect();
        world.say(connection, text);
        assert_costs(&mut world, "4003 Not authenticated.", Rule::NotAuthenticated { op: 31 });
    }
}

#[test]
fn a_wrong_token_costs_4004_in_identify_and_in_resume() {
    for text in [identify(0), resume(SessionId(1), 1)] {
        let token = AcceptedToken::Only("Bot right".into());
        let mut world = World::new(FakeConfig { token, ..FakeConfig::default() });
        let connection = world.connect();
        world.say(connection, &text);
        assert_costs(&mut world, "4004 Authentication failed.", Rule::AuthenticationFailed);
    }
}

#[test]
fn a_token_is_right_with_and_without_its_prefix() {
    for said in ["right", "Bot right"] {
        let token = AcceptedToken::Only("right".into());
        let mut world = World::new(FakeConfig { token, guilds: 0, ..FakeConfig::default() });
        let connection = world.connect();
        world.say(connection, &identify(0).replace("\"T\"", &format!("\"{said}\"")));
        world.assert_story(&["t+0.000 1 READY 1"]);
    }
}

#[test]
fn a_second_identify_or_a_resume_on_an_active_connection_costs_4005() {
    for text in [identify(0), resume(SessionId(1), 1)] {
        let mut world = World::plain();
        let (connection, _) = world.online(0);
        world.say(connection, &text);
        assert_costs(&mut world, "4005 Already authenticated.", Rule::AlreadyAuthenticated);
        assert_eq!(world.gateway.sessions().count(), 1);
    }
}

#[test]
fn a_resume_ahead_of_the_session_costs_4007_and_ends_it() {
    let mut world = World::plain();
    let (first, session) = world.online(0);
    world.leave(first, None);
    let second = world.connect();
    world.say(second, &resume(session, 2));
    assert_costs(&mut world, "4007 Invalid seq.", Rule::InvalidSequence);
    assert_eq!(world.gateway.sessions().count(), 0);
}

#[test]
fn a_resume_ahead_of_a_session_that_is_online_leaves_that_one_alone() {
    let mut world = World::plain();
    let (_, session) = world.online(0);
    let second = world.connect();
    world.say(second, &resume(session, 2));
    world.assert_story(&["t+0.000 2 close 4007 Invalid seq."]);
    assert_eq!(world.gateway.sessions().count(), 1);
}

#[test]
fn the_121st_frame_of_60_seconds_costs_4008_and_keeps_the_session() {
    let mut world = World::plain();
    let (connection, _) = world.online(0);
    world.advance(seconds(1));
    for _ in 0..119 {
        world.say(connection, r#"{"op":1,"d":1}"#);
    }
    assert_eq!(costs(&mut world), (vec![], vec![]));
    world.now = world.now + millis(58_999);
    world.say(connection, r#"{"op":1,"d":1}"#);
    assert_costs(&mut world, "4008 Rate limited.", Rule::RateLimited);
    assert_eq!(world.gateway.sessions().count(), 1);
}

#[test]
fn the_window_of_120_frames_slides() {
    let mut world = World::plain();
    let (connection, _) = world.online(0);
    world.now = world.now + millis(59_999);
    for _ in 0..119 {
        world.say(connection, r#"{"op":1,"d":1}"#);
    }
    world.now = world.now + millis(1);
    world.say(connection, r#"{"op":1,"d":1}"#);
    assert_eq!(costs(&mut world), (vec![], vec![]));
    world.say(connection, r#"{"op":1,"d":1}"#);
    assert_costs(&mut world, "4008 Rate limited.", Rule::RateLimited);
}

#[test]
fn silence_costs_4009_after_one_and_three_quarter_intervals() {
    for (after_timeout, sessions) in [(SessionFate::Kept, 1), (SessionFate::Ended, 0)] {
        let mut world = World::new(FakeConfig {
            heartbeat_interval: seconds(40),
            after_timeout,
            session_lifetime: seconds(1000),
            ..FakeConfig::default()
        });
        let (connection, _) = world.online(0);
        world.advance(seconds(60));
        world.say(connection, r#"{"op":1,"d":1}"#);
        world.advance(millis(69_999));
        world.assert_story(&["t+60.000 1 op 11"]);
        world.advance(millis(1));
        assert_costs(&mut world, "4009 Session timed out.", Rule::SessionTimedOut);
        assert_eq!(world.gateway.sessions().count(), sessions);
    }
}

#[test]
fn an_unlimited_tolerance_waits_for_ever() {
    let mut world = World::new(FakeConfig { tolerance: Tolerance::Unlimited, ..FakeConfig::default() });
    world.online(0);
    assert_eq!(world.gateway.deadline(), None);
}

#[test]
fn a_shard_out_of_range_costs_4010() {
    for shard in ["[2,2]", "[0,0]", "[-1,2]", "[0,-1]", "[0,99999999999]"] {
        let mut world = World::plain();
        let connection = world.connect();
        world.say(connection, &identify_shard(0, 0, 1).replace("[0,1]", shard));
        assert_costs(&mut world, "4010 Invalid shard.", Rule::InvalidShard);
    }
}

#[test]
fn more_than_2500_guilds_on_a_shard_cost_4011() {
    let mut world = World::new(FakeConfig { guilds: 2501, ..FakeConfig::default() });
    let connection = world.connect();
    world.say(connection, &identify(0));
    assert_costs(&mut world, "4011 Sharding required.", Rule::ShardingRequired);
    let second = world.connect();
    world.say(second, &identify_shard(0, 0, 2));
    world.assert_story(&["t+0.000 2 READY 1"]);
}

#[test]
fn an_unsupported_version_costs_4012_before_any_hello() {
    for query in ["/?v=5", "/", "/?v=ten&encoding=etf&compress=zlib-stream"] {
        let mut world = World::plain();
        world.connect_to(query);
        assert_eq!(world.story(), ["t+0.000 1 accept", "t+0.000 1 close 4012 Invalid API version."], "{query}");
        assert_eq!(world.gateway.connections().count(), 0);
    }
}

#[test]
fn an_unknown_encoding_or_compression_costs_4002() {
    let mut world = World::plain();
    world.connect_to("/?v=10&encoding=xml");
    assert_costs(&mut world, "4002 Error while decoding payload.", Rule::InvalidQuery);
}

#[test]
fn missing_negative_and_unknown_intents_cost_4013() {
    for intents in ["null", "-1", "131072"] {
        let mut world = World::plain();
        let connection = world.connect();
        world.say(connection, &identify(7).replace(":7", &format!(":{intents}")));
        assert_costs(&mut world, "4013 Invalid intent(s).", Rule::InvalidIntents);
    }
}

#[test]
fn a_privileged_intent_that_is_not_switched_on_costs_4014() {
    let mut world = World::new(FakeConfig { privileged: 2, guilds: 0, ..FakeConfig::default() });
    let connection = world.connect();
    world.say(connection, &identify(2));
    world.assert_story(&["t+0.000 1 READY 1"]);
    let second = world.connect();
    world.say(second, &identify(2 | 256));
    assert_costs(&mut world, "4014 Disallowed intent(s).", Rule::DisallowedIntents);
}

#[test]
fn an_identify_in_a_busy_bucket_gets_op_9_and_may_try_again_in_place() {
    // given: two buckets, the first one just used
    let mut world = World::new(FakeConfig { max_concurrency: 2, guilds: 0, ..FakeConfig::default() });
    let first = world.connect();
    world.say(first, &identify_shard(0, 0, 4));
    let [second, third] = [world.connect(), world.connect()];

    // when: another shard of that bucket and one of the other identify
    world.say(second, &identify_shard(0, 2, 4));
    world.say(third, &identify_shard(0, 1, 4));

    // then: the bucket is free again five seconds after it was used
    world.assert_story(&["t+0.000 2 op 9", "t+0.000 3 READY 1"]);
    assert_eq!(frames(&world).iter().find(|frame| frame["op"] == 9).unwrap()["d"], false);
    world.advance(seconds(5));
    world.say(second, &identify_shard(0, 2, 4));
    world.assert_story(&["t+5.000 2 READY 1"]);
    let rules: Vec<_> = world.gateway.breaches().map(|breach| breach.rule).collect();
    assert_eq!(rules, [Rule::IdentifyTooSoon { bucket: 0 }]);
}

#[test]
fn the_daily_limit_resets_the_token_and_ends_every_session() {
    let mut world = World::new(FakeConfig { daily_limit: 1, guilds: 0, ..FakeConfig::default() });
    let (first, session) = world.online(0);
    world.advance(seconds(5));
    let second = world.connect();
    world.say(second, &identify(0));
    world.assert_story(&["t+5.000 2 close 4004 Authentication failed.", "t+5.000 1 close 4003 Not authenticated."]);
    assert_eq!(world.gateway.sessions().count(), 0);
    let third = world.connect();
    world.say(third, &resume(session, 1));
    world.assert_story(&["t+5.000 3 close 4004 Authentication failed."]);

    // and: a new token has a new day
    world.gateway.accept_token(AcceptedToken::Only("new".into()));
    world.advance(seconds(5));
    let fourth = world.connect();
    world.say(fourth, &identify(0).replace("\"T\"", "\"new\""));
    world.assert_story(&["t+10.000 4 READY 1"]);
    assert_ne!(first, fourth);
}

#[test]
fn lifted_limits_hold_no_client_back() {
    let config = FakeConfig { limits: Limits::Lifted, guilds: 2501, daily_limit: 0, ..FakeConfig::default() };
    let mut world = World::new(config);
    let (first, _) = world.online(0);
    let (second, _) = world.online(0);
    for _ in 0..200 {
        world.say(first, &format!("{:5000}", r#"{"op":1,"d":1}"#));
        world.say(second, r#"{"op":1,"d":1}"#);
    }
    assert_eq!(costs(&mut world), (vec![], vec![]));
    assert_eq!(world.gateway.counters().acks, 400);
}

#[test]
fn a_heartbeat_ahead_of_the_session_is_acked_and_noted() {
    let mut world = World::plain();
    let (connection, _) = world.online(0);
    world.say(connection, r#"{"op":1,"d":9}"#);
    world.assert_story(&["t+0.000 1 op 11"]);
    assert_eq!(world.gateway.breaches().map(|breach| breach.rule).collect::<Vec<_>>(), [Rule::HeartbeatAhead]);
    assert_eq!(Rule::HeartbeatAhead.close_code(), None::<CloseCode>);
}

#[test]
fn more_connections_than_allowed_are_refused_with_503() {
    let mut world = World::new(FakeConfig { connections_max: 1, ..FakeConfig::default() });
    world.connect();
    world.connect_to("/?v=10");
    world.assert_story(&["t+0.000 2 refuse 503 None"]);
    assert_eq!(world.gateway.counters().refused, 1);
}

#[test]
fn an_identify_above_the_most_sessions_gets_op_9() {
    let mut world = World::new(FakeConfig { sessions_max: 0, ..FakeConfig::default() });
    let connection = world.connect();
    world.say(connection, &identify(0));
    world.assert_story(&["t+0.000 1 op 9"]);
}

#[test]
fn dispatches_pass_by_intent_place_and_shard() {
    let mut world = World::new(FakeConfig { max_concurrency: 2, guilds: 0, ..FakeConfig::default() });
    let whole = world.connect();
    world.say(whole, &identify_shard(512, 0, 2));
    let direct = world.connect();
    world.say(direct, &identify_shard(4096, 1, 2));
    world.story();
    let (now, guild) = (world.now, r#"{"guild_id":"1","content":"hi"}"#);
    let gateway = &mut world.gateway;
    assert_eq!(gateway.dispatch(now, Target::All, "MESSAGE_CREATE", guild), 1);
    assert_eq!(gateway.dispatch(now, Target::All, "MESSAGE_CREATE", "{}"), 1);
    assert_eq!(gateway.dispatch(now, Target::All, "A_NEW_NAME", "{}"), 2);
    assert_eq!(gateway.dispatch(now, Target::Shard(Shard { id: 1, count: 2 }), "A_NEW_NAME", "{}"), 1);
    assert_eq!(gateway.dispatch(now, Target::Guild(2 << 22), "A_NEW_NAME", "{}"), 1);
    assert_eq!(gateway.dispatch(now, Target::Connection(direct), "A_NEW_NAME", "{}"), 1);
    assert_eq!(gateway.counters().filtered, 2);
    world.tick();
    world.assert_story(&[
        "t+0.000 1 MESSAGE_CREATE 2",
        "t+0.000 2 MESSAGE_CREATE 2",
        "t+0.000 1 A_NEW_NAME 3",
        "t+0.000 2 A_NEW_NAME 3",
        "t+0.000 2 A_NEW_NAME 4",
        "t+0.000 1 A_NEW_NAME 4",
        "t+0.000 2 A_NEW_NAME 5",
    ]);
}

#[test]
fn content_comes_only_with_its_intent() {
    for (intents, content) in [(512, ""), (512 | 32_768, "hi")] {
        let mut world = World::plain();
        world.online(intents);
        let message = serde_json::json!({"guild_id": "1", "content": "hi"});
        assert_eq!(world.gateway.dispatch_value(world.now, Target::All, "MESSAGE_CREATE", &message), Ok(1));
        world.tick();
        assert_eq!(frames(&world).last().unwrap()["d"]["content"], content);
    }
}

#[test]
fn a_value_that_json_cannot_express_is_not_dispatched() {
    let mut world = World::plain();
    world.online(0);
    let value = std::collections::BTreeMap::from([((1, 2), 3)]);
    let error = world.gateway.dispatch_value(world.now, Target::All, "X", &value).unwrap_err();
    assert_eq!(error.to_string(), "the payload of X cannot be written as json");
    assert_eq!(world.gateway.deadline().map(|due| due > world.now), Some(true));
}
