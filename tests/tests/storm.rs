//! Twenty shards on real sockets against one fake gateway, through a storm of faults: no event is lost or comes twice
//! within a session, and when the storm is over every shard is active.
//!
//! `PORTCULLIS_STORM` sets its length in seconds; without it the storm is short.

use core::time::Duration;
use portcullis::dialect::ShardId;
use portcullis::dialect::discord::Intents;
use portcullis::machine::{Backoff, Config, FirstBeat, HeartbeatPolicy, Shutdown};
use portcullis::{CloseCode, Event, Seed};
use portcullis_fake::{FakeConfig, FakeGateway, FakeHandle, FakeServer, Fate, Fault, Rebuff, Resumable, Span, Target};
use portcullis_tests::frames;
use portcullis_tokio::Shard;
use serde::Deserialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::{Instant, sleep_until, timeout};

const SHARDS: u32 = 20;
/// From the end of the storm until all is well: the longest are the random 1 to 5 s after an Invalid Session.
const PATIENCE: Duration = Duration::from_secs(90);

/// What a shard saw.
#[derive(Debug, Default)]
struct Seen {
    events: u64,
    lost: u64,
    doubled: u64,
    sessions: u64,
    resumes: u64,
    last: Option<u64>,
}

#[derive(Deserialize)]
struct Numbered {
    number: u64,
}

impl Seen {
    fn note(&mut self, event: &Event) {
        match event {
            // The protocol loses the events between two sessions; `SessionLost` says so.
            Event::Ready(_) => {
                self.sessions += 1;
                self.last = None;
            }
            Event::Resumed(_) => self.resumes += 1,
            Event::Dispatch(dispatch) if dispatch.name() == "MESSAGE_CREATE" => {
                let Numbered { number } = dispatch.decode().expect("a numbered message");
                match self.last {
                    Some(last) if number <= last => self.doubled += 1,
                    Some(last) => self.lost += number - last - 1,
                    None => {}
                }
                self.last = Some(number);
                self.events += 1;
            }
            _ => {}
        }
    }
}

fn config() -> Config {
    Config {
        // The storm lasts seconds: waits of a minute would take most of it.
        backoff: Backoff {
            spread: Duration::from_millis(100),
            base: Duration::from_millis(50),
            cap: Duration::from_millis(500),
            ..Backoff::STANDARD
        },
        heartbeat: HeartbeatPolicy { first: FirstBeat::Jittered, ..HeartbeatPolicy::default() },
        ..Config::default()
    }
}

/// Runs a shard until it has seen a message from `calm` on, when the storm is over.
async fn weather(url: String, id: u32, calm: Arc<AtomicU64>) -> Seen {
    let mut shard = Shard::builder("a.bot.token", Intents::GUILDS | Intents::GUILD_MESSAGES | Intents::DIRECT_MESSAGES)
        .gateway(url)
        .shard(ShardId::new(id, SHARDS).unwrap())
        .config(config())
        .seed(Seed(u64::from(id)))
        .build()
        .unwrap();
    let mut seen = Seen::default();
    while let Some(event) = shard.next_event().await {
        seen.note(&event);
        if seen.last.is_some_and(|last| last >= calm.load(Ordering::SeqCst)) {
            shard.shutdown(Shutdown::EndSession);
        }
    }
    seen
}

fn fault(gateway: &mut FakeGateway, now: portcullis::Timestamp, turn: u64) {
    let connections: Vec<_> = gateway.connections().collect();
    let Some(&connection) = connections.get(usize::try_from(turn * 7).unwrap() % connections.len().max(1)) else {
        return;
    };
    let one = Target::Connection(connection);
    match turn % 16 {
        0 => drop(gateway.drop_connections(now, Target::All)),
        1 => drop(gateway.reconnect(now, one)),
        2 => drop(gateway.invalid_session(now, one, Resumable::Yes)),
        3 => drop(gateway.invalid_session(now, one, Resumable::No)),
        4 => drop(gateway.close(now, one, Some(CloseCode(4000)), "storm")),
        5 => drop(gateway.close(now, one, None, "")),
        6 => drop(gateway.close(now, one, Some(CloseCode(1012)), "restart")),
        7 => gateway.fault(Target::All, Fault::RefuseUpgrade { status: 503, retry_after: None }, Span::Times(3)),
        8 => gateway.fault(Target::All, Fault::Hello(Fate::Delay(Duration::from_millis(200))), Span::Times(3)),
        9 => gateway.fault(one, Fault::Split { pieces: 3, gap: Duration::from_millis(2) }, Span::Times(20)),
        10 => gateway.fault(one, Fault::Cut { bytes: 20 }, Span::Next),
        11 => gateway.stop_acking(one),
        12 => drop(gateway.request_heartbeat(now, Target::All)),
        13 => gateway.fault(Target::All, Fault::Resume(Rebuff::Drop), Span::Next),
        14 => drop(gateway.send_raw(now, one, &frames::text("garbage"))),
        _ => drop(gateway.drop_connections(now, one)),
    }
}

/// Numbered messages to all, a fault every so often, until `end`; then peace and the last message. Its number.
async fn storm(handle: FakeHandle, end: Instant) -> u64 {
    let (mut number, mut turn) = (0, 1);
    let mut next = Instant::now();
    while Instant::now() < end {
        for _ in 0..5 {
            number += 1;
            say(&handle, number);
        }
        if number % 40 == 0 {
            handle.with(|gateway, now| fault(gateway, now, turn));
            turn += 1;
        }
        next += Duration::from_millis(20);
        sleep_until(next).await;
    }
    handle.with(|gateway, _| gateway.lift_all());
    number
}

fn say(handle: &FakeHandle, number: u64) {
    let json = format!(r#"{{"number":{number}}}"#);
    handle.with(|gateway, now| gateway.dispatch(now, Target::All, "MESSAGE_CREATE", &json));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_shards_come_through_a_storm_of_faults() {
    let seconds = std::env::var("PORTCULLIS_STORM").map_or(3, |text| text.parse().expect("a number of seconds"));
    let gateway = FakeConfig {
        heartbeat_interval: Duration::from_secs(1),
        max_concurrency: SHARDS,
        ring: 10_000,
        ..FakeConfig::default()
    };
    let server = FakeServer::start(gateway).await.unwrap();
    let calm = Arc::new(AtomicU64::new(u64::MAX));
    let shards: Vec<_> =
        (0..SHARDS).map(|id| tokio::spawn(weather(server.url().into(), id, Arc::clone(&calm)))).collect();

    let sent = storm(server.handle(), Instant::now() + Duration::from_secs(seconds)).await;

    // Calm: messages continue, and each shard ends when it receives one of them, also one that was between two sessions.
    calm.store(sent + 1, Ordering::SeqCst);
    let handle = server.handle();
    let peace = tokio::spawn(async move {
        for number in sent + 1.. {
            say(&handle, number);
            sleep_until(Instant::now() + Duration::from_millis(100)).await;
        }
    });
    let mut total = Seen::default();
    for shard in shards {
        let seen = timeout(PATIENCE, shard).await.expect("a shard is stuck").unwrap();
        total.events += seen.events;
        total.lost += seen.lost;
        total.doubled += seen.doubled;
        total.sessions += seen.sessions;
        total.resumes += seen.resumes;
    }
    peace.abort();
    println!("storm: {sent} messages to each of {SHARDS} shards, {total:?}");
    assert_eq!((total.lost, total.doubled), (0, 0));
    assert!(total.resumes > 0, "{total:?}");
    server.stop().await;
}
