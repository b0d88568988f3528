//! A mistake in a token, a URL, intents or a config is an error that says what to correct, before anything is sent.

#![allow(clippy::unwrap_used)]

use core::time::Duration;
use portcullis::dialect::discord::{Activity, Discord, Intents, Presence, Status};
use portcullis::dialect::{CommandError, ShardId};
use portcullis::machine::{Backoff, Config, HeartbeatPolicy, Limits, ResumeFrom, SendError, Session, Timeouts};
use portcullis::url::GatewayUrl;
use portcullis::{GatewayMachine, Seed, Sequence};
use portcullis_tests::rig::discord;
use portcullis_tests::{millis, seconds};

#[test]
fn a_malformed_token_says_what_to_mend_and_is_not_repeated() {
    for (token, text) in [
        ("", "token: the token is empty, check that the variable or file it comes from is set"),
        ("Bot ", "token: the token is empty, check that the variable or file it comes from is set"),
        ("s3cr3t\n", "token: white space stands around the token, trim it"),
        (" s3cr3t", "token: white space stands around the token, trim it"),
        ("s3cr 3t", "token: the token has white space inside, at byte 4, give the token alone"),
        ("s3cr\u{e9}t", "token: the token has a control or non-ascii character at byte 4, copy it again"),
        (&"s3cr3t".repeat(200), "token: the token has 1200 bytes, give one of at most 1024"),
    ] {
        let error = Discord::new(token, Intents::GUILDS).unwrap_err();
        assert_eq!(error.to_string(), text);
        assert!(!format!("{error:?}").contains("s3cr"), "{error:?}");
    }
}

#[test]
fn a_malformed_url_says_what_to_mend() {
    let long = format!("wss://example.org/{}", "a".repeat(2048));
    for (url, text) in [
        ("", "the url must start with wss:// or ws://"),
        ("gateway.discord.gg", "the url must start with wss:// or ws://"),
        ("https://gateway.discord.gg", "the url must start with wss:// or ws://"),
        ("wss://", "the url has no host, name one after ://"),
        ("wss://:443/", "the url has no host, name one after ://"),
        ("wss://a..b/", "the host of the url must be a dns name, an ipv4 or an [ipv6] address"),
        ("wss://[::1/", "the host of the url must be a dns name, an ipv4 or an [ipv6] address"),
        ("wss://a.b:0/", "the port of the url must be a number from 1 to 65535"),
        ("wss://a.b:65536/", "the port of the url must be a number from 1 to 65535"),
        ("wss://user:word@a.b/", "the url has a user name, leave out what is before the @"),
        ("wss://a.b/#top", "the url has a fragment, leave out the # and what follows"),
        ("wss://a.b/ c", "the character at byte 10 of the url must be percent-encoded"),
        ("wss://a.b/\u{e9}", "the character at byte 10 of the url must be percent-encoded"),
        (&long, "the url has 2066 bytes, give one of at most 2048"),
    ] {
        let error = discord().with_gateway(url).unwrap_err();
        assert_eq!(error.to_string(), format!("gateway url: {text}"), "{url}");
    }
}

#[test]
fn what_else_a_discord_cannot_be_says_what_to_mend() {
    for members in [0, 49, 251] {
        let error = discord().with_large_threshold(members).unwrap_err();
        assert_eq!(error.to_string(), format!("large_threshold is {members}; it must be 50 to 250"));
    }
    let mut presence = Presence::new(Status::Online);
    presence.activities.push(Activity::playing("a").with_state("a".repeat(4096)));
    assert_eq!(
        discord().with_presence(&presence).unwrap_err().to_string(),
        "the identify would be above 4096 bytes; shorten the presence or the properties"
    );
    assert_eq!(ShardId::new(0, 0).unwrap_err().to_string(), "the number of shards is 0, give at least 1");
    assert_eq!(ShardId::new(4, 4).unwrap_err().to_string(), "there is no shard 4 of 4, shards are counted from 0 to 3");
    assert_eq!(
        "GUILDS|GUILDZ".parse::<Intents>().unwrap_err().to_string(),
        "there is no intent \"GUILDZ\", give names like GUILDS|GUILD_MESSAGES or a number"
    );
}

/// The error of a config.
fn refusal(config: Config) -> String {
    match GatewayMachine::new(discord(), config, Seed(1)) {
        Ok(machine) => format!("{machine:?} was made"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_span_of_nothing_is_refused_by_its_name() {
    let (zero, timeouts, backoff) = (Duration::ZERO, Timeouts::default(), Backoff::STANDARD);
    let of = |timeouts| Config { timeouts, ..Config::default() };
    let pausing = |backoff| Config { backoff, ..Config::default() };
    for (config, option) in [
        (of(Timeouts { connect: zero, ..timeouts }), "timeouts.connect"),
        (of(Timeouts { hello: zero, ..timeouts }), "timeouts.hello"),
        (of(Timeouts { ready: zero, ..timeouts }), "timeouts.ready"),
        (of(Timeouts { resumed: zero, ..timeouts }), "timeouts.resumed"),
        (of(Timeouts { write: zero, ..timeouts }), "timeouts.write"),
        (of(Timeouts { close: Duration::from_micros(999), ..timeouts }), "timeouts.close"),
        (of(Timeouts { token: zero, ..timeouts }), "timeouts.token"),
        (pausing(Backoff { spread: zero, ..backoff }), "backoff.spread"),
        (pausing(Backoff { base: zero, ..backoff }), "backoff.base"),
        (
            Config {
                heartbeat: HeartbeatPolicy { interval_min: zero, ..HeartbeatPolicy::default() },
                ..Config::default()
            },
            "heartbeat.interval_min",
        ),
    ] {
        assert_eq!(refusal(config), format!("{option} is below 1 ms; give it a longer span"));
    }
}

#[test]
fn a_config_that_cannot_be_says_what_to_mend() {
    let beating = |heartbeat| Config { heartbeat, ..Config::default() };
    let pausing = |backoff| Config { backoff, ..Config::default() };
    let limited = |limits| Config { limits, ..Config::default() };
    let shrinking = "backoff must not shrink: factor_percent is at least 100 and base at most cap";
    let (heart, backoff, limits) = (HeartbeatPolicy::default(), Backoff::STANDARD, Limits::default());
    for (config, text) in [
        (
            beating(HeartbeatPolicy { interval_min: seconds(2), interval_max: seconds(1), ..heart }),
            "heartbeat.interval_min is above heartbeat.interval_max; swap them",
        ),
        (
            beating(HeartbeatPolicy { interval: Some(millis(1)), ..heart }),
            "heartbeat.interval is not between its bounds; change it or them",
        ),
        (pausing(Backoff { factor_percent: 99, ..backoff }), shrinking),
        (pausing(Backoff { base: seconds(61), ..backoff }), shrinking),
        (
            pausing(Backoff { jitter_percent: 0, ..backoff }),
            "backoff.jitter_percent is 0; it must be 1 to 100, so that shards spread",
        ),
        (
            pausing(Backoff { jitter_percent: 101, ..backoff }),
            "backoff.jitter_percent is 101; it must be 1 to 100, so that shards spread",
        ),
        (limited(Limits { message: 0, ..limits }), "limits.message must be 1 to 4294967295 bytes"),
        (limited(Limits { outbox: 0, ..limits }), "limits.outbox is 0; no command could ever be sent"),
    ] {
        assert_eq!(refusal(config), text);
    }
}

#[test]
fn a_session_that_cannot_be_resumed_here_is_refused() {
    let resume_from = |session| Config { resume_from: Some(ResumeFrom { session, age: None }), ..Config::default() };
    let foreign = GatewayUrl::parse("wss://gateway.discord.gg.example.org").unwrap();
    let of = |shard, url| Session::new("5e551011", Some(shard), Sequence(2), url);
    for (session, text) in [
        (
            of(ShardId::new(0, 2).unwrap(), None),
            "resume_from has a session of another shard or shard count; leave it out",
        ),
        (
            of(ShardId::ONE, Some(foreign)),
            "resume_from has a session with the resume url of a foreign host; leave it out",
        ),
    ] {
        assert_eq!(refusal(resume_from(session)), text);
    }
}

#[test]
fn a_command_that_breaks_a_limit_says_what_to_mend() {
    for (error, text) in [
        (CommandError::NotObject, "the command is not a json object"),
        (CommandError::ZeroId { name: "guild_id" }, "guild_id is 0, give the id of one"),
        (CommandError::NoUserIds, "the request names no user ids, give one or ask for all members"),
    ] {
        assert_eq!(SendError::from(error).to_string(), text);
    }
}
