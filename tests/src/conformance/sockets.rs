//! Sockets that do nothing: no error reports them, so a deadline must.

use super::{Fake, Host, Relay, Stage, patiently};
use crate::seconds;
use core::future::poll_fn;
use core::task::Poll;
use portcullis::Event;
use portcullis::dialect::RawCommand;
use portcullis::dialect::discord::Command;
use portcullis::machine::{Cause, Config, FirstBeat, HeartbeatPolicy, Outcome, Phase, Timeouts, Timer};
use portcullis_fake::{Fate, Fault, Rebuff, Span, Target};
use serde_json::json;

/// Moves the clock from deadline to deadline on a connection that receives nothing more, until the shard gives the connection up.
/// Returns the events, and the cause.
pub(super) async fn given_up<H: Host>(stage: &mut Stage<H>) -> (Vec<Event>, Cause) {
    let mut events = Vec::new();
    let Stage { lab, shard, .. } = stage;
    let cause = patiently::<H, _>(poll_fn(|cx| {
        while let Poll::Ready(event) = shard.poll_event(cx) {
            let event = event.expect("the shard ended");
            if let Event::Reconnecting { after, cause, .. } = event {
                lab.leap(after);
                return Poll::Ready(cause);
            }
            events.push(event);
        }
        let deadline = shard.machine().deadline();
        lab.leap_to(deadline.expect("a shard that lives waits for something"));
        Poll::Pending
    }))
    .await;
    (events, cause)
}

/// The gateway stops reading: written bytes fill the window, then our buffer, and then a write waits.
pub async fn a_window_at_zero_costs_the_link_when_the_write_is_due<H: Host>() {
    const COMMANDS: usize = 110;
    let fake = Fake::start();
    let relay = Relay::narrow(fake.address);
    let mut stage = Stage::<H>::with(fake, |settings| settings.gateway(relay.url()));
    stage.come_online().await;
    relay.stop();
    let filler = "x".repeat(4000);
    for _ in 0..COMMANDS {
        let command = RawCommand::new(&json!({"op": 8, "d": {"guild_id": "7", "query": filler, "limit": 0}})).unwrap();
        drop(stage.shard.send(Command::Raw(command)).unwrap());
    }
    let (events, cause) = given_up(&mut stage).await;
    assert_eq!(cause, Cause::TimedOut(Timer::Write));
    let outcomes: Vec<Outcome> = events
        .iter()
        .filter_map(|event| if let Event::Command(_, outcome) = event { Some(*outcome) } else { None })
        .collect();
    let sent = outcomes.iter().take_while(|outcome| **outcome == Outcome::Sent).count();
    assert!(sent < COMMANDS, "the socket took all of them");
    assert_eq!(outcomes.get(sent), Some(&Outcome::Unknown), "part of it may have left");
    stage.fake.say("missed");
    assert_eq!(stage.resumed().await, ["missed"]);
}

/// The gateway vanishes without a FIN: the socket accepts writes, and receives nothing.
pub async fn a_half_open_link_is_found_by_its_missing_beat<H: Host>() {
    let fake = Fake::start();
    let relay = Relay::to(fake.address);
    let mut stage = Stage::<H>::with(fake, |settings| settings.gateway(relay.url()));
    stage.come_online().await;
    relay.stop();
    stage.fake.say("missed");
    let (_, cause) = given_up(&mut stage).await;
    assert_eq!(cause, Cause::HeartbeatMissed);
    assert_eq!(stage.resumed().await, ["missed"]);
    assert_eq!(stage.shard.machine().health().counts.beats_sent, 1);
}

/// No Hello, no answer to Identify, none to Resume.
pub async fn a_link_that_falls_silent_in_the_handshake_is_left<H: Host>() {
    // At most one heartbeat is due before these deadlines, and it is answered.
    let heartbeat = HeartbeatPolicy { first: FirstBeat::Immediate, ..HeartbeatPolicy::default() };
    let timeouts = Timeouts { ready: seconds(30), resumed: seconds(30), ..Timeouts::default() };
    let config = Config { heartbeat, timeouts, ..Config::default() };
    let mut stage = Stage::<H>::with(Fake::start(), |settings| settings.config(config));
    let next = |stage: &Stage<H>, fault| stage.fake.with(|gateway, _| gateway.fault(Target::All, fault, Span::Next));

    next(&stage, Fault::Hello(Fate::Omit));
    stage.reach(Phase::AwaitingHello).await;
    assert_eq!(given_up(&mut stage).await.1, Cause::TimedOut(Timer::Hello));

    next(&stage, Fault::Identify(Rebuff::Ignore));
    stage.until_gateway(|gateway| gateway.counters().identifies == 1).await;
    assert_eq!(given_up(&mut stage).await.1, Cause::TimedOut(Timer::Ready));

    // The next identify permit comes five seconds after the last.
    stage.lab.leap(seconds(5));
    stage.come_online().await;
    next(&stage, Fault::Resume(Rebuff::Ignore));
    stage.cut();
    stage.until_gateway(|gateway| gateway.counters().resumes == 1).await;
    assert_eq!(given_up(&mut stage).await.1, Cause::TimedOut(Timer::Resumed));
    stage.fake.say("missed");
    assert_eq!(stage.resumed().await, ["missed"]);
}
