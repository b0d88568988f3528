//! A gateway whose tokens expire, and the builder's refusals.

use crate::memory::{Gateway, Memory};
use core::time::Duration;
use portcullis::dialect::discord::{Command, DiscordError, Intents};
use portcullis::dialect::{
    CloseRow, CommandError, Dialect, Encoded, Extras, FrameError, GatewayLimits, IdentifyFrame, Reading, ShardId,
    TokenSource,
};
use portcullis::machine::{Backoff, Config, ConfigError, EndReason, Session, TokenReason};
use portcullis::token::{Token, TokenError};
use portcullis::url::GatewayUrl;
use portcullis::{CloseCode, Discord, Event, GatewayMachine, Seed, Sequence};
use portcullis_runtime::{BuildError, Builder, CommandHandle, Driver, Sender, Tls, TokenAnswer};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// Discord, but the driver is asked for the token.
struct Expiring(Discord);

impl Dialect for Expiring {
    type Command = Command;

    fn encode(&self, command: Command) -> Result<Encoded, CommandError> {
        self.0.encode(command)
    }
    fn name(&self) -> &'static str {
        "expiring"
    }
    fn limits(&self) -> GatewayLimits {
        self.0.limits()
    }
    fn shard(&self) -> Option<ShardId> {
        self.0.shard()
    }
    fn base_url(&self) -> &GatewayUrl {
        self.0.base_url()
    }
    fn connect_url(&self, url: &GatewayUrl) -> GatewayUrl {
        self.0.connect_url(url)
    }
    fn format(&self) -> portcullis::codec::Format {
        self.0.format()
    }
    fn is_own_host(&self, url: &GatewayUrl) -> bool {
        self.0.is_own_host(url)
    }
    fn events(&self) -> Option<&'static [&'static str]> {
        self.0.events()
    }
    fn missing_intent(&self, event: &str) -> Option<&'static str> {
        self.0.missing_intent(event)
    }
    fn token_source(&self) -> TokenSource {
        TokenSource::Requested
    }

    fn read(&self, frame: &[u8]) -> Result<Reading, FrameError> {
        self.0.read(frame)
    }
    fn identify(&self, token: Option<&Token>, extras: Extras<'_>) -> IdentifyFrame {
        self.0.identify(token, extras)
    }
    fn resume(&self, token: Option<&Token>, session: &Session) -> bytes::Bytes {
        self.0.resume(token, session)
    }
    fn heartbeat(&self, sequence: Option<Sequence>) -> bytes::Bytes {
        self.0.heartbeat(sequence)
    }
    fn beat_answer(&self) -> bytes::Bytes {
        self.0.beat_answer()
    }
    fn close_row(&self, code: Option<CloseCode>) -> &'static CloseRow {
        self.0.close_row(code)
    }
}

fn shard(memory: &Memory) -> Driver<Expiring, Memory> {
    let discord = Discord::new("unused", Intents::GUILDS).unwrap().with_gateway("ws://127.0.0.1:9").unwrap();
    let machine = GatewayMachine::new(Expiring(discord), Config::default(), Seed(7)).unwrap();
    Driver::new(machine, memory.clone(), Tls::default())
}

/// Takes events until Ready or the end.
fn live(memory: &Memory, shard: &mut Driver<Expiring, Memory>) -> Event {
    let mut gateway = Gateway::new(memory);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..1000 {
        match shard.poll_event(&mut cx) {
            Poll::Ready(Some(event @ (Event::Ready(_) | Event::Ended(_)))) => return event,
            Poll::Ready(Some(_)) => {}
            Poll::Ready(None) => panic!("it ended without a word"),
            Poll::Pending => {
                if !gateway.step() {
                    memory.advance();
                }
            }
        }
    }
    panic!("neither ready nor over: {shard:?}");
}

#[test]
fn a_token_is_fetched_and_asked_for_again_when_there_is_none_yet() {
    let memory = Memory::new();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&asked);
    let mut shard = shard(&memory).with_tokens(move |reason: TokenReason| {
        let mut asked = note.lock().unwrap();
        asked.push(reason);
        let answer = match asked.len() {
            1 => TokenAnswer::Later(Duration::from_secs(30)),
            _ => TokenAnswer::Fresh { token: Token::new("fetched").unwrap(), lifetime: Duration::from_secs(7200) },
        };
        core::future::ready(answer)
    });
    assert!(matches!(live(&memory, &mut shard), Event::Ready(_)));
    assert_eq!(*asked.lock().unwrap(), [TokenReason::First, TokenReason::First]);
    assert!(memory.time().as_nanos() >= 30_000_000_000);
}

#[test]
fn a_shard_without_a_source_or_that_gets_no_token_ends_and_says_so() {
    let memory = Memory::new();
    assert_eq!(live(&memory, &mut shard(&memory)), Event::Ended(EndReason::TokenDenied));
    let mut denied = shard(&memory).with_tokens(|_| core::future::ready(TokenAnswer::Never));
    assert_eq!(live(&memory, &mut denied), Event::Ended(EndReason::TokenDenied));
}

#[test]
fn what_cannot_be_is_refused_when_it_is_built() {
    let builder = |token: &str| Builder::new(Memory::new(), token, Intents::GUILDS);
    let error = |builder: Builder<Memory>| builder.build().map(|_| ()).unwrap_err();
    assert_eq!(error(builder("")), BuildError::Discord(DiscordError::Token(TokenError::Empty)));
    assert_eq!(error(builder("t").large_threshold(9)), BuildError::Discord(DiscordError::LargeThreshold { asked: 9 }));
    assert_eq!(
        error(builder("t").gateway("http://h")).to_string(),
        "gateway url: the url must start with wss:// or ws://"
    );
    let backoff = Backoff { jitter_percent: 0, ..Backoff::default() };
    assert_eq!(
        error(builder("t").config(Config { backoff, ..Config::default() })),
        BuildError::Config(ConfigError::Jitter { percent: 0 })
    );
    let session = Session::new("abc", Some(ShardId::ONE), Sequence(3), None);
    let other = builder("t").shard(ShardId::new(1, 2).unwrap()).resume(session, None);
    assert_eq!(error(other), BuildError::Config(ConfigError::ForeignShard));
}

#[test]
fn a_builder_prints_no_token() {
    let builder = Builder::new(Memory::new(), "s3cr3t", Intents::GUILDS);
    assert!(!format!("{builder:?} {:?}", builder.clone().build().unwrap()).contains("s3cr3t"));
}

#[test]
fn a_shard_can_go_to_another_task_and_a_sender_to_many() {
    const fn is_send<T: Send>() {}
    const fn is_shared<T: Send + Sync + Clone>() {}
    is_send::<Driver<Discord, Memory>>();
    is_send::<CommandHandle>();
    is_shared::<Sender<Discord>>();
}
