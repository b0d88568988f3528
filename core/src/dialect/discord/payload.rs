//! The frames that the machine sends by itself: Identify, Resume, Heartbeat.
//!
//! They are written without a serializer, so that writing cannot fail and the keys are in the documented order.

use super::Intents;
use crate::dialect::ShardId;
use crate::frame::Compression;
use crate::message::Sequence;
use crate::token::Token;
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;
use serde_json::value::RawValue;

/// What a client tells the gateway about itself. *(source: Gateway Events, Identify connection properties)*
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdentifyProperties {
    /// The operating system. Core does not know it, so the default is `linux` everywhere.
    pub os: Cow<'static, str>,
    /// The name of the library; `portcullis` by default.
    pub browser: Cow<'static, str>,
    /// The name of the library again; `portcullis` by default.
    pub device: Cow<'static, str>,
}

impl Default for IdentifyProperties {
    fn default() -> Self {
        let library = Cow::Borrowed("portcullis");
        Self { os: Cow::Borrowed("linux"), browser: library.clone(), device: library }
    }
}

/// The fields of an Identify.
pub(super) struct Identify<'a> {
    pub(super) token: &'a Token,
    pub(super) intents: Intents,
    pub(super) properties: &'a IdentifyProperties,
    /// The number of members, 50 to 250, above which a guild is sent without its offline members.
    pub(super) large_threshold: u8,
    pub(super) shard: ShardId,
    /// The initial presence.
    pub(super) presence: Option<&'a RawValue>,
    /// The compression of the connection. An Identify asks only for `ZlibPayload`; the URL asks for the others.
    pub(super) compression: Compression,
}

/// `{"op":2,"d":{…}}`. It holds the token.
pub(super) fn identify(identify: &Identify<'_>) -> Vec<u8> {
    let Identify { token, intents, properties, large_threshold, shard, presence, compression } = identify;
    let mut frame = String::with_capacity(HANDSHAKE_LEN_USUAL);
    frame.push_str("{\"op\":2,\"d\":{\"token\":");
    push_text(&mut frame, token.reveal());
    push(&mut frame, format_args!(",\"intents\":{},\"properties\":{{\"os\":", intents.bits()));
    push_text(&mut frame, &properties.os);
    frame.push_str(",\"browser\":");
    push_text(&mut frame, &properties.browser);
    frame.push_str(",\"device\":");
    push_text(&mut frame, &properties.device);
    let shard = format!("[{},{}]", shard.id(), shard.count());
    push(&mut frame, format_args!("}},\"large_threshold\":{large_threshold},\"shard\":{shard}"));
    if *compression == Compression::ZlibPayload {
        frame.push_str(",\"compress\":true");
    }
    if let Some(presence) = presence {
        frame.push_str(",\"presence\":");
        frame.push_str(presence.get());
    }
    frame.push_str("}}");
    frame.into_bytes()
}

/// `{"op":6,"d":{…}}`. It holds the token.
pub(super) fn resume(token: &Token, session_id: &str, sequence: Sequence) -> Vec<u8> {
    let mut frame = String::with_capacity(HANDSHAKE_LEN_USUAL);
    frame.push_str("{\"op\":6,\"d\":{\"token\":");
    push_text(&mut frame, token.reveal());
    frame.push_str(",\"session_id\":");
    push_text(&mut frame, session_id);
    push(&mut frame, format_args!(",\"seq\":{sequence}}}}}"));
    frame.into_bytes()
}

/// `{"op":1,"d":251}`, or null before the first dispatch of a session. One allocation.
pub(super) fn heartbeat(sequence: Option<Sequence>) -> Vec<u8> {
    let mut frame = String::with_capacity(HEARTBEAT_LEN_MAX);
    match sequence {
        Some(sequence) => push(&mut frame, format_args!("{{\"op\":1,\"d\":{sequence}}}")),
        None => frame.push_str("{\"op\":1,\"d\":null}"),
    }
    frame.into_bytes()
}

fn push(frame: &mut String, text: core::fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    _ = frame.write_fmt(text);
}

/// A JSON string: quotes, backslashes and control characters are escaped, other characters are not (RFC 8259 §7).
fn push_text(frame: &mut String, text: &str) {
    frame.push('"');
    for letter in text.chars() {
        match letter {
            '"' => frame.push_str("\\\""),
            '\\' => frame.push_str("\\\\"),
            '\0'..='\x1f' => push(frame, format_args!("\\u{:04x}", u32::from(letter))),
            _ => frame.push(letter),
        }
    }
    frame.push('"');
}

/// Room for a token, a session id and the words around them.
const HANDSHAKE_LEN_USUAL: usize = 512;
/// `{"op":1,"d":` and `}` around the 20 digits of the largest sequence.
const HEARTBEAT_LEN_MAX: usize = 33;

#[cfg(test)]
mod tests {
    use super::super::{Presence, Status};
    use super::*;
    use proptest::prelude::*;

    fn text(frame: Vec<u8>) -> String {
        String::from_utf8(frame).unwrap()
    }

    #[test]
    fn an_identify_is_the_documented_one() {
        let token = Token::new("abc").unwrap();
        let presence = serde_json::value::to_raw_value(&Presence::new(Status::Online)).unwrap();
        let mut given = Identify {
            token: &token,
            intents: Intents::GUILDS | Intents::GUILD_MESSAGES | Intents::MESSAGE_CONTENT,
            properties: &IdentifyProperties::default(),
            large_threshold: 250,
            shard: ShardId::new(0, 1).unwrap(),
            presence: None,
            compression: Compression::ZlibStream,
        };
        let head = r#"{"op":2,"d":{"token":"abc","intents":33281,"properties":{"os":"linux","browser":"portcullis","device":"portcullis"},"large_threshold":250,"shard":[0,1]"#;
        assert_eq!(text(identify(&given)), format!("{head}}}}}"));
        given.presence = Some(&presence);
        let presence = r#","presence":{"since":null,"activities":[],"status":"online","afk":false}}}"#;
        assert_eq!(text(identify(&given)), format!("{head}{presence}"));
        (given.compression, given.presence) = (Compression::ZlibPayload, None);
        assert_eq!(text(identify(&given)), format!("{head},\"compress\":true}}}}"));
    }

    #[test]
    fn a_resume_is_the_documented_one() {
        let token = Token::new("abc").unwrap();
        assert_eq!(
            text(resume(&token, "bf8eb88e4939e52df093261f3abbc638", Sequence(1337))),
            r#"{"op":6,"d":{"token":"abc","session_id":"bf8eb88e4939e52df093261f3abbc638","seq":1337}}"#
        );
    }

    #[test]
    fn a_heartbeat_is_the_documented_one_in_one_allocation() {
        assert_eq!(text(heartbeat(None)), r#"{"op":1,"d":null}"#);
        assert_eq!(text(heartbeat(Some(Sequence(251)))), r#"{"op":1,"d":251}"#);
        let longest = heartbeat(Some(Sequence(u64::MAX)));
        assert_eq!((longest.len(), longest.capacity()), (HEARTBEAT_LEN_MAX, HEARTBEAT_LEN_MAX));
    }

    proptest! {
        #[test]
        fn any_text_is_written_as_serde_reads_it(given in any::<String>()) {
            let mut written = String::new();
            push_text(&mut written, &given);
            prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), given);
        }

        #[test]
        fn hostile_session_ids_and_properties_stay_inside_their_strings(given in any::<String>()) {
            let token = Token::new("a\\").unwrap();
            let frame = resume(&token, &given, Sequence(1));
            let value: serde_json::Value = serde_json::from_slice(&frame).unwrap();
            prop_assert_eq!(value["d"]["session_id"].as_str(), Some(&*given));
            prop_assert_eq!(value["d"]["token"].as_str(), Some("a\\"));
        }
    }
}
