//! A presence that the gateway refuses.

use portcullis::dialect::CommandError;
use portcullis::dialect::discord::{Activity, Command, DiscordError, Presence, Status};
use portcullis_tests::rig::discord;

fn presence(activities: impl IntoIterator<Item = Activity>) -> Presence {
    Presence { activities: activities.into_iter().collect(), ..Presence::new(Status::Online) }
}

/// What is wrong with it, as a command and from the start.
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
        "the stream's url is none, give one like https://www.twitch.tv/name"
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
