//! Both inflaters side by side: the same events of every valid stream, and of a damaged one as far as it goes.

use bytes::Bytes;
use portcullis::codec::{Compression, Format, Inflater};
use portcullis::machine::{Config, Phase};
use portcullis::{Message, Sequence};
use portcullis_tests::pair::{INFLATERS, compressed, formats};
use portcullis_tests::rig::prompt;
use portcullis_tests::{Pair, frames};
use proptest::prelude::*;

/// What was done to the bytes of one message.
#[derive(Clone, Debug)]
enum Damage {
    None,
    Flip { at: prop::sample::Index, bit: u8 },
    Cut { to: prop::sample::Index },
    Doubled,
    Insert { at: prop::sample::Index, byte: u8 },
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        3 => (any::<prop::sample::Index>(), 0_u8..8).prop_map(|(at, bit)| Damage::Flip { at, bit }),
        1 => any::<prop::sample::Index>().prop_map(|to| Damage::Cut { to }),
        1 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert { at, byte }),
        1 => Just(Damage::Doubled),
        1 => Just(Damage::None),
    ]
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let len = bytes.len();
        match self {
            Self::None => {}
            Self::Flip { at, bit } => bytes[at.index(len)] ^= 1 << bit,
            Self::Cut { to } => bytes.truncate(to.index(len)),
            Self::Doubled => bytes.extend([0, 0, 0xFF, 0xFF]),
            Self::Insert { at, byte } => bytes.insert(at.index(len), *byte),
        }
    }
}

/// Where a client stands: its phase, its last sequence, how many frames and faults it saw. One inflater may find that
/// bytes are damaged where the other inflates them to what is no payload.
fn stands(pair: &Pair) -> (Phase, Option<Sequence>, u64, usize) {
    let health = pair.rig.machine.health();
    (health.phase, health.sequence, health.counts.frames_in, pair.rig.story.of_kind('!').len())
}

/// Gives the messages until the link is left: how many were given, and which frames came out.
fn lived(mut pair: Pair, messages: &[Vec<u8>]) -> (usize, Vec<Bytes>) {
    let given = messages.iter().take_while(|message| {
        pair.give(Bytes::copy_from_slice(message));
        pair.rig.machine.phase() != Phase::Closing
    });
    (given.count(), pair.rig.dispatches.iter().map(|dispatch| dispatch.frame().clone()).collect())
}

/// Payloads of words that come again and again, as real ones do.
fn payloads(words: &[u16]) -> Vec<Message> {
    let mut payloads = vec![frames::hello("40000"), frames::ack(), frames::ready("5e551011", 1)];
    for (index, word) in words.iter().enumerate() {
        let text: Vec<String> =
            (0..u32::from(word % 97)).map(|count| format!("{} {}", word / 7, count * u32::from(*word) % 31)).collect();
        let data = format!(r#"{{"id":"{word}","content":"{}"}}"#, text.join(" "));
        payloads.push(frames::dispatch("MESSAGE_CREATE", index as u64 + 2, &data));
    }
    payloads
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn inflaters_agree_on_every_stream_whole_or_damaged(
        format in prop::sample::select(formats().into_iter().filter(compressed).collect::<Vec<_>>()),
        level in 0_i32..10,
        words in proptest::collection::vec(any::<u16>(), 1..12),
        damage in damage(),
        damaged in any::<prop::sample::Index>(),
    ) {
        let with = |inflater| Pair::open_at(format, Config { inflater, ..prompt() }, level);
        let payloads = payloads(&words);
        let mut packer = with(Some(Inflater::Miniz));
        let mut messages: Vec<_> = payloads.iter().map(|payload| packer.pack(payload)).collect();
        let whole = INFLATERS.map(|inflater| lived(with(inflater), &messages));
        prop_assert_eq!(&whole[0], &whole[1]);
        prop_assert_eq!(whole[0].0, messages.len());

        let at = damaged.index(messages.len());
        damage.apply(&mut messages[at]);
        let [miniz, zlib_rs] = INFLATERS.map(|inflater| lived(with(inflater), &messages));
        // Where a block is cut off, one may look no further than it must, and find the damage with the next message. What
        // came out before is the same.
        let both = miniz.1.len().min(zlib_rs.1.len());
        prop_assert_eq!(&miniz.1[..both], &zlib_rs.1[..both]);
        prop_assert!(both + 2 >= at, "what came whole before the damage came out: {both} of {at}");
    }
}

#[test]
fn inflaters_agree_on_every_flip_of_a_short_stream() {
    let format = Format { compression: Compression::ZlibStream, ..Format::default() };
    let messages = |pair: &mut Pair| payloads(&[40, 41, 1000]).iter().map(|payload| pair.pack(payload)).collect();
    let plain: Vec<Vec<u8>> = messages(&mut Pair::open(format, prompt()));
    for message in 0..plain.len() {
        for bit in 0..plain[message].len() * 8 {
            let mut damaged = plain.clone();
            damaged[message][bit / 8] ^= 1 << (bit % 8);
            let [miniz, zlib_rs] = INFLATERS.map(|inflater| {
                let mut pair = Pair::open(format, Config { inflater, ..prompt() });
                let stood: Vec<_> = damaged.iter().map(|bytes| stands(pair.give(bytes.clone()))).collect();
                stood
            });
            assert_eq!(miniz, zlib_rs, "message {message}, bit {bit}");
        }
    }
}
