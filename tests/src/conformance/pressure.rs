//! More events than the application takes, and larger ones: events wait, heartbeats do not.

use super::stage::{Settings, heard};
use super::{Fake, Host, Lab, Relay, Stage, patiently};
use core::num::NonZeroUsize;
use core::time::Duration;
use portcullis::machine::{Cause, Config, Limits, Phase};
use portcullis::{CloseReason, Event};
use portcullis_fake::{Fault as Armed, Span, Target};
use portcullis_runtime::Events;

const MB: usize = 1 << 20;

/// A split shard whose consumer takes nothing: as many messages wait as its buffer has room for, and it stops reading.
struct Full<H: Host> {
    fake: Fake,
    lab: Lab<H::Runtime>,
    events: Events,
    /// How many bytes had been read when the last message came that there was room for.
    read: u64,
}

/// The content of a message: its number, padded to the size.
fn numbered(number: usize, size: usize) -> String {
    format!("{number:06} {}", "x".repeat(size))
}

impl<H: Host> Full<H> {
    /// With room for `capacity` messages of which `count` come.
    async fn of(mut stage: Stage<H>, capacity: u64, count: usize, size: usize) -> Self {
        stage.come_online().await;
        // The size of a message in bytes on the connection; the next ones are equally long.
        let before = stage.lab.bytes_read();
        stage.fake.say(&numbered(0, size));
        stage.hear().await;
        let weight = stage.lab.bytes_read() - before;

        let Stage { fake, lab, shard } = stage;
        let (pump, events) = shard.split(NonZeroUsize::new(capacity as usize).unwrap());
        H::spawn(pump);
        let read = lab.bytes_read() + capacity * weight;
        for number in 0..count {
            fake.say(&numbered(number, size));
        }
        patiently::<H, _>(lab.until_read(read)).await;
        Self { fake, lab, events, read }
    }

    /// Lets intervals pass, and waits for a heartbeat in each.
    async fn beats(&self, count: u64) {
        let interval = self.fake.with(|gateway, _| gateway.config().heartbeat_interval);
        let before = self.fake.heartbeats();
        for beat in 1..=count {
            self.lab.leap(interval);
            patiently::<H, _>(self.fake.handle.until(|gateway| gateway.counters().heartbeats == before + beat)).await;
        }
    }

    async fn next(&mut self) -> Event {
        let event = patiently::<H, _>(self.events.next()).await.expect("the shard ended");
        if let Event::Reconnecting { after, .. } = event {
            self.lab.leap(after);
        }
        event
    }
}

fn number(event: &Event) -> Option<usize> {
    heard(event).map(|(_, _, content)| content.split(' ').next().unwrap().parse().unwrap())
}

/// 8 MB for a consumer that takes none of them: the shard leaves in the socket what it has no room for, so the gateway waits. No
/// event is lost with the connection.
pub async fn a_consumer_that_stands_still_stops_the_gateway_and_loses_nothing<H: Host>() {
    const COUNT: usize = 100;
    let mut full = Full::of(Stage::<H>::new(), 4, COUNT, 80 << 10).await;
    full.beats(3).await;
    // Beyond the last message with room, the shard read at most one large read more.
    let beyond = full.lab.bytes_read() - full.read;
    assert!(beyond <= 64 << 10, "{beyond} bytes were read ahead of a consumer that took none");
    assert_eq!(full.fake.with(|gateway, now| gateway.drop_connections(now, Target::All)), 1);

    let mut taken = 0;
    while taken < COUNT {
        let event = full.next().await;
        assert!(!matches!(event, Event::SessionLost { .. } | Event::Faulted(_)), "{event:?}");
        if let Some(number) = number(&event) {
            assert_eq!(number, taken);
            taken += 1;
        }
    }
}

/// Fifty intervals in which the consumer takes no event: fifty heartbeats.
pub async fn a_split_shard_beats_on_time_while_its_consumer_stands_still<H: Host>() {
    let mut full = Full::of(Stage::<H>::new(), 1, 100, 10).await;
    full.beats(50).await;
    assert_eq!(full.events.sender().phase(), Phase::Active);
    for taken in 0..100 {
        let event = full.next().await;
        assert_eq!(number(&event), Some(taken), "{event:?}");
    }
}

/// An application that takes an interval for each event, and does not poll the shard meanwhile.
pub async fn a_slow_reader_beats_between_its_events<H: Host>() {
    const EVENTS: u64 = 40;
    let mut stage = Stage::<H>::online().await;
    // They arrive in one read. Otherwise the socket might be dry at the moment of a leap, which it is not when time passes
    // normally.
    let together = Armed::Coalesce { frames: EVENTS as u32 };
    stage.fake.with(|gateway, _| gateway.fault(Target::All, together, Span::Next));
    for _ in 0..EVENTS {
        stage.fake.say("on and on");
    }
    let interval = stage.fake.with(|gateway, _| gateway.config().heartbeat_interval);
    for taken in 0..EVENTS {
        if taken > 0 {
            stage.lab.leap(interval);
        }
        let event = stage.next().await.unwrap();
        assert!(heard(&event).is_some(), "{event:?}");
    }
    stage.until_gateway(|gateway| gateway.counters().heartbeats >= EVENTS - 1).await;
    stage.acknowledged().await;
    let counts = stage.shard.machine().health().counts;
    assert_eq!((counts.connections, counts.beats_sent), (1, EVENTS - 1));
}

/// A frame whose first megabyte has arrived, and whose other three are late.
pub async fn a_beat_goes_out_while_a_huge_frame_comes_in<H: Host>() {
    let fake = Fake::start();
    let relay = Relay::to(fake.address);
    let mut stage = Stage::<H>::with(fake, |settings| settings.gateway(relay.url()));
    stage.come_online().await;
    let held = relay.stop_down_after(MB as u64);
    stage.say_much(4 * MB);
    let (events, ()) = stage.during(relay.until(|forwarded| forwarded.down >= held)).await;
    assert_eq!(events, []);
    assert_eq!(stage.beat().await, []);
    relay.go_on();
    assert_eq!(stage.hear().await.2.len(), 4 * MB);
    stage.acknowledged().await;
    assert_eq!(stage.shard.machine().health().counts.connections, 1);
}

/// Large, but within the limit.
pub async fn a_frame_of_4_mb_comes_whole<H: Host>() {
    let mut stage = Stage::<H>::online().await;
    for _ in 0..2 {
        stage.say_much(4 * MB);
        stage.fake.say("small");
        assert_eq!(stage.hear().await.2.len(), 4 * MB);
        assert_eq!(stage.hear().await.2, "small");
    }
    assert_eq!(stage.shard.machine().health().counts.connections, 1);
}

/// The gateway sends it again with each resume, until the shard gives the session up.
pub async fn a_frame_above_the_limit_costs_the_link_and_in_the_end_the_session<H: Host>() {
    let limits = Limits { message: MB, ..Limits::default() };
    let set = |settings: Settings<H>| settings.config(Config { limits, ..Config::default() });
    let mut stage = Stage::<H>::with(Fake::start(), set);
    stage.come_online().await;
    stage.say_much(2 * MB);
    assert_eq!(stage.lose_link().await, (Some(CloseReason::TooLarge { limit: MB }), Cause::TooLarge));
    stage.lab.leap(Duration::from_secs(5));
    stage.until(|event| matches!(event, Event::SessionLost { .. }).then_some(())).await;
    stage.come_online().await;
    stage.fake.say("small");
    assert_eq!(stage.hear().await.2, "small");
}
