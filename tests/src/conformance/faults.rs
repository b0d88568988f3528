//! What a gateway does to a connection, over real sockets.

use super::stage::{heard, settings};
use super::{Fake, Host, Lab, Relay, Stage, patiently};
use crate::{millis, seconds};
use core::time::Duration;
use futures_channel::oneshot;
use portcullis::dialect::ShardId;
use portcullis::machine::{Backoff, Cause, Config, EndReason, Fault, Phase, Shutdown};
use portcullis::{CloseCode, CloseFrame, CloseReason, Event, Sequence};
use portcullis_fake::{FakeGateway, Fault as Armed, Resumable, Span, Target};

/// The stream ends without a close frame.
pub async fn a_cut_link_is_resumed<H: Host>() {
    let mut stage = Stage::<H>::online().await;
    stage.cut();
    stage.fake.say("missed");
    let (reason, cause) = stage.lose_link().await;
    assert!(matches!(reason, Some(CloseReason::Eof | CloseReason::Reset)), "{reason:?}");
    assert_eq!(cause, Cause::ConnectionLost);
    assert_eq!(stage.resumed().await, ["missed"]);
}

/// The stream ends with a reset.
pub async fn a_reset_link_is_resumed<H: Host>() {
    let fake = Fake::start();
    let relay = Relay::to(fake.address);
    let mut stage = Stage::<H>::with(fake, |settings| settings.gateway(relay.url()));
    stage.come_online().await;
    relay.reset();
    assert_eq!(stage.lose_link().await, (Some(CloseReason::Reset), Cause::ConnectionLost));
    stage.fake.say("missed");
    assert_eq!(stage.resumed().await, ["missed"]);
}

/// Op 7.
pub async fn a_reconnect_on_request_loses_nothing<H: Host>() {
    let mut stage = Stage::<H>::online().await;
    stage.fake.with(|gateway, now| gateway.reconnect(now, Target::All));
    let (_, cause) = stage.lose_link().await;
    assert_eq!(cause, Cause::ReconnectRequested);
    stage.fake.say("missed");
    assert_eq!(stage.resumed().await, ["missed"]);
}

/// Op 9, both ways.
pub async fn an_invalid_session_is_resumed_or_begun_anew_as_it_says<H: Host>() {
    let mut stage = Stage::<H>::online().await;
    stage.fake.with(|gateway, now| gateway.invalid_session(now, Target::All, Resumable::Yes));
    let (_, cause) = stage.lose_link().await;
    assert_eq!(cause, Cause::InvalidSessionResumable);
    assert_eq!(stage.resumed().await, [""; 0]);

    // The next identify permit comes five seconds after the last.
    stage.lab.leap(seconds(5));
    stage.fake.with(|gateway, now| gateway.invalid_session(now, Target::All, Resumable::No));
    let lost = |event: &Event| if let Event::SessionLost { cause } = event { Some(*cause) } else { None };
    assert_eq!(stage.until(lost).await, Cause::InvalidSessionLost);
    stage.come_online().await;
    assert_eq!(stage.fake.with(|gateway, _| gateway.counters().sessions), 2);
}

/// Close codes that keep the session, that end it, and a close without a code.
pub async fn a_close_code_means_what_the_table_says<H: Host>() {
    let mut stage = Stage::<H>::online().await;
    let closed = |code: Option<u16>| code.map_or(Cause::ConnectionLost, |code| Cause::Closed(CloseCode(code)));
    for code in [Some(4000), Some(4001), Some(4002), Some(4005), Some(4008), Some(1001), Some(4999), None] {
        close(&stage, code);
        let frame = CloseFrame { code: code.map(CloseCode), reason: code.map_or("", |_| "because").to_owned() };
        assert_eq!(stage.lose_link().await, (Some(CloseReason::Frame(frame)), closed(code)));
        stage.fake.say("missed");
        assert_eq!(stage.resumed().await, ["missed"], "{code:?}");
    }
    for code in [4003, 4006, 4007, 4009] {
        stage.lab.leap(seconds(5));
        close(&stage, Some(code));
        let lost = |event: &Event| if let Event::SessionLost { cause } = event { Some(*cause) } else { None };
        assert_eq!(stage.until(lost).await, closed(Some(code)));
        stage.come_online().await;
    }
}

/// Close codes that end the shard.
pub async fn a_fatal_close_code_ends_the_shard<H: Host>() {
    for code in [4004, 4010, 4011, 4012, 4013, 4014] {
        let mut stage = Stage::<H>::online().await;
        close(&stage, Some(code));
        let reason = stage.end().await;
        assert!(matches!(reason, EndReason::Refused { code: CloseCode(told), .. } if told == code), "{reason:?}");
        assert_eq!(stage.shard.explain().last().unwrap().to, Phase::Ended);
        assert_eq!(stage.fake.with(|gateway, _| gateway.counters().connects), 1);
    }
}

fn close<H: Host>(stage: &Stage<H>, code: Option<u16>) {
    stage.fake.with(|gateway, now| gateway.close(now, Target::All, code.map(CloseCode), "because"));
}

/// A connection that stays open and answers no heartbeat.
pub async fn a_zombie_is_left_and_its_session_resumed<H: Host>() {
    let mut stage = Stage::<H>::online().await;
    stage.fake.with(|gateway, _| gateway.stop_acking(Target::All));
    let events = stage.beat().await;
    assert_eq!(events, []);
    stage.leap_to_deadline();
    let missed = |event: &Event| matches!(event, Event::Faulted(Fault::HeartbeatMissed { .. })).then_some(());
    stage.until(missed).await;
    stage.fake.with(|gateway, _| gateway.ack_again(Target::All));
    stage.fake.say("missed");
    let (_, cause) = stage.lose_link().await;
    assert_eq!(cause, Cause::HeartbeatMissed);
    assert_eq!(stage.resumed().await, ["missed"]);
    // Two heartbeats, since the first is judged when the second is due.
    for _ in 0..2 {
        assert_eq!(stage.beat().await, []);
        stage.acknowledged().await;
    }
}

/// Messages in pieces, several in one write, one that stops within its frame, a late one.
pub async fn a_message_comes_whole_however_it_is_cut_up<H: Host>() {
    let mut stage = Stage::<H>::online().await;
    let ways = [
        Armed::Split { pieces: 9, gap: Duration::ZERO },
        Armed::Split { pieces: 3, gap: millis(1) },
        Armed::Coalesce { frames: 5 },
        Armed::Stall { bytes: 20, pause: Some(millis(1)) },
        Armed::Lag(millis(1)),
    ];
    for way in ways {
        stage.fake.with(|gateway, _| gateway.fault(Target::All, way.clone(), Span::Times(5)));
        for number in 0..5 {
            stage.fake.say(&format!("{number} of 5: {}", "x".repeat(10_000)));
        }
        for number in 0..5 {
            let (_, replayed, text) = stage.hear().await;
            assert!(!replayed && text.len() == 10_008 && text.starts_with(&format!("{number} of 5")), "{way:?}");
        }
    }
    assert_eq!(stage.shard.machine().health().counts.connections, 1);
}

/// The stream ends within a WebSocket message.
pub async fn a_link_that_ends_within_a_message_is_resumed<H: Host>() {
    let mut stage = Stage::<H>::online().await;
    stage.fake.with(|gateway, _| gateway.fault(Target::All, Armed::Cut { bytes: 20 }, Span::Next));
    stage.fake.say("whole");
    let (reason, cause) = stage.lose_link().await;
    assert!(matches!(reason, Some(CloseReason::Eof | CloseReason::Reset)), "{reason:?}");
    assert_eq!(cause, Cause::ConnectionLost);
    assert_eq!(stage.resumed().await, ["whole"]);
}

/// Thirty faults over twenty shards, each in a task of its own.
pub async fn twenty_shards_lose_their_links_again_and_again_and_no_event<H: Host>() {
    const SHARDS: u32 = 20;
    const ROUNDS: u32 = 30;
    let fake = Fake::start();
    let mut tasks = Vec::new();
    for id in 0..SHARDS {
        let backoff = Backoff { spread: millis(5), base: millis(1), cap: millis(5), ..Backoff::STANDARD };
        let settings = settings::<H>(&Lab::default(), &fake.url)
            .shard(ShardId::new(id, SHARDS).unwrap())
            .config(Config { backoff, ..Config::default() });
        let (tell, told) = oneshot::channel();
        let mut shard = settings.build().unwrap();
        H::spawn(async move {
            let mut sequences = Vec::new();
            while let Some(event) = shard.next_event().await {
                let (Event::Ready(dispatch) | Event::Resumed(dispatch) | Event::Dispatch(dispatch)) = &event else {
                    continue;
                };
                sequences.extend(dispatch.sequence().map(|Sequence(sequence)| sequence));
                if heard(&event).is_some_and(|(_, _, content)| content == "good night") {
                    shard.shutdown(Shutdown::EndSession);
                }
            }
            let counts = shard.machine().health().counts;
            let _ = tell.send((sequences, counts));
        });
        tasks.push(told);
    }
    let attached = |gateway: &FakeGateway| {
        gateway.sessions().filter(|session| session.connection.is_some()).count() == SHARDS as usize
    };
    for round in 0..ROUNDS {
        patiently::<H, _>(fake.handle.until(attached)).await;
        for _ in 0..5 {
            fake.say("on and on");
        }
        let one = Target::Shard(portcullis_fake::Shard { id: round % SHARDS, count: SHARDS });
        fake.with(|gateway, now| match round % 3 {
            0 => gateway.drop_connections(now, one),
            1 => gateway.close(now, one, Some(CloseCode(4000)), ""),
            _ => gateway.reconnect(now, one),
        });
        fake.say("and on");
    }
    patiently::<H, _>(fake.handle.until(attached)).await;
    fake.say("good night");
    for task in tasks {
        let (sequences, counts) = patiently::<H, _>(task).await.unwrap();
        let last = *sequences.last().unwrap();
        assert!(last > u64::from(ROUNDS) * 6, "{last}");
        assert_eq!(sequences, (1..=last).collect::<Vec<_>>());
        assert_eq!((counts.gaps, counts.malformed), (0, 0));
    }
    let counters = fake.with(|gateway, _| gateway.counters());
    // A connection that is lost before its Ready has come leaves nothing to resume: its shard identifies again.
    let comebacks = counters.resumed + counters.sessions - u64::from(SHARDS);
    assert!(comebacks >= u64::from(ROUNDS), "{counters:?}");
}
