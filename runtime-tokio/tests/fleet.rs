//! A fleet on real sockets: as many shards as the gateway recommends, as one stream, against the fake gateway on the
//! loopback interface.
//!
//! Nothing here asserts a time. On a loaded machine a thread that gets no CPU looks to the gateway like a client that
//! is too fast, since what left 5 s apart arrives closer together, or like one that is silent. So the gateway does not
//! hold these clients to the limits in time ([`Limits::Lifted`]), and a heartbeat that comes late is no failure.
//! `tests/tests/identify_fleet.rs`, `pace.rs` and `heart.rs` prove them on virtual time.
//!
//! `PORTCULLIS_FLEET` sets the length of the storm in seconds; without it the storm is short.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers are test code as well")]

use core::time::Duration;
use portcullis::dialect::ShardId;
use portcullis::dialect::discord::{Command, Intents, Presence, Status};
use portcullis::machine::{Backoff, Config, EndReason, Outcome, Phase, Shutdown};
use portcullis::{CloseCode, Dispatch, Event, Sequence};
use portcullis_fake::{
    AcceptedToken, ClientFrame, FakeConfig, FakeGateway, FakeHandle, FakeServer, Fate, Fault, Limits, Rebuff,
    Resumable, Rule, Span, Target,
};
use portcullis_tokio::http::{Request, Response};
use portcullis_tokio::{AskError, AutoError, Buffer, Builder, Member, Network, Rest, Shard, ShardKey, ShardSet, Tokio};
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

const PATIENCE: Duration = Duration::from_secs(90);

/// A gateway that recommends `shards` shards, and lets `max_concurrency` of them identify at a time.
async fn gateway(shards: u32, max_concurrency: u32) -> FakeServer {
    let config = FakeConfig { guilds: shards * 1000, max_concurrency, limits: Limits::Lifted, ..FakeConfig::default() };
    FakeServer::start(config).await.unwrap()
}

/// Its HTTP endpoints, asked over the runtime's own sockets.
fn rest(server: &FakeServer) -> Rest {
    Rest::new(Tokio::new(), Network::default()).at(format!("http://{}/api/v10", server.address()))
}

fn builder() -> Builder {
    // No event of a guild: there are a thousand of them to a shard.
    Shard::builder("a.bot.token", Intents::DIRECT_MESSAGES)
}

async fn fleet(server: &FakeServer) -> ShardSet {
    builder().build_all_by(&rest(server)).await.unwrap()
}

fn only(id: u32, count: u32) -> Target {
    Target::Shard(portcullis_fake::Shard { id, count })
}

fn say(handle: &FakeHandle, target: Target, number: u64) -> usize {
    let json = format!(r#"{{"number":{number}}}"#);
    handle.with(|gateway, now| gateway.dispatch(now, target, "MESSAGE_CREATE", &json))
}

fn is_message(event: &Event) -> bool {
    matches!(event, Event::Dispatch(dispatch) if dispatch.name() == "MESSAGE_CREATE")
}

type Set<M> = portcullis_runtime::ShardSet<M>;

/// Takes events until as many different shards as are wanted have had one that is.
async fn until<M: Member>(set: &mut Set<M>, shards: usize, wanted: impl Fn(&Event) -> bool) -> Vec<ShardKey> {
    let look = async {
        let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
        while order.len() < shards {
            let (key, event) = set.next_event().await.expect("all have ended");
            if wanted(&event) && seen.insert(key) {
                order.push(key);
            }
        }
        order
    };
    timeout(PATIENCE, look).await.expect("the events did not come")
}

async fn ready<M: Member>(set: &mut Set<M>) -> Vec<ShardKey> {
    let shards = set.len();
    until(set, shards, |event| matches!(event, Event::Ready(_))).await
}

/// The shards that identified, in the order in which they did.
fn identified(handle: &FakeHandle) -> Vec<u32> {
    handle.with(|gateway, _| {
        let frames = gateway.received().filter_map(|received| match &received.frame {
            ClientFrame::Identify(identify) => Some(identify.shard.unwrap().id),
            _ => None,
        });
        frames.collect()
    })
}

/// The rules that were broken, but for the one that only a clock judges.
fn broken_rules(handle: &FakeHandle) -> Vec<Rule> {
    handle.with(|gateway, _| {
        let rules = gateway.breaches().map(|breach| breach.rule);
        rules.filter(|rule| *rule != Rule::SessionTimedOut).collect()
    })
}

#[tokio::test]
async fn as_many_shards_as_are_recommended_identify_once_each() {
    let server = gateway(2, 2).await;
    let mut set = fleet(&server).await;
    let shards: Vec<_> = set.iter().map(|(key, _)| set.shard(key).unwrap()).collect();
    assert_eq!(shards, [ShardId::new(0, 2).unwrap(), ShardId::new(1, 2).unwrap()]);
    ready(&mut set).await;
    let mut order = identified(&server.handle());
    order.sort_unstable();
    assert_eq!((order, broken_rules(&server.handle())), (vec![0, 1], vec![]));
    assert_eq!(set.identify().unwrap().left(), 993, "1,000 less two and a reserve of five");
}

#[tokio::test]
async fn as_many_buckets_as_the_api_allows_are_used_side_by_side() {
    // One after the other would take 23 times 5 s, more than the patience.
    let server = gateway(24, 24).await;
    let handle = server.handle();
    let mut set = fleet(&server).await;
    ready(&mut set).await;
    let mut order = identified(&handle);
    order.sort_unstable();
    assert_eq!((order, broken_rules(&handle)), ((0..24).collect(), vec![]));
}

#[tokio::test]
async fn a_wrong_token_ends_it_with_advice() {
    let config = FakeConfig { token: AcceptedToken::Only("another.bot.token".into()), ..FakeConfig::default() };
    let server = FakeServer::start(config).await.unwrap();
    let error = builder().build_all_by(&rest(&server)).await.unwrap_err();
    assert!(matches!(error, AutoError::Ask(AskError::Unauthorized)), "{error:?}");
    assert!(error.to_string().contains("developer portal"), "{error}");
    assert_eq!(server.handle().with(|gateway, _| gateway.counters().identifies), 0);
}

#[tokio::test]
async fn a_shard_that_ends_leaves_the_others_alone() {
    let server = gateway(3, 16).await;
    let handle = server.handle();
    let mut set = fleet(&server).await;
    ready(&mut set).await;
    handle.with(|gateway, now| gateway.close(now, only(1, 3), Some(CloseCode(4014)), "Disallowed."));
    let ended = until(&mut set, 1, |event| matches!(event, Event::Ended(EndReason::Refused { .. }))).await;
    assert_eq!(set.shard(ended[0]), ShardId::new(1, 3).ok());
    assert_eq!(say(&handle, Target::All, 1), 2);
    let heard = until(&mut set, 2, is_message).await;
    assert!(!heard.contains(&ended[0]));
    let reason = set.get(ended[0]).unwrap().end_reason();
    assert!(matches!(reason, Some(EndReason::Refused { code: CloseCode(4014), .. })), "{reason:?}");
    // It is told of by its key, and can be taken out.
    assert_eq!(set.remove(ended[0]).map(|shard| shard.phase()), Some(Phase::Ended));
    assert_eq!(set.len(), 2);
}

#[tokio::test]
async fn a_flood_on_one_shard_starves_no_other() {
    const UNDERWAY: u64 = 500;
    let server = gateway(3, 16).await;
    let handle = server.handle();
    let mut set = fleet(&server).await;
    ready(&mut set).await;
    for number in 0..UNDERWAY {
        say(&handle, only(0, 3), number);
    }
    // For each event of the flood that is taken another one is sent: the shard has always more to say.
    let (mut flood, mut others) = (0, BTreeSet::new());
    while others.len() < 2 {
        let (key, event) = timeout(PATIENCE, set.next_event()).await.unwrap().unwrap();
        match set.shard(key).unwrap().id() {
            0 if is_message(&event) => {
                flood += 1;
                say(&handle, only(0, 3), UNDERWAY + flood);
                if flood == 100 {
                    assert_eq!(say(&handle, only(1, 3), 1) + say(&handle, only(2, 3), 1), 2);
                }
            }
            0 => {}
            _ if is_message(&event) => drop(others.insert(key)),
            _ => {}
        }
        assert!(flood < 20_000, "the others are starved: {others:?}");
    }
}

#[tokio::test]
async fn a_command_to_all_reaches_the_gateway_once_from_each() {
    let server = gateway(5, 16).await;
    let mut set = fleet(&server).await;
    ready(&mut set).await;
    let handles = set.broadcast(&Command::UpdatePresence(Presence::new(Status::Idle)));
    assert_eq!(handles.len(), 5);
    until(&mut set, 5, |event| matches!(event, Event::Command(_, Outcome::Sent))).await;
    for (_, handle) in handles {
        assert_eq!(handle.unwrap().await, Outcome::Sent);
    }
    let handle = server.handle();
    let commands = |gateway: &FakeGateway| gateway.counters().commands == 5;
    timeout(PATIENCE, handle.until(commands)).await.unwrap();
    let senders: BTreeSet<_> = handle.with(|gateway, _| {
        let presences = gateway.received().filter(|it| matches!(it.frame, ClientFrame::Command { op: 3, .. }));
        presences.map(|received| received.connection.0).collect()
    });
    assert_eq!(senders.len(), 5);
}

#[tokio::test]
async fn a_shard_that_is_taken_out_goes_on_in_one_that_is_added() {
    let server = gateway(3, 16).await;
    let handle = server.handle();
    let mut set = fleet(&server).await;
    let keys = ready(&mut set).await;
    let shard = set.shard(keys[1]).unwrap();
    let session = set.remove(keys[1]).unwrap().session().unwrap();
    timeout(PATIENCE, handle.until(|gateway| gateway.connections().count() == 2)).await.unwrap();
    // The others live on, and what it would have heard waits for it in its session.
    assert_eq!(say(&handle, Target::All, 1), 3);
    until(&mut set, 2, is_message).await;

    let builder = builder().gateway(server.url()).shard(shard).identify(set.identify().unwrap());
    let added = set.add(builder.resume(session.clone(), Duration::from_secs(1)).build().unwrap());
    assert_eq!(until(&mut set, 1, is_message).await, [added]);
    assert_eq!(until(&mut set, 1, |event| matches!(event, Event::Resumed(_))).await, [added]);
    assert_eq!(set.get(added).unwrap().session().unwrap().id(), session.id());
    assert_eq!((set.len(), handle.with(|gateway, _| gateway.counters().identifies)), (3, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_in_tasks_of_their_own_are_one_stream_that_ends_with_them() {
    let server = gateway(8, 16).await;
    let handle = server.handle();
    let mut tasks = Vec::new();
    let mut set = fleet(&server).await.split(Buffer::default(), |pump| tasks.push(tokio::spawn(pump)));
    let keys = ready(&mut set).await;
    // They live while their events are not taken.
    handle.with(|gateway, now| gateway.request_heartbeat(now, Target::All));
    timeout(PATIENCE, handle.until(|gateway| gateway.counters().heartbeats >= 8)).await.unwrap();
    assert_eq!(say(&handle, Target::All, 1), 8);
    let mut heard = until(&mut set, 8, is_message).await;
    heard.sort_unstable();
    assert_eq!(heard, { BTreeSet::from_iter(keys) }.into_iter().collect::<Vec<_>>());

    set.shutdown(Shutdown::EndSession);
    let mut ended = BTreeMap::new();
    while let Some((key, event)) = timeout(PATIENCE, set.next_event()).await.unwrap() {
        if let Event::Ended(reason) = event {
            assert_eq!(ended.insert(key, reason), None, "{key:?} ended twice");
        }
    }
    assert!(ended.len() == 8 && ended.values().all(|reason| *reason == EndReason::Shutdown), "{ended:?}");
    for task in tasks {
        timeout(PATIENCE, task).await.unwrap().unwrap();
    }
    assert_eq!(handle.with(|gateway, _| gateway.connections().count()), 0);
}

const CLIENTS: u32 = 200;
/// How often a message is sent to all.
const PULSE: Duration = Duration::from_millis(50);
/// How many messages there are to a fault.
const FAULT_EVERY: u32 = 3;

/// What a shard heard in its present session.
#[derive(Debug, Default)]
struct Log {
    last: Option<Sequence>,
    number: Option<u64>,
}

#[derive(Debug, Default)]
struct Total {
    events: u64,
    sessions: u64,
    resumes: u64,
    lost: u64,
    doubled: u64,
    out_of_order: u64,
}

#[derive(serde::Deserialize)]
struct Numbered {
    number: u64,
}

impl Total {
    /// Notes an event. Within a session each sequence comes once, and each number that was said.
    fn note(&mut self, log: &mut Log, event: &Event) {
        let dispatch = match event {
            Event::Ready(dispatch) => {
                self.sessions += 1;
                *log = Log::default();
                dispatch
            }
            Event::Resumed(dispatch) => {
                self.resumes += 1;
                dispatch
            }
            Event::Dispatch(dispatch) => dispatch,
            _ => return,
        };
        self.events += 1;
        if let Some(sequence) = dispatch.sequence() {
            match log.last.map(|Sequence(last)| last) {
                Some(last) if sequence.0 <= last => self.doubled += 1,
                Some(last) => self.lost += sequence.0 - last - 1,
                None => {}
            }
            log.last = Some(sequence);
        }
        if let Some(number) = number(dispatch) {
            self.out_of_order += u64::from(log.number.is_some_and(|last| number != last + 1));
            log.number = Some(number);
        }
    }
}

fn number(dispatch: &Dispatch) -> Option<u64> {
    let is_message = dispatch.name() == "MESSAGE_CREATE";
    is_message.then(|| dispatch.decode::<Numbered>().expect("a numbered message").number)
}

/// What happens to every seventh client, in turn.
fn fault(gateway: &mut FakeGateway, now: portcullis::Timestamp, turn: usize) {
    let struck: Vec<_> = gateway.connections().skip(turn % 7).step_by(7).map(Target::Connection).collect();
    for one in struck {
        match turn % 14 {
            0 | 7 => drop(gateway.drop_connections(now, one)),
            1 => drop(gateway.reconnect(now, one)),
            2 => drop(gateway.invalid_session(now, one, Resumable::Yes)),
            3 => drop(gateway.invalid_session(now, one, Resumable::No)),
            4 => drop(gateway.close(now, one, Some(CloseCode(4000)), "storm")),
            5 => drop(gateway.close(now, one, Some(CloseCode(4009)), "storm")),
            6 => drop(gateway.close(now, one, None, "")),
            8 => gateway.fault(one, Fault::Split { pieces: 3, gap: Duration::from_millis(2) }, Span::Times(5)),
            9 => gateway.fault(one, Fault::Cut { bytes: 20 }, Span::Next),
            10 => gateway.stop_acking(one),
            11 => drop(gateway.close(now, one, Some(CloseCode(1012)), "restart")),
            12 => gateway.fault(Target::All, Fault::RefuseUpgrade { status: 503, retry_after: None }, Span::Times(20)),
            _ => gateway.fault(Target::All, Fault::Resume(Rebuff::Drop), Span::Times(5)),
        }
    }
    match turn % 14 {
        0 => drop(gateway.drop_connections(now, Target::All)),
        5 => gateway.fault(Target::All, Fault::Hello(Fate::Delay(Duration::from_millis(200))), Span::Times(20)),
        _ => {}
    }
}

async fn two_hundred(server: &FakeServer) -> ShardSet {
    let url = server.url().to_owned();
    // The gateway itself has 200 guilds: 1,000 for each shard would make each Ready large.
    let rest = Rest::with_client(move |_: Request<()>| {
        let limit = format!(r#"{{"total":100000,"remaining":100000,"reset_after":0,"max_concurrency":{CLIENTS}}}"#);
        let body = format!(r#"{{"url":"{url}","shards":{CLIENTS},"session_start_limit":{limit}}}"#);
        async { Ok(Response::new(body.into_bytes())) }
    });
    // A storm of seconds: waits of a minute would be most of it.
    let backoff = Backoff {
        spread: Duration::from_millis(100),
        base: Duration::from_millis(50),
        cap: Duration::from_millis(500),
        ..Backoff::STANDARD
    };
    builder().config(Config { backoff, ..Config::default() }).build_all_by(&rest).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_clients_come_through_a_storm_of_faults() {
    let seconds: f64 = std::env::var("PORTCULLIS_FLEET").map_or(3.0, |text| text.parse().expect("a number of seconds"));
    // The storm ends by its faults, not by the clock: a machine that is slow sees each kind of them as well.
    let storm = Duration::from_secs_f64(seconds).as_millis() / (FAULT_EVERY * PULSE).as_millis();
    let config = FakeConfig {
        heartbeat_interval: Duration::from_secs(1),
        max_concurrency: CLIENTS,
        limits: Limits::Lifted,
        guilds: CLIENTS,
        ..FakeConfig::default()
    };
    let server = FakeServer::start(config).await.unwrap();
    let handle = server.handle();
    let mut set = two_hundred(&server).await;
    ready(&mut set).await;

    let (mut logs, mut total) = (BTreeMap::<ShardKey, Log>::new(), Total::default());
    let (mut said, mut turn) = (0, 0);
    // The first message after the storm, and until when the rest of the fleet may take.
    let mut calm = None;
    // Those that heard a message which was said when all was over. One that is between two sessions hears a later one.
    let mut safe = BTreeSet::new();
    let mut pulse = interval(PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while safe.len() < CLIENTS as usize {
        tokio::select! {
            biased;
            _ = pulse.tick() => {
                said += 1;
                say(&handle, Target::All, said);
                if let Some((_, until)) = calm {
                    assert!(Instant::now() < until, "stuck: {:?}", stuck(&set, &safe));
                } else if turn as u128 >= storm {
                    handle.with(|gateway, _| gateway.lift_all());
                    calm = Some((said + 1, Instant::now() + PATIENCE));
                } else if said % u64::from(FAULT_EVERY) == 0 {
                    handle.with(|gateway, now| fault(gateway, now, turn));
                    turn += 1;
                }
            }
            event = set.next_event() => {
                let (key, event) = event.expect("all have ended");
                let log = logs.entry(key).or_default();
                assert!(!matches!(event, Event::Ended(_) | Event::Gap { .. }), "{key:?}: {event:?}");
                total.note(log, &event);
                if calm.is_some_and(|(calm, _)| log.number.is_some_and(|last| last >= calm)) {
                    safe.insert(key);
                }
            }
        }
    }
    let counters = handle.with(|gateway, _| gateway.counters());
    println!("fleet: {said} messages to each of {CLIENTS} clients, {turn} faults, {total:?}, {counters:?}");
    assert_eq!((total.lost, total.doubled, total.out_of_order), (0, 0, 0));
    // The first fault drops all connections, and all sessions can be resumed; the faults that follow spoil some of the
    // resumes.
    assert!(total.resumes > u64::from(CLIENTS) / 2, "{total:?}");
    assert_eq!(broken_rules(&handle), []);
    server.stop().await;
}

/// Who is left, and what it did last.
fn stuck(set: &ShardSet, safe: &BTreeSet<ShardKey>) -> Vec<(ShardKey, Phase, String)> {
    let left = set.iter().filter(|(key, _)| !safe.contains(key));
    left.map(|(key, shard)| (key, shard.phase(), format!("{:?}", shard.explain().last()))).collect()
}
