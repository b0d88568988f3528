//! The API as the author of a bot meets it.
#![expect(clippy::unwrap_used, reason = "helpers are test code as well")]

use core::time::Duration;
use portcullis_fake::{ClientFrame, FakeConfig, FakeServer};
use portcullis_tokio::http::{Request, Response};
use portcullis_tokio::portcullis::dialect::RawCommand;
use portcullis_tokio::portcullis::machine::{Cause, Config, EndReason, Limits, Phase};
use portcullis_tokio::portcullis::{
    self, Activity, Command, Event, Intents, Presence, Session, ShardId, Shutdown, Status,
};
use portcullis_tokio::{Buffer, Builder, Driver, Events, Pump, Rest, Sender, Shard, SplitShardSet, Tokio};
use std::error::Error;
use tokio::time::timeout;

fn builder() -> Builder {
    Shard::builder("a.bot.token", Intents::GUILDS)
}

/// What a `main` that returns `Result<(), Box<dyn Error>>` prints of it.
fn printed<T>(result: Result<T, impl Into<Box<dyn Error>>>) -> String {
    let failed: Box<dyn Error> = result.map(drop).map_err(Into::into).unwrap_err();
    format!("Error: {failed:?}")
}

#[tokio::test]
async fn found_20_a_main_that_fails_prints_what_to_mend() {
    let no_outbox = Config { limits: Limits { outbox: 0, ..Limits::default() }, ..Config::default() };
    let refusing =
        Rest::with_client(async |_: Request<()>| Ok(Response::builder().status(401).body(Vec::new()).unwrap()));
    let shard = builder().build().unwrap();
    let sender = shard.sender();
    sender.shutdown(Shutdown::EndSession);
    drop(shard);
    for (printed, wanted) in [
        (printed(builder().gateway("https://h").build()), "gateway url: the url must start with wss:// or ws://"),
        (printed(Shard::builder("", Intents::GUILDS).build()), "token: the token is empty, check that"),
        (printed(builder().config(no_outbox).build()), "limits.outbox is 0; no command could ever be sent"),
        (printed(builder().proxy("ftp://h").build()), "the scheme of the proxy's url is unknown, use http or socks5"),
        (printed(builder().header("host", "h").build()), "the header host is made by the websocket handshake itself"),
        (printed(builder().build_all_by(&refusing).await), "the API refused the token with 401: copy the bot's token"),
        (printed(builder().build_all_by(&refusing.clone().at("h")).await), "the API's base is no URL: it should look"),
        (printed("GUILDZ".parse::<Intents>()), "there is no intent \"GUILDZ\", give names like GUILDS|GUILD_MESSAGES"),
        (printed("2/2".parse::<ShardId>()), "there is no shard 2 of 2, shards are counted from 0"),
        (printed("gzip".parse::<portcullis::codec::Compression>()), "no such compression; there are none, zlib-stream"),
        (printed(RawCommand::new("text")), "the command is not a json object"),
        (
            printed(sender.send(Command::Raw(RawCommand::new(&NoFields {}).unwrap()))),
            "the shard is over; start another",
        ),
    ] {
        assert!(printed.starts_with(&format!("Error: {wanted}")), "{printed}");
    }
}

#[derive(serde::Serialize)]
struct NoFields {}

/// A bot as an author writes it down: every part has a name that is reached through the adapter, and the types that a
/// compiler prints are among them.
struct Bot {
    shards: SplitShardSet,
    saved: Vec<Session>,
}

impl Bot {
    fn start(builder: Builder) -> Result<Self, Box<dyn Error>> {
        let spawn = |pump: Pump| {
            let shard: Option<ShardId> = pump.shard();
            assert!(shard.is_some());
            drop(tokio::spawn(pump));
        };
        Ok(Self { shards: builder.build_shards(0..3, 3)?.split(Buffer::default(), spawn), saved: Vec::new() })
    }

    async fn until(&mut self, wanted: impl Fn(&Event) -> bool, mut count: usize) {
        while count > 0 {
            let (_, event) = timeout(PATIENCE, self.shards.next_event()).await.unwrap().unwrap();
            count -= usize::from(wanted(&event));
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn found_21_and_22_a_fleet_written_with_the_adapter_alone() {
    // given: a gateway with a bucket for each shard, and a bot of three shards
    let server =
        FakeServer::start(FakeConfig { guilds: 3, max_concurrency: 3, ..FakeConfig::default() }).await.unwrap();
    let identify = portcullis_tokio::SharedIdentify::new(
        &Tokio::new(),
        portcullis::identify::SessionStartLimit { max_concurrency: 3, ..Default::default() },
        portcullis::identify::QueueConfig::default(),
    );
    let mut bot = Bot::start(builder().gateway(server.url()).identify(&identify)).unwrap();
    bot.until(|event| matches!(event, Event::Ready(_)), 3).await;

    // when: the shard of a guild is given a presence, by a sender that another task could have
    let guild_id = 5 << 22;
    let (key, shard): (_, &Events) = bot.shards.for_guild(guild_id).unwrap();
    let sender: Sender = shard.sender().clone();
    assert_eq!(bot.shards.shard(key), ShardId::of_guild(guild_id, 3).ok());
    let mut presence: Presence = Presence::new(Status::Idle);
    presence.activities.push(Activity::watching("the gate"));
    sender.update_presence(presence).unwrap();
    bot.until(|event| matches!(event, Event::Command(..)), 1).await;

    // then: the gateway has it
    let is_shown = || {
        let is_presence = |frame: &ClientFrame| matches!(frame, ClientFrame::Command { op: 3, .. });
        server.handle().with(|gateway, _| gateway.received().any(|received| is_presence(&received.frame)))
    };
    let shown = async {
        while !is_shown() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, shown).await.unwrap();

    // and: each shard tells how it fares and why, also when it is over
    for (_, shard) in bot.shards.iter() {
        assert_eq!((shard.phase(), shard.health().counts.connections, shard.end_reason()), (Phase::Active, 1, None));
        assert_eq!(shard.explain().last().map(|transition| transition.cause), Some(Cause::Ready));
    }
    bot.saved = bot.shards.sessions().map(|(_, session)| session).collect();
    bot.shards.shutdown(Shutdown::KeepSession);
    bot.until(|event| matches!(event, Event::Ended(_)), 3).await;
    assert_eq!(bot.saved.len(), 3);
    assert!(bot.shards.iter().all(|(_, shard)| shard.end_reason() == Some(EndReason::Shutdown)));
    let ended: Result<_, _> = sender.send(Command::Raw(RawCommand::from_json(r#"{"op":1,"d":null}"#).unwrap()));
    assert_eq!(printed(ended), "Error: the shard is over; start another");
}

#[test]
fn found_21_what_the_compiler_prints_can_be_written() {
    fn same<T>(_: Option<T>, _: Option<T>) {}
    fn on_any<R: portcullis_tokio::Runtime>(_: &R) {}
    same(None::<Shard>, None::<Driver<portcullis::Discord, Tokio>>);
    same(None::<Builder>, None::<portcullis_tokio::portcullis_runtime::Builder<Tokio>>);
    same(None::<portcullis_tokio::ShardSet>, None::<portcullis_tokio::portcullis_runtime::ShardSet<Shard>>);
    same(None::<Pump>, None::<portcullis_tokio::portcullis_runtime::Pump<portcullis::Discord, Tokio>>);
    on_any(&Tokio::new());
}
