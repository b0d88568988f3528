//! The identify queue by itself: scenarios 10, 11, 14, 15 and 91.

#![allow(clippy::unwrap_used)]

use core::time::Duration;
use portcullis::identify::{Answer, IdentifyQueue, PermitId, QueueConfig, QueueFull, Returned, SessionStartLimit};
use portcullis::machine::{Input, Phase};
use portcullis::{ConnectionId, Timestamp};
use portcullis_tests::rig::prompt;
use portcullis_tests::{Rig, millis, seconds};

const DAY: u64 = 86_400;

fn at(second: u64) -> Timestamp {
    Timestamp::since_start(seconds(second))
}

fn limit(max_concurrency: u32, remaining: u32) -> SessionStartLimit {
    SessionStartLimit { max_concurrency, total: 1000, remaining, reset_after: seconds(3600) }
}

/// Round times, and no reserve.
fn rules() -> QueueConfig {
    QueueConfig { spacing: seconds(5), reserve: 0, ..QueueConfig::default() }
}

fn queue(max_concurrency: u32, remaining: u32) -> IdentifyQueue {
    IdentifyQueue::new(at(0), limit(max_concurrency, remaining), rules())
}

/// The shards whose permits are granted; each identifies at once.
fn granted(queue: &mut IdentifyQueue, now: Timestamp) -> Vec<u64> {
    let ids: Vec<PermitId> = queue
        .answers(now)
        .into_iter()
        .filter_map(|answer| match answer {
            Answer::Granted(id) => Some(id),
            Answer::Exhausted { .. } => None,
        })
        .collect();
    for id in &ids {
        queue.spent(now, *id);
    }
    ids.into_iter().map(|id| id.0).collect()
}

fn ask(queue: &mut IdentifyQueue, now: Timestamp, shards: impl IntoIterator<Item = u32>) {
    for shard in shards {
        queue.ask(now, PermitId(shard.into()), shard).unwrap();
    }
}

#[test]
fn scenario_10_sixteen_buckets_go_out_together_and_shard_16_waits_for_the_bucket_of_shard_0() {
    let mut queue = queue(16, 1000);
    ask(&mut queue, at(0), 0..17);
    assert_eq!(granted(&mut queue, at(0)), (0..16).collect::<Vec<_>>());
    assert_eq!(queue.deadline(), Some(at(5)));
    assert!(granted(&mut queue, at(0) + millis(4999)).is_empty());
    assert_eq!(granted(&mut queue, at(5)), [16]);
    assert_eq!((queue.waiting(), queue.left(), queue.deadline()), (0, 983, None));
}

#[test]
fn with_one_bucket_they_go_in_the_order_in_which_they_asked() {
    let mut queue = queue(1, 1000);
    ask(&mut queue, at(0), [3, 1, 2]);
    let order: Vec<u64> = (0..3).flat_map(|window| granted(&mut queue, at(window * 5))).collect();
    assert_eq!(order, [3, 1, 2]);
}

#[test]
fn a_busy_bucket_holds_nobody_of_another_back() {
    let mut queue = queue(2, 1000);
    ask(&mut queue, at(0), [0, 2, 4, 1]);
    assert_eq!(granted(&mut queue, at(0)), [0, 1]);
    assert_eq!(granted(&mut queue, at(5)), [2]);
}

#[test]
fn a_bucket_is_counted_from_the_identify_and_not_from_the_grant() {
    let mut queue = queue(1, 1000);
    ask(&mut queue, at(0), [0, 1]);
    assert_eq!(queue.answers(at(0)), [Answer::Granted(PermitId(0))]);
    // The permit's Identify waits behind a heartbeat for three seconds.
    queue.spent(at(3), PermitId(0));
    assert_eq!(queue.deadline(), Some(at(8)));
    assert_eq!(granted(&mut queue, at(7)), [] as [u64; 0]);
    assert_eq!(granted(&mut queue, at(8)), [1]);
}

#[test]
fn scenario_11_a_turn_given_back_is_free_for_the_next_at_once() {
    let mut queue = queue(1, 1);
    ask(&mut queue, at(0), [0, 1]);
    assert_eq!(queue.answers(at(0))[0], Answer::Granted(PermitId(0)));
    queue.give_back(at(1), PermitId(0));
    assert_eq!(granted(&mut queue, at(1)), [1]);
    // A used permit cannot be given back.
    queue.give_back(at(2), PermitId(1));
    assert_eq!((queue.left(), queue.deadline()), (0, None));
}

#[test]
fn scenario_11_by_policy_a_turn_given_back_counts_as_used() {
    let rules = QueueConfig { returned: Returned::Used, ..rules() };
    let mut queue = IdentifyQueue::new(at(0), limit(1, 2), rules);
    ask(&mut queue, at(0), [0, 1]);
    assert_eq!(queue.answers(at(0)), [Answer::Granted(PermitId(0))]);
    queue.give_back(at(1), PermitId(0));
    assert_eq!((queue.left(), queue.deadline()), (1, Some(at(6))));
}

#[test]
fn scenario_11_a_turn_of_which_nothing_is_heard_counts_as_used_when_its_lease_is_over() {
    let mut queue = queue(1, 2);
    ask(&mut queue, at(0), [0, 1]);
    assert_eq!(queue.answers(at(0)), [Answer::Granted(PermitId(0))]);
    assert_eq!(queue.deadline(), Some(at(15)));
    assert_eq!(granted(&mut queue, at(15)), [1]);
    assert_eq!(queue.left(), 0);
}

#[test]
fn a_question_that_is_withdrawn_is_not_answered() {
    let mut queue = queue(1, 1000);
    ask(&mut queue, at(0), [0, 1, 2]);
    queue.give_back(at(0), PermitId(1));
    assert_eq!((granted(&mut queue, at(0)), granted(&mut queue, at(5))), (vec![0], vec![2]));
}

#[test]
fn scenario_14_without_budget_nobody_identifies_until_the_reset_and_each_is_told_once() {
    let mut queue = queue(1, 0);
    ask(&mut queue, at(0), [0, 1]);
    let told = |id, left| Answer::Exhausted { id: PermitId(id), resets_in: seconds(left) };
    assert_eq!(queue.answers(at(0)), [told(0, 3600), told(1, 3600)]);
    assert_eq!((queue.answers(at(1)), queue.deadline()), (vec![], Some(at(3600))));

    // A repeated request keeps its place, and is answered again.
    queue.ask(at(60), PermitId(1), 1).unwrap();
    assert_eq!(queue.answers(at(60)), [told(1, 3540)]);

    assert_eq!(granted(&mut queue, at(3600)), [0]);
    assert_eq!(granted(&mut queue, at(3605)), [1]);
    assert_eq!(queue.left(), 998);
}

#[test]
fn scenario_14_an_update_during_the_wait_is_honoured() {
    let mut queue = queue(1, 0);
    ask(&mut queue, at(0), [0, 16]);
    assert_eq!(queue.answers(at(0)).len(), 2);
    queue.update(at(60), limit(16, 1));
    assert_eq!(queue.deadline(), Some(at(60)));
    let told = Answer::Exhausted { id: PermitId(16), resets_in: seconds(3600) };
    assert_eq!(queue.answers(at(60)), [Answer::Granted(PermitId(0)), told]);
}

#[test]
fn an_update_of_the_buckets_keeps_those_busy_that_were() {
    let mut queue = queue(1, 1000);
    ask(&mut queue, at(0), [5, 21, 6]);
    assert_eq!(granted(&mut queue, at(0)), [5]);
    queue.update(at(1), limit(16, 1000));
    assert_eq!(granted(&mut queue, at(1)), [6]);
    assert_eq!(granted(&mut queue, at(5)), [21]);
}

#[test]
fn an_update_does_not_know_of_identifies_that_are_on_their_way() {
    let mut queue = queue(16, 10);
    ask(&mut queue, at(0), [0, 1]);
    assert_eq!(queue.answers(at(0)).len(), 2);
    queue.spent(at(0), PermitId(0));
    queue.update(at(1), limit(16, 10));
    assert_eq!(queue.left(), 8);
    // When they have arrived, the next update counts them.
    queue.spent(at(1), PermitId(1));
    queue.update(at(10), limit(16, 8));
    assert_eq!(queue.left(), 8);
}

#[test]
fn the_reserve_is_never_given_out() {
    let mut queue =
        IdentifyQueue::new(at(0), limit(16, 7), QueueConfig { spacing: seconds(5), ..QueueConfig::default() });
    ask(&mut queue, at(0), 0..3);
    assert_eq!(granted(&mut queue, at(0)), [0, 1]);
    assert_eq!(queue.left(), 0);
}

#[test]
fn scenario_15_two_that_want_ten_each_of_fifteen_use_fifteen_together() {
    let mut queue = queue(16, 15);
    ask(&mut queue, at(0), (0..10).chain(10..20));
    let used: usize = (0..20).map(|second| granted(&mut queue, at(second)).len()).sum();
    assert_eq!((used, queue.left(), queue.waiting()), (15, 0, 5));
}

#[test]
fn a_day_begins_with_the_first_identify_and_another_with_the_first_after_its_end() {
    let mut queue = IdentifyQueue::new(
        at(0),
        SessionStartLimit { total: 1, remaining: 1, ..SessionStartLimit::default() },
        rules(),
    );
    ask(&mut queue, at(1000), [0]);
    assert_eq!(granted(&mut queue, at(1000)), [0]);
    ask(&mut queue, at(1001), [1]);
    assert_eq!(granted(&mut queue, at(1001)), [] as [u64; 0]);
    assert_eq!(queue.deadline(), Some(at(1000 + DAY)));
    assert_eq!(granted(&mut queue, at(1000 + DAY)), [1]);
    ask(&mut queue, at(1000 + DAY), [2]);
    assert_eq!(granted(&mut queue, at(1000 + DAY + 5)), [] as [u64; 0]);
    assert_eq!(queue.deadline(), Some(at(1000 + 2 * DAY)));
}

#[test]
fn a_turn_that_is_out_at_the_reset_is_of_the_new_day() {
    let mut queue = queue(1, 1);
    ask(&mut queue, at(3599), [0]);
    assert_eq!(queue.answers(at(3599)), [Answer::Granted(PermitId(0))]);
    queue.spent(at(3601), PermitId(0));
    assert_eq!(queue.left(), 999);
}

#[test]
fn a_clock_that_steps_back_stands_still() {
    let mut queue = queue(1, 1000);
    ask(&mut queue, at(100), [0, 1]);
    assert_eq!(granted(&mut queue, at(100)), [0]);
    assert_eq!(granted(&mut queue, at(0)), [] as [u64; 0]);
    assert_eq!(granted(&mut queue, at(105)), [1]);
}

#[test]
fn no_more_wait_than_may() {
    let mut queue = IdentifyQueue::new(at(0), limit(1, 1000), QueueConfig { waiting: 2, ..rules() });
    ask(&mut queue, at(0), [0, 1]);
    assert_eq!(queue.ask(at(0), PermitId(2), 2), Err(QueueFull { limit: 2 }));
    assert_eq!(queue.ask(at(0), PermitId(1), 1), Ok(()));
    assert_eq!(QueueFull { limit: 2 }.to_string(), "2 shards wait to identify already; ask again later");
}

#[test]
fn scenario_91_a_crash_loop_lives_on_the_budget_that_is_left() {
    // given: a process that knows nothing of the gateway's own count, identifies, and dies after 30 s, for two days
    let mut identifies: Vec<u64> = Vec::new();
    let mut stored = None;
    for start in (0..2 * DAY).step_by(30) {
        // Each run has a clock of its own.
        let mut queue = match &stored {
            None => IdentifyQueue::new(at(0), SessionStartLimit::default(), QueueConfig::default()),
            Some(stored) => IdentifyQueue::restore(at(0), stored, Some(seconds(2)), QueueConfig::default()),
        };
        ask(&mut queue, at(0), [0]);
        for second in 0..=28 {
            identifies.extend(granted(&mut queue, at(second)).into_iter().map(|_| start + second));
        }
        let json = serde_json::to_string(&queue.export(at(28))).unwrap();
        stored = Some(serde_json::from_str(&json).unwrap());
    }

    // then: no day has more identifies than the thousand less the reserve
    let day_of = |begin: u64| identifies.iter().filter(|at| (begin..begin + DAY).contains(*at)).count();
    assert_eq!((day_of(0), day_of(DAY)), (995, 995));
    assert!(identifies.iter().all(|at| day_of(*at) <= 1000));
}

#[test]
fn scenario_91_an_unknown_time_between_two_runs_counts_as_none() {
    let mut first = queue(1, 3);
    ask(&mut first, at(0), [0]);
    assert_eq!(granted(&mut first, at(0)), [0]);
    let stored = first.export(at(2));

    let mut unknown = IdentifyQueue::restore(at(50), &stored, None, rules());
    ask(&mut unknown, at(50), [1]);
    assert_eq!((unknown.left(), unknown.deadline()), (2, Some(at(53))));

    let mut hour = IdentifyQueue::restore(at(50), &stored, Some(seconds(3600)), rules());
    ask(&mut hour, at(50), [1]);
    assert_eq!((hour.left(), hour.deadline()), (1000, Some(at(50))));
}

#[test]
fn scenario_91_a_turn_that_was_out_when_the_process_died_is_used() {
    let mut first = queue(1, 3);
    ask(&mut first, at(0), [0]);
    assert_eq!(first.answers(at(0)), [Answer::Granted(PermitId(0))]);
    let second = IdentifyQueue::restore(at(0), &first.export(at(1)), None, rules());
    assert_eq!(second.left(), 2);
}

#[test]
fn what_is_stored_is_small_and_readable() {
    let mut queue = queue(1, 1000);
    ask(&mut queue, at(0), [4]);
    assert_eq!(granted(&mut queue, at(0)), [4]);
    let json =
        r#"{"limit":{"max_concurrency":1,"total":1000,"remaining":999,"reset_after":3599000},"busy":[[4,4000]]}"#;
    assert_eq!(serde_json::to_string(&queue.export(at(1))).unwrap(), json);
}

#[test]
fn a_damaged_store_blocks_no_bucket_for_long() {
    let json =
        r#"{"limit":{"max_concurrency":0,"total":9,"remaining":99,"reset_after":0},"busy":[[0,18446744073709551615]]}"#;
    let mut queue = IdentifyQueue::restore(at(0), &serde_json::from_str(json).unwrap(), None, rules());
    ask(&mut queue, at(0), [0]);
    assert_eq!((queue.left(), queue.deadline()), (9, Some(at(15))));
    assert_eq!(queue.answers(at(0) + Duration::MAX), [Answer::Granted(PermitId(0))]);
}

#[test]
fn a_machine_tells_of_an_exhausted_budget_once_a_wait_and_again_when_it_is_over() {
    let mut rig = Rig::in_phase(Phase::AwaitingIdentify, prompt());
    let exhausted = |left| Input::BudgetExhausted(ConnectionId(1), seconds(left));
    rig.ack_beats();
    rig.give(exhausted(3600)).assert("t+0.000 * budget exhausted, resets in 3600 s");
    rig.pass(seconds(10)).give(exhausted(3590)).assert("");

    // The reset did not help: another process has used up the new day already.
    rig.advance(seconds(3590));
    rig.story.clear();
    rig.give(exhausted(100)).assert("t+3600.000 * budget exhausted, resets in 100 s");

    // The request was open all the time.
    rig.give(Input::IdentifyGranted(ConnectionId(1))).assert("t+3600.000 > identify");
}

#[test]
fn scenario_14_a_machine_that_waits_for_its_budget_gives_its_turn_back_when_its_link_dies() {
    let mut rig = Rig::in_phase(Phase::AwaitingIdentify, prompt());
    rig.give(Input::BudgetExhausted(ConnectionId(1), seconds(3600))).story.clear();
    rig.lose().assert_kinds("t+0.000 > return identify");
    assert_eq!(rig.machine.phase(), Phase::Backoff);
}

#[test]
fn scenario_11_a_machine_gives_a_turn_back_that_its_link_did_not_live_to_use() {
    // given: a permit that is granted while a heartbeat is being written
    let mut rig = Rig::in_phase(Phase::AwaitingIdentify, prompt());
    rig.hold_writes().advance(seconds(40));
    rig.give(Input::IdentifyGranted(ConnectionId(1))).assert_kinds("t+40.000 > heartbeat null");
    // then: it is given back when the connection is lost
    rig.lose().assert_kinds("t+40.000 > return identify");
}
