//! How long a request may take.

use crate::stage::Stage;
use portcullis::Timestamp;
use portcullis::dialect::discord::RequestGuildMembers;
use portcullis::requests::{RequestError, RequestPolicy};
use portcullis_tests::rig::prompt;
use portcullis_tests::{Rig, frames, millis, seconds};

fn prefix(text: &str) -> RequestGuildMembers {
    RequestGuildMembers::by_query(1, text, 100)
}

fn at(secs: u64) -> Timestamp {
    Timestamp::since_start(seconds(secs))
}

#[test]
fn a_request_that_nobody_answers_ends_after_thirty_seconds() {
    let mut stage = Stage::online();
    stage.ask(prefix("a"));
    assert_eq!(stage.requests.deadline(), Some(at(30)));
    stage.advance(seconds(29) + millis(999)).act(Rig::tick);
    stage.assert("t+0.000 > members of 1, nonce 0");
    stage.advance(millis(1)).assert("t+30.000 = 0: the gateway gave no answer; check that the bot is in the guild");
    assert_eq!(stage.results[0].1, Err(RequestError::Unanswered { received: 0, expected: None }));
    assert_eq!(stage.requests.deadline(), None);
}

#[test]
fn its_time_begins_anew_with_each_chunk_but_not_with_a_repetition() {
    let mut stage = Stage::online();
    stage.ask(prefix("a"));
    stage.advance(seconds(29)).chunk(0, 0, 4).advance(seconds(29)).chunk(0, 1, 4);
    assert_eq!(stage.requests.deadline(), Some(at(88)));
    stage.advance(seconds(29)).chunk(0, 1, 4);
    assert_eq!(stage.requests.deadline(), Some(at(88)));
    stage.advance(seconds(1)).chunk(0, 2, 4);
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+88.000 = 0: the gateway gave 2 of 4 parts of the answer; ask again",
    );
}

#[test]
fn its_time_runs_from_when_the_socket_has_it() {
    let mut stage = Stage::online();
    stage.rig.hold_writes();
    stage.ask(prefix("a"));
    assert_eq!(stage.requests.deadline(), Some(at(600)));
    stage.advance(seconds(9));
    stage.act(Rig::sent);
    assert_eq!(stage.requests.deadline(), Some(at(39)));
}

#[test]
fn silence_is_not_judged_while_the_socket_is_not_read() {
    let mut stage = Stage::online();
    stage.ask(prefix("a"));
    for late in [30, 31, 40] {
        stage.requests.tick_unread(at(late), |_| panic!("nothing is to be sent"));
        assert_eq!(stage.requests.next_result(), None);
        assert_eq!(stage.requests.deadline(), Some(at(late + 1)));
    }
    // What waited in the socket was the answer.
    stage.rig.now = at(41);
    stage.chunk(0, 0, 1).assert("t+0.000 > members of 1, nonce 0\nt+41.000 = 0: members 0");
}

#[test]
fn a_request_of_the_time_before_a_session_waits_for_one() {
    let mut stage = Stage::offline(prompt(), RequestPolicy::default());
    stage.ask(prefix("a"));
    stage
        .advance(seconds(300))
        .act(|rig| rig.start().open().message(frames::hello("40000")).message(frames::ready("5e55", 1)));
    stage.chunk(0, 0, 1);
    stage.assert("t+300.000 > members of 1, nonce 0\nt+300.000 = 0: members 0");
}

#[test]
fn a_request_that_cannot_be_sent_ends_after_ten_minutes() {
    let mut stage = Stage::offline(prompt(), RequestPolicy::default());
    stage.ask(prefix("a"));
    assert_eq!(stage.requests.deadline(), Some(at(600)));
    stage.advance(seconds(600));
    stage.assert("t+600.000 = 0: the request was not sent in 600s; ask again when the shard is online");
    // It is in the outbox still: it goes out, and what comes of it is passed over.
    stage.act(|rig| rig.start().open().message(frames::hello("40000")).message(frames::ready("5e55", 1)));
    stage.chunk(0, 0, 1).assert("t+600.000 > members of 1, nonce 0");
}

#[test]
fn a_policy_of_ones_own_holds_for_requests_that_are_open() {
    let mut stage = Stage::online();
    stage.ask(prefix("a"));
    stage.chunk(0, 0, 3);
    stage.requests.set_policy(RequestPolicy { silent: seconds(5), ..RequestPolicy::default() });
    stage.chunk(0, 1, 3);
    assert_eq!(stage.requests.deadline(), Some(at(5)));
}

#[test]
fn a_clock_that_steps_back_or_leaps_does_no_harm() {
    let mut stage = Stage::online();
    stage.rig.now = at(100);
    stage.ask(prefix("a"));
    stage.rig.now = at(3);
    stage.chunk(0, 0, 2);
    assert_eq!(stage.requests.deadline(), Some(at(130)));
    stage.requests.tick(Timestamp::MAX, |_| panic!("nothing is to be sent"));
    let (id, result) = stage.requests.next_result().unwrap();
    assert_eq!((id.0, result), (0, Err(RequestError::Unanswered { received: 1, expected: Some(2) })));
}
