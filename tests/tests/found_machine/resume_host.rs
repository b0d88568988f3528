//! 2 and 3: what a failure of the resume host means, and how long the shard keeps the resume URL.

use portcullis::Sequence;
use portcullis::machine::{
    Config, ConnectFailure, ConnectPolicy, IoFailure, OnConnectFailure, Phase, ProxyStatus, ResumeFrom, Session,
    TlsFailure,
};
use portcullis::url::GatewayUrl;
use portcullis_tests::rig::{config, discord};
use portcullis_tests::{Rig, frames, seconds};

const RESUME_HOST: &str = "wss://gateway-us-east1-b.discord.gg/?v=10&encoding=json";
const BASE: &str = "wss://gateway.discord.gg/?v=10&encoding=json";

const fn http(status: u16) -> ConnectFailure {
    ConnectFailure::Http { status, retry_after: None }
}

/// A shard in session that has lost its connection and dials its resume host.
fn dialing_the_resume_host(config: Config) -> Rig {
    let mut rig = Rig::online(config);
    rig.lose().next();
    assert_eq!(rig.story.of_kind('>'), [format!("connect 2 {RESUME_HOST}")]);
    rig.story.clear();
    rig
}

/// The URL that `session()` would have another process resume at.
fn exported_url(rig: &Rig) -> Option<String> {
    let session = rig.machine.session().expect("a session");
    session.resume_url().map(|url| url.as_str().to_owned())
}

#[test]
fn found_02_a_401_or_403_of_the_resume_host_leads_to_the_base_url_with_the_session() {
    for status in [401, 403] {
        let mut rig = dialing_the_resume_host(config());
        rig.refuse(http(status)).next().open().message(frames::hello("40000"));
        rig.assert(&format!(
            "t+0.779 ~ reconnect in 0.991 s, resume: connect_http {status}
             t+1.771 * connecting 3, resume
             t+1.771 > connect 3 {BASE}
             t+1.771 > resume s#2
             t+1.771 > heartbeat 2"
        ));
    }
}

#[test]
fn found_02_a_401_of_the_base_url_is_decided_by_policy() {
    // The first connect goes to the base URL.
    let mut rig = Rig::new(config());
    rig.start().refuse(http(401));
    assert_eq!(rig.machine.phase(), Phase::Ended);

    // So does the connect after the resume host refused.
    let mut rig = dialing_the_resume_host(config());
    rig.refuse(http(401)).next().refuse(http(401));
    assert_eq!(rig.machine.phase(), Phase::Ended);
    let told = "ended: could not connect: http status 401; the token or a proxy's credentials were refused: check them";
    assert_eq!(rig.story.of_kind('*'), ["connecting 3, resume", told]);

    // And so does a resume of a session that has no URL of its own.
    let mut rig = Rig::new(config());
    rig.start().open().message(frames::hello("40000"));
    rig.message(frames::dispatch("READY", 1, r#"{"session_id":"5e551011"}"#)).lose().next().refuse(http(401));
    assert_eq!(rig.machine.phase(), Phase::Ended);
}

#[test]
fn found_02_no_failure_of_the_resume_host_ends_the_shard_or_has_it_wait_at_the_cap() {
    for on_failure in [OnConnectFailure::End, OnConnectFailure::BackOffAtCap] {
        let connect = ConnectPolicy {
            name: on_failure,
            refused: on_failure,
            tls: on_failure,
            proxy: on_failure,
            timed_out: on_failure,
            rate_limited: on_failure,
            server_error: on_failure,
            other: on_failure,
            ..ConnectPolicy::default()
        };
        for failure in [
            ConnectFailure::Name,
            ConnectFailure::Refused,
            ConnectFailure::Tls(TlsFailure::Expired),
            ConnectFailure::Proxy { status: Some(ProxyStatus::Http(502)) },
            ConnectFailure::TimedOut,
            http(429),
            http(503),
            http(404),
            ConnectFailure::Protocol,
            ConnectFailure::Io(IoFailure::Other),
        ] {
            let mut rig = dialing_the_resume_host(Config { connect, ..config() });
            rig.refuse(failure.clone()).next();
            assert_eq!(rig.story.of_kind('>'), [format!("connect 3 {BASE}")], "{failure:?}");
            assert!(rig.now.as_nanos() < 4_000_000_000, "{failure:?} was waited for: {}", rig.story.text());
        }
    }
}

#[test]
fn found_02_our_own_proxy_that_refuses_our_credentials_ends_the_shard_whatever_is_behind_it() {
    let mut rig = dialing_the_resume_host(config());
    rig.refuse(ConnectFailure::Proxy { status: Some(ProxyStatus::Http(407)) });
    assert_eq!(rig.machine.phase(), Phase::Ended);
}

#[test]
fn found_03_a_resume_host_that_failed_is_dialed_no_more_once_the_base_url_brought_the_session_back() {
    // given: a resume host that is dead
    let mut rig = dialing_the_resume_host(config());
    rig.refuse(ConnectFailure::TimedOut).next().open().message(frames::hello("40000"));
    assert_eq!(exported_url(&rig).as_deref(), Some("wss://gateway-us-east1-b.discord.gg/"), "nothing is decided yet");

    // when: the base URL brings the session back, and it is lost three times more
    rig.message(frames::resumed(3)).message(frames::ack());
    assert_eq!(exported_url(&rig), None);
    rig.story.clear();
    for round in 0..3 {
        rig.lose().next().open().message(frames::hello("40000"));
        rig.message(frames::resumed(4 + round)).message(frames::ack());
    }

    // then: each goes straight to the base URL
    let dialed: Vec<_> = rig.story.of_kind('>').into_iter().filter(|line| line.starts_with("connect")).collect();
    assert_eq!(dialed, [4, 5, 6].map(|connection| format!("connect {connection} {BASE}")));
    assert_eq!((rig.machine.health().counts.resumes, rig.machine.health().counts.identifies), (4, 1));
}

#[test]
fn found_03_a_resume_host_that_was_dialed_and_led_nowhere_is_stale_as_well() {
    // given: a resume host that greets, and then is silent until Resumed is overdue
    let mut rig = dialing_the_resume_host(config());
    rig.open().ack_beats().message(frames::hello("40000")).advance(seconds(60)).next();
    rig.open().message(frames::hello("40000")).message(frames::resumed(3)).story.clear();
    rig.lose().next();
    assert_eq!(rig.story.of_kind('>'), [format!("connect 4 {BASE}")]);
}

#[test]
fn found_03_a_stale_url_of_an_imported_session_is_not_exported_again() {
    let url = GatewayUrl::parse("wss://gateway-us-east1-b.discord.gg").unwrap();
    let shard = portcullis::dialect::Dialect::shard(&discord());
    let session = Session::new("5e551011", shard, Sequence(42), Some(url));
    let resume_from = Some(ResumeFrom { session, age: Some(seconds(1)) });
    let mut rig = Rig::new(Config { resume_from, ..config() });
    rig.start().refuse(ConnectFailure::Name).next().open();
    rig.message(frames::hello("40000")).message(frames::resumed(43));
    assert_eq!(exported_url(&rig), None);
}

#[test]
fn found_03_a_new_session_has_the_url_of_its_own_ready_alone() {
    // given: a resume host that is dead, and a session that is lost at the base URL
    let mut rig = dialing_the_resume_host(config());
    rig.refuse(ConnectFailure::TimedOut).next().open().message(frames::hello("40000"));
    rig.message(frames::invalid_session("false")).close(1000).next().open().message(frames::hello("40000"));

    // when: a new one begins without a resume URL; then: the old URL is gone
    rig.message(frames::dispatch("READY", 1, r#"{"session_id":"0ther"}"#)).story.clear();
    assert_eq!(exported_url(&rig), None);
    rig.lose().next();
    assert_eq!(rig.story.of_kind('>'), [format!("connect 5 {BASE}")]);
}

#[test]
fn found_03_a_resume_host_that_brings_the_session_back_stays_the_first_to_be_dialed() {
    let mut rig = dialing_the_resume_host(config());
    rig.open().message(frames::hello("40000")).message(frames::resumed(3)).lose().next();
    assert_eq!(rig.story.of_kind('>').last(), Some(&&*format!("connect 3 {RESUME_HOST}")));
}
