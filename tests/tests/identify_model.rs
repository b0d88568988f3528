//! The identify queue against a small model, with any order of calls and any step of the clock.

#![allow(clippy::unwrap_used)]

use portcullis::Timestamp;
use portcullis::identify::{Answer, IdentifyQueue, PermitId, QueueConfig, Returned, SessionStartLimit};
use portcullis_tests::{millis, seconds};

const DAY: u64 = 86_400;

/// The calls of a queue so far, and the answers that it must and must not give.
struct Model {
    config: QueueConfig,
    limit: SessionStartLimit,
    waiting: Vec<(PermitId, u32)>,
    /// Permits: the request, the shard, when it was granted, and when it was used or given back.
    turns: Vec<(PermitId, u32, Timestamp, Use)>,
    left: i64,
    resets: Option<Timestamp>,
}

#[derive(Clone, Copy, PartialEq)]
enum Use {
    Out,
    Spent(Timestamp),
    Returned,
}

impl Model {
    fn free_at(&self, shard: u32) -> Timestamp {
        let buckets = self.limit.max_concurrency;
        let of_bucket = self.turns.iter().filter(|turn| turn.1 % buckets == shard % buckets);
        let busy = of_bucket.filter_map(|(_, _, since, used)| match used {
            Use::Out => Some(*since + self.config.lease),
            Use::Spent(at) => Some(*at + self.config.spacing),
            Use::Returned => None,
        });
        busy.max().unwrap_or(Timestamp::ZERO)
    }

    fn turn_over(&mut self, now: Timestamp) {
        if self.resets.is_some_and(|at| now >= at) {
            let out = self.turns.iter().filter(|turn| turn.3 == Use::Out && turn.2 + self.config.lease > now).count();
            self.resets = (out > 0).then_some(now + seconds(DAY));
            self.left = i64::from(self.limit.total) - i64::from(out as u32);
        }
    }

    /// Ends the newest permit of a request, if it is out. A permit whose lease is over cannot be given back.
    fn end(&mut self, now: Timestamp, id: PermitId, used: Use) {
        let lease = self.config.lease;
        let is_out =
            |turn: &&mut (PermitId, u32, Timestamp, Use)| turn.0 == id && turn.3 == Use::Out && turn.2 + lease > now;
        if let Some(turn) = self.turns.iter_mut().find(is_out) {
            turn.3 = used;
            self.left += i64::from(used == Use::Returned);
        }
    }

    fn hear(&mut self, now: Timestamp, answers: &[Answer]) {
        for answer in answers {
            match answer {
                Answer::Granted(id) => {
                    let place = self.waiting.iter().position(|(asked, _)| asked == id).expect("one that waits");
                    let (_, shard) = self.waiting.remove(place);
                    assert!(now >= self.free_at(shard), "one-a-bucket: shard {shard}");
                    let buckets = self.limit.max_concurrency;
                    let before = &self.waiting[..place];
                    assert!(before.iter().all(|(_, other)| other % buckets != shard % buckets), "out of order");
                    self.turns.push((*id, shard, now, Use::Out));
                    self.left -= 1;
                    assert!(self.left >= i64::from(self.config.reserve), "within-budget");
                    self.resets = self.resets.or(Some(now + seconds(DAY)));
                }
                Answer::Exhausted { id, .. } => {
                    assert!(self.waiting.iter().any(|(asked, _)| asked == id), "told to one that does not wait");
                    assert!(self.left <= i64::from(self.config.reserve), "there is budget");
                }
            }
        }
        if self.left > i64::from(self.config.reserve) {
            let held_up = self.waiting.iter().find(|(_, shard)| now >= self.free_at(*shard));
            assert_eq!(held_up, None, "its bucket is free");
        }
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn run(seed: u64) -> u64 {
    let mut dice = Dice(seed);
    let config = QueueConfig {
        spacing: seconds(5),
        reserve: dice.below(4) as u32,
        returned: [Returned::Free, Returned::Used][dice.below(2) as usize],
        ..QueueConfig::default()
    };
    let limit = SessionStartLimit {
        max_concurrency: 1 + dice.below(5) as u32,
        total: 30,
        remaining: 10 + dice.below(21) as u32,
        reset_after: seconds(600),
    };
    let (left, mut now) = (i64::from(limit.remaining), Timestamp::ZERO);
    let mut queue = IdentifyQueue::new(now, limit, config);
    let resets = Some(now + limit.reset_after);
    let mut model = Model { config, limit, waiting: Vec::new(), turns: Vec::new(), left, resets };
    for number in 0..250 {
        match dice.below(20) {
            0 => now = now + seconds(dice.below(60)),
            1..4 => now = queue.deadline().unwrap_or(now).max(now),
            4..10 => now = now + millis(dice.below(2000)),
            _ => {}
        }
        model.turn_over(now);
        let id = PermitId(dice.below(number + 1));
        match dice.below(10) {
            0..4 => {
                let (id, shard) = (PermitId(number), dice.below(12) as u32);
                queue.ask(now, id, shard).unwrap();
                model.waiting.push((id, shard));
            }
            4..7 => {
                queue.spent(now, id);
                model.end(now, id, Use::Spent(now));
            }
            7 => {
                queue.give_back(now, id);
                model.waiting.retain(|(asked, _)| *asked != id);
                let used = if config.returned == Returned::Free { Use::Returned } else { Use::Spent(now) };
                model.end(now, id, used);
            }
            8 => {
                let stored = queue.export(now);
                assert_eq!(queue.export(now), stored);
            }
            _ => {}
        }
        let answers = queue.answers(now);
        model.hear(now, &answers);
        assert_eq!(queue.left(), u32::try_from(model.left - i64::from(config.reserve)).unwrap_or(0));
        assert_eq!(queue.waiting(), model.waiting.len());
        assert!(queue.deadline().is_none_or(|at| at > now), "something is left to be said");
        assert_eq!(queue.deadline().is_none(), model.waiting.is_empty(), "nobody waits for ever");
    }
    model.turns.len() as u64
}

#[test]
fn any_order_of_calls_keeps_to_buckets_budget_and_order() {
    let granted: u64 = (0..150).map(run).sum();
    assert!(granted > 2000, "only {granted} turns");
}
