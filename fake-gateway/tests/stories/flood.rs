//! Floods, and guilds of a size: what measurements ask for.

use crate::world::{World, frames};
use portcullis::Timestamp;
use portcullis_fake::{Action, Delivery, FakeConfig, Flood, Input, Script, Target};

/// Guilds, guild messages and their content.
const INTENTS: u64 = 1 | 1 << 9 | 1 << 15;

fn flood(events: u64, size: usize) -> Flood {
    Flood { events, size, until: "MESSAGE_DELETE".into() }
}

fn sent(world: &World) -> Vec<&Delivery> {
    let sent = world.actions.iter().filter_map(|action| match action {
        Action::Send { delivery, .. } => Some(delivery),
        _ => None,
    });
    sent.collect()
}

#[test]
fn a_flood_goes_on_as_its_batches_are_written_and_ends_with_the_last() {
    let mut world = World::plain();
    let (connection, _) = world.online(INTENTS);
    world.actions.clear();
    assert_eq!(world.gateway.flood(Timestamp::ZERO, Target::All, &flood(200, 2000)), 1);
    world.tick();
    // Two batches of 65 are on their way, each in one write, and nothing more comes by itself.
    assert_eq!(sent(&world).len(), 130);
    assert_eq!(sent(&world).iter().filter(|delivery| ***delivery == Delivery::Whole).count(), 2);
    world.tick();
    let confirms = |world: &World| world.actions.iter().filter(|a| matches!(a, Action::Confirm { .. })).count();
    assert_eq!((sent(&world).len(), confirms(&world)), (130, 2));
    world.input(Input::Confirmed(connection));
    assert_eq!((sent(&world).len(), confirms(&world)), (195, 3));
    world.input(Input::Confirmed(connection));
    assert_eq!((sent(&world).len(), confirms(&world)), (201, 3));
    world.input(Input::Confirmed(connection));
    let frames = frames(&world);
    assert_eq!(frames.len(), 201, "an answer that was not asked for does nothing");
    for (number, frame) in frames[..200].iter().enumerate() {
        assert_eq!((&frame["t"], &frame["s"]), (&"MESSAGE_CREATE".into(), &(number + 2).into()));
        assert!(frame["d"]["content"].as_str().is_some_and(|content| content.len() > 500));
    }
    assert_eq!((&frames[200]["t"], &frames[200]["s"]), (&"MESSAGE_DELETE".into(), &202.into()));
    let first = world.actions.iter().find_map(|action| match action {
        Action::Send { message, .. } => Some(message.bytes().len()),
        _ => None,
    });
    assert_eq!(first, Some(2000 + r#"{"t":"MESSAGE_CREATE","s":2,"op":0,"d":}"#.len()));
}

#[test]
fn a_flood_ends_with_its_connection_and_what_was_sent_is_replayed() {
    let mut world = World::plain();
    let (connection, session) = world.online(INTENTS);
    world.gateway.flood(Timestamp::ZERO, Target::Connection(connection), &flood(1000, 2000));
    world.tick();
    world.leave(connection, None);
    world.input(Input::Confirmed(connection));
    world.actions.clear();
    let second = world.connect();
    world.say(second, &crate::world::resume(session, 100));
    world.input(Input::Confirmed(second));
    assert_eq!(frames(&world).len(), 1 + (131 - 100) + 1, "Hello, the rest of two batches, Resumed");
}

#[test]
fn a_session_without_the_intents_is_given_the_end_if_it_may_have_it() {
    let mut world = World::plain();
    let (connection, _) = world.online(1);
    world.actions.clear();
    world.gateway.flood(Timestamp::ZERO, Target::All, &Flood { until: "USER_UPDATE".into(), ..flood(100, 10) });
    world.tick();
    world.input(Input::Confirmed(connection));
    assert_eq!(frames(&world).iter().map(|frame| &frame["t"]).collect::<Vec<_>>(), ["USER_UPDATE"]);
    // A flood without clients is no mistake.
    assert_eq!(World::plain().gateway.flood(Timestamp::ZERO, Target::All, &Flood::default()), 0);
}

#[test]
fn a_script_floods_each_new_session_behind_its_guilds() {
    let script =
        Script::parse("set guild-bytes 99000\nset guilds 1\nafter ready: flood 3 events of 700 bytes until DONE");
    let script = script.unwrap();
    let mut config = FakeConfig::default();
    script.configure(&mut config);
    let mut world = World::new(config);
    world.gateway.play(world.now, script);
    world.online(INTENTS);
    let frames = frames(&world);
    let names: Vec<_> = frames[1..].iter().map(|frame| frame["t"].as_str().unwrap()).collect();
    assert_eq!(names, ["READY", "GUILD_CREATE", "MESSAGE_CREATE", "MESSAGE_CREATE", "MESSAGE_CREATE", "DONE"]);
    let guild = world.actions.iter().filter_map(|action| match action {
        Action::Send { message, .. } => Some(message.bytes().len()),
        _ => None,
    });
    assert_eq!(guild.max(), Some(99_000 + r#"{"t":"GUILD_CREATE","s":2,"op":0,"d":}"#.len()));
}
