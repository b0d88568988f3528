//! How long a shard waits between connections. Invariant 5, calm; scenarios 65 to 68 and 77.

// Helpers of tests fail by panicking.
#![allow(clippy::unwrap_used)]

use core::time::Duration;
use portcullis::machine::{Backoff, Cause, Config, ConfigError, ConnectFailure, Phase, SpanOption};
use portcullis::{GatewayMachine, Seed};
use portcullis_tests::rig::{config, discord};
use portcullis_tests::{Rig, frames, millis, seconds};

#[test]
fn shards_told_the_same_retry_after_do_not_come_back_in_one_moment() {
    let waits: Vec<_> = (0..8)
        .map(|seed| {
            let mut rig = Rig::seeded(discord(), config(), Seed(seed));
            rig.start().refuse(ConnectFailure::Http { status: 429, retry_after: Some(seconds(30)) });
            rig.machine.deadline().map(|deadline| deadline - rig.now).unwrap()
        })
        .collect();
    assert!(waits.iter().all(|wait| (seconds(30)..seconds(32)).contains(wait)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
}

/// A shard whose connects all fail: the wait after each of `count`.
fn waits(backoff: Backoff, seed: Seed, count: usize) -> Vec<Duration> {
    let mut rig = Rig::seeded(discord(), Config { backoff, ..config() }, seed);
    rig.start();
    (0..count)
        .map(|_| {
            rig.refuse(ConnectFailure::Refused);
            let wait = rig.machine.deadline().unwrap() - rig.now;
            rig.next();
            wait
        })
        .collect()
}

#[test]
fn found_23_the_waits_are_those_of_the_page() {
    // given: the rows of the page, `| attempt | from to to s |`
    let page = include_str!("../../core/docs/when_it_fails.md");
    let rows = page.lines().filter_map(|line| {
        let (_, span) = line.strip_suffix(" s |")?.rsplit_once("| ")?;
        let (from, to) = span.split_once(" to ")?;
        let exact = |text: &str| Duration::from_secs_f64(text.parse().unwrap());
        Some((exact(from), exact(to)))
    });
    let rows: Vec<_> = rows.collect();
    assert_eq!(rows.len(), 8);

    // then: each wait is in its row's range, and the ranges are as narrow as possible
    let runs: Vec<_> = (0..200).map(|seed| waits(Backoff::STANDARD, Seed(seed), 9)).collect();
    for attempt in 0..9 {
        let (from, to) = rows[attempt.min(7)];
        let waited: Vec<_> = runs.iter().map(|waits| waits[attempt]).collect();
        assert!(waited.iter().all(|wait| (from..=to).contains(wait)), "attempt {}: {waited:?}", attempt + 1);
        let tenth = to.saturating_sub(from) / 10;
        assert!(waited.iter().any(|wait| *wait < from + tenth), "attempt {}", attempt + 1);
        assert!(waited.iter().any(|wait| *wait + tenth > to), "attempt {}", attempt + 1);
    }
}

/// The next connection, up to Ready or Resumed.
fn back_online(rig: &mut Rig) {
    rig.next().open().message(frames::hello("40000")).message(frames::ack());
    match rig.machine.phase() {
        Phase::Resuming => rig.message(frames::resumed(3)),
        Phase::Identifying => rig.message(frames::ready("5e551011", 1)),
        phase => panic!("{phase}"),
    };
    assert_eq!(rig.machine.phase(), Phase::Active);
}

#[test]
fn each_preset_waits_as_its_name_says() {
    for (backoff, longest) in [
        (Backoff::STANDARD, [2, 1, 2, 4, 8, 16, 32, 60, 60]),
        (Backoff::TEN_ATTEMPTS, [2, 1, 2, 4, 8, 16, 32, 60, 60]),
        (Backoff::STEPS_TO_FORTY, [2, 5, 10, 20, 40, 40, 40, 40, 40]),
    ] {
        for seed in 0..50 {
            let waits = waits(backoff, Seed(seed), longest.len());
            assert!(waits[0] < seconds(longest[0]), "{waits:?}");
            for (wait, longest) in waits.iter().zip(longest).skip(1) {
                let shortest = seconds(longest) * (100 - backoff.jitter_percent) / 100;
                assert!((shortest..=seconds(longest)).contains(wait), "{wait:?} of {longest} s in {waits:?}");
            }
        }
    }
    assert_eq!(Config::default().backoff, Backoff::STANDARD);
}

#[test]
fn scenario_65_waits_stay_at_the_cap_after_hundreds_of_attempts() {
    let waits = waits(Backoff::STANDARD, Seed(3), 300);
    assert!(waits[8..].iter().all(|wait| (seconds(30)..=seconds(60)).contains(wait)), "{waits:?}");
}

#[test]
fn invariant_5_every_wait_has_jitter() {
    let runs: Vec<_> = (0..20).map(|seed| waits(Backoff::STEPS_TO_FORTY, Seed(seed), 12)).collect();
    for attempt in 0..12 {
        let mut seen: Vec<_> = runs.iter().map(|run| run[attempt]).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 20, "attempt {attempt}");
    }
}

#[test]
fn scenario_66_a_shard_with_ten_attempts_lives_through_a_month_of_clean_reconnects() {
    let mut rig = Rig::online(Config { backoff: Backoff::TEN_ATTEMPTS, ..config() });
    for _ in 0..30 {
        // A day in phase Active, in one leap: other tests check heartbeats.
        rig.pass(seconds(86_400)).message(frames::reconnect()).close(4000);
        assert_eq!(rig.machine.health().attempts, 1);
        back_online(&mut rig);
    }
    assert_eq!(rig.machine.health().counts.resumes, 30);
}

#[test]
fn scenario_67_a_gateway_that_drops_right_after_hello_is_not_hammered() {
    // given: a gateway that accepts, says Hello and drops
    let mut rig = Rig::new(config());
    rig.start();
    let mut connects = Vec::new();

    // when: it does so a thousand times
    for _ in 0..1000 {
        connects.push(rig.now);
        rig.open().message(frames::hello("40000")).lose().next();
    }

    // then: no minute but the first ever has more than three connects
    let first_minute = connects.iter().filter(|at| **at - connects[0] < seconds(60)).count();
    assert!(first_minute <= 8, "{first_minute}");
    assert!(connects[8..].windows(4).all(|four| four[3] - four[0] > seconds(60)));
}

#[test]
fn scenario_68_a_thousand_shards_that_lose_their_links_at_once_come_back_spread() {
    // given: a thousand shards in session
    let mut returns: Vec<_> = (0..1000)
        .map(|seed| {
            let mut rig = Rig::seeded(discord(), config(), Seed(seed));
            rig.start().open().message(frames::hello("40000")).message(frames::ready("5e551011", 1));
            // when: all lose their connections in one moment
            rig.lose();
            rig.machine.deadline().unwrap() - rig.now
        })
        .collect();

    // then: they come back over two seconds, at most 80 in any tenth of one
    returns.sort();
    assert!(returns[999] < seconds(2));
    let busiest =
        returns.iter().map(|from| returns.iter().filter(|at| **at >= *from && **at < *from + millis(100)).count());
    let busiest = busiest.max().unwrap();
    assert!(busiest <= 80, "{busiest} in 100 ms");
}

#[test]
fn scenario_68_the_spread_is_an_option() {
    let backoff = Backoff { spread: seconds(600), ..Backoff::STANDARD };
    let waits: Vec<_> = (0..50).map(|seed| waits(backoff, Seed(seed), 1)[0]).collect();
    assert!(
        waits.iter().any(|wait| *wait > seconds(500)) && waits.iter().all(|wait| *wait < seconds(600)),
        "{waits:?}"
    );
}

#[test]
fn scenario_77_only_a_session_that_lived_a_minute_starts_the_count_anew() {
    for (lived, attempts) in [(0, 4), (1, 4), (59, 4), (60, 1), (61, 1)] {
        // given: a shard that became active at its third attempt
        let mut rig = Rig::new(config());
        rig.start().refuse(ConnectFailure::Refused).next().refuse(ConnectFailure::Refused).next();
        rig.refuse(ConnectFailure::Refused);
        back_online(&mut rig);
        assert_eq!(rig.machine.health().attempts, 3, "neither the handshake nor Ready is progress");

        // when: its session ends after this many seconds
        rig.pass(seconds(lived)).lose();

        // then
        assert_eq!(rig.machine.health().attempts, attempts, "after {lived} s");
        let wait = rig.machine.deadline().unwrap() - rig.now;
        let expected = if attempts == 1 { seconds(0)..seconds(2) } else { seconds(2)..seconds(4) };
        assert!(expected.contains(&wait), "{wait:?} after {lived} s");
    }
}

#[test]
fn scenario_77_how_long_a_session_must_live_is_an_option() {
    let backoff = Backoff { stable: seconds(5), ..Backoff::STANDARD };
    let mut rig = Rig::online(Config { backoff, ..config() });
    for lived in [4, 4, 5] {
        rig.pass(seconds(lived)).lose();
        back_online(&mut rig);
    }
    assert_eq!(rig.machine.health().attempts, 1);
}

#[test]
fn scenario_77_a_session_that_dies_young_again_and_again_waits_ever_longer() {
    let mut rig = Rig::online(config());
    let waits: Vec<_> = (0..10)
        .map(|_| {
            rig.pass(seconds(10)).lose();
            let wait = rig.machine.deadline().unwrap() - rig.now;
            back_online(&mut rig);
            wait
        })
        .collect();
    assert!(waits[8..].iter().all(|wait| *wait >= seconds(30)), "{waits:?}");
}

#[test]
fn attempts_that_were_asked_for_do_not_count() {
    let mut rig = Rig::online(Config { backoff: Backoff::TEN_ATTEMPTS, ..config() });
    for _ in 0..20 {
        rig.machine.reconnect(rig.now, Cause::Requested);
        rig.tick().close(4000);
        let wait = rig.machine.deadline().unwrap() - rig.now;
        assert!(wait < seconds(2), "{wait:?}");
        back_online(&mut rig);
    }
    assert_eq!(rig.machine.health().attempts, 0);
}

#[test]
fn the_bound_on_attempts_counts_retries_and_ends_the_shard_once() {
    let mut rig = Rig::new(Config { backoff: Backoff { attempts: Some(2), ..Backoff::STANDARD }, ..config() });
    rig.start().refuse(ConnectFailure::Name).next().refuse(ConnectFailure::Name).next().refuse(ConnectFailure::Name);
    rig.pass(seconds(3600)).tick().tick();
    rig.assert_kinds(
        "t+0.000 * connecting 1, identify
         t+0.000 > connect 1 wss://gateway.discord.gg/?v=10&encoding=json
         t+0.000 ~ reconnect in 0.779 s, identify: connect_name
         t+0.779 * connecting 2, identify
         t+0.779 > connect 2 wss://gateway.discord.gg/?v=10&encoding=json
         t+0.779 ~ reconnect in 0.991 s, identify: connect_name
         t+1.771 * connecting 3, identify
         t+1.771 > connect 3 wss://gateway.discord.gg/?v=10&encoding=json
         t+1.771 * ended: gave up after 2 attempts; check the network, or choose a backoff without a bound",
    );
}

#[test]
fn a_backoff_that_shrinks_or_has_no_jitter_is_refused() {
    let standard = Backoff::STANDARD;
    for (backoff, error) in [
        (Backoff { factor_percent: 99, ..standard }, ConfigError::Backoff),
        (Backoff { base: seconds(61), ..standard }, ConfigError::Backoff),
        (Backoff { jitter_percent: 0, ..standard }, ConfigError::Jitter { percent: 0 }),
        (Backoff { jitter_percent: 101, ..standard }, ConfigError::Jitter { percent: 101 }),
        (Backoff { spread: Duration::ZERO, ..standard }, ConfigError::TooShort { option: SpanOption::BackoffSpread }),
        (Backoff { base: Duration::ZERO, ..standard }, ConfigError::TooShort { option: SpanOption::BackoffBase }),
    ] {
        let made = GatewayMachine::new(discord(), Config { backoff, ..config() }, Seed(1)).map(|_| ());
        assert_eq!(made, Err(error), "{backoff:?}");
    }
}
