//! A day of a shard at a gateway that behaves as real ones do: client and server on one clock. Invariants 1, 3
//! and 6.

use portcullis::machine::{Config, Event, Phase};
use portcullis::{CloseCode, Seed};
use portcullis_fake::{FakeConfig, FakeGateway, Resumable, Target};
use portcullis_tests::{World, seconds};

/// A quarter of an hour in which a message comes each minute.
fn quarter(world: &mut World) {
    for _ in 0..15 {
        world.advance(seconds(60));
        world.serve(|gateway: &mut FakeGateway, now| {
            gateway.dispatch(now, Target::All, "MESSAGE_CREATE", r#"{"id":"1"}"#)
        });
    }
}

#[test]
fn a_day_of_reconnects_costs_one_identify_and_no_event() {
    // given: a shard in session
    let mut world = World::new(Config::default(), FakeConfig::default(), Seed(7));
    world.start();
    world.until_online();
    world.story.clear();

    // when: each hour or so something happens
    for hour in 0..24 {
        quarter(&mut world);
        match hour % 6 {
            0 => _ = world.serve(|gateway, now| gateway.reconnect(now, Target::All)),
            1 => world.cut(),
            2 => _ = world.serve(|gateway, now| gateway.close(now, Target::All, Some(CloseCode(1001)), "going away")),
            3 => _ = world.serve(|gateway, now| gateway.invalid_session(now, Target::All, Resumable::Yes)),
            4 => world.gateway.stop_acking(Target::All),
            _ => world.make_unreachable("gateway-fake"),
        }
        quarter(&mut world);
        if hour % 6 == 5 {
            world.cut();
        }
        world.gateway.ack_again(Target::All);
        quarter(&mut world);
        world.make_reachable();
        quarter(&mut world);
        assert_eq!(world.client.phase(), Phase::Active, "hour {hour}");
    }
    world.advance(seconds(60));

    // then: every reconnect is a resume, for the reason it had
    let plans = world.story.of_kind('~').into_iter().map(|line| line.split_once(", ").map(|(_, plan)| plan.to_owned()));
    let plans: Vec<_> = plans.map(Option::unwrap_or_default).collect();
    let zombies = plans.iter().filter(|plan| *plan == "resume: heartbeat_missed").count();
    let mut told = plans.clone();
    told.dedup();
    let round = [
        "resume: reconnect_requested",
        "resume: connection_lost",
        "resume: closed 1001",
        "resume: invalid_session_resumable",
        "resume: heartbeat_missed",
        "resume: connection_lost",
    ];
    // The resume host cannot be reached once: from then on the session is resumed at the base URL.
    let mut expected = round.repeat(4);
    expected.insert(round.len(), "resume: connect_refused");
    assert_eq!(told, expected);
    assert!(zombies > 4, "{plans:?}");

    // and: one session, each event once and in order, no rule broken
    let sequences: Vec<_> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Ready(dispatch) | Event::Dispatch(dispatch) | Event::Resumed(dispatch) => dispatch.sequence(),
            _ => None,
        })
        .map(|sequence| sequence.0)
        .collect();
    let last = *sequences.last().unwrap();
    assert!(last > 24 * 60, "{last}");
    assert_eq!(sequences, (1..=last).collect::<Vec<_>>());
    let counts = world.client.health().counts;
    assert_eq!((counts.identifies, counts.gaps, counts.duplicates), (1, 0, 0));
    assert_eq!(world.gateway.breaches().count(), 0);
    assert!(!world.events.iter().any(|event| matches!(event, Event::SessionLost { .. } | Event::Ended(_))));
}
