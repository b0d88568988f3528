//! Chunks and whose they are.

use crate::stage::{Member, Stage, nonce};
use portcullis::dialect::discord::RequestGuildMembers;
use portcullis::requests::{Answer, GuildMembers};
use portcullis::{Dispatch, Event};
use portcullis_tests::seconds;

fn all() -> RequestGuildMembers {
    RequestGuildMembers::all(1)
}

fn prefix(text: &str) -> RequestGuildMembers {
    RequestGuildMembers::by_query(1, text, 100)
}

/// The answer that came last.
fn answer(stage: &Stage) -> GuildMembers {
    match &stage.results.last().unwrap().1 {
        Ok(Answer::GuildMembers(answer)) => answer.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn chunks_in_any_order_are_one_answer_in_order() {
    let mut stage = Stage::online();
    stage.ask(all());
    stage.chunk(0, 2, 3).advance(seconds(1)).chunk(0, 0, 3).advance(seconds(1)).chunk(0, 1, 3);
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+2.000 = 0: members 0 1 2",
    );
    assert_eq!(nonce(0).len(), RequestGuildMembers::NONCE_MAX);
    let answer = answer(&stage);
    assert_eq!(answer.guild_id(), 1);
    assert_eq!(answer.members::<Member>().unwrap(), [Member { id: 0 }, Member { id: 1 }, Member { id: 2 }]);
    assert_eq!(answer.chunks().iter().map(Dispatch::name).collect::<Vec<_>>(), ["GUILD_MEMBERS_CHUNK"; 3]);
    assert_eq!((stage.requests.open(), stage.requests.deadline()), (0, None));
}

#[test]
fn the_application_is_given_chunks_as_any_event() {
    let mut stage = Stage::online();
    stage.ask(all());
    stage.chunk(0, 0, 2).dispatch("MESSAGE_CREATE", "{}").chunk(0, 1, 2);
    let names: Vec<&str> = stage.rig.dispatches.iter().map(Dispatch::name).collect();
    assert_eq!(names, ["READY", "GUILD_MEMBERS_CHUNK", "MESSAGE_CREATE", "GUILD_MEMBERS_CHUNK"]);
}

#[test]
fn a_chunk_that_comes_twice_counts_once() {
    let mut stage = Stage::online();
    stage.ask(all());
    stage.chunk(0, 1, 2).chunk(0, 1, 2).chunk(0, 1, 2).chunk(0, 0, 2).chunk(0, 0, 2);
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+0.000 = 0: members 0 1",
    );
}

#[test]
fn chunks_of_other_requests_are_passed_over() {
    let mut stage = Stage::online();
    stage.ask(all());
    let head = r#""guild_id":"1","members":[],"chunk_index":0,"chunk_count":1"#;
    for theirs in ["", r#","nonce":null"#, r#","nonce":"mine""#, r#","nonce":"""#, r#","nonce":7"#] {
        stage.dispatch("GUILD_MEMBERS_CHUNK", &format!("{{{head}{theirs}}}"));
    }
    // Nor are events that cannot be read.
    for broken in ["null", "[]", r#"{"nonce":"0"}"#, &format!(r#"{{"nonce":"{}","chunk_index":-1}}"#, nonce(0))] {
        stage.dispatch("GUILD_MEMBERS_CHUNK", broken);
    }
    stage.assert("t+0.000 > members of 1, nonce 0");
    stage.chunk(0, 0, 1).assert("t+0.000 = 0: members 0");
}

#[test]
fn several_requests_at_once_have_each_their_own_answer() {
    let mut stage = Stage::online();
    for text in ["a", "b", "c"] {
        stage.ask(prefix(text));
    }
    stage.chunk(2, 0, 2).chunk(0, 0, 1).chunk(1, 1, 2).chunk(2, 1, 2).chunk(1, 0, 2);
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+0.000 > members of 1, nonce 1
         t+0.000 > members of 1, nonce 2
         t+0.000 = 0: members 0
         t+0.000 = 2: members 0 1
         t+0.000 = 1: members 0 1",
    );
}

#[test]
fn presences_and_ids_that_were_not_found_are_told_as_they_came() {
    let mut stage = Stage::online();
    stage.ask(RequestGuildMembers::by_user_ids(1, [5, 6, 7, u64::MAX]).with_presences().with_nonce("mine"));
    let sent = stage.rig.sends.last().unwrap().1.bytes().clone();
    let expected = format!(
        r#"{{"op":8,"d":{{"guild_id":"1","user_ids":["5","6","7","{}"],"presences":true,"nonce":"{}"}}}}"#,
        u64::MAX,
        nonce(0)
    );
    assert_eq!(sent, expected, "the nonce is the collector's");
    let data = format!(
        r#"{{"guild_id":"1","members":[{{"id":5}}],"presences":[{{"id":5}}],"not_found":["6",7,"{}"],
            "chunk_index":0,"chunk_count":1,"nonce":"{}"}}"#,
        u64::MAX,
        nonce(0)
    );
    stage.dispatch("GUILD_MEMBERS_CHUNK", &data);
    let answer = answer(&stage);
    assert_eq!(answer.not_found(), Ok(vec![6, 7, u64::MAX]));
    assert_eq!(answer.presences(), Ok(vec![Member { id: 5 }]));
    assert!(answer.members::<String>().is_err_and(|error| !error.is_syntax()), "of another shape");

    stage.ask(prefix("a"));
    stage.chunk(1, 0, 1);
    let answer = self::answer(&stage);
    assert_eq!((answer.not_found(), answer.presences::<Member>()), (Ok(Vec::new()), Ok(Vec::new())));
}

#[test]
fn a_chunk_that_cannot_be_ends_its_request_and_no_other() {
    for (index, count, error) in [
        (2, 2, "the gateway gave chunk 2 of 2; ask again"),
        (0, 0, "the gateway gave chunk 0 of 0; ask again"),
        (u64::MAX, 1, "the gateway gave chunk 18446744073709551615 of 1; ask again"),
    ] {
        let mut stage = Stage::online();
        stage.ask(prefix("a"));
        stage.ask(prefix("b"));
        stage.chunk(0, index, count).chunk(1, 0, 1);
        stage.assert(&format!(
            "t+0.000 > members of 1, nonce 0
             t+0.000 > members of 1, nonce 1
             t+0.000 = 0: {error}
             t+0.000 = 1: members 0"
        ));
    }
}

#[test]
fn a_number_of_chunks_that_changes_ends_the_request() {
    let mut stage = Stage::online();
    stage.ask(all());
    stage.chunk(0, 0, 3).chunk(0, 1, 4).chunk(0, 2, 3);
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+0.000 = 0: the gateway announced 3 chunks, then 4; ask again",
    );
}

#[test]
fn a_number_of_chunks_that_is_a_lie_costs_no_memory() {
    let mut stage = Stage::online();
    stage.ask(all());
    stage.chunk(0, u64::MAX - 1, u64::MAX).chunk(0, 0, u64::MAX).advance(seconds(30));
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+30.000 = 0: the gateway gave 2 of 18446744073709551615 parts of the answer; ask again",
    );
}

#[test]
fn a_cancelled_request_is_forgotten_and_what_comes_of_it_passed_over() {
    let mut stage = Stage::online();
    let (one, two) = (stage.ask(prefix("a")), stage.ask(prefix("b")));
    stage.chunk(0, 0, 2);
    stage.requests.cancel(one);
    stage.chunk(0, 1, 2).chunk(1, 0, 1);
    stage.assert(
        "t+0.000 > members of 1, nonce 0
         t+0.000 > members of 1, nonce 1
         t+0.000 = 1: members 0",
    );
    assert_eq!(stage.results.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [two]);
    assert_eq!(stage.requests.open(), 0);

    // One that was never sent is not sent then, and a result that was not taken is dropped.
    let three = stage.requests.ask(prefix("c")).unwrap();
    stage.requests.cancel(three);
    assert_eq!((stage.requests.open(), stage.requests.deadline()), (0, None));
    let four = stage.requests.ask(prefix("d")).unwrap();
    let over = Event::Ended(portcullis::machine::EndReason::Shutdown);
    stage.requests.observe(stage.rig.now, &over);
    assert_eq!(stage.requests.open(), 1);
    stage.requests.cancel(four);
    assert_eq!((stage.requests.open(), stage.requests.next_result()), (0, None));
    stage.sync();
    stage.assert("");
}
