//! Scenario 70 and invariant 12: the token occurs in Identify and Resume only; a session's id and the path of its
//! resume URL are printed by nothing.

#![allow(clippy::unwrap_used)]

use core::fmt::{Debug, Write as _};
use portcullis::dialect::ShardId;
use portcullis::dialect::discord::{Command, Intents, Presence, RequestGuildMembers, Status};
use portcullis::machine::{
    Cause, CommandId, ConnectFailure, EndReason, Event, Outcome, ResumeFrom, SendError, Session, Shutdown, TlsFailure,
};
use portcullis::requests::RequestPolicy;
use portcullis::token::Token;
use portcullis::url::GatewayUrl;
use portcullis::{Config, Discord, GatewayMachine, Input, Message, Seed, Sequence};
use portcullis_tests::rig::{TOKEN, discord, prompt};
use portcullis_tests::story::told_frame;
use portcullis_tests::{Rig, frames, seconds};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::field::{Field, Visit};
use tracing::span;

const SESSION: &str = "bf8eb88e4939e52df093261f3abbc638";
const RESUME_URL: &str = "wss://gateway-us-east1-b.discord.gg/of-one-session?key=of-this-session-only";

/// The secrets that must not be printed.
const SECRETS: [&str; 4] = [TOKEN, SESSION, "of-one-session", "of-this-session-only"];

/// Keeps every trace at every level, as text.
#[derive(Clone, Default)]
struct Traces(Arc<Mutex<Vec<String>>>);

impl Traces {
    /// Runs a function with these traces on, and returns the traces.
    fn of(run: impl FnOnce()) -> Vec<String> {
        let traces = Self::default();
        tracing::subscriber::with_default(traces.clone(), run);
        let lines = traces.0.lock().unwrap();
        lines.clone()
    }
}

impl tracing::Subscriber for Traces {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// One event as text.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => _ = write!(self.0, " {value:?}:"),
            name => _ = write!(self.0, " {name}={value:?}"),
        }
    }
}

fn ready() -> Message {
    frames::dispatch("READY", 1, &format!(r#"{{"session_id":"{SESSION}","resume_gateway_url":"{RESUME_URL}"}}"#))
}

/// Runs the tests of this file one after the other: `tracing` caches that a callsite has no subscriber, so a test without one
/// could hide traces from another test for a while.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fails if `text` contains a secret.
#[track_caller]
fn assert_silent(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}

/// A run of a machine; `print` gets every text that can be printed of it.
fn live(print: &mut dyn FnMut(&str)) -> Rig {
    let mut rig = Rig::seeded(discord(), prompt(), Seed(7));
    let mut look = |rig: &mut Rig| {
        print(&format!("{:?} {:#?} {:?}", rig.machine, rig.machine.health(), rig.machine.dialect()));
        print(&format!("{:?} {:?}", rig.machine.session(), rig.machine.timers()));
        for made in rig.machine.explain() {
            print(&format!("{made} {made:?}"));
        }
        // A `Connect` must contain its URL; no other line may.
        for line in rig.story.lines().iter().filter(|line| !line.contains(" > connect ")) {
            print(line);
        }
    };
    rig.start().open().message(frames::hello("40000")).message(frames::ack());
    look(&mut rig);
    rig.message(ready()).message(frames::message_create(2)).message(frames::text(format!("{{{SESSION}")));
    rig.send(Command::UpdatePresence(Presence::new(Status::Idle))).unwrap();
    rig.message(frames::heartbeat_request()).message(frames::message_create(9)).message(frames::message_create(3));
    look(&mut rig);
    rig.advance(seconds(80)).close(4000).next();
    rig.refuse(ConnectFailure::Tls(TlsFailure::Other)).next();
    rig.open().message(frames::hello("1"));
    look(&mut rig);
    rig.message(frames::message_create(10)).message(frames::resumed(11)).message(ready());
    rig.give(Input::Suspended(seconds(7200))).next();
    rig.open().message(frames::hello("40000")).message(frames::invalid_session("false")).close(1000).next();
    rig.open().message(frames::hello("40000")).message(ready());
    look(&mut rig);
    rig.reconnect(Cause::Requested).close(4000).next();
    look(&mut rig);
    rig.shutdown(Shutdown::KeepSession);
    look(&mut rig);
    rig
}

#[test]
fn scenario_70_no_trace_of_a_whole_life_has_a_secret() {
    let _alone = alone();
    let traced = Traces::of(|| _ = live(&mut |_| {}));
    assert!(traced.len() > 50, "{traced:#?}");
    for line in &traced {
        assert_silent(line);
    }
}

#[test]
fn invariant_12_nothing_that_can_be_printed_of_a_whole_life_has_a_secret() {
    let _alone = alone();
    let mut printed = 0;
    live(&mut |text| {
        printed += 1;
        assert_silent(text);
    });
    assert!(printed > 100, "{printed}");
}

#[test]
fn invariant_12_no_input_and_no_action_prints_a_secret() {
    let _alone = alone();
    // given: a session of an earlier run, so that every action of a resume is among them
    let url = GatewayUrl::parse(RESUME_URL).unwrap();
    let session = Session::new(SESSION, Some(ShardId::ONE), Sequence(2), Some(url));
    let config = Config { resume_from: Some(ResumeFrom { session, age: None }), ..prompt() };
    assert_silent(&format!("{config:?}"));
    let mut rig = Rig::new(config);

    // when: it connects, resumes, and begins a new session
    let mut inputs = vec![Input::Start];
    let mut connection = None;
    let mut count = 0;
    while let Some(input) = inputs.pop() {
        assert_silent(&format!("{input:?}"));
        for action in rig.machine.handle(rig.now, input) {
            count += 1;
            assert_silent(&format!("{action:?} {action:#?}"));
            match action {
                portcullis::Action::Connect { connection: new, .. } => {
                    connection = Some(new);
                    inputs.push(Input::Message(new, frames::invalid_session("false")));
                    inputs.push(Input::Message(new, ready()));
                    inputs.push(Input::Message(new, frames::hello("40000")));
                    inputs.push(Input::Opened(new));
                }
                portcullis::Action::Send { connection, .. } => inputs.push(Input::Sent(connection)),
                _ => {}
            }
        }
    }
    assert!(connection.is_some() && count > 10, "{count}");
}

#[test]
fn invariant_12_the_token_leaves_in_identify_and_resume_and_in_nothing_else() {
    let _alone = alone();
    let rig = live(&mut |_| {});
    let with_token = |message: &Message| message.bytes().windows(TOKEN.len()).any(|part| part == TOKEN.as_bytes());
    let mut kinds: Vec<String> = rig.sends.iter().filter(|(_, m)| with_token(m)).map(|(_, m)| told_frame(m)).collect();
    kinds.dedup();
    assert_eq!(kinds, ["identify", "resume s#9", "resume s#11", "identify with presence idle"]);
}

#[test]
fn invariant_12_no_error_of_a_builder_has_the_token() {
    let _alone = alone();
    for broken in [format!("{TOKEN} "), format!("{TOKEN} {TOKEN}"), TOKEN.repeat(20)] {
        let error = Discord::new(broken.as_str(), Intents::GUILDS).unwrap_err();
        assert_silent(&format!("{error} {error:?} {:?}", Token::new(broken)));
    }
    let secret_url = format!("wss://{SESSION}@example.org/of-one-session");
    let error = discord().with_gateway(&secret_url).unwrap_err();
    assert_silent(&format!("{error} {error:?}"));
    let session = Session::new(SESSION, None, Sequence(2), Some(GatewayUrl::parse(RESUME_URL).unwrap()));
    assert_silent(&format!("{session:?} {:?}", session.resume_url()));
    let config = Config { resume_from: Some(ResumeFrom { session, age: None }), ..Config::default() };
    let error = GatewayMachine::new(discord(), config, Seed(1)).err().unwrap();
    assert_silent(&format!("{error} {error:?}"));
}

#[test]
fn scenario_70_at_trace_each_frame_is_told_by_op_name_sequence_and_size() {
    let _alone = alone();
    let traced = Traces::of(|| {
        let mut rig = Rig::new(prompt());
        rig.start().open().message(frames::hello("40000")).message(frames::ack());
        rig.message(ready()).message(frames::text(r#"{"op":0,"d":{},"s":2,"t":"MESSAGE\u005fCREATE"}"#));
        rig.message(frames::text("{\"op\":99}")).message(frames::text("garbage"));
        rig.message(frames::reconnect());
    });
    assert_eq!(
        traced,
        [
            "DEBUG transition: connection=1 cause=started from=idle to=connecting",
            "DEBUG transition: connection=1 cause=opened from=connecting to=awaiting_hello",
            r#"TRACE frame in: connection=1 op="hello" size=60"#,
            "DEBUG transition: connection=1 cause=hello from=awaiting_hello to=awaiting_identify",
            r#"TRACE frame out: connection=1 op="heartbeat" size=17"#,
            r#"TRACE frame out: connection=1 op="identify" size=211"#,
            "DEBUG transition: connection=1 cause=identify_granted from=awaiting_identify to=identifying",
            r#"TRACE frame in: connection=1 op="heartbeat_ack" size=36"#,
            r#"TRACE frame in: connection=1 op="ready" name="READY" sequence=1 size=179"#,
            "DEBUG transition: connection=1 cause=ready from=identifying to=active",
            r#"TRACE frame in: connection=1 op="dispatch" name="MESSAGE_CREATE" sequence=2 size=47"#,
            r#"TRACE frame in: connection=1 op="unknown" size=9"#,
            r#"TRACE frame in: connection=1 op="unreadable" size=7"#,
            "WARN fault: connection=1 fault=malformed frame: not valid json near byte 0",
            r#"TRACE frame in: connection=1 op="reconnect" size=35"#,
            "DEBUG transition: connection=1 cause=reconnect_requested from=active to=closing",
        ]
    );
}

#[test]
fn scenario_70_a_request_is_traced_by_its_opcode_and_what_came_of_it() {
    let _alone = alone();
    let traced = Traces::of(|| {
        let rig = Rig::new(prompt());
        let mut requests = rig.machine.requests(RequestPolicy::default());
        let mut next = 0;
        for search in [SESSION, TOKEN] {
            requests.ask(RequestGuildMembers::by_query(1, search, 9)).unwrap();
            requests.tick(rig.now, |_| {
                next += 1;
                if next == 2 { Err(SendError::QueueFull { limit: 1 }) } else { Ok(CommandId(next)) }
            });
        }
        requests.observe(rig.now, &Event::Command(CommandId(1), Outcome::Unknown));
        requests.tick(rig.now, |_| Ok(CommandId(3)));
        requests.observe(rig.now, &Event::Ended(EndReason::Shutdown));
        assert_eq!(requests.open(), 2);
    });
    assert_eq!(
        traced,
        [
            "DEBUG request sent: request=0 op=8",
            "DEBUG request held: request=0 span=0ns",
            "DEBUG request sent: request=0 op=8",
            "DEBUG request failed: request=0 error=the shard is over; start another",
            "DEBUG request failed: request=1 error=the shard is over; start another",
        ]
    );
}
