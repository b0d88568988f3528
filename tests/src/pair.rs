//! A gateway that compresses and encodes its payloads, and a client that reads them, driven by hand.

use crate::frames;
use crate::pack::{LEVEL, Packer};
use crate::rig::{Rig, discord};
use bytes::Bytes;
use portcullis::Message;
use portcullis::codec::{Compression, Encoding, Format, Inflater};
use portcullis::dialect::discord::Discord;
use portcullis::machine::{Config, Phase};
use serde_json::Value;

/// A rig, and the gateway's side of its connection.
pub struct Pair {
    /// The client.
    pub rig: Rig,
    /// The gateway's side of the current connection.
    pub packer: Packer,
    format: Format,
    level: i32,
}

/// A dispatch by its name, its sequence and its data.
pub type Told = (String, Option<u64>, Value);

/// Every format, plain JSON first.
pub fn formats() -> Vec<Format> {
    let compressions = [Compression::None, Compression::ZlibStream, Compression::ZlibPayload, Compression::ZstdStream];
    let all = [Encoding::Json, Encoding::Etf].map(|encoding| compressions.map(|compression| (compression, encoding)));
    let lawful = |pair: &(Compression, Encoding)| *pair != (Compression::ZlibPayload, Encoding::Etf);
    all.concat().into_iter().filter(lawful).map(|(compression, encoding)| Format { compression, encoding }).collect()
}

/// Every inflater, as a config names it.
pub const INFLATERS: [Option<Inflater>; 2] = [Some(Inflater::Miniz), Some(Inflater::ZlibRs)];

/// Whether a format compresses.
pub fn compressed(format: &Format) -> bool {
    format.compression != Compression::None
}

/// The Discord of the rigs, in another format.
pub fn discord_in(format: Format) -> Discord {
    discord().with_compression(format.compression).unwrap().with_encoding(format.encoding).unwrap()
}

impl Pair {
    /// A client with its first connection open.
    pub fn open(format: Format, config: Config) -> Self {
        Self::open_at(format, config, LEVEL)
    }

    /// The same, with another compression level of the gateway.
    pub fn open_at(format: Format, config: Config, level: i32) -> Self {
        let mut rig = Rig::of(discord_in(format), config);
        rig.start().open();
        Self { rig, packer: Packer::new(format, level), format, level }
    }

    /// A client in a session of one dispatch, at a heartbeat interval of 40 s, with its first heartbeat
    /// acknowledged. The story is empty.
    pub fn online(format: Format, config: Config) -> Self {
        let mut pair = Self::open(format, config);
        for message in [frames::hello("40000"), frames::ack(), frames::ready("5e551011", 1)] {
            pair.say(&message);
        }
        assert_eq!(pair.rig.machine.phase(), Phase::Active);
        pair.rig.story.clear();
        pair
    }

    /// Packs a payload, given as a text message.
    pub fn pack(&mut self, message: &Message) -> Vec<u8> {
        self.packer.pack(core::str::from_utf8(message.bytes()).unwrap()).into_bytes()
    }

    /// Sends a payload, given as a text message, from the gateway.
    pub fn say(&mut self, message: &Message) -> &mut Self {
        let message = self.packer.message(core::str::from_utf8(message.bytes()).unwrap());
        self.rig.message(message);
        self
    }

    /// Sends a binary message from the gateway.
    pub fn give(&mut self, bytes: impl Into<Bytes>) -> &mut Self {
        self.rig.message(Message::Binary(bytes.into()));
        self
    }

    /// The dispatches that came out so far.
    pub fn told(&self) -> Vec<Told> {
        let told = |dispatch: &portcullis::Dispatch| {
            let sequence = dispatch.sequence().map(|sequence| sequence.0);
            (dispatch.name().to_owned(), sequence, dispatch.decode().unwrap())
        };
        self.rig.dispatches.iter().map(told).collect()
    }

    /// Asserts that the client closed its connection for a fault that contains `fault`, kept its session of `last` dispatches,
    /// and that the next connection works, with a new compression stream.
    #[track_caller]
    pub fn assert_left_for(mut self, fault: &str, last: u64) {
        assert_eq!(self.rig.machine.phase(), Phase::Closing, "{:?}", self.rig.story.lines());
        let faults = self.rig.story.of_kind('!');
        assert!(faults.len() == 1 && faults[0].contains(fault), "{faults:?}");
        self.rig.story.clear();
        self.rig.close(4000);
        self.rig.next().open();
        self.packer = Packer::new(self.format, self.level);
        self.say(&frames::hello("40000"));
        assert_eq!(self.rig.machine.phase(), Phase::Resuming);
        let sent = self.rig.story.of_kind('>');
        assert!(sent.contains(&format!("resume s#{last}").as_str()), "{sent:?}");
        self.say(&frames::message_create(last + 1));
        self.say(&frames::resumed(last + 2));
        assert_eq!(self.rig.machine.phase(), Phase::Active);
        assert_eq!(self.rig.dispatches.len() as u64, last + 2);
    }
}
