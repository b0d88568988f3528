//! What SECURITY.md says of logs: with the filter that it gives, no secret is logged at any level, by whichever crate.
#![expect(clippy::unwrap_used, reason = "helpers are test code as well")]

use log::{Level, LevelFilter, Log, Metadata, Record};
use portcullis::Event;
use portcullis::dialect::discord::Intents;
use portcullis::machine::{Cause, Shutdown};
use portcullis::token::Token;
use portcullis_fake::{FakeGateway, Target};
use portcullis_tokio::{Network, Proxy, Rest, Shard, Tokio};
use std::sync::Mutex;

/// Keeps every record, with the crate that made it.
struct Records(Mutex<Vec<(String, Level, String)>>);

static RECORDS: Records = Records(Mutex::new(Vec::new()));

impl Log for Records {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let source = record.target().split("::").next().unwrap_or_default().to_owned();
        self.0.lock().unwrap().push((source, record.level(), record.args().to_string()));
    }

    fn flush(&self) {}
}

/// The directives of SECURITY.md for `RUST_LOG`: the level of everything, and of some crates.
fn directives() -> Vec<(&'static str, LevelFilter)> {
    let page = include_str!("../../SECURITY.md");
    let line = page.lines().find_map(|line| line.trim().strip_prefix("RUST_LOG=")).unwrap();
    let directive = |text: &'static str| match text.split_once('=') {
        Some((source, level)) => (source, level.parse().unwrap()),
        None => ("", text.parse().unwrap()),
    };
    line.split(',').map(directive).collect()
}

const TOKEN: &str = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs";
const HEADER: &str = "Bearer-of-a-gateway-proxy";
const PASSWORD: &str = "p4ssw0rd-of-a-proxy";

#[tokio::test]
async fn found_36_with_the_filter_of_the_security_page_no_secret_is_logged_at_any_level() {
    log::set_logger(&RECORDS).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let gateway = FakeGateway::start().await.unwrap();

    // given: a shard that identifies, resumes and leaves, with a header of its own
    let mut shard =
        Shard::builder(TOKEN, Intents::GUILDS).gateway(gateway.url()).header("Authorization", HEADER).build().unwrap();
    let mut session = String::new();
    while let Some(event) = shard.next_event().await {
        match event {
            Event::Ready(_) => {
                session = shard.session().unwrap().id().unwrap().to_owned();
                gateway.handle().with(|gateway, now| gateway.drop_connections(now, Target::All));
            }
            Event::Resumed(_) => shard.shutdown(Shutdown::EndSession),
            _ => {}
        }
    }
    assert!(shard.explain().iter().any(|made| made.cause == Cause::Resumed));

    // and: what else has credentials, the question to the HTTP API and a proxy that cannot be reached
    let api = Rest::new(Tokio::new(), Network::default()).at(format!("http://{}/api/v10", gateway.address()));
    api.gateway_bot(&Token::new(TOKEN).unwrap()).await.unwrap();
    let proxy = Proxy::parse(&format!("http://bot:{PASSWORD}@{}", gateway.address())).unwrap();
    let api = Rest::new(Tokio::new(), Network::default().with_proxy(proxy)).at("http://gateway.invalid");
    api.gateway_bot(&Token::new(TOKEN).unwrap()).await.unwrap_err();

    // then: what passes the filter holds no secret
    let directives = directives();
    assert_eq!(directives[0], ("", LevelFilter::Trace));
    let most =
        |source: &str| directives.iter().rev().find(|(known, _)| known.is_empty() || *known == source).unwrap().1;
    let records = RECORDS.0.lock().unwrap();
    let passed: Vec<_> = records.iter().filter(|(source, level, _)| *level <= most(source)).collect();
    assert!(passed.iter().any(|(_, level, _)| *level == Level::Trace), "nothing was logged");
    // A dump of bytes has rows of sixteen.
    for secret in [TOKEN, &session, HEADER, PASSWORD, &TOKEN[..16], &PASSWORD[..16]] {
        let telling: Vec<_> = passed.iter().filter(|(_, _, text)| text.contains(secret)).collect();
        assert_eq!(telling, Vec::<&&(String, Level, String)>::new(), "{secret}");
    }
}
