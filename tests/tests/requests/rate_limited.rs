//! Scenario 55: `RATE_LIMITED`, and the limit that is known beforehand.

use crate::stage::{Stage, nonce};
use portcullis::Timestamp;
use portcullis::dialect::discord::RequestGuildMembers;
use portcullis::requests::{RequestError, RequestPolicy};
use portcullis_tests::rig::prompt;
use portcullis_tests::{Rig, millis, seconds};
use std::time::Duration;

fn prefix(text: &str) -> RequestGuildMembers {
    RequestGuildMembers::by_query(1, text, 100)
}

fn limited(retry_after: &str, meta: &str) -> String {
    format!(r#"{{"opcode":8,"retry_after":{retry_after},"meta":{meta}}}"#)
}

fn by_nonce(attempt: u64) -> String {
    format!(r#"{{"guild_id":"1","nonce":"{}"}}"#, nonce(attempt))
}

#[test]
fn scenario_55_a_request_that_is_refused_by_its_nonce_goes_out_again_when_it_may() {
    let mut stage = Stage::online();
    stage.ask(prefix("a"));
    stage.ask(prefix("b"));
    stage.advance(seconds(1)).dispatch("RATE_LIMITED", &limited("27.31", &by_nonce(0)));
    stage.chunk(1, 0, 1).advance(seconds(40)).chunk(2, 0, 1);
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+0.000 > members of 1, nonce 1
         t+1.000 = 1: members 0
         t+28.310 > members of 1, nonce 2
         t+41.000 = 0: members 0",
    );
}

#[test]
fn scenario_55_a_refusal_without_a_nonce_is_of_the_request_for_all_members_of_its_guild() {
    let mut stage = Stage::online();
    stage.ask(RequestGuildMembers::all(1));
    stage.ask(prefix("a"));
    stage.ask(RequestGuildMembers::all(2));
    stage.dispatch("RATE_LIMITED", &limited("5", r#"{"guild_id":1}"#));
    stage.advance(seconds(6));
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+0.000 > members of 1, nonce 1
         t+0.000 > members of 2, nonce 2
         t+5.000 > members of 1, nonce 3",
    );
}

#[test]
fn scenario_55_a_refusal_that_outlasts_the_request_ends_it() {
    let policy = RequestPolicy { unsent: seconds(20), ..RequestPolicy::default() };
    let mut stage = Stage::with(prompt(), policy);
    stage.ask(prefix("a"));
    stage.dispatch("RATE_LIMITED", &limited("27.31", &by_nonce(0)));
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+0.000 = 0: the gateway takes no such request for 27.31s; ask again then",
    );
    assert_eq!(stage.results[0].1, Err(RequestError::RateLimited { retry_after: millis(27_310) }));
}

#[test]
fn a_time_that_cannot_be_meant_is_clamped() {
    for (retry_after, waited) in [
        ("0", seconds(1)),
        ("-3", seconds(1)),
        ("1e-9", seconds(1)),
        ("null", seconds(30)),
        (r#""soon""#, seconds(30)),
        ("{}", seconds(30)),
        ("30.5", millis(30_500)),
    ] {
        let mut stage = Stage::online();
        stage.ask(prefix("a"));
        stage.dispatch("RATE_LIMITED", &limited(retry_after, &by_nonce(0)));
        assert_eq!(stage.requests.deadline(), Some(Timestamp::since_start(waited)), "{retry_after}");
    }
    let mut stage = Stage::online();
    stage.ask(prefix("a"));
    stage.dispatch("RATE_LIMITED", &limited("1e300", &by_nonce(0)));
    assert_eq!(stage.results[0].1, Err(RequestError::RateLimited { retry_after: Duration::from_secs(3600) }));
}

#[test]
fn a_gateway_that_always_refuses_is_asked_at_most_once_a_second_and_not_for_ever() {
    let mut stage = Stage::online();
    stage.ask(prefix("a"));
    let mut refusals = 0;
    while stage.results.is_empty() {
        stage.dispatch("RATE_LIMITED", &limited("0", &by_nonce(refusals)));
        refusals += 1;
        stage.advance(seconds(1));
    }
    assert_eq!(refusals, 601);
    assert_eq!(stage.results[0].1, Err(RequestError::RateLimited { retry_after: seconds(1) }));
}

#[test]
fn refusals_that_are_not_ours_change_nothing() {
    let mut stage = Stage::online();
    stage.ask(prefix("a"));
    let deadline = stage.requests.deadline();
    for data in [
        limited("5", &by_nonce(7)),
        limited("5", r#"{"guild_id":"2"}"#),
        limited("5", r#"{"nonce":"mine","guild_id":"1"}"#),
        limited("5", "null"),
        limited("5", "[1]"),
        r#"{"opcode":31,"retry_after":5,"meta":{"guild_id":"1"}}"#.to_owned(),
        r#"{"retry_after":5}"#.to_owned(),
        "null".to_owned(),
    ] {
        stage.dispatch("RATE_LIMITED", &data);
        assert_eq!(stage.requests.deadline(), deadline, "{data}");
    }
}

#[test]
fn an_answer_that_comes_in_spite_of_a_refusal_is_taken() {
    let mut stage = Stage::online();
    stage.ask(prefix("a"));
    stage.dispatch("RATE_LIMITED", &limited("5", &by_nonce(0)));
    stage.chunk(0, 0, 2).advance(seconds(10)).chunk(0, 1, 2);
    stage.assert("t+0.000 > members of 1, nonce 0\nt+10.000 = 0: members 0 1");
}

#[test]
fn requests_for_all_members_of_a_guild_go_out_thirty_seconds_apart() {
    let mut stage = Stage::online();
    for guild_id in [1, 1, 2, 1] {
        stage.ask(RequestGuildMembers::all(guild_id));
    }
    stage.ask(prefix("a"));
    stage.chunk(0, 0, 1).advance(seconds(30)).chunk(3, 0, 1).advance(seconds(30));
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+0.000 > members of 2, nonce 1
         t+0.000 > members of 1, nonce 2
         t+0.000 = 0: members 0
         t+30.000 > members of 1, nonce 3
         t+30.000 = 2: the gateway gave no answer; check that the bot is in the guild
         t+30.000 = 4: the gateway gave no answer; check that the bot is in the guild
         t+30.000 = 1: members 0
         t+60.000 > members of 1, nonce 4",
    );
}

#[test]
fn the_thirty_seconds_run_from_when_the_socket_had_the_first() {
    let mut stage = Stage::online();
    stage.rig.hold_writes();
    stage.ask(RequestGuildMembers::all(1));
    let one = stage.requests.ask(RequestGuildMembers::all(1)).unwrap();
    stage.sync();
    stage.advance(seconds(5));
    stage.act(Rig::sent);
    stage.rig.free_writes();
    // It is asked again when it may be, whether the first is still waited for or not.
    stage.requests.cancel(portcullis::requests::RequestId(0));
    stage.advance(seconds(31));
    stage.chunk(1, 0, 1);
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+35.000 > members of 1, nonce 1
         t+36.000 = 1: members 0",
    );
    assert_eq!(one.0, 1);
}

#[test]
fn a_wait_that_outlasts_the_request_is_told_at_once() {
    let policy = RequestPolicy { unsent: seconds(20), ..RequestPolicy::default() };
    let mut stage = Stage::with(prompt(), policy);
    stage.ask(RequestGuildMembers::all(1));
    stage.ask(RequestGuildMembers::all(1));
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+0.000 = 1: the gateway takes no such request for 30s; ask again then",
    );
}

#[test]
fn refusals_of_what_nobody_asked_for_are_not_remembered() {
    let mut stage = Stage::online();
    stage.ask(prefix("a"));
    let before = format!("{:?}", stage.requests).len();
    for guild_id in 1000..2000 {
        stage
            .dispatch("RATE_LIMITED", &limited("3600", &format!(r#"{{"guild_id":"{guild_id}","nonce":"another's"}}"#)));
    }
    let after = format!("{:?}", stage.requests).len();
    assert!(after < before + 100, "{before} characters became {after}");
    // Other guilds are not limited.
    stage.ask(RequestGuildMembers::all(1500));
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+0.000 > members of 1500, nonce 1",
    );
}
