//! Frames in shapes that real gateways do not send, but that are valid JSON.

use portcullis::machine::Phase;
use portcullis_tests::rig::prompt;
use portcullis_tests::{Rig, frames, fuzz};
use serde_json::{Value, json};

#[test]
fn found_33_blanks_before_the_data_and_keys_behind_it_do_no_harm() {
    for blanks in ["", " ", "\n\t \r\n"] {
        for behind in ["", r#","x":1"#, r#" , "x" : [{"d":2}] , "y":"}" "#] {
            for (data, expected) in [
                (r#"{"a":1}"#, json!({"a": 1})),
                (r#""text""#, json!("text")),
                ("null", Value::Null),
                ("-1.5", json!(-1.5)),
                ("[]", json!([])),
            ] {
                let frame = format!(r#"{{"t":"A","s":3,"op":0,"d":{blanks}{data}{behind}}}"#);
                let mut rig = Rig::online(prompt());
                rig.message(frames::text(frame.as_str()));
                let dispatch = rig.dispatches.last().unwrap();
                assert_eq!(dispatch.decode::<Value>(), Ok(expected.clone()), "{frame}");
                assert_eq!(dispatch.detach().decode::<Value>(), Ok(expected), "{frame}");
                fuzz::frame(frame.as_bytes());
            }
        }
    }
}

#[test]
fn found_33_of_a_key_that_comes_twice_the_last_counts_however_it_is_read() {
    for frame in [
        r#"{"t":"A","s":3,"op":0,"d":1,"d":2}"#,
        r#"{"t":"A","s":3,"op":0,"d": 1,"x":0,"d":2,"y":0}"#,
        r#"{"op":0,"t":"A","s":3,"d":1,"d":2}"#,
    ] {
        let mut rig = Rig::online(prompt());
        rig.message(frames::text(frame));
        assert_eq!(rig.dispatches.last().unwrap().decode::<u8>(), Ok(2), "{frame}");
    }
}

#[test]
fn found_33_a_handshake_with_blanks_and_keys_of_tomorrow_goes_on() {
    let mut rig = Rig::new(prompt());
    rig.start().open();
    rig.message(frames::text(r#"{"t":null,"s":null,"op":10,"d": {"heartbeat_interval":40000},"x":1}"#));
    assert_eq!(rig.machine.phase(), Phase::Identifying);
    rig.message(frames::text(r#"{"t":"READY","s":1,"op":0,"d": {"session_id":"5e55"} ,"x":{"d":1}}"#));
    assert_eq!(rig.machine.phase(), Phase::Active);
}
