//! The gateway's Reconnect and Invalid Session in each phase, the codes we close with, and how long a session is
//! tried. Invariant 3: no Identify while a resume is still allowed. Scenarios 16, 17, 31 and 88.

use portcullis::Seed;
use portcullis::machine::{Cause, Config, ConnectFailure, MalformedPolicy, OutOfBounds, Phase, ResumePolicy, Shutdown};
use portcullis_tests::rig::{config, discord};
use portcullis_tests::{Rig, frames, millis, seconds};

/// The phases in which an open connection is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Greeting,
    GreetingWithSession,
    Queued,
    Identifying,
    Resuming,
    Online,
}

const ALL: [At; 6] = [At::Greeting, At::GreetingWithSession, At::Queued, At::Identifying, At::Resuming, At::Online];

impl At {
    fn rig(self, config: Config) -> Rig {
        let mut rig = match self {
            Self::Greeting | Self::Queued | Self::Identifying => Rig::new(config),
            Self::Resuming => Rig::resuming(config),
            Self::GreetingWithSession | Self::Online => Rig::online(config),
        };
        match self {
            Self::Greeting => rig.start().open(),
            Self::GreetingWithSession => rig.lose().next().open(),
            Self::Queued => rig.hold_identify().start().open().message(frames::hello("40000")),
            Self::Identifying => rig.start().open().message(frames::hello("40000")),
            Self::Resuming | Self::Online => &mut rig,
        };
        rig.story.clear();
        rig
    }

    fn has_session(self) -> bool {
        matches!(self, Self::GreetingWithSession | Self::Resuming | Self::Online)
    }

    /// The actions when the connection closes with `code`.
    fn leaves(self, code: u16) -> Vec<String> {
        let returned = (self == Self::Queued).then(|| "return identify".to_owned());
        returned.into_iter().chain([format!("close {code}")]).collect()
    }
}

/// The story's line about the next connection: its plan, and why the last one ended.
fn next_plan(rig: &Rig) -> &str {
    let waits = rig.story.of_kind('~');
    assert_eq!(waits.len(), 1, "{}", rig.story.text());
    waits[0].split_once(", ").unwrap().1
}

/// How long it is until the next connection.
fn wait(rig: &Rig) -> core::time::Duration {
    rig.machine.deadline().unwrap() - rig.now
}

#[test]
fn a_reconnect_leads_to_a_new_link_from_every_phase_and_keeps_the_session() {
    for at in ALL {
        let mut rig = at.rig(config());
        rig.message(frames::reconnect());
        assert_eq!(rig.story.of_kind('>'), at.leaves(4000), "{at:?}");
        assert_eq!(rig.story.of_kind('*'), Vec::<&str>::new(), "{at:?}");
        rig.close(4000);
        let plan = if at.has_session() { "resume" } else { "identify" };
        assert_eq!(next_plan(&rig), format!("{plan}: reconnect_requested"), "{at:?}");
    }
}

#[test]
fn scenario_88_an_invalid_session_that_can_be_resumed_keeps_it_from_every_phase() {
    for at in ALL {
        let mut rig = at.rig(config());
        rig.message(frames::invalid_session("true"));
        assert_eq!(rig.story.of_kind('>'), at.leaves(4000), "{at:?}");
        assert_eq!(rig.story.of_kind('*'), Vec::<&str>::new(), "{at:?}");
        rig.close(4000);
        let plan = if at.has_session() { "resume" } else { "identify" };
        assert_eq!(next_plan(&rig), format!("{plan}: invalid_session_resumable"), "{at:?}");
        assert!((seconds(1)..seconds(5)).contains(&wait(&rig)), "{at:?}");
    }
}

#[test]
fn scenario_88_an_invalid_session_that_is_lost_is_forgotten_from_every_phase() {
    for at in ALL {
        let mut rig = at.rig(config());
        rig.message(frames::invalid_session("false"));
        assert_eq!(rig.story.of_kind('>'), at.leaves(1000), "{at:?}");
        let lost: &[&str] = if at.has_session() { &["session lost: invalid_session_lost"] } else { &[] };
        assert_eq!(rig.story.of_kind('*'), lost, "{at:?}");
        rig.close(1000);
        assert_eq!(next_plan(&rig), "identify: invalid_session_lost", "{at:?}");
        assert!((seconds(1)..seconds(5)).contains(&wait(&rig)), "{at:?}");
        assert_eq!(rig.machine.session(), None, "{at:?}");
    }
}

#[test]
fn what_comes_while_we_close_or_wait_is_ignored() {
    for frame in [frames::reconnect(), frames::invalid_session("false"), frames::hello("40000"), frames::ready("x", 1)]
    {
        let mut rig = Rig::online(config());
        rig.message(frames::reconnect()).story.clear();
        rig.message(frame.clone());
        assert_eq!((rig.machine.phase(), rig.story.lines().len()), (Phase::Closing, 1), "{}", rig.story.text());
        rig.close(4000).story.clear();
        rig.message(frame);
        assert_eq!((rig.machine.phase(), rig.story.lines().len()), (Phase::Backoff, 1), "{}", rig.story.text());
        assert_eq!(rig.machine.health().counts.stale, 2);
    }
}

#[test]
fn scenario_16_the_wait_after_an_invalid_session_is_one_to_five_seconds_by_chance() {
    let waits: Vec<_> = (0..200)
        .map(|seed| {
            let mut rig = Rig::seeded(discord(), config(), Seed(seed));
            rig.start().open().message(frames::hello("40000")).message(frames::invalid_session("false")).close(1000);
            wait(&rig)
        })
        .collect();
    assert!(waits.iter().all(|wait| (seconds(1)..seconds(5)).contains(wait)), "{waits:?}");
    for second in 1..5 {
        let share = waits.iter().filter(|wait| wait.as_secs() == second).count();
        assert!((25..=75).contains(&share), "{share} of 200 wait {second} s");
    }
}

#[test]
fn scenario_16_an_invalid_session_right_after_identify_takes_a_fresh_turn() {
    let mut rig = At::Identifying.rig(config());
    rig.message(frames::invalid_session("false")).close(1000).next().open().message(frames::hello("40000"));
    rig.assert_kinds(
        "t+0.000 > close 1000
         t+0.000 ~ reconnect in 2.559 s, identify: invalid_session_lost
         t+2.559 > connect 2 wss://gateway.discord.gg/?v=10&encoding=json
         t+2.559 > ask identify
         t+2.559 > heartbeat null
         t+2.559 > identify",
    );
}

#[test]
fn scenario_17_the_wait_grows_when_identifies_are_refused_again_and_again() {
    let mut rig = Rig::new(config());
    rig.start();
    let mut waits = Vec::new();
    for _ in 0..12 {
        rig.open().message(frames::hello("40000")).message(frames::invalid_session("false")).close(1000);
        waits.push(wait(&rig));
        rig.next();
    }
    assert!(waits[..3].iter().all(|wait| (seconds(1)..seconds(5)).contains(wait)), "{waits:?}");
    assert!(waits[8..].iter().all(|wait| (seconds(30)..=seconds(60)).contains(wait)), "{waits:?}");
}

/// Why the shard closes a connection, the code that it sends, and how the test causes it.
type Departure = (&'static str, u16, fn(&mut Rig));

#[test]
fn scenario_31_a_close_that_keeps_the_session_is_4000_and_one_that_ends_it_is_1000() {
    let cases: [Departure; 11] = [
        ("reconnect", 4000, |rig| _ = rig.message(frames::reconnect())),
        ("invalid session true", 4000, |rig| _ = rig.message(frames::invalid_session("true"))),
        ("invalid session false", 1000, |rig| _ = rig.message(frames::invalid_session("false"))),
        ("zombie", 4000, |rig| _ = rig.advance(seconds(80))),
        ("malformed", 4000, |rig| _ = rig.message(frames::text("{"))),
        ("too large", 4000, |rig| _ = rig.message(frames::text(vec![b' '; 5000]))),
        ("interval", 4000, |rig| _ = rig.message(frames::hello("0"))),
        ("ready without id", 4000, |rig| _ = rig.message(frames::dispatch("READY", 9, "{}"))),
        ("asked", 4000, |rig| {
            rig.machine.reconnect(rig.now, Cause::Requested);
            rig.tick();
        }),
        ("shutdown, kept", 4000, |rig| _ = rig.shutdown(Shutdown::KeepSession)),
        ("shutdown, ended", 1000, |rig| _ = rig.shutdown(Shutdown::EndSession)),
    ];
    for (name, code, deed) in cases {
        let mut strict = Config { malformed: MalformedPolicy::Reconnect, ..config() };
        strict.limits.message = 4096;
        strict.heartbeat.out_of_bounds = OutOfBounds::Refuse;
        let mut rig = Rig::online(strict);
        deed(&mut rig);
        let left: Vec<_> = rig.story.of_kind('>').into_iter().filter(|line| !line.starts_with("heartbeat")).collect();
        assert_eq!(left, [format!("close {code}")], "{name}");
        assert_eq!(rig.machine.session().is_some(), code == 4000, "{name}");
    }
}

/// Loses each connection as soon as a Resume was sent, until the shard gives the session up. Returns when each Resume was sent,
/// after the first.
fn refused_until_given_up(config: Config) -> Vec<core::time::Duration> {
    let mut rig = Rig::resuming(config);
    let first = rig.now;
    let mut resumes = vec![core::time::Duration::ZERO];
    loop {
        rig.story.clear();
        rig.lose();
        if rig.story.of_kind('*').contains(&"session lost: resumes_exhausted") {
            assert!(next_plan(&rig).starts_with("identify"), "{}", rig.story.text());
            return resumes;
        }
        assert!(next_plan(&rig).starts_with("resume"), "{}", rig.story.text());
        rig.next().open().message(frames::hello("40000"));
        resumes.push(rig.now - first);
    }
}

#[test]
fn a_session_is_tried_five_times_unless_configured() {
    assert_eq!(ResumePolicy::default(), ResumePolicy { tries: 5, within: seconds(90), unreachable: 10 });
    for tries in [1, 2, 5, 7] {
        let resume = ResumePolicy { tries, within: seconds(3600), ..ResumePolicy::default() };
        let resumes = refused_until_given_up(Config { resume, ..config() });
        assert_eq!(u32::try_from(resumes.len()), Ok(tries));
    }
}

#[test]
fn no_resume_goes_out_later_than_ninety_seconds_after_the_first_that_failed() {
    for within in [5, 30, 90] {
        let resume = ResumePolicy { tries: 1000, within: seconds(within), ..ResumePolicy::default() };
        let resumes = refused_until_given_up(Config { resume, ..config() });
        assert!(resumes.len() > 3, "{resumes:?}");
        assert!(resumes.iter().all(|at| *at < seconds(within)), "{resumes:?} within {within} s");
    }
}

#[test]
fn a_policy_without_tries_identifies_after_the_first_refusal() {
    let resume = ResumePolicy { tries: 0, ..ResumePolicy::default() };
    let mut rig = Rig::online(Config { resume, ..config() });
    rig.lose();
    assert_eq!(rig.story.of_kind('*'), ["session lost: resumes_exhausted", "closed 1: end of stream"]);
    assert_eq!(next_plan(&rig), "identify: connection_lost");
}

#[test]
fn invariant_3_no_identify_goes_out_while_a_resume_is_allowed() {
    for seed in 0..150 {
        let mut rig = Rig::seeded(discord(), config(), Seed(seed));
        let mut chance = seed;
        rig.start();
        for _ in 0..80 {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let sequence = rig.machine.health().sequence.map_or(1, |sequence| sequence.0 + 1);
            match (chance >> 33) % 12 {
                0 => rig.lose(),
                1 => rig.close(4000),
                2 => rig.message(frames::reconnect()),
                3 => rig.message(frames::invalid_session("true")),
                4 => rig.message(frames::resumed(sequence)),
                5 => rig.refuse(ConnectFailure::Refused),
                6 if chance % 7 == 0 => rig.message(frames::invalid_session("false")),
                6 | 7 => rig.message(frames::message_create(sequence)),
                8 => rig.message(frames::ready(&format!("{chance:x}"), 1)),
                9 => rig.advance(millis(chance % 3000)),
                _ => rig.next().open().message(frames::hello("40000")),
            };
        }
        let mut in_session = false;
        for line in rig.story.lines() {
            let said = line.split_once(' ').unwrap().1;
            match said {
                _ if said.starts_with("* ready") => in_session = true,
                _ if said.starts_with("* session lost") => in_session = false,
                "> identify" | "> ask identify" => assert!(!in_session, "seed {seed}: {line}\n{}", rig.story.text()),
                _ => {}
            }
        }
    }
}
