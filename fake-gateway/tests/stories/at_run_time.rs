//! Deeds that are done at once, while clients are connected.

use crate::world::{World, seconds};
use portcullis_fake::{Deeds, FakeConfig, NotConnected, Script};

fn carry_out(world: &mut World, text: &str) -> Result<(), NotConnected> {
    let done = world.gateway.carry_out(world.now, &Deeds::parse(text).unwrap());
    world.tick();
    done
}

#[test]
fn found_27_deeds_are_done_at_once_to_everyone_or_to_one_connection() {
    let mut world = World::new(FakeConfig { guilds: 0, max_concurrency: 2, ..FakeConfig::default() });
    let (first, second) = (world.connect(), world.connect());
    assert_eq!(carry_out(&mut world, "\n op 1 # for all\n\nconnection 2: op 7; stall after 5 bytes; op 1\n"), Ok(()));
    world.assert_story(&[
        "t+0.000 1 op 1",
        "t+0.000 2 op 1",
        "t+0.000 2 op 7",
        "t+0.000 2 op 1 stalled after 5 for ever",
    ]);
    assert_eq!(carry_out(&mut world, "connection 1: close 4009 \"x\"\nconnection 2: all drop"), Ok(()));
    world.assert_story(&["t+0.000 1 close 4009 x", "t+0.000 2 drop"]);
    assert_eq!(carry_out(&mut world, "connection 1: drop"), Err(NotConnected { line: 1, connection: first }));
    let error = carry_out(&mut world, "say \"done\"\nconnection 2: drop").unwrap_err();
    assert_eq!((error.line, error.connection, error.to_string().as_str()), (2, second, "2: connection 2 is not open"));
}

#[test]
fn found_27_what_is_expected_at_run_time_is_judged_and_end_ends() {
    let mut world = World::plain();
    world.gateway.watch();
    carry_out(&mut world, "expect connect within 5 s").unwrap();
    assert_eq!(world.gateway.deadline(), Some(world.now + seconds(5)));
    world.advance(seconds(5));
    assert_eq!(world.gateway.failures()[0].text, "no connect within 5s");
    carry_out(&mut world, "fail \"too bad\"; end").unwrap();
    assert!(world.gateway.is_ended());
    let lines: Vec<_> = world.gateway.take_events().map(|event| event.to_string()).collect();
    assert_eq!(
        lines,
        [
            "t+0.000 ~ deed: expect connect within 5 s",
            "t+5.000 ! failed: no connect within 5s",
            "t+5.000 ~ deed: fail \\\"too bad\\\"; end",
            "t+5.000 ! failed: too bad",
        ]
    );
}

#[test]
fn found_27_a_fault_armed_at_run_time_strikes_in_its_moment() {
    let mut world = World::plain();
    carry_out(&mut world, "omit hello").unwrap();
    world.connect_to("/?v=10");
    world.assert_story(&["t+0.000 1 accept"]);
    let (connection, _) = world.online(0);
    carry_out(&mut world, &format!("connection {}: 2 times omit ack", connection.0)).unwrap();
    for _ in 0..3 {
        world.say(connection, r#"{"op":1,"d":1}"#);
    }
    world.assert_story(&["t+0.000 2 op 11"]);
    // A script that plays goes on.
    world.gateway.play(world.now, Script::parse("at 2 s: drop").unwrap());
    carry_out(&mut world, "connection 2: op 1").unwrap();
    world.advance(seconds(2));
    world.assert_story(&["t+0.000 2 op 1", "t+2.000 1 drop", "t+2.000 2 drop"]);
}

#[test]
fn found_27_what_is_not_understood_is_told_with_its_place() {
    for (text, place) in [
        ("drop\ndrob", (2, 1)),
        ("connection 2 drop", (1, 14)),
        ("connection 0: drop", (1, 12)),
        ("after ready: drop", (1, 1)),
        ("drop; always drop", (1, 7)),
    ] {
        let error = Deeds::parse(text).unwrap_err();
        assert_eq!((error.line, error.column), place, "{text}: {error}");
    }
    assert_eq!(Deeds::parse_from(7, "x").unwrap_err().line, 7);
    assert_eq!(Deeds::parse("# nothing\n\n").map(|deeds| deeds.is_empty()), Ok(true));
}

#[test]
fn found_27_an_opcode_that_is_no_deed_is_explained() {
    for (script, hint) in [
        ("at 1 s: op 8", r#"clients send op 8: `on op 8:` is a condition; `send {"op":8,"d":null}` sends any frame"#),
        ("at 1 s: op 10", r#"`send {"op":10,"d":null}` sends any frame"#),
        ("on op 1: drop", "the condition for op 1 is `heartbeat`"),
        ("on op 9: drop", "no client may send op 9"),
    ] {
        let text = Script::parse(script).unwrap_err().to_string();
        assert_eq!(text.lines().last().unwrap(), format!("hint: {hint}"), "{text}");
    }
    let text = Script::parse("at 1 s: op eight").unwrap_err().to_string();
    assert!(text.contains("expected an opcode that the gateway sends: `1`, `7` or `9`, found `eight`"), "{text}");
    assert!(!text.contains("hint"), "{text}");
}

#[test]
fn found_27_deeds_come_over_http() {
    let mut world = World::plain();
    world.connect();
    let mut ask = |body: &[u8]| {
        let answer = world.gateway.http_do(world.now, body);
        world.tick();
        (answer.status, serde_json::from_str::<serde_json::Value>(&answer.body).unwrap(), world.story())
    };
    let (status, body, story) = ask(b"op 1\nop 7\n");
    assert_eq!((status, body["done"].as_u64()), (200, Some(2)));
    assert_eq!(story, ["t+0.000 1 op 1", "t+0.000 1 op 7"]);
    // All is read before anything is done.
    let (status, body, story) = ask(b"op 1\nop 8\n");
    assert_eq!((status, story), (400, Vec::new()));
    assert!(body["message"].as_str().unwrap().starts_with("2:4: expected an opcode"), "{body}");
    assert_eq!(ask(b"connection 5: drop").0, 409);
    assert_eq!(ask(b"\xff").0, 400);
    assert_eq!(ask(b"").1["done"], 0);
}
