//! Scripts on the machine, in virtual time: each condition and each deed.

use crate::world::{World, frames, identify, millis, resume, seconds};
use portcullis_fake::{Action, FakeConfig, Script};

fn world(script: &str) -> World {
    let script = Script::parse(script).unwrap();
    let mut config = FakeConfig { guilds: 0, ..FakeConfig::default() };
    script.configure(&mut config);
    let mut world = World::new(config);
    world.gateway.play(world.now, script);
    world
}

const BEAT: &str = r#"{"op":1,"d":null}"#;

#[test]
fn at_a_time_it_happens_to_everyone_once() {
    let mut world = world("at 2 s: op 7");
    world.online(0);
    world.connect();
    world.advance(seconds(2));
    world.assert_story(&["t+2.000 1 op 7", "t+2.000 2 op 7"]);
    world.advance(seconds(4));
    assert_eq!(world.story(), [""; 0]);
}

#[test]
fn again_and_again_happens_on_time_and_catches_up() {
    let mut world = world("every 2 s: op 1");
    world.connect();
    world.advance(seconds(5));
    world.assert_story(&["t+2.000 1 op 1", "t+4.000 1 op 1"]);
    // A driver that did not call for five seconds.
    world.now = world.now + seconds(5);
    world.tick();
    world.assert_story(&["t+10.000 1 op 1", "t+10.000 1 op 1", "t+10.000 1 op 1"]);
    world.advance(seconds(2));
    world.assert_story(&["t+12.000 1 op 1"]);
}

#[test]
fn on_is_before_the_answer_and_after_is_behind_it() {
    let mut world = world("on heartbeat: op 1\nafter heartbeat: op 7");
    let connection = world.connect();
    world.say(connection, BEAT);
    world.assert_story(&["t+0.000 1 op 1", "t+0.000 1 op 11", "t+0.000 1 op 7"]);
}

#[test]
fn heartbeats_are_counted_on_each_connection() {
    let mut world = world("after the third heartbeat: drop");
    let [first, second] = [world.connect(), world.connect()];
    for connection in [first, second, first, second, first] {
        world.say(connection, BEAT);
    }
    assert_eq!(world.story().last().map(String::as_str), Some("t+0.000 1 drop"));
    assert_eq!(world.gateway.connections().collect::<Vec<_>>(), [second]);
}

#[test]
fn connects_are_counted_over_the_run_and_connections_have_numbers() {
    let mut world = world(
        "
         on the second connect: omit hello
         on connection 3: delay hello 1 s
         on connections 4 to 5: refuse 429 retry after 5 s
         on connections from 6: op 7; omit hello",
    );
    for _ in 1..=6 {
        world.connect_to("/?v=10");
    }
    world.advance(seconds(1));
    world.assert_story(&[
        "t+0.000 1 accept",
        "t+0.000 1 op 10",
        "t+0.000 2 accept",
        "t+0.000 3 accept",
        "t+0.000 4 refuse 429 Some(5s)",
        "t+0.000 5 refuse 429 Some(5s)",
        "t+0.000 6 accept",
        "t+0.000 6 op 7",
        "t+1.000 3 op 10",
    ]);
}

#[test]
fn later_means_after_each() {
    let mut world = world("2 s after ready: drop\n1 s after the first resumed: op 7");
    let (_, session) = world.online(0);
    world.advance(seconds(2));
    world.assert_story(&["t+2.000 1 drop"]);
    let second = world.connect();
    world.say(second, &resume(session, 1));
    world.advance(seconds(1));
    world.assert_story(&["t+2.000 2 RESUMED 2", "t+3.000 2 op 7"]);
}

#[test]
fn a_drawn_time_lies_between_and_the_seed_decides() {
    let drops = |seed: &str| {
        let mut world = world(&format!("set seed {seed}\n1 s to 5 s after connect: drop"));
        world.connect();
        world.advance(seconds(5));
        world.story().remove(0)
    };
    assert_eq!(drops("1"), drops("1"));
    assert_ne!(drops("1"), drops("2"));
}

#[test]
fn so_many_events_are_counted_and_those_of_the_rule_are_not() {
    let mut world = world("after ready: 4 times dispatch A {\"n\":1}\nevery 2 events: dispatch B; dispatch C");
    world.connect();
    world.say(portcullis_fake::ConnectionId(1), &identify(0));
    world.assert_story(&[
        "t+0.000 1 READY 1",
        "t+0.000 1 A 2",
        "t+0.000 1 A 3",
        "t+0.000 1 A 4",
        "t+0.000 1 A 5",
        "t+0.000 1 B 6",
        "t+0.000 1 C 7",
        "t+0.000 1 B 8",
        "t+0.000 1 C 9",
    ]);
}

#[test]
fn handshakes_are_denied_in_every_way() {
    for (how, story) in [
        ("op 9 false", "t+0.000 1 op 9"),
        ("op 9 true", "t+0.000 1 op 9"),
        ("close 4004", "t+0.000 1 close 4004"),
        ("close", "t+0.000 1 close without a code"),
        ("drop", "t+0.000 1 drop"),
    ] {
        let mut world = world(&format!("on identify: deny identify with {how}"));
        let connection = world.connect();
        world.say(connection, &identify(0));
        world.assert_story(&[story]);
    }
    let mut world = world("on resume: deny resume with silence");
    let connection = world.connect();
    world.say(connection, &resume(portcullis_fake::SessionId(1), 1));
    assert_eq!(world.story(), [""; 0]);
}

#[test]
fn milestones_are_omitted_replaced_delayed_and_unnumbered() {
    let mut world = world(
        "
         on the first identify: omit ready
         on resume: unnumber resumed
         on heartbeat: replace ack with {\"op\":99}
         on connection 2: delay resumed 2 s",
    );
    let first = world.connect();
    world.say(first, &identify(0));
    world.say(first, BEAT);
    world.assert_story(&["t+0.000 1 op 99"]);
    let session = world.gateway.sessions().next().unwrap().id;
    let second = world.connect();
    world.say(second, &resume(session, 0));
    // What was armed last for one frame of one connection strikes.
    world.assert_story(&[
        "t+0.000 1 close 4000 Resumed on another connection.",
        "t+0.000 2 READY 1",
        "t+0.000 2 RESUMED null",
    ]);
}

#[test]
fn acks_stop_and_come_again() {
    let mut world = world("after the first heartbeat: stop acking\nafter the third heartbeat: ack again");
    let connection = world.connect();
    for _ in 0..4 {
        world.say(connection, BEAT);
    }
    world.assert_story(&["t+0.000 1 op 11", "t+0.000 1 op 11"]);
}

#[test]
fn frames_are_split_gathered_stalled_and_late() {
    let story = |fault: &str, advance| {
        let mut world = world(&format!("after ready: {fault}; 2 times dispatch A"));
        let connection = world.connect();
        world.say(connection, &identify(0));
        world.advance(advance);
        world.story().split_off(1)
    };
    assert_eq!(story("split in 2", millis(0)), ["t+0.000 1 A 2 in 2 pieces", "t+0.000 1 A 3"]);
    assert_eq!(story("always split in bytes", millis(0))[1], "t+0.000 1 A 3 in 29 pieces");
    assert_eq!(story("coalesce 2 frames", millis(0)), ["t+0.000 1 A 2 with the next", "t+0.000 1 A 3"]);
    assert_eq!(story("coalesce 3 frames", millis(999)), [""; 0]);
    assert_eq!(story("coalesce 3 frames", seconds(1)), ["t+1.000 1 A 2 with the next", "t+1.000 1 A 3"]);
    assert_eq!(story("delay frames 1 s", millis(0)), ["t+0.000 1 A 2 in 1 pieces", "t+0.000 1 A 3"]);
    assert_eq!(story("stall after 5 bytes for 9 s", millis(0))[0], "t+0.000 1 A 2 stalled after 5 for 9s");
    assert_eq!(story("stall after 5 bytes", millis(0))[0], "t+0.000 1 A 2 stalled after 5 for ever");
    assert_eq!(story("cut after 5 bytes", millis(0)), ["t+0.000 1 A 2 cut after 5", "t+0.000 1 drop"]);
}

#[test]
fn gathered_frames_leave_before_a_close() {
    let mut world = world("after ready: coalesce 9 frames; dispatch A; close 4000");
    let connection = world.connect();
    world.say(connection, &identify(0));
    let last: Vec<_> = world.actions.iter().rev().filter(|action| !matches!(action, Action::Wait { .. })).collect();
    assert!(matches!(last[..2], [Action::Close { .. }, Action::Send { .. }]));
}

#[test]
fn numbers_are_repeated_and_skipped() {
    let mut world = world("after ready: repeat sequence; dispatch A; skip 3 sequences; dispatch B");
    let connection = world.connect();
    world.say(connection, &identify(0));
    world.assert_story(&["t+0.000 1 READY 1", "t+0.000 1 A 2", "t+0.000 1 A 2", "t+0.000 1 B 6"]);
}

#[test]
fn the_resume_url_is_left_out_replaced_and_extended() {
    for (deed, url) in [
        ("none", None),
        ("\"wss://evil.invalid\"", Some("wss://evil.invalid")),
        ("with \"/?v=10\"", Some("ws://fake.invalid/?v=10")),
    ] {
        let mut world = world(&format!("on identify: resume-url {deed}"));
        world.online(0);
        let frames = frames(&world);
        assert_eq!(frames.last().unwrap()["d"]["resume_gateway_url"].as_str(), url);
    }
}

#[test]
fn a_members_request_is_rate_limited_and_answered_by_its_nonce() {
    let mut world = world("on the first op 8: rate-limit 3.5 s\nafter the second op 8: answer with 1500 members");
    let (connection, _) = world.online(2);
    let request = r#"{"op":8,"d":{"guild_id":9,"query":"","limit":0,"nonce":"a1"}}"#;
    world.say(connection, request);
    let limited = frames(&world).pop().unwrap();
    assert_eq!(limited["t"], "RATE_LIMITED");
    let d = serde_json::json!({"retry_after": 3.5, "opcode": 8, "meta": {"nonce": "a1", "guild_id": "9"}});
    assert_eq!(limited["d"], d);
    world.advance(seconds(31));
    world.say(connection, request);
    let chunks: Vec<_> = frames(&world).split_off(3);
    assert_eq!(chunks.len(), 2);
    assert_eq!((&chunks[1]["d"]["nonce"], &chunks[1]["d"]["chunk_index"]), (&"a1".into(), &1.into()));
    assert_eq!(chunks[1]["d"]["members"].as_array().unwrap().len(), 500);
}

#[test]
fn raw_frames_token_resets_words_and_the_end() {
    let mut world = world(
        "
         start: say \"begin\"
         after ready:
             send {\"op\":7}; send \"no json\"; send bytes 78 9cff
             reset token
             accept token \"new\"
             end",
    );
    let connection = world.connect();
    world.say(connection, &identify(0));
    world.story();
    let sent: Vec<_> = world
        .actions
        .iter()
        .filter_map(|action| match action {
            Action::Send { message, .. } => Some(message.bytes().to_vec()),
            _ => None,
        })
        .collect();
    assert_eq!(sent[2..], [br#"{"op":7}"#.to_vec(), b"no json".to_vec(), vec![0x78, 0x9c, 0xff]]);
    assert!(world.gateway.is_ended());
    let connection = world.connect();
    world.say(connection, &identify(0));
    world.assert_story(&["t+0.000 2 close 4004 Authentication failed."]);
}

#[test]
fn generated_events_go_to_those_who_may_see_them() {
    let mut world = world(
        "set guilds 4\nset limits lifted\nevery 1 s: dispatch generated MESSAGE_CREATE\n\
         on heartbeat: dispatch generated GUILD_CREATE with 20 members",
    );
    let (connection, _) = world.online(513);
    world.advance(seconds(3));
    assert_eq!(world.story().len(), 3);
    world.say(connection, BEAT);
    let guild = frames(&world).into_iter().rev().find(|frame| frame["t"] == "GUILD_CREATE").unwrap();
    assert_eq!(guild["d"]["members"].as_array().unwrap().len(), 21);
    let (_, _) = world.online(0);
    world.advance(seconds(1));
    assert_eq!(world.story().len(), 1);
}

#[test]
fn traffic_is_so_many_events_a_second() {
    let mut script = Script::default();
    script.add_traffic(70);
    let mut world = World::new(FakeConfig { guilds: 3, ..FakeConfig::default() });
    world.gateway.play(world.now, script);
    world.online(53_608_447);
    world.advance(seconds(1));
    assert_eq!(world.story().len(), 70);
}

#[test]
fn what_is_expected_is_looked_at_in_time() {
    let mut world = world(
        "
        at 1 s: expect connect within 2 s; expect no connect within 2 s; expect ready within 3 s
        at 2 s: fail \"as told\"",
    );
    world.connect();
    world.advance(seconds(2));
    world.connect();
    world.advance(seconds(9));
    let failures: Vec<_> = world.gateway.failures().iter().map(|f| format!("{} {}", f.at, f.text)).collect();
    assert_eq!(failures, ["t+2.000 as told", "t+3.000 a connect within 2s", "t+4.000 no ready within 3s"]);
}

#[test]
fn a_script_is_the_same_twice_and_a_fork_goes_on() {
    let run = || {
        let mut world = world("set guilds 3\nevery 100 ms: dispatch generated traffic\n1 s to 2 s after ready: op 7");
        world.online(53_608_447);
        world.advance(seconds(1));
        let mut other = world.gateway.fork().unwrap();
        world.advance(seconds(1));
        for _ in other.handle(world.now, portcullis_fake::Input::Tick) {}
        assert_eq!(other.counters().dispatches, world.gateway.counters().dispatches);
        world.actions
    };
    assert_eq!(run(), run());
}
