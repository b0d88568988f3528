//! A shard on real sockets, against the fake gateway on the loopback interface: only what the machine cannot show.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers are test code as well")]

use core::num::NonZeroUsize;
use core::time::Duration;
use portcullis::dialect::ShardId;
use portcullis::dialect::discord::{Command, Intents, Presence, RequestGuildMembers, Status};
use portcullis::machine::{Backoff, Cause, CommandId, Config, EndReason, Outcome, Phase, SendError, Shutdown};
use portcullis::{CloseCode, CloseFrame, Closure, Event, Sequence};
use portcullis_fake::{ClientFrame, FakeConfig, FakeGateway, FakeServer, Limits, Target};
use portcullis_tokio::{Builder, Shard};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

async fn server() -> FakeServer {
    let config = FakeConfig { guilds: 2, limits: Limits::Lifted, ..FakeConfig::default() };
    FakeServer::start(config).await.unwrap()
}

fn shard(server: &FakeServer) -> Builder {
    Shard::builder("a.bot.token", Intents::GUILDS | Intents::DIRECT_MESSAGES).gateway(server.url())
}

/// Takes events until the one that is wanted.
async fn until<T>(shard: &mut Shard, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
    let look = async {
        loop {
            let event = shard.next_event().await.expect("the shard ended");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    };
    timeout(PATIENCE, look).await.expect("the event did not come")
}

async fn ready(shard: &mut Shard) {
    until(shard, |event| matches!(event, Event::Ready(_)).then_some(())).await;
}

async fn end(shard: &mut Shard) -> EndReason {
    let reason = until(shard, |event| if let Event::Ended(reason) = event { Some(reason) } else { None }).await;
    assert_eq!(timeout(PATIENCE, shard.next_event()).await.unwrap(), None, "nothing comes after the end");
    reason
}

fn say(server: &FakeServer, text: &str) -> usize {
    let json = format!(r#"{{"content":"{text}"}}"#);
    server.handle().with(|gateway, now| gateway.dispatch(now, Target::All, "MESSAGE_CREATE", &json))
}

async fn hear(shard: &mut Shard) -> (Option<Sequence>, bool, String) {
    until(shard, |event| match event {
        Event::Dispatch(dispatch) if dispatch.name() == "MESSAGE_CREATE" => {
            Some((dispatch.sequence(), dispatch.is_replayed(), dispatch.text().unwrap().to_owned()))
        }
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_bot_connects_hears_loses_its_link_resumes_and_shuts_down() {
    let server = server().await;
    let mut shard = shard(&server).build().unwrap();
    assert_eq!(shard.phase(), Phase::Idle);
    ready(&mut shard).await;

    assert_eq!(say(&server, "one"), 1);
    let (sequence, replayed, text) = hear(&mut shard).await;
    assert_eq!((replayed, text.as_str()), (false, r#"{"content":"one"}"#));

    server.handle().with(|gateway, now| gateway.drop_connections(now, Target::All));
    let (closure, cause) = until(&mut shard, {
        let mut seen = None;
        move |event| match event {
            Event::Closed { closure, .. } => {
                seen = Some(closure);
                None
            }
            Event::Reconnecting { cause, .. } => Some((seen.take(), cause)),
            _ => None,
        }
    })
    .await;
    assert!(matches!(closure, Some(Closure::Eof | Closure::Reset)), "{closure:?}");
    assert_eq!(cause, Cause::ConnectionLost);
    until(&mut shard, |event| matches!(event, Event::Connecting { .. }).then_some(())).await;
    say(&server, "two");
    let (next, _, text) = hear(&mut shard).await;
    assert_eq!((next, text.as_str()), (sequence.map(|Sequence(last)| Sequence(last + 1)), r#"{"content":"two"}"#));
    until(&mut shard, |event| matches!(event, Event::Resumed(_)).then_some(())).await;
    assert_eq!(shard.machine().health().counts.resumes, 1);

    shard.shutdown(Shutdown::EndSession);
    assert_eq!(end(&mut shard).await, EndReason::Shutdown);
    assert_eq!(shard.session(), None);
    let (connections, sessions) =
        server.handle().with(|gateway, _| (gateway.connections().count(), gateway.sessions().count()));
    assert_eq!((connections, sessions), (0, 0), "a close with 1000 ended the session");
}

#[tokio::test]
async fn a_session_goes_on_in_another_shard() {
    let server = server().await;
    let mut first = shard(&server).build().unwrap();
    ready(&mut first).await;
    say(&server, "one");
    hear(&mut first).await;
    let session = first.session().unwrap();
    drop(first);
    server.handle().until(|gateway| gateway.connections().count() == 0).await;
    say(&server, "missed");

    let mut second = shard(&server).resume(session.clone(), Duration::from_secs(1)).build().unwrap();
    assert_eq!(second.session().as_ref(), Some(&session));
    let (_, replayed, text) = hear(&mut second).await;
    assert_eq!((replayed, text.as_str()), (true, r#"{"content":"missed"}"#));
    until(&mut second, |event| matches!(event, Event::Resumed(_)).then_some(())).await;
    second.shutdown(Shutdown::KeepSession);
    assert_eq!(end(&mut second).await, EndReason::Shutdown);
    assert_eq!(second.session().unwrap().id(), session.id());
}

#[tokio::test]
async fn the_peers_close_code_is_told_and_a_fatal_one_ends_the_shard() {
    let server = server().await;
    let mut shard = shard(&server).build().unwrap();
    ready(&mut shard).await;
    server.handle().with(|gateway, now| gateway.close(now, Target::All, Some(CloseCode(4014)), "Disallowed."));
    let closure =
        until(&mut shard, |event| if let Event::Closed { closure, .. } = event { Some(closure) } else { None }).await;
    assert_eq!(closure, Closure::Frame(CloseFrame { code: Some(CloseCode(4014)), reason: "Disallowed.".to_owned() }));
    assert!(matches!(end(&mut shard).await, EndReason::Refused { code: CloseCode(4014), .. }));
    assert!(matches!(shard.end_reason(), Some(EndReason::Refused { .. })));
    assert_eq!(shard.explain().last().unwrap().to, Phase::Ended);
}

#[tokio::test]
async fn a_sender_sends_from_another_task_and_awaits_its_ticket_there() {
    let server = server().await;
    let mut shard = shard(&server).build().unwrap();
    let sender = shard.sender();
    let other = tokio::spawn(async move {
        // Given before there is a session, it waits for one.
        let ticket = sender.send(Command::UpdatePresence(Presence::new(Status::Idle))).unwrap();
        let id = ticket.id();
        (id, ticket.await)
    });
    let (id, outcome) =
        until(&mut shard, |event| if let Event::Command(id, outcome) = event { Some((id, outcome)) } else { None })
            .await;
    assert_eq!((id, outcome), (CommandId(0), Outcome::Sent));
    assert_eq!(other.await.unwrap(), (id, outcome));
}

#[tokio::test]
async fn a_command_sent_while_the_shard_waits_for_events_leaves_at_once() {
    let server = server().await;
    let mut shard = shard(&server).build().unwrap();
    ready(&mut shard).await;
    let (sender, handle) = (shard.sender(), server.handle());
    let polled = tokio::spawn(async move { while shard.next_event().await.is_some() {} });
    tokio::task::yield_now().await;
    let ticket = sender.send(Command::RequestGuildMembers(RequestGuildMembers::all(7))).unwrap();
    assert_eq!(timeout(PATIENCE, ticket).await.unwrap(), Outcome::Sent);
    let asked = |frame: &ClientFrame| matches!(frame, ClientFrame::Command { op: 8, .. });
    handle.until(|gateway| gateway.received().any(|received| asked(&received.frame))).await;

    sender.shutdown(Shutdown::EndSession);
    timeout(PATIENCE, polled).await.unwrap().unwrap();
    let refused = sender.send(Command::UpdatePresence(Presence::new(Status::Idle)));
    assert_eq!(refused.map(|ticket| ticket.id()), Err(SendError::Ended));
}

/// What one shard heard until the last event of the day: sequences in order, and how often it resumed.
async fn heard(mut shard: Shard) -> (Vec<u64>, u64) {
    let mut sequences = Vec::new();
    while let Some(event) = shard.next_event().await {
        let (Event::Ready(dispatch) | Event::Resumed(dispatch) | Event::Dispatch(dispatch)) = event else { continue };
        sequences.extend(dispatch.sequence().map(|Sequence(sequence)| sequence));
        if dispatch.name() == "MESSAGE_DELETE" {
            shard.shutdown(Shutdown::EndSession);
        }
    }
    let counts = shard.machine().health().counts;
    assert_eq!((counts.gaps, counts.duplicates, counts.malformed), (0, 0, 0));
    (sequences, counts.resumes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_shards_lose_their_links_again_and_again_and_no_event() {
    const SHARDS: u32 = 20;
    let server = server().await;
    let backoff = Backoff {
        spread: Duration::from_millis(100),
        base: Duration::from_millis(50),
        stable: Duration::from_millis(10),
        ..Backoff::STANDARD
    };
    let tasks: Vec<_> = (0..SHARDS)
        .map(|id| {
            let config = Config { backoff, ..Config::default() };
            let builder = shard(&server).shard(ShardId::new(id, SHARDS).unwrap()).config(config);
            tokio::spawn(heard(builder.build().unwrap()))
        })
        .collect();
    let handle = server.handle();
    let attached = |gateway: &FakeGateway| {
        gateway.sessions().filter(|session| session.connection.is_some()).count() == SHARDS as usize
    };
    timeout(PATIENCE, handle.until(attached)).await.unwrap();
    for round in 0..30 {
        for _ in 0..5 {
            say(&server, "on and on");
        }
        let one = Target::Shard(portcullis_fake::Shard { id: round % SHARDS, count: SHARDS });
        handle.with(|gateway, now| match round % 3 {
            0 => gateway.drop_connections(now, one),
            1 => gateway.close(now, one, Some(CloseCode(4000)), ""),
            _ => gateway.reconnect(now, one),
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    timeout(PATIENCE, handle.until(attached)).await.unwrap();
    handle.with(|gateway, now| gateway.dispatch(now, Target::All, "MESSAGE_DELETE", "{}"));
    let mut resumes = 0;
    for task in tasks {
        let (sequences, count) = timeout(PATIENCE, task).await.unwrap().unwrap();
        let last = *sequences.last().unwrap();
        assert!(last > 150, "{last}");
        assert_eq!(sequences, (1..=last).collect::<Vec<_>>());
        resumes += count;
    }
    assert!(resumes >= 20, "{resumes}");
}

#[tokio::test]
async fn a_split_shard_lives_in_a_task_of_its_own() {
    let server = server().await;
    let (pump, mut events) = shard(&server).build().unwrap().split(NonZeroUsize::new(16).unwrap());
    let task = tokio::spawn(pump);
    let life = async {
        let mut names = Vec::new();
        while let Some(event) = events.next().await {
            if let Event::Ready(dispatch) | Event::Dispatch(dispatch) = event {
                names.push(dispatch.name().to_owned());
                if names.len() == 3 {
                    events.sender().shutdown(Shutdown::EndSession);
                }
            }
        }
        names
    };
    assert_eq!(timeout(PATIENCE, life).await.unwrap(), ["READY", "GUILD_CREATE", "GUILD_CREATE"]);
    timeout(PATIENCE, task).await.unwrap().unwrap();
}
