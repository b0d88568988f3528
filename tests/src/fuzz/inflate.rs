//! Any bytes as compressed payloads: in each format, whole, and cut into messages.

use super::give;
use crate::pair::{INFLATERS, discord_in, formats};
use crate::rig::config;
use bytes::Bytes;
use portcullis::codec::{Compression, Format, Inflater};
use portcullis::machine::{Action, Config, Event, Input, Limits, Phase};
use portcullis::{ConnectionId, GatewayMachine, Message, Timestamp};

/// The first byte says how the rest is cut: into messages of that many bytes, or, if it is 0, at each 0xA5. Every format and
/// every inflater gets all messages, and the invariants of any input are checked. For payloads with a checksum each, both
/// inflaters must return the same while neither finds damage: `miniz_oxide` accepts any checksum when it is built for fuzzing.
///
/// # Panics
/// If an invariant does not hold.
pub fn inflate(bytes: &[u8]) {
    let Some((&size, bytes)) = bytes.split_first() else { return };
    let messages: Vec<&[u8]> = match usize::from(size) {
        0 => bytes.split(|&byte| byte == 0xA5).collect(),
        // With few bytes a message there are many messages: use the first ones only.
        size => bytes.chunks(size).take(512).collect(),
    };
    for format in formats() {
        let [miniz, zlib_rs] = INFLATERS.map(|inflater| lived(format, inflater, &messages));
        if miniz.1 == End::Open && zlib_rs.1 == End::Open && format.compression == Compression::ZlibPayload {
            assert_eq!(miniz.0, zlib_rs.0, "{format:?}");
        }
    }
}

/// Whether the connection was still open at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    Left,
}

/// The payloads of the messages, and how the connection ended.
fn lived(format: Format, inflater: Option<Inflater>, messages: &[&[u8]]) -> (Vec<Bytes>, End) {
    let limits = Limits { inflated: INFLATED_MAX, payloads: PAYLOADS_MAX, ..Limits::default() };
    let config = Config { inflater, limits, ..config() };
    let mut machine = GatewayMachine::new(discord_in(format), config, portcullis::Seed(7)).unwrap();
    let connection = ConnectionId(1);
    give(&mut machine, Timestamp::ZERO, Input::Start);
    give(&mut machine, Timestamp::ZERO, Input::Opened(connection));
    let mut came = Vec::new();
    for message in messages {
        let input = Input::Message(connection, Message::Binary(Bytes::copy_from_slice(message)));
        let actions = give(&mut machine, Timestamp::ZERO, input);
        // Each payload causes a fault, or a gap and an event; closing the connection causes a few actions more.
        assert!(actions.len() <= 2 * PAYLOADS_MAX + 8, "{} actions in {format:?}", actions.len());
        for action in &actions {
            if let Action::Event(event) = action {
                came.extend(frame_of(event));
            }
        }
        // Only the phase shows the close: its frame waits behind a write that this test never answers.
        if !matches!(machine.phase(), Phase::AwaitingHello | Phase::AwaitingIdentify) {
            return (came, End::Left);
        }
    }
    (came, End::Open)
}

fn frame_of(event: &Event) -> Option<Bytes> {
    let frame = match event {
        Event::Dispatch(dispatch) | Event::Ready(dispatch) | Event::Resumed(dispatch) => dispatch.frame().clone(),
        Event::Unknown(frame) => frame.frame().clone(),
        _ => return None,
    };
    assert!(frame.len() <= INFLATED_MAX, "{} bytes", frame.len());
    Some(frame)
}

const INFLATED_MAX: usize = 1 << 20;
const PAYLOADS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::finished;
    use portcullis::codec::Encoding;

    /// The write of the heartbeat is never answered here, so a close frame waits behind it.
    #[test]
    fn found_37_a_link_that_is_left_is_no_open_one_though_its_close_waits() {
        let hello = finished(br#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":40000}}"#);
        let mut damaged = finished(br#"{"t":null,"s":null,"op":11,"d":null}"#);
        *damaged.last_mut().unwrap() ^= 1;
        let format = Format { compression: Compression::ZlibPayload, encoding: Encoding::Json };
        for inflater in INFLATERS {
            assert_eq!(lived(format, inflater, &[&hello]).1, End::Open);
            assert_eq!(lived(format, inflater, &[&hello, &damaged]).1, End::Left);
        }
    }
}
