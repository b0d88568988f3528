//! Each thing that a test can make go wrong.

use crate::world::{QUERY, World, frames, identify, millis, resume, seconds};
use portcullis::{CloseCode, Message};
use portcullis_fake::{
    Action, Delivery, FakeConfig, Fate, Fault, FaultKind, Rebuff, Resumable, ResumeUrl, SequenceFault, SessionId,
    Shard, Span, Target,
};

const HEARTBEAT: &str = r#"{"op":1,"d":1}"#;

#[test]
fn a_dropped_connection_has_no_close_frame_and_keeps_its_session() {
    let mut world = World::plain();
    let (_, session) = world.online(0);
    let idle = world.connect();
    assert_eq!(world.gateway.drop_connections(world.now, Target::Session(session)), 1);
    world.tick();
    world.assert_story(&["t+0.000 1 drop"]);
    assert_eq!(world.gateway.drop_connections(world.now, Target::All), 1);
    world.tick();
    world.assert_story(&[&format!("t+0.000 {} drop", idle.0)]);
    assert_eq!(world.gateway.sessions().map(|status| status.connection).collect::<Vec<_>>(), [None]);
}

#[test]
fn a_close_has_a_code_or_none_and_ends_the_session_if_the_code_does() {
    for (code, sessions) in [(None, 1), (Some(4000), 1), (Some(1001), 1), (Some(1000), 0), (Some(4007), 0)] {
        let mut world = World::plain();
        let (connection, _) = world.online(0);
        world.gateway.close(world.now, Target::Connection(connection), code.map(CloseCode), "Because.");
        world.tick();
        let code = code.map_or("without a code".into(), |code: u16| code.to_string());
        world.assert_story(&[&format!("t+0.000 1 close {code} Because.")]);
        assert_eq!(world.gateway.sessions().count(), sessions, "{code}");
    }
}

#[test]
fn op_7_is_followed_by_a_close_if_the_client_stays() {
    let mut world = World::plain();
    let (first, session) = world.online(0);
    assert_eq!(world.gateway.reconnect(world.now, Target::All), 1);
    world.advance(seconds(4));
    world.assert_story(&["t+0.000 1 op 7"]);
    world.advance(seconds(1));
    world.assert_story(&["t+5.000 1 close 4000 Reconnect."]);
    let second = world.connect();
    world.say(second, &resume(session, 1));
    world.assert_story(&["t+5.000 2 RESUMED 2"]);
    assert_ne!(first, second);
}

#[test]
fn op_7_can_come_instead_of_hello() {
    let mut world = World::plain();
    world.gateway.fault(Target::All, Fault::Hello(Fate::Omit), Span::Next);
    let connection = world.connect_to(QUERY);
    world.gateway.reconnect(world.now, Target::Connection(connection));
    world.tick();
    world.assert_story(&["t+0.000 1 accept", "t+0.000 1 op 7"]);
}

#[test]
fn op_9_true_keeps_the_session_for_a_resume_in_place() {
    let mut world = World::plain();
    let (connection, session) = world.online(0);
    world.gateway.invalid_session(world.now, Target::Session(session), Resumable::Yes);
    world.say(connection, &resume(session, 1));
    world.assert_story(&["t+0.000 1 op 9", "t+0.000 1 RESUMED 2"]);
    assert_eq!(frames(&world)[2]["d"], true);
}

#[test]
fn op_9_false_ends_the_session_and_an_identify_in_place_begins_another() {
    let mut world = World::plain();
    let (connection, session) = world.online(0);
    world.gateway.invalid_session(world.now, Target::Session(session), Resumable::No);
    world.say(connection, &resume(session, 1));
    world.advance(seconds(5));
    world.say(connection, &identify(0));
    world.assert_story(&["t+0.000 1 op 9", "t+0.000 1 op 9", "t+5.000 1 READY 1"]);
    assert_ne!(world.gateway.sessions().next().unwrap().id, session);
}

#[test]
fn op_1_asks_for_a_heartbeat_at_once() {
    let mut world = World::plain();
    let (connection, _) = world.online(0);
    assert_eq!(world.gateway.request_heartbeat(world.now, Target::Connection(connection)), 1);
    world.tick();
    world.assert_story(&["t+0.000 1 op 1"]);
}

#[test]
fn acks_stop_for_one_session_and_come_again() {
    let mut world = World::plain();
    let (first, session) = world.online(0);
    world.advance(seconds(5));
    let (second, _) = world.online(0);
    world.gateway.stop_acking(Target::Session(session));
    world.say(first, HEARTBEAT);
    world.say(second, HEARTBEAT);
    world.assert_story(&["t+5.000 2 op 11"]);
    world.gateway.ack_again(Target::All);
    world.say(first, HEARTBEAT);
    world.assert_story(&["t+5.000 1 op 11"]);
    assert_eq!(world.gateway.counters().acks, 2);
}

#[test]
fn acks_come_late() {
    let mut world = World::plain();
    let (connection, _) = world.online(0);
    world.gateway.fault(Target::All, Fault::HeartbeatAck(Fate::Delay(millis(700))), Span::Next);
    world.say(connection, HEARTBEAT);
    world.advance(seconds(1));
    world.say(connection, HEARTBEAT);
    world.assert_story(&["t+0.700 1 op 11", "t+1.000 1 op 11"]);
}

#[test]
fn a_delayed_frame_of_a_gone_connection_is_not_sent() {
    let mut world = World::plain();
    let (connection, _) = world.online(0);
    world.gateway.fault(Target::All, Fault::HeartbeatAck(Fate::Delay(seconds(1))), Span::Next);
    world.say(connection, HEARTBEAT);
    world.leave(connection, None);
    world.advance(seconds(2));
    world.assert_story(&[]);
}

#[test]
fn hello_comes_late_and_heartbeats_are_expected_from_then_on() {
    let mut world = World::new(FakeConfig { heartbeat_interval: seconds(40), ..FakeConfig::default() });
    world.gateway.fault(Target::All, Fault::Hello(Fate::Delay(seconds(9))), Span::Next);
    world.connect();
    world.advance(seconds(100));
    world.assert_story(&["t+9.000 1 op 10", "t+79.000 1 close 4009 Session timed out."]);
}

#[test]
fn hello_never_comes_and_nothing_else_is_due() {
    let mut world = World::plain();
    world.gateway.fault(Target::All, Fault::Hello(Fate::Omit), Span::Times(2));
    world.connect_to(QUERY);
    world.connect_to(QUERY);
    assert_eq!(world.gateway.deadline(), None);
    world.connect_to(QUERY);
    world.assert_story(&["t+0.000 1 accept", "t+0.000 2 accept", "t+0.000 3 accept", "t+0.000 3 op 10"]);
}

#[test]
fn behind_a_late_ready_dispatches_wait_and_acks_do_not() {
    let mut world = World::new(FakeConfig { guilds: 1, ..FakeConfig::default() });
    world.gateway.fault(Target::All, Fault::Ready(Fate::Delay(seconds(30))), Span::Next);
    let connection = world.connect();
    world.say(connection, &identify(1));
    world.say(connection, r#"{"op":1,"d":null}"#);
    world.gateway.dispatch(world.now, Target::All, "USER_UPDATE", "{}");
    world.advance(seconds(30));
    world.gateway.dispatch(world.now, Target::All, "USER_UPDATE", "{}");
    world.tick();
    world.assert_story(&[
        "t+0.000 1 op 11",
        "t+30.000 1 READY 1",
        "t+30.000 1 GUILD_CREATE 2",
        "t+30.000 1 USER_UPDATE 3",
        "t+30.000 1 USER_UPDATE 4",
    ]);
}

#[test]
fn a_lane_held_for_too_long_loses_its_client_and_not_the_memory() {
    let mut world = World::new(FakeConfig { guilds: 0, ring: 2, ..FakeConfig::default() });
    world.gateway.fault(Target::All, Fault::Ready(Fate::Delay(seconds(30))), Span::Next);
    world.online(0);
    for _ in 0..5 {
        world.gateway.dispatch(world.now, Target::All, "USER_UPDATE", "{}");
    }
    world.tick();
    world.assert_story(&["t+0.000 1 drop"]);
}

#[test]
fn what_waited_behind_a_late_ready_dies_with_its_session() {
    let mut world = World::plain();
    world.gateway.fault(Target::All, Fault::Ready(Fate::Delay(seconds(30))), Span::Next);
    let (connection, _) = world.online(0);
    world.gateway.invalid_session(world.now, Target::Connection(connection), Resumable::No);
    world.advance(seconds(40));
    world.assert_story(&["t+0.000 1 op 9"]);
}

#[test]
fn an_omitted_ready_leaves_its_number_out_and_its_guilds_come() {
    let mut world = World::new(FakeConfig { guilds: 1, ..FakeConfig::default() });
    world.gateway.fault(Target::All, Fault::Ready(Fate::Omit), Span::Next);
    let connection = world.connect();
    world.say(connection, &identify(1));
    world.assert_story(&["t+0.000 1 GUILD_CREATE 2"]);
}

#[test]
fn resumed_can_be_late_left_out_or_without_a_number() {
    for (fate, story) in [
        (Fate::Delay(seconds(3)), vec!["t+3.000 2 RESUMED 2"]),
        (Fate::Omit, vec![]),
        (Fate::Unnumbered, vec!["t+0.000 2 RESUMED null"]),
        (Fate::Instead(Message::Text("{}".into())), vec!["t+0.000 2 raw Text(2 bytes)"]),
    ] {
        let mut world = World::plain();
        let (first, session) = world.online(0);
        world.leave(first, None);
        world.gateway.fault(Target::All, Fault::Resumed(fate), Span::Next);
        let second = world.connect();
        world.say(second, &resume(session, 1));
        world.advance(seconds(4));
        world.assert_story(&story);
    }
}

#[test]
fn upgrades_are_refused_for_the_next_so_many_connects() {
    let mut world = World::plain();
    let fault = Fault::RefuseUpgrade { status: 429, retry_after: Some(seconds(3)) };
    world.gateway.fault(Target::All, fault, Span::Times(2));
    for _ in 0..3 {
        world.connect_to(QUERY);
    }
    world.assert_story(&[
        "t+0.000 1 refuse 429 Some(3s)",
        "t+0.000 2 refuse 429 Some(3s)",
        "t+0.000 3 accept",
        "t+0.000 3 op 10",
    ]);
}

#[test]
fn a_handshake_is_turned_down_in_each_way() {
    for (rebuff, story) in [
        (Rebuff::InvalidSession(Resumable::Yes), vec!["t+0.000 1 op 9"]),
        (Rebuff::Close(Some(CloseCode(4000))), vec!["t+0.000 1 close 4000"]),
        (Rebuff::Close(None), vec!["t+0.000 1 close without a code"]),
        (Rebuff::Drop, vec!["t+0.000 1 drop"]),
        (Rebuff::Ignore, vec![]),
    ] {
        for (fault, text) in [(Fault::Identify(rebuff), identify(0)), (Fault::Resume(rebuff), resume(SessionId(1), 1))]
        {
            let mut world = World::plain();
            world.gateway.fault(Target::All, fault, Span::Next);
            let connection = world.connect();
            world.say(connection, &text);
            world.assert_story(&story);
        }
    }
}

#[test]
fn ready_has_another_resume_url_or_none() {
    for (fault, url) in [
        (ResumeUrl::Omit, serde_json::Value::Null),
        (ResumeUrl::Instead("ws://elsewhere.invalid".into()), "ws://elsewhere.invalid".into()),
    ] {
        let mut world = World::plain();
        world.gateway.fault(Target::All, Fault::ResumeUrl(fault), Span::Next);
        world.online(0);
        assert_eq!(frames(&world)[1]["d"].get("resume_gateway_url").cloned().unwrap_or_default(), url);
    }
}

#[test]
fn sequence_numbers_are_repeated_or_skipped() {
    let mut world = World::plain();
    let (_, session) = world.online(0);
    let target = Target::Shard(Shard::WHOLE);
    world.gateway.fault(target, Fault::Sequence(SequenceFault::Repeat), Span::Next);
    world.gateway.dispatch(world.now, Target::All, "USER_UPDATE", "{}");
    world.gateway.fault(target, Fault::Sequence(SequenceFault::Skip(3)), Span::Next);
    world.gateway.dispatch(world.now, Target::All, "USER_UPDATE", "{}");
    world.gateway.drop_connections(world.now, Target::All);
    let second = world.connect();
    world.say(second, &resume(session, 1));
    let lines = world.story();
    assert_eq!(lines, ["t+0.000 2 USER_UPDATE 2", "t+0.000 2 USER_UPDATE 6", "t+0.000 2 RESUMED 7"]);
    let live: Vec<_> = frames(&world)[2..5].iter().map(|frame| frame["s"].as_u64()).collect();
    assert_eq!(live, [Some(2), Some(2), Some(6)]);
}

#[test]
fn a_message_is_split_into_pieces_that_make_the_whole() {
    let mut world = World::plain();
    let (connection, _) = world.online(0);
    world.gateway.fault(Target::All, Fault::Split { pieces: 5, gap: millis(10) }, Span::Next);
    world.say(connection, HEARTBEAT);
    world.say(connection, HEARTBEAT);
    world.assert_story(&["t+0.000 1 op 11 in 5 pieces", "t+0.000 1 op 11"]);
    let split = world.actions.iter().find_map(|action| match action {
        Action::Send { message, delivery: Delivery::Pieces(pieces), .. } => Some((message, pieces)),
        _ => None,
    });
    let (message, pieces) = split.unwrap();
    assert_eq!(Delivery::Pieces(pieces.clone()).takes(), millis(40));
    let joined: Vec<u8> = pieces.iter().flat_map(|piece| piece.bytes.to_vec()).collect();
    assert_eq!(message.bytes(), &joined);
}

#[test]
fn a_split_into_more_pieces_than_bytes_is_one_a_byte() {
    let mut world = World::plain();
    let (connection, _) = world.online(0);
    world.gateway.fault(Target::All, Fault::Split { pieces: u32::MAX, gap: millis(0) }, Span::UntilLifted);
    world.gateway.send_raw(world.now, Target::Connection(connection), &Message::Text("abc".into()));
    world.gateway.lift(Target::All, FaultKind::Split);
    world.gateway.send_raw(world.now, Target::Connection(connection), &Message::Binary("abc".into()));
    world.tick();
    world.assert_story(&["t+0.000 1 raw Text(3 bytes) in 3 pieces", "t+0.000 1 raw Binary(3 bytes)"]);
}

#[test]
fn a_stream_is_cut_within_a_message_and_the_session_is_kept() {
    let mut world = World::plain();
    let (connection, session) = world.online(0);
    world.gateway.fault(Target::Session(session), Fault::Cut { bytes: 9999 }, Span::Next);
    world.say(connection, HEARTBEAT);
    world.assert_story(&["t+0.000 1 op 11 cut after 35", "t+0.000 1 drop"]);
    assert_eq!(world.gateway.sessions().count(), 1);
}

#[test]
fn a_reset_token_ends_every_session_with_4003() {
    let mut world = World::plain();
    world.online(0);
    world.gateway.reset_token(world.now);
    world.tick();
    world.assert_story(&["t+0.000 1 close 4003 Not authenticated."]);
    let second = world.connect();
    world.say(second, &identify(0));
    world.assert_story(&["t+0.000 2 close 4004 Authentication failed."]);
}

#[test]
fn lifting_everything_makes_the_gateway_whole() {
    let mut world = World::plain();
    world.gateway.stop_acking(Target::All);
    world.gateway.fault(Target::All, Fault::Hello(Fate::Omit), Span::UntilLifted);
    world.gateway.lift_all();
    let connection = world.connect_to(QUERY);
    world.say(connection, r#"{"op":1,"d":null}"#);
    world.assert_story(&["t+0.000 1 accept", "t+0.000 1 op 10", "t+0.000 1 op 11"]);
}

#[test]
fn a_deed_is_due_at_once() {
    let mut world = World::plain();
    world.online(0);
    world.advance(seconds(1));
    let far = world.gateway.deadline();
    world.gateway.request_heartbeat(world.now, Target::All);
    assert_eq!(world.gateway.deadline(), Some(world.now));
    world.tick();
    assert_eq!(world.gateway.deadline(), far);
}
