//! Parameters in the gateway's URL are used, or refused.

use portcullis::dialect::discord::{Discord, DiscordError, Intents};
use portcullis::machine::{Action, EndReason, Phase};
use portcullis::{CloseCode, GatewayMachine, Input, Seed, Timestamp};
use portcullis_tests::rig::{TOKEN, prompt};
use portcullis_tests::{Rig, frames};

fn at(url: &str) -> Result<Discord, DiscordError> {
    Discord::new(TOKEN, Intents::GUILDS).unwrap().with_gateway(url)
}

/// The URL of the first connect.
fn connects_to(discord: Discord) -> String {
    let mut machine = GatewayMachine::new(discord, prompt(), Seed(7)).unwrap();
    let mut urls = machine.handle(Timestamp::ZERO, Input::Start).filter_map(|action| match action {
        Action::Connect { url, .. } => Some(url.as_str().to_owned()),
        _ => None,
    });
    urls.next().unwrap()
}

#[test]
fn found_11_the_version_of_the_url_counts_for_gateways_that_are_not_discords() {
    for (url, connects) in [
        ("ws://proxy.example:7878", "ws://proxy.example:7878/?v=10&encoding=json"),
        ("ws://proxy.example:7878/?v=1", "ws://proxy.example:7878/?v=1&encoding=json"),
        ("wss://proxy.example/gw?v=9&v=7&key=k", "wss://proxy.example/gw?key=k&v=7&encoding=json"),
        ("wss://proxy.example/?v=", "wss://proxy.example/?v=10&encoding=json"),
        ("wss://proxy.example/?v=beta+1&encoding=json", "wss://proxy.example/?v=beta%2B1&encoding=json"),
        ("wss://discord.gg.evil.example/?v=3", "wss://discord.gg.evil.example/?v=3&encoding=json"),
        ("wss://gateway.discord.gg/?v=10&encoding=json", "wss://gateway.discord.gg/?v=10&encoding=json"),
    ] {
        assert_eq!(connects_to(at(url).unwrap()), connects, "{url}");
    }
    for url in ["wss://gateway.discord.gg/?v=9", "wss://GATEWAY-us-east1-b.discord.gg/?x=1&%76=1"] {
        let error = at(url).unwrap_err();
        assert_eq!(error, DiscordError::Version);
        assert_eq!(error.to_string(), "gateway url: Discord's own gateway is spoken to in v10 only, leave `v` out");
    }
}

#[test]
fn found_11_the_advice_of_4012_helps() {
    let mut rig = Rig::of(at("wss://proxy.example/?v=1").unwrap(), prompt());
    rig.start().open().message(frames::hello("40000")).close(4012);
    let Some(EndReason::Refused { code: CloseCode(4012), advice, .. }) = rig.machine.end_reason() else {
        panic!("{:?}", rig.machine.end_reason());
    };
    assert!(advice.contains("leave `v` out of the gateway URL"), "{advice}");
    assert_eq!(connects_to(at("wss://proxy.example/").unwrap()), "wss://proxy.example/?v=10&encoding=json");
}

#[test]
fn found_11_a_session_is_resumed_in_the_version_that_it_was_begun_in() {
    let mut rig = Rig::of(at("wss://proxy.example/?v=1").unwrap(), prompt());
    rig.start().open().message(frames::hello("40000"));
    let url = "wss://two.proxy.example/?v=4";
    rig.message(frames::dispatch("READY", 1, &format!(r#"{{"session_id":"5e55","resume_gateway_url":"{url}"}}"#)));
    assert_eq!(rig.machine.phase(), Phase::Active);
    rig.story.clear();
    rig.lose().next();
    let connects = rig.story.of_kind('>');
    assert_eq!(connects, ["connect 2 wss://two.proxy.example/?v=1&encoding=json"]);
}

#[test]
fn found_11_a_compression_or_encoding_that_nobody_would_undo_is_refused() {
    for (url, key, method) in [
        ("wss://proxy.example/?compress=zlib-stream", "compress", "with_compression"),
        ("wss://gateway.discord.gg/?v=10&encoding=etf", "encoding", "with_encoding"),
    ] {
        let error = at(url).unwrap_err();
        assert_eq!(error, DiscordError::Query { key, method });
        assert_eq!(error.to_string(), format!("gateway url: leave `{key}` out of the query, {method} asks for it"));
    }
    // Nor does the shard ask for a compression that a resume URL names.
    let mut rig = Rig::in_phase(Phase::Identifying, prompt());
    let url = "wss://gateway-x.discord.gg/?compress=zlib-stream&k=1";
    rig.message(frames::dispatch("READY", 1, &format!(r#"{{"session_id":"5e55","resume_gateway_url":"{url}"}}"#)));
    rig.story.clear();
    rig.lose().next();
    assert_eq!(rig.story.of_kind('>'), ["connect 2 wss://gateway-x.discord.gg/?k=1&v=10&encoding=json"]);
}
