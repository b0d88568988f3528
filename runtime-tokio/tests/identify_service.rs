//! The service of the example `identify_service`, and gates to it, in one process.

#![expect(clippy::unwrap_used, reason = "helpers are test code as well")]

#[path = "../examples/identify_service/remote.rs"]
mod remote;
#[path = "../examples/identify_service/service.rs"]
mod service;
#[path = "../examples/identify_service/words.rs"]
mod words;

use core::future::poll_fn;
use core::time::Duration;
use portcullis::dialect::ShardId;
use portcullis::dialect::discord::Intents;
use portcullis::identify::{QueueConfig, SessionStartLimit};
use portcullis::{ConnectionId, Event};
use portcullis_fake::{FakeConfig, FakeServer};
use portcullis_tokio::{GateAnswer, IdentifyGate as _, Shard};
use remote::{Remote, RemoteGate};
use service::Service;
use tokio::task::JoinSet;
use tokio::time::timeout;
use words::{Ask, Reply};

const LINK: ConnectionId = ConnectionId(1);
const PATIENCE: Duration = Duration::from_secs(30);

async fn service(max_concurrency: u32, remaining: u32, config: QueueConfig) -> Service {
    let limit = SessionStartLimit { max_concurrency, remaining, reset_after: Duration::from_secs(3600), total: 1000 };
    Service::start(limit, QueueConfig { reserve: 0, ..config }).await.unwrap()
}

/// A gate that asks for shard 0 until it hears something else than "later".
async fn ask(gate: &mut RemoteGate) -> GateAnswer {
    loop {
        gate.ask(LINK, ShardId::new(0, 16).ok());
        match timeout(PATIENCE, poll_fn(|cx| gate.poll_answer(cx))).await.unwrap() {
            GateAnswer::Later(_, after) => tokio::time::sleep(after).await,
            answer => return answer,
        }
    }
}

#[test]
fn what_is_said_is_understood() {
    let question = u32::MAX;
    for ask in [Ask::Permit { question, shard: 7 }, Ask::Back { question }, Ask::Spent { question }] {
        assert_eq!(Ask::parse(&ask.to_string()), Some(ask));
    }
    let span = Duration::from_millis(86_399_999);
    for reply in [
        Reply::Granted { question },
        Reply::Exhausted { question, resets_in: span },
        Reply::Later { question, after: span },
    ] {
        assert_eq!(Reply::parse(&reply.to_string()), Some(reply));
    }
    for line in ["", "ask", "ask 1", "ask x 1", "granted", "exhausted 1", "later 1 x", "4294967296 1"] {
        assert_eq!((Ask::parse(line), Reply::parse(line)), (None, None), "{line}");
    }
}

#[tokio::test]
async fn scenario_15_two_that_want_ten_each_of_fifteen_use_fifteen_together() {
    // The fake is to judge the day's limit, so its limits are not lifted; a bucket for each shard leaves no 5 s for its
    // clock to judge, which a loaded machine would fail.
    let config = FakeConfig { max_concurrency: 20, daily_limit: 15, ..FakeConfig::default() };
    let gateway = FakeServer::start(config).await.unwrap();
    let service = service(20, 15, QueueConfig::default()).await;
    let (one, two) = (Remote::connect(service.address()), Remote::connect(service.address()));
    let mut shards = JoinSet::new();
    for id in 0..20 {
        let remote = if id < 10 { &one } else { &two };
        let shard = Shard::builder("a.bot.token", Intents::GUILDS)
            .gateway(gateway.url())
            .shard(ShardId::new(id, 20).unwrap())
            .build()
            .unwrap();
        let mut shard = shard.with_identify(remote.gate());
        shards.spawn(async move {
            loop {
                match shard.next_event().await.unwrap() {
                    Event::Ready(_) => return (shard, 1),
                    Event::BudgetExhausted { resets_in } => {
                        assert!(resets_in > Duration::from_secs(3500), "{resets_in:?}");
                        return (shard, 0);
                    }
                    _ => {}
                }
            }
        });
    }
    let begun = timeout(PATIENCE, shards.join_all()).await.unwrap();
    assert_eq!(begun.iter().map(|(_, online)| online).sum::<u32>(), 15);
    let seen = gateway.handle().with(|gateway, _| (gateway.counters().identifies, gateway.breaches().count()));
    assert_eq!(seen, (15, 0));
    gateway.stop().await;
}

#[tokio::test]
async fn scenario_11_a_turn_that_comes_back_goes_to_the_other_process() {
    let service = service(1, 1, QueueConfig::default()).await;
    let (one, two) = (Remote::connect(service.address()), Remote::connect(service.address()));
    let (mut one, mut two) = (one.gate(), two.gate());
    assert_eq!(ask(&mut one).await, GateAnswer::Granted(LINK));
    assert!(matches!(ask(&mut two).await, GateAnswer::Exhausted(LINK, _)));
    one.give_back(LINK);
    let granted = timeout(PATIENCE, poll_fn(|cx| two.poll_answer(cx))).await.unwrap();
    assert_eq!(granted, GateAnswer::Granted(LINK));
}

#[tokio::test]
async fn scenario_11_a_process_that_dies_leaves_the_queue_and_its_turn_counts_as_used() {
    let config = QueueConfig { lease: Duration::from_millis(300), ..QueueConfig::default() };
    let service = service(1, 2, config).await;
    let (first, second) = (Remote::connect(service.address()), Remote::connect(service.address()));
    let (mut granted, mut waiting, mut left) = (first.gate(), second.gate(), Remote::connect(service.address()).gate());
    assert_eq!(ask(&mut granted).await, GateAnswer::Granted(LINK));
    waiting.ask(LINK, None);
    // The process dies with a turn in hand: it says nothing more.
    std::mem::forget(granted);
    drop((first, waiting, second));
    assert_eq!(ask(&mut left).await, GateAnswer::Granted(LINK));
    left.spent(LINK);
    assert!(matches!(ask(&mut left).await, GateAnswer::Exhausted(LINK, _)));
}

#[tokio::test]
async fn while_the_service_is_away_shards_ask_again() {
    let away = service(1, 1, QueueConfig::default()).await;
    let remote = Remote::connect(away.address());
    let mut gate = remote.gate();
    assert_eq!(ask(&mut gate).await, GateAnswer::Granted(LINK));
    let mut waiting = remote.gate();
    waiting.ask(LINK, None);
    drop(away);
    let said = loop {
        match timeout(PATIENCE, poll_fn(|cx| waiting.poll_answer(cx))).await.unwrap() {
            GateAnswer::Exhausted(..) => {}
            other => break other,
        }
    };
    assert_eq!(said, GateAnswer::Later(LINK, Duration::from_secs(1)));
    gate.ask(LINK, None);
    let said = timeout(PATIENCE, poll_fn(|cx| gate.poll_answer(cx))).await.unwrap();
    assert_eq!(said, GateAnswer::Later(LINK, Duration::from_secs(1)));
}
