//! Unusual clocks and intervals.

use super::stage::heard;
use super::{Fake, Host, Lab, Stage, fake, patiently};
use crate::{millis, seconds};
use portcullis::Event;
use portcullis::machine::{Fault, Phase};
use portcullis_fake::{FakeConfig, Listen};
use portcullis_runtime::Runtime;

/// A shard on a gateway with another heartbeat interval, on a clock that only leaps.
fn on_interval<H: Host>(interval: core::time::Duration) -> Stage<H> {
    let config = FakeConfig { heartbeat_interval: interval, ..fake::config() };
    Stage::within(Lab::still(), Fake::start_with(config, Listen::default()), |settings| settings)
}

/// A minute of heartbeats, one a second.
pub async fn a_heartbeat_interval_of_a_second_is_kept<H: Host>() {
    let mut stage = on_interval::<H>(seconds(1));
    stage.come_online().await;
    assert_eq!(stage.beat().await, []);
    stage.acknowledged().await;
    let first = stage.lab.now();
    for beat in 1..=60 {
        assert_eq!(stage.beat().await, []);
        stage.acknowledged().await;
        assert_eq!(stage.lab.now(), first + seconds(beat));
    }
    let counts = stage.shard.machine().health().counts;
    assert_eq!((counts.connections, counts.beats_sent), (1, 61));
}

/// The shard does not send a thousand heartbeats a second.
pub async fn a_hello_that_asks_for_a_millisecond_is_clamped_and_nothing_spins<H: Host>() {
    let mut stage = on_interval::<H>(millis(1));
    let asked = |event: &Event| if let Event::Faulted(fault) = event { Some(fault.clone()) } else { None };
    assert_eq!(stage.until(asked).await, Fault::Interval { requested: millis(1) });
    stage.come_online().await;
    assert_eq!(stage.beat().await, []);
    stage.acknowledged().await;
    let (first, timers) = (stage.lab.now(), stage.lab.timers_made());
    for beat in 1..=20 {
        assert_eq!(stage.beat().await, []);
        stage.acknowledged().await;
        assert_eq!(stage.lab.now(), first + seconds(beat));
    }
    // A heartbeat sets one timer for its write, and one for the next heartbeat.
    let timers = stage.lab.timers_made() - timers;
    assert!(timers <= 3 * 20, "{timers} timers for 20 beats");
}

/// A laptop that was shut, or a virtual machine that was paused.
pub async fn a_clock_that_leaps_hours_kills_no_healthy_link<H: Host>() {
    let mut stage = Stage::<H>::online().await;
    for hours in [1, 5, 24, 1000] {
        let before = stage.fake.heartbeats();
        stage.lab.leap(seconds(hours * 3600));
        let events = stage.until_gateway(|gateway| gateway.counters().heartbeats > before).await;
        assert_eq!(events, [], "after {hours} h");
        stage.acknowledged().await;
        stage.fake.say("still there");
        assert_eq!(stage.hear().await.2, "still there");
    }
    // The events of the meantime come out, and the heartbeat goes out too.
    stage.fake.say("one");
    stage.fake.say("two");
    stage.lab.leap(seconds(7 * 3600));
    for content in ["one", "two"] {
        let event = stage.next().await.unwrap();
        assert_eq!(heard(&event).map(|(_, _, content)| content).as_deref(), Some(content), "{event:?}");
    }
    assert_eq!(stage.shard.machine().health().counts.connections, 1);

    // A leap over a backoff ends the backoff, and changes nothing else.
    stage.cut();
    stage.reach(Phase::Backoff).await;
    stage.lab.leap(seconds(3600));
    stage.resumed().await;
}

/// A timer is never early. The other cases rely on it.
pub async fn a_timer_is_never_early<H: Host>() {
    let runtime = H::Runtime::default();
    for nanos in [0, 1, 999, 1_000_000, 1_500_001, 7_999_999, 20_000_000] {
        let until = runtime.now() + core::time::Duration::from_nanos(nanos);
        patiently::<H, _>(runtime.sleep_until(until)).await;
        let now = runtime.now();
        assert!(now >= until, "{now} is before {until}");
    }
}
