//! Whole stories, kept as text and reviewed like code: from Start over a lost connection and its resume to a zombie.

use portcullis::Seed;
use portcullis::machine::{Config, Shutdown};
use portcullis_fake::{FakeConfig, Target};
use portcullis_tests::{World, seconds};

/// A shard that identifies, loses its connection, resumes, is asked to reconnect, meets a silent gateway, and stops.
fn a_life() -> String {
    let gateway = FakeConfig { heartbeat_interval: seconds(40), ..FakeConfig::default() };
    let mut world = World::new(Config::default(), gateway, Seed(7));
    let say = |world: &mut World, text: &str| {
        let data = format!(r#"{{"content":"{text}"}}"#);
        world.serve(|gateway, now| gateway.dispatch(now, Target::All, "MESSAGE_CREATE", &data));
    };
    world.start();
    world.until_online();
    say(&mut world, "hello");
    world.advance(seconds(50));

    world.cut();
    say(&mut world, "missed");
    world.until_online();

    world.serve(|gateway, now| gateway.reconnect(now, Target::All));
    world.advance(seconds(10));

    world.gateway.stop_acking(Target::All);
    world.advance(seconds(80));

    world.client.shutdown(world.now, Shutdown::EndSession);
    world.tell(portcullis::machine::Input::Tick);
    world.advance(seconds(10));
    world.story.text()
}

#[test]
fn a_life_is_told_as_it_was_reviewed() {
    let (told, reviewed) = (a_life(), include_str!("../stories/a_life.txt"));
    for (line, (told, reviewed)) in told.lines().zip(reviewed.lines()).enumerate() {
        assert_eq!(told, reviewed, "line {} of a_life.txt; the whole is now\n{}", line + 1, a_life());
    }
    assert_eq!(told.lines().count(), reviewed.lines().count(), "{told}");
}

#[test]
fn invariant_11_the_same_story_twice_gives_the_same_bytes() {
    assert_eq!(a_life(), a_life());
}
