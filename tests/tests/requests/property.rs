//! Whatever comes, in whatever order: each request ends in exactly one result.

use crate::stage::{Stage, nonce};
use portcullis::dialect::discord::{RequestChannelInfo, RequestGuildMembers, RequestSoundboardSounds};
use portcullis::machine::{Phase, Shutdown};
use portcullis::requests::{Answer, RequestError, RequestId, RequestPolicy};
use portcullis_tests::rig::prompt;
use portcullis_tests::{Rig, frames, millis, seconds};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

#[derive(Clone, Debug)]
enum Step {
    AskAll(u64),
    AskPrefix,
    AskSounds(Vec<u64>),
    AskInfo(u64),
    Cancel(u64),
    Chunk {
        attempt: u64,
        index: u64,
        count: u64,
    },
    /// Chunks of three for one of the latest requests, some of them twice, some never.
    Answer {
        back: usize,
        indexes: Vec<u64>,
    },
    Sounds(u64),
    Info(u64),
    Limited {
        attempt: u64,
        has_nonce: bool,
        tenths: u64,
    },
    Unread,
    Pass(u64),
    Resume {
        replayed: Vec<(u64, u64)>,
    },
    LoseSession,
    HoldWrites,
    FreeWrites,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..3_u64).prop_map(Step::AskAll),
        4 => Just(Step::AskPrefix),
        2 => proptest::collection::vec(1..4_u64, 1..4).prop_map(Step::AskSounds),
        2 => (1..4_u64).prop_map(Step::AskInfo),
        2 => (0..20_u64).prop_map(Step::Cancel),
        // Most answers are valid; some have another number of chunks, and some are out of range.
        20 => (0..4_usize, proptest::collection::vec(0..3_u64, 1..6))
            .prop_map(|(back, indexes)| Step::Answer { back, indexes }),
        2 => (0..20_u64, 0..4_u64, prop_oneof![9 => Just(3_u64), 1 => Just(4)])
            .prop_map(|(attempt, index, count)| Step::Chunk { attempt, index: index.min(3), count }),
        4 => (1..4_u64).prop_map(Step::Sounds),
        2 => (1..4_u64).prop_map(Step::Info),
        3 => (0..20_u64, any::<bool>(), 0..700_u64)
            .prop_map(|(attempt, has_nonce, tenths)| Step::Limited { attempt, has_nonce, tenths }),
        2 => Just(Step::Unread),
        6 => (0..40_000_u64).prop_map(Step::Pass),
        3 => proptest::collection::vec((0..20_u64, 0..3_u64), 0..4).prop_map(|replayed| Step::Resume { replayed }),
        1 => Just(Step::LoseSession),
        1 => Just(Step::HoldWrites),
        2 => Just(Step::FreeWrites),
    ]
}

struct Life {
    stage: Stage,
    asked: BTreeSet<RequestId>,
    cancelled: BTreeSet<RequestId>,
}

impl Life {
    fn take(&mut self, step: Step) {
        let stage = &mut self.stage;
        match step {
            Step::AskAll(guild_id) => self.ask(RequestGuildMembers::all(guild_id)),
            Step::AskPrefix => self.ask(RequestGuildMembers::by_query(1, "a", 9)),
            Step::AskSounds(guild_ids) => self.ask(RequestSoundboardSounds::new(guild_ids)),
            Step::AskInfo(guild_id) => self.ask(RequestChannelInfo::all(guild_id)),
            Step::Cancel(id) => {
                let id = RequestId(id);
                let is_done = stage.results.iter().any(|(done, _)| *done == id);
                stage.requests.cancel(id);
                if self.asked.contains(&id) && !is_done {
                    self.cancelled.insert(id);
                }
            }
            Step::Chunk { attempt, index, count } => _ = stage.chunk(attempt, index, count),
            Step::Answer { back, indexes } => {
                if let Some(attempt) = stage.attempts().into_iter().rev().nth(back) {
                    for index in indexes {
                        stage.chunk(attempt, index, 3);
                    }
                }
            }
            Step::Sounds(guild_id) => _ = stage.sounds(&guild_id.to_string()),
            Step::Info(guild_id) => {
                stage.dispatch("CHANNEL_INFO", &format!(r#"{{"guild_id":"{guild_id}","channels":[]}}"#));
            }
            Step::Limited { attempt, has_nonce, tenths } => {
                let nonce = if has_nonce { format!(r#","nonce":"{}""#, nonce(attempt)) } else { String::new() };
                let after = format!("{}.{}", tenths / 10, tenths % 10);
                let data = format!(r#"{{"opcode":8,"retry_after":{after},"meta":{{"guild_id":"1"{nonce}}}}}"#);
                stage.dispatch("RATE_LIMITED", &data);
            }
            Step::Unread => {
                let (now, machine) = (stage.rig.now, &mut stage.rig.machine);
                stage.requests.tick_unread(now, |command| machine.send(now, command));
                stage.act(Rig::tick);
            }
            Step::Pass(span) => _ = stage.advance(millis(span)),
            Step::Resume { replayed } if stage.rig.machine.phase() == Phase::Active => {
                stage.resume();
                for (attempt, index) in replayed {
                    stage.chunk(attempt, index, 3);
                }
                stage.resumed();
            }
            Step::LoseSession if stage.rig.machine.phase() == Phase::Active => {
                stage.message(frames::invalid_session("false"));
                // A close waits for the write that is outstanding.
                stage.act(|rig| rig.sent().close(1000));
                stage.rig.free_writes();
                stage.advance(seconds(6));
                stage.act(|rig| rig.open().message(frames::hello("40000")).message(frames::ready("2", 1)));
            }
            Step::HoldWrites => _ = stage.rig.hold_writes(),
            Step::FreeWrites => {
                stage.rig.free_writes();
                stage.act(Rig::sent);
            }
            Step::Resume { .. } | Step::LoseSession => {}
        }
        self.check();
    }

    fn ask(&mut self, request: impl Into<portcullis::requests::Request>) {
        self.asked.insert(self.stage.ask(request));
    }

    /// What holds after every step.
    fn check(&self) {
        let stage = &self.stage;
        let done: BTreeSet<RequestId> = stage.results.iter().map(|(id, _)| *id).collect();
        assert_eq!(done.len(), stage.results.len(), "one-result: a request ended twice");
        assert!(done.is_disjoint(&self.cancelled), "a cancelled request ended");
        assert_eq!(stage.requests.open(), self.asked.len() - done.len() - self.cancelled.len());
        assert_eq!(stage.requests.deadline().is_some(), stage.requests.open() > 0);
        assert!(stage.requests.deadline().is_none_or(|due| due > stage.rig.now), "what is due is done");
        for (_, result) in &stage.results {
            if let Ok(Answer::GuildMembers(answer)) = result {
                let ids: Vec<u64> =
                    answer.members().unwrap().iter().map(|member: &crate::stage::Member| member.id).collect();
                let whole: Vec<u64> = (0..answer.chunks().len() as u64).collect();
                assert!(matches!(ids.len(), 3 | 4) && ids == whole, "{ids:?}");
            }
        }
    }
}

#[test]
fn each_request_ends_in_exactly_one_result() {
    let mut runner = TestRunner::new(ProptestConfig { source_file: Some(file!()), ..ProptestConfig::with_cases(256) });
    let (whole, unanswered, lost) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let lives = proptest::collection::vec(step(), 1..80);
    let outcome = runner.run(&lives, |steps| {
        let stage = Stage::with(prompt(), RequestPolicy { bytes: 4000, ..RequestPolicy::default() });
        let mut life = Life { stage, asked: BTreeSet::new(), cancelled: BTreeSet::new() };
        for step in steps {
            life.take(step);
        }
        life.stage.rig.free_writes();
        life.stage.act(|rig| rig.sent().shutdown(Shutdown::EndSession));
        life.stage.advance(seconds(10));
        life.check();
        prop_assert_eq!(life.stage.requests.open(), 0);
        for (_, result) in &life.stage.results {
            match result {
                Ok(_) => whole.fetch_add(1, Relaxed),
                Err(RequestError::Unanswered { .. }) => unanswered.fetch_add(1, Relaxed),
                Err(RequestError::SessionLost) => lost.fetch_add(1, Relaxed),
                Err(_) => 0,
            };
        }
        Ok(())
    });
    outcome.unwrap();
    let counts = [whole, unanswered, lost].map(AtomicUsize::into_inner);
    assert!(counts.iter().all(|count| *count >= 20), "lives so dull show nothing: {counts:?}");
}
