//! The example `drain`, in one process with a fake gateway.
#![expect(clippy::unwrap_used, reason = "helpers are test code as well")]

#[path = "../../runtime/drain/mod.rs"]
#[expect(dead_code, reason = "the program's own end")]
mod drain;

use core::time::Duration;
use drain::{Args, Fleet, parse};
use portcullis::CloseCode;
use portcullis_fake::{FakeConfig, FakeGateway, FakeServer, Limits, Target};
use portcullis_tokio::Tokio;
use serde_json::Value;
use std::ffi::OsString;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

fn words(line: &str) -> impl Iterator<Item = OsString> {
    ["drain"].into_iter().chain(line.split_whitespace()).map(OsString::from)
}

fn args(line: &str) -> Args {
    parse(words(line)).ok().flatten().unwrap()
}

async fn server(guilds: u32, max_concurrency: u32) -> FakeServer {
    let config = FakeConfig { guilds, max_concurrency, limits: Limits::Lifted, ..FakeConfig::default() };
    FakeServer::start(config).await.unwrap()
}

/// The line that comes of it, while something is done to the gateway.
async fn drained(line: String, deed: impl AsyncFnOnce()) -> Result<Value, String> {
    let mut fleet = Fleet::new(&Tokio::new(), args(&line)).unwrap();
    let (line, ()) = timeout(PATIENCE, async { tokio::join!(fleet.drain(), deed()) }).await.unwrap();
    line.map(|line| serde_json::from_str(&line).unwrap()).map_err(|error| error.to_string())
}

fn all_ready(shards: usize) -> impl Fn(&FakeGateway) -> bool {
    move |gateway| gateway.sessions().filter(|session| session.connection.is_some()).count() == shards
}

fn dispatch(server: &FakeServer, name: &str, times: usize) {
    for _ in 0..times {
        server.handle().with(|gateway, now| gateway.dispatch(now, Target::All, name, "{}"));
    }
}

fn keys(line: &Value) -> Vec<&str> {
    line.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn it_counts_from_ready_to_the_last_event_that_was_asked_for() {
    let server = server(2, 1).await;
    let line = drained(format!("--url {}?v=10 --events 12", server.url()), async || {
        server.handle().until(all_ready(1)).await;
        // More than it is to count, and all at once.
        dispatch(&server, "MESSAGE_CREATE", 100);
    });
    let line = line.await.unwrap();
    assert_eq!(keys(&line), ["cpu_sys_s", "cpu_user_s", "early", "events", "rss_peak_kb", "shards", "wall_s"]);
    assert_eq!(
        (line["events"].as_u64(), line["early"].as_u64(), line["shards"].as_u64()),
        (Some(12), Some(0), Some(1))
    );
    assert!(line["wall_s"].as_f64() > Some(0.0) && line["rss_peak_kb"].as_u64() > Some(1000), "{line}");
}

#[tokio::test]
async fn it_counts_until_every_shard_has_had_the_event_of_that_name() {
    let server = server(8, 4).await;
    for how in ["", "--compress zlib-stream"] {
        let line = drained(format!("--url {} --shards 4 --until GUILD_CREATE {how}", server.url()), async || {});
        let line = line.await.unwrap();
        let total = line["events"].as_u64().unwrap() + line["early"].as_u64().unwrap();
        assert!((4..=8).contains(&total), "{line}");
        server.handle().until(|gateway| gateway.connections().count() == 0).await;
    }
}

#[tokio::test]
async fn without_a_goal_it_counts_until_the_link_is_lost() {
    let server = server(1, 1).await;
    let line = drained(format!("--url {}", server.url()), async || {
        server.handle().until(all_ready(1)).await;
        dispatch(&server, "MESSAGE_CREATE", 7);
        server.handle().with(|gateway, now| gateway.close(now, Target::All, Some(CloseCode(4000)), ""));
    });
    assert_eq!(line.await.unwrap()["events"].as_u64(), Some(8));
}

#[tokio::test]
async fn a_shard_that_ends_too_early_is_told() {
    let server = server(1, 1).await;
    let line = drained(format!("--url {} --events 1000", server.url()), async || {
        server.handle().until(all_ready(1)).await;
        server.handle().with(|gateway, now| gateway.close(now, Target::All, Some(CloseCode(4014)), ""));
    });
    let error = line.await.unwrap_err();
    assert!(error.starts_with("shard 0 ended too early: "), "{error}");
}

#[tokio::test]
async fn the_shards_stay_online_as_long_as_they_are_held() {
    let server = server(1, 2).await;
    let mut fleet =
        Fleet::new(&Tokio::new(), args(&format!("--url {} --shards 2 --until READY", server.url()))).unwrap();
    timeout(PATIENCE, fleet.drain()).await.unwrap().unwrap();
    let (held, release) = (tokio::time::sleep(Duration::ZERO), server.handle());
    timeout(PATIENCE, fleet.hold(held)).await.unwrap();
    assert!(release.with(|gateway, _| all_ready(2)(gateway)));
}

fn refused(line: &str) -> String {
    match parse(words(line)) {
        Err(error) => error.to_string(),
        Ok(Some(args)) => Fleet::new(&Tokio::new(), args).err().unwrap().to_string(),
        Ok(None) => panic!("{line}: help"),
    }
}

#[test]
fn arguments_that_make_no_sense_are_told() {
    for (line, told) in [
        ("", "--url is missing: name the gateway"),
        ("--url http://h", "gateway url: the url must start with wss:// or ws://"),
        ("--url ws://h --url ws://h", "--url was given twice"),
        ("--url ws://h --shards 0", "--shards takes a whole number above zero, not \"0\""),
        ("--url ws://h --shards x", "--shards takes a whole number above zero, not \"x\""),
        ("--url ws://h --events -1", "--events takes a whole number above zero, not \"-1\""),
        ("--url ws://h --events 0", "--events takes a whole number above zero, not \"0\""),
        ("--url ws://h --hold inf", "--hold takes a number of seconds, not \"inf\""),
        ("--url ws://h --hold -1", "--hold takes a number of seconds, not \"-1\""),
        ("--url ws://h --compress gzip", "--compress takes zlib-stream or zstd-stream, not \"gzip\""),
        ("--url ws://h --wat", "invalid option '--wat'"),
        ("--url ws://h more", "unexpected argument \"more\""),
        ("--url", "missing argument for option '--url'"),
    ] {
        let error = refused(line);
        assert!(error.starts_with(told), "{line}: {error}");
    }
    assert!(matches!(parse(words("--url ws://h -h")), Ok(None)));
    let args = args("--url=wss://h/?v=9 --compress=zstd-stream --shards=1000 --hold=0.5");
    assert_eq!((args.shards, args.hold), (1000, Duration::from_millis(500)));
}
