//! The example `bot` as a process: how it ends when it is asked to, and which way it takes to the gateway.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers are test code as well")]

#[path = "../examples/bot/main.rs"]
#[allow(dead_code, reason = "it is an example, with a main of its own")]
mod bot;
#[path = "network/proxy.rs"]
#[allow(dead_code, reason = "another test uses all of it")]
mod proxy;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use portcullis::CloseCode;
use portcullis_fake::{EventKind, FakeConfig, FakeGateway, FakeServer, Limits};
use proxy::{Proxy, Speaks};
use std::env;
use std::process::{ExitCode, Stdio};
use tokio::process::{Child, Command};

/// The variable that makes this program the bot, and holds its arguments.
const ARGUMENTS: &str = "PORTCULLIS_TEST_BOT";

/// The bot that the tests below start. Without its variable it is a test that has nothing to do.
#[test]
fn the_bot() -> ExitCode {
    let Ok(words) = env::var(ARGUMENTS) else { return ExitCode::SUCCESS };
    bot::start(lexopt::Parser::from_iter(["bot"].into_iter().chain(words.split(' '))))
}

/// Starts the bot, which is this program with another task. The environment names the proxy that is given, and no
/// other.
fn start(words: &str, variables: &[(&str, String)]) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    for name in ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "DISCORD_TOKEN"] {
        command.env_remove(name);
    }
    command.args(["--exact", "the_bot", "--nocapture"]).env(ARGUMENTS, format!("--token a.b.c {words}"));
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap()
}

async fn gateway() -> FakeServer {
    // Bots come one after the other, without the five seconds that shards of one bot keep.
    let config = FakeConfig { limits: Limits::Lifted, ..FakeConfig::default() };
    let gateway = FakeServer::start(config).await.unwrap();
    gateway.handle().with(|gateway, _| gateway.watch());
    gateway
}

/// The session is on a connection.
fn is_online(gateway: &FakeGateway) -> bool {
    gateway.sessions().any(|session| session.connection.is_some())
}

/// The close codes with which clients left.
fn left(gateway: &FakeServer) -> Vec<Option<CloseCode>> {
    let events = gateway.handle().with(|gateway, _| gateway.take_events());
    let codes = events.filter_map(|event| match event.kind {
        EventKind::Left { code } => Some(code),
        _ => None,
    });
    codes.collect()
}

#[tokio::test]
async fn found_14_a_signal_ends_the_bot_with_a_close_frame() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let gateway = gateway().await;
        let mut bot = start(&format!("--url {}", gateway.url()), &[]);
        gateway.handle().until(is_online).await;
        kill(Pid::from_raw(bot.id().unwrap().try_into().unwrap()), signal).unwrap();
        assert!(bot.wait().await.unwrap().success(), "{signal}");
        gateway.handle().until(|gateway| gateway.counters().left == 1).await;
        assert_eq!(left(&gateway), [Some(CloseCode(1000))], "{signal}");
    }
}

#[tokio::test]
async fn found_14_the_bot_takes_the_proxy_of_the_environment_when_it_is_told_to() {
    let gateway = gateway().await;
    let proxy = Proxy::start(Speaks::Http, gateway.address()).await;
    let named = ("HTTPS_PROXY", format!("http://bot:p%40ss@{}", proxy.address));
    let ask = |gateway: &FakeGateway| gateway.counters().identifies;

    // A name that leads nowhere but through the proxy.
    let mut bot = start("--url ws://gateway.invalid:9 --env-proxy --events 1", std::slice::from_ref(&named));
    assert!(bot.wait().await.unwrap().success());
    assert_eq!(proxy.asked(), ["gateway.invalid:9"]);
    assert_eq!(gateway.handle().with(|gateway, _| ask(gateway)), 1);

    // An exception, and a bot that was not told to.
    let exception = ("NO_PROXY", "other.example,127.0.0.0/8".to_owned());
    for (flag, variables) in [("--env-proxy ", &[named.clone(), exception][..]), ("", &[named][..])] {
        let mut bot = start(&format!("--url {} {flag}--events 1", gateway.url()), variables);
        assert!(bot.wait().await.unwrap().success(), "{flag}");
    }
    assert_eq!(proxy.asked(), ["gateway.invalid:9"]);
    assert_eq!(gateway.handle().with(|gateway, _| ask(gateway)), 3);
}
