//! Each rule by its name, and each row of the close-code table: a client earns it.

use crate::world::{World, identify, identify_shard, resume, seconds};
use portcullis_fake::{
    AcceptedToken, ConnectionId, FakeConfig, Input, Malformed, Message, Rule, Script, SessionId, Target,
};

const BEAT: &str = r#"{"op":1,"d":null}"#;
const PRESENCE: &str = r#"{"op":3,"d":{"since":null,"activities":[],"status":"online","afk":false}}"#;

/// A client breaks one rule; it has this name, and costs this close code or none.
fn earns(mut world: World, name: &str, code: Option<u16>) {
    let broken: Vec<_> = world.gateway.breaches().map(|breach| breach.rule).collect();
    assert_eq!(broken.iter().map(|rule| rule.name()).collect::<Vec<_>>(), [name]);
    assert_eq!(broken[0].close_code().map(|code| code.0), code);
    let closes: Vec<_> = world.story().into_iter().filter(|line| line.contains(" close ")).collect();
    let wanted = code.map(|code| format!("close {code}"));
    assert_eq!(closes.len(), usize::from(code.is_some()), "{closes:?}");
    assert!(closes.iter().all(|line| line.contains(wanted.as_deref().unwrap_or_default())), "{closes:?}");
}

fn plain() -> FakeConfig {
    FakeConfig { guilds: 0, ..FakeConfig::default() }
}

/// A client that says these things after Hello.
fn says(config: FakeConfig, frames: &[&str]) -> World {
    let mut world = World::new(config);
    let connection = world.connect();
    for frame in frames {
        world.say(connection, frame);
    }
    world
}

#[test]
fn websocket_protocol() {
    let mut world = World::new(plain());
    let connection = world.connect();
    world.input(Input::Malformed(connection, Malformed::Frame));
    earns(world, "websocket-protocol", Some(1002));
}

#[test]
fn not_utf8() {
    let mut world = World::new(plain());
    let connection = world.connect();
    world.input(Input::Malformed(connection, Malformed::Text));
    earns(world, "not-utf8", Some(1007));
    // Where the driver does not check, the machine does.
    let mut world = World::new(plain());
    let connection = world.connect();
    world.input(Input::Message(connection, Message::Text(b"{\"op\":1,\"x\":\"\xff\"}".as_slice().into())));
    earns(world, "not-utf8", Some(1007));
}

#[test]
fn message_too_large() {
    let mut world = World::new(plain());
    let connection = world.connect();
    world.input(Input::Malformed(connection, Malformed::Size));
    earns(world, "message-too-large", Some(1009));
}

#[test]
fn undecodable() {
    earns(says(plain(), &["no json"]), "undecodable", Some(4002));
}

#[test]
fn too_long() {
    earns(says(plain(), &[&format!("{BEAT:4097}")]), "too-long", Some(4002));
}

#[test]
fn unknown_opcode() {
    earns(says(plain(), &[r#"{"op":11,"d":null}"#]), "unknown-opcode", Some(4001));
}

#[test]
fn malformed() {
    earns(says(plain(), &[r#"{"op":1,"d":"four"}"#]), "malformed", Some(4001));
}

#[test]
fn not_authenticated() {
    earns(says(plain(), &[PRESENCE]), "not-authenticated", Some(4003));
}

#[test]
fn authentication_failed() {
    let token = AcceptedToken::Only("right".into());
    earns(says(FakeConfig { token, ..plain() }, &[&identify(0)]), "authentication-failed", Some(4004));
}

#[test]
fn already_authenticated() {
    earns(says(plain(), &[&identify(0), &identify(0)]), "already-authenticated", Some(4005));
}

#[test]
fn invalid_sequence() {
    let mut world = World::new(plain());
    let (first, session) = world.online(0);
    world.leave(first, None);
    let second = world.connect();
    world.say(second, &resume(session, 99));
    earns(world, "invalid-sequence", Some(4007));
}

#[test]
fn rate_limited() {
    earns(says(plain(), &[BEAT; 121]), "rate-limited", Some(4008));
}

#[test]
fn session_timed_out() {
    let mut world = says(plain(), &[&identify(0)]);
    world.advance(seconds(73));
    earns(world, "session-timed-out", Some(4009));
}

#[test]
fn invalid_shard() {
    earns(says(plain(), &[&identify_shard(0, 2, 2)]), "invalid-shard", Some(4010));
}

#[test]
fn sharding_required() {
    let config = FakeConfig { guilds: 2501, ..plain() };
    earns(says(config, &[&identify(0)]), "sharding-required", Some(4011));
}

#[test]
fn invalid_version() {
    let mut world = World::new(plain());
    world.connect_to("/?v=7&encoding=json");
    earns(world, "invalid-version", Some(4012));
}

#[test]
fn invalid_query() {
    let mut world = World::new(plain());
    world.connect_to("/?v=10&encoding=yaml");
    earns(world, "invalid-query", Some(4002));
}

#[test]
fn invalid_intents() {
    let absent = r#"{"op":2,"d":{"token":"T","properties":{}}}"#;
    earns(says(plain(), &[absent]), "invalid-intents", Some(4013));
}

#[test]
fn disallowed_intents() {
    earns(says(FakeConfig { privileged: 0, ..plain() }, &[&identify(2)]), "disallowed-intents", Some(4014));
}

#[test]
fn identify_too_soon() {
    let mut world = says(plain(), &[&identify(0)]);
    let second = world.connect();
    world.say(second, &identify(0));
    earns(world, "identify-too-soon", None);
}

#[test]
fn daily_limit() {
    earns(says(FakeConfig { daily_limit: 0, ..plain() }, &[&identify(0)]), "daily-limit", Some(4004));
}

#[test]
fn heartbeat_ahead() {
    earns(says(plain(), &[&identify(0), r#"{"op":1,"d":2}"#]), "heartbeat-ahead", None);
}

#[test]
fn presence_too_often() {
    let mut world = says(plain(), &[&identify(0), PRESENCE, PRESENCE, PRESENCE, PRESENCE, PRESENCE]);
    let connection = ConnectionId(1);
    world.advance(seconds(20));
    world.say(connection, PRESENCE);
    assert_eq!(world.gateway.breaches().count(), 0);
    for _ in 0..5 {
        world.say(connection, PRESENCE);
    }
    earns(world, "presence-too-often", None);
}

#[test]
fn members_too_often() {
    let ask = |guild| format!(r#"{{"op":8,"d":{{"guild_id":"{guild}","query":"","limit":0,"nonce":"n"}}}}"#);
    let mut world = says(plain(), &[&identify(2), &ask(1), &ask(2)]);
    world.advance(seconds(10));
    world.story();
    world.say(ConnectionId(1), &ask(1));
    world.advance(seconds(20));
    world.say(ConnectionId(1), &ask(1));
    let limited = crate::world::frames(&world).pop().unwrap();
    assert_eq!(
        limited["d"],
        serde_json::json!({"retry_after": 20.0, "opcode": 8, "meta": {"nonce": "n", "guild_id": "1"}})
    );
    earns(world, "members-too-often", None);
}

#[test]
fn nonce_too_long() {
    let ask = format!(r#"{{"op":8,"d":{{"guild_id":"1","query":"a","limit":5,"nonce":"{}"}}}}"#, "x".repeat(33));
    earns(says(plain(), &[&identify(2), &ask]), "nonce-too-long", None);
}

#[test]
fn illegal_close_code() {
    let mut world = says(plain(), &[&identify(0)]);
    world.leave(ConnectionId(1), Some(1006));
    assert_eq!(world.gateway.sessions().count(), 1);
    earns(world, "illegal-close-code", None);
}

/// The rules' names as the source has them, so that none is forgotten here.
#[test]
fn every_rule_has_a_test_of_its_name_and_a_row_in_the_readme() {
    let source = include_str!("../../src/rules.rs");
    let body = source.split("pub const fn name").nth(1).and_then(|rest| rest.split("pub const fn").next()).unwrap();
    let names: Vec<_> = body.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        assert!(include_str!("named.rs").contains(&format!("fn {}()", name.replace('-', "_"))), "{name} has no test");
        assert!(include_str!("../../README.md").contains(&format!("| `{name}` |")), "{name} is not in the README");
    }
}

#[test]
fn every_row_of_the_close_code_table_is_earned() {
    // What a client does or stands through, and the code it gets.
    for (code, script, frames) in [
        ("4000", "after ready: op 7", vec![identify(0)]),
        ("4006", "on resume: deny resume with close 4006", vec![resume(SessionId(1), 1)]),
        ("1000", "after ready: close 1000", vec![identify(0)]),
        ("1001", "after ready: close 1001", vec![identify(0)]),
        ("1008", "after ready: close 1008", vec![identify(0)]),
        ("1009", "after ready: close 1009", vec![identify(0)]),
        ("1011", "after ready: close 1011", vec![identify(0)]),
        ("1012", "after ready: close 1012", vec![identify(0)]),
        ("1013", "after ready: close 1013", vec![identify(0)]),
        ("4015", "after ready: close 4015", vec![identify(0)]),
        ("4900", "after ready: close 4900", vec![identify(0)]),
        ("without a code", "after ready: close", vec![identify(0)]),
    ] {
        let mut world = World::new(plain());
        world.gateway.play(world.now, Script::parse(script).unwrap());
        let connection = world.connect();
        for frame in &frames {
            world.say(connection, frame);
        }
        world.advance(seconds(5));
        let story = world.story();
        assert!(story.last().unwrap().contains(&format!("close {code}")), "{code}: {story:?}");
    }
    // 1006 is what a client makes of a stream that just ends.
    let mut world = says(plain(), &[&identify(0)]);
    world.gateway.drop_connections(world.now, Target::All);
    world.tick();
    assert!(world.story().last().unwrap().ends_with("drop"));
    // 4001 to 4005 and 4007 to 4014 are earned by breaking rules, above: each code is some rule's.
    let rules = [
        Rule::UnknownOpcode { op: 99 },
        Rule::Undecodable,
        Rule::NotAuthenticated { op: 3 },
        Rule::AuthenticationFailed,
        Rule::AlreadyAuthenticated,
        Rule::InvalidSequence,
        Rule::RateLimited,
        Rule::SessionTimedOut,
        Rule::InvalidShard,
        Rule::ShardingRequired,
        Rule::InvalidVersion,
        Rule::InvalidIntents,
        Rule::DisallowedIntents,
    ];
    let codes: Vec<_> = rules.iter().filter_map(|rule| rule.close_code()).map(|code| code.0).collect();
    assert_eq!(codes, [4001, 4002, 4003, 4004, 4005, 4007, 4008, 4009, 4010, 4011, 4012, 4013, 4014]);
}

#[test]
fn what_a_client_closes_with_decides_about_its_session() {
    for (code, sessions) in
        [(Some(1000), 0), (Some(1001), 0), (Some(4000), 1), (Some(4900), 1), (Some(1002), 1), (None, 1)]
    {
        let mut world = says(plain(), &[&identify(0)]);
        world.leave(ConnectionId(1), code);
        assert_eq!(world.gateway.sessions().count(), sessions, "{code:?}");
        assert_eq!(world.gateway.breaches().count(), 0, "{code:?}");
    }
}
