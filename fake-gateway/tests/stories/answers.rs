//! Commands are answered as by the real gateway.

use crate::world::{World, frames, identify_shard, seconds};
use portcullis::Timestamp;
use portcullis_fake::{Answers, ConnectionId, FakeConfig, Script};
use serde_json::{Value, json};

/// Guilds, members, presences and voice states.
const INTENTS: u64 = 1 | 1 << 1 | 1 << 8 | 1 << 7;
/// The first of the bot's guilds.
const GUILD: u64 = 230_000_000_000 << 22;

fn online(config: FakeConfig, intents: u64) -> (World, ConnectionId) {
    let mut world = World::new(config);
    let (connection, _) = world.online(intents);
    world.actions.clear();
    (world, connection)
}

fn of(members: u32) -> FakeConfig {
    FakeConfig { guilds: 3, guilds_unavailable: 1, members, ..FakeConfig::default() }
}

/// What comes for a command: names and data.
fn answers(world: &mut World, connection: ConnectionId, op: u8, data: &Value) -> Vec<(String, Value)> {
    world.actions.clear();
    world.say(connection, &json!({"op": op, "d": data}).to_string());
    frames(world).into_iter().map(|frame| (frame["t"].as_str().unwrap_or("-").to_owned(), frame["d"].clone())).collect()
}

fn length(value: &Value) -> usize {
    value.as_array().unwrap().len()
}

#[test]
fn all_members_come_in_chunks_of_a_thousand_each_once() {
    let (mut world, connection) = online(of(12_345), INTENTS);
    let ask = json!({"guild_id": GUILD.to_string(), "query": "", "limit": 0, "nonce": "n7", "presences": true});
    let chunks = answers(&mut world, connection, 8, &ask);
    assert_eq!(chunks.len(), 13);
    let mut ids = std::collections::BTreeSet::new();
    for (index, (name, chunk)) in chunks.iter().enumerate() {
        assert_eq!(name, "GUILD_MEMBERS_CHUNK");
        assert_eq!((&chunk["chunk_index"], &chunk["chunk_count"]), (&json!(index), &json!(13)));
        assert_eq!((&chunk["nonce"], &chunk["guild_id"]), (&json!("n7"), &json!(GUILD.to_string())));
        assert_eq!(length(&chunk["members"]), if index == 12 { 345 } else { 1000 });
        assert!((110..340).contains(&length(&chunk["presences"])), "one in three is online");
        ids.extend(chunk["members"].as_array().unwrap().iter().map(|member| member["user"]["id"].to_string()));
    }
    assert_eq!(ids.len(), 12_345);
    // The same again is too soon.
    let again = answers(&mut world, connection, 8, &ask);
    assert_eq!(again[0].0, "RATE_LIMITED");
    assert_eq!(
        again[0].1,
        json!({"retry_after": 30.0, "opcode": 8, "meta": {"nonce": "n7", "guild_id": GUILD.to_string()}})
    );
    assert_eq!(again.len(), 1);
    world.advance(seconds(30));
    world.say(connection, r#"{"op":1,"d":null}"#);
    assert_eq!(answers(&mut world, connection, 8, &ask).len(), 13);
}

#[test]
fn members_are_found_by_name_and_by_id() {
    let (mut world, connection) = online(of(500), INTENTS);
    let guild = GUILD.to_string();
    let everyone = answers(&mut world, connection, 8, &json!({"guild_id": guild, "query": "", "limit": 0}));
    assert_eq!(everyone[0].1.get("nonce"), None);
    assert_eq!(everyone[0].1.get("presences"), None, "they were not asked for");
    let members = everyone[0].1["members"].as_array().unwrap().clone();
    let text = |member: &Value, key: &str| member["user"][key].as_str().unwrap().to_owned();

    let prefix = &text(&members[7], "username")[..2];
    let found = answers(&mut world, connection, 8, &json!({"guild_id": GUILD, "query": prefix, "limit": 5}));
    let is_called = |name: &Value| name.as_str().is_some_and(|name| name.to_lowercase().starts_with(prefix));
    let called: Vec<_> =
        members.iter().filter(|member| is_called(&member["user"]["username"]) || is_called(&member["nick"])).collect();
    assert!(called.len() >= 5 && found.len() == 1);
    assert_eq!(found[0].1["members"].as_array().unwrap().iter().collect::<Vec<_>>(), called[..5]);
    let more = answers(&mut world, connection, 8, &json!({"guild_id": guild, "query": "", "limit": 400}));
    assert_eq!(length(&more[0].1["members"]), 100, "a search gives no more");

    let (known, unknown) = (text(&members[499], "id"), "41771983423143937");
    let ask = json!({"guild_id": guild, "user_ids": [known, unknown, text(&members[0], "id")], "nonce": "x"});
    let chunk = &answers(&mut world, connection, 8, &ask)[0].1;
    assert_eq!(chunk["members"], json!([members[499], members[0]]));
    assert_eq!((&chunk["not_found"], &chunk["chunk_count"]), (&json!([unknown]), &json!(1)));
    let empty = &answers(&mut world, connection, 8, &json!({"guild_id": guild, "query": "#", "limit": 1}))[0].1;
    assert_eq!((&empty["members"], &empty["chunk_count"]), (&json!([]), &json!(1)));
}

#[test]
fn what_an_intent_is_missing_for_gets_no_answer_and_presences_are_left_out() {
    let (mut world, connection) = online(of(10), 1);
    let guild = GUILD.to_string();
    let all = json!({"guild_id": guild, "query": "", "limit": 0, "presences": true});
    assert_eq!(answers(&mut world, connection, 8, &all), []);
    let some = json!({"guild_id": guild, "query": "", "limit": 4, "presences": true});
    let chunk = &answers(&mut world, connection, 8, &some)[0].1;
    assert_eq!((length(&chunk["members"]), chunk.get("presences")), (4, None));
    let voice = json!({"guild_id": guild, "channel_id": "1", "self_mute": false, "self_deaf": false});
    let told: Vec<_> = answers(&mut world, connection, 4, &voice).into_iter().map(|(name, _)| name).collect();
    assert_eq!(told, ["VOICE_SERVER_UPDATE"]);
    assert_eq!(world.gateway.breaches().next(), None);
}

#[test]
fn guilds_of_others_other_shards_and_outages_get_no_answer() {
    let mut world = World::new(of(10));
    let connection = world.connect();
    world.say(connection, &identify_shard(INTENTS, 0, 2));
    let ours = GUILD + (u64::from(!(GUILD >> 22).is_multiple_of(2)) << 22);
    for (guild, count) in [(ours, 1), (ours ^ (1 << 22), 0), (GUILD + (2 << 22), 0), (1, 0), (ours + 1, 0)] {
        let guild = guild.to_string();
        for (op, data) in [
            (8, json!({"guild_id": guild, "query": "", "limit": 0})),
            (31, json!({"guild_ids": [guild]})),
            (43, json!({"guild_id": guild, "fields": ["status"]})),
            (4, json!({"guild_id": guild, "channel_id": null, "self_mute": false, "self_deaf": false})),
        ] {
            assert_eq!(answers(&mut world, connection, op, &data).len(), count, "{op} {guild}");
        }
    }
}

#[test]
fn sounds_channels_and_voice_are_told_and_a_presence_is_not() {
    let (mut world, connection) = online(of(2), INTENTS);
    let (one, two) = (GUILD.to_string(), (GUILD + (1 << 22)).to_string());
    let sounds = answers(&mut world, connection, 31, &json!({"guild_ids": [one, two]}));
    assert_eq!(
        sounds.iter().map(|(name, data)| (name.as_str(), &data["guild_id"])).collect::<Vec<_>>(),
        [("SOUNDBOARD_SOUNDS", &json!(one)), ("SOUNDBOARD_SOUNDS", &json!(two))]
    );
    assert_eq!(sounds[0].1["soundboard_sounds"][0]["name"], "quack");

    let (text, voice) = ((GUILD + 1).to_string(), (GUILD + 2).to_string());
    for (fields, expected) in [
        (json!([]), json!({"id": voice})),
        (json!(["status"]), json!({"id": voice, "status": "standup"})),
        (json!(["voice_start_time", "x"]), json!({"id": voice, "voice_start_time": 1_776_303_416})),
    ] {
        let info = answers(&mut world, connection, 43, &json!({"guild_id": one, "fields": fields}));
        let expected = json!({"guild_id": one, "channels": [{"id": text}, expected]});
        assert_eq!(info, [("CHANNEL_INFO".to_owned(), expected)]);
    }

    let join = json!({"guild_id": one, "channel_id": voice, "self_mute": true, "self_deaf": false});
    let told = answers(&mut world, connection, 4, &join);
    let [(state, state_data), (server, server_data)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((state.as_str(), server.as_str()), ("VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE"));
    assert_eq!((&state_data["channel_id"], &state_data["self_mute"]), (&json!(voice), &json!(true)));
    assert_eq!((&server_data["guild_id"], server_data["token"].as_str().unwrap().len()), (&json!(one), 16));
    let leave = json!({"guild_id": one, "channel_id": null, "self_mute": false, "self_deaf": false});
    let told = answers(&mut world, connection, 4, &leave);
    assert_eq!((told.len(), &told[0].1["channel_id"]), (1, &Value::Null));

    let presence = json!({"since": null, "activities": [], "status": "dnd", "afk": false});
    assert_eq!(answers(&mut world, connection, 3, &presence), []);
}

#[test]
fn answers_can_be_switched_off_and_a_script_answers_in_their_place() {
    let ask = json!({"guild_id": GUILD.to_string(), "query": "a", "limit": 1});
    let (mut world, connection) = online(FakeConfig { answers: Answers::Off, ..of(10) }, INTENTS);
    assert_eq!(answers(&mut world, connection, 8, &ask), []);

    let (mut world, connection) = online(of(10), INTENTS);
    let script = "on the first op 8: rate-limit 5 s\n1 s after the third command: answer with 3 members";
    world.gateway.play(Timestamp::ZERO, Script::parse(script).unwrap());
    let names = |told: Vec<(String, Value)>| told.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(answers(&mut world, connection, 8, &ask)), ["RATE_LIMITED"]);
    assert_eq!(names(answers(&mut world, connection, 8, &ask)), ["GUILD_MEMBERS_CHUNK"], "no rule is about the second");
    assert_eq!(names(answers(&mut world, connection, 8, &ask)), [""; 0]);
    world.advance(seconds(1));
    assert_eq!(length(&frames(&world)[0]["d"]["members"]), 3);
}

#[test]
fn a_guild_says_how_many_members_it_has_and_whether_it_is_large() {
    for (members, threshold, large) in [(50, "", false), (51, "", true), (51, r#""large_threshold":250,"#, false)] {
        let mut world = World::new(FakeConfig { guilds: 1, members, ..FakeConfig::default() });
        let connection = world.connect();
        let identify = crate::world::identify(1).replace(r#""intents""#, &format!(r#"{threshold}"intents""#));
        world.say(connection, &identify);
        let guild = &frames(&world).pop().unwrap()["d"];
        assert_eq!((&guild["member_count"], &guild["large"]), (&json!(members), &json!(large)));
    }
}

/// A script about members, played to a bot that asks for all of them.
fn refusing(script: &str) -> (World, ConnectionId, Value) {
    let (mut world, connection) = online(of(10), INTENTS);
    world.gateway.play(Timestamp::ZERO, Script::parse(script).unwrap());
    (world, connection, json!({"guild_id": GUILD.to_string(), "query": "", "limit": 0, "nonce": "n"}))
}

#[test]
fn found_25_a_client_that_waits_as_a_script_tells_it_is_not_punished() {
    for script in [
        "on the first op 8: rate-limit 5 s",
        "after the first op 8: rate-limit 5 s",
        "1 s after the first op 8: rate-limit 4 s",
        "on the first command: rate-limit 5 s",
        "at 2 s: rate-limit 3 s",
    ] {
        // given: a request that the script refuses
        let (mut world, connection, ask) = refusing(script);
        answers(&mut world, connection, 8, &ask);
        world.advance(seconds(5));
        let told = frames(&world).into_iter().find(|frame| frame["t"] == "RATE_LIMITED").unwrap();
        assert!(told["d"]["retry_after"].as_f64().unwrap() <= 5.0, "{script}");

        // when: the client asks again after that time
        let again = answers(&mut world, connection, 8, &ask);

        // then: it has its members, and broke no rule; the next one is too soon
        assert_eq!(
            again.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["GUILD_MEMBERS_CHUNK"],
            "{script}"
        );
        assert_eq!(world.gateway.breaches().next(), None, "{script}");
        assert_eq!(answers(&mut world, connection, 8, &ask)[0].1["retry_after"], 30.0, "{script}");
    }
}

#[test]
fn found_25_a_request_is_refused_once_by_the_script_or_by_the_gateway() {
    let (mut world, connection, ask) = refusing("on the second op 8: rate-limit 3 s");
    assert_eq!(answers(&mut world, connection, 8, &ask)[0].0, "GUILD_MEMBERS_CHUNK");
    // This one is the client's own fault. It is told of three seconds, so three seconds are enough.
    let refused = answers(&mut world, connection, 8, &ask);
    assert_eq!(refused.iter().map(|(_, data)| &data["retry_after"]).collect::<Vec<_>>(), [&json!(3.0)]);
    world.advance(seconds(3));
    assert_eq!(answers(&mut world, connection, 8, &ask)[0].0, "GUILD_MEMBERS_CHUNK");
    assert_eq!(world.gateway.counters().breaches, 1);
}

#[test]
fn found_25_the_wait_that_is_told_is_long_enough_to_the_nanosecond() {
    let (mut world, connection, ask) = refusing("");
    answers(&mut world, connection, 8, &ask);
    world.advance(core::time::Duration::from_nanos(1));
    let told = answers(&mut world, connection, 8, &ask)[0].1["retry_after"].as_f64().unwrap();
    world.advance(core::time::Duration::from_secs_f64(told));
    assert_eq!(answers(&mut world, connection, 8, &ask)[0].0, "GUILD_MEMBERS_CHUNK", "{told}");
}
