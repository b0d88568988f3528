//! Shards, a gateway and the queue on one clock: scenarios 10 to 17 and 76, and a thousand shards in virtual time.

#![allow(clippy::unwrap_used)]

use core::time::Duration;
use portcullis::Timestamp;
use portcullis::identify::{Answer, IdentifyQueue, PermitId, QueueConfig, SessionStartLimit};
use portcullis::machine::{Config, Phase};
use portcullis_fake::{ClientFrame, FakeConfig, Fault, FaultKind, Rebuff, Resumable, Span, Target};
use portcullis_tests::{Fleet, seconds};
use std::collections::BTreeMap;

const DAY: u64 = 86_400;

/// No reserve, and exactly the gateway's five seconds of spacing, so that times are round.
fn exact() -> QueueConfig {
    QueueConfig { spacing: seconds(5), reserve: 0, ..QueueConfig::default() }
}

fn fleet_of(count: u32, max_concurrency: u32, remaining: u32, config: QueueConfig) -> Fleet {
    let limit = SessionStartLimit { max_concurrency, total: 1000.max(remaining), remaining, reset_after: seconds(DAY) };
    // Few heartbeats, to keep a day of a thousand shards short.
    let gateway = FakeConfig {
        max_concurrency,
        daily_limit: remaining,
        heartbeat_interval: seconds(600),
        guilds: 0,
        ..FakeConfig::default()
    };
    Fleet::new(count, &Config::default(), gateway, IdentifyQueue::new(Timestamp::ZERO, limit, config))
}

/// The identifies in the gateway's log.
fn log(fleet: &Fleet) -> Vec<(Timestamp, u32)> {
    let identifies = fleet.gateway.received().filter_map(|received| match &received.frame {
        ClientFrame::Identify(identify) => Some((received.at, identify.shard.unwrap().id)),
        _ => None,
    });
    identifies.collect()
}

/// The least time between two identifies of one bucket.
fn least_gap(identifies: &[(Timestamp, u32)], max_concurrency: u32) -> Option<Duration> {
    let mut last: BTreeMap<u32, Timestamp> = BTreeMap::new();
    let gaps = identifies.iter().filter_map(|(at, shard)| Some(*at - last.insert(shard % max_concurrency, *at)?));
    gaps.min()
}

#[test]
fn sixteen_shards_in_one_bucket_identify_five_seconds_apart() {
    let mut fleet = fleet_of(16, 1, 1000, exact());
    fleet.start();
    fleet.advance(seconds(120));
    let first = log(&fleet)[0].0;
    let expected: Vec<_> = (0..16).map(|shard| (first + seconds(u64::from(shard) * 5), shard)).collect();
    assert_eq!(log(&fleet), expected);
    assert_eq!((fleet.gateway.breaches().count(), fleet.count(Phase::Active)), (0, 16));
}

#[test]
fn found_18_without_word_of_the_identify_each_turn_takes_a_whole_lease() {
    // given: four shards of one bucket, asking one queue
    let limit = SessionStartLimit { max_concurrency: 1, total: 1000, remaining: 1000, reset_after: seconds(DAY) };
    let granted_at = |reports: &dyn Fn(&mut IdentifyQueue, Timestamp, PermitId)| {
        let mut queue = IdentifyQueue::new(Timestamp::ZERO, limit, exact());
        let mut granted = Vec::new();
        for shard in 0..4 {
            queue.ask(Timestamp::ZERO, PermitId(u64::from(shard)), shard).unwrap();
        }
        while let Some(now) = queue.deadline() {
            for answer in queue.answers(now) {
                let Answer::Granted(id) = answer else { panic!("the budget is large enough") };
                reports(&mut queue, now, id);
                granted.push(now - Timestamp::ZERO);
            }
        }
        granted
    };

    // then: the call of `spent` on the embedding page makes the difference
    assert_eq!(granted_at(&|queue, now, id| queue.spent(now, id)), [0, 5, 10, 15].map(seconds));
    assert_eq!(granted_at(&|_, _, _| {}), [0, 15, 30, 45].map(seconds));
    let page = include_str!("../../core/docs/embedding.md");
    assert!(page.contains("if machine.phase() == Phase::Identifying {\n    queue.spent(now, permit);"));
}

#[test]
fn scenario_10_seventeen_shards_in_sixteen_buckets_go_out_together_but_for_the_last() {
    let mut fleet = fleet_of(17, 16, 1000, exact());
    fleet.start();
    fleet.advance(seconds(60));
    let first = log(&fleet)[0].0;
    let times: Vec<_> = log(&fleet).into_iter().map(|(at, shard)| (shard, at - first)).collect();
    let expected: Vec<_> = (0..17).map(|shard| (shard, seconds(if shard == 16 { 5 } else { 0 }))).collect();
    assert_eq!(times, expected);
    assert_eq!((fleet.gateway.breaches().count(), fleet.count(Phase::Active)), (0, 17));
}

#[test]
fn scenario_11_a_shard_that_dies_in_the_queue_holds_nobody_up() {
    // given: three shards of one bucket, of which the second dies while it waits, at the head of the queue
    let mut fleet = fleet_of(3, 1, 1000, exact());
    fleet.start();
    fleet.advance(seconds(4));
    assert_eq!((fleet.count(Phase::AwaitingIdentify), fleet.queue.waiting()), (2, 2));
    fleet.cut_one(1);
    assert_eq!(fleet.queue.waiting(), 1);
    fleet.advance(seconds(60));

    // then: all come online, with one identify each
    assert_eq!((fleet.count(Phase::Active), fleet.identifies.len()), (3, 3));
    assert!(least_gap(&log(&fleet), 1) >= Some(seconds(5)));
    assert_eq!((fleet.queue.left(), fleet.gateway.breaches().count()), (997, 0));
}

#[test]
fn scenario_12_a_shard_that_waits_for_its_turn_beats() {
    let limit = SessionStartLimit { total: 1000, remaining: 1000, ..SessionStartLimit::default() };
    let queue = IdentifyQueue::new(Timestamp::ZERO, limit, exact());
    let gateway = FakeConfig { heartbeat_interval: seconds(10), ..FakeConfig::default() };
    let mut fleet = Fleet::new(16, &Config::default(), gateway, queue);
    fleet.start();
    fleet.advance(seconds(74));
    let last = fleet.machine(15).health();
    assert_eq!((last.phase, last.counts.connections), (Phase::AwaitingIdentify, 1));
    assert!(last.counts.beats_acked >= 7, "{last:?}");
    fleet.advance(seconds(5));
    assert_eq!(fleet.count(Phase::Active), 16);
}

#[test]
fn scenario_13_two_hundred_lost_sessions_identify_bucket_by_bucket() {
    // given: 200 shards in session
    let mut fleet = fleet_of(200, 16, 1000, exact());
    fleet.start();
    fleet.advance(seconds(120));
    assert_eq!(fleet.count(Phase::Active), 200);

    // when: all sessions are lost in the same second
    let now = fleet.now;
    assert_eq!(fleet.gateway.invalid_session(now, Target::All, Resumable::No), 200);
    fleet.tell_server(portcullis_fake::Input::Tick);
    fleet.advance(seconds(120));

    // then: they come back by the config, as at the start
    assert_eq!((fleet.count(Phase::Active), fleet.identifies.len()), (200, 400));
    assert!(least_gap(&log(&fleet), 16) >= Some(seconds(5)));
    assert_eq!(fleet.gateway.breaches().count(), 0);
}

#[test]
fn scenario_14_without_budget_a_shard_says_so_once_and_waits_over_links_for_word_of_more() {
    // given: a shard without budget, whose connection dies while it waits
    let mut fleet = fleet_of(1, 1, 0, exact());
    fleet.start();
    fleet.advance(seconds(30));
    fleet.cut();
    fleet.advance(seconds(3600));
    assert_eq!((fleet.count(Phase::AwaitingIdentify), fleet.machine(0).health().counts.connections), (1, 2));
    let told: Vec<_> = fleet.exhausted.iter().map(|(_, shard, resets_in)| (*shard, resets_in.as_secs() / 60)).collect();
    assert_eq!((told, fleet.identifies.len()), (vec![(0, DAY / 60 - 1)], 0));

    // when: the budget has more
    let limit = SessionStartLimit { remaining: 10, reset_after: seconds(600), ..SessionStartLimit::default() };
    fleet.queue.update(fleet.now, limit);
    let asked = fleet.now;
    fleet.advance(Duration::from_millis(1));

    // then: it identifies at once
    assert_eq!(fleet.identifies, [(asked, 0)]);
}

#[test]
fn scenario_14_without_word_of_more_a_shard_waits_for_the_reset() {
    let mut fleet = fleet_of(1, 1, 0, exact());
    fleet.start();
    fleet.advance(seconds(DAY + 60));
    let times: Vec<_> = fleet.identifies.iter().map(|(at, _)| *at).collect();
    assert_eq!((times, fleet.exhausted.len()), (vec![Timestamp::since_start(seconds(DAY))], 1));
}

#[test]
fn scenario_15_twenty_shards_with_fifteen_identifies_use_fifteen_and_keep_the_token() {
    let mut fleet = fleet_of(20, 16, 15, exact());
    fleet.start();
    fleet.advance(seconds(3600));
    assert_eq!((fleet.count(Phase::Active), fleet.count(Phase::AwaitingIdentify)), (15, 5));
    assert_eq!((fleet.exhausted.len(), fleet.gateway.breaches().count()), (5, 0));
}

/// What a fleet does in a day at a gateway that answers every Identify with op 9 `false`.
fn day_of_op_9(count: u32, max_concurrency: u32, remaining: u32) -> Fleet {
    let mut fleet = fleet_of(count, max_concurrency, remaining, QueueConfig::default());
    let rebuff = Fault::Identify(Rebuff::InvalidSession(Resumable::No));
    fleet.gateway.fault(Target::All, rebuff, Span::UntilLifted);
    fleet.start();
    // The next day's budget does not matter here.
    fleet.advance(seconds(DAY - 1));
    fleet
}

#[test]
fn scenario_16_an_identify_that_is_refused_waits_a_second_or_more_and_takes_a_fresh_turn() {
    let mut fleet = fleet_of(1, 1, 1000, exact());
    let rebuff = Fault::Identify(Rebuff::InvalidSession(Resumable::No));
    fleet.gateway.fault(Target::All, rebuff, Span::Next);
    fleet.start();
    fleet.advance(seconds(60));
    assert_eq!((fleet.count(Phase::Active), fleet.queue.left()), (1, 998));
    // A random 1 to 5 s pass before the second connection, and five until its permit.
    let [first, second] = [fleet.identifies[0].0, fleet.identifies[1].0];
    let redialed = fleet.gateway.arrivals().nth(1).unwrap().at;
    let waited = redialed - first;
    assert!((seconds(1)..seconds(6)).contains(&waited), "{waited:?}");
    assert!(second - first >= seconds(5));
}

#[test]
fn scenario_17_an_identify_that_is_refused_again_and_again_is_tried_ever_more_slowly() {
    let fleet = day_of_op_9(1, 1, 1000);
    let gaps: Vec<f64> = fleet.identifies.windows(2).map(|pair| (pair[1].0 - pair[0].0).as_secs_f64()).collect();
    let mean = |gaps: &[f64]| gaps.iter().sum::<f64>() / f64::from(u32::try_from(gaps.len()).unwrap());
    assert!(mean(&gaps[..3]) < 20.0 && mean(&gaps[20..]) > 30.0, "{:?}", &gaps[..30]);
}

#[test]
fn scenario_76_a_day_of_op_9_costs_one_shard_no_more_than_the_budget_without_the_reserve() {
    let fleet = day_of_op_9(1, 1, 100);
    assert_eq!(fleet.gateway.counters().identifies, 95);
    assert_eq!((fleet.queue.left(), fleet.exhausted.len()), (0, 1));
}

#[test]
fn scenario_76_a_day_of_op_9_costs_sixteen_shards_no_more_than_the_budget_without_the_reserve() {
    for max_concurrency in [1, 16] {
        let fleet = day_of_op_9(16, max_concurrency, 1000);
        assert_eq!(fleet.gateway.counters().identifies, 995);
        assert!(least_gap(&fleet.identifies, max_concurrency) >= Some(QueueConfig::default().spacing));
        assert_eq!((fleet.queue.left(), fleet.exhausted.len(), fleet.gateway.breaches().count()), (0, 16, 0));
    }
}

#[test]
fn scenario_76_a_day_of_op_9_costs_a_thousand_shards_no_more_than_the_budget_without_the_reserve() {
    let fleet = day_of_op_9(1000, 16, 2000);
    assert_eq!(fleet.gateway.counters().identifies, 1995);
    assert!(least_gap(&fleet.identifies, 16) >= Some(QueueConfig::default().spacing));
    assert_eq!((fleet.queue.left(), fleet.exhausted.len(), fleet.gateway.breaches().count()), (0, 1000, 0));
}

#[test]
fn a_thousand_shards_start_resume_and_begin_anew_by_the_rules() {
    // given: a thousand shards in session
    let mut fleet = fleet_of(1000, 16, 2500, QueueConfig::default());
    fleet.start();
    fleet.advance(seconds(360));
    assert_eq!((fleet.count(Phase::Active), fleet.identifies.len()), (1000, 1000));

    // when: every connection is cut at once, twice; the second time all sessions are gone
    fleet.cut();
    fleet.advance(seconds(120));
    assert_eq!((fleet.count(Phase::Active), fleet.identifies.len()), (1000, 1000), "a resume needs no turn");
    let rebuff = Fault::Resume(Rebuff::InvalidSession(Resumable::No));
    fleet.gateway.fault(Target::All, rebuff, Span::UntilLifted);
    fleet.cut();
    fleet.advance(seconds(600));
    fleet.gateway.lift(Target::All, FaultKind::Resume);

    // then: each has identified twice, within its bucket's spacing
    assert_eq!((fleet.count(Phase::Active), fleet.identifies.len()), (1000, 2000));
    assert!(least_gap(&fleet.identifies, 16) >= Some(QueueConfig::default().spacing));
    assert_eq!((fleet.queue.left(), fleet.gateway.breaches().count()), (495, 0));
}
