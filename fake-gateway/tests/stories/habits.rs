//! Shapes that the documentation forbids and the real gateway takes: a client that sends them is let in, and noted.

use crate::world::{World, frames};
use portcullis_fake::{EventKind, FakeConfig, Habit};

/// What three published clients send as their first presence, and what the habits of each are called.
const PRESENCES: [(&str, &[&str]); 4] = [
    (r#"{"since":null,"afk":false,"game":null,"status":"online"}"#, &["presence-without-activities"]),
    (r#"{"since":null,"activities":null,"status":"dnd","afk":false}"#, &["presence-null-activities"]),
    (r#"{"activities":[{"name":"x","type":0}],"status":"idle","afk":false}"#, &["presence-without-since"]),
    (r#"{"status":"invisible"}"#, &["presence-without-since", "presence-without-activities"]),
];

fn plain() -> World {
    World::new(FakeConfig { guilds: 0, ..FakeConfig::default() })
}

fn names(world: &World) -> Vec<&'static str> {
    world.gateway.habits().map(|seen| seen.habit.name()).collect()
}

#[test]
fn found_24_a_presence_of_any_shape_that_clients_send_is_let_in_and_noted() {
    for (presence, habits) in PRESENCES {
        let mut world = plain();
        let connection = world.connect();
        world.say(
            connection,
            &format!(r#"{{"op":2,"d":{{"token":"T","intents":0,"properties":{{}},"presence":{presence}}}}}"#),
        );
        world.assert_story(&["t+0.000 1 READY 1"]);
        assert_eq!(names(&world), habits, "{presence}");

        // The same in op 3.
        world.say(connection, &format!(r#"{{"op":3,"d":{presence}}}"#));
        assert_eq!(names(&world), [habits, habits].concat(), "{presence}");
        world.assert_story(&[]);
        let counters = world.gateway.counters();
        assert_eq!((counters.breaches, counters.habits), (0, 2 * habits.len() as u64), "{presence}");
    }
}

#[test]
fn found_24_compress_as_a_text_asks_for_no_compression_and_is_noted() {
    let mut world = plain();
    world.gateway.watch();
    let connection = world.connect();
    world.say(connection, r#"{"op":2,"d":{"token":"T","intents":0,"properties":{},"compress":"zlib-stream"}}"#);
    world.assert_story(&["t+0.000 1 READY 1"]);
    assert_eq!(frames(&world).pop().unwrap()["t"], "READY", "it is plain JSON");
    let seen: Vec<_> = world.gateway.habits().copied().collect();
    assert_eq!(
        seen.iter().map(|seen| (seen.connection, seen.habit)).collect::<Vec<_>>(),
        [(connection, Habit::CompressAsText)]
    );
    let lines: Vec<_> = world.gateway.take_events().filter(|seen| matches!(seen.kind, EventKind::Noticed(_))).collect();
    assert_eq!(
        lines[0].to_string(),
        "t+0.000 connection 1 ~ habit compress-as-text: the compress of opcode 2 is a text, not a bool"
    );
    assert_eq!(
        lines[0].to_json(),
        r#"{"at":0.000000,"connection":1,"event":"noticed","habit":"compress-as-text","text":"the compress of opcode 2 is a text, not a bool"}"#
    );
}

#[test]
fn found_24_a_presence_without_a_status_is_still_malformed() {
    for presence in
        [r#"{"since":null,"activities":[]}"#, r#"{"activities":{},"status":"dnd"}"#, r#"{"since":"x","status":"dnd"}"#]
    {
        let mut world = plain();
        let (connection, _) = world.online(0);
        world.say(connection, &format!(r#"{{"op":3,"d":{presence}}}"#));
        world.assert_story(&["t+0.000 1 close 4001 Invalid payload."]);
        assert_eq!(names(&world), [""; 0], "{presence}");
    }
}
