//! The example `bot` as a process: how it ends when it is asked to.
#![cfg(unix)]

#[path = "../examples/bot.rs"]
#[allow(dead_code, reason = "it is an example, with a main of its own")]
mod bot;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use portcullis::CloseCode;
use portcullis_fake::{EventKind, FakeGateway};
use std::env;
use std::process::{Command, ExitCode, Stdio};

/// The variable that makes this program the bot, and holds the gateway's URL.
const URL: &str = "PORTCULLIS_TEST_BOT";

/// The bot that the test below starts. Without its variable it is a test that has nothing to do.
#[test]
fn the_bot() -> ExitCode {
    let Ok(url) = env::var(URL) else { return ExitCode::SUCCESS };
    bot::start(lexopt::Parser::from_iter(["bot", "--url", &url]))
}

#[test]
fn found_14_a_signal_ends_the_bot_with_a_close_frame() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let gateway = runtime.block_on(FakeGateway::start()).unwrap();
        let handle = gateway.handle();
        handle.with(|gateway, _| gateway.watch());
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "the_bot", "--nocapture"]).env("DISCORD_TOKEN", "a.b.c").env(URL, gateway.url());
        let mut bot = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        runtime.block_on(handle.until(|gateway| gateway.sessions().any(|session| session.connection.is_some())));

        kill(Pid::from_raw(bot.id().try_into().unwrap()), signal).unwrap();
        assert!(bot.wait().unwrap().success(), "{signal}");
        runtime.block_on(handle.until(|gateway| gateway.counters().left == 1));

        let left = handle.with(|gateway, _| gateway.take_events()).find_map(|event| match event.kind {
            EventKind::Left { code } => Some(code),
            _ => None,
        });
        assert_eq!(left, Some(Some(CloseCode(1000))), "{signal}");
    }
}
