//! Connections that cannot be opened: each kind of failure under each policy, `Retry-After`, and which URL is tried
//! next. Scenarios 7, 8 and 9.

use core::error::Error as _;
use core::time::Duration;
use portcullis::dialect::discord::Discord;
use portcullis::machine::{
    Backoff, Cause, Config, ConfigError, ConnectFailure, ConnectPolicy, EndReason, IoFailure, Location,
    OnConnectFailure, Phase, ProxyStatus, ResumeFrom, Session, TlsFailure,
};
use portcullis::url::GatewayUrl;
use portcullis::{Seed, Sequence};
use portcullis_tests::rig::{config, discord};
use portcullis_tests::{Rig, frames, millis, seconds};

/// A kind of failure, its text, its cause, and the option that decides about it.
type Kind = (ConnectFailure, &'static str, &'static str, fn(&mut ConnectPolicy) -> &mut OnConnectFailure);

const fn http(status: u16) -> ConnectFailure {
    ConnectFailure::Http { status, retry_after: None }
}

const fn tls(failure: TlsFailure) -> ConnectFailure {
    ConnectFailure::Tls(failure)
}

const fn proxy(status: ProxyStatus) -> ConnectFailure {
    ConnectFailure::Proxy { status: Some(status) }
}

const fn http_after(status: u16, after: Duration) -> ConnectFailure {
    ConnectFailure::Http { status, retry_after: Some(after) }
}

const KINDS: [Kind; 24] = [
    (ConnectFailure::Name, "name not resolved", "connect_name", |p| &mut p.name),
    (ConnectFailure::Refused, "connection refused", "connect_refused", |p| &mut p.refused),
    (tls(TlsFailure::Other), "tls handshake failed", "connect_tls", |p| &mut p.tls),
    (
        tls(TlsFailure::UnknownIssuer),
        "tls handshake failed: the certificate's issuer is not trusted",
        "connect_tls unknown_issuer",
        |p| &mut p.tls,
    ),
    (tls(TlsFailure::NotTls), "tls handshake failed: the server does not speak tls", "connect_tls not_tls", |p| {
        &mut p.tls
    }),
    (
        tls(TlsFailure::Alert(116)),
        "tls handshake failed: the server refused it with alert 116",
        "connect_tls alert 116",
        |p| &mut p.tls,
    ),
    (ConnectFailure::Proxy { status: None }, "proxy failed", "connect_proxy", |p| &mut p.proxy),
    (proxy(ProxyStatus::Http(502)), "proxy refused with http 502", "connect_proxy http 502", |p| &mut p.proxy),
    (proxy(ProxyStatus::Socks(5)), "proxy refused with socks 5", "connect_proxy socks 5", |p| &mut p.proxy),
    (proxy(ProxyStatus::Http(407)), "proxy refused with http 407", "connect_proxy http 407", |p| {
        &mut p.proxy_unauthorized
    }),
    (proxy(ProxyStatus::SocksCredentials), "proxy refused the credentials", "connect_proxy socks credentials", |p| {
        &mut p.proxy_unauthorized
    }),
    (ConnectFailure::TimedOut, "connect timed out", "connect_timed_out", |p| &mut p.timed_out),
    (http(401), "http status 401", "connect_http 401", |p| &mut p.unauthorized),
    (http(403), "http status 403", "connect_http 403", |p| &mut p.forbidden),
    (http(429), "http status 429", "connect_http 429", |p| &mut p.rate_limited),
    (http(500), "http status 500", "connect_http 500", |p| &mut p.server_error),
    (http(503), "http status 503", "connect_http 503", |p| &mut p.server_error),
    (http(599), "http status 599", "connect_http 599", |p| &mut p.server_error),
    (http(404), "http status 404", "connect_http 404", |p| &mut p.other),
    (http(600), "http status 600", "connect_http 600", |p| &mut p.other),
    (ConnectFailure::Protocol, "no websocket handshake", "connect_protocol", |p| &mut p.other),
    (ConnectFailure::Io(IoFailure::Other), "i/o failure", "connect_io", |p| &mut p.other),
    (
        ConnectFailure::Io(IoFailure::TooManyFiles),
        "i/o failure: too many open files",
        "connect_io too_many_files",
        |p| &mut p.other,
    ),
    (ConnectFailure::Io(IoFailure::HungUp), "i/o failure: the peer closed the connection", "connect_io hung_up", |p| {
        &mut p.other
    }),
];

/// A policy that does `first` about every kind but one.
fn all_but(option: fn(&mut ConnectPolicy) -> &mut OnConnectFailure, one: OnConnectFailure) -> Config {
    let rest = match one {
        OnConnectFailure::End => OnConnectFailure::BackOff,
        OnConnectFailure::BackOff | OnConnectFailure::BackOffAtCap => OnConnectFailure::End,
    };
    let mut connect = ConnectPolicy {
        name: rest,
        refused: rest,
        tls: rest,
        proxy: rest,
        proxy_unauthorized: rest,
        timed_out: rest,
        unauthorized: rest,
        forbidden: rest,
        rate_limited: rest,
        server_error: rest,
        other: rest,
        ..ConnectPolicy::default()
    };
    *option(&mut connect) = one;
    Config { connect, ..config() }
}

/// A shard whose first connect failed in this way; the story is what followed.
fn failed(config: Config, failure: ConnectFailure) -> Rig {
    let mut rig = Rig::new(config);
    rig.start().story.clear();
    rig.refuse(failure);
    rig
}

#[test]
fn each_kind_of_failure_backs_off_where_its_option_says_so() {
    for (failure, _, cause, option) in KINDS {
        let mut rig = failed(all_but(option, OnConnectFailure::BackOff), failure);
        rig.next().assert_kinds(&format!(
            "t+0.000 ~ reconnect in 0.779 s, identify: {cause}
             t+0.779 * connecting 2, identify
             t+0.779 > connect 2 wss://gateway.discord.gg/?v=10&encoding=json"
        ));
    }
}

#[test]
fn each_kind_of_failure_waits_the_longest_where_its_option_says_so() {
    for (failure, _, cause, option) in KINDS {
        let mut rig = failed(all_but(option, OnConnectFailure::BackOffAtCap), failure);
        rig.next().assert_kinds(&format!(
            "t+0.000 ~ reconnect in 48.305 s, identify: {cause}
             t+48.305 * connecting 2, identify
             t+48.305 > connect 2 wss://gateway.discord.gg/?v=10&encoding=json"
        ));
    }
}

#[test]
fn each_kind_of_failure_ends_the_machine_where_its_option_says_so() {
    for (failure, told, _, option) in KINDS {
        let advice = Cause::from(&failure).advice().map_or(String::new(), |advice| format!("; {advice}"));
        let mut rig = failed(all_but(option, OnConnectFailure::End), failure);
        rig.assert_kinds(&format!("t+0.000 * ended: could not connect: {told}{advice}"));
        assert_eq!((rig.machine.phase(), rig.machine.deadline()), (Phase::Ended, None));
    }
}

#[test]
fn a_fatal_failure_is_final() {
    let mut rig = failed(config(), http(401));
    rig.story.clear();
    rig.start()
        .open()
        .refuse(ConnectFailure::Io(IoFailure::Other))
        .message(frames::hello("40000"))
        .lose()
        .pass(seconds(3600))
        .tick();
    let deeds: Vec<_> = ['>', '*', '!', '~'].iter().flat_map(|kind| rig.story.of_kind(*kind)).collect();
    assert_eq!(deeds, Vec::<&str>::new());
}

#[test]
fn by_default_401_and_407_end_403_waits_the_longest_and_the_rest_backs_off() {
    for (failure, _, cause, _) in KINDS {
        let rig = failed(config(), failure.clone());
        let expected = match failure {
            ConnectFailure::Http { status: 401, .. }
            | ConnectFailure::Proxy { status: Some(ProxyStatus::Http(407) | ProxyStatus::SocksCredentials) } => {
                Vec::new()
            }
            ConnectFailure::Http { status: 403, .. } => vec![format!("reconnect in 48.305 s, identify: {cause}")],
            _ => vec![format!("reconnect in 0.779 s, identify: {cause}")],
        };
        assert_eq!(rig.story.of_kind('~'), expected, "{failure:?}");
    }
}

#[test]
fn what_a_person_can_mend_comes_with_advice() {
    let with_advice = KINDS.into_iter().filter(|(failure, ..)| Cause::from(failure).advice().is_some());
    let told: Vec<_> = with_advice.map(|(_, told, ..)| told).collect();
    assert_eq!(
        told,
        [
            "name not resolved",
            "tls handshake failed",
            "tls handshake failed: the certificate's issuer is not trusted",
            "tls handshake failed: the server does not speak tls",
            "tls handshake failed: the server refused it with alert 116",
            "proxy failed",
            "proxy refused with http 407",
            "proxy refused the credentials",
            "http status 401",
            "http status 403",
            "http status 429",
            "i/o failure: too many open files",
        ]
    );
    let rig = failed(config(), http(401));
    let advice = rig.machine.end_reason().and_then(portcullis::machine::EndReason::advice);
    assert_eq!(advice, Some("the token or a proxy's credentials were refused: check them"));
}

#[test]
fn found_13_a_redirect_tells_where_to_and_is_not_followed() {
    let location = Location::new(b"wss://elsewhere.example/?token=secret").unwrap();
    let redirect = ConnectFailure::Redirect { status: 301, location };
    let mut rig = failed(config(), redirect.clone());
    rig.next().assert_kinds(
        "t+0.000 ! faulted: redirected with http 301 to wss://elsewhere.example/
         t+0.000 ~ reconnect in 0.779 s, identify: connect_http 301
         t+0.779 * connecting 2, identify
         t+0.779 > connect 2 wss://gateway.discord.gg/?v=10&encoding=json",
    );
    assert!(Cause::from(&redirect).advice().is_some_and(|advice| advice.contains("redirected")));

    let rig = failed(all_but(|policy| &mut policy.other, OnConnectFailure::End), redirect.clone());
    let reason = rig.machine.end_reason().unwrap();
    let told = "could not connect: http status 301, the gateway is at wss://elsewhere.example/";
    assert!(reason.to_string().starts_with(told), "{reason}");
    assert_eq!(reason.source().unwrap().to_string(), redirect.to_string());
}

#[test]
fn found_13_an_end_has_its_reason_as_its_source() {
    let rig = failed(all_but(|policy| &mut policy.tls, OnConnectFailure::End), tls(TlsFailure::Expired));
    let failure = rig.machine.end_reason().unwrap().source().unwrap();
    assert_eq!(failure.to_string(), "tls handshake failed: the certificate has expired");
    assert_eq!(failure.source().unwrap().to_string(), "the certificate has expired");
    assert_eq!(EndReason::Shutdown.source().map(ToString::to_string), None);
}

#[test]
fn a_retry_after_is_honoured_with_any_status_that_is_retried() {
    for status in [429, 503, 404] {
        let mut rig = failed(config(), http_after(status, seconds(30)));
        rig.next().assert_kinds(&format!(
            "t+0.000 ~ reconnect in 30.779 s, identify: connect_http {status}
             t+30.779 * connecting 2, identify
             t+30.779 > connect 2 wss://gateway.discord.gg/?v=10&encoding=json"
        ));
    }
}

#[test]
fn a_retry_after_is_believed_up_to_its_cap() {
    let mut rig = failed(config(), http_after(429, seconds(86_400)));
    rig.assert_kinds("t+0.000 ~ reconnect in 3600.779 s, identify: connect_http 429");

    let connect = ConnectPolicy { retry_after_max: seconds(90), ..ConnectPolicy::default() };
    let mut rig = failed(Config { connect, ..config() }, http_after(429, Duration::MAX));
    rig.assert_kinds("t+0.000 ~ reconnect in 90.779 s, identify: connect_http 429");
}

#[test]
fn a_retry_after_never_shortens_a_wait() {
    let mut rig = failed(config(), http_after(429, millis(1)));
    rig.assert_kinds("t+0.000 ~ reconnect in 0.780 s, identify: connect_http 429");
    let mut rig = failed(config(), http_after(403, seconds(1)));
    rig.assert_kinds("t+0.000 ~ reconnect in 48.305 s, identify: connect_http 403");
    let mut rig = failed(config(), http_after(429, Duration::ZERO));
    rig.assert_kinds("t+0.000 ~ reconnect in 0.779 s, identify: connect_http 429");
}

#[test]
fn a_retry_after_does_not_call_an_ended_machine_back() {
    let mut rig = failed(config(), http_after(401, seconds(5)));
    rig.assert_kinds(
        "t+0.000 * ended: could not connect: http status 401; the token or a proxy's credentials were refused: check them",
    );
}

#[test]
fn a_connection_that_ends_while_it_is_dialed_counts_as_an_io_failure() {
    let mut rig = Rig::new(config());
    rig.start().lose();
    rig.assert_kinds(
        "t+0.000 * connecting 1, identify
         t+0.000 ~ reconnect in 0.779 s, identify: connect_io",
    );
}

#[test]
fn scenario_7_an_unreachable_resume_url_gives_way_to_the_base_url_with_the_same_session() {
    for failure in [ConnectFailure::Name, http(503), tls(TlsFailure::HungUp)] {
        // given: a shard in session whose connection is lost and whose resume URL cannot be reached
        let mut rig = Rig::online(config());
        rig.lose().next().refuse(failure);

        // when: the next attempt reaches the base URL
        rig.next().open().message(frames::hello("40000"));

        // then: the session is resumed there
        assert_eq!(
            rig.story.of_kind('>'),
            [
                "connect 2 wss://gateway-us-east1-b.discord.gg/?v=10&encoding=json",
                "connect 3 wss://gateway.discord.gg/?v=10&encoding=json",
                "resume s#2",
                "heartbeat 2"
            ]
        );
    }
}

#[test]
fn scenario_7_after_ten_connects_that_failed_the_session_is_given_up() {
    let mut rig = Rig::online(config());
    rig.lose();
    for _ in 0..10 {
        assert_eq!(rig.machine.session().map(|session| session.sequence()), Some(Some(Sequence(2))));
        rig.next().story.clear();
        rig.refuse(ConnectFailure::Refused);
    }
    assert_eq!(rig.story.of_kind('*'), ["session lost: resumes_exhausted"]);
    rig.story.clear();
    rig.next().open().message(frames::hello("40000"));
    assert_eq!(
        rig.story.of_kind('>'),
        ["connect 12 wss://gateway.discord.gg/?v=10&encoding=json", "ask identify", "heartbeat null", "identify"]
    );
}

#[test]
fn scenario_7_links_without_a_hello_count_as_unreachable_and_a_resumed_one_forgives_all() {
    let resume = portcullis::machine::ResumePolicy { unreachable: 3, ..Default::default() };
    let mut rig = Rig::online(Config { resume, ..config() });
    for _ in 0..4 {
        rig.lose();
        rig.next().refuse(ConnectFailure::Io(IoFailure::Other)).next().open().lose().next().open();
        rig.message(frames::hello("40000")).message(frames::resumed(3)).message(frames::ack());
        assert_eq!(rig.machine.phase(), Phase::Active);
    }
    assert_eq!(rig.machine.health().counts.resumes, 4);
    assert_eq!(rig.machine.health().counts.identifies, 1);
}

#[test]
fn scenario_7_once_resumed_at_the_base_url_the_resume_url_is_tried_no_more() {
    let mut rig = Rig::online(config());
    rig.lose().next().refuse(ConnectFailure::Name).next().open();
    rig.message(frames::hello("40000")).message(frames::resumed(3)).story.clear();
    rig.lose().next();
    assert_eq!(rig.story.of_kind('>'), ["connect 4 wss://gateway.discord.gg/?v=10&encoding=json"]);
}

#[test]
fn scenario_8_a_resume_url_has_each_key_of_its_query_once() {
    for (given, dialed) in [
        ("wss://eu.discord.gg", "wss://eu.discord.gg/?v=10&encoding=json"),
        ("wss://eu.discord.gg/", "wss://eu.discord.gg/?v=10&encoding=json"),
        ("wss://eu.discord.gg//", "wss://eu.discord.gg//?v=10&encoding=json"),
        ("wss://eu.discord.gg:8443", "wss://eu.discord.gg:8443/?v=10&encoding=json"),
        ("wss://eu.discord.gg:443/a/b", "wss://eu.discord.gg/a/b?v=10&encoding=json"),
        ("wss://eu.discord.gg/?v=9&encoding=etf&x=1", "wss://eu.discord.gg/?x=1&v=10&encoding=json"),
        ("WSS://EU.Discord.GG?encoding=json&v=10", "wss://eu.discord.gg/?v=10&encoding=json"),
    ] {
        let data = format!(r#"{{"session_id":"5e551011","resume_gateway_url":"{given}"}}"#);
        let mut rig = Rig::new(config());
        rig.start().open().message(frames::hello("40000")).message(frames::dispatch("READY", 1, &data)).story.clear();
        rig.lose().next();
        assert_eq!(rig.story.of_kind('>'), [format!("connect 2 {dialed}")], "{given}");
    }
}

#[test]
fn scenario_9_a_stored_resume_url_of_a_foreign_host_is_refused() {
    let made = |discord: Discord, url: &str| {
        let url = GatewayUrl::parse(url).unwrap();
        let session = Session::new("5e551011", portcullis::dialect::Dialect::shard(&discord), Sequence(2), Some(url));
        let resume_from = Some(ResumeFrom { session, age: Some(seconds(1)) });
        portcullis::GatewayMachine::new(discord, Config { resume_from, ..config() }, Seed(1)).map(|_| ())
    };
    for foreign in ["wss://evil.example", "wss://discord.gg.evil.example", "wss://notdiscord.gg", "ws://discord.gg"] {
        assert_eq!(made(discord(), foreign), Err(ConfigError::ForeignResumeUrl), "{foreign}");
    }
    for own in ["wss://gateway.discord.gg", "wss://gateway-us-east1-b.discord.gg", "wss://discord.gg:8443/x"] {
        assert_eq!(made(discord(), own), Ok(()), "{own}");
    }
    // At another gateway, Discord's own hosts are the foreign ones.
    let at_home = || discord().with_gateway("ws://localhost:4000").unwrap();
    assert_eq!(made(at_home(), "wss://gateway.discord.gg"), Err(ConfigError::ForeignResumeUrl));
    assert_eq!(made(at_home(), "ws://localhost:4001"), Ok(()));
}

#[test]
fn scenario_84_behind_a_gateway_proxy_a_session_is_resumed_there() {
    let foreign = vec!["faulted: resume url of a foreign host".to_owned()];
    for (passed_on, faults, resumed_at) in [
        ("wss://gateway-us-east1-b.discord.gg", foreign, "ws://proxy.example:7777"),
        ("ws://proxy.example:7778", vec![], "ws://proxy.example:7778"),
    ] {
        // given: a shard in session at a proxy that forwards Discord's resume URL, or sends its own
        let mut rig = Rig::of(discord().with_gateway("ws://proxy.example:7777").unwrap(), config());
        let data = format!(r#"{{"session_id":"5e551011","resume_gateway_url":"{passed_on}"}}"#);
        rig.start().open().message(frames::hello("40000")).message(frames::dispatch("READY", 1, &data));
        assert_eq!(rig.story.of_kind('!'), faults);

        // when: its connection is lost
        rig.story.clear();
        rig.lose().next().open().message(frames::hello("40000"));

        // then: it resumes the session at the proxy, and never elsewhere
        let connect = format!("connect 2 {resumed_at}/?v=10&encoding=json");
        assert_eq!(rig.story.of_kind('>'), [connect.as_str(), "resume s#1", "heartbeat 1"]);
    }
}

#[test]
fn a_bound_on_attempts_ends_a_shard_that_cannot_connect() {
    let mut rig = Rig::new(Config { backoff: Backoff::TEN_ATTEMPTS, ..config() });
    rig.start();
    for _ in 0..10 {
        rig.refuse(ConnectFailure::Refused).next();
    }
    rig.story.clear();
    rig.refuse(ConnectFailure::Refused);
    assert_eq!(
        rig.story.of_kind('*'),
        ["ended: gave up after 10 attempts; check the network, or choose a backoff without a bound"]
    );
}
