//! A shard that asks for compression or for terms, against the fake gateway on the loopback interface.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers are test code as well")]

use core::time::Duration;
use portcullis::Event;
use portcullis::codec::{Compression, Encoding, Inflater};
use portcullis::dialect::discord::Intents;
use portcullis::machine::Config;
use portcullis_fake::{ClientFrame, FakeConfig, FakeServer, Limits, Target};
use portcullis_tokio::{BuildError, Builder, Shard};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

async fn server() -> FakeServer {
    FakeServer::start(FakeConfig { guilds: 1, limits: Limits::Lifted, ..FakeConfig::default() }).await.unwrap()
}

fn shard(server: &FakeServer) -> Builder {
    Shard::builder("a.bot.token", Intents::GUILDS | Intents::DIRECT_MESSAGES).gateway(server.url())
}

/// The data of the first message that is heard.
async fn heard(shard: &mut Shard, server: &FakeServer) -> String {
    let look = async {
        loop {
            match shard.next_event().await.expect("the shard ended") {
                Event::Ready(_) => {
                    let data = r#"{"content":"the gate is open"}"#;
                    server.handle().with(|gateway, now| gateway.dispatch(now, Target::All, "MESSAGE_CREATE", data));
                }
                Event::Dispatch(dispatch) if dispatch.name() == "MESSAGE_CREATE" => {
                    return dispatch.text().unwrap().to_owned();
                }
                _ => {}
            }
        }
    };
    timeout(PATIENCE, look).await.expect("the event did not come")
}

/// What the last connection asked for, and whether its Identify asked for compressed payloads.
fn asked(server: &FakeServer) -> (String, bool) {
    server.handle().with(|gateway, _| {
        let query = gateway.arrivals().next_back().unwrap().path_and_query.clone();
        let identify = gateway.received().find_map(|received| match &received.frame {
            ClientFrame::Identify(identify) => Some(identify.compress == Some(true)),
            _ => None,
        });
        (query, identify.unwrap_or(false))
    })
}

#[tokio::test]
async fn a_shard_hears_the_same_however_it_is_compressed() {
    for (compression, query, compress) in [
        (Compression::None, "/?v=10&encoding=json", false),
        (Compression::ZlibStream, "/?v=10&encoding=json&compress=zlib-stream", false),
        (Compression::ZstdStream, "/?v=10&encoding=json&compress=zstd-stream", false),
        (Compression::ZlibPayload, "/?v=10&encoding=json", true),
    ] {
        let server = server().await;
        let mut shard = shard(&server).compression(compression).build().unwrap();
        assert_eq!(heard(&mut shard, &server).await, r#"{"content":"the gate is open"}"#, "{compression}");
        assert_eq!(asked(&server), (query.to_owned(), compress), "{compression}");
    }
}

#[tokio::test]
async fn a_config_names_another_inflater() {
    let server = server().await;
    let config = Config { inflater: Some(Inflater::Miniz), ..Config::default() };
    let mut shard = shard(&server).compression(Compression::ZlibStream).config(config).build().unwrap();
    assert_eq!(heard(&mut shard, &server).await, r#"{"content":"the gate is open"}"#);
}

#[tokio::test]
async fn terms_are_asked_for_in_the_url() {
    let server = server().await;
    let mut shard = shard(&server).encoding(Encoding::Etf).build().unwrap();
    let handle = server.handle();
    let arrived = async {
        tokio::select! {
            () = handle.until(|gateway| gateway.arrivals().next().is_some()) => {}
            () = async { while shard.next_event().await.is_some() {} } => {}
        }
    };
    timeout(PATIENCE, arrived).await.unwrap();
    assert_eq!(asked(&server).0, "/?v=10&encoding=etf");
}

#[test]
fn terms_do_not_go_with_compressed_payloads() {
    let builder = Shard::builder("a.bot.token", Intents::GUILDS);
    let error = builder.compression(Compression::ZlibPayload).encoding(Encoding::Etf).build().unwrap_err();
    assert!(matches!(error, BuildError::Discord(_)));
    assert_eq!(error.to_string(), "etf does not go with compressed payloads; compress the stream, or none");
}
