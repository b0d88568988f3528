//! Scenarios 28 and 69: requests over lost connections and lost sessions.

use crate::stage::Stage;
use portcullis::dialect::discord::RequestGuildMembers;
use portcullis::machine::{Config, SessionLostPolicy, Shutdown};
use portcullis::requests::{RequestError, RequestId, RequestPolicy};
use portcullis::{Event, Timestamp};
use portcullis_tests::rig::prompt;
use portcullis_tests::{Rig, frames, seconds};

fn prefix(text: &str) -> RequestGuildMembers {
    RequestGuildMembers::by_query(1, text, 100)
}

#[test]
fn scenario_69_a_request_goes_on_when_the_session_is_resumed_and_replay_completes_it() {
    let mut stage = Stage::online();
    stage.ask(prefix("a"));
    stage.ask(prefix("b"));
    stage.chunk(0, 0, 3).resume();
    stage.chunk(0, 1, 3).chunk(1, 0, 1).resumed().chunk(0, 2, 3);
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+0.000 > members of 1, nonce 1
         t+0.000 = 1: members 0
         t+0.000 = 0: members 0 1 2",
    );
}

#[test]
fn scenario_69_each_request_ends_with_an_error_when_the_session_is_lost() {
    let mut stage = Stage::online();
    stage.ask(prefix("a"));
    stage.ask(RequestGuildMembers::all(1));
    stage.ask(RequestGuildMembers::all(1));
    stage.chunk(0, 0, 3).resume();
    stage.ask(prefix("b"));
    stage.message(frames::invalid_session("false"));
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+0.000 > members of 1, nonce 1
         t+0.000 = 0: the session was lost before the answer was whole; ask again
         t+0.000 = 1: the session was lost before the answer was whole; ask again
         t+0.000 = 2: the session was lost before the answer was whole; ask again
         t+0.000 = 3: the session was lost before the answer was whole; ask again",
    );
    assert!(stage.results.iter().all(|(_, result)| *result == Err(RequestError::SessionLost)));
    assert_eq!(stage.requests.open(), 0);
}

#[test]
fn scenario_28_a_request_that_the_machine_keeps_for_the_next_session_goes_out_on_it() {
    let config = Config { on_session_lost: SessionLostPolicy::KeepAll, ..prompt() };
    let mut stage = Stage::with(config, RequestPolicy::default());
    stage.resume();
    stage.ask(prefix("a"));
    stage.message(frames::invalid_session("false")).act(|rig| {
        rig.close(1000).next();
        rig.open().message(frames::hello("40000")).message(frames::ready("2", 1))
    });
    let now = stage.rig.now;
    stage.chunk(0, 0, 1).assert(&format!("{now} > members of 1, nonce 0\n{now} = 0: members 0"));
}

#[test]
fn a_request_that_the_lost_link_swallowed_goes_out_again() {
    let mut stage = Stage::online();
    stage.ask(prefix("a"));
    stage.resume().resumed().chunk(1, 0, 1);
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+0.000 > members of 1, nonce 1
         t+0.000 = 0: members 0",
    );
}

#[test]
fn a_request_for_all_members_that_the_lost_link_may_have_swallowed_goes_out_again_when_it_may() {
    let mut stage = Stage::online();
    stage.ask(RequestGuildMembers::all(1));
    stage.advance(seconds(10)).resume().resumed().advance(seconds(20));
    stage.chunk(1, 0, 1);
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+30.000 > members of 1, nonce 1
         t+30.000 = 0: members 0",
    );
}

#[test]
fn a_request_whose_link_died_during_the_write_goes_out_again_and_its_first_answer_is_passed_over() {
    let mut stage = Stage::online();
    stage.rig.hold_writes();
    stage.ask(prefix("a"));
    stage.act(Rig::lose);
    stage.rig.free_writes();
    stage.act(|rig| rig.next().open().message(frames::hello("40000")));
    stage.chunk(0, 0, 2).resumed();
    stage.chunk(0, 1, 2).chunk(1, 1, 2).chunk(1, 0, 2);
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+0.000 > members of 1, nonce 1
         t+0.000 = 0: members 0 1",
    );
}

#[test]
fn silence_is_not_counted_while_the_link_is_down() {
    let mut stage = Stage::online();
    stage.ask(prefix("a"));
    stage.chunk(0, 0, 2).advance(seconds(29));
    stage.act(Rig::lose);
    let lost = stage.rig.now;
    assert_eq!(stage.requests.deadline(), Some(lost + seconds(600)));
    stage.act(|rig| rig.next().open().message(frames::hello("40000")));
    stage.advance(seconds(50)).resumed();
    let resumed = stage.rig.now;
    assert_eq!(stage.requests.deadline(), Some(resumed + seconds(30)));
    stage.advance(seconds(29)).chunk(0, 1, 2);
    let now = stage.rig.now;
    stage.assert(&format!("t+0.000 > members of 1, nonce 0\n{now} = 0: members 0 1"));
}

#[test]
fn a_session_that_begins_anew_without_word_of_the_old_ones_end_ends_what_was_sent_on_that() {
    let mut stage = Stage::online();
    stage.ask(prefix("a"));
    let ready = Event::Ready(stage.rig.dispatches[0].clone());
    stage.requests.observe(stage.rig.now, &ready);
    stage.sync();
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+0.000 = 0: the session was lost before the answer was whole; ask again",
    );
}

#[test]
fn a_request_that_would_go_out_again_too_late_ends() {
    let policy = RequestPolicy { unsent: seconds(5), ..RequestPolicy::default() };
    let mut stage = Stage::with(prompt(), policy);
    stage.ask(prefix("a"));
    stage.advance(seconds(4)).resume().advance(seconds(2)).resumed();
    let waited = stage.rig.now - Timestamp::ZERO;
    assert_eq!(stage.results, [(RequestId(0), Err(RequestError::NotSent { waited }))]);
}

#[test]
fn a_link_that_stays_down_ends_a_request_in_time() {
    let policy = RequestPolicy { unsent: seconds(5), ..RequestPolicy::default() };
    let mut stage = Stage::with(prompt(), policy);
    stage.ask(prefix("a"));
    stage.chunk(0, 0, 2).advance(seconds(20));
    stage.act(Rig::lose).advance(seconds(5));
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+25.000 = 0: the gateway gave 1 of 2 parts of the answer; ask again",
    );
}

#[test]
fn every_request_ends_with_the_shard_and_none_is_taken_then() {
    let mut stage = Stage::online();
    stage.ask(prefix("a"));
    stage.ask(RequestGuildMembers::all(1));
    stage.ask(RequestGuildMembers::all(1));
    stage.rig.lose();
    stage.ask(prefix("b"));
    stage.requests.ask(prefix("c")).unwrap();
    stage.rig.shutdown(Shutdown::EndSession);
    stage.sync();
    let ended: Vec<_> = stage.results.iter().map(|(id, result)| (id.0, result.clone())).collect();
    let mut ids: Vec<u64> = ended.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [0, 1, 2, 3, 4]);
    let is_over = |error: &RequestError| matches!(error, RequestError::Ended | RequestError::SessionLost);
    assert!(ended.iter().all(|(_, result)| result.as_ref().is_err_and(is_over)), "{ended:?}");
    assert_eq!(stage.requests.ask(prefix("d")), Err(RequestError::Ended));
}
