//! A presence that the gateway refuses.

use portcullis::dialect::CommandError;
use portcullis::dialect::discord::{Activity, Command, DiscordError, Presence, Status};
use portcullis::machine::{Event, Fault, Phase};
use portcullis_tests::rig::{discord, prompt};
use portcullis_tests::{Rig, frames};

fn presence(activities: impl IntoIterator<Item = Activity>) -> Presence {
    Presence { activities: activities.into_iter().collect(), ..Presence::new(Status::Online) }
}

/// The error of an invalid presence, as a command and in the builder.
fn refusal(presence: Presence) -> Option<CommandError> {
    let at_start = discord().with_presence(&presence).err();
    let error = Command::UpdatePresence(presence).encode().err();
    assert_eq!(at_start, error.map(DiscordError::Presence));
    error
}

#[test]
fn found_05_an_activity_has_a_name_of_1_to_128_characters() {
    let wrong = |len| Some(CommandError::ActivityName { len, max: 128 });
    for (name, expected) in [
        (String::new(), wrong(0)),
        (" \t".into(), wrong(2)),
        ("é".repeat(129), wrong(129)),
        ("a".repeat(4096), wrong(4096)),
        ("é".repeat(128), None),
        ("a".into(), None),
    ] {
        for of in [Activity::playing, Activity::listening, Activity::watching, Activity::competing] {
            assert_eq!(refusal(presence([Activity::custom("fine"), of(name.clone())])), expected, "{name:?}");
        }
        let streaming = Activity::streaming(name.clone(), "https://www.twitch.tv/a");
        assert_eq!(refusal(presence([streaming])), expected, "{name:?}");
    }
    assert_eq!(refusal(presence([Activity::custom("")])), None, "its name is written for it");
    assert_eq!(
        discord().with_presence(&presence([Activity::playing("")])).unwrap_err().to_string(),
        "presence: an activity's name has 0 characters, give 1 to 128 that are not all white space"
    );
}

#[test]
fn found_05_a_stream_has_an_address() {
    for url in
        ["not a url", "", "twitch.tv/a", "ftp://twitch.tv/a", "https://", "https:///a", "https://a b/", "https://?"]
    {
        let streaming = Activity::streaming("a", url);
        assert_eq!(refusal(presence([streaming])), Some(CommandError::StreamUrl), "{url}");
    }
    for url in ["https://www.twitch.tv/a", "HTTP://youtube.com/watch?v=1", "https://youtu.be"] {
        assert_eq!(refusal(presence([Activity::streaming("a", url)])), None, "{url}");
    }
    assert_eq!(
        CommandError::StreamUrl.to_string(),
        "the stream's url is not one, give one like https://www.twitch.tv/name"
    );
}

#[test]
fn found_05_a_presence_has_no_more_activities_than_can_be_meant() {
    for (len, expected) in [(32, None), (33, Some(33)), (100, Some(100))] {
        let expected = expected.map(|len| CommandError::TooManyActivities { len, max: 32 });
        assert_eq!(refusal(presence(vec![Activity::playing("a"); len])), expected);
    }
    let text = CommandError::TooManyActivities { len: 100, max: 32 }.to_string();
    assert_eq!(text, "a presence has 100 activities, give at most 32");
}

/// Opens the next connection, and returns whether its Identify carries a presence.
fn carries(rig: &mut Rig) -> bool {
    if rig.machine.phase() == Phase::Backoff {
        rig.next();
    }
    rig.open().message(frames::hello("40000"));
    assert_eq!(rig.machine.phase(), Phase::Identifying);
    let texts = rig.sends.iter().rev().map(|(_, message)| String::from_utf8_lossy(message.bytes()));
    let identify = texts.into_iter().find(|text| text.starts_with(r#"{"op":2,"#)).unwrap();
    identify.contains("presence")
}

fn faults(rig: &Rig) -> Vec<Fault> {
    let fault = |event: &Event| match event {
        Event::Faulted(fault) => Some(fault.clone()),
        _ => None,
    };
    rig.events.iter().filter_map(|(_, event)| fault(event)).collect()
}

#[test]
fn found_05_a_presence_in_three_refused_identifies_is_left_out_once_with_an_event() {
    // given: a presence that looks valid but that this gateway refuses, set in the builder or later
    let mut later = Rig::new(prompt());
    later.machine.send(later.now, Command::UpdatePresence(presence([Activity::playing("x")]))).unwrap();
    let at_start = Rig::of(discord().with_presence(&presence([Activity::playing("x")])).unwrap(), prompt());
    for mut rig in [later, at_start] {
        rig.start();
        for round in 1..=2 {
            for refusal in 0..3 {
                assert!(carries(&mut rig), "identify {refusal} of round {round}");
                if refusal == 1 {
                    rig.message(frames::invalid_session("false")).close(1000)
                } else {
                    rig.close(4002)
                };
                assert_eq!(faults(&rig).len(), round - 1);
            }
            // then: the fourth Identify goes without it, once, and a fault reports that
            assert!(!carries(&mut rig));
            assert_eq!(faults(&rig), vec![Fault::IdentifyRefused { times: 3 }; round]);
            rig.close(4002);
        }
        // A session resets the count.
        assert!(carries(&mut rig));
        rig.message(frames::ready("5e551011", 1));
        assert_eq!(rig.machine.phase(), Phase::Active);
    }
}

#[test]
fn found_05_a_presence_that_was_left_out_is_sent_once_there_is_a_session() {
    let mut rig = Rig::new(prompt());
    rig.machine.send(rig.now, Command::UpdatePresence(presence([Activity::playing("x")]))).unwrap();
    rig.start();
    for _ in 0..3 {
        assert!(carries(&mut rig));
        rig.close(4002);
    }
    assert!(!carries(&mut rig));
    rig.sends.clear();
    rig.message(frames::ready("5e551011", 1));
    let sent: Vec<_> = rig.sends.iter().map(|(_, message)| String::from_utf8_lossy(message.bytes())).collect();
    assert_eq!(sent.iter().filter(|text| text.starts_with(r#"{"op":3,"#)).count(), 1, "{sent:?}");
}

#[test]
fn found_05_a_lost_connection_or_a_bare_identify_is_no_reason_to_leave_anything_out() {
    let mut rig = Rig::of(discord().with_presence(&presence([Activity::playing("x")])).unwrap(), prompt());
    rig.start();
    for _ in 0..3 {
        assert!(carries(&mut rig));
        rig.lose();
        assert!(carries(&mut rig));
        rig.close(1001);
    }
    assert!(carries(&mut rig));
    assert_eq!(faults(&rig), []);

    let mut rig = Rig::new(prompt());
    rig.start();
    for _ in 0..5 {
        assert!(!carries(&mut rig));
        rig.close(4002);
    }
    assert_eq!(faults(&rig), [], "there is nothing to be left out");
}
