//! The spine: from Start to the first dispatch, a drop and its resume.

use portcullis::Seed;
use portcullis::machine::Config;
use portcullis_fake::{FakeConfig, Target};
use portcullis_tests::{World, seconds};

#[test]
fn a_shard_identifies_loses_its_link_and_resumes() {
    let mut world = World::new(Config::default(), FakeConfig::default(), Seed(7));
    world.start();
    world.until_online();
    world.cut();
    world.serve(|gateway, now| gateway.dispatch(now, Target::All, "MESSAGE_CREATE", r#"{"content":"missed"}"#));
    world.until_online();
    world.advance(seconds(1));
    println!("{}", world.story.text());
    assert_eq!(world.client.health().counts.resumes, 1);
}
